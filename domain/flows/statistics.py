"""Adds a closed position to the statistics of the flow that opened it."""

from sqlalchemy import select

from domain.flows.models import Flow
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.models import Position


async def count_closed_position(work: UnitOfWork, position: Position) -> None:
    """Add the realised P&L, and a win if it is above zero; called in the transaction that closes the position.

    The documented `total_pnl_usd` is in the instrument's quote currency.
    """
    if position.flow_id is None:
        return
    flow = await work.session.scalar(select(Flow).where(Flow.id == position.flow_id).with_for_update())
    if flow is None:
        return
    flow.total_pnl_usd += position.realized_pnl
    if position.realized_pnl > 0:
        flow.winning_trades += 1
