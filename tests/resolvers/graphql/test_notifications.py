"""Notifications over GraphQL: asked for, written, chosen, sent to webhooks, and streamed."""

import pytest

from domain.composition import provide_notifications
from domain.kernel.clock import ManualClock
from domain.kernel.permissions import Caller
from domain.notifications.kinds import NotificationType
from domain.notifications.service import NewNotification, create_notification
from domain.runtime.runtime import Runtime
from tests.accounts import tokens_of
from tests.domain.notifications.receiver import OK, allow_loopback, do_jobs, receiving
from tests.graphql_client import GraphQLClient, Socket, socket_to

NOTE = "id kind type title message metadata isRead readAt subjectId createdAt"
WRITE = f"mutation ($input: NotificationInput!, $key: String) {{ createNotification(input: $input, idempotencyKey: $key) {{ {NOTE} }} }}"
LIST = """query ($isRead: Boolean, $type: NotificationType, $kind: NotificationKind, $first: Int, $after: Cursor) {
    notifications(isRead: $isRead, type: $type, kind: $kind, first: $first, after: $after) {
        totalCount pageInfo { hasNextPage endCursor } nodes { title } } }"""
READ = "mutation ($id: ID!) { markNotificationRead(notificationId: $id) { isRead readAt } }"
DELETE = "mutation ($id: ID!) { deleteNotification(notificationId: $id) }"
ONE = "query ($id: ID!) { notification(id: $id) { title } }"
COUNT = "{ unreadNotificationCount }"
BUY = 'mutation { createOrder(input: {symbol: "BTC/USDT", side: BUY, quantity: "0.01"}) { id } }'
STREAM = """subscription ($after: Cursor) { notificationReceived(after: $after) {
    cursor notificationId unreadCount occurredAt notification { title kind isRead } } }"""


@pytest.fixture(autouse=True)
def reactions(runtime: Runtime) -> None:
    provide_notifications(runtime)
    allow_loopback(runtime)


async def write(client: GraphQLClient, title: str = "Hello", **more: object) -> str:
    body = {"type": "INFO", "title": title, "message": "x", **more}
    return str((await client.data(WRITE, input=body))["createNotification"]["id"])


async def test_note_is_written_and_read_once(ada: GraphQLClient, bob: GraphQLClient, clock: ManualClock) -> None:
    body = {"type": "WARNING", "title": "Hello", "message": "To myself.", "metadata": {"a": [1, "b"], "c": None}}
    note = (await ada.data(WRITE, input=body))["createNotification"]
    assert note == {
        "id": note["id"],
        "kind": "MANUAL",
        "type": "WARNING",
        "title": "Hello",
        "message": "To myself.",
        "metadata": {"a": [1, "b"], "c": None},
        "isRead": False,
        "readAt": None,
        "subjectId": None,
        "createdAt": "2026-03-02T09:30:00.000Z",
    }
    assert (await ada.data(COUNT), await bob.data(COUNT)) == ({"unreadNotificationCount": 1}, {"unreadNotificationCount": 0})
    clock.advance(minutes=1)
    first = await ada.data(READ, id=note["id"])
    clock.advance(minutes=1)
    assert await ada.data(READ, id=note["id"]) == first
    assert first == {"markNotificationRead": {"isRead": True, "readAt": "2026-03-02T09:31:00.000Z"}}
    for query in (READ, DELETE, ONE):
        assert await bob.refusal(query, id=note["id"]) == "NOT_FOUND"
    assert (await ada.data(DELETE, id=note["id"]))["deleteNotification"] == note["id"]
    assert await ada.refusal(ONE, id=note["id"]) == "NOT_FOUND"
    assert await ada.refusal(WRITE, input=body | {"title": ""}) == "VALIDATION_ERROR"


async def test_list_is_paged_and_narrowed(ada: GraphQLClient, clock: ManualClock) -> None:
    for number in range(3):
        clock.advance(seconds=1)
        await write(ada, str(number), type="ERROR" if number == 1 else "INFO")
    page = (await ada.data(LIST, first=2))["notifications"]
    assert (page["totalCount"], [node["title"] for node in page["nodes"]], page["pageInfo"]["hasNextPage"]) == (3, ["2", "1"], True)
    rest = (await ada.data(LIST, first=2, after=page["pageInfo"]["endCursor"]))["notifications"]
    assert [node["title"] for node in rest["nodes"]] == ["0"]
    for filters, titles in (
        ({"type": "ERROR"}, ["1"]),
        ({"isRead": True}, []),
        ({"kind": "ORDER_FILLED"}, []),
        ({"kind": "MANUAL"}, ["2", "1", "0"]),
    ):
        assert [node["title"] for node in (await ada.data(LIST, **filters))["notifications"]["nodes"]] == titles
    assert (await ada.data("mutation { markAllNotificationsRead }"))["markAllNotificationsRead"] == 3
    assert (await ada.data(COUNT))["unreadNotificationCount"] == 0


async def test_same_key_writes_one_note(ada: GraphQLClient) -> None:
    body = {"type": "INFO", "title": "Hello", "message": "x"}
    first = await ada.data(WRITE, input=body, key="k1")
    assert await ada.data(WRITE, input=body, key="k1") == first
    assert (await ada.data(COUNT))["unreadNotificationCount"] == 1


async def test_preferences_decide_what_a_trade_leaves_behind(ada: GraphQLClient) -> None:
    await ada.data(BUY)
    assert (await ada.data(COUNT))["unreadNotificationCount"] == 1
    change = """mutation { updateNotificationPreferences(input: {preferences: [{kind: ORDER_FILLED, inApp: false}]}) {
        kind inApp email webhook } }"""
    changed = (await ada.data(change))["updateNotificationPreferences"]
    assert {"kind": "ORDER_FILLED", "inApp": False, "email": False, "webhook": True} in changed
    assert (await ada.data("{ notificationPreferences { kind inApp email webhook } }"))["notificationPreferences"] == changed
    await ada.data(BUY)
    assert (await ada.data(COUNT))["unreadNotificationCount"] == 1


async def test_webhook_lives_with_its_deliveries(ada: GraphQLClient, bob: GraphQLClient, runtime: Runtime) -> None:
    create = "mutation ($url: String!) { createWebhook(input: {url: $url}) { secret webhook { id url isActive } } }"
    assert await ada.refusal(create, url="http://169.254.169.254/") == "WEBHOOK_URL_REFUSED"
    async with receiving(OK) as receiver:
        made = (await ada.data(create, url=receiver.url))["createWebhook"]
        hook = made["webhook"]["id"]
        await ada.data(BUY)
        await ada.data("mutation ($id: ID!) { testWebhook(webhookId: $id) { status } }", id=hook)
        await do_jobs(runtime, "notifications.deliver")
    assert made["secret"].startswith("whsec_") and len(receiver.requests) == 2
    log = """query ($id: ID!) { webhookDeliveries(webhookId: $id, status: DELIVERED, first: 5) { totalCount nodes {
        type attempts statusCode error log { number statusCode response } } } }"""
    found = (await ada.data(log, id=hook))["webhookDeliveries"]
    shared = {"attempts": 1, "statusCode": 200, "error": None, "log": [{"number": 1, "statusCode": 200, "response": "thanks"}]}
    assert found == {"totalCount": 2, "nodes": [{"type": "webhook.test"} | shared, {"type": "order.filled"} | shared]}
    rotate = "mutation ($id: ID!) { rotateWebhookSecret(webhookId: $id) { secret } }"
    off = "mutation ($id: ID!) { updateWebhook(webhookId: $id, input: {isActive: false}) { isActive } }"
    remove = "mutation ($id: ID!) { deleteWebhook(webhookId: $id) }"
    read = "query ($id: ID!) { webhook(id: $id) { url } }"
    for query in (log, rotate, off, remove, read):
        assert await bob.refusal(query, id=hook) == "NOT_FOUND"
    assert (await ada.data(rotate, id=hook))["rotateWebhookSecret"]["secret"] != made["secret"]
    assert await ada.data(off, id=hook) == {"updateWebhook": {"isActive": False}}
    assert await ada.data(remove, id=hook) == {"deleteWebhook": hook}
    assert (await ada.data("{ webhooks { totalCount } }"))["webhooks"]["totalCount"] == 0
    assert await ada.refusal(read, id=hook) == "NOT_FOUND"


async def received(socket: Socket) -> dict[str, object]:
    return dict((await socket.next())["notificationReceived"])


async def test_stream_begins_with_what_is_unread_and_resumes(
    port: int, runtime: Runtime, trader: Caller, ada: GraphQLClient, bob: GraphQLClient, clock: ManualClock
) -> None:
    token = (await tokens_of(runtime, trader)).access_token
    read = await write(ada, "read before")
    await ada.data(READ, id=read)
    for title in ("first", "second"):
        clock.advance(seconds=1)
        await write(ada, title)
    async with socket_to(port) as socket:
        await socket.start(token)
        await socket.subscribe(STREAM)
        for title in ("first", "second"):
            update = await received(socket)
            assert (update["notification"], update["unreadCount"]) == ({"title": title, "kind": "MANUAL", "isRead": False}, 2)
        await write(bob, "for bob alone")
        order = (await ada.data(BUY))["createOrder"]["id"]
        live = await received(socket)
        assert live["notification"] == {"title": "Order filled: bought 0.01 BTC/USDT", "kind": "ORDER_FILLED", "isRead": False}
        assert live["unreadCount"] == 3
    missed = await write(ada, "missed")
    async with socket_to(port) as socket:
        await socket.start(token)
        await socket.subscribe(STREAM, after=live["cursor"])
        again = await received(socket)
        assert (again["notificationId"], again["unreadCount"]) == (missed, 4)
    found = await ada.data("{ notifications(kind: ORDER_FILLED) { nodes { subjectId metadata } } }")
    (node,) = found["notifications"]["nodes"]
    assert (node["subjectId"], node["metadata"]["order_id"]) == (order, order)


async def test_notification_that_is_deleted_is_still_told_of(port: int, runtime: Runtime, trader: Caller, ada: GraphQLClient) -> None:
    gone = await write(ada, "gone")
    await ada.data(DELETE, id=gone)
    async with socket_to(port) as socket:
        await socket.start((await tokens_of(runtime, trader)).access_token)
        await socket.subscribe(STREAM, after="0-0")
        update = await received(socket)
    assert (update["notificationId"], update["notification"], update["unreadCount"]) == (gone, None, 0)


async def test_decimals_in_metadata_are_strings(ada: GraphQLClient, runtime: Runtime, trader: Caller) -> None:
    async with runtime.operation(trader).unit_of_work() as work:
        body = NewNotification(NotificationType.INFO, "Exact", "x", {"price": 0.1})
        note = await create_notification(work, body)
    found = await ada.data("query ($id: ID!) { notification(id: $id) { metadata } }", id=note.id)
    assert found == {"notification": {"metadata": {"price": "0.1"}}}
