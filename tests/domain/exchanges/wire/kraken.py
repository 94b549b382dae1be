"""Kraken's spot REST interface on the loopback: signatures over path and nonce, errors in the answer, its own names for everything."""

import base64
import hashlib
import hmac
import time
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from tests.domain.exchanges.wire.floor import BASE, QUOTE, FloorOrder, FloorTrade, Refused
from tests.domain.exchanges.wire.server import Answer, Asked, WireServer

KEY, SECRET = "kraken-key", base64.b64encode(b"kraken-secret").decode()
PAIR = "XBTUSDT"
STEP, TICK, MIN_QUANTITY, MIN_COST = Decimal("0.00000001"), Decimal("0.1"), Decimal("0.00005"), Decimal("0.5")
ASSETS = {BASE: "XXBT", QUOTE: QUOTE}

_NAMES = {
    "AssetPairs": "markets",
    "Assets": "assets",
    "Time": "time",
    "AddOrder": "place",
    "CancelOrder": "cancel",
    "AmendOrder": "amend",
    "QueryOrders": "find",
    "OpenOrders": "open",
    "ClosedOrders": "closed",
    "QueryTrades": "trades",
    "TradesHistory": "history",
    "Balance": "plain_balance",
    "BalanceEx": "balance",
}
_STATUS = {"open": "open", "filled": "closed", "cancelled": "canceled", "expired": "expired"}


class Wrong(Exception):
    pass


class KrakenServer(WireServer):
    key = KEY
    nonce = 0

    def name_of(self, asked: Asked) -> str:
        return _NAMES.get(asked.path.rpartition("/")[2], "unknown")

    def too_many(self, seconds: float) -> Answer:
        return Answer({"error": ["EAPI:Rate limit exceeded"]})

    def answer(self, name: str, asked: Asked) -> Answer:
        try:
            if asked.path.startswith("/0/public/"):
                return Answer({"error": [], "result": getattr(self, f"_{name}")()})
            if name == "unknown":
                raise Wrong("EGeneral:Unknown method")
            return Answer({"error": [], "result": getattr(self, f"_{name}")(self._signed(asked))})
        except Wrong as wrong:
            return Answer({"error": [str(wrong)]})

    def _signed(self, asked: Asked) -> dict[str, str]:
        asks = dict(parse_qsl(asked.body))
        if asked.headers.get("api-key") != self.key:
            raise Wrong("EAPI:Invalid key")
        message = asked.path.encode() + hashlib.sha256((asks["nonce"] + asked.body).encode()).digest()
        signature = base64.b64encode(hmac.new(base64.b64decode(SECRET), message, hashlib.sha512).digest()).decode()
        if not hmac.compare_digest(signature, asked.headers.get("api-sign", "")):
            raise Wrong("EAPI:Invalid signature")
        if int(asks["nonce"]) <= self.nonce:
            raise Wrong("EAPI:Invalid nonce")
        self.nonce = int(asks["nonce"])
        return asks

    def _place(self, asks: dict[str, str]) -> Any:
        if asks["pair"] != PAIR:
            raise Wrong("EQuery:Unknown asset pair")
        quantity, price, client_id = Decimal(asks["volume"]), Decimal(asks.get("price", 0)), asks.get("cl_ord_id", "")
        if client_id and not (len(client_id) <= 18 or len(client_id.replace("-", "")) == 32):
            raise Wrong("EGeneral:Invalid arguments:cl_ord_id")
        if quantity % STEP or quantity < MIN_QUANTITY:
            raise Wrong("EGeneral:Invalid arguments:volume minimum not met")
        if price % TICK:
            raise Wrong("EOrder:Invalid price:XBT/USDT price can only be specified up to 1 decimals.")
        best = self.floor.asks if asks["type"] == "buy" else self.floor.bids
        if quantity * (price or (best[0][0] if best else Decimal(0))) < MIN_COST:
            raise Wrong("EOrder:Order minimum not met")
        try:
            order = self.floor.place(asks["type"], asks["ordertype"], quantity, price, asks.get("timeinforce", "GTC"), client_id)
        except Refused as refusal:
            words = {"duplicate": "EOrder:cl_ord_id already in use", "funds": "EOrder:Insufficient funds"}
            raise Wrong(words[str(refusal)]) from None
        return {"descr": {"order": _sentence(order)}, "txid": [_order_id(order)]}

    def _cancel(self, asks: dict[str, str]) -> Any:
        try:
            self.floor.cancel(self._named(asks))
        except Refused:
            raise Wrong("EOrder:Unknown order") from None
        return {"count": 1}

    def _amend(self, asks: dict[str, str]) -> Any:
        quantity, price = (Decimal(asks[name]) if name in asks else None for name in ("order_qty", "limit_price"))
        if price is not None and price % TICK:
            raise Wrong("EOrder:Invalid price:XBT/USDT price can only be specified up to 1 decimals.")
        try:
            self.floor.amend(self._named(asks), quantity, price)
        except Refused:
            raise Wrong("EOrder:Unknown order") from None
        return {"amend_id": "TEZA4R-DSDGT-IJBOJK"}

    def _find(self, asks: dict[str, str]) -> Any:
        ids = asks["txid"].split(",")
        return self._orders(order for order in self.floor.orders if _order_id(order) in ids)

    def _open(self, asks: dict[str, str]) -> Any:
        return {"open": self._orders(self._of_client(asks, self.floor.open_orders()))}

    def _closed(self, asks: dict[str, str]) -> Any:
        closed = self._orders(self._of_client(asks, (order for order in self.floor.orders if order.status != "open")))
        return {"closed": closed, "count": len(closed)}

    def _trades(self, asks: dict[str, str]) -> Any:
        if self.hides_trades:
            self.hides_trades -= 1
            return {}
        ids = asks["txid"].split(",")
        return {_trade_id(trade): _trade(trade) for trade in self.floor.trades() if _trade_id(trade) in ids}

    def _history(self, asks: dict[str, str]) -> Any:
        since, offset = float(asks.get("start", 0)), int(asks.get("ofs", 0))
        made = [trade for trade in reversed(self.floor.trades()) if trade.at > since]
        return {"trades": {_trade_id(trade): _trade(trade) for trade in made[offset : offset + 50]}, "count": len(made)}

    def _balance(self, asks: dict[str, str]) -> Any:
        return {
            ASSETS[currency]: {"balance": f"{total:.10f}", "hold_trade": f"{self.floor.locked(currency):.10f}"}
            for currency, total in self.floor.balances.items()
        }

    def _plain_balance(self, asks: dict[str, str]) -> Any:
        return {ASSETS[currency]: f"{total:.10f}" for currency, total in self.floor.balances.items()}

    def _named(self, asks: dict[str, str]) -> FloorOrder:
        for order in self.floor.orders:
            if asks.get("txid") == _order_id(order) or (order.client_id and asks.get("cl_ord_id") == order.client_id):
                return order
        raise Wrong("EOrder:Unknown order")

    def _of_client(self, asks: dict[str, str], orders: Iterable[FloorOrder]) -> list[FloorOrder]:
        return [order for order in orders if asks.get("cl_ord_id", order.client_id) == order.client_id]

    def _orders(self, orders: Iterable[FloorOrder]) -> dict[str, Any]:
        return {_order_id(order): self._order(order) for order in orders}

    def _order(self, order: FloorOrder) -> dict[str, Any]:
        trades = [_trade_id(trade) for trade in order.trades] * (2 if self.doubles_trades else 1)
        return {
            "refid": None,
            "userref": None,
            "cl_ord_id": order.client_id or None,
            "status": _STATUS[order.status],
            "reason": "User requested" if order.status == "cancelled" else None,
            "opentm": order.at,
            "starttm": 0,
            "expiretm": 0,
            "descr": {
                "pair": PAIR,
                "type": order.side,
                "ordertype": order.kind,
                "price": f"{order.price:.1f}" if order.price else "0",
                "price2": "0",
                "leverage": "none",
                "order": _sentence(order),
                "close": "",
            },
            "vol": f"{order.quantity:.8f}",
            "vol_exec": f"{order.filled:.8f}",
            "cost": f"{order.value:.5f}",
            "fee": f"{sum((trade.fee for trade in order.trades), Decimal(0)):.5f}",
            "price": f"{order.value / order.filled if order.filled else 0:.5f}",
            "stopprice": "0.00000",
            "limitprice": "0.00000",
            "misc": "",
            "oflags": "fciq",
            **({"trades": trades} if trades else {}),
        }

    def _time(self) -> Any:
        return {"unixtime": int(time.time() + self.skew_seconds), "rfc1123": ""}

    def _assets(self) -> Any:
        return {
            "XXBT": {"aclass": "currency", "altname": "XBT", "decimals": 10, "display_decimals": 5, "status": "enabled"},
            "USDT": {"aclass": "currency", "altname": "USDT", "decimals": 8, "display_decimals": 4, "status": "enabled"},
        }

    def _markets(self) -> Any:
        return {
            PAIR: {
                "altname": PAIR,
                "wsname": "XBT/USDT",
                "aclass_base": "currency",
                "base": "XXBT",
                "aclass_quote": "currency",
                "quote": "USDT",
                "lot": "unit",
                "cost_decimals": 8,
                "pair_decimals": 1,
                "lot_decimals": 8,
                "lot_multiplier": 1,
                "leverage_buy": [],
                "leverage_sell": [],
                "fees": [[0, 0.4]],
                "fees_maker": [[0, 0.25]],
                "fee_volume_currency": "ZUSD",
                "margin_call": 80,
                "margin_stop": 40,
                "ordermin": f"{MIN_QUANTITY}",
                "costmin": f"{MIN_COST}",
                "tick_size": f"{TICK}",
                "status": "online",
            }
        }


def _order_id(order: FloorOrder) -> str:
    return f"OTRADE-WIND0-{order.number:06d}"


def _trade_id(trade: FloorTrade) -> str:
    return f"TTRADE-WIND0-{trade.number:06d}"


def _sentence(order: FloorOrder) -> str:
    kind = "market" if order.kind == "market" else f"limit {order.price:.1f}"
    return f"{order.side} {order.quantity:.8f} {PAIR} @ {kind}"


def _trade(trade: FloorTrade) -> dict[str, Any]:
    return {
        "ordertxid": _order_id(trade.order),
        "postxid": "TKH2SE-M7IF5-CFI7LT",
        "pair": PAIR,
        "time": trade.at,
        "type": trade.order.side,
        "ordertype": trade.order.kind,
        "price": f"{trade.price:.5f}",
        "cost": f"{trade.value:.5f}",
        "fee": f"{trade.fee:.5f}",
        "vol": f"{trade.quantity:.8f}",
        "margin": "0.00000",
        "misc": "",
        "trade_id": trade.number,
        "maker": trade.is_maker,
    }
