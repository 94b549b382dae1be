"""Setting, switching and firing price alerts."""

import asyncio
import dataclasses
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.ids import new_id
from domain.price_alerts import service
from domain.price_alerts.models import AlertCondition, PriceAlert
from domain.price_alerts.service import NewPriceAlert
from domain.price_alerts.watching import watch_prices
from domain.runtime.event_log import EventRow
from domain.runtime.operation import Operation
from tests.audit_log import entries
from tests.databases import both_databases
from tests.market_script import ScriptedSource
from tests.refusals import code_of

HIGH = NewPriceAlert("btcusdt", AlertCondition.ABOVE, Decimal(51_000), "To the moon")


async def fired(operation: Operation) -> list[dict[str, Any]]:
    async with operation.reading() as work:
        rows = await work.session.scalars(select(EventRow).where(EventRow.type == "price_alert.triggered").order_by(EventRow.seq))
        return [dict(row.payload) | {"user_id": row.user_id} for row in rows]


async def test_alert_waits_and_fires_once(ada: Operation, system: Operation, source: ScriptedSource) -> None:
    alert = await service.create_price_alert(ada, HIGH)
    assert (alert.symbol, alert.reference_price, alert.is_active, alert.triggered_at) == ("BTC/USDT", Decimal(50_000), True, None)
    assert await watch_prices(system) == 0
    source.price_now = Decimal("51000.5")
    assert await watch_prices(system) == 1
    assert await watch_prices(system) == 0
    async with ada.reading() as work:
        alert = await service.get_price_alert(work, alert.id)
    assert (alert.is_active, alert.triggered_at, alert.triggered_price) == (False, ada.clock.now(), Decimal("51000.5"))
    (event,) = await fired(ada)
    told = {key: event[key] for key in ("user_id", "symbol", "condition", "target_price", "price", "message")}
    assert told == {
        "user_id": ada.caller.id,
        "symbol": "BTC/USDT",
        "condition": "above",
        "target_price": "51000",
        "price": "51000.5",
        "message": "To the moon",
    }


async def test_condition_that_holds_already_fires_at_once(ada: Operation) -> None:
    alert = await service.create_price_alert(ada, dataclasses.replace(HIGH, target_price=Decimal(50_000)))
    assert (alert.is_active, alert.triggered_price) == (False, Decimal(50_000))
    assert len(await fired(ada)) == 1


@both_databases
async def test_many_who_look_at_once_fire_it_once(ada: Operation, system: Operation, source: ScriptedSource) -> None:
    for _ in range(5):
        await service.create_price_alert(ada, HIGH)
    source.price_now = Decimal(60_000)
    assert sum(await asyncio.gather(*(watch_prices(system) for _ in range(8)))) == 5
    assert len(await fired(ada)) == 5
    told = await entries(ada.runtime, "price_alert.trigger")
    assert len({entry.object_id for entry in told}) == len(told) == 5
    assert {(entry.actor_kind, entry.actor_id, entry.event_type) for entry in told} == {("system", ada.caller.id, "price_alert_triggered")}
    assert told[0].before == {"is_active": True, "triggered_at": None, "triggered_price": None}
    assert told[0].after is not None and told[0].after["triggered_price"] == "60000"


@both_databases
async def test_repeated_request_with_its_key_sets_one_alert(ada: Operation) -> None:
    keyed = dataclasses.replace(ada, idempotency_key="once")
    made = await asyncio.gather(*(service.create_price_alert(keyed, HIGH) for _ in range(5)))
    assert len({alert.id for alert in made}) == 1
    other = dataclasses.replace(HIGH, target_price=Decimal(52_000))
    assert await code_of(service.create_price_alert(keyed, other)) is ErrorCode.IDEMPOTENCY_CONFLICT


async def test_alert_that_was_switched_off_stays_silent_until_it_waits_anew(
    ada: Operation, system: Operation, source: ScriptedSource
) -> None:
    alert = await service.create_price_alert(ada, dataclasses.replace(HIGH, condition=AlertCondition.CHANGE, target_price=Decimal(100)))
    await service.switch_price_alert(ada, alert.id, False)
    source.price_now = Decimal(50_200)
    assert await watch_prices(system) == 0
    alert = await service.switch_price_alert(ada, alert.id, True)
    assert (alert.is_active, alert.reference_price) == (True, Decimal(50_200))
    assert await watch_prices(system) == 0
    source.price_now = Decimal(50_100)
    assert await watch_prices(system) == 1
    again = await service.switch_price_alert(ada, alert.id, True)
    assert (again.is_active, again.triggered_at) == (True, None)


@both_databases
async def test_a_hundred_wait_at_most(ada: Operation) -> None:
    async with ada.unit_of_work() as work:
        for _ in range(98):
            work.session.add(
                PriceAlert(
                    id=new_id("palert"),
                    user_id=ada.caller.id,
                    symbol="BTC/USDT",
                    condition=AlertCondition.ABOVE,
                    target_price=Decimal(60_000),
                    reference_price=Decimal(50_000),
                    is_active=True,
                    created_at=work.now,
                )
            )
    made = await asyncio.gather(*(service.create_price_alert(ada, HIGH) for _ in range(5)), return_exceptions=True)
    refused = [one for one in made if isinstance(one, DomainError)]
    assert [one.code for one in refused] == [ErrorCode.ALERT_LIMIT_REACHED] * 3
    idle = await service.create_price_alert(ada, dataclasses.replace(HIGH, is_active=False))
    assert await code_of(service.switch_price_alert(ada, idle.id, True)) is ErrorCode.ALERT_LIMIT_REACHED


async def test_what_cannot_be_waited_for_is_refused(ada: Operation, source: ScriptedSource) -> None:
    for change, code in (
        ({"symbol": "NOPE"}, ErrorCode.UNKNOWN_SYMBOL),
        ({"target_price": Decimal(0)}, ErrorCode.VALIDATION_ERROR),
        ({"target_price": Decimal("NaN")}, ErrorCode.VALIDATION_ERROR),
        ({"target_price": Decimal("1e30")}, ErrorCode.VALIDATION_ERROR),
    ):
        assert await code_of(service.create_price_alert(ada, dataclasses.replace(HIGH, **change))) is code
    source.silent = True
    assert await code_of(service.create_price_alert(ada, HIGH)) is ErrorCode.MARKET_UNAVAILABLE
    async with ada.reading() as work:
        assert (await service.list_price_alerts(work)).total == 0


async def test_silent_market_fires_nothing_and_loses_nothing(ada: Operation, system: Operation, source: ScriptedSource) -> None:
    await service.create_price_alert(ada, HIGH)
    source.silent, source.price_now = True, Decimal(60_000)
    assert await watch_prices(system) == 0
    source.silent = False
    assert await watch_prices(system) == 1


async def test_others_alerts_are_not_there(ada: Operation, bob: Operation) -> None:
    alert = await service.create_price_alert(ada, HIGH)
    assert await code_of(service.switch_price_alert(bob, alert.id, False)) is ErrorCode.NOT_FOUND
    for verb in (service.get_price_alert, service.delete_price_alert):
        with pytest.raises(DomainError) as refusal:
            async with bob.unit_of_work() as work:
                await verb(work, alert.id)
        assert refusal.value.code is ErrorCode.NOT_FOUND
    async with ada.unit_of_work() as work:
        await service.delete_price_alert(work, alert.id)
    async with ada.reading() as work:
        assert (await service.list_price_alerts(work, symbol="BTC-USDT")).total == 0
