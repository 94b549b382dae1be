"""Account routes that are more than one call: ending one session or all others."""

from domain.accounts.open_sessions import revoke_other_sessions, revoke_session
from domain.kernel.permissions import requires_session
from domain.runtime.unit_of_work import UnitOfWork
from schema.rest.accounts import RevokedView


@requires_session
async def revoke_sessions(work: UnitOfWork, session_id: str | None, all_others: bool) -> RevokedView:
    """End one of the caller's sessions, or all but the one that asks."""
    if session_id is None:
        return RevokedView("Other sessions revoked", await revoke_other_sessions(work))
    await revoke_session(work, session_id)
    return RevokedView("Session revoked", 1)
