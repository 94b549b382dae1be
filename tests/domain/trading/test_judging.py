"""Risk rules on real orders: measured from our own books, the same for people and flows, and never in the way out."""

import random
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event

from domain.kernel.errors import DomainError, ErrorCode
from domain.risk.models import EquityMark, RiskRule, RiskVerdict, RuleType
from domain.risk.relations import list_verdicts
from domain.risk.service import create_rule, update_rule
from domain.trading.closing import close_position
from domain.trading.judging import validate_trade
from domain.trading.models import Fill, Order, Position
from domain.trading.placing import place_order
from domain.trading.requests import OrderRequest
from domain.wallets.ledger import Entry, lock_wallets_of, post
from domain.wallets.models import EntryCause, Wallet
from tests.builders import make_trader
from tests.databases import both_databases
from tests.domain.trading.desk import Desk, buy, sell
from tests.domain.trading.test_concurrency import all_at_once


async def rule(desk: Desk, kind: RuleType, action: str = "reject", **condition: Any) -> RiskRule:
    async with desk.operation.unit_of_work() as work:
        return await create_rule(work, kind.value, kind, condition, action)


async def refused(desk: Desk, request: OrderRequest) -> dict[str, Any]:
    """Return the numbers of the only rule that refuses the order; nothing else is left behind but the verdict."""
    before = [len(await desk.rows(kind)) for kind in (Order, Fill, Position)]
    with pytest.raises(DomainError) as refusal:
        await place_order(desk.operation, request)
    assert refusal.value.code is ErrorCode.RISK_LIMIT_EXCEEDED
    assert [len(await desk.rows(kind)) for kind in (Order, Fill, Position)] == before
    rules: Any = refusal.value.details["rules"]
    assert len(rules) == 1
    return dict(rules[0])


@both_databases
async def test_a_position_grows_to_its_share_of_equity_and_no_further(desk: Desk) -> None:
    desk.without_costs()
    await rule(desk, RuleType.MAX_POSITION_PERCENT, max_percent=25)
    await place_order(desk.operation, buy(quantity="0.05"))
    numbers = await refused(desk, buy(quantity="0.0002"))
    assert (numbers["measured"], numbers["limit"], numbers["equity"]) == (Decimal("25.1"), 25, 10_000)
    await place_order(desk.operation, sell(quantity="0.05"))


@both_databases
async def test_all_positions_together_are_held_to_a_share_of_equity(desk: Desk) -> None:
    desk.without_costs()
    desk.price("ETH/USDT", "2500")
    await rule(desk, RuleType.MAX_PORTFOLIO_UTILIZATION, max_percent=50)
    await place_order(desk.operation, buy(quantity="0.05"))
    await place_order(desk.operation, buy("ETH/USDT", "1"))
    numbers = await refused(desk, buy("ETH/USDT", "0.01"))
    assert (numbers["measured"], numbers["before"], numbers["value"]) == (Decimal("50.25"), 5000, 5025)
    desk.price("BTC/USDT", "40000")
    await refused(desk, buy(quantity="0.02"))
    await place_order(desk.operation, sell(quantity="0.02"))


@both_databases
async def test_positions_are_counted_in_all_wallets_and_one_that_is_there_may_grow(desk: Desk) -> None:
    desk.price("ETH/USDT", "2500")
    await rule(desk, RuleType.MAX_OPEN_POSITIONS, max_count=1)
    await place_order(desk.operation, buy(quantity="0.01"))
    await place_order(desk.operation, buy(quantity="0.01"))
    numbers = await refused(desk, buy("ETH/USDT", "0.1"))
    assert (numbers["measured"], numbers["limit"], numbers["before"]) == (2, 1, 1)
    await close_position(desk.operation, (await desk.open_position()).id)
    await place_order(desk.operation, buy("ETH/USDT", "0.1"))


@both_databases
async def test_what_was_lost_today_stops_trading_until_midnight_and_never_the_way_out(desk: Desk) -> None:
    desk.without_costs()
    await rule(desk, RuleType.MAX_DAILY_LOSS, max_usd=100)
    await place_order(desk.operation, buy(quantity="0.1"))
    desk.price("BTC/USDT", "49000")
    await place_order(desk.operation, buy(quantity="0.01"))
    desk.price("BTC/USDT", "48990")
    numbers = await refused(desk, buy(quantity="0.01"))
    assert {key: numbers[key] for key in ("measured", "limit", "day_start", "equity", "currency")} == {
        "measured": Decimal("101.1"),
        "limit": 100,
        "day_start": 10_000,
        "equity": Decimal("9898.9"),
        "currency": "USDT",
    }
    await place_order(desk.operation, sell(quantity="0.01"))
    await refused(desk, sell(quantity="0.2"))  # past nothing to the other side: no way out
    await close_position(desk.operation, (await desk.open_position()).id)
    await refused(desk, buy(quantity="0.01"))
    desk.clock.set(desk.clock.now().replace(hour=0, minute=0) + timedelta(days=1))
    await place_order(desk.operation, buy(quantity="0.01"))


async def test_a_rule_set_at_noon_counts_what_the_morning_lost_and_what_is_open(desk: Desk) -> None:
    desk.without_costs()
    await place_order(desk.operation, buy(quantity="0.1"))
    desk.price("BTC/USDT", "49500")
    await close_position(desk.operation, (await desk.open_position()).id)
    await place_order(desk.operation, buy(quantity="0.1"))
    desk.price("BTC/USDT", "49000")
    await rule(desk, RuleType.MAX_DAILY_LOSS, max_usd=80)
    await place_order(desk.operation, sell(quantity="0.01"))  # a first measurement, which marks the open position
    numbers = await refused(desk, buy(quantity="0.01"))
    assert (numbers["measured"], numbers["day_start"]) == (100, 10_000)


async def test_deposits_hide_no_loss_and_make_no_gain(desk: Desk) -> None:
    desk.without_costs()
    await rule(desk, RuleType.MAX_DAILY_LOSS, max_usd=100)
    await place_order(desk.operation, buy(quantity="0.1"))
    async with desk.system.unit_of_work() as work:
        (wallet,) = await lock_wallets_of(work, desk.ada.id)
        await post(work, wallet, Entry("USDT", Decimal(5000), EntryCause.DEPOSIT))
    desk.price("BTC/USDT", "48999")
    numbers = await refused(desk, buy(quantity="0.01"))
    assert (numbers["measured"], numbers["day_start"]) == (Decimal("100.1"), 15_000)


@both_databases
async def test_equity_too_far_below_its_peak_stops_trading(desk: Desk) -> None:
    desk.without_costs()
    await rule(desk, RuleType.MAX_DRAWDOWN, max_percent=5)
    await place_order(desk.operation, buy(quantity="0.1"))
    desk.price("BTC/USDT", "60000")
    await place_order(desk.operation, buy(quantity="0.001"))
    assert (await desk.row(EquityMark)).peak == 11_000
    desk.price("BTC/USDT", "54000")
    numbers = await refused(desk, buy(quantity="0.001"))
    assert (numbers["measured"], numbers["peak"], numbers["equity"]) == (Decimal("5.5091"), 11_000, 10_394)
    await close_position(desk.operation, (await desk.open_position()).id)
    desk.clock.advance(days=30)
    await refused(desk, buy(quantity="0.001"))


@both_databases
async def test_after_losses_in_a_row_trading_rests(desk: Desk) -> None:
    await rule(desk, RuleType.COOLDOWN_AFTER_LOSS, seconds=300, losses=2)
    for _ in range(2):
        await place_order(desk.operation, buy(quantity="0.01"))
        await close_position(desk.operation, (await desk.open_position()).id)  # fees alone make it a loss
        desk.clock.advance(seconds=10)
    assert (await refused(desk, buy(quantity="0.01")))["measured"] == 2
    desk.clock.advance(seconds=289)
    await refused(desk, buy(quantity="0.01"))
    desk.clock.advance(seconds=1)
    await place_order(desk.operation, buy(quantity="0.01"))


@both_databases
async def test_orders_of_a_day_and_of_a_minute_are_counted_without_exits(desk: Desk) -> None:
    await rule(desk, RuleType.MAX_ORDERS_PER_DAY, max_count=3)
    await rule(desk, RuleType.MAX_ORDER_RATE, max_count=2, seconds=60)
    await place_order(desk.operation, buy(quantity="0.01"))
    await close_position(desk.operation, (await desk.open_position()).id)
    await place_order(desk.operation, buy(quantity="0.01"))
    assert (await refused(desk, buy(quantity="0.01")))["seconds"] == 60
    desk.clock.advance(seconds=60)
    await place_order(desk.operation, buy(quantity="0.01"))
    desk.clock.advance(seconds=60)
    assert "seconds" not in await refused(desk, buy(quantity="0.01"))
    await place_order(desk.operation, sell(quantity="0.01"))
    desk.clock.set(desk.clock.now().replace(hour=0, minute=0) + timedelta(days=1))
    await place_order(desk.operation, buy(quantity="0.01"))


async def test_only_listed_symbols_are_traded_and_others_only_reduced(desk: Desk) -> None:
    desk.price("ETH/USDT", "2500")
    await place_order(desk.operation, buy(quantity="0.02"))
    await rule(desk, RuleType.SYMBOL_ALLOW_LIST, symbols=["ethusdt"])
    assert (await refused(desk, buy(quantity="0.01")))["limit"] == "ETH/USDT"
    await place_order(desk.operation, buy("ETH/USDT", "0.1"))
    await place_order(desk.operation, sell(quantity="0.02"))


async def test_an_order_at_the_market_names_no_price_for_the_band(desk: Desk) -> None:
    await rule(desk, RuleType.PRICE_BAND, max_percent=1)
    await place_order(desk.operation, buy(quantity="0.01", price=Decimal(1)))


@both_databases
async def test_a_warning_lets_the_order_pass_and_stays_on_record(desk: Desk) -> None:
    kept = await rule(desk, RuleType.MAX_ORDERS_PER_DAY, "warn", max_count=1)
    first, second = [await place_order(desk.operation, buy(quantity="0.01")) for _ in range(2)]
    async with desk.operation.reading() as work:
        page = await list_verdicts(work, rule_id=kept.id)
        failed = await list_verdicts(work, passed=False)
        of_first = await list_verdicts(work, order_id=first.id)
    assert [(verdict.order_id, verdict.passed) for verdict in page.items] == [(second.id, False), (first.id, True)]
    assert ([verdict.order_id for verdict in failed.items], [verdict.passed for verdict in of_first.items]) == ([second.id], [True])


async def test_a_refusal_is_on_record_with_its_numbers_and_belongs_to_its_owner(desk: Desk) -> None:
    await rule(desk, RuleType.MAX_POSITION_SIZE, max_usd=400)
    await refused(desk, buy(quantity="0.01"))
    verdict = await desk.row(RiskVerdict)
    assert (verdict.passed, verdict.order_id, verdict.numbers["measured"]) == (False, None, 500)
    other = desk.runtime.operation((await _another(desk)).ada, door="test")
    async with other.reading() as work:
        assert (await list_verdicts(work, rule_id=verdict.rule_id)).total == 0


async def test_a_wallets_own_limits_bite_as_its_rules(desk: Desk) -> None:
    await desk.limit_wallet(max_position_size_usd="600", daily_loss_limit="5", stop_loss_default_percent="0.1")
    wallet = await desk.row(Wallet)
    assert (await refused(desk, buy(quantity="0.02")))["rule_id"] == wallet.id
    order = await place_order(desk.operation, buy(quantity="0.01"))
    desk.price("BTC/USDT", "49000")
    assert (await refused(desk, buy(quantity="0.001")))["rule_name"] == "Paper wallet: daily_loss_limit"
    async with desk.operation.reading() as work:
        of_order = (await list_verdicts(work, order_id=order.id)).items
    assert {verdict.rule_type for verdict in of_order} == {RuleType.MAX_POSITION_SIZE, RuleType.MAX_DAILY_LOSS}
    assert (await desk.open_position()).stop_loss == Decimal(45_000)
    await desk.limit_wallet()
    await place_order(desk.operation, buy(quantity="0.02"))


async def test_without_a_rule_nothing_is_measured(desk: Desk) -> None:
    await place_order(desk.operation, buy(quantity="0.01"))
    seen: list[str] = []
    engine = desk.runtime.database._writer.sync_engine

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        await place_order(desk.operation, buy(quantity="0.01"))
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert sum("risk_rules" in statement for statement in seen) == 1
    assert not [statement for statement in seen if "equity_marks" in statement or "orders.created_at >" in statement]


async def test_a_trial_measures_without_storing_and_tells_of_the_switch(desk: Desk) -> None:
    desk.without_costs()
    await place_order(desk.operation, buy(quantity="0.1"))
    desk.price("BTC/USDT", "49000")
    async with desk.operation.reading() as work:
        answer = await validate_trade(work, "BTC/USDT", Decimal(49_000), action="buy", size_usd=Decimal(980))
    assert (answer.approved, answer.rule_id, answer.rule_ids) == (True, None, [])
    assert {key: answer.summary[key] for key in ("order_size_usd", "position_percent", "portfolio_value_usd", "open_positions")} == {
        "order_size_usd": 980,
        "position_percent": Decimal("59.3939"),
        "portfolio_value_usd": 9900,
        "open_positions": 1,
    }
    assert (answer.summary["daily_loss_usd"], answer.summary["trading_switch"]) == (100, "ACTIVE")
    assert await desk.rows(EquityMark) == []


async def test_a_trial_of_one_rule_counts_it_though_it_is_switched_off(desk: Desk) -> None:
    small = await rule(desk, RuleType.MAX_POSITION_SIZE, max_usd=1)
    async with desk.operation.unit_of_work() as work:
        await update_rule(work, small.id, is_active=False)
    async with desk.operation.reading() as work:
        answer = await validate_trade(work, "BTC/USDT", Decimal(50_000), "buy", Decimal("0.01"), rule_id=small.id)
        assert (answer.approved, answer.rule_id) == (False, small.id)
        assert (await validate_trade(work, "BTC/USDT", Decimal(50_000), "buy", Decimal("0.01"))).approved
        with pytest.raises(DomainError) as refusal:
            await validate_trade(work, "BTC/USDT", Decimal(50_000), "buy", Decimal("0.01"), rule_id="rule_x")
    assert refusal.value.code is ErrorCode.NOT_FOUND


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({}, "side"),
        ({"side": "buy"}, "quantity"),
        ({"side": "buy", "size_usd": Decimal(0)}, "size_usd"),
        ({"side": "buy", "size_usd": Decimal("0.0000000001")}, "size_usd"),
        ({"side": "buy", "size_usd": Decimal("NaN")}, "size_usd"),
        ({"action": "hold", "quantity": Decimal(1)}, "side"),
    ],
)
async def test_a_trial_says_what_is_missing(desk: Desk, arguments: dict[str, Any], field: str) -> None:
    async with desk.operation.reading() as work:
        with pytest.raises(DomainError) as refusal:
            await validate_trade(work, "BTC/USDT", Decimal(50_000), **arguments)
    assert (refusal.value.code, refusal.value.details["field"]) == (ErrorCode.VALIDATION_ERROR, field)


@both_databases
async def test_many_orders_at_once_stay_within_every_rule(desk: Desk) -> None:
    await rule(desk, RuleType.MAX_ORDERS_PER_DAY, max_count=4)
    await rule(desk, RuleType.MAX_POSITION_SIZE, max_usd=1600)
    orders, refusals = await all_at_once(*(place_order(desk.operation, buy(quantity="0.01")) for _ in range(8)))
    assert (len(orders), {refusal.code for refusal in refusals}) == (3, {ErrorCode.RISK_LIMIT_EXCEEDED})
    assert len(await desk.rows(Order)) == 3


REFUSALS = {
    ErrorCode.RISK_LIMIT_EXCEEDED,
    ErrorCode.INSUFFICIENT_FUNDS,
    ErrorCode.VALIDATION_ERROR,  # crypto is not sold short
    ErrorCode.QUANTITY_TOO_SMALL,
}


@dataclass
class _Seen:
    accepted: int = 0
    refused: int = 0


@pytest.mark.parametrize("seed", range(3))
async def test_no_sequence_of_accepted_orders_leaves_what_the_rules_allow(desk: Desk, seed: int) -> None:
    """At the moment of acceptance, measured again from the books afterwards: within the limit, or not the larger for the order."""
    chance, seen = random.Random(seed), _Seen()
    desk.without_costs()
    await rule(desk, RuleType.MAX_POSITION_PERCENT, max_percent=30)
    await rule(desk, RuleType.MAX_PORTFOLIO_UTILIZATION, max_percent=45)
    await rule(desk, RuleType.MAX_OPEN_POSITIONS, max_count=2)
    await rule(desk, RuleType.MAX_ORDER_RATE, max_count=4, seconds=60)
    symbols = {"BTC/USDT": 50_000, "ETH/USDT": 2_500, "SOL/USDT": 150}
    prices = {symbol: Decimal(price) for symbol, price in symbols.items()}
    for _ in range(25):
        symbol = chance.choice(list(symbols))
        prices[symbol] = (prices[symbol] * Decimal(chance.randint(90, 110)) / 100).quantize(Decimal("0.01"))
        for name, price in prices.items():
            desk.price(name, str(price))
        desk.clock.advance(seconds=chance.randint(0, 30))
        quantity = str((Decimal(chance.randint(200, 4000)) / prices[symbol]).quantize(Decimal("0.01")))
        before = await _standing_of(desk, prices)
        _, refusals = await all_at_once(place_order(desk.operation, (buy if chance.random() < 0.6 else sell)(symbol, quantity)))
        if refusals:
            assert refusals[0].code in REFUSALS
            assert await _standing_of(desk, prices) == before
            seen.refused += 1
            continue
        seen.accepted += 1
        sizes, equity = await _standing_of(desk, prices)
        earlier, _ = before
        size = sizes.get(symbol, Decimal(0))
        if size > earlier.get(symbol, Decimal(0)):
            assert size * 100 <= 30 * equity
            assert sum(sizes.values()) * 100 <= 45 * equity
        assert len(sizes) <= max(2, len(earlier))
    assert seen.accepted > 5
    assert seen.refused > 2


async def _standing_of(desk: Desk, prices: dict[str, Decimal]) -> tuple[dict[str, Decimal], Decimal]:
    held = [position for position in await desk.rows(Position) if position.status.value == "open"]
    worth = {position.symbol: position.signed_quantity * prices[position.symbol] for position in held}
    return {symbol: abs(value) for symbol, value in worth.items()}, (await desk.balances())["USDT"] + sum(worth.values())


async def _another(desk: Desk) -> Desk:
    return Desk(desk.runtime, desk.clock, desk.source, desk.venue, await make_trader(desk.runtime))
