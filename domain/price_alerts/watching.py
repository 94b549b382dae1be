"""Fires price alerts, each exactly once however many processes and requests look at it."""

from decimal import Decimal

from sqlalchemy import select, update

from domain.audit.recording import audited, entry_of
from domain.market.market import Market
from domain.price_alerts.events import price_alert_triggered
from domain.price_alerts.models import PriceAlert
from domain.price_alerts.rules import is_reached
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork

AT_ONCE = 200


async def watch_prices(operation: Operation) -> int:
    """Compare all active alerts with the prices of now, fire those whose price has come, and return how many.

    A symbol without a price is left for the next round.
    """
    async with operation.reading() as work:
        rows = (await work.session.scalars(select(PriceAlert).where(PriceAlert.is_active))).all()
    ticks = await operation.use(Market).prices(row.symbol for row in rows)
    due = [(row.id, ticks[row.symbol].price) for row in rows if row.symbol in ticks and _is_due(row, ticks[row.symbol].price)]
    fired = 0
    for start in range(0, len(due), AT_ONCE):
        async with operation.unit_of_work() as work:
            for alert_id, price in due[start : start + AT_ONCE]:
                fired += await _fire(work, alert_id, price)
    return fired


async def fire_if_reached(work: UnitOfWork, alert: PriceAlert, price: Decimal) -> bool:
    """Fire the alert if it is active and its condition holds at this price; the database lets one of several through."""
    if not _is_due(alert, price):
        return False
    fire = update(PriceAlert).where(PriceAlert.id == alert.id, PriceAlert.is_active, PriceAlert.reference_price == alert.reference_price)
    fire = fire.values(is_active=False, triggered_at=work.now, triggered_price=price).execution_options(synchronize_session=False)
    if (await work.session.execute(fire.returning(PriceAlert.id))).first() is None:
        return False  # somebody was faster: fired, switched off, deleted or set anew
    await work.session.refresh(alert)
    work.emit(price_alert_triggered(alert, price))
    return True


@audited("price_alert.trigger", id="alert_id")
async def _fire(work: UnitOfWork, alert_id: str, price: Decimal) -> bool:
    alert = await work.session.get(PriceAlert, alert_id)
    if alert is None or not await fire_if_reached(work, alert, price):
        work.forgo_record()
        return False
    entry = entry_of(work)
    entry.act_for(alert.user_id)
    entry.change(
        {"is_active": True, "triggered_at": None, "triggered_price": None},
        {"is_active": False, "triggered_at": work.now, "triggered_price": price},
    )
    return True


def _is_due(alert: PriceAlert, price: Decimal) -> bool:
    return alert.is_active and is_reached(alert.condition, alert.target_price, alert.reference_price, price)
