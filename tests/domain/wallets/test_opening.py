"""Wallets as their owners open, change and close them."""

import asyncio
from decimal import Decimal

import pytest
from sqlalchemy import select

from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.encryption import KeyRing
from domain.runtime.event_log import EventRow
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from domain.wallets import opening, uses
from domain.wallets.connecting import check_connected
from domain.wallets.credentials import CredentialChanges, find_credential, opened, update_credential
from domain.wallets.ledger import balances_of, verify_ledger
from domain.wallets.models import EntryCause, LedgerEntry, Wallet
from domain.wallets.opening import AddedBalance
from domain.wallets.rules import ConnectionStatus, Environment, RiskLimits, limits_document
from domain.wallets.service import OPENING_DEPOSITS, default_wallet, get_wallet
from domain.wallets.uses import Uses
from tests.databases import both_databases
from tests.domain.wallets.people import SECRETS, change, close, leave, open_wallet, refused

E = ErrorCode


async def add(owner: Operation, wallet: Wallet, asset: str = "USDT", amount: str = "500") -> AddedBalance:
    async with owner.unit_of_work() as work:
        return await opening.add_balance(work, wallet.id, asset, Decimal(amount))


async def paper_of(owner: Operation) -> Wallet:
    async with owner.reading() as work:
        return await default_wallet(work, owner.caller.id)


async def balances(owner: Operation, wallet: Wallet) -> dict[str, Decimal]:
    async with owner.reading() as work:
        assert await verify_ledger(work, wallet.id) == []
        return await balances_of(work, wallet.id)


async def test_further_paper_wallets_have_play_money_of_their_own(ada: Operation) -> None:
    first, second = await open_wallet(ada), await open_wallet(ada, nickname="Second")
    assert (first.definition_slug, first.venue_slug, first.connection_status) == ("simulation", "demo", ConnectionStatus.CONNECTED)
    await add(ada, second)
    assert await balances(ada, first) == OPENING_DEPOSITS
    assert (await balances(ada, second))["USDT"] == 10_500
    assert (await balances(ada, await paper_of(ada)))["USDT"] == 10_000
    await refused(open_wallet(ada, "demo", "Another"), E.PAPER_WALLET_EXISTS)
    await refused(open_wallet(ada, nickname="Third", credentials=SECRETS), E.CREDENTIALS_MISMATCH)


async def test_a_real_wallet_begins_with_nothing_and_goes_where_its_credentials_lead(ada: Operation) -> None:
    real = await open_wallet(ada, "binance", "Real", credentials_id=(await leave(ada)).id)
    test = await open_wallet(ada, "binance", "Test", credentials_id=(await leave(ada, environment=Environment.TESTNET)).id)
    assert (real.venue_slug, real.is_paper, real.is_sandbox) == ("binance", False, False)
    assert (test.venue_slug, test.is_paper, test.is_sandbox) == ("binance-sandbox", False, True)
    assert real.connection_status is ConnectionStatus.DISCONNECTED
    assert await balances(ada, real) == {}
    assert (await paper_of(ada)).definition_slug == "demo"  # orders that name no wallet never spend real money by themselves


async def test_secrets_may_come_with_the_wallet(ada: Operation) -> None:
    wallet = await open_wallet(ada, "binance", "Real", credentials=SECRETS, environment=Environment.TESTNET)
    async with ada.reading() as work:
        kept = await find_credential(work, wallet.credentials_id or "")
    assert (kept.name, kept.environment) == ("Real", Environment.TESTNET)
    await change(ada, wallet, credentials={"api_key": "k", "api_secret": "s"})
    async with ada.reading() as work:
        assert opened(ada.use(KeyRing), await find_credential(work, kept.id)) == {"api_key": "k", "api_secret": "s"}
    await refused(open_wallet(ada, "binance", "None"), E.MISSING_AUTH_FIELD)
    await refused(open_wallet(ada, "binance", "Both", credentials=SECRETS, credentials_id=kept.id), E.VALIDATION_ERROR)
    await refused(change(ada, await paper_of(ada), credentials=SECRETS), E.CREDENTIALS_MISMATCH)


async def test_credentials_serve_one_wallet_of_their_kind(ada: Operation) -> None:
    mine, other, test = await leave(ada), await leave(ada, "kraken"), await leave(ada, environment=Environment.TESTNET)
    wallet = await open_wallet(ada, "binance", "Real", credentials_id=mine.id)
    await refused(open_wallet(ada, "binance", "Twin", credentials_id=mine.id), E.CREDENTIALS_IN_USE)
    await refused(open_wallet(ada, "binance", "Wrong", credentials_id=other.id), E.CREDENTIALS_MISMATCH)
    for wrong in (other, test):
        await refused(change(ada, wallet, credentials_id=wrong.id), E.CREDENTIALS_MISMATCH)
    another = await leave(ada)
    assert (await change(ada, wallet, credentials_id=another.id)).credentials_id == another.id
    twin = await open_wallet(ada, "binance", "Twin", credentials_id=mine.id)
    await refused(change(ada, twin, credentials_id=another.id), E.CREDENTIALS_IN_USE)


async def test_what_is_in_use_is_not_closed_and_keeps_its_account(ada: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    real = await open_wallet(ada, "binance", "Real", credentials_id=(await leave(ada)).id)
    for found in (Uses(open_positions=1), Uses(live_orders=1)):

        async def in_use(*_: object, found: Uses = found) -> Uses:
            return found

        monkeypatch.setattr(uses, "USES_OF", [in_use])
        await refused(close(ada, real), E.WALLET_IN_USE)
        await refused(change(ada, real, credentials_id=(await leave(ada)).id), E.WALLET_IN_USE)
        assert (await change(ada, real, is_active=False)).is_active is False
    monkeypatch.setattr(uses, "USES_OF", [])
    await close(ada, real)
    await refused(close(ada, real), E.NOT_FOUND)
    await refused(close(ada, await paper_of(ada)), E.WALLET_PROTECTED)
    await open_wallet(ada, "binance", "Real", credentials_id=real.credentials_id)  # name and credentials are free again


@both_databases
async def test_a_name_is_given_once(ada: Operation, bob: Operation) -> None:
    first = await open_wallet(ada)
    await refused(open_wallet(ada), E.WALLET_NAME_TAKEN)
    await open_wallet(bob)
    second = await open_wallet(ada, nickname="Second")
    await refused(change(ada, second, nickname="Play"), E.WALLET_NAME_TAKEN)
    await close(ada, first)
    assert (await change(ada, second, nickname="Play")).nickname == "Play"


@both_databases
async def test_two_at_once_open_one(ada: Operation) -> None:
    made = await asyncio.gather(open_wallet(ada), open_wallet(ada), return_exceptions=True)
    assert sorted(type(one).__name__ for one in made) == ["DomainError", "Wallet"]


async def test_others_do_not_see_it(ada: Operation, bob: Operation) -> None:
    wallet = await open_wallet(ada)
    await refused(change(bob, wallet, nickname="Mine"), E.NOT_FOUND)
    await refused(close(bob, wallet), E.NOT_FOUND)
    await refused(add(bob, wallet), E.NOT_FOUND)


@pytest.mark.parametrize(("asset", "amount"), [("usdt", "0.000000000000000001"), ("BTC", "1"), ("EUR", "1000000000000")])
async def test_play_money_is_added_with_a_cause(ada: Operation, asset: str, amount: str) -> None:
    paper = await paper_of(ada)
    before = (await balances(ada, paper)).get(asset.upper(), Decimal(0))
    added = await add(ada, paper, asset, amount)
    assert (added.asset, added.amount, added.previous_balance) == (asset.upper(), Decimal(amount), before)
    assert (await balances(ada, paper))[asset.upper()] == added.new_balance == before + Decimal(amount)
    async with ada.reading() as work:
        last = await work.session.scalar(select(LedgerEntry).where(LedgerEntry.cause == EntryCause.ADJUSTMENT))
        assert last is not None and last.amount == Decimal(amount)


@pytest.mark.parametrize(
    ("asset", "amount"), [("USDT", "0"), ("USDT", "-1"), ("USDT", "1000000000001"), ("USDT", "NaN"), ("MOON", "1"), ("", "1")]
)
async def test_no_other_money_is_added(ada: Operation, asset: str, amount: str) -> None:
    await refused(add(ada, await paper_of(ada), asset, amount), E.VALIDATION_ERROR)
    real = await open_wallet(ada, "binance", "Real", credentials=SECRETS)
    await refused(add(ada, real), E.NOT_A_PAPER_WALLET)
    assert await balances(ada, real) == {}


@both_databases
async def test_the_same_request_twice_at_once_adds_once(house: Runtime, ada: Operation) -> None:
    wallet = await open_wallet(ada)
    keyed = house.operation(ada.caller, door="test", idempotency_key="once")
    first, second = await asyncio.gather(add(keyed, wallet), add(keyed, wallet))
    await add(ada, wallet)
    third = await add(keyed, wallet)
    assert {one.new_balance for one in (first, second, third)} == {Decimal(10_500)}
    assert (await balances(ada, wallet))["USDT"] == 11_000


async def test_limits_are_kept_exactly_and_replaced_whole(ada: Operation) -> None:
    limits = RiskLimits(Decimal("1000.000000000000000001"), Decimal(100), Decimal("0.02"))
    wallet = await open_wallet(ada, risk_limits=limits)
    async with ada.reading() as work:
        assert (await get_wallet(work, wallet.id)).limits == limits
    assert (await change(ada, wallet, nickname="Same")).limits == limits
    assert (await change(ada, wallet, risk_limits=RiskLimits(daily_loss_limit=Decimal(5)))).limits == RiskLimits(None, Decimal(5), None)
    assert (await change(ada, wallet, risk_limits=RiskLimits())).limits == RiskLimits()


@pytest.mark.parametrize(
    "limits",
    [RiskLimits(Decimal(0)), RiskLimits(None, Decimal(-1)), RiskLimits(None, None, Decimal(2)), RiskLimits(Decimal("NaN")),
     RiskLimits(Decimal("1e30")), RiskLimits(None, None, Decimal(0))],
)  # fmt: skip
def test_what_is_no_limit_is_refused(limits: RiskLimits) -> None:
    with pytest.raises(DomainError, match=r"risk_limits|max_pos|daily|stop_loss"):
        limits_document(limits)


async def test_a_wallet_whose_credentials_may_not_be_used_says_so(ada: Operation) -> None:
    real = await open_wallet(ada, "binance", "Real", credentials=SECRETS)

    async def check(wallet: Wallet) -> None:
        async with ada.reading() as work:
            await check_connected(work, wallet)

    await check(real)
    await check(await paper_of(ada))
    async with ada.unit_of_work() as work:
        await update_credential(work, real.credentials_id or "", CredentialChanges(is_active=False))
    refusal = await refused(check(real), E.WALLET_NOT_CONNECTED)
    assert refusal.message == "The credentials Real are switched off"


async def test_changes_are_told(ada: Operation) -> None:
    wallet = await open_wallet(ada)
    await change(ada, wallet, is_active=False)
    await close(ada, wallet)
    async with ada.reading() as work:
        told = await work.session.scalars(select(EventRow).where(EventRow.type == "wallet.updated").order_by(EventRow.seq))
        assert [(row.payload["is_active"], row.payload["is_deleted"]) for row in told] == [(True, False), (False, False), (False, True)]
