"""Makes what a test needs with sensible values, so that a test names only what it is about."""

from domain.accounts.models import User
from domain.kernel.ids import new_id
from domain.kernel.permissions import ROLE_PERMISSIONS, Caller
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from domain.wallets.service import open_paper_wallet


async def make_user(runtime: Runtime, email: str | None = None, role: str = "user") -> Caller:
    """Insert a user and return it as a caller with its role's permissions."""
    user_id = new_id("user")
    email = email or f"{user_id}@example.com"
    async with runtime.operation().unit_of_work() as work:
        work.session.add(
            User(
                id=user_id,
                email=email,
                first_name="Ada",
                last_name="Lovelace",
                role=role,
                is_superuser=False,
                is_active=True,
                password_hash="unusable",
                created_at=work.now,
            )
        )
    return Caller(user_id=user_id, email=email, role=role, permissions=ROLE_PERMISSIONS[role])


async def make_trader(runtime: Runtime) -> Caller:
    """Insert a user with the paper wallet that registration gives."""
    caller = await make_user(runtime)
    async with runtime.operation(caller).unit_of_work() as work:
        user = await work.session.get_one(User, caller.id)
        await open_paper_wallet(work, user)
    return caller


async def operation_of_new_user(runtime: Runtime, role: str = "user", **details: str) -> Operation:
    return runtime.operation(await make_user(runtime, role=role), door="test", **details)
