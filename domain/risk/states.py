"""The trading switch as a table: which orders each of its states lets through."""

from collections.abc import Mapping
from enum import StrEnum


class SwitchState(StrEnum):
    """Whether somebody may trade; strictest last."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class SwitchOrigin(StrEnum):
    """Who moved a switch: its owner, an administrator for everybody, or a rule that was broken."""

    OWNER = "owner"
    ADMINISTRATOR = "administrator"
    RULE = "rule"


class Effect(StrEnum):
    """What an order does: it opens, enlarges or turns a position; takes from one and never past nothing; or is taken back."""

    GROWS = "grows"
    REDUCES = "reduces"
    CANCELS = "cancels"


# Stops and targets are orders that reduce: they fire while reducing, and not while halted.
ALLOWED: Mapping[SwitchState, frozenset[Effect]] = {
    SwitchState.ACTIVE: frozenset(Effect),
    SwitchState.REDUCING: frozenset({Effect.REDUCES, Effect.CANCELS}),
    SwitchState.HALTED: frozenset({Effect.CANCELS}),
}
_STRICTNESS = list(SwitchState)


def allows(state: SwitchState, effect: Effect) -> bool:
    """Tell whether an order with this effect may be written in this state."""
    return effect in ALLOWED[state]


def stricter(one: SwitchState, other: SwitchState) -> SwitchState:
    """Return the state that lets less through."""
    return max(one, other, key=_STRICTNESS.index)
