"""A venue made of nautilus_trader's parts: its matching engine decides on each order against its own book of single orders (L3)."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from nautilus_trader.backtest.engine import OrderMatchingEngine
from nautilus_trader.backtest.models import FillModel, MakerTakerFeeModel
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import CancelOrder, ModifyOrder
from nautilus_trader.model.data import BookOrder, OrderBookDelta, QuoteTick
from nautilus_trader.model.enums import (
    AccountType,
    BookAction,
    BookType,
    LiquiditySide,
    OmsType,
    OrderSide,
    TrailingOffsetType,
    TriggerType,
)
from nautilus_trader.model.enums import TimeInForce as NautilusTimeInForce
from nautilus_trader.model.events import (
    OrderCanceled,
    OrderCancelRejected,
    OrderFilled,
    OrderModifyRejected,
    OrderRejected,
    OrderSubmitted,
)
from nautilus_trader.model.identifiers import ClientOrderId, StrategyId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.model.orders import (
    LimitIfTouchedOrder,
    LimitOrder,
    MarketIfTouchedOrder,
    MarketOrder,
    StopLimitOrder,
    StopMarketOrder,
    TrailingStopMarketOrder,
)
from nautilus_trader.model.position import Position

from domain.exchanges.orders import Amend, Cancel, Listing, Place, Tick
from domain.exchanges.venue import OrderType, Side, TimeInForce
from domain.trading.positions import Trade
from tests.differential.nautilus_position import ACCOUNT, STRATEGY, TRADER, fill_of, instrument, side_of

REFUSALS = (OrderRejected, OrderModifyRejected, OrderCancelRejected)
TIMES_IN_FORCE = {
    TimeInForce.GTC: NautilusTimeInForce.GTC,
    TimeInForce.IOC: NautilusTimeInForce.IOC,
    TimeInForce.FOK: NautilusTimeInForce.FOK,
}
ENOUGH = Decimal(10**9)


@dataclass(frozen=True, slots=True)
class Execution:
    """One side of a trade; `fee` in the quote currency."""

    order_id: str
    price: Decimal
    quantity: Decimal
    role: str
    fee: Decimal


@dataclass
class Answer:
    """What came of one command."""

    refused: bool = False
    cancelled: list[str] = field(default_factory=list)
    fills: list[Execution] = field(default_factory=list)


class NautilusVenue:
    """The parts that both venues share: the engine, its cache, and a message bus that brings every event back to its order."""

    def __init__(self, listing: Listing, book_type: BookType) -> None:
        self.digits = -int(listing.tick.as_tuple().exponent)
        self.contract = instrument(self.digits, 0, listing.contract_size, listing.tick, (listing.maker_rate, listing.taker_rate))
        clock = TestClock()
        bus = MessageBus(trader_id=TRADER, clock=clock)
        self.cache = Cache()
        self.cache.add_instrument(self.contract)
        self.engine = OrderMatchingEngine(
            instrument=self.contract,
            raw_id=0,
            fill_model=FillModel(),
            fee_model=MakerTakerFeeModel(),
            book_type=book_type,
            oms_type=OmsType.NETTING,
            account_type=AccountType.MARGIN,
            msgbus=bus,
            cache=self.cache,
            clock=clock,
            reject_stop_orders=False,
        )
        bus.register(endpoint="ExecEngine.process", handler=self.happened)
        self.answer = Answer()
        self.time = 0

    def happened(self, event: Any) -> None:
        id = event.client_order_id.value
        if isinstance(event, OrderModifyRejected | OrderCancelRejected):
            self.answer.refused = True
            return
        self.cache.order(event.client_order_id).apply(event)
        if isinstance(event, OrderRejected):
            self.answer.refused = True
        elif isinstance(event, OrderCanceled):
            self.answer.cancelled.append(id)
        elif isinstance(event, OrderFilled):
            role = "maker" if event.liquidity_side == LiquiditySide.MAKER else "taker"
            price, quantity, fee = (value.as_decimal() for value in (event.last_px, event.last_qty, event.commission))
            self.answer.fills.append(Execution(id, price, quantity, role, fee))

    def submit(self, command: Place, strategy: StrategyId = STRATEGY) -> Any:
        """Give an order to the engine and return what nautilus knows of it."""
        order = self.made(command, strategy)
        order.apply(OrderSubmitted(TRADER, strategy, self.contract.id, order.client_order_id, ACCOUNT, UUID4(), self.time, self.time))
        self.cache.add_order(order)
        self.engine.process_order(order, ACCOUNT)
        return order

    def made(self, command: Place, strategy: StrategyId) -> Any:
        values: dict[str, Any] = {
            "trader_id": TRADER,
            "strategy_id": strategy,
            "instrument_id": self.contract.id,
            "client_order_id": ClientOrderId(command.order_id),
            "order_side": side_of(command.side),
            "quantity": self.quantity(command.quantity),
            "init_id": UUID4(),
            "ts_init": self.time,
            "time_in_force": TIMES_IN_FORCE[command.time_in_force],
            "reduce_only": command.reduce_only,
        }
        if command.kind is OrderType.MARKET:
            return MarketOrder(**values)
        if command.price is not None:
            values |= {"price": self.price(command.price), "post_only": command.post_only}
        if command.kind is OrderType.LIMIT:
            return LimitOrder(**values)
        values["trigger_type"] = TriggerType.BID_ASK
        if command.kind is OrderType.TRAILING_STOP:
            offset = {"trailing_offset": command.trail, "trailing_offset_type": TrailingOffsetType.PRICE}
            return TrailingStopMarketOrder(**values, **offset, trigger_price=None)
        assert command.stop_price is not None
        values["trigger_price"] = self.price(command.stop_price)
        if command.kind is OrderType.TAKE_PROFIT:
            return MarketIfTouchedOrder(**values) if command.price is None else LimitIfTouchedOrder(**values)
        return StopLimitOrder(**values) if command.kind is OrderType.STOP_LIMIT else StopMarketOrder(**values)

    def modify(self, command: Amend) -> None:
        self.engine.process_modify(
            ModifyOrder(
                TRADER,
                STRATEGY,
                self.contract.id,
                ClientOrderId(command.order_id),
                None,
                None if command.quantity is None else self.quantity(command.quantity),
                None if command.price is None else self.price(command.price),
                None if command.stop_price is None else self.price(command.stop_price),
                UUID4(),
                self.time,
            ),
            ACCOUNT,
        )

    def withdraw(self, command: Cancel) -> None:
        id = ClientOrderId(command.order_id)
        self.engine.process_cancel(CancelOrder(TRADER, STRATEGY, self.contract.id, id, None, UUID4(), self.time), ACCOUNT)

    def order(self, id: str) -> Any:
        return self.cache.order(ClientOrderId(id))

    def price(self, value: Decimal) -> Price:
        return Price(value, self.digits)

    def quantity(self, value: Decimal) -> Quantity:
        return Quantity(value, 0)


class OrderByOrder(NautilusVenue):
    """Several traders' orders against each other.

    nautilus matches the orders of one trader with a book that a feed of single orders describes. So every order is given to the
    engine when it comes, which fills it with what stands in the book; what it leaves goes into the book as one more order of the feed.
    Whom it met is read from the front of the book, whose order nautilus keeps, and told to the engine as that order's own fill.
    """

    def __init__(self, listing: Listing) -> None:
        super().__init__(listing, BookType.L3_MBO)
        self.book = self.engine.get_book()
        self.numbers: dict[str, int] = {}
        self.names: dict[int, str] = {}

    def place(self, command: Place) -> Answer:
        self.answer, self.time = Answer(), self.time + 1
        if not command.reduce_only:
            order = self.submit(command)
        else:
            strategy = StrategyId(f"{command.account}-1")
            position = self._position(command, strategy)
            order = self.submit(command, strategy)
            if position is not None:
                # nautilus takes the first open position of an instrument for everybody's, so each is gone before the next order.
                self._close(command, position)
        self._take_from_makers(order)
        if order.is_open:
            self.numbers[command.order_id] = number = len(self.numbers) + 1
            self.names[number] = command.order_id
            self._feed(BookAction.ADD, order)
        self.engine.iterate(self.time)
        return self.answer

    def amend(self, command: Amend) -> Answer:
        self.answer, self.time = Answer(), self.time + 1
        order = self.order(command.order_id)
        before = (order.quantity, order.price) if order is not None and order.has_price else None
        self.modify(command)
        if not self.answer.refused:
            assert before is not None
            self._take_from_makers(order)
            # How an exchange's feed tells it: an order that keeps its place is updated, one that loses it comes anew.
            if not order.is_open:
                self._feed(BookAction.DELETE, order, price=before[1])
            elif order.price == before[1] and order.quantity <= before[0]:
                self._feed(BookAction.UPDATE, order)
            else:
                self._feed(BookAction.DELETE, order, price=before[1])
                self._feed(BookAction.ADD, order)
        self.engine.iterate(self.time)
        return self.answer

    def cancel(self, command: Cancel) -> Answer:
        self.answer, self.time = Answer(), self.time + 1
        self.withdraw(command)
        if not self.answer.refused:
            self._feed(BookAction.DELETE, self.order(command.order_id))
        self.engine.iterate(self.time)
        return self.answer

    def resting(self, side: Side) -> list[tuple[str, Decimal, Decimal]]:
        """Return id, price and open quantity of what stands on one side, in the order in which it would trade."""
        levels = self.book.bids() if side is Side.BUY else self.book.asks()
        return [(self.names[each.order_id], each.price.as_decimal(), each.size.as_decimal()) for level in levels for each in level.orders()]

    def _take_from_makers(self, taker: Any) -> None:
        # A fill of one maker at a time, or of a whole price: either way the front of the queue gives.
        for fill in [fill for fill in self.answer.fills if fill.role == "taker"]:
            left = fill.quantity
            while left > 0:
                levels = self.book.asks() if taker.side == OrderSide.BUY else self.book.bids()
                front = levels[0].orders()[0]
                assert front.price.as_decimal() == fill.price
                maker = self.order(self.names[front.order_id])
                quantity = min(left, front.size.as_decimal())
                self.engine.fill_order(maker, front.price, self.quantity(quantity), LiquiditySide.MAKER)
                self._feed(BookAction.UPDATE if maker.is_open else BookAction.DELETE, maker)
                left -= quantity

    def _feed(self, action: BookAction, order: Any, price: Price | None = None) -> None:
        number = self.numbers[order.client_order_id.value]
        # A deletion names an order that may have nothing left, and nautilus wants a quantity.
        size = order.leaves_qty if action != BookAction.DELETE else self.quantity(Decimal(1))
        entry = BookOrder(order.side, price or order.price, size, number)
        self.book.apply_delta(OrderBookDelta(self.contract.id, action, entry, 0, self.time, self.time, self.time))

    def _position(self, command: Place, strategy: StrategyId) -> Position | None:
        assert command.position is not None
        if command.position == 0:
            return None
        side = Side.BUY if command.position > 0 else Side.SELL
        trade = Trade(side, abs(command.position), Decimal(1), Decimal(0))
        position = Position(self.contract, fill_of(self.contract, f"open-{self.time}", trade, strategy))
        self.cache.add_position(position, OmsType.NETTING)
        return position

    def _close(self, command: Place, position: Position) -> None:
        assert command.position is not None
        side = Side.SELL if command.position > 0 else Side.BUY
        trade = Trade(side, abs(command.position), Decimal(1), Decimal(0))
        position.apply(fill_of(self.contract, f"close-{self.time}", trade, position.strategy_id))
        self.cache.update_position(position)


class OneQuote(NautilusVenue):
    """A market that buys and sells as much as anybody wants at one price."""

    def __init__(self, listing: Listing) -> None:
        super().__init__(listing, BookType.L1_MBP)

    def place(self, command: Place) -> Answer:
        self.answer = Answer()
        self.submit(command)
        return self.answer

    def amend(self, command: Amend) -> Answer:
        self.answer = Answer()
        self.modify(command)
        return self.answer

    def cancel(self, command: Cancel) -> Answer:
        self.answer = Answer()
        self.withdraw(command)
        return self.answer

    def tick(self, command: Tick) -> Answer:
        self.answer, self.time = Answer(), self.time + 1
        price, size = self.price(command.price), self.quantity(ENOUGH)
        self.engine.process_quote_tick(QuoteTick(self.contract.id, price, price, size, size, self.time, self.time))
        return self.answer
