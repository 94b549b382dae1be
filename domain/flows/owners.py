"""What happens to flows when nobody watches over them any more: the owner's account is closed, or switched off."""

from sqlalchemy import or_, select, update

from domain.accounts.models import User
from domain.audit.recording import entry_of
from domain.flows.models import Flow, FlowStatus
from domain.runtime.unit_of_work import UnitOfWork


async def stop_flows_of(work: UnitOfWork, user: User) -> None:
    """Pause the user's flows and end their loops; a run under way is finished."""
    running = or_(Flow.status == FlowStatus.ACTIVE, Flow.loop_provider.is_not(None))
    mine = update(Flow).where(Flow.user_id == user.id, Flow.deleted_at.is_(None), running)
    stopped = mine.values(status=FlowStatus.PAUSED, loop_provider=None, next_run_at=None, updated_at=work.now).returning(Flow.id)
    if ids := (await work.session.scalars(stopped)).all():
        entry_of(work).add(stopped_flows=sorted(ids))


async def is_owner_live(work: UnitOfWork, user_id: str) -> bool:
    """Say whether the account is there and switched on."""
    query = select(User.id).where(User.id == user_id, User.deleted_at.is_(None), User.is_active)
    return await work.session.scalar(query) is not None
