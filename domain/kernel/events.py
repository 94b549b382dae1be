"""A fact that has happened, as it is stored, streamed and resumed."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Event:
    """One domain event.

    `type` is `<noun>.<what happened>`; `user_id` is who may see it; `subject_id` the object it is about; `execution_id`
    the run it belongs to, if any. `payload` holds JSON values only (decimals as strings, times as RFC 3339).
    """

    type: str
    user_id: str
    subject_id: str
    payload: Mapping[str, object] = field(default_factory=dict)
    execution_id: str | None = None
