"""Pages of the event log, alike in both dialects."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from domain.events.service import EventPage
from domain.runtime.event_log import StoredEvent


@dataclass(frozen=True, slots=True)
class EventView:
    """Something that has happened; decimals in the `payload` are strings."""

    cursor: str
    id: str
    type: str
    subject_id: str
    execution_id: str | None
    payload: dict[str, Any]
    occurred_at: datetime

    @classmethod
    def of(cls, event: StoredEvent) -> Self:
        return cls(str(event.cursor), event.id, event.type, event.subject_id, event.execution_id, event.payload, event.occurred_at)


@dataclass(frozen=True, slots=True)
class EventPageView:
    """Events, oldest first, and the cursor to send as `after` for what follows."""

    events: list[EventView]
    next: str

    @classmethod
    def of(cls, page: EventPage) -> Self:
        return cls([EventView.of(event) for event in page.events], str(page.next))
