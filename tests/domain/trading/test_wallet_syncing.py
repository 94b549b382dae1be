"""A real wallet's books and its venue: compared, never booked twice, and told truthfully when they could not be."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from domain.exchanges.venue import Venues
from domain.kernel.clock import ManualClock
from domain.kernel.errors import ErrorCode
from domain.market.market import Market
from domain.trading import wallet_syncing
from domain.trading.models import Fill, Order, OrderStatus, Position
from domain.trading.placing import place_order, write_intent
from domain.trading.sending import send
from domain.trading.wallet_syncing import BalanceSync, prune_sync_logs, queue_syncs, sync_balance, sync_in_turn
from domain.trading.wallets import get_wallet_record
from domain.wallets import connecting
from domain.wallets.credentials import CredentialChanges, find_credential, update_credential
from domain.wallets.ledger import Entry, balances_of, lock_wallet, post, verify_ledger
from domain.wallets.models import EntryCause, LedgerEntry, SyncLog, Wallet
from domain.wallets.rules import ConnectionStatus, SyncStatus
from tests.audit_log import entries
from tests.domain.exchanges.wire.guard import stay_on_loopback
from tests.domain.exchanges.wire.server import Trouble
from tests.domain.trading.desk import Desk, buy
from tests.domain.trading.exchange_house import ExchangeHouse, exchange_house
from tests.domain.wallets.people import refused

E = ErrorCode


@pytest.fixture
async def house(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ExchangeHouse]:
    refused_hosts = stay_on_loopback(monkeypatch)
    async with exchange_house(desk) as house:
        yield house
    assert refused_hosts == []


async def held(house: ExchangeHouse) -> dict[str, Decimal]:
    async with house.ada.reading() as work:
        assert await verify_ledger(work, house.wallet.id) == []
        return {asset: amount for asset, amount in (await balances_of(work, house.wallet.id)).items() if amount}


async def now(house: ExchangeHouse) -> Wallet:
    async with house.ada.reading() as work:
        return await work.session.get_one(Wallet, house.wallet.id)


async def sync(house: ExchangeHouse) -> BalanceSync:
    return await sync_balance(house.ada, house.wallet.id)


async def causes(house: ExchangeHouse) -> list[str]:
    async with house.ada.reading() as work:
        rows = await work.session.scalars(select(LedgerEntry).where(LedgerEntry.wallet_id == house.wallet.id).order_by(LedgerEntry.id))
        return [row.cause.value for row in rows]


def order(house: ExchangeHouse, **more: Any) -> Any:
    return buy(quantity="0.1", wallet_id=house.wallet.id, **more)


async def test_what_the_venue_has_is_booked_once(house: ExchangeHouse) -> None:
    floor = house.server.floor
    first = await sync(house)
    assert first.success and first.balances == first.changes == {asset: amount for asset, amount in floor.balances.items() if amount}
    assert await held(house) == first.balances and set(await causes(house)) == {"sync"}
    floor.balances["USDT"] -= Decimal("12.5")
    second = await sync(house)
    assert second.changes == {"USDT": Decimal("-12.5")}
    assert (await sync(house)).changes == {}
    logs = await house.desk.rows(SyncLog)
    assert [(log.status, log.triggered_by, log.balance_changes) for log in logs][1:] == [
        (SyncStatus.SUCCESS, "manual", {"USDT": "-12.5"}),
        (SyncStatus.SUCCESS, "manual", {}),
    ]
    told = [entry for entry in await entries(house.desk.runtime) if entry.action == "wallet.sync_balance"]
    assert [entry.details["changes"] for entry in told][1:] == [{"USDT": "-12.5"}, {}]


async def test_an_order_on_the_exchange_is_booked_by_its_fills_alone(house: ExchangeHouse) -> None:
    await sync(house)
    before = await held(house)
    placed = await place_order(house.ada, order(house))
    assert (placed.status, placed.venue, placed.filled_quantity) == (OrderStatus.FILLED, "binance", Decimal("0.1"))
    assert (await sync(house)).changes == {}
    after = await held(house)
    assert after["BTC"] - before.get("BTC", Decimal(0)) == Decimal("0.1") and before["USDT"] - after["USDT"] == Decimal(5_005)
    assert (await house.desk.row(Position)).wallet_id == house.wallet.id
    async with house.ada.reading() as work:
        record = await get_wallet_record(work, house.wallet.id)
    assert (record.trades.total_trades, record.trades.total_pnl, record.trades.pnl_by_currency) == (1, Decimal(0), {"USDT": Decimal(0)})
    assert record.trades.last_trade_at is not None and record.definition_name == "Binance"


async def test_a_fill_that_nobody_has_heard_of_is_booked_as_a_fill(house: ExchangeHouse) -> None:
    await sync(house)
    house.server.trouble("place", Trouble.DROP_AFTER, first=lambda: setattr(house.server, "is_down", True))
    assert (await place_order(house.ada, order(house))).status is OrderStatus.SUBMITTED
    house.server.is_down = False
    assert await house.desk.rows(Fill) == []
    found = await sync(house)
    assert (found.status, found.changes) == (SyncStatus.SUCCESS, {})
    assert (await house.desk.row(Fill)).quantity == Decimal("0.1") and "sync" not in (await causes(house))[-3:]
    assert (await house.desk.row(Order)).status is OrderStatus.FILLED


async def test_an_order_that_is_sent_and_filled_meanwhile_is_not_booked_twice(house: ExchangeHouse) -> None:
    # It is written down before, and goes to the venue between the two questions.
    await sync(house)
    tick = await house.desk.runtime.use(Market).price("BTC/USDT")
    async with house.ada.unit_of_work() as work:
        written = await write_intent(work, order(house), tick)
    floor, done = house.server.floor, list[bool]()

    def fill() -> None:
        if not done:
            venue = house.desk.runtime.use(Venues).of("binance")
            floor.place("buy", "market", Decimal("0.1"), Decimal(0), "GTC", venue.known_as(house.wallet.id, written.client_order_id))
            done.append(True)

    house.server.trouble("balance", Trouble.RACED, first=fill)
    found = await sync(house)
    assert done and (found.status, found.changes) == (SyncStatus.SUCCESS, {})
    assert (await house.desk.rows(SyncLog))[-1].retry_count >= 1
    assert len(await house.desk.rows(Fill)) == 1
    await send(house.ada, written.id)
    assert len(await house.desk.rows(Fill)) == 1 and len(floor.orders) == 1


async def test_a_wallet_that_is_traded_all_the_while_is_left_as_it_is(house: ExchangeHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    venue = house.desk.runtime.use(Venues).of("binance")
    real = venue.balances

    async def balances(account: str) -> Any:
        async with house.desk.system.unit_of_work() as other:
            await post(other, await lock_wallet(other, account), Entry("USDT", Decimal(1), EntryCause.ADJUSTMENT))
        return await real(account)

    monkeypatch.setattr(venue, "balances", balances)
    found = await sync(house)
    assert (found.status, found.success, found.changes) == (SyncStatus.PARTIAL, False, {}) and "traded" in (found.error or "")
    assert set(await causes(house)) == {"adjustment"} and (await house.desk.row(SyncLog)).retry_count == wallet_syncing.ATTEMPTS - 1


async def test_a_venue_that_is_down_changes_nothing(house: ExchangeHouse) -> None:
    await sync(house)
    before = await held(house)
    house.server.is_down = True
    found = await sync(house)
    assert (found.status, found.success, found.balances) == (SyncStatus.FAILED, False, before) and found.error
    assert (await house.desk.rows(SyncLog))[-1].error_code == "VenueUnavailable"
    house.server.is_down = False
    assert (await sync(house)).success


async def test_the_test_asks_again_even_when_the_keys_were_refused(house: ExchangeHouse) -> None:
    found = await connecting.test_connection(house.ada, house.wallet.id)
    assert (found.success, found.error) == (True, None) and found.server_time is not None
    assert (await now(house)).connection_status is ConnectionStatus.CONNECTED
    house.server.key = "revoked"
    refusal = await connecting.test_connection(house.ada, house.wallet.id)
    assert not refusal.success and "API-key" in (refusal.error or "") and "binance-secret" not in (refusal.error or "")
    wallet = await now(house)
    assert (wallet.connection_status, wallet.last_connection_error) == (ConnectionStatus.ERROR, refusal.error)
    asked = house.server.count("balance")
    assert (await sync(house)).status is SyncStatus.FAILED and house.server.count("balance") == asked  # given up until they change
    assert not (await connecting.test_credential(house.ada, wallet.credentials_id or "")).is_connected
    assert house.server.count("balance") > asked
    house.server.key = "binance-key"
    credential = await connecting.test_credential(house.ada, wallet.credentials_id or "")
    assert credential.is_connected and credential.connection_error is None and credential.last_verified_at is not None
    assert (await now(house)).connection_status is ConnectionStatus.CONNECTED and (await sync(house)).success


async def test_with_credentials_switched_off_nothing_is_asked_or_sent(house: ExchangeHouse) -> None:
    await sync(house)
    calls = len(house.server.calls)
    async with house.ada.unit_of_work() as work:
        await update_credential(work, house.wallet.credentials_id or "", CredentialChanges(is_active=False))
    refusal = await refused(place_order(house.ada, order(house)), E.WALLET_NOT_CONNECTED)
    assert refusal.message == "The credentials Real are switched off"
    found = await sync(house)
    assert (found.status, found.error) == (SyncStatus.FAILED, refusal.message)
    assert not (await connecting.test_connection(house.ada, house.wallet.id)).success
    assert len(house.server.calls) == calls and await house.desk.rows(Order) == []


async def test_replaced_keys_are_used_from_the_next_question_on(house: ExchangeHouse) -> None:
    assert (await sync(house)).success
    async with house.ada.unit_of_work() as work:
        await update_credential(work, house.wallet.credentials_id or "", CredentialChanges(credentials={"api_key": "k", "api_secret": "s"}))
    assert (await sync(house)).status is SyncStatus.FAILED
    wallet = await now(house)
    assert wallet.connection_status is ConnectionStatus.ERROR
    async with house.ada.reading() as work:
        assert not (await find_credential(work, wallet.credentials_id or "")).is_connected


async def test_an_address_inside_the_house_is_not_called(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    # The definition got there while the address was open, or its name has begun to lead there.
    async with exchange_house(desk, opens_loopback=False) as house:
        found = await connecting.test_connection(house.ada, house.wallet.id)
        assert not found.success and "loopback" in (found.error or ""), found
        assert house.server.calls == []


async def test_the_timetable_compares_connected_wallets_and_tells_only_news(house: ExchangeHouse, clock: ManualClock) -> None:
    assert await queue_syncs(house.desk.system) == 0  # nobody has connected it yet
    await connecting.test_connection(house.ada, house.wallet.id)
    assert await queue_syncs(house.desk.system) == 1
    await sync_in_turn(house.desk.system, house.wallet.id)
    await sync_in_turn(house.desk.system, house.wallet.id)
    await sync_in_turn(house.desk.system, "wallet_gone")
    (log,) = await house.desk.rows(SyncLog)
    assert (log.triggered_by, log.status) == ("schedule", SyncStatus.SUCCESS)
    (told,) = [entry for entry in await entries(house.desk.runtime) if entry.action == "wallet.sync_balance"]
    assert told.actor_id == house.ada.caller.id
    clock.advance(days=31)
    async with house.desk.system.unit_of_work() as work:
        await prune_sync_logs(work)
    assert await house.desk.rows(SyncLog) == []


async def test_paper_books_are_the_only_ones(desk: Desk) -> None:
    async with desk.operation.reading() as work:
        paper = (await work.session.scalars(select(Wallet))).one()
    found = await sync_balance(desk.operation, paper.id)
    assert found.success and found.changes == {} and found.balances["USDT"] == 10_000
    test = await connecting.test_connection(desk.operation, paper.id)
    assert test.success and test.server_time == desk.clock.now()
    await refused(sync_balance(desk.operation, "wallet_x"), E.NOT_FOUND)
