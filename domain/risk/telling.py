"""Tells everybody that the switch over all trading was moved: in turns, since everybody may be many."""

from sqlalchemy import select

from domain.accounts.models import User
from domain.risk.events import trading_switch_changed
from domain.risk.models import TradingSwitchChange
from domain.risk.switch import TELL_EVERYBODY
from domain.runtime.event_log import EventRow
from domain.runtime.operation import Operation

AT_ONCE = 200


async def tell_of_global_switch(operation: Operation, change_id: str, after: str, at_once: int = AT_ONCE) -> None:
    """Tell the next users behind the id `after`, each once however often the job runs, and leave the rest to the next turn."""
    async with operation.unit_of_work() as work:
        change = await work.session.get_one(TradingSwitchChange, change_id)
        there = select(User.id).where(User.deleted_at.is_(None), User.id > after).order_by(User.id).limit(at_once)
        user_ids = (await work.session.scalars(there)).all()
        told = select(EventRow.user_id).where(EventRow.user_id.in_(user_ids), EventRow.subject_id == change_id)
        already = set(await work.session.scalars(told))
        for user_id in user_ids:
            if user_id not in already:
                work.emit(trading_switch_changed(change, user_id))
        if len(user_ids) == at_once:
            work.enqueue(TELL_EVERYBODY, change_id=change_id, after=user_ids[-1])
