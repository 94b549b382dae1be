"""Fault scripts as the owner of a wallet sets them, looks at them and takes them away."""

from collections.abc import Awaitable
from typing import Any

import pytest

from domain.exchanges.faults import parse_faults
from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.operation import Operation
from domain.trading.paper_fault_models import PaperFaults
from domain.trading.paper_faults import FaultsSetting, WalletFaults, clear_faults, get_faults, set_faults
from domain.wallets.ledger import lock_wallet
from domain.wallets.models import Wallet
from tests.builders import make_user
from tests.databases import both_databases, contents
from tests.domain.trading.desk import Desk

SCRIPT = "place 1 timeout\nfill 1 duplicate  # and nothing else"


async def faults(owner: Operation, wallet_id: str) -> WalletFaults:
    async with owner.reading() as work:
        return await get_faults(work, wallet_id)


async def put(owner: Operation, wallet_id: str, script: str = SCRIPT, seed: int = 7) -> WalletFaults:
    async with owner.unit_of_work() as work:
        return await set_faults(work, wallet_id, FaultsSetting(script=script, seed=seed))


async def clear(owner: Operation, wallet_id: str) -> None:
    async with owner.unit_of_work() as work:
        await clear_faults(work, wallet_id)


async def refused(call: Awaitable[Any], code: ErrorCode) -> DomainError:
    with pytest.raises(DomainError) as told:
        await call
    assert told.value.code is code
    return told.value


@both_databases
async def test_a_script_is_set_replaced_and_taken_away(desk: Desk) -> None:
    wallet_id = (await desk.row(Wallet)).id
    assert await faults(desk.operation, wallet_id) == WalletFaults(wallet_id)
    first = await put(desk.operation, wallet_id)
    assert first == WalletFaults(wallet_id, SCRIPT, 7, set_at=desk.clock.now()) == await faults(desk.operation, wallet_id)
    async with desk.system.unit_of_work() as work:
        (await work.session.get_one(PaperFaults, wallet_id)).placed = 3
    assert (await faults(desk.operation, wallet_id)).placed == 3
    desk.clock.advance(seconds=1)
    assert await put(desk.operation, wallet_id, "find all timeout", 0) == WalletFaults(
        wallet_id, "find all timeout", set_at=desk.clock.now()
    )
    for _ in range(2):
        await clear(desk.operation, wallet_id)
        assert await faults(desk.operation, wallet_id) == WalletFaults(wallet_id)


async def test_a_wrong_line_is_named_and_the_script_stays(desk: Desk) -> None:
    wallet_id = (await desk.row(Wallet)).id
    await put(desk.operation, wallet_id)
    before = await contents(desk.runtime)
    wrong = await refused(put(desk.operation, wallet_id, "place 1 timeout\nplaice 2 timeout"), ErrorCode.VALIDATION_ERROR)
    assert "plaice" in wrong.message and wrong.details["field"] == "script"
    assert await contents(desk.runtime) == before


async def test_only_paper_wallets_have_faults(desk: Desk) -> None:
    wallet_id = (await desk.row(Wallet)).id
    async with desk.system.unit_of_work() as work:
        (await lock_wallet(work, wallet_id)).venue_slug = "binance"
    await refused(faults(desk.operation, wallet_id), ErrorCode.NOT_A_PAPER_WALLET)
    await refused(put(desk.operation, wallet_id), ErrorCode.NOT_A_PAPER_WALLET)
    await refused(clear(desk.operation, wallet_id), ErrorCode.NOT_A_PAPER_WALLET)
    assert await desk.rows(PaperFaults) == []


async def test_nobody_else_sees_or_sets_them(desk: Desk) -> None:
    wallet_id = (await desk.row(Wallet)).id
    await put(desk.operation, wallet_id)
    operation = desk.runtime.operation(await make_user(desk.runtime, email="bob@example.com"), door="test")
    for call in (faults(operation, wallet_id), put(operation, wallet_id, "find all timeout"), clear(operation, wallet_id)):
        await refused(call, ErrorCode.NOT_FOUND)
    assert (await desk.row(PaperFaults)).script == SCRIPT


def test_only_scripts_about_fills_change_them() -> None:
    assert parse_faults("place 1 timeout; fill 1 late 1").changes_fills
    assert not parse_faults("* all timeout").changes_fills
