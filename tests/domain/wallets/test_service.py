"""What people may see of wallets: their own."""

from decimal import Decimal

import pytest

from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import ANONYMOUS
from domain.runtime.runtime import Runtime
from domain.wallets.service import default_wallet, get_balances, get_wallet, list_ledger, list_wallets
from tests.builders import make_trader, make_user


async def test_the_paper_wallet_is_listed_with_balances_and_ledger(runtime: Runtime) -> None:
    ada = await make_trader(runtime)
    async with runtime.operation(ada).reading() as work:
        page = await list_wallets(work)
        (wallet,) = page.items
        assert page.total == 1
        assert (await default_wallet(work, ada.id)).id == wallet.id
        assert (await get_balances(work, wallet.id))["USDT"] == 10_000
        ledger = await list_ledger(work, wallet.id, asset="EUR")
        assert [(entry.amount, entry.cause.value, entry.seq) for entry in ledger.items] == [(Decimal(1_000_000), "deposit", 1)]
        assert (await list_ledger(work, wallet.id, limit=2)).total == 3


async def test_somebody_elses_wallet_is_not_found(runtime: Runtime) -> None:
    ada, bob = await make_trader(runtime), await make_trader(runtime)
    async with runtime.operation(ada).reading() as work:
        wallet = await default_wallet(work, ada.id)
    async with runtime.operation(bob).reading() as work:
        for verb in (get_wallet, get_balances, list_ledger):
            with pytest.raises(DomainError) as refusal:
                await verb(work, wallet.id)
            assert refusal.value.code is ErrorCode.NOT_FOUND


async def test_a_wallet_that_is_switched_off_is_no_default(runtime: Runtime) -> None:
    ada = await make_trader(runtime)
    async with runtime.operation(ada).unit_of_work() as work:
        (await default_wallet(work, ada.id)).is_active = False
    async with runtime.operation(ada).reading() as work:
        with pytest.raises(DomainError, match="no active wallet"):
            await default_wallet(work, ada.id)


async def test_reading_wallets_needs_to_be_somebody(runtime: Runtime) -> None:
    viewer = await make_user(runtime, role="viewer")
    async with runtime.operation(viewer).reading() as work:
        assert (await list_wallets(work)).total == 0
    async with runtime.operation(ANONYMOUS).reading() as work:
        with pytest.raises(DomainError) as refusal:
            await list_wallets(work)
    assert refusal.value.code is ErrorCode.UNAUTHORIZED
