"""Makes what a test needs with sensible values, so that a test names only what it is about."""

from dataclasses import replace

from domain.accounts.models import User
from domain.accounts.rights import rights_of, role_named
from domain.kernel.ids import new_id
from domain.kernel.permissions import Caller
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from domain.wallets.service import open_paper_wallet


async def make_user(runtime: Runtime, email: str | None = None, role: str = "user") -> Caller:
    """Insert a user and return it as a caller with its role's permissions."""
    user_id = new_id("user")
    email = email or f"{user_id}@example.com"
    async with runtime.operation().unit_of_work() as work:
        role_id = (await role_named(work, role)).id
        work.session.add(
            User(
                id=user_id,
                email=email,
                first_name="Ada",
                last_name="Lovelace",
                role_id=role_id,
                is_superuser=False,
                is_active=True,
                password_hash="unusable",
                created_at=work.now,
            )
        )
        await work.session.flush()
        rights = await rights_of(work, user_id)
    return Caller(user_id=user_id, email=email, role=role, permissions=rights.permissions)


async def make_trader(runtime: Runtime) -> Caller:
    """Insert a user with the paper wallet that registration gives."""
    caller = await make_user(runtime)
    async with runtime.operation(caller).unit_of_work() as work:
        user = await work.session.get_one(User, caller.id)
        await open_paper_wallet(work, user)
    return caller


async def operation_of_new_user(runtime: Runtime, role: str = "user", **details: str) -> Operation:
    return runtime.operation(await make_user(runtime, role=role), door="test", **details)


async def make_superuser(runtime: Runtime, email: str = "root@example.com") -> Caller:
    """Insert a superuser, whose role alone is nothing but `user`."""
    caller = await make_user(runtime, email)
    async with runtime.operation().unit_of_work() as work:
        (await work.session.get_one(User, caller.id)).is_superuser = True
    return replace(caller, is_superuser=True)
