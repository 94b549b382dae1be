"""The table of what is told: from an event of any noun to a sentence that a person wants to read, or to nothing.

Events are known here by their type and their payload only: the nouns that emit them stand above this one, or are not here at all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from domain.kernel.events import Event
from domain.notifications.kinds import NotificationKind, NotificationType
from domain.notifications.wording import day, gain, minute, money, quantity

Payload = Mapping[str, Any]
MAX_TITLE, MAX_MESSAGE = 200, 1000


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be told. `happens_once` says that its object can never give rise to it twice; `mail_key` is what mail is rationed by
    where that is not the object itself."""

    kind: NotificationKind
    type: NotificationType
    title: str
    message: str
    happens_once: bool = True
    mail_key: str | None = None


Rule = Callable[[Payload], Note | None]


def note_of(event: Event) -> Note | None:
    """Return what the event's owner is to be told, if anything. Raises KeyError, ValueError or TypeError for a payload of another shape."""
    rule = RULES.get(event.type)
    return rule(event.payload) if rule else None


def _execution(run: Payload) -> Note | None:
    if run["status"] == "FAILED":
        return Note(
            NotificationKind.EXECUTION_FAILED,
            NotificationType.ERROR,
            f"{run['flow_name']} failed",
            f"The run on {run['symbol']} could not be finished: {run['error']['message']}",
            mail_key=run["flow_id"],  # a loop that fails every half minute fills no mailbox
        )
    # A loop that holds again says nothing new; whoever asked for a run wants to know how it ended.
    if run["status"] != "COMPLETED" or (run["is_loop"] and not run["order_id"]):
        return None
    title = f"{run['flow_name']} traded" if run["order_id"] else f"{run['flow_name']} finished without a trade"
    kind = NotificationType.SUCCESS if run["order_id"] else NotificationType.INFO
    return Note(NotificationKind.EXECUTION_COMPLETED, kind, title, f"{run['symbol']}: {run['message']}")


def _order(order: Payload) -> Note | None:
    what = f"{order['side']} order for {quantity(order['requested_amount'])} {order['symbol']}"
    if order["status"] == "filled" and order["purpose"] not in _TOLD_BY_POSITION:
        return Note(
            NotificationKind.ORDER_FILLED,
            NotificationType.SUCCESS,
            f"Order filled: {_DONE[order['side']].lower()} {quantity(order['filled_amount'])} {order['symbol']}",
            f"{_DONE[order['side']]} {quantity(order['filled_amount'])} {order['symbol']} at {money(order['average_fill_price'])}, "
            f"fees {money(order['total_fees'])} {order['fee_currency']}.",
        )
    if order["status"] in ("rejected", "failed"):
        refused = order["status"] == "rejected"
        return Note(
            NotificationKind.ORDER_REJECTED,
            NotificationType.ERROR,
            f"Order {'rejected' if refused else 'not placed'}: {order['side']} {quantity(order['requested_amount'])} {order['symbol']}",
            f"The {what} was {'refused by the venue' if refused else 'not placed'}: {order['reason']}",
        )
    return None


def _position(position: Payload) -> Note | None:
    if position["status"] == "liquidated":
        told = _ENDED["liquidation"]
    elif position["status"] == "closed" and position["exit_reason"] in _TOLD_BY_POSITION:
        told = _ENDED[position["exit_reason"]]
    else:
        return None
    kind, type_, what = told
    done = _DONE["sell" if position["side"] == "long" else "buy"].lower()
    closed = f"{done} {quantity(position['exit_quantity'])} at {money(position['exit_price'])}"
    won = f"{gain(position['realized_pnl'])} {position['currency']}"
    return Note(kind, type_, f"{what.format(position['symbol'])}", f"{what.format(position['symbol'])}: {closed}, {won}.")


def _margin(margin: Payload) -> Note | None:
    if margin["level"] != "warning":
        return None  # what follows is told by the positions themselves
    stands = f"Equity of {money(margin['equity'])} {margin['currency']}, of which {money(margin['maintenance_margin'])} are required"
    return Note(
        NotificationKind.MARGIN_WARNING,
        NotificationType.WARNING,
        f"{margin['nickname']} is running short of margin in {margin['currency']}",
        f"{stands}. Below that, its orders are cancelled and its positions closed. Close something, or add money.",
        happens_once=False,
    )


def _price_alert(alert: Payload) -> Note:
    return Note(
        NotificationKind.PRICE_ALERT_TRIGGERED,
        NotificationType.INFO,
        f"{alert['symbol']} is at {money(alert['price'])}",
        alert.get("message") or f"{alert['symbol']} is at {money(alert['price'])}: {alert['condition']} {money(alert['target_price'])}.",
        happens_once=False,  # it may be armed again
    )


def _device(device: Payload) -> Note:
    seen = f"was last heard of on {minute(device['last_seen'])}" if device.get("last_seen") else "has never been heard of"
    return Note(
        NotificationKind.DEVICE_OFFLINE,
        NotificationType.WARNING,
        f"{device['name']} is offline",
        f"The device {device['name']} {seen}.",
        happens_once=False,
    )


def _security_alert(alert: Payload) -> Note:
    grave = alert["severity"] in ("high", "critical")
    return Note(
        NotificationKind.SECURITY_ALERT_RAISED,
        NotificationType.ERROR if grave else NotificationType.WARNING,
        f"Security alert: {str(alert['alert_type']).replace('_', ' ')}",
        alert["message"],
        happens_once=False,
    )


def _ending_subscription(subscription: Payload) -> Note:
    return Note(
        NotificationKind.SUBSCRIPTION_EXPIRING,
        NotificationType.WARNING,
        f"Your plan {subscription['plan_name']} ends on {day(subscription['end_date'])}",
        f"Your subscription to {subscription['plan_name']} ends on {minute(subscription['end_date'])} and does not renew itself.",
        happens_once=False,  # it may be renewed, and end again
    )


def _subscription(subscription: Payload) -> Note | None:
    if subscription["status"] != "expired":
        return None
    return Note(
        NotificationKind.SUBSCRIPTION_EXPIRED,
        NotificationType.WARNING,
        f"Your plan {subscription['plan_name']} has ended",
        f"Your subscription to {subscription['plan_name']} ended on {minute(subscription['end_date'])} and was not renewed.",
        happens_once=False,
    )


def _webhook(webhook: Payload) -> Note:
    return Note(
        NotificationKind.WEBHOOK_DISABLED,
        NotificationType.WARNING,
        f"Webhook to {webhook['host']} switched off",
        f"Nothing more is sent to {webhook['url']}: {webhook['reason']}. Switch it on again once it works.",
        happens_once=False,
    )


def _trading_switch(change: Payload) -> Note | None:
    # Who moves their own switch knows.
    if change["origin"] == "owner":
        return None
    title = _SWITCHED[change["state"]] + (" for everybody" if change["is_global"] else "")
    why = f": {str(change['reason']).removesuffix('.')}." if change["reason"] else "."
    by = "A risk rule moved your trading switch" if change["origin"] == "rule" else "An administrator moved the switch over all trading"
    return Note(
        NotificationKind.TRADING_SWITCH_CHANGED,
        NotificationType.INFO if change["state"] == "ACTIVE" else NotificationType.WARNING,
        title,
        f"{by} to {change['state']}{why}",
    )


_SWITCHED = {"ACTIVE": "Trading goes on", "REDUCING": "Trading may only reduce", "HALTED": "Trading is halted"}
_DONE = {"buy": "Bought", "sell": "Sold"}
# The exits whose position says more than their order.
_TOLD_BY_POSITION = ("stop_loss", "take_profit", "liquidation")
_ENDED = {
    "stop_loss": (NotificationKind.POSITION_STOP_HIT, NotificationType.WARNING, "Stop loss of {} hit"),
    "take_profit": (NotificationKind.POSITION_TARGET_HIT, NotificationType.SUCCESS, "Target of {} reached"),
    "liquidation": (NotificationKind.POSITION_LIQUIDATED, NotificationType.ERROR, "Position in {} liquidated"),
}

# What the payloads of events that no noun here emits yet hold: an alert's {symbol, condition, target_price, price, message}, a device's
# {name, device_id, last_seen}, a security alert's {alert_type, severity, message}, whose user is the person concerned.
RULES: dict[str, Rule] = {
    "execution.updated": _execution,
    "order.updated": _order,
    "position.updated": _position,
    "margin.updated": _margin,
    "price_alert.triggered": _price_alert,
    "device.offline": _device,
    "security_alert.raised": _security_alert,
    "subscription.expiring": _ending_subscription,
    "subscription.updated": _subscription,
    "trading_switch.changed": _trading_switch,
    "webhook.disabled": _webhook,
}
