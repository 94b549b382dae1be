"""Notifications and webhooks of `/api/v1`, word for word."""

from typing import Any

import httpx
import pytest

from domain.composition import provide_notifications
from domain.kernel.clock import ManualClock
from domain.kernel.permissions import Caller
from domain.runtime.runtime import Runtime
from tests.accounts import bearer
from tests.builders import make_user
from tests.domain.notifications.receiver import BROKEN, allow_loopback, do_jobs, receiving

Headers = dict[str, str]
NOTE = {"type": "info", "title": "Hello", "message": "A note to myself.", "metadata": {"a": 1.5}}
AT_START = "2026-03-02T09:30:00.000Z"


@pytest.fixture
async def user(client: httpx.AsyncClient, runtime: Runtime) -> Caller:
    provide_notifications(runtime)
    allow_loopback(runtime)
    return await make_user(runtime)


@pytest.fixture
async def ada(runtime: Runtime, user: Caller) -> Headers:
    return await bearer(runtime, user)


@pytest.fixture
async def bob(client: httpx.AsyncClient, runtime: Runtime) -> Headers:
    return await bearer(runtime, await make_user(runtime))


async def write(client: httpx.AsyncClient, who: Headers, **more: Any) -> dict[str, Any]:
    answer = await client.post("/api/v1/notifications", json=NOTE | more, headers=who)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def hook(client: httpx.AsyncClient, who: Headers, url: str = "http://127.0.0.1:9000/") -> dict[str, Any]:
    answer = await client.post("/api/v1/webhooks", json={"url": url}, headers=who)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_note_is_answered_as_documented(client: httpx.AsyncClient, ada: Headers, user: Caller) -> None:
    note = await write(client, ada)
    assert note == {
        "id": note["id"],
        "user_id": user.id,
        "type": "info",
        "title": "Hello",
        "message": "A note to myself.",
        "metadata": {"a": 1.5},
        "is_read": False,
        "read_at": None,
        "created_at": AT_START,
        "updated_at": AT_START,
        "kind": "manual",
        "subject_id": None,
    }
    assert (await client.get(f"/api/v1/notifications/{note['id']}", headers=ada)).json() == note


async def test_list_is_newest_first_in_the_one_envelope(client: httpx.AsyncClient, ada: Headers, bob: Headers, clock: ManualClock) -> None:
    for number in range(3):
        clock.advance(seconds=1)
        await write(client, ada, title=str(number), type="warning" if number == 1 else "info", metadata=None)
    page = (await client.get("/api/v1/notifications?limit=2", headers=ada)).json()
    assert [item["title"] for item in page.pop("items")] == ["2", "1"]
    assert page == {"total": 3, "limit": 2, "offset": 0, "has_more": True}
    found = (await client.get("/api/v1/notifications", headers=ada)).json()
    assert (found["limit"], found["offset"], found["has_more"]) == (10, 0, False)
    for query, titles in (
        ("type=warning", ["1"]),
        ("type=success", []),
        ("type=nonsense", []),
        ("is_read=false&type=info", ["2", "0"]),
        ("is_read=true", []),
        ("kind=manual&offset=1", ["1", "0"]),
    ):
        items = (await client.get(f"/api/v1/notifications?{query}", headers=ada)).json()["items"]
        assert [item["title"] for item in items] == titles, query
    assert (await client.get("/api/v1/notifications", headers=bob)).json()["total"] == 0
    assert (await client.get("/api/v1/notifications?is_read=perhaps", headers=ada)).status_code == 422


async def test_reading_counting_and_deleting(client: httpx.AsyncClient, ada: Headers, clock: ManualClock) -> None:
    first, second, third = [await write(client, ada) for _ in range(3)]
    clock.advance(minutes=1)
    read = (await client.post(f"/api/v1/notifications/{first['id']}/read", headers=ada)).json()
    clock.advance(minutes=1)
    assert (await client.post(f"/api/v1/notifications/{first['id']}/read", headers=ada)).json() == read
    assert (read["is_read"], read["read_at"]) == (True, "2026-03-02T09:31:00.000Z")
    assert (await client.get("/api/v1/notifications/unread-count", headers=ada)).json() == {"unread_count": 2}
    deleted = await client.delete(f"/api/v1/notifications/{second['id']}", headers=ada)
    assert (deleted.status_code, deleted.json()) == (
        200,
        {"message": "Notification deleted successfully", "notification_id": second["id"]},
    )
    for method, path in (("DELETE", ""), ("GET", ""), ("POST", "/read")):
        gone = await client.request(method, f"/api/v1/notifications/{second['id']}{path}", headers=ada)
        assert (gone.status_code, gone.json()) == (404, {"detail": f"Notification not found: {second['id']}"})
    for count in (1, 0):
        answer = await client.post("/api/v1/notifications/read-all", headers=ada)
        assert (answer.status_code, answer.json()) == (200, {"marked_count": count, "message": f"Marked {count} notifications as read"})
    assert (await client.get("/api/v1/notifications/unread-count", headers=ada)).json() == {"unread_count": 0}
    assert (await client.get(f"/api/v1/notifications/{third['id']}", headers=ada)).json()["read_at"] == "2026-03-02T09:32:00.000Z"


async def test_anothers_notification_is_not_found(client: httpx.AsyncClient, ada: Headers, bob: Headers) -> None:
    note = await write(client, ada)
    for method, path in (("DELETE", ""), ("GET", ""), ("POST", "/read")):
        assert (await client.request(method, f"/api/v1/notifications/{note['id']}{path}", headers=bob)).status_code == 404
    assert (await client.get(f"/api/v1/notifications/{note['id']}", headers=ada)).json() == note


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("type", {"type": "alarm"}),
        ("title", {"title": ""}),
        ("title", {"title": "x" * 201}),
        ("message", {"message": "x" * 1001}),
        ("metadata", {"metadata": [1]}),
        ("metadata", {"metadata": {"a": "x" * 20_000}}),
    ],
)
async def test_misshapen_note_is_refused(client: httpx.AsyncClient, ada: Headers, field: str, wrong: dict[str, Any]) -> None:
    answer = await client.post("/api/v1/notifications", json=NOTE | wrong, headers=ada)
    assert (answer.status_code, answer.json()["detail"][0]["loc"][:2]) == (422, ["body", field])
    assert (await client.get("/api/v1/notifications", headers=ada)).json()["total"] == 0


async def test_viewer_may_read_and_not_write(client: httpx.AsyncClient, runtime: Runtime) -> None:
    viewer = await bearer(runtime, await make_user(runtime, role="viewer"))
    assert (await client.get("/api/v1/notifications", headers=viewer)).status_code == 200
    refused = await client.post("/api/v1/notifications", json=NOTE, headers=viewer)
    assert (refused.status_code, refused.json()) == (403, {"detail": "Insufficient permissions. Required: notifications:write"})


async def test_preferences_are_read_and_changed(client: httpx.AsyncClient, ada: Headers) -> None:
    before = (await client.get("/api/v1/notifications/preferences", headers=ada)).json()["preferences"]
    assert len(before) == 16
    assert before[0] == {"kind": "execution.completed", "in_app": True, "email": False, "webhook": True}
    body = {"preferences": [{"kind": "execution.completed", "email": True, "in_app": False}]}
    after = await client.put("/api/v1/notifications/preferences", json=body, headers=ada)
    assert after.status_code == 200
    assert after.json()["preferences"] == [{"kind": "execution.completed", "in_app": False, "email": True, "webhook": True}, *before[1:]]
    wrong = await client.put("/api/v1/notifications/preferences", json={"preferences": [{"kind": "weather"}]}, headers=ada)
    assert wrong.status_code == 422
    assert (await client.get("/api/v1/notifications/preferences", headers=ada)).json() == after.json()


async def test_webhook_shows_its_secret_when_it_is_made_and_rotated(client: httpx.AsyncClient, ada: Headers, bob: Headers) -> None:
    made = await hook(client, ada)
    secret = made.pop("secret")
    assert made == {
        "id": made["id"],
        "url": "http://127.0.0.1:9000/",
        "description": None,
        "is_active": True,
        "disabled_at": None,
        "disabled_reason": None,
        "created_at": AT_START,
        "updated_at": AT_START,
    }
    path = f"/api/v1/webhooks/{made['id']}"
    assert (await client.get(path, headers=ada)).json() == made
    assert (await client.get("/api/v1/webhooks", headers=ada)).json()["items"] == [made]
    rotated = (await client.post(f"{path}/rotate-secret", headers=ada)).json()
    assert rotated.pop("secret") not in (secret, None) and rotated == made
    changed = (await client.patch(path, json={"is_active": False, "description": "mine"}, headers=ada)).json()
    assert changed == made | {"is_active": False, "description": "mine"}
    for method, end in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/rotate-secret"), ("GET", "/deliveries")):
        assert (await client.request(method, path + end, json={} if method == "PATCH" else None, headers=bob)).status_code == 404
    gone = await client.delete(path, headers=ada)
    assert (gone.status_code, gone.json()) == (200, {"message": "Webhook deleted successfully", "webhook_id": made["id"]})
    assert (await client.get(path, headers=ada)).status_code == 404


async def test_refused_url_says_why(client: httpx.AsyncClient, ada: Headers) -> None:
    answer = await client.post("/api/v1/webhooks", json={"url": "http://169.254.169.254/latest/meta-data"}, headers=ada)
    why = "The URL of the webhook is refused: 169.254.169.254 leads to a link-local address"
    assert (answer.status_code, answer.json()) == (422, {"detail": why})
    for _ in range(10):
        await hook(client, ada)
    full = await client.post("/api/v1/webhooks", json={"url": "http://127.0.0.1:9000/"}, headers=ada)
    assert (full.status_code, full.json()) == (400, {"detail": "There are 10 webhooks, which is the most"})


async def test_delivery_log_tells_every_attempt(client: httpx.AsyncClient, runtime: Runtime, ada: Headers) -> None:
    async with receiving(BROKEN) as receiver:
        path = f"/api/v1/webhooks/{(await hook(client, ada, receiver.url))['id']}"
        queued = await client.post(f"{path}/test", headers=ada)
        assert (queued.status_code, queued.json()["status"], queued.json()["log"]) == (202, "pending", [])
        await do_jobs(runtime, "notifications.deliver")
    page = (await client.get(f"{path}/deliveries", headers=ada)).json()
    (delivery,) = page["items"]
    (attempt,) = delivery.pop("log")
    expected = {key: value for key, value in queued.json().items() if key != "log"} | {
        "status": "failed",
        "attempts": 1,
        "status_code": 500,
        "error": "Answered 500",
        "next_attempt_at": None,
        "finished_at": AT_START,
    }
    assert delivery == expected
    assert (attempt["number"], attempt["status_code"], attempt["error"], attempt["started_at"]) == (1, 500, "Answered 500", AT_START)
    assert attempt["response"].startswith("oh no") and len(attempt["response"]) == 1_024 and attempt["duration_ms"] >= 0
    assert (await client.get(f"{path}/deliveries?status=delivered", headers=ada)).json()["total"] == 0
