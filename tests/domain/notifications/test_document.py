"""The receiver that the document shows tells what is genuine from what is not."""

import base64
import re
from pathlib import Path
from typing import Any

import pytest

from domain.kernel.clock import ManualClock
from domain.notifications.webhooks import NewWebhook, create_webhook
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.domain.notifications.receiver import ALERT, do_jobs, happen, receiving

DOCUMENT = Path(__file__).parents[3] / "docs" / "notifications.md"


def receiver_of_the_document() -> dict[str, Any]:
    """Return what the example in the document defines."""
    (example,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    return names


async def test_receiver_of_the_document_takes_what_is_genuine(
    ada: Operation, told: Runtime, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = receiver_of_the_document()
    async with receiving() as receiver:
        made = await create_webhook(ada, NewWebhook(receiver.url))
        await happen(ada, "price_alert.triggered", ALERT)
        await do_jobs(told, "notifications.deliver")
    (request,) = receiver.requests
    headers = {name: request.headers[name.lower()] for name in ("Webhook-Id", "Webhook-Timestamp", "Webhook-Signature")}
    monkeypatch.setattr(names["time"], "time", lambda: clock.now().timestamp() + 299)
    assert names["verified"](made.secret, headers, request.body)
    assert not names["verified"](made.secret, headers, request.body + b" ")
    assert not names["verified"]("whsec_" + base64.b64encode(b"another").decode(), headers, request.body)
    assert not names["verified"](made.secret, headers | {"Webhook-Id": "msg_other"}, request.body)
    monkeypatch.setattr(names["time"], "time", lambda: clock.now().timestamp() + 301)
    assert not names["verified"](made.secret, headers, request.body)
