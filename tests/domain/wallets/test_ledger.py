"""The ledger: entries in order, balances that are their sum, on both databases and under pressure."""

import asyncio
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from domain.accounts.models import User
from domain.kernel.permissions import Caller
from domain.runtime.runtime import Runtime
from domain.wallets.ledger import Entry, balances_of, lock_wallet, post, verify_ledger
from domain.wallets.models import Balance, EntryCause, LedgerEntry, Wallet
from domain.wallets.service import open_paper_wallet
from tests.builders import make_trader
from tests.databases import both_databases


@pytest.fixture
async def ada(runtime: Runtime) -> Caller:
    return await make_trader(runtime)


async def wallet_of(runtime: Runtime, caller: Caller) -> Wallet:
    async with runtime.operation(caller).reading() as work:
        return (await work.session.scalars(select(Wallet).where(Wallet.user_id == caller.id))).one()


async def faults(runtime: Runtime, wallet: Wallet) -> list[str]:
    async with runtime.operation().reading() as work:
        return await verify_ledger(work, wallet.id)


async def test_a_paper_wallet_opens_with_its_deposits_once(runtime: Runtime, ada: Caller) -> None:
    wallet = await wallet_of(runtime, ada)
    async with runtime.operation(ada).unit_of_work() as work:
        assert (await open_paper_wallet(work, await work.session.get_one(User, ada.id))).id == wallet.id
    async with runtime.operation(ada).reading() as work:
        assert await balances_of(work, wallet.id) == {"EUR": 1_000_000, "USD": 1_000_000, "USDT": 10_000}
        assert await verify_ledger(work, wallet.id) == []
    assert (wallet.nickname, wallet.definition_slug) == ("Paper wallet", "demo")


@both_databases
async def test_entries_are_numbered_and_carry_the_balance_after_them(runtime: Runtime, ada: Caller) -> None:
    wallet = await wallet_of(runtime, ada)
    async with runtime.operation(ada).unit_of_work() as work:
        await post(work, wallet, Entry("BTC", Decimal("0.1"), EntryCause.TRADE), Entry("BTC", Decimal("-0.3"), EntryCause.TRADE))
        await post(work, wallet, Entry("BTC", Decimal(0), EntryCause.FEE))
    async with runtime.operation(ada).reading() as work:
        entries = (await work.session.scalars(select(LedgerEntry).where(LedgerEntry.asset == "BTC").order_by(LedgerEntry.seq))).all()
    assert [(e.seq, e.amount, e.balance_after) for e in entries] == [
        (1, Decimal("0.1"), Decimal("0.1")),
        (2, Decimal("-0.3"), Decimal("-0.2")),
    ]
    assert await faults(runtime, wallet) == []


@both_databases
async def test_tiny_and_huge_amounts_stay_exact(runtime: Runtime, ada: Caller) -> None:
    wallet = await wallet_of(runtime, ada)
    huge, tiny = Decimal("12345678901234567890"), Decimal("0.000000000000000001")
    async with runtime.operation(ada).unit_of_work() as work:
        await post(work, wallet, Entry("X", huge, EntryCause.DEPOSIT), Entry("X", tiny, EntryCause.DEPOSIT))
    async with runtime.operation(ada).reading() as work:
        assert (await balances_of(work, wallet.id))["X"] == Decimal("12345678901234567890.000000000000000001")
    assert await faults(runtime, wallet) == []


@both_databases
async def test_parallel_postings_leave_no_gap_and_lose_nothing(runtime: Runtime, ada: Caller) -> None:
    wallet = await wallet_of(runtime, ada)

    async def earn(amount: int) -> None:
        async with runtime.operation(ada).unit_of_work() as work:
            await post(work, wallet, Entry("USDT", Decimal(amount), EntryCause.TRADE), Entry("NEW", Decimal(1), EntryCause.TRADE))

    await asyncio.gather(*(earn(amount) for amount in range(1, 21)))
    async with runtime.operation(ada).reading() as work:
        balances = await balances_of(work, wallet.id)
    assert (balances["USDT"], balances["NEW"]) == (Decimal(10_210), Decimal(20))
    assert await faults(runtime, wallet) == []


async def test_a_transaction_that_fails_leaves_no_entry(runtime: Runtime, ada: Caller) -> None:
    wallet = await wallet_of(runtime, ada)
    with pytest.raises(ZeroDivisionError):
        async with runtime.operation(ada).unit_of_work() as work:
            await post(work, wallet, Entry("USDT", Decimal(-5), EntryCause.TRADE))
            raise ZeroDivisionError
    async with runtime.operation(ada).reading() as work:
        assert (await balances_of(work, wallet.id))["USDT"] == 10_000


@pytest.mark.parametrize(
    ("tamper", "fault"),
    [
        (
            update(Balance).where(Balance.asset == "USDT").values(amount=Decimal(11_000)),
            "USDT: the balance is 11000, the sum of its entries 10000",
        ),
        (update(LedgerEntry).where(LedgerEntry.asset == "USD").values(seq=3), "USD: entry 3 stands where 1 should"),
        (
            update(LedgerEntry).where(LedgerEntry.asset == "EUR").values(balance_after=Decimal(1)),
            "EUR: entry 1 says 1 after it, the sum is 1000000",
        ),
    ],
)
async def test_tampering_is_found_and_named(runtime: Runtime, ada: Caller, tamper: object, fault: str) -> None:
    wallet = await wallet_of(runtime, ada)
    async with runtime.operation().unit_of_work() as work:
        await work.session.execute(tamper)  # type: ignore[call-overload]
    assert await faults(runtime, wallet) == [fault]


@both_databases
async def test_a_locked_wallet_makes_the_next_wait(runtime: Runtime, ada: Caller) -> None:
    wallet = await wallet_of(runtime, ada)
    order: list[str] = []
    held = asyncio.Event()

    async def first() -> None:
        async with runtime.operation().unit_of_work() as work:
            await lock_wallet(work, wallet.id)
            held.set()
            await asyncio.sleep(0.1)
            order.append("first")

    async def second() -> None:
        await held.wait()
        async with runtime.operation().unit_of_work() as work:
            await lock_wallet(work, wallet.id)
            order.append("second")

    await asyncio.gather(first(), second())
    assert order == ["first", "second"]
