"""Losses are watched between trades: a broken rule moves the switch to REDUCING, once, and tells its owner."""

from datetime import timedelta
from typing import Any

import pytest

from domain.composition import provide_notifications
from domain.kernel.errors import DomainError, ErrorCode
from domain.notifications.models import Notification
from domain.risk.models import EquityMark, RiskRule, RuleType, SwitchOrigin, SwitchState, TradingSwitchChange
from domain.risk.service import create_rule, update_rule
from domain.risk.switch import SwitchSetting, set_trading_switch, switches_of
from domain.trading.closing import close_position
from domain.trading.guarding import guard_losses
from domain.trading.monitoring import monitor_positions
from domain.trading.placing import place_order
from domain.wallets.models import Wallet
from tests.audit_log import entries
from tests.databases import both_databases
from tests.domain.trading.desk import Desk, buy

ACTIVE, REDUCING, HALTED = SwitchState.ACTIVE, SwitchState.REDUCING, SwitchState.HALTED


async def rule(desk: Desk, kind: RuleType, action: str = "reject", **condition: Any) -> RiskRule:
    async with desk.operation.unit_of_work() as work:
        return await create_rule(work, "Enough", kind, condition, action)


async def state_of(desk: Desk) -> SwitchState:
    async with desk.operation.reading() as work:
        return (await switches_of(work, desk.ada.id)).own.state


async def move(desk: Desk, state: SwitchState) -> None:
    async with desk.operation.unit_of_work() as work:
        await set_trading_switch(work, SwitchSetting(state))


async def at(desk: Desk, price: str) -> list[str]:
    """One round of the timetable at this price."""
    desk.price("BTC/USDT", price)
    desk.clock.advance(seconds=5)
    await monitor_positions(desk.system)
    return await guard_losses(desk.system)


@both_databases
async def test_a_days_loss_moves_the_switch_once_and_tells_why(desk: Desk) -> None:
    provide_notifications(desk.runtime)
    desk.without_costs()
    enough = await rule(desk, RuleType.MAX_DAILY_LOSS, max_usd=100)
    await place_order(desk.operation, buy(quantity="0.1"))
    assert await at(desk, "49000") == []
    assert await at(desk, "48999") == [desk.ada.id]
    (change,) = await desk.rows(TradingSwitchChange)
    assert (change.from_state, change.state, change.origin, change.rule_id) == (ACTIVE, REDUCING, SwitchOrigin.RULE, enough.id)
    assert change.changed_by is None
    assert change.reason == "Enough: Loss of 100.1 USDT since midnight UTC exceeds the limit of 100 USDT."
    (told,) = [row for row in await desk.rows(Notification) if row.kind.value == "trading_switch.changed"]
    assert (told.user_id, told.title) == (desk.ada.id, "Trading may only reduce")
    (entry,) = await entries(desk.runtime, "trading_switch.trip")
    assert (entry.actor_kind.value, entry.actor_id, entry.object_id) == ("system", desk.ada.id, desk.ada.id)
    with pytest.raises(DomainError) as refusal:
        await place_order(desk.operation, buy(quantity="0.01"))
    assert (refusal.value.code, refusal.value.details["rule_id"]) == (ErrorCode.TRADING_HALTED, enough.id)
    # It does not go back by itself, and whoever puts it back is not overruled on the same day.
    assert await at(desk, "50000") == []
    assert await state_of(desk) is REDUCING
    await move(desk, ACTIVE)
    assert await at(desk, "48000") == []
    assert await state_of(desk) is ACTIVE
    with pytest.raises(DomainError) as refusal:
        await place_order(desk.operation, buy(quantity="0.01"))
    assert refusal.value.code is ErrorCode.RISK_LIMIT_EXCEEDED
    # Another day is another loss.
    desk.clock.set(desk.clock.now().replace(hour=0, minute=0, second=0) + timedelta(days=1))
    assert await at(desk, "48000") == []
    assert await at(desk, "46000") == [desk.ada.id]


@both_databases
async def test_a_drawdown_moves_the_switch_and_the_peak_is_kept_between_trades(desk: Desk) -> None:
    desk.without_costs()
    await rule(desk, RuleType.MAX_DRAWDOWN, max_percent=10)
    await place_order(desk.operation, buy(quantity="0.1"))
    assert await at(desk, "70000") == []
    assert (await desk.row(EquityMark)).peak == 12_000
    assert await at(desk, "58000") == []
    assert await at(desk, "57990") == [desk.ada.id]
    await move(desk, ACTIVE)
    assert await at(desk, "40000") == []
    assert await at(desk, "71000") == []
    assert await at(desk, "58000") == [desk.ada.id]  # below another peak


async def test_a_rule_that_is_set_anew_may_bite_anew(desk: Desk) -> None:
    desk.without_costs()
    enough = await rule(desk, RuleType.MAX_DAILY_LOSS, max_usd=100)
    await place_order(desk.operation, buy(quantity="0.1"))
    assert await at(desk, "48000") == [desk.ada.id]
    await move(desk, ACTIVE)
    desk.clock.advance(seconds=1)
    async with desk.operation.unit_of_work() as work:
        await update_rule(work, enough.id, condition={"max_usd": 150})
    assert await at(desk, "48000") == [desk.ada.id]


async def test_a_loss_that_was_closed_counts_too(desk: Desk) -> None:
    desk.without_costs()
    await rule(desk, RuleType.MAX_DAILY_LOSS, max_usd=100)
    await place_order(desk.operation, buy(quantity="0.1"))
    desk.price("BTC/USDT", "48000")
    await close_position(desk.operation, (await desk.open_position()).id)
    assert await guard_losses(desk.system) == [desk.ada.id]


async def test_a_warning_and_a_stricter_switch_stay(desk: Desk) -> None:
    desk.without_costs()
    await rule(desk, RuleType.MAX_DAILY_LOSS, "warn", max_usd=1)
    await place_order(desk.operation, buy(quantity="0.1"))
    assert await at(desk, "40000") == []
    assert await state_of(desk) is ACTIVE
    await rule(desk, RuleType.MAX_DAILY_LOSS, max_usd=1)
    await move(desk, HALTED)
    assert await at(desk, "39000") == []
    assert await state_of(desk) is HALTED


async def test_a_wallets_own_daily_limit_is_watched(desk: Desk) -> None:
    await desk.limit_wallet(daily_loss_limit="50")
    desk.without_costs()
    await place_order(desk.operation, buy(quantity="0.1"))
    assert await at(desk, "49490") == [desk.ada.id]
    (change,) = await desk.rows(TradingSwitchChange)
    assert change.rule_id == (await desk.row(Wallet)).id


async def test_rounds_in_which_nothing_happens_write_nothing(desk: Desk) -> None:
    desk.without_costs()
    await rule(desk, RuleType.MAX_DAILY_LOSS, max_usd=1000)
    await place_order(desk.operation, buy(quantity="0.1"))
    await at(desk, "49900")
    first = (await desk.row(EquityMark)).measured_at
    for _ in range(3):
        await at(desk, "49900")
    assert (await desk.row(EquityMark)).measured_at == first
    for price in ("49890", "49880", "49870"):
        await at(desk, price)
    assert (await desk.row(EquityMark)).measured_at == first
    desk.clock.advance(seconds=60)
    await at(desk, "49860")
    assert (await desk.row(EquityMark)).equity == 9986


async def test_who_has_no_such_rule_is_not_measured(desk: Desk) -> None:
    await rule(desk, RuleType.MAX_POSITION_SIZE, max_usd=10_000)
    await place_order(desk.operation, buy(quantity="0.1"))
    assert await at(desk, "1000") == []
    assert await desk.rows(EquityMark) == []
