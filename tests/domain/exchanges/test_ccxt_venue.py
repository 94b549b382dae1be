"""The adapter on bad days: wrong signatures, clocks and keys, lost and broken answers, lists that lag or repeat."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from domain.exchanges.ccxt_clients import Connection, Credentials
from domain.exchanges.ccxt_venue import CcxtVenue
from domain.exchanges.venue import (
    Refusal,
    VenueLockedOut,
    VenueRateLimited,
    VenueRejected,
    VenueReport,
    VenueStatus,
    VenueUnavailable,
)
from domain.kernel.clock import ManualClock
from tests.domain.exchanges.conformance import ACCOUNT, BTC, CcxtStand, binance_stand, kraken_stand, limit, market
from tests.domain.exchanges.wire.guard import LeftTheMachine, stay_on_loopback
from tests.domain.exchanges.wire.server import Trouble


@pytest.fixture(params=["binance", "kraken"])
async def stand(request: pytest.FixtureRequest, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CcxtStand]:
    refused = stay_on_loopback(monkeypatch)
    stand = binance_stand(clock) if request.param == "binance" else kraken_stand(clock)
    await stand.open()
    stand.price("50000")
    yield stand
    await stand.close()
    assert refused == []


def only(stand: CcxtStand, exchange_id: str) -> None:
    if stand.venue.name != exchange_id:
        pytest.skip(f"{stand.venue.name}: this is about the wire of {exchange_id}")


async def found(stand: CcxtStand) -> VenueReport | None:
    return await stand.venue.find(ACCOUNT, "a", BTC)


async def test_a_wrong_secret_is_refused_and_not_tried_again(stand: CcxtStand) -> None:
    right, stand.credentials = stand.credentials, replace(stand.credentials, secret="d3Jvbmc=")
    with pytest.raises(VenueRejected) as refused:
        await stand.venue.place(market("a"))
    assert refused.value.reason is Refusal.CREDENTIALS
    asked = len(stand.server.calls)
    with pytest.raises(VenueLockedOut):
        await found(stand)
    with pytest.raises(VenueRejected):
        await stand.venue.place(market("a"))
    assert len(stand.server.calls) == asked and stand.floor.orders == []
    stand.credentials = right
    assert (await stand.venue.place(market("a"))).status is VenueStatus.FILLED


async def test_a_key_that_is_revoked_stops_the_account(stand: CcxtStand) -> None:
    await stand.venue.place(market("a"))
    stand.server.key = "another"  # type: ignore[attr-defined]
    with pytest.raises(VenueLockedOut):
        await found(stand)
    asked = len(stand.server.calls)
    with pytest.raises(VenueLockedOut):
        await stand.venue.balances(ACCOUNT)
    assert len(stand.server.calls) == asked


async def test_new_keys_are_used_at_once(stand: CcxtStand) -> None:
    await stand.venue.place(market("a"))
    stand.server.key = "another"  # type: ignore[attr-defined]
    stand.credentials = replace(stand.credentials, api_key="another")
    assert await found(stand) is not None


@pytest.mark.parametrize("trouble", [Trouble.DROP_AFTER, Trouble.CUT, Trouble.MALFORMED])
async def test_an_order_whose_answer_cannot_be_read_is_there(stand: CcxtStand, trouble: Trouble) -> None:
    stand.server.trouble("place", trouble)
    with pytest.raises(VenueUnavailable) as silence:
        await stand.venue.place(market("a"))
    assert silence.value.may_have_been_accepted
    report = await found(stand)
    assert report is not None and report.status is VenueStatus.FILLED
    assert (stand.server.count("place"), len(stand.floor.orders)) == (1, 1)


@pytest.mark.parametrize("trouble", [Trouble.MALFORMED, Trouble.CUT, Trouble.BROKEN, Trouble.DROP_AFTER])
async def test_a_look_up_that_is_not_answered_is_no_no(stand: CcxtStand, trouble: Trouble) -> None:
    await stand.venue.place(market("a"))
    asked_last = "find" if stand.venue.name == "binance" else "closed"
    # More than enough: a question that only reads is asked again by the connection, too, when it breaks.
    stand.server.trouble(asked_last, trouble, times=20)
    with pytest.raises(VenueUnavailable):
        await found(stand)
    with pytest.raises(VenueUnavailable):
        await stand.venue.place(market("a"))
    stand.server.faults.clear()
    assert len(stand.floor.orders) == 1
    assert await found(stand) is not None


@pytest.mark.parametrize("trouble", [Trouble.DROP_BEFORE, Trouble.BROKEN])
async def test_an_order_that_may_have_been_taken_is_not_sent_again_unasked(stand: CcxtStand, trouble: Trouble) -> None:
    stand.server.trouble("place", trouble)
    with pytest.raises(VenueUnavailable) as silence:
        await stand.venue.place(market("a"))
    assert silence.value.may_have_been_accepted
    assert (stand.server.count("place"), stand.floor.orders) == (1, [])
    assert await found(stand) is None


async def test_a_call_is_given_up_in_time_and_looked_up_later(stand: CcxtStand) -> None:
    await stand.venue.place(market("before"))
    stand.venue.call_seconds = 1.5
    stand.server.trouble("place", Trouble.LATE, seconds=4)
    before = asyncio.get_running_loop().time()
    with pytest.raises(VenueUnavailable) as silence:
        await stand.venue.place(market("a"))
    assert asyncio.get_running_loop().time() - before < 3.5
    assert silence.value.may_have_been_accepted
    stand.venue.call_seconds = 20
    report = await found(stand)
    assert report is not None and report.status is VenueStatus.FILLED
    assert stand.server.count("place") == 2


async def test_a_silence_after_the_order_was_taken_is_not_a_refusal(stand: CcxtStand) -> None:
    stand.server.trouble("place", Trouble.RACED, first=lambda: stand.server.trouble("trades", Trouble.TOO_MANY, seconds=30))
    with pytest.raises(VenueUnavailable) as silence:
        await stand.venue.place(market("a"))
    assert silence.value.may_have_been_accepted and len(stand.floor.orders) == 1


async def test_a_question_is_asked_again_until_it_is_answered(stand: CcxtStand) -> None:
    await stand.venue.place(market("a"))
    for trouble in (Trouble.BROKEN, Trouble.DROP_BEFORE, Trouble.MALFORMED):
        stand.server.trouble("trades", trouble)
    report = await found(stand)
    assert report is not None and len(report.fills) == 1


async def test_nothing_is_sent_until_the_exchange_wants_to_be_asked_again(stand: CcxtStand, clock: ManualClock) -> None:
    await stand.venue.place(market("a"))
    stand.server.trouble("balance", Trouble.TOO_MANY, seconds=30)
    with pytest.raises(VenueRateLimited) as pause:
        await stand.venue.balances(ACCOUNT)
    # Kraken names no time.
    wait = 30 if stand.venue.name == "binance" else 1
    assert pause.value.retry_after_seconds == wait
    asked = len(stand.server.calls)
    clock.advance(seconds=wait - 0.5)
    with pytest.raises(VenueRateLimited) as pause:
        await stand.venue.place(market("b"))
    assert (pause.value.retry_after_seconds, len(stand.server.calls)) == (0.5, asked)
    clock.advance(seconds=1)
    assert await stand.venue.balances(ACCOUNT)


async def test_the_pause_doubles_while_the_exchange_names_none(stand: CcxtStand, clock: ManualClock) -> None:
    await stand.venue.place(market("a"))
    stand.server.trouble("balance", Trouble.TOO_MANY, times=4)
    pauses = []
    for _ in range(4):
        with pytest.raises(VenueRateLimited) as pause:
            await stand.venue.balances(ACCOUNT)
        pauses.append(pause.value.retry_after_seconds)
        clock.advance(seconds=pauses[-1] + 1)
    assert pauses == [1, 2, 4, 8]
    await stand.venue.balances(ACCOUNT)
    stand.server.trouble("balance", Trouble.TOO_MANY)
    with pytest.raises(VenueRateLimited) as pause:
        await stand.venue.balances(ACCOUNT)
    assert pause.value.retry_after_seconds == 1


async def test_trades_that_are_listed_twice_count_once(stand: CcxtStand) -> None:
    stand.price("50000", "0.04", "0.06")
    stand.server.doubles_trades = True
    report = await stand.venue.place(market("a"))
    assert [fill.quantity for fill in report.fills] == [Decimal("0.04"), Decimal("0.06")]


async def test_an_order_is_not_reported_before_its_trades_are_listed(stand: CcxtStand) -> None:
    stand.server.hides_trades = 2
    report = await stand.venue.place(market("a"))
    assert (report.status, len(report.fills)) == (VenueStatus.FILLED, 1)
    stand.server.hides_trades = 4
    with pytest.raises(VenueUnavailable):
        await found(stand)
    assert await found(stand) == report


async def test_fees_may_be_in_any_currency(stand: CcxtStand) -> None:
    only(stand, "binance")
    stand.floor.fee_currency, stand.floor.balances["BNB"] = "BNB", Decimal(10)
    (fill,) = (await stand.venue.place(market("a"))).fills
    assert (fill.fee_currency, fill.fee) == ("BNB", Decimal(5))


async def test_a_clock_that_is_wrong_is_put_right(stand: CcxtStand) -> None:
    only(stand, "binance")
    stand.server.skew_seconds = 120
    assert (await stand.venue.place(market("a"))).status is VenueStatus.FILLED
    stand.server.skew_seconds = -120
    assert await found(stand) is not None
    assert stand.server.count("time") == 2


async def test_a_number_that_was_used_up_elsewhere_is_no_obstacle(stand: CcxtStand) -> None:
    only(stand, "kraken")
    await stand.venue.place(market("a"))
    # Another process with the same key, whose clock is a little ahead.
    stand.server.nonce += 3  # type: ignore[attr-defined]
    assert (await stand.venue.place(market("b"))).status is VenueStatus.FILLED
    assert len(stand.floor.orders) == 2


async def test_an_open_order_of_the_same_id_is_taken_for_ours(stand: CcxtStand) -> None:
    # It becomes visible between the look-up and the placing: an earlier attempt that was on its way.
    ours = stand.venue.known_as(ACCOUNT, "a")

    def arrive() -> None:
        stand.floor.place("buy", "limit", Decimal("0.1"), Decimal(49_000), "GTC", ours)

    stand.server.trouble("place", Trouble.RACED, first=arrive)
    report = await stand.venue.place(limit("a", "49000"))
    assert (report.status, len(stand.floor.orders)) == (VenueStatus.OPEN, 1)


async def test_many_at_once_keep_the_order_of_their_numbers(stand: CcxtStand) -> None:
    await stand.venue.balances(ACCOUNT)
    stand.server.most_in_flight = 0
    stand.server.trouble("place", Trouble.LATE, times=3, seconds=0.05)
    reports = await asyncio.gather(*(stand.venue.place(market(f"a{number}", "0.01")) for number in range(8)))
    assert {report.status for report in reports} == {VenueStatus.FILLED}
    assert (len(stand.floor.orders), stand.server.most_in_flight) == (8, 1)


async def test_orders_of_two_wallets_have_different_names(stand: CcxtStand) -> None:
    names = {stand.venue.known_as(account, "a") for account in ("wallet-1", "wallet-2")} | {stand.venue.known_as("wallet-1", "b")}
    assert len(names) == 3 and all(len(name) == 32 for name in names)
    assert stand.venue.known_as("wallet-1", "a") == stand.venue.known_as("wallet-1", "a")


async def test_closing_leaves_no_connection_open_and_can_be_undone(stand: CcxtStand, recwarn: pytest.WarningsRecorder) -> None:
    await stand.venue.place(market("a"))
    await stand.venue.close()
    assert await found(stand) is not None
    await stand.venue.close()
    assert [warning for warning in recwarn if issubclass(warning.category, ResourceWarning)] == []


def test_credentials_never_appear_in_a_text() -> None:
    credentials = Credentials("the-key", "the-secret", "the-password")
    assert "the-" not in f"{credentials} {credentials!r}"


async def a_key(account: str) -> Credentials:
    return Credentials("key", "c2VjcmV0")


@pytest.mark.parametrize(
    ("exchange_id", "sandbox", "words"),
    [("kraken", True, "kraken has no sandbox"), ("nonesuch", False, "ccxt knows no exchange nonesuch")],
)
async def test_what_cannot_be_connected_is_refused_before_anything_is_asked(
    exchange_id: str, sandbox: bool, words: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = stay_on_loopback(monkeypatch)
    venue = CcxtVenue(exchange_id, a_key, clock, Connection(sandbox=sandbox))
    await venue.start()
    with pytest.raises(VenueRejected, match=words) as refusal:
        await venue.place(market("a"))
    assert refusal.value.reason is Refusal.NOT_SUPPORTED
    await venue.close()
    assert refused == []


async def test_a_sandbox_is_another_host_and_another_name(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = stay_on_loopback(monkeypatch)
    venue = CcxtVenue("binance", a_key, clock, Connection(sandbox=True, pause_seconds=()))
    await venue.start()
    with pytest.raises(VenueUnavailable):
        await venue.rules(BTC)
    await venue.close()
    assert (venue.name, refused) == ("binance-sandbox", ["testnet.binance.vision"])


@pytest.mark.parametrize("host", ["93.184.215.14", "api.binance.com"])
def test_the_guard_lets_nothing_out(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = stay_on_loopback(monkeypatch)
    with pytest.raises(LeftTheMachine):
        socket.create_connection((host, 443), timeout=1)
    assert refused == [host]
