"""Account routes that are more than one call: ending one session or all others, and both forms of a set of permissions."""

from domain.accounts.assigning import PermissionSet, Words, set_permissions
from domain.accounts.open_sessions import revoke_other_sessions, revoke_session
from domain.audit.recording import carried_out_by
from domain.kernel.permissions import Permission, requires, requires_session
from domain.runtime.unit_of_work import UnitOfWork
from schema.rest.accounts import RevokedView
from schema.rest.dialects import FieldError, InvalidInput
from schema.rest.roles import PermissionsBody


@carried_out_by(revoke_session, revoke_other_sessions)
@requires_session
async def revoke_sessions(work: UnitOfWork, session_id: str | None, all_others: bool) -> RevokedView:
    """End one of the caller's sessions, or all but the one that asks. Raises NOT_FOUND."""
    if session_id is None:
        return RevokedView("Other sessions revoked", await revoke_other_sessions(work))
    await revoke_session(work, session_id)
    return RevokedView("Session revoked", 1)


@carried_out_by(set_permissions)
@requires(Permission.RIGHTS_WRITE)
async def replace_permissions(work: UnitOfWork, body: PermissionsBody | Words, user_id: str | None = None) -> PermissionSet:
    """Replace what a user may do by a set of words: `{user_id, permissions}`, or `?user_id=` with the bare array.

    Raises NOT_FOUND, UNKNOWN_PERMISSION, FORBIDDEN for what the caller does not hold and for superusers, LAST_ADMIN.
    """
    if isinstance(body, PermissionsBody):
        return await set_permissions(work, body.user_id, body.permissions)
    if user_id is None:
        raise InvalidInput([FieldError("missing", ("query", "user_id"), "Field required")])
    return await set_permissions(work, user_id, body)
