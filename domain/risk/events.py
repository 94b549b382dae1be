"""The fact that the trading switch tells: it was moved."""

from domain.kernel.clock import to_wire
from domain.kernel.events import Event
from domain.risk.models import TradingSwitchChange

TRADING_SWITCH_CHANGED = "trading_switch.changed"


def trading_switch_changed(change: TradingSwitchChange, user_id: str) -> Event:
    """Tell a user that their own switch, or the one over everybody, was moved."""
    payload = {
        "change_id": change.id,
        "is_global": change.is_global,
        "from_state": change.from_state.value,
        "state": change.state.value,
        "reason": change.reason,
        "origin": change.origin.value,
        "rule_id": change.rule_id,
        "changed_at": to_wire(change.created_at),
    }
    return Event(TRADING_SWITCH_CHANGED, user_id, change.id, payload)
