"""What administrators do with the accounts of others."""

from sqlalchemy import Select, select

from domain.accounts.assigning import live_user, user_within_reach
from domain.accounts.guard import keeping_an_admin, ring
from domain.accounts.models import User
from domain.accounts.profile import ProfileChanges
from domain.accounts.service import change_profile, close_account, leave_nothing_running
from domain.audit.recording import audited
from domain.kernel.permissions import Permission, requires
from domain.runtime.keyset import KeysetPage, PageRequest, keyset_page
from domain.runtime.paging import DEFAULT_LIMIT, Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork


@requires(Permission.USERS_READ)
async def page_of_users(work: UnitOfWork, page: PageRequest) -> KeysetPage[User]:
    """Return one page of all accounts that are not deleted, newest first."""
    return await keyset_page(work.session, _live_users(), User, page)


@requires(Permission.USERS_READ)
async def list_users(work: UnitOfWork, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0) -> Page[User]:
    """Return all accounts that are not deleted, newest first."""
    return await page_of(work.session, _live_users().order_by(User.created_at.desc(), User.id.desc()), limit, offset)


@requires(Permission.USERS_READ)
async def get_user(work: UnitOfWork, user_id: str) -> User:
    """Return an account. Raises NOT_FOUND, also for a deleted one."""
    return await live_user(work, user_id)


@audited("user.update", id="user_id")
@requires(Permission.USERS_WRITE)
async def update_user(work: UnitOfWork, user_id: str, changes: ProfileChanges) -> User:
    """Change somebody's profile; fields that are None stay. Raises NOT_FOUND, VALIDATION_ERROR, FORBIDDEN for a superuser's."""
    user = await user_within_reach(work, user_id)
    change_profile(user, changes, work.now)
    return user


@audited("user.delete", id="user_id")
@requires(Permission.USERS_DELETE)
async def delete_user(work: UnitOfWork, user_id: str) -> None:
    """Delete somebody's account, as the owner would: its sessions end at once.

    Raises NOT_FOUND, FORBIDDEN for a superuser's, LAST_ADMIN.
    """
    async with keeping_an_admin(work):
        await close_account(work, await user_within_reach(work, user_id))


@audited("user.set_active", id="user_id")
@requires(Permission.USERS_WRITE)
async def set_user_active(work: UnitOfWork, user_id: str, active: bool) -> User:
    """Switch somebody's account off, or on again: nothing gets in while it is off, and its flows stop.

    Raises NOT_FOUND, FORBIDDEN for a superuser's, LAST_ADMIN.
    """
    async with keeping_an_admin(work):
        user = await user_within_reach(work, user_id)
        if user.is_active != active:
            user.is_active, user.updated_at = active, work.now
            await ring(work, User.id == user.id)
            if not active:
                await leave_nothing_running(work, user)
    return user


def _live_users() -> Select[User]:
    return select(User).where(User.deleted_at.is_(None))
