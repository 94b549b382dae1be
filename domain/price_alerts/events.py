"""The fact that a price alert tells: its price has come."""

from decimal import Decimal

from domain.kernel.clock import to_wire
from domain.kernel.events import Event
from domain.kernel.money import plain
from domain.price_alerts.models import PriceAlert

PRICE_ALERT_TRIGGERED = "price_alert.triggered"


def price_alert_triggered(alert: PriceAlert, price: Decimal) -> Event:
    """Tell that the alert has fired at this price."""
    payload = {
        "alert_id": alert.id,
        "symbol": alert.symbol,
        "condition": alert.condition.value,
        "target_price": plain(alert.target_price),
        "price": plain(price),
        "message": alert.message,
        "triggered_at": to_wire(alert.triggered_at) if alert.triggered_at else None,
    }
    return Event(PRICE_ALERT_TRIGGERED, alert.user_id, alert.id, payload)
