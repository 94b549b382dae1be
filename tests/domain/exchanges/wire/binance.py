"""Binance's spot REST interface on the loopback: signatures, time windows, filters, and its codes for what is wrong."""

import hashlib
import hmac
import re
import time
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from tests.domain.exchanges.wire.floor import BASE, QUOTE, FloorOrder, Refused
from tests.domain.exchanges.wire.server import Answer, Asked, WireServer

KEY, SECRET = "binance-key", "binance-secret"
SYMBOL = f"{BASE}{QUOTE}"
STEP, TICK, MIN_NOTIONAL = Decimal("0.00001"), Decimal("0.01"), Decimal(5)
CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")

_NAMES = {
    ("GET", "exchangeInfo"): "markets",
    ("GET", "time"): "time",
    ("GET", "account"): "balance",
    ("POST", "order"): "place",
    ("GET", "order"): "find",
    ("DELETE", "order"): "cancel",
    ("GET", "openOrders"): "open",
    ("GET", "myTrades"): "trades",
}
_STATUS = {"open": "NEW", "filled": "FILLED", "cancelled": "CANCELED", "expired": "EXPIRED"}


class Wrong(Exception):
    def __init__(self, code: int, message: str, status: int = 400) -> None:
        self.answer = Answer({"code": code, "msg": message}, status)


class BinanceServer(WireServer):
    key = KEY
    page = 1000

    def name_of(self, asked: Asked) -> str:
        return _NAMES.get((asked.method, asked.path.removeprefix("/api/v3/")), "unknown")

    def too_many(self, seconds: float) -> Answer:
        headers = (("Retry-After", f"{seconds:g}"),) if seconds else ()
        return Answer({"code": -1003, "msg": "Way too much request weight used."}, 429, headers)

    def answer(self, name: str, asked: Asked) -> Answer:
        try:
            if name == "markets":
                return Answer(self._exchange_info())
            if name == "time":
                return Answer({"serverTime": self._now()})
            if name == "unknown":
                return Answer({"code": -1000, "msg": f"No such path: {asked.method} {asked.path}"}, 404)
            return Answer(getattr(self, f"_{name}")(self._signed(asked)))
        except Wrong as wrong:
            return wrong.answer

    def _now(self) -> int:
        return int((time.time() + self.skew_seconds) * 1000)

    def _signed(self, asked: Asked) -> dict[str, str]:
        if asked.headers.get("x-mbx-apikey") != self.key:
            raise Wrong(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        total, _, signature = (asked.query + asked.body).rpartition("&signature=")
        if not hmac.compare_digest(hmac.new(SECRET.encode(), total.encode(), hashlib.sha256).hexdigest(), signature):
            raise Wrong(-1022, "Signature for this request is not valid.")
        asks = dict(parse_qsl(total))
        window = int(asks.get("recvWindow", 5000))
        if window > 60_000:
            raise Wrong(-1131, "'recvWindow' must be less than 60000")
        if not -window <= int(asks["timestamp"]) - self._now() < 1000:
            raise Wrong(-1021, "Timestamp for this request is outside of the recvWindow.")
        if asks.get("symbol", SYMBOL) != SYMBOL:
            raise Wrong(-1121, "Invalid symbol.")
        return asks

    def _place(self, asks: dict[str, str]) -> Any:
        quantity, price, kind = Decimal(asks["quantity"]), Decimal(asks.get("price", 0)), asks["type"].lower()
        if not CLIENT_ID.fullmatch(asks["newClientOrderId"]):
            raise Wrong(-1100, "Illegal characters found in parameter 'newClientOrderId'.")
        if kind == "limit" and "timeInForce" not in asks:
            raise Wrong(-1102, "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed.")
        if quantity % STEP or quantity < STEP:
            raise Wrong(-1013, "Filter failure: LOT_SIZE")
        if kind == "limit" and (price % TICK or price < TICK):
            raise Wrong(-1013, "Filter failure: PRICE_FILTER")
        best = self.floor.asks if asks["side"] == "BUY" else self.floor.bids
        if quantity * (price or (best[0][0] if best else Decimal(0))) < MIN_NOTIONAL:
            raise Wrong(-1013, "Filter failure: NOTIONAL")
        try:
            order = self.floor.place(asks["side"].lower(), kind, quantity, price, asks.get("timeInForce", "GTC"), asks["newClientOrderId"])
        except Refused as refusal:
            messages = {"duplicate": "Duplicate order sent.", "funds": "Account has insufficient balance for requested action."}
            raise Wrong(-2010, messages[str(refusal)]) from None
        fills = [
            {
                "price": f"{trade.price:.8f}",
                "qty": f"{trade.quantity:.8f}",
                "commission": f"{trade.fee:.8f}",
                "commissionAsset": trade.fee_currency,
                "tradeId": trade.number,
            }
            for trade in order.trades
        ]
        return self._order(order) | {"transactTime": int(order.at * 1000), "fills": fills}

    def _find(self, asks: dict[str, str]) -> Any:
        return self._order(self._named(asks, Wrong(-2013, "Order does not exist.")))

    def _cancel(self, asks: dict[str, str]) -> Any:
        unknown = Wrong(-2011, "Unknown order sent.")
        order = self._named(asks, unknown)
        try:
            self.floor.cancel(order)
        except Refused:
            raise unknown from None
        return self._order(order) | {"origClientOrderId": order.client_id}

    def _open(self, asks: dict[str, str]) -> Any:
        return [self._order(order) for order in self.floor.open_orders()]

    def _trades(self, asks: dict[str, str]) -> Any:
        if self.hides_trades:
            self.hides_trades -= 1
            return []
        trades = [
            {
                "symbol": SYMBOL,
                "id": trade.number,
                "orderId": trade.order.number,
                "orderListId": -1,
                "price": f"{trade.price:.8f}",
                "qty": f"{trade.quantity:.8f}",
                "quoteQty": f"{trade.value:.8f}",
                "commission": f"{trade.fee:.8f}",
                "commissionAsset": trade.fee_currency,
                "time": int(trade.at * 1000),
                "isBuyer": trade.order.side == "buy",
                "isMaker": trade.is_maker,
                "isBestMatch": True,
            }
            for trade in self.floor.trades()
            if str(trade.order.number) == asks.get("orderId", str(trade.order.number))
            if trade.at * 1000 >= int(asks.get("startTime", 0))
        ]
        trades = trades[: min(int(asks.get("limit", 500)), self.page)]
        return trades * 2 if self.doubles_trades else trades

    def _balance(self, asks: dict[str, str]) -> Any:
        balances = [
            {"asset": currency, "free": f"{total - self.floor.locked(currency):.8f}", "locked": f"{self.floor.locked(currency):.8f}"}
            if currency in (BASE, QUOTE)
            else {"asset": currency, "free": f"{total:.8f}", "locked": "0.00000000"}
            for currency, total in self.floor.balances.items()
        ]
        empty = {"asset": "XRP", "free": "0.00000000", "locked": "0.00000000"}
        return {"canTrade": True, "accountType": "SPOT", "updateTime": self._now(), "balances": [*balances, empty], "permissions": ["SPOT"]}

    def _named(self, asks: dict[str, str], unknown: Wrong) -> FloorOrder:
        for order in reversed(self.floor.orders):
            if asks.get("orderId") == str(order.number) or asks.get("origClientOrderId") == order.client_id:
                return order
        raise unknown

    def _order(self, order: FloorOrder) -> dict[str, Any]:
        status = "PARTIALLY_FILLED" if order.status == "open" and order.filled else _STATUS[order.status]
        return {
            "symbol": SYMBOL,
            "orderId": order.number,
            "orderListId": -1,
            "clientOrderId": order.client_id,
            "price": f"{order.price:.8f}",
            "origQty": f"{order.quantity:.8f}",
            "executedQty": f"{order.filled:.8f}",
            "cummulativeQuoteQty": f"{order.value:.8f}",
            "status": status,
            "timeInForce": order.time_in_force,
            "type": order.kind.upper(),
            "side": order.side.upper(),
            "stopPrice": "0.00000000",
            "icebergQty": "0.00000000",
            "time": int(order.at * 1000),
            "updateTime": int(order.at * 1000),
            "isWorking": True,
        }

    def _exchange_info(self) -> Any:
        filters = [
            {"filterType": "PRICE_FILTER", "minPrice": f"{TICK:.8f}", "maxPrice": "1000000.00000000", "tickSize": f"{TICK:.8f}"},
            {"filterType": "LOT_SIZE", "minQty": f"{STEP:.8f}", "maxQty": "9000.00000000", "stepSize": f"{STEP:.8f}"},
            {"filterType": "NOTIONAL", "minNotional": f"{MIN_NOTIONAL:.8f}", "applyMinToMarket": True, "maxNotional": "9000000.00000000"},
        ]
        symbol = {
            "symbol": SYMBOL,
            "status": "TRADING",
            "baseAsset": BASE,
            "baseAssetPrecision": 8,
            "quoteAsset": QUOTE,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": filters,
            "permissions": [],
            "permissionSets": [["SPOT"]],
        }
        return {"timezone": "UTC", "serverTime": self._now(), "rateLimits": [], "exchangeFilters": [], "symbols": [symbol]}
