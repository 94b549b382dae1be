"""Reads what ccxt returns, whose numbers are texts, into what a venue reports."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from domain.exchanges.venue import (
    InstrumentRules,
    Refusal,
    Side,
    VenueBalance,
    VenueFill,
    VenueOpenOrder,
    VenueRejected,
    VenueReport,
    VenueStatus,
    VenueTrade,
    VenueUnavailable,
)
from domain.kernel.money import trimmed

# The numbers by which ccxt says how it writes precision.
DECIMAL_PLACES, SIGNIFICANT_DIGITS, TICK_SIZE = 2, 3, 4

_ENDED = {
    "closed": VenueStatus.FILLED,
    "canceled": VenueStatus.CANCELLED,
    "expired": VenueStatus.EXPIRED,
    "rejected": VenueStatus.REJECTED,
}
# A cancellation that is on its way may still lose against a fill.
_RESTING = ("open", "pending", "canceling")


def report_of(order: Mapping[str, Any], fills: tuple[VenueFill, ...]) -> VenueReport:
    """Return the report of an order with all its fills. The fills decide: they can be younger than the order.

    Raises VenueUnavailable for a status that nobody knows.
    """
    quantity = _number(order["amount"])
    filled = sum((fill.quantity for fill in fills), Decimal(0))
    if quantity is not None and filled >= quantity:
        status = VenueStatus.FILLED
    elif order["status"] in _ENDED:
        status = _ENDED[order["status"]]
    elif order["status"] in _RESTING:
        status = VenueStatus.PARTIALLY_FILLED if filled else VenueStatus.OPEN
    else:
        raise VenueUnavailable(f"The exchange says that the order is {order['status']}, whatever that means")
    reason = order["info"].get("reason") if status is not VenueStatus.FILLED else None
    return VenueReport(str(order["id"]), status, fills, None if reason is None else str(reason), quantity, _number(order["price"]))


def fills_in(trades: Sequence[Mapping[str, Any]], market: Mapping[str, Any]) -> tuple[VenueFill, ...]:
    """Return the trades of one order, each once, oldest first."""
    fills = {fill.trade_id: fill for fill in (_fill_in(trade, market) for trade in trades)}
    return tuple(sorted(fills.values(), key=lambda fill: (fill.executed_at, fill.trade_id)))


def trades_in(trades: Sequence[Mapping[str, Any]], market: Mapping[str, Any], since: datetime) -> tuple[VenueTrade, ...]:
    """Return the trades of one market from a moment on, each once, oldest first, with the names that `fills_in` gives them."""
    found = {}
    for trade in trades:
        fill = _fill_in(trade, market)
        if trade["symbol"] == market["symbol"] and fill.executed_at >= since:
            found[fill.trade_id] = VenueTrade(str(trade["order"]), None, market["symbol"], Side(trade["side"]), fill)
    return tuple(sorted(found.values(), key=lambda trade: (trade.fill.executed_at, trade.fill.trade_id)))


def _fill_in(trade: Mapping[str, Any], market: Mapping[str, Any]) -> VenueFill:
    # Named by market, order and trade: exchanges number trades by market, and both sides of a trade, which may both be ours, have
    # the same number.
    fee = trade.get("fee") or {}
    return VenueFill(
        trade_id=f"{market['id']}:{trade['order']}:{trade['id']}",
        quantity=_required(trade["amount"]),
        price=_required(trade["price"]),
        fee=_number(fee.get("cost")) or Decimal(0),
        fee_currency=fee.get("currency") or market["quote"],
        executed_at=datetime.fromtimestamp(trade["timestamp"] / 1000, UTC),
    )


def open_order_in(order: Mapping[str, Any]) -> VenueOpenOrder:
    """Return an open order as the venue tells it."""
    return VenueOpenOrder(
        venue_order_id=str(order["id"]),
        client_id=order["clientOrderId"] or None,
        symbol=order["symbol"],
        side=Side(order["side"]),
        quantity=_required(order["amount"]),
        filled=_number(order["filled"]) or Decimal(0),
        price=_number(order["price"]),
    )


def balances_in(balance: Mapping[str, Any]) -> tuple[VenueBalance, ...]:
    """Return the currencies of which there is any, by name."""
    held = []
    for currency, total in sorted(balance["total"].items()):
        free, locked = _number(balance["free"].get(currency)) or Decimal(0), _number(balance["used"].get(currency)) or Decimal(0)
        if _number(total) or free or locked:
            held.append(VenueBalance(currency, free, locked))
    return tuple(held)


def rules_in(market: Mapping[str, Any], precision_mode: int) -> InstrumentRules:
    """Return the rules of a market. Raises VenueRejected for one that has no fixed steps, is no spot market, or is closed."""
    if precision_mode == SIGNIFICANT_DIGITS or not market["spot"]:
        raise VenueRejected(f"{market['symbol']} is no spot market with fixed steps", Refusal.NOT_SUPPORTED)
    if market["active"] is False:
        raise VenueRejected(f"{market['symbol']} is not traded now", Refusal.MARKET_CLOSED)
    limits = market["limits"]
    return InstrumentRules(
        symbol=market["symbol"],
        step=_step(market["precision"]["amount"], precision_mode),
        tick=_step(market["precision"]["price"], precision_mode),
        min_quantity=_number((limits.get("amount") or {}).get("min")),
        min_notional=_number((limits.get("cost") or {}).get("min")),
        taker_fee_rate=_number(market.get("taker")),
    )


def _step(precision: object, precision_mode: int) -> Decimal:
    number = _required(precision)
    return number if precision_mode == TICK_SIZE else Decimal(1).scaleb(-int(number))


def _required(value: object) -> Decimal:
    number = _number(value)
    if number is None:
        raise VenueUnavailable("The exchange's answer lacks a number")
    return number


def _number(value: object) -> Decimal | None:
    return None if value is None else trimmed(Decimal(str(value)))
