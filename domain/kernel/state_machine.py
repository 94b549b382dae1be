"""A state machine is a table: (state, trigger) -> state, and nothing else is possible."""

from collections.abc import Mapping
from enum import Enum

from domain.kernel.errors import DomainError, ErrorCode


class StateMachine[S: Enum, T: Enum]:
    """Checks every transition against its table."""

    def __init__(self, noun: str, refusal: ErrorCode, table: Mapping[tuple[S, T], S]) -> None:
        self.noun, self.refusal, self.table = noun, refusal, dict(table)

    def after(self, state: S, trigger: T) -> S:
        """Return the state that follows, or raise the machine's refusal with both names."""
        try:
            return self.table[state, trigger]
        except KeyError:
            raise DomainError(
                self.refusal,
                f"{self.noun} cannot {trigger.value}: it is {state.value}",
                status=state.value,
                trigger=trigger.value,
            ) from None

    def allows(self, state: S, trigger: T) -> bool:
        return (state, trigger) in self.table
