"""Risk rules of people: made, listed, changed, removed, and tried against a trade."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from domain.kernel.errors import DomainError, ErrorCode
from domain.risk.models import RiskRule, RiskVerdict
from domain.risk.service import create_rule, delete_rule, get_rule, list_rules, update_rule
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from domain.trading.judging import validate_trade
from tests.builders import make_trader, operation_of_new_user


@pytest.fixture
async def ada(runtime: Runtime) -> Operation:
    return runtime.operation(await make_trader(runtime), door="test")


async def make(operation: Operation, name: str = "Small", max_usd: object = 1000, **more: Any) -> RiskRule:
    async with operation.unit_of_work() as work:
        return await create_rule(work, name, "max_position_size", {"max_usd": max_usd}, **more)


async def test_a_rule_is_made_listed_changed_and_removed(ada: Operation) -> None:
    first, second = await make(ada), await make(ada, "Off", is_active=False)
    async with ada.reading() as work:
        page = await list_rules(work)
        assert ([rule.id for rule in page.items], page.total) == ([second.id, first.id], 2)
        assert [rule.id for rule in (await list_rules(work, is_active=True)).items] == [first.id]
        assert [rule.id for rule in (await list_rules(work, limit=1, offset=1)).items] == [first.id]
    async with ada.unit_of_work() as work:
        changed = await update_rule(work, first.id, condition={"max_usd": "2500.5"}, action="warn", is_active=False)
    assert (changed.name, changed.condition, changed.action.value, changed.is_active) == (
        "Small",
        {"max_usd": Decimal("2500.5")},
        "warn",
        False,
    )
    async with ada.unit_of_work() as work:
        await delete_rule(work, first.id)
    async with ada.reading() as work:
        with pytest.raises(DomainError) as refusal:
            await get_rule(work, first.id)
    assert refusal.value.code is ErrorCode.NOT_FOUND


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("rule_type", {"rule_type": "max_luck"}),
        ("action", {"action": "shout"}),
        ("name", {"name": "  "}),
        ("name", {"name": "x" * 101}),
        ("description", {"description": "x" * 501}),
        ("condition.max_usd", {"condition": {"max_usd": -5}}),
        ("condition", {"condition": {"max_usd": 5, "x": 1}}),
    ],
)
async def test_a_bad_rule_is_refused_and_changes_nothing(ada: Operation, field: str, arguments: dict[str, Any]) -> None:
    rule = await make(ada)
    good: dict[str, Any] = {"name": "Small", "rule_type": "max_position_size", "condition": {"max_usd": 1}}
    for attempt in ("create", "update"):
        with pytest.raises(DomainError) as refusal:
            async with ada.unit_of_work() as work:
                await (create_rule(work, **{**good, **arguments}) if attempt == "create" else update_rule(work, rule.id, **arguments))
        assert (refusal.value.code, refusal.value.details["field"]) == (ErrorCode.VALIDATION_ERROR, field)
    async with ada.reading() as work:
        (unchanged,) = (await list_rules(work)).items
    assert (unchanged.name, unchanged.condition, unchanged.updated_at) == ("Small", {"max_usd": 1000}, None)


async def test_somebody_elses_rule_is_not_found(ada: Operation, runtime: Runtime) -> None:
    rule = await make(ada)
    bob = runtime.operation(await make_trader(runtime))
    for verb in (get_rule, delete_rule, update_rule):
        async with bob.unit_of_work() as work:
            with pytest.raises(DomainError) as refusal:
                await verb(work, rule.id)
            assert refusal.value.code is ErrorCode.NOT_FOUND
    async with bob.reading() as work:
        assert (await list_rules(work)).total == 0


async def test_who_may_only_look_cannot_set_rules(runtime: Runtime) -> None:
    with pytest.raises(DomainError) as refusal:
        await make(await operation_of_new_user(runtime, role="viewer"))
    assert refusal.value.code is ErrorCode.FORBIDDEN


async def test_validating_a_trade_answers_without_storing_anything(ada: Operation) -> None:
    strict, _ = await make(ada), await make(ada, "Wide", 10_000)
    async with ada.reading() as work:
        answer = await validate_trade(work, "btcusdt", Decimal(50_000), "buy", Decimal("0.05"))
        assert (answer.approved, answer.rule_ids) == (False, [strict.id])
        assert answer.violations == ["Position of 2500 USDT in BTC/USDT would exceed the limit of 1000 USDT."]
        assert answer.summary == {
            "symbol": "BTC/USDT",
            "side": "buy",
            "order_size_usd": Decimal(2500),
            "position_size_usd": Decimal(2500),
            "position_size_before_usd": Decimal(0),
            "position_percent": Decimal(25),
            "portfolio_value_usd": Decimal(10_000),
            "open_positions": 0,
            "daily_loss_usd": Decimal(0),
            "projected_utilization_percent": Decimal(25),
            "currency": "USDT",
            "rules_evaluated": 2,
            "trading_switch": "ACTIVE",
        }
        assert answer.rule_id == strict.id
        assert (await validate_trade(work, "BTC/USDT", Decimal(50_000), "sell", Decimal("0.01"))).approved
        assert (await work.session.scalars(select(RiskVerdict))).all() == []


@pytest.mark.parametrize(
    ("symbol", "side", "quantity", "price", "code"),
    [
        ("NOPE", "buy", "1", "1", ErrorCode.UNKNOWN_SYMBOL),
        ("BTC/USDT", "hold", "1", "1", ErrorCode.VALIDATION_ERROR),
        ("BTC/USDT", "buy", "0", "1", ErrorCode.VALIDATION_ERROR),
        ("BTC/USDT", "buy", "NaN", "1", ErrorCode.VALIDATION_ERROR),
        ("BTC/USDT", "buy", "1", "-1", ErrorCode.VALIDATION_ERROR),
    ],
)
async def test_nonsense_cannot_be_validated(ada: Operation, symbol: str, side: str, quantity: str, price: str, code: ErrorCode) -> None:
    async with ada.reading() as work:
        with pytest.raises(DomainError) as refusal:
            await validate_trade(work, symbol, Decimal(price), side, Decimal(quantity))
    assert refusal.value.code is code
