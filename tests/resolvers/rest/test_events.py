"""The event log over REST: the cursors of the streams, page by page."""

import httpx
import pytest

from domain.kernel.events import Event
from domain.kernel.permissions import Caller
from domain.runtime.runtime import Runtime


@pytest.mark.parametrize("prefix", ["/api/v1", "/v1"])
async def test_log_is_read_behind_a_cursor(
    ada: httpx.AsyncClient, bob: dict[str, str], runtime: Runtime, trader: Caller, prefix: str
) -> None:
    now = (await ada.get(f"{prefix}/events?after=latest")).json()
    assert now["events"] == []
    async with runtime.operation().unit_of_work() as work:
        for number in range(3):
            work.emit(Event("order.updated", trader.id, f"order_{number}", {"quantity": "0.10"}, f"exec_{number}"))
    page = (await ada.get(f"{prefix}/events", params={"after": now["next"], "limit": 2, "types": "order"})).json()
    assert [sorted(event) for event in page["events"]] == [
        ["cursor", "execution_id", "id", "occurred_at", "payload", "subject_id", "type"]
    ] * 2
    first, second = page["events"]
    assert (first["type"], first["subject_id"], first["execution_id"], first["payload"]) == (
        "order.updated",
        "order_0",
        "exec_0",
        {"quantity": "0.10"},
    )
    assert (first["occurred_at"], page["next"]) == ("2026-03-02T09:30:00.000Z", second["cursor"])
    rest = await ada.get(f"{prefix}/events", params={"after": page["next"]}, headers={"Prefer": "wait=1"})
    assert ([event["subject_id"] for event in rest.json()["events"]], rest.headers["preference-applied"]) == (["order_2"], "wait=1")
    assert (await ada.get(f"{prefix}/events", headers=bob)).json()["events"] == []
    refused = await ada.get(f"{prefix}/events?after=gibberish")
    assert refused.status_code == 400
