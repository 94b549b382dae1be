"""Account routes that are more than one call: ending one session or all others."""

from domain.accounts.open_sessions import revoke_other_sessions, revoke_session
from domain.audit.recording import carried_out_by
from domain.kernel.permissions import Permission, requires
from domain.runtime.unit_of_work import UnitOfWork
from schema.rest.accounts import RevokedView


@carried_out_by(revoke_session, revoke_other_sessions)
@requires(Permission.PROFILE_WRITE)
async def revoke_sessions(work: UnitOfWork, session_id: str | None, all_others: bool) -> RevokedView:
    """End one of the caller's sessions, or all but the one that asks."""
    if session_id is None:
        return RevokedView("Other sessions revoked", await revoke_other_sessions(work))
    await revoke_session(work, session_id)
    return RevokedView("Session revoked", 1)
