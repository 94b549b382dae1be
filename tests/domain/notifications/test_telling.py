"""The system tells people what happens, with the fact and exactly once."""

from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from domain.kernel.clock import ManualClock
from domain.kernel.events import Event
from domain.notifications.kinds import NotificationKind
from domain.notifications.models import Notification, WebhookDelivery
from domain.notifications.service import list_notifications
from domain.notifications.webhooks import NewWebhook, create_webhook
from domain.plans.expiry import announce_expiring_subscriptions, settle_due_subscriptions
from domain.runtime.event_log import EventRow
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from domain.trading.events import order_updated
from domain.trading.models import Order
from domain.trading.monitoring import monitor_positions
from domain.trading.placing import place_order
from tests.databases import both_databases
from tests.domain.flows.runs import new_flow, run
from tests.domain.notifications.receiver import ALERT, choose, happen, jobs, notified, rows
from tests.domain.plans.subscribers import subscribe
from tests.domain.trading.desk import Desk, buy, open_desk

MAIL, DELIVERY = "notifications.mail", "notifications.deliver"


@pytest.fixture
async def desk(told: Runtime, clock: ManualClock) -> Desk:
    desk = await open_desk(told, clock)
    desk.without_costs()
    return desk


async def test_order_by_hand_is_told_in_the_list_and_not_mailed(desk: Desk) -> None:
    order = await place_order(desk.operation, buy(quantity="0.01"))
    (row,) = await rows(desk.operation, Notification)
    assert (row.kind, row.subject_id, row.type.value) == (NotificationKind.ORDER_FILLED, order.id, "success")
    assert row.message == "Bought 0.01 BTC/USDT at 50,000.00, fees 0.00 USDT."
    assert row.details is not None and row.details["order_id"] == order.id
    assert (row.created_at, row.read_at, row.is_listed) == (desk.clock.now(), None, True)
    assert await jobs(desk.runtime, MAIL) == []


async def test_stop_is_told_once_by_its_position_and_mailed(desk: Desk) -> None:
    await place_order(desk.operation, buy(quantity="0.01", stop_loss=Decimal(49000)))
    position = await desk.open_position()
    desk.price("BTC/USDT", "49500")
    await monitor_positions(desk.system)
    assert len(await notified(desk.operation)) == 1  # a price that moves is nothing to tell
    desk.price("BTC/USDT", "48900")
    await monitor_positions(desk.system)
    await monitor_positions(desk.system)
    told = await rows(desk.operation, Notification)
    assert [row.kind.value for row in told] == ["order.filled", "position.stop_hit"]
    assert told[1].subject_id == position.id
    assert told[1].message == "Stop loss of BTC/USDT hit: sold 0.01 at 48,900.00, -11.00 USDT."
    (mail,) = await jobs(desk.runtime, MAIL)
    assert mail.arguments == {"notification_id": told[1].id}


async def test_target_is_told(desk: Desk) -> None:
    await place_order(desk.operation, buy(quantity="0.01", take_profit=Decimal(51000)))
    desk.price("BTC/USDT", "51000")
    await monitor_positions(desk.system)
    assert (await notified(desk.operation))[1:] == [
        ("position.target_hit", "Target of BTC/USDT reached: sold 0.01 at 51,000.00, +10.00 USDT.")
    ]


async def test_end_of_a_run_is_told_with_what_it_came_to(desk: Desk) -> None:
    flow = await new_flow(desk.operation)
    record = await run(desk.operation, flow)
    result = record.execution.result or {}
    told = [row for row in await rows(desk.operation, Notification) if row.kind is NotificationKind.EXECUTION_COMPLETED]
    assert [row.subject_id for row in told] == [record.execution.id]
    traded = "order_id" in result
    assert told[0].title == ("Swing traded" if traded else "Swing finished without a trade")
    words = f"Trade {result['action'].upper()} executed successfully" if traded else f"No trade: {result['reasoning']}"
    assert told[0].message == f"BTC/USDT: {words}"[:1000]


async def test_run_that_fails_is_told_and_its_flow_mailed_about_once_a_day(desk: Desk) -> None:
    flow = await new_flow(desk.operation)
    desk.source.silent = True
    first, second = await run(desk.operation, flow), await run(desk.operation, flow)
    told = await rows(desk.operation, Notification)
    assert [(row.kind.value, row.subject_id) for row in told] == [
        ("execution.failed", first.execution.id),
        ("execution.failed", second.execution.id),
    ]
    assert told[0].title == "Swing failed"
    assert len(await jobs(desk.runtime, MAIL)) == 1


async def test_end_of_a_subscription_is_told_before_and_after(ada: Operation, told: Runtime, clock: ManualClock) -> None:
    subscription = await subscribe(ada, auto_renew=False)
    assert await notified(ada) == []
    clock.advance(days=27)
    for _ in range(2):
        await announce_expiring_subscriptions(told.operation())
    clock.advance(days=3)
    for _ in range(2):
        await settle_due_subscriptions(told.operation())
    assert await notified(ada) == [
        ("subscription.expiring", "Your subscription to Pro ends on 1 April 2026, 09:30 UTC and does not renew itself."),
        ("subscription.expired", "Your subscription to Pro ended on 1 April 2026, 09:30 UTC and was not renewed."),
    ]
    assert {row.subject_id for row in await rows(ada, Notification)} == {subscription.id}


@pytest.mark.parametrize(
    ("type", "payload", "message"),
    [
        ("price_alert.triggered", ALERT, "BTC/USDT rose above 60,000.00."),
        (
            "device.offline",
            {"name": "Roof", "device_id": "device_1", "last_seen": "2026-03-02T09:00:00.000Z"},
            "The device Roof was last heard of on 2 March 2026, 09:00 UTC.",
        ),
        (
            "security_alert.raised",
            {"alert_type": "failed_logins", "severity": "high", "message": "Five wrong passwords in a row."},
            "Five wrong passwords in a row.",
        ),
    ],
)
async def test_events_of_other_nouns_are_told_to_their_owner(
    ada: Operation, bob: Operation, type: str, payload: dict[str, object], message: str
) -> None:
    await happen(ada, type, payload)
    assert await notified(ada) == [(type, message)]
    assert await notified(bob) == []
    (row,) = await rows(ada, Notification)
    assert (row.subject_id, row.details) == ("thing_1", payload)
    (event,) = await rows(ada, EventRow, type="notification.created")
    assert (event.subject_id, event.payload["title"]) == (row.id, row.title)


@both_databases
async def test_notification_is_there_with_the_fact_or_not_at_all(ada: Operation, told: Runtime) -> None:
    with pytest.raises(ZeroDivisionError):
        async with told.operation().unit_of_work() as work:
            work.emit(Event("price_alert.triggered", ada.caller.id, "alert_1", ALERT))
            raise ZeroDivisionError
    assert await notified(ada) == []
    await happen(ada, "price_alert.triggered", ALERT)
    assert await notified(ada) == [("price_alert.triggered", "BTC/USDT rose above 60,000.00.")]
    assert len(await jobs(told, MAIL)) == 1


async def test_order_that_is_told_of_again_by_a_late_fill_is_notified_once(desk: Desk) -> None:
    await place_order(desk.operation, buy(quantity="0.01"))
    order = await desk.row(Order)
    async with desk.system.unit_of_work() as work:
        work.emit(order_updated(order))
    assert len(await notified(desk.operation)) == 1


async def test_in_app_switched_off_lists_nothing_and_still_sends(ada: Operation, told: Runtime) -> None:
    await create_webhook(ada, NewWebhook("http://127.0.0.1:9999/"))
    await choose(ada, NotificationKind.PRICE_ALERT_TRIGGERED, in_app=False)
    await happen(ada, "price_alert.triggered", ALERT)
    async with ada.reading() as work:
        assert (await list_notifications(work)).total == 0
    assert await rows(ada, EventRow, type="notification.created") == []
    assert len(await jobs(told, MAIL)) == 1
    (delivery,) = await rows(ada, WebhookDelivery)
    assert (delivery.type, len(await jobs(told, DELIVERY))) == ("price_alert.triggered", 1)


async def test_whoever_wants_to_hear_nothing_hears_nothing(ada: Operation, bob: Operation, told: Runtime) -> None:
    await choose(ada, NotificationKind.PRICE_ALERT_TRIGGERED, in_app=False, email=False, webhook=False)
    await happen(ada, "price_alert.triggered", ALERT)
    await happen(bob, "price_alert.triggered", ALERT)
    assert (await notified(ada), len(await notified(bob))) == ([], 1)
    assert len(await rows(ada, EventRow, type="price_alert.triggered")) == 1
    assert len(await jobs(told, MAIL)) == 1


async def test_sentence_that_cannot_be_written_undoes_nothing(ada: Operation) -> None:
    with capture_logs() as logs:
        await happen(ada, "position.updated", {"status": "closed", "exit_reason": "stop_loss"})
        await happen(ada, "price_alert.triggered", {**ALERT, "price": "much"})
        await happen(ada, "security_alert.raised", {"alert_type": "x", "severity": "low", "message": None})
    assert [line["event"] for line in logs] == ["notification.not_worded"] * 3
    assert await notified(ada) == []
    assert [row.type for row in await rows(ada, EventRow)] == ["position.updated", "price_alert.triggered", "security_alert.raised"]


async def test_long_and_odd_texts_are_cut_to_what_the_table_takes(ada: Operation) -> None:
    await happen(ada, "price_alert.triggered", {**ALERT, "message": "\x00" + "x" * 1_001})
    ((_, message),) = await notified(ada)
    assert message == "x" * 999 + "…"


@both_databases
async def test_event_of_nobody_is_no_trouble(ada: Operation, told: Runtime) -> None:
    async with told.operation().unit_of_work() as work:
        work.emit(Event("price_alert.triggered", "user_that_is_not_there", "alert_1", ALERT))
    async with told.operation().reading() as work:
        assert await work.session.get(EventRow, 1) is not None
    assert await notified(ada) == []
