"""Halting with and without getting out of everything."""

from decimal import Decimal

import pytest

from domain.audit.models import AuditEntry
from domain.exchanges.venue import OrderType
from domain.kernel.errors import DomainError, ErrorCode
from domain.risk.models import SwitchState, TradingSwitchChange
from domain.risk.switch import SwitchSetting
from domain.runtime.outbox import OutboxJob
from domain.trading.halting import FLATTEN_EVERYBODY, flatten_everybody, set_global_switch, set_trading_switch
from domain.trading.models import Order, OrderStatus, Position, PositionStatus
from domain.trading.placing import place_order
from tests.builders import make_trader, make_user
from tests.domain.trading.desk import Desk, buy, sell

HALT = SwitchSetting(SwitchState.HALTED, "Enough")


async def in_the_market(desk: Desk) -> None:
    await place_order(desk.operation, buy(quantity="0.05"))
    await place_order(desk.operation, sell("ETH/USDT", "1"))
    await place_order(desk.operation, buy(quantity="0.01", order_type=OrderType.LIMIT, price=Decimal(40_000)))


async def test_a_halt_leaves_everything_where_it_is_unless_it_flattens(desk: Desk) -> None:
    await in_the_market(desk)
    assert (await set_trading_switch(desk.operation, HALT)).effective_state is SwitchState.HALTED
    assert {position.status for position in await desk.rows(Position)} == {PositionStatus.OPEN}
    assert [order.status for order in await desk.rows(Order)].count(OrderStatus.OPEN) == 1

    switches = await set_trading_switch(desk.operation, HALT, flatten=True)
    assert (switches.own.state, switches.own.reason) == (SwitchState.HALTED, "Enough")
    assert {position.status for position in await desk.rows(Position)} == {PositionStatus.CLOSED}
    assert {order.status for order in await desk.rows(Order)} == {OrderStatus.FILLED, OrderStatus.CANCELLED}
    states = [change.state for change in sorted(await desk.rows(TradingSwitchChange), key=lambda change: change.id)]
    assert states == [SwitchState.HALTED, SwitchState.REDUCING, SwitchState.HALTED]
    with pytest.raises(DomainError) as refusal:
        await place_order(desk.operation, buy(quantity="0.01"))
    assert refusal.value.code is ErrorCode.TRADING_HALTED
    acts = [entry for entry in await desk.rows(AuditEntry) if entry.action == "trading_switch.set"]
    assert [entry.details.get("flatten") for entry in sorted(acts, key=lambda entry: entry.id)] == [None, True]


async def test_flattening_while_trading_goes_on_is_refused_and_changes_nothing(desk: Desk) -> None:
    await in_the_market(desk)
    admin = await make_user(desk.runtime, role="admin")
    over_everybody = desk.runtime.operation(admin, door="test")
    for attempt in (
        set_trading_switch(desk.operation, SwitchSetting(SwitchState.ACTIVE), flatten=True),
        set_global_switch(over_everybody, SwitchSetting(SwitchState.ACTIVE), flatten=True),
        set_global_switch(over_everybody, HALT, flatten=True),
    ):
        with pytest.raises(DomainError) as refusal:
            await attempt
        assert (refusal.value.code, refusal.value.details["field"]) == (ErrorCode.VALIDATION_ERROR, "flatten")
    assert await desk.rows(TradingSwitchChange) == []
    assert {position.status for position in await desk.rows(Position)} == {PositionStatus.OPEN}


async def test_an_administrator_gets_everybody_out(desk: Desk) -> None:
    await in_the_market(desk)
    bob = desk.runtime.operation(await make_trader(desk.runtime), door="test")
    await place_order(bob, buy(quantity="0.02"))
    admin = desk.runtime.operation(await make_user(desk.runtime, role="admin"), door="test")
    for _ in range(2):  # where the switch stands already, people are got out all the same
        standing = await set_global_switch(admin, SwitchSetting(SwitchState.REDUCING, "Storm"), flatten=True)
        assert standing.state is SwitchState.REDUCING
    jobs = [job for job in await desk.rows(OutboxJob) if job.name == FLATTEN_EVERYBODY]
    assert [job.arguments for job in jobs] == [{"after": ""}] * 2
    await flatten_everybody(desk.system, "", at_once=1)
    assert len([position for position in await desk.rows(Position) if position.status is PositionStatus.OPEN]) in (1, 2)
    following = [job for job in await desk.rows(OutboxJob) if job.name == FLATTEN_EVERYBODY and job.arguments["after"]]
    await flatten_everybody(desk.system, following[0].arguments["after"])
    assert {position.status for position in await desk.rows(Position)} == {PositionStatus.CLOSED}
