"""What there is to tell, how serious it is, and on which ways it goes unless somebody wishes otherwise."""

from enum import StrEnum


class NotificationType(StrEnum):
    """How a notification is to be taken."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"


class NotificationKind(StrEnum):
    """What a notification is about: one for each fact that people are told of; `manual` are those they write themselves."""

    EXECUTION_COMPLETED = "execution.completed"
    EXECUTION_FAILED = "execution.failed"
    ORDER_FILLED = "order.filled"
    ORDER_REJECTED = "order.rejected"
    MARGIN_WARNING = "margin.warning"
    POSITION_STOP_HIT = "position.stop_hit"
    POSITION_TARGET_HIT = "position.target_hit"
    POSITION_LIQUIDATED = "position.liquidated"
    PRICE_ALERT_TRIGGERED = "price_alert.triggered"
    DEVICE_OFFLINE = "device.offline"
    SECURITY_ALERT_RAISED = "security_alert.raised"
    SUBSCRIPTION_EXPIRING = "subscription.expiring"
    SUBSCRIPTION_EXPIRED = "subscription.expired"
    TRADING_SWITCH_CHANGED = "trading_switch.changed"
    WEBHOOK_DISABLED = "webhook.disabled"
    MANUAL = "manual"


class Channel(StrEnum):
    """A way to a person."""

    IN_APP = "in_app"
    EMAIL = "email"
    WEBHOOK = "webhook"


_EVERYWHERE = frozenset(Channel)
_NO_MAIL = frozenset({Channel.IN_APP, Channel.WEBHOOK})

# Mail is for what somebody who is not looking must learn of; what a person does or a flow does every few minutes is not that.
DEFAULT_CHANNELS: dict[NotificationKind, frozenset[Channel]] = {
    NotificationKind.EXECUTION_COMPLETED: _NO_MAIL,
    NotificationKind.EXECUTION_FAILED: _EVERYWHERE,
    NotificationKind.ORDER_FILLED: _NO_MAIL,
    NotificationKind.ORDER_REJECTED: _NO_MAIL,
    NotificationKind.MARGIN_WARNING: _EVERYWHERE,
    NotificationKind.POSITION_STOP_HIT: _EVERYWHERE,
    NotificationKind.POSITION_TARGET_HIT: _EVERYWHERE,
    NotificationKind.POSITION_LIQUIDATED: _EVERYWHERE,
    NotificationKind.PRICE_ALERT_TRIGGERED: _EVERYWHERE,
    NotificationKind.DEVICE_OFFLINE: _EVERYWHERE,
    NotificationKind.SECURITY_ALERT_RAISED: _EVERYWHERE,
    NotificationKind.SUBSCRIPTION_EXPIRING: _EVERYWHERE,
    NotificationKind.SUBSCRIPTION_EXPIRED: _EVERYWHERE,
    NotificationKind.TRADING_SWITCH_CHANGED: _EVERYWHERE,
    NotificationKind.WEBHOOK_DISABLED: _EVERYWHERE,
    NotificationKind.MANUAL: frozenset({Channel.IN_APP}),
}
