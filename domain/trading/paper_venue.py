"""The paper venue: orders trade in a book of its own, around the market's price; everything it took stays on record."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, localcontext

from sqlalchemy import Select, select

from domain.exchanges.book import Book
from domain.exchanges.liquidity import DEFAULT_MODEL, LiquidityModel
from domain.exchanges.orders import Amend, Cancel, Command, Listing, Place, Reason, Rejected, Tick
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
    VenueTrade,
    VenueUnavailable,
)
from domain.kernel.clock import Clock
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.ids import new_id
from domain.kernel.money import EXACT, Toward, plain
from domain.market import candles
from domain.market.instruments import Instrument, find_instrument
from domain.market.market import Market
from domain.runtime.database import Database
from domain.trading.paper_books import Outcomes, PaperBooks
from domain.trading.paper_models import PaperFill, PaperOrder

FEE_RATE = Decimal("0.001")
# One side of a market offers about this part of what is traded in a day.
VOLUME_SHARE = Decimal("0.01")
# What it offers where the source records no volumes, in the quote currency.
UNRECORDED_VALUE = Decimal(1_000_000)

REFUSALS = {
    Reason.UNKNOWN_ORDER: Refusal.ORDER_NOT_FOUND,
    Reason.POST_ONLY: Refusal.POST_ONLY,
    Reason.REDUCE_ONLY: Refusal.REDUCE_ONLY,
}


class PaperVenue:
    """Matches orders of all accounts with each other and with the rest of the market, as `model` has it.

    What the rest of the market offers on each side adds up to about 1 % of the volume of the last 24 closed hours. The fee is the
    absolute value of a fill times `maker_rate` or `taker_rate`, in the quote currency. Quantities are cut to whole lots, limits rounded
    to the tick in the order's favour, and stops away from the market. An order is known by (account, client order id), and placing it
    again returns how it stands.

    Time stands still in a book until somebody asks: every call brings it to the present first. While the market does not answer,
    nothing can be placed, and everything else is answered from what is on record.
    """

    name = "paper"
    call_seconds = 2.0
    sync_seconds = 1.0
    abilities = frozenset({Ability.AMEND, Ability.CANCEL, Ability.LEVERAGE, Ability.OPEN_ORDERS, Ability.RULES})

    def __init__(
        self,
        market: Market,
        database: Database,
        clock: Clock,
        model: LiquidityModel = DEFAULT_MODEL,
        *,
        maker_rate: Decimal = FEE_RATE,
        taker_rate: Decimal = FEE_RATE,
        seed: int = 0,
    ) -> None:
        self._market, self._database, self._clock, self._model = market, database, clock, model
        self.maker_rate, self.taker_rate, self._seed = maker_rate, taker_rate, seed
        self._books = PaperBooks(database, clock, self._empty_book)
        # The price with which each book was last looked at: the market remembers one for a moment, and asks no more of it.
        self._seen: dict[str, candles.Tick] = {}

    def supports(self, order_type: OrderType) -> bool:
        return True

    def known_as(self, account: str, client_order_id: str) -> str:
        return client_order_id

    def estimate(self, symbol: str, side: Side, quantity: Decimal, price: Decimal) -> Estimate:
        """Return the worst price at which a market order trades while the market stands at `price`, and the fee there."""
        listing = self._listing(find_instrument(symbol))
        with localcontext(EXACT):
            worst = self._model.worst_price(listing, side.opposite, price)
            return Estimate(worst, abs(quantity * worst * listing.contract_size) * self.taker_rate)

    async def place(self, order: VenueOrder) -> VenueReport:
        earlier = await self._report(order.account, order.client_order_id)
        if earlier is not None:
            return earlier
        instrument = _instrument(order.symbol)
        _, tick = await self._look(instrument)
        command = _placing(instrument, order, tick.price)
        outcomes = await self._send(instrument.symbol, tick, command, client_order_id=order.client_order_id)
        if outcomes is not None:
            _raise_if_refused(outcomes)
        return await self._known_report(order.account, order.client_order_id)

    async def find(self, account: str, client_order_id: str, symbol: str) -> VenueReport | None:
        row = await self._row(account, client_order_id)
        if row is not None and row.ended_at is None:
            await self._bring_to_present([row.symbol])
        return await self._report(account, client_order_id)

    async def cancel(self, account: str, client_order_id: str, symbol: str) -> VenueReport:
        row = await self._row(account, client_order_id)
        if row is None:
            raise VenueRejected("The paper venue has no such order", Refusal.ORDER_NOT_FOUND)
        if row.ended_at is None:
            # Refused, it was filled or had run out at this very moment.
            await self._send(row.symbol, *await self._moment(row.symbol), Cancel(row.id))
        return await self._known_report(account, client_order_id)

    async def amend(
        self,
        account: str,
        client_order_id: str,
        symbol: str,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        stop_price: Decimal | None = None,
    ) -> VenueReport:
        row = await self._row(account, client_order_id)
        if row is None or row.ended_at is not None:
            raise VenueRejected("No such order rests on the paper venue", Refusal.ORDER_NOT_FOUND)
        _check_numbers(quantity, price, stop_price)
        instrument, moment = find_instrument(row.symbol), await self._moment(row.symbol)
        amend = Amend(
            row.id,
            None if quantity is None else instrument.round_quantity(quantity),
            _limit(instrument, row.side, price),
            _stop(instrument, row.side, row.order_type, stop_price),
        )
        outcomes = await self._send(row.symbol, *moment, amend)
        assert outcomes is not None
        _raise_if_refused(outcomes)
        return await self._known_report(account, client_order_id)

    async def open_orders(self, account: str, symbol: str | None = None) -> tuple[VenueOpenOrder, ...]:
        live = select(PaperOrder).where(PaperOrder.account == account, PaperOrder.ended_at.is_(None))
        if symbol is not None:
            live = live.where(PaperOrder.symbol == _instrument(symbol).symbol)
        async with self._database.reading() as session:
            symbols = (await session.scalars(live.with_only_columns(PaperOrder.symbol).distinct())).all()
        await self._bring_to_present(symbols)
        async with self._database.reading() as session:
            rows = (await session.scalars(live.order_by(PaperOrder.id))).all()
        return tuple(VenueOpenOrder(row.id, row.client_order_id, row.symbol, row.side, row.quantity, row.filled, row.price) for row in rows)

    async def trades(self, account: str, symbol: str, since: datetime) -> tuple[VenueTrade, ...]:
        raise VenueRejected("On the paper venue nobody trades but through us", Refusal.NOT_SUPPORTED)

    async def balances(self, account: str) -> tuple[VenueBalance, ...]:
        raise VenueRejected("The paper venue keeps no accounts: our ledger is the only one", Refusal.NOT_SUPPORTED)

    async def rules(self, symbol: str) -> InstrumentRules:
        instrument = _instrument(symbol)
        return InstrumentRules(
            instrument.symbol, instrument.lot, instrument.tick, instrument.min_quantity, instrument.min_notional, self.taker_rate
        )

    # books and the market around them

    def _listing(self, instrument: Instrument) -> Listing:
        return Listing(
            instrument.symbol,
            instrument.tick,
            instrument.lot,
            instrument.contract_size,
            instrument.allow_negative_price,
            self.maker_rate,
            self.taker_rate,
        )

    def _empty_book(self, symbol: str) -> Book:
        return Book(self._listing(find_instrument(symbol)), self._seed, self._model)

    async def _look(self, instrument: Instrument) -> tuple[candles.Tick, Tick]:
        # How the market stands now, in its own words and in those of a book.
        try:
            seen = await self._market.price(instrument.symbol)
            volume = await self._market.day_volume(instrument.symbol)
        except DomainError as refusal:
            if refusal.code is ErrorCode.MARKET_UNAVAILABLE:
                raise VenueUnavailable(refusal.message, may_have_been_accepted=False) from refusal
            raise VenueRejected(refusal.message) from refusal
        with localcontext(EXACT):
            offered = volume / instrument.contract_size * VOLUME_SHARE
            if volume == 0:
                offered = UNRECORDED_VALUE / (max(abs(seen.price), instrument.tick) * instrument.contract_size)
            offered = instrument.round_quantity(offered)
        return seen, Tick(seen.price, self._clock.now(), max(offered, instrument.lot))

    async def _moment(self, symbol: str) -> tuple[Tick, ...]:
        # Nothing while the market is silent: what rests can be taken back and changed all the same.
        try:
            return ((await self._look(find_instrument(symbol)))[1],)
        except VenueUnavailable:
            return ()

    async def _bring_to_present(self, symbols: Iterable[str]) -> None:
        async def bring(symbol: str) -> None:
            try:
                seen, tick = await self._look(find_instrument(symbol))
            except VenueUnavailable:
                return
            if self._seen.get(symbol) is not seen:
                await self._books.bring_to(symbol, tick)
                self._seen[symbol] = seen

        await asyncio.gather(*(bring(symbol) for symbol in symbols))

    async def _send(self, symbol: str, *commands: Command, client_order_id: str | None = None) -> Outcomes | None:
        self._seen.pop(symbol, None)
        return await self._books.send(symbol, *commands, client_order_id=client_order_id)

    # what is on record

    async def _row(self, account: str, client_order_id: str) -> PaperOrder | None:
        async with self._database.reading() as session:
            return await session.scalar(_order(account, client_order_id))

    async def _report(self, account: str, client_order_id: str) -> VenueReport | None:
        async with self._database.reading() as session:
            row = await session.scalar(_order(account, client_order_id))
            if row is None:
                return None
            fills = await session.scalars(select(PaperFill).where(PaperFill.order_id == row.id).order_by(PaperFill.trade))
            return VenueReport(
                row.id, row.status, tuple(_fill(fill) for fill in fills), row.reason, row.quantity, row.price, row.stop_price
            )

    async def _known_report(self, account: str, client_order_id: str) -> VenueReport:
        report = await self._report(account, client_order_id)
        assert report is not None
        return report


def _order(account: str, client_order_id: str) -> Select[PaperOrder]:
    return select(PaperOrder).where(PaperOrder.account == account, PaperOrder.client_order_id == client_order_id)


def _fill(row: PaperFill) -> VenueFill:
    return VenueFill(row.id, row.quantity, row.price, row.fee, row.fee_currency, row.executed_at, row.is_maker)


def _instrument(symbol: str) -> Instrument:
    try:
        return find_instrument(symbol)
    except DomainError as refusal:
        raise VenueRejected(refusal.message, Refusal.UNKNOWN_SYMBOL) from refusal


def _placing(instrument: Instrument, order: VenueOrder, market_price: Decimal) -> Place:
    _check_numbers(order.quantity, order.price, order.stop_price, order.trail, order.position)
    quantity = instrument.round_quantity(order.quantity)
    price = _limit(instrument, order.side, order.price)
    stop_price = _stop(instrument, order.side, order.order_type, order.stop_price)
    if quantity < instrument.min_quantity:
        raise VenueRejected(f"The smallest quantity is {plain(instrument.min_quantity)}", Refusal.BELOW_MINIMUM)
    value = abs(instrument.notional(quantity, market_price if price is None else price))
    # What is left of a position can be closed however little it is worth.
    if value < instrument.min_notional and not order.reduce_only:
        raise VenueRejected(f"An order must be worth {plain(instrument.min_notional)} {instrument.quote}", Refusal.BELOW_MINIMUM)
    return Place(
        order_id=new_id("paper"),
        account=order.account,
        side=order.side,
        kind=order.order_type,
        quantity=quantity,
        price=price,
        stop_price=stop_price,
        trail=order.trail,
        trail_is_percent=order.trail_is_percent,
        time_in_force=order.time_in_force,
        expires_at=order.expires_at,
        post_only=order.post_only,
        # Without a position to hold it against, the word of whoever places it must do.
        reduce_only=order.reduce_only and order.position is not None,
        position=order.position,
        book=order.book,
    )


def _check_numbers(*numbers: Decimal | None) -> None:
    if not all(number is None or number.is_finite() for number in numbers):
        raise VenueRejected("Quantities and prices are numbers", Refusal.INVALID_ORDER)


def _limit(instrument: Instrument, side: Side, price: Decimal | None) -> Decimal | None:
    return _to_tick(instrument, price, "floor" if side is Side.BUY else "ceiling")


def _stop(instrument: Instrument, side: Side, order_type: OrderType, stop_price: Decimal | None) -> Decimal | None:
    # A target of a sale and a stop of a purchase lie above the price.
    above = (side is Side.BUY) is not (order_type is OrderType.TAKE_PROFIT)
    return _to_tick(instrument, stop_price, "ceiling" if above else "floor")


def _to_tick(instrument: Instrument, price: Decimal | None, toward: Toward) -> Decimal | None:
    return None if price is None else instrument.round_price(price, toward)


def _raise_if_refused(outcomes: Outcomes) -> None:
    for event in outcomes[-1]:
        if isinstance(event, Rejected):
            raise VenueRejected(event.message, REFUSALS.get(event.reason, Refusal.INVALID_ORDER))
