"""Holds a trade against the limits of its owner's plan, measured from our own books."""

from sqlalchemy import func, select

from domain.plans.limits import limits_of
from domain.plans.rules import LimitedResource
from domain.risk.rules import Exposure, Trade
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.models import Order, OrderPurpose


async def check_plan(work: UnitOfWork, user_id: str, trade: Trade, exposure: Exposure) -> None:
    """Refuse a trade that the plan does not allow; call it under the lock of the user's wallets, so that nobody counts beside it.

    The size of a position is in the quote currency, as for risk rules, and a trade that does not make it larger passes. Trades of
    a day are the orders written since midnight UTC, exits left out. Raises PLAN_LIMIT_REACHED.
    """
    limits = await limits_of(work, user_id)
    if limits is None:
        return
    if trade.increases_exposure:
        limits.check(LimitedResource.POSITION_SIZE, exposure.notional_after)
    if limits.limits(LimitedResource.TRADES_PER_DAY):
        midnight = work.now.replace(hour=0, minute=0, second=0, microsecond=0)
        # The orders of a group are one trade.
        trades = func.count(func.distinct(func.coalesce(Order.group_id, Order.id)))
        today = select(trades).where(Order.user_id == user_id, Order.created_at >= midnight, Order.reduce_only.is_(False))
        today = today.where(Order.purpose != OrderPurpose.EXTERNAL)
        limits.check(LimitedResource.TRADES_PER_DAY, (await work.session.scalar(today) or 0) + 1)
