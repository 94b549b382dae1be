"""The paper venue: fills market orders at the market's price and keeps a record of its own, as an exchange would."""

from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from domain.exchanges.venue import (
    Ability,
    Estimate,
    InstrumentRules,
    OrderType,
    Refusal,
    Side,
    VenueBalance,
    VenueFill,
    VenueOpenOrder,
    VenueOrder,
    VenueRejected,
    VenueReport,
    VenueStatus,
    VenueUnavailable,
)
from domain.kernel.clock import Clock
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.ids import new_id
from domain.kernel.money import EXACT
from domain.market.instruments import find_instrument
from domain.market.market import Market
from domain.runtime.database import Database
from domain.trading.models import OrderStatus, PaperOrder

FEE_RATE = Decimal("0.001")
SLIPPAGE_RATE = Decimal("0.0001")


class PaperVenue:
    """Fills every market order whole and at once.

    The price is the market's at that moment, moved against the taker by `slippage_rate` of its size and rounded to the next tick in
    the same direction; the fee is `fee_rate` of the absolute value, in the quote currency. There is no order book: quantity does not
    move the price. An order is known by (account, client order id), and placing it again returns the first report unchanged.
    """

    name = "paper"
    call_seconds = 2.0
    sync_seconds = 1.0
    abilities = frozenset({Ability.CANCEL, Ability.LEVERAGE, Ability.OPEN_ORDERS, Ability.RULES})

    def __init__(
        self, market: Market, database: Database, clock: Clock, fee_rate: Decimal = FEE_RATE, slippage_rate: Decimal = SLIPPAGE_RATE
    ) -> None:
        self._market, self._database, self._clock = market, database, clock
        self.fee_rate, self.slippage_rate = fee_rate, slippage_rate

    def supports(self, order_type: OrderType) -> bool:
        return order_type is OrderType.MARKET

    def known_as(self, account: str, client_order_id: str) -> str:
        return client_order_id

    def estimate(self, symbol: str, side: Side, quantity: Decimal, price: Decimal) -> Estimate:
        """Return the price and the fee of a market order while the market stands at `price`."""
        instrument = find_instrument(symbol)
        with localcontext(EXACT):
            slipped = price + side.sign * abs(price) * self.slippage_rate
            # A price that slips to nothing would be no price where prices must be positive.
            filled_at = instrument.round_price(slipped, "ceiling" if side is Side.BUY else "floor")
            if not instrument.allow_negative_price:
                filled_at = max(filled_at, instrument.tick)
            return Estimate(filled_at, abs(quantity * filled_at * instrument.contract_size) * self.fee_rate)

    async def place(self, order: VenueOrder) -> VenueReport:
        earlier = await self.find(order.account, order.client_order_id, order.symbol)
        if earlier is not None:
            return earlier
        if not self.supports(order.order_type):
            raise VenueRejected(f"The paper venue takes market orders only, not {order.order_type.value}", Refusal.NOT_SUPPORTED)
        try:
            tick = await self._market.price(order.symbol)
        except DomainError as refusal:
            if refusal.code is ErrorCode.MARKET_UNAVAILABLE:
                raise VenueUnavailable(refusal.message) from refusal
            reason = Refusal.UNKNOWN_SYMBOL if refusal.code is ErrorCode.UNKNOWN_SYMBOL else Refusal.OTHER
            raise VenueRejected(refusal.message, reason) from refusal
        estimate = self.estimate(order.symbol, order.side, order.quantity, tick.price)
        fill = VenueFill(
            trade_id=new_id("trade"),
            quantity=order.quantity,
            price=estimate.price,
            fee=estimate.fee,
            fee_currency=find_instrument(order.symbol).quote,
            executed_at=self._clock.now(),
        )
        report = VenueReport(new_id("paper"), VenueStatus.FILLED, (fill,))
        if await self._keep(order, report):
            return report
        kept = await self.find(order.account, order.client_order_id, order.symbol)
        assert kept is not None
        return kept

    async def find(self, account: str, client_order_id: str, symbol: str) -> VenueReport | None:
        query = select(PaperOrder).where(PaperOrder.account == account, PaperOrder.client_order_id == client_order_id)
        async with self._database.reading() as session:
            row = await session.scalar(query)
        return None if row is None else _report_of(row.report)

    async def cancel(self, account: str, client_order_id: str, symbol: str) -> VenueReport:
        """Report the order as it ended: nothing rests here, so every cancellation comes too late."""
        report = await self.find(account, client_order_id, symbol)
        if report is None:
            raise VenueRejected("The paper venue has no such order", Refusal.ORDER_NOT_FOUND)
        return report

    async def amend(
        self,
        account: str,
        client_order_id: str,
        symbol: str,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        stop_price: Decimal | None = None,
    ) -> VenueReport:
        raise VenueRejected("Nothing rests on the paper venue that could be amended", Refusal.NOT_SUPPORTED)

    async def open_orders(self, account: str, symbol: str | None = None) -> tuple[VenueOpenOrder, ...]:
        """Return nothing: every order ends the moment it is placed."""
        return ()

    async def balances(self, account: str) -> tuple[VenueBalance, ...]:
        raise VenueRejected("The paper venue keeps no accounts: our ledger is the only one", Refusal.NOT_SUPPORTED)

    async def rules(self, symbol: str) -> InstrumentRules:
        try:
            instrument = find_instrument(symbol)
        except DomainError as refusal:
            raise VenueRejected(refusal.message, Refusal.UNKNOWN_SYMBOL) from refusal
        return InstrumentRules(
            instrument.symbol, instrument.lot, instrument.tick, instrument.min_quantity, instrument.min_notional, self.fee_rate
        )

    async def _keep(self, order: VenueOrder, report: VenueReport) -> bool:
        # The venue's own transaction: what it accepted stays accepted, whatever becomes of the caller. False: it came twice at once.
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        statement = insert(PaperOrder).values(
            account=order.account,
            client_order_id=order.client_order_id,
            venue_order_id=report.venue_order_id,
            status=OrderStatus.FILLED,
            report=_document_of(report),
            created_at=self._clock.now(),
        )
        async with self._database.writing() as session:
            kept = await session.execute(statement.on_conflict_do_nothing().returning(PaperOrder.venue_order_id))
            is_first = kept.first() is not None
            await session.commit()
        return is_first


def _document_of(report: VenueReport) -> dict[str, Any]:
    return {
        "venue_order_id": report.venue_order_id,
        "status": report.status.value,
        "fills": [
            {
                "trade_id": fill.trade_id,
                "quantity": fill.quantity,
                "price": fill.price,
                "fee": fill.fee,
                "fee_currency": fill.fee_currency,
                "executed_at": fill.executed_at,
            }
            for fill in report.fills
        ],
    }


def _report_of(document: dict[str, Any]) -> VenueReport:
    fills = tuple(
        VenueFill(
            trade_id=fill["trade_id"],
            quantity=Decimal(fill["quantity"]),
            price=Decimal(fill["price"]),
            fee=Decimal(fill["fee"]),
            fee_currency=fill["fee_currency"],
            executed_at=datetime.fromisoformat(fill["executed_at"]),
        )
        for fill in document["fills"]
    )
    return VenueReport(document["venue_order_id"], VenueStatus(document["status"]), fills)
