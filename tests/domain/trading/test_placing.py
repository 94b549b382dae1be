"""Orders from the wish to the fill, and every way in which the wish is refused."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from domain.exchanges.venue import OrderType, Side
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import ANONYMOUS
from domain.market.market import Market
from domain.risk.models import RiskVerdict
from domain.risk.service import create_rule
from domain.runtime.event_log import EventRow
from domain.trading.models import Fill, Order, OrderPurpose, OrderStatus, OrderTransition, Position, PositionStatus
from domain.trading.paper_models import PaperOrder
from domain.trading.placing import place_order, write_intent
from domain.trading.requests import OrderRequest
from domain.wallets.models import LedgerEntry, Wallet
from tests.builders import make_trader, make_user
from tests.domain.trading.desk import Desk, buy, sell


async def refused(desk: Desk, request: OrderRequest) -> DomainError:
    with pytest.raises(DomainError) as refusal:
        await place_order(desk.operation, request)
    assert await desk.rows(Order) == []
    assert await desk.rows(Fill) == []
    assert await desk.rows(PaperOrder) == []
    assert (await desk.balances())["USDT"] == 10_000
    return refusal.value


async def test_a_market_buy_is_filled_against_the_taker_and_opens_a_long_position(desk: Desk) -> None:
    order = await place_order(
        desk.operation, buy(stop_loss=Decimal(49000), take_profit=Decimal(52000), reasoning="because", confidence=Decimal("0.7"))
    )

    assert (order.status, order.filled_quantity, order.average_fill_price) == (OrderStatus.FILLED, Decimal("0.1"), Decimal(50_005))
    assert (order.total_fees, order.fee_currency, order.venue) == (Decimal("5.0005"), "USDT", "paper")
    position = await desk.row(Position)
    assert (position.side.value, position.quantity, position.entry_price, position.book) == (
        "long",
        Decimal("0.1"),
        Decimal(50_005),
        "manual",
    )
    assert (position.stop_loss, position.initial_take_profit, position.reasoning) == (Decimal(49_000), Decimal(52_000), "because")
    assert position.unrealized_pnl == Decimal("-5.0005")
    assert order.position_id == position.id and position.entry_order_id == order.id
    assert (await desk.row(Fill)).position_id == position.id
    assert await desk.balances() == {"BTC": Decimal("0.1"), "EUR": 1_000_000, "USD": 1_000_000, "USDT": Decimal("4994.4995")}


async def test_the_history_of_an_order_and_its_events_agree(desk: Desk) -> None:
    order = await place_order(desk.operation, buy())
    history = sorted(await desk.rows(OrderTransition), key=lambda transition: transition.seq)
    assert [(t.seq, t.status) for t in history] == [(1, OrderStatus.PENDING), (2, OrderStatus.SUBMITTED), (3, OrderStatus.FILLED)]
    told = [event for event in await desk.rows(EventRow) if event.subject_id == order.id]
    assert [event.payload["status"] for event in told] == ["pending", "submitted", "filled"]
    assert told[-1].payload == {
        "order_id": order.id,
        "symbol": "BTC/USDT",
        "side": "buy",
        "order_type": "market",
        "status": "filled",
        "requested_amount": "0.1",
        "filled_amount": "0.1",
        "average_fill_price": "50005",
        "total_fees": "5.0005",
        "fee_currency": "USDT",
        "purpose": "manual",
        "reason": None,
        "client_order_id": order.id,
        "position_id": order.position_id,
        "flow_id": None,
        "execution_id": None,
    }


async def test_selling_part_realises_selling_more_flips_to_short(desk: Desk) -> None:
    desk.without_costs()
    await place_order(desk.operation, buy(quantity="0.1"))
    desk.price("BTC/USDT", "51000")
    await place_order(desk.operation, sell(quantity="0.04"))
    position = await desk.open_position()
    assert (position.quantity, position.realized_pnl, position.unrealized_pnl) == (Decimal("0.06"), Decimal(40), Decimal(60))
    order = await place_order(desk.operation, sell(quantity="0.1"))
    closed = next(p for p in await desk.rows(Position) if p.status is PositionStatus.CLOSED)
    short = await desk.open_position()
    assert (closed.realized_pnl, closed.exit_price, closed.exit_reason, closed.exit_order_id) == (
        Decimal(100),
        Decimal(51_000),
        OrderPurpose.MANUAL,
        order.id,
    )
    assert (short.side.value, short.quantity, order.position_id) == ("short", Decimal("0.04"), short.id)
    assert (await desk.balances())["BTC"] == Decimal("-0.04")


async def test_every_flow_has_a_position_of_its_own(desk: Desk) -> None:
    await place_order(desk.operation, buy(flow_id="flow_a", purpose=OrderPurpose.ENTRY))
    await place_order(desk.operation, sell(quantity="0.03", flow_id="flow_b", purpose=OrderPurpose.ENTRY))
    books = {position.book: position.side.value for position in await desk.rows(Position)}
    assert books == {"flow_a": "long", "flow_b": "short"}


async def test_at_a_negative_price_a_buy_brings_money_in_and_still_pays_its_fee(desk: Desk) -> None:
    desk.price("NL_DAY_AHEAD", "-10")
    order = await place_order(desk.operation, buy("nl-day-ahead", "100"))
    assert (order.symbol, order.average_fill_price) == ("NL_DAY_AHEAD", Decimal("-9.99"))
    assert (await desk.balances())["EUR"] == 1_000_000 + 999 - Decimal("0.999")


BAD_REQUESTS: list[tuple[str, dict[str, Any], ErrorCode, str]] = [
    ("unknown symbol", {"symbol": "NOPE/USDT"}, ErrorCode.UNKNOWN_SYMBOL, "symbol"),
    ("zero", {"quantity": Decimal(0)}, ErrorCode.VALIDATION_ERROR, "field"),
    ("negative", {"quantity": Decimal(-1)}, ErrorCode.VALIDATION_ERROR, "field"),
    ("not a number", {"quantity": Decimal("NaN")}, ErrorCode.VALIDATION_ERROR, "field"),
    ("infinite", {"quantity": Decimal("Infinity")}, ErrorCode.VALIDATION_ERROR, "field"),
    ("astronomic", {"quantity": Decimal("1e30")}, ErrorCode.VALIDATION_ERROR, "field"),
    ("a float", {"quantity": 0.1}, ErrorCode.VALIDATION_ERROR, "field"),
    ("above the maximum", {"quantity": Decimal(10_000_001)}, ErrorCode.VALIDATION_ERROR, "maximum"),
    ("below the lot", {"quantity": Decimal("0.000001")}, ErrorCode.QUANTITY_TOO_SMALL, "minimum"),
    ("a crooked lot", {"quantity": Decimal("0.100001")}, ErrorCode.VALIDATION_ERROR, "lot"),
    ("worth too little", {"quantity": Decimal("0.00009")}, ErrorCode.QUANTITY_TOO_SMALL, "notional"),
    ("limit worth too little", {"order_type": OrderType.LIMIT, "price": Decimal(1)}, ErrorCode.QUANTITY_TOO_SMALL, "notional"),
    ("stop above a long", {"stop_loss": Decimal(50_001)}, ErrorCode.STOP_ON_WRONG_SIDE, "price"),
    ("stop at the price", {"stop_loss": Decimal(50_000)}, ErrorCode.STOP_ON_WRONG_SIDE, "price"),
    ("target below a long", {"take_profit": Decimal(49_999)}, ErrorCode.STOP_ON_WRONG_SIDE, "price"),
    ("stop is not a number", {"stop_loss": Decimal("NaN")}, ErrorCode.VALIDATION_ERROR, "field"),
    ("stop below a short", {"side": Side.SELL, "stop_loss": Decimal(49_999)}, ErrorCode.STOP_ON_WRONG_SIDE, "price"),
    ("client id too long", {"client_order_id": "x" * 65}, ErrorCode.VALIDATION_ERROR, "field"),
    ("client id empty", {"client_order_id": ""}, ErrorCode.VALIDATION_ERROR, "field"),
    ("client id of the server's own", {"client_order_id": "tw-1"}, ErrorCode.VALIDATION_ERROR, "field"),
    ("unknown wallet", {"wallet_id": "wallet_nope"}, ErrorCode.NOT_FOUND, "id"),
    ("unknown position", {"position_id": "pos_nope", "reduce_only": True}, ErrorCode.NOT_FOUND, "id"),
    ("reducing nothing", {"reduce_only": True}, ErrorCode.INVALID_POSITION_STATE, "open_quantity"),
    ("more than one owns", {"quantity": Decimal("0.2")}, ErrorCode.INSUFFICIENT_FUNDS, "available"),
]


@pytest.mark.parametrize(("changes", "code", "detail"), [row[1:] for row in BAD_REQUESTS], ids=[row[0] for row in BAD_REQUESTS])
async def test_refusals_name_the_reason_and_change_nothing(desk: Desk, changes: dict[str, Any], code: ErrorCode, detail: str) -> None:
    refusal = await refused(desk, replace(buy(), **changes))
    assert refusal.code is code
    assert detail in refusal.details


async def test_a_funds_refusal_quotes_its_numbers(desk: Desk) -> None:
    refusal = await refused(desk, buy(quantity="0.2"))
    assert refusal.details == {
        "currency": "USDT",
        "required": Decimal("10011.001"),
        "available": Decimal("10000"),
        "exposure": Decimal("10000"),
        "costs": Decimal("11.001"),
        "price": Decimal("50000"),
    }


async def test_all_the_money_can_be_spent_and_not_a_cent_more(desk: Desk) -> None:
    desk.without_costs()
    await place_order(desk.operation, buy(quantity="0.2"))
    assert (await desk.balances())["USDT"] == 0
    with pytest.raises(DomainError, match="Insufficient funds"):
        await place_order(desk.operation, buy("ETH/USDT", "1"))
    await place_order(desk.operation, sell(quantity="0.2"))
    assert (await desk.balances())["USDT"] == 10_000


async def test_a_short_needs_as_much_equity_as_a_long(desk: Desk) -> None:
    desk.without_costs()
    await place_order(desk.operation, sell(quantity="0.2"))
    assert await desk.balances() == {"BTC": Decimal("-0.2"), "EUR": 1_000_000, "USD": 1_000_000, "USDT": 20_000}
    with pytest.raises(DomainError, match="Insufficient funds"):
        await place_order(desk.operation, sell(quantity="0.001"))


async def test_whoever_lost_everything_may_still_reduce(desk: Desk) -> None:
    desk.without_costs()
    await place_order(desk.operation, sell(quantity="0.2"))
    desk.price("BTC/USDT", "200000")
    order = await place_order(desk.operation, buy(quantity="0.1"))
    assert order.status is OrderStatus.FILLED


async def test_currencies_do_not_pay_for_each_other(desk: Desk) -> None:
    desk.price("BRENT", "80")
    desk.price("TTF", "35")
    with pytest.raises(DomainError) as refusal:
        await place_order(desk.operation, buy("BRENT", "13"))
    assert refusal.value.details["currency"] == "USD"
    await place_order(desk.operation, buy("BRENT", "12"))
    await place_order(desk.operation, buy("TTF", "20000"))
    balances = await desk.balances()
    assert (balances["BZ"], balances["TTF"], balances["USDT"]) == (Decimal(12), Decimal(20_000), Decimal(10_000))


async def test_money_of_a_written_order_cannot_be_spent_again_before_it_is_filled(desk: Desk) -> None:
    tick = await desk.runtime.use(Market).price("BTC/USDT")
    async with desk.operation.unit_of_work() as work:
        await write_intent(work, buy(quantity="0.15"), tick)
    with pytest.raises(DomainError, match="Insufficient funds"):
        await place_order(desk.operation, buy(quantity="0.1"))
    with pytest.raises(DomainError, match="Insufficient funds"):
        await place_order(desk.operation, buy("ETH/USDT", "40"))


async def test_the_same_client_order_id_is_the_same_order(desk: Desk) -> None:
    first = await place_order(desk.operation, buy(client_order_id="mine-1"))
    again = await place_order(desk.operation, buy(client_order_id="mine-1", symbol="btcusdt", quantity="0.10"))
    assert again.id == first.id
    assert len(await desk.rows(Fill)) == len(await desk.rows(PaperOrder)) == 1


@pytest.mark.parametrize("changes", [{"quantity": Decimal("0.2")}, {"side": Side.SELL}, {"symbol": "ETH/USDT"}, {"stop_loss": Decimal(1)}])
async def test_the_same_client_order_id_for_another_order_is_a_conflict(desk: Desk, changes: dict[str, Any]) -> None:
    await place_order(desk.operation, buy(client_order_id="mine-1"))
    with pytest.raises(DomainError) as refusal:
        await place_order(desk.operation, replace(buy(client_order_id="mine-1"), **changes))
    assert refusal.value.code is ErrorCode.IDEMPOTENCY_CONFLICT
    assert len(await desk.rows(Order)) == 1


async def test_two_users_may_use_the_same_client_order_id(desk: Desk) -> None:
    bob = await make_trader(desk.runtime)
    first = await place_order(desk.operation, buy(client_order_id="mine-1"))
    other = await place_order(desk.runtime.operation(bob), buy(client_order_id="mine-1"))
    assert first.id != other.id
    assert len(await desk.rows(PaperOrder)) == 2


async def test_an_idempotency_key_answers_with_the_first_order(desk: Desk) -> None:
    operation = replace(desk.operation, idempotency_key="key-1")
    first = await place_order(operation, buy())
    desk.price("BTC/USDT", "60000")
    assert (await place_order(operation, buy(quantity="0.10"))).id == first.id
    with pytest.raises(DomainError) as refusal:
        await place_order(operation, buy(quantity="0.05"))
    assert refusal.value.code is ErrorCode.IDEMPOTENCY_CONFLICT
    assert len(await desk.rows(Order)) == 1


@pytest.mark.parametrize("key", ["idempotency key", "client order id"])
@pytest.mark.parametrize("market", ["silent", "too cheap for the smallest order"])
async def test_a_retry_is_answered_whatever_the_market_does_by_now(desk: Desk, key: str, market: str) -> None:
    operation = replace(desk.operation, idempotency_key="once") if key == "idempotency key" else desk.operation
    wish = buy(quantity="0.0001", client_order_id=None if operation.idempotency_key else "once")
    first = await place_order(operation, wish)
    desk.source.silent = market == "silent"
    desk.price("BTC/USDT", "40000")
    assert (await place_order(operation, wish)).id == first.id
    with pytest.raises(DomainError) as refusal:
        await place_order(operation, replace(wish, quantity=Decimal("0.0002")))
    assert refusal.value.code is ErrorCode.IDEMPOTENCY_CONFLICT


async def test_a_refused_request_does_not_use_up_its_key(desk: Desk) -> None:
    operation = replace(desk.operation, idempotency_key="key-1")
    with pytest.raises(DomainError):
        await place_order(operation, buy(quantity="0.2"))
    desk.price("BTC/USDT", "40000")
    assert (await place_order(operation, buy(quantity="0.2"))).status is OrderStatus.FILLED


async def test_a_risk_rule_stops_the_order_that_would_exceed_it_and_is_on_record(desk: Desk) -> None:
    async with desk.operation.unit_of_work() as work:
        rule = await create_rule(work, "Small", "max_position_size", {"max_usd": 6000})
    first = await place_order(desk.operation, buy(quantity="0.1"))
    with pytest.raises(DomainError) as refusal:
        await place_order(desk.operation, buy(quantity="0.05"))
    assert refusal.value.code is ErrorCode.RISK_LIMIT_EXCEEDED
    assert refusal.value.details["violations"] == ["Position of 7500 USDT in BTC/USDT would exceed the limit of 6000 USDT."]
    verdicts = await desk.rows(RiskVerdict)
    assert [(verdict.passed, verdict.order_id, verdict.rule_id) for verdict in verdicts] == [
        (True, first.id, rule.id),
        (False, None, rule.id),
    ]
    assert verdicts[1].numbers["measured"] == 7500
    assert len(await desk.rows(Order)) == 1
    assert (await place_order(desk.operation, sell(quantity="0.05"))).status is OrderStatus.FILLED


async def test_a_warning_rule_lets_the_order_pass_and_is_on_record(desk: Desk) -> None:
    async with desk.operation.unit_of_work() as work:
        await create_rule(work, "Careful", "max_position_size", {"max_usd": 1}, action="warn")
        await create_rule(work, "Off", "max_position_size", {"max_usd": 1}, is_active=False)
    order = await place_order(desk.operation, buy())
    verdict = await desk.row(RiskVerdict)
    assert (verdict.passed, verdict.order_id, verdict.rule_name) == (False, order.id, "Careful")


async def test_a_long_flow_cannot_hide_behind_a_short_one(desk: Desk) -> None:
    await place_order(desk.operation, buy(quantity="0.1", flow_id="flow_a"))
    async with desk.operation.unit_of_work() as work:
        await create_rule(work, "Small", "max_position_size", {"max_usd": 6000})
    await place_order(desk.operation, sell(quantity="0.1", flow_id="flow_b"))
    with pytest.raises(DomainError) as refusal:
        await place_order(desk.operation, sell(quantity="0.05", flow_id="flow_b"))
    assert refusal.value.code is ErrorCode.RISK_LIMIT_EXCEEDED


async def test_who_may_not_trade_is_refused(desk: Desk) -> None:
    viewer = await make_user(desk.runtime, role="viewer")
    for caller, code in ((viewer, ErrorCode.FORBIDDEN), (ANONYMOUS, ErrorCode.UNAUTHORIZED)):
        with pytest.raises(DomainError) as refusal:
            await place_order(desk.runtime.operation(caller), buy())
        assert refusal.value.code is code


async def test_somebody_elses_wallet_is_not_found(desk: Desk) -> None:
    wallet = await desk.row(Wallet)
    bob = await make_trader(desk.runtime)
    with pytest.raises(DomainError) as refusal:
        await place_order(desk.runtime.operation(bob), buy(wallet_id=wallet.id))
    assert refusal.value.code is ErrorCode.NOT_FOUND


async def test_a_user_without_a_wallet_cannot_trade(desk: Desk) -> None:
    poor = await make_user(desk.runtime)
    with pytest.raises(DomainError, match="no active wallet"):
        await place_order(desk.runtime.operation(poor), buy())


async def test_a_silent_market_refuses_the_order(desk: Desk) -> None:
    desk.source.silent = True
    refusal = await refused(desk, buy())
    assert refusal.code is ErrorCode.MARKET_UNAVAILABLE


async def test_every_entry_says_which_fill_and_order_caused_it(desk: Desk) -> None:
    order = await place_order(desk.operation, buy())
    fill = await desk.row(Fill)
    entries = [entry for entry in await desk.rows(LedgerEntry) if entry.cause.value != "deposit"]
    assert sorted((entry.asset, entry.cause.value, entry.amount) for entry in entries) == [
        ("BTC", "trade", Decimal("0.1")),
        ("USDT", "fee", Decimal("-5.0005")),
        ("USDT", "trade", Decimal("-5000.5")),
    ]
    assert {(entry.fill_id, entry.order_id) for entry in entries} == {(fill.id, order.id)}
