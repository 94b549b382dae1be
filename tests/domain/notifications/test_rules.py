"""The table of sentences: what is told of each event, and of what nothing is told."""

from typing import Any

import pytest

from domain.flows.events import EXECUTION_UPDATED
from domain.kernel.events import Event
from domain.notifications.events import WEBHOOK_DISABLED
from domain.notifications.kinds import DEFAULT_CHANNELS, Channel, NotificationKind
from domain.notifications.rules import RULES, note_of
from domain.plans.events import SUBSCRIPTION_EXPIRING, SUBSCRIPTION_UPDATED
from domain.risk.events import TRADING_SWITCH_CHANGED
from domain.trading.events import MARGIN_UPDATED, ORDER_UPDATED, POSITION_UPDATED
from domain.trading.models import OrderStatus, PositionStatus

RUN = {
    "execution_id": "exec_1",
    "flow_id": "flow_1",
    "flow_name": "BTC Swing",
    "symbol": "BTC/USDT",
    "is_loop": False,
    "status": "COMPLETED",
    "message": "Trade BUY executed successfully",
    "order_id": "order_1",
}
FAILED = {**RUN, "status": "FAILED", "error": {"code": "MARKET_UNAVAILABLE", "message": "The market does not answer."}}
HELD = {**RUN, "message": "No trade: the analysts disagree", "order_id": None}
ORDER = {
    "order_id": "order_1",
    "symbol": "BTC/USDT",
    "side": "buy",
    "status": "filled",
    "requested_amount": "0.01",
    "filled_amount": "0.01",
    "average_fill_price": "61206.12",
    "total_fees": "0.612",
    "fee_currency": "USDT",
    "purpose": "manual",
    "reason": None,
}
POSITION = {
    "symbol": "BTC/USDT",
    "side": "long",
    "status": "closed",
    "exit_reason": "stop_loss",
    "exit_quantity": "0.01",
    "exit_price": "61200",
    "realized_pnl": "-12.4",
    "currency": "USDT",
}
MARGIN = {
    "wallet_id": "wallet_1",
    "nickname": "Paper wallet",
    "currency": "USDT",
    "level": "warning",
    "equity": "3300",
    "maintenance_margin": "3247.5",
}
ALERT = {"symbol": "TTF", "condition": "above", "target_price": "40", "price": "41.5", "message": "TTF rose above 40.00 EUR."}
SUBSCRIPTION = {"plan_name": "Pro", "status": "expired", "end_date": "2026-04-01T09:30:00.000Z"}

TOLD: list[tuple[str, dict[str, Any], str, str, str, str]] = [
    ("execution.updated", RUN, "execution.completed", "success", "BTC Swing traded", "BTC/USDT: Trade BUY executed successfully"),
    (
        "execution.updated",
        {**RUN, "is_loop": True},
        "execution.completed",
        "success",
        "BTC Swing traded",
        "BTC/USDT: Trade BUY executed successfully",
    ),
    (
        "execution.updated",
        HELD,
        "execution.completed",
        "info",
        "BTC Swing finished without a trade",
        "BTC/USDT: No trade: the analysts disagree",
    ),
    (
        "execution.updated",
        FAILED,
        "execution.failed",
        "error",
        "BTC Swing failed",
        "The run on BTC/USDT could not be finished: The market does not answer.",
    ),
    (
        "order.updated",
        ORDER,
        "order.filled",
        "success",
        "Order filled: bought 0.01 BTC/USDT",
        "Bought 0.01 BTC/USDT at 61,206.12, fees 0.612 USDT.",
    ),
    (
        "order.updated",
        {**ORDER, "status": "rejected", "side": "sell", "reason": "The wallet cannot pay"},
        "order.rejected",
        "error",
        "Order rejected: sell 0.01 BTC/USDT",
        "The sell order for 0.01 BTC/USDT was refused by the venue: The wallet cannot pay",
    ),
    (
        "order.updated",
        {**ORDER, "status": "failed", "purpose": "stop_loss", "reason": "It did not reach the venue in time"},
        "order.rejected",
        "error",
        "Order not placed: buy 0.01 BTC/USDT",
        "The buy order for 0.01 BTC/USDT was not placed: It did not reach the venue in time",
    ),
    (
        "position.updated",
        POSITION,
        "position.stop_hit",
        "warning",
        "Stop loss of BTC/USDT hit",
        "Stop loss of BTC/USDT hit: sold 0.01 at 61,200.00, -12.40 USDT.",
    ),
    (
        "position.updated",
        {**POSITION, "exit_reason": "take_profit", "side": "short", "realized_pnl": "3.1"},
        "position.target_hit",
        "success",
        "Target of BTC/USDT reached",
        "Target of BTC/USDT reached: bought 0.01 at 61,200.00, +3.10 USDT.",
    ),
    (
        "position.updated",
        {**POSITION, "status": "liquidated", "exit_reason": "liquidation"},
        "position.liquidated",
        "error",
        "Position in BTC/USDT liquidated",
        "Position in BTC/USDT liquidated: sold 0.01 at 61,200.00, -12.40 USDT.",
    ),
    (
        "margin.updated",
        MARGIN,
        "margin.warning",
        "warning",
        "Paper wallet is running short of margin in USDT",
        "Equity of 3,300.00 USDT, of which 3,247.50 are required. Below that, its orders are cancelled and its positions closed. "
        "Close something, or add money.",
    ),
    ("price_alert.triggered", ALERT, "price_alert.triggered", "info", "TTF is at 41.50", "TTF rose above 40.00 EUR."),
    (
        "price_alert.triggered",
        {**ALERT, "message": ""},
        "price_alert.triggered",
        "info",
        "TTF is at 41.50",
        "TTF is at 41.50: above 40.00.",
    ),
    (
        "device.offline",
        {"name": "Roof", "device_id": "device_1", "last_seen": "2026-03-02T09:00:00.000Z"},
        "device.offline",
        "warning",
        "Roof is offline",
        "The device Roof was last heard of on 2 March 2026, 09:00 UTC.",
    ),
    (
        "device.offline",
        {"name": "Roof", "device_id": "device_1", "last_seen": None},
        "device.offline",
        "warning",
        "Roof is offline",
        "The device Roof has never been heard of.",
    ),
    (
        "security_alert.raised",
        {"alert_type": "failed_logins", "severity": "high", "message": "Five wrong passwords in a row."},
        "security_alert.raised",
        "error",
        "Security alert: failed logins",
        "Five wrong passwords in a row.",
    ),
    (
        "security_alert.raised",
        {"alert_type": "new_place", "severity": "low", "message": "A log-in from a new place."},
        "security_alert.raised",
        "warning",
        "Security alert: new place",
        "A log-in from a new place.",
    ),
    (
        "subscription.expiring",
        {**SUBSCRIPTION, "status": "active"},
        "subscription.expiring",
        "warning",
        "Your plan Pro ends on 1 April 2026",
        "Your subscription to Pro ends on 1 April 2026, 09:30 UTC and does not renew itself.",
    ),
    (
        "subscription.updated",
        SUBSCRIPTION,
        "subscription.expired",
        "warning",
        "Your plan Pro has ended",
        "Your subscription to Pro ended on 1 April 2026, 09:30 UTC and was not renewed.",
    ),
    (
        "trading_switch.changed",
        {"origin": "rule", "state": "REDUCING", "is_global": False, "reason": "Day: Loss of 120 USDT exceeds the limit of 100 USDT."},
        "trading_switch.changed",
        "warning",
        "Trading may only reduce",
        "A risk rule moved your trading switch to REDUCING: Day: Loss of 120 USDT exceeds the limit of 100 USDT.",
    ),
    (
        "trading_switch.changed",
        {"origin": "administrator", "state": "HALTED", "is_global": True, "reason": None},
        "trading_switch.changed",
        "warning",
        "Trading is halted for everybody",
        "An administrator moved the switch over all trading to HALTED.",
    ),
    (
        "trading_switch.changed",
        {"origin": "administrator", "state": "ACTIVE", "is_global": True, "reason": "It is over"},
        "trading_switch.changed",
        "info",
        "Trading goes on for everybody",
        "An administrator moved the switch over all trading to ACTIVE: It is over.",
    ),
    (
        "webhook.disabled",
        {"url": "https://hooks.example/x", "host": "hooks.example", "reason": "it answered that it is gone (410)"},
        "webhook.disabled",
        "warning",
        "Webhook to hooks.example switched off",
        "Nothing more is sent to https://hooks.example/x: it answered that it is gone (410). Switch it on again once it works.",
    ),
]

SILENT: list[tuple[str, dict[str, Any]]] = [
    ("execution.updated", {**HELD, "is_loop": True}),
    ("execution.updated", {**RUN, "status": "RUNNING"}),
    ("execution.updated", {**RUN, "status": "PENDING"}),
    ("order.updated", {**ORDER, "purpose": "stop_loss"}),
    ("order.updated", {**ORDER, "purpose": "take_profit"}),
    ("order.updated", {**ORDER, "purpose": "liquidation"}),
    *(("margin.updated", {**MARGIN, "level": level}) for level in ("liquidation", "restored")),
    *(
        ("order.updated", {**ORDER, "status": status.value})
        for status in OrderStatus
        if status.value not in ("filled", "rejected", "failed")
    ),
    ("position.updated", {**POSITION, "status": PositionStatus.OPEN.value}),
    *(("position.updated", {**POSITION, "exit_reason": reason}) for reason in ("manual", "manual_close", "reverse_signal")),
    *(("subscription.updated", {**SUBSCRIPTION, "status": status}) for status in ("trial", "active", "cancelled")),
    ("trading_switch.changed", {"origin": "owner", "state": "HALTED", "is_global": False, "reason": None}),
    ("wallet.updated", {}),
]


@pytest.mark.parametrize(("type", "payload", "kind", "how", "title", "message"), TOLD)
def test_event_is_told_in_a_sentence(type: str, payload: dict[str, Any], kind: str, how: str, title: str, message: str) -> None:
    note = note_of(Event(type, "user_1", "thing_1", payload))
    assert note is not None
    assert (note.kind.value, note.type.value, note.title, note.message) == (kind, how, title, message)


@pytest.mark.parametrize(("type", "payload"), SILENT)
def test_nothing_is_told_of_noise(type: str, payload: dict[str, Any]) -> None:
    assert note_of(Event(type, "user_1", "thing_1", payload)) is None


def test_every_kind_but_the_persons_own_comes_from_a_rule() -> None:
    assert {kind for *_, kind, _, _, _ in TOLD} == {kind.value for kind in NotificationKind} - {"manual"}
    assert {type for type, *_ in TOLD} == set(RULES)


def test_rules_know_events_by_the_names_that_their_nouns_give_them() -> None:
    emitted = {
        EXECUTION_UPDATED,
        MARGIN_UPDATED,
        ORDER_UPDATED,
        POSITION_UPDATED,
        SUBSCRIPTION_EXPIRING,
        SUBSCRIPTION_UPDATED,
        TRADING_SWITCH_CHANGED,
        WEBHOOK_DISABLED,
    }
    assert set(RULES) - emitted == {"price_alert.triggered", "device.offline", "security_alert.raised"}


def test_defaults_are_those_that_are_documented() -> None:
    def kinds(channel: Channel) -> set[str]:
        return {kind.value for kind in NotificationKind if channel in DEFAULT_CHANNELS[kind]}

    everything = {kind.value for kind in NotificationKind}
    assert kinds(Channel.IN_APP) == everything
    assert kinds(Channel.WEBHOOK) == everything - {"manual"}
    assert kinds(Channel.EMAIL) == everything - {"manual", "execution.completed", "order.filled", "order.rejected"}
