"""The engine against everything that must always hold, and against a second engine written from the rules."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.exchanges.book import Book, depth, with_orders
from domain.exchanges.liquidity import BookLiquidity
from domain.exchanges.matching import apply
from domain.exchanges.orders import (
    Accepted,
    Amend,
    Amended,
    Cancel,
    CancelAll,
    Closed,
    Command,
    Event,
    Filled,
    Holder,
    Liquidity,
    Listing,
    Place,
    Reason,
    Rejected,
    SetPosition,
    Tick,
    Triggered,
)
from domain.exchanges.venue import OrderType, Side, TimeInForce, VenueStatus
from tests.domain.exchanges.reference import Reference

# Few prices, some of them negative, and few levels: orders meet often.
LISTING = Listing(
    symbol="POWER",
    tick=Decimal("0.5"),
    lot=Decimal(1),
    contract_size=Decimal(10),
    allow_negative_price=True,
    maker_rate=Decimal("0.0002"),
    taker_rate=Decimal("0.001"),
)
MODEL = BookLiquidity(depth=4, step_rate=Decimal("0.01"), growth=3, refill=timedelta(minutes=1))
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SEED = 11

accounts = st.sampled_from(["ann", "bob", "cem"])
books = st.sampled_from(["", "", "swing"])
sides = st.sampled_from(Side)
prices = st.integers(-4, 10).map(lambda ticks: Decimal(ticks) / 2)
quantities = st.integers(1, 12).map(Decimal)
seconds = st.integers(0, 90)
trails = st.one_of(
    st.tuples(st.integers(1, 4).map(lambda ticks: Decimal(ticks) / 2), st.just(False)),
    st.tuples(st.integers(1, 60).map(Decimal), st.just(True)),
)


class Engine(RuleBasedStateMachine):
    """Sends the same commands to the engine, to the engine put together anew from its parts, and to the reference."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book(LISTING, SEED, MODEL)
        self.reference = Reference(LISTING, SEED, MODEL)
        self.now, self.price = START, Decimal(2)
        self.placed: dict[str, Place] = {}
        self.limits: dict[str, Decimal | None] = {}
        self.totals: dict[str, Decimal] = {}
        self.filled: dict[str, Decimal] = defaultdict(Decimal)
        self.ended: set[str] = set()
        self.held: dict[Holder, Decimal] = defaultdict(Decimal)
        self.taker_total = self.maker_total = Decimal(0)

    # commands

    @initialize(volume=st.integers(0, 40))
    def open_the_market(self, volume: int) -> None:
        if volume:
            self.send(Tick(self.price, self.now, Decimal(volume)))

    @rule(
        account=accounts,
        side=sides,
        kind=st.sampled_from(OrderType),
        quantity=quantities,
        price=prices,
        stop=prices,
        with_price=st.booleans(),
        trail=trails,
        time_in_force=st.sampled_from(TimeInForce),
        expires_in=st.integers(1, 200),
        post_only=st.booleans(),
        reduce_only=st.sampled_from([False, False, True]),
        book=books,
    )
    def place(
        self,
        account: str,
        side: Side,
        kind: OrderType,
        quantity: Decimal,
        price: Decimal,
        stop: Decimal,
        with_price: bool,
        trail: tuple[Decimal, bool],
        time_in_force: TimeInForce,
        expires_in: int,
        post_only: bool,
        reduce_only: bool,
        book: str = "",
    ) -> None:
        has_price = kind in (OrderType.LIMIT, OrderType.STOP_LIMIT) or (kind is OrderType.TAKE_PROFIT and with_price)
        follows = kind is OrderType.TRAILING_STOP
        command = Place(
            order_id=f"order_{len(self.placed)}",
            account=account,
            side=side,
            kind=kind,
            quantity=quantity,
            price=price if has_price else None,
            stop_price=stop if kind in (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT) else None,
            trail=trail[0] if follows else None,
            trail_is_percent=trail[1] if follows else False,
            time_in_force=time_in_force,
            expires_at=self.now + timedelta(seconds=expires_in) if time_in_force in (TimeInForce.DAY, TimeInForce.GTD) else None,
            post_only=post_only and has_price and time_in_force not in (TimeInForce.IOC, TimeInForce.FOK),
            reduce_only=reduce_only,
            position=self.held[account, book] if reduce_only else None,
            book=book,
        )
        self.placed[command.order_id] = command
        self.limits[command.order_id] = command.price
        self.send(command)

    @rule(account=accounts, side=sides, quantity=quantities, price=prices)
    def rest(self, account: str, side: Side, quantity: Decimal, price: Decimal) -> None:
        """Place what fills books best: a plain limit order."""
        self.place(account, side, OrderType.LIMIT, quantity, price, price, True, (Decimal(1), False), TimeInForce.GTC, 1, False, False)

    @rule(account=accounts, book=books, quantity=quantities, price=prices, as_stop=st.booleans())
    def protect(self, account: str, book: str, quantity: Decimal, price: Decimal, as_stop: bool) -> None:
        """Place a reduce-only order against what the account holds: the way in which brackets come about."""
        side, kind = Side.BUY if self.held[account, book] < 0 else Side.SELL, OrderType.STOP if as_stop else OrderType.LIMIT
        self.place(account, side, kind, quantity, price, price, True, (Decimal(1), False), TimeInForce.GTC, 1, False, True, book)

    @precondition(lambda self: self.book.orders)
    @rule(
        number=st.integers(0, 30),
        quantity=st.none() | quantities,
        price=st.none() | prices,
        stop=st.none() | prices,
    )
    def amend(self, number: int, quantity: Decimal | None, price: Decimal | None, stop: Decimal | None) -> None:
        self.send(Amend(self.some_order(number), quantity, price, stop))

    @precondition(lambda self: self.book.orders)
    @rule(number=st.integers(0, 30), reason=st.sampled_from([Reason.USER, Reason.SYSTEM]))
    def cancel(self, number: int, reason: Reason) -> None:
        self.send(Cancel(self.some_order(number), reason))

    @precondition(lambda self: len(self.book.orders) > 4)
    @rule(account=accounts)
    def cancel_all(self, account: str) -> None:
        self.send(CancelAll(account))

    @rule(move=st.integers(-3, 3), later=seconds, volume=st.integers(0, 40))
    def tick(self, move: int, later: int, volume: int) -> None:
        self.now += timedelta(seconds=later)
        self.price = min(max(self.price + Decimal(move) / 2, Decimal(-3)), Decimal(6))
        self.send(Tick(self.price, self.now, Decimal(volume)))

    @rule(account=accounts, book=books, position=st.integers(-12, 12).map(Decimal))
    def set_position(self, account: str, book: str, position: Decimal) -> None:
        self.held[account, book] = position
        self.send(SetPosition(account, position, book))

    # what must hold

    def send(self, command: Command) -> None:
        before, orders = self.book, dict(self.book.orders)
        after, events = apply(before, command)
        assert before.orders == orders, "a command changed the book that it was given"
        if events and isinstance(events[0], Rejected):
            assert after is before and len(events) == 1
        assert apply(with_orders(replace(before, orders={}, bids=(), asks=()), orders.values()), command) == (after, events)
        # What was stored before, with the orders that events name, is the book: nothing else needs to be written.
        named = {event.order_id for event in events}
        live = [order for id, order in after.orders.items() if id in named]
        assert with_orders(replace(after, orders=orders, bids=before.bids, asks=before.asks), live, named) == after
        self.compare_with_reference(command, after, events)
        self.book = after
        self.check_events(before, command, events)

    def compare_with_reference(self, command: Command, after: Book, events: tuple[Event, ...]) -> None:
        self.reference.log = []
        taken = self.reference.do(command)
        assert taken is not (bool(events) and isinstance(events[0], Rejected)), (command, events)
        fills = [(e.order_id, e.price, e.quantity, e.liquidity.value, e.synthetic) for e in events if isinstance(e, Filled)]
        assert fills == [(id, price, lots, role, other is None) for id, price, lots, role, other in self.reference.fills()]
        # Lot by lot, a shrinking position ends a reduce-only order before the trade that shrinks it is over; here, after it.
        ends = [(e.order_id, e.status.value, e.reason and e.reason.value) for e in events if isinstance(e, Closed)]
        assert sorted(ends) == sorted(entry[1:] for entry in self.reference.log if entry[0] == "end")
        woken = [e.order_id for e in events if isinstance(e, Triggered)]
        assert woken == [entry[1] for entry in self.reference.log if entry[0] == "triggered"]
        ours = {id: (o.quantity, o.filled, o.price, o.stop_price, o.waiting) for id, o in after.orders.items()}
        assert ours == {t.id: (t.total, t.done, t.limit, t.stop, t.asleep) for t in self.reference.tickets}
        by_time = sorted(after.orders.values(), key=lambda order: order.sequence)
        assert [order.id for order in by_time] == [t.id for t in sorted(self.reference.tickets, key=lambda t: t.time)]

    def check_events(self, before: Book, command: Command, events: tuple[Event, ...]) -> None:
        sides_of_trade: dict[int, list[Filled]] = defaultdict(list)
        filled_now: dict[str, Decimal] = defaultdict(Decimal)
        for event in events:
            match event:
                case Accepted(id, quantity):
                    self.totals[id] = quantity
                case Amended(id, quantity, price):
                    self.totals[id], self.limits[id] = quantity, price
                case Filled():
                    sides_of_trade[event.trade].append(event)
                    filled_now[event.order_id] += event.quantity
                    self.check_fill(event)
                case Closed(id, status, reason):
                    assert id not in self.ended
                    self.ended.add(id)
                    assert (status is VenueStatus.FILLED) is (reason is None)
                    assert (self.filled[id] == self.totals[id]) is (status is VenueStatus.FILLED)
        assert list(sides_of_trade) == list(range(before.trades + 1, self.book.trades + 1))
        self.check_trades(sides_of_trade)
        for id, quantity in filled_now.items():
            if self.placed[id].time_in_force is TimeInForce.FOK:
                assert quantity == self.totals[id]

    def check_fill(self, fill: Filled) -> None:
        order, limit = self.placed[fill.order_id], self.limits[fill.order_id]
        assert fill.order_id not in self.ended and fill.quantity > 0 and fill.account == order.account and fill.side is order.side
        assert limit is None or (fill.price - limit) * order.side.sign <= 0
        assert not (order.post_only and fill.liquidity is Liquidity.TAKER)
        rate = LISTING.taker_rate if fill.liquidity is Liquidity.TAKER else LISTING.maker_rate
        assert fill.fee == abs(fill.quantity * fill.price * 10) * rate
        self.filled[fill.order_id] += fill.quantity
        assert fill.remaining == self.totals[fill.order_id] - self.filled[fill.order_id] >= 0
        held = self.held[order.holder]
        self.held[order.holder] += order.side.sign * fill.quantity
        if order.reduce_only:
            assert held * order.side.sign < 0 and held * self.held[order.holder] >= 0

    def check_trades(self, trades: dict[int, list[Filled]]) -> None:
        previous: dict[str, Decimal] = {}
        for number in sorted(trades):
            first, *second = trades[number]
            if second:
                assert first.liquidity is Liquidity.MAKER and [other.liquidity for other in second] == [Liquidity.TAKER]
                assert first.account != second[0].account and first.side is not second[0].side
                assert (first.price, first.quantity) == (second[0].price, second[0].quantity)
                assert not first.synthetic and not second[0].synthetic
                assert first.price == self.limits[first.order_id]
            else:
                assert first.synthetic
            taker = next((fill for fill in trades[number] if fill.liquidity is Liquidity.TAKER), None)
            if taker is not None:
                # An incoming order takes the better price first.
                assert (taker.price - previous.get(taker.order_id, taker.price)) * taker.side.sign >= 0
                previous[taker.order_id] = taker.price
            for fill in trades[number]:
                if fill.liquidity is Liquidity.TAKER:
                    self.taker_total += fill.quantity
                    self.maker_total += fill.quantity if fill.synthetic else 0
                else:
                    self.maker_total += fill.quantity
                    self.taker_total += fill.quantity if fill.synthetic else 0

    def some_order(self, number: int) -> str:
        # Mostly a live one; else one that has ended or never was.
        live = sorted(self.book.orders)
        return live[number % len(live)] if live and number < 25 else f"order_{number}"

    @invariant()
    def takers_took_what_makers_gave(self) -> None:
        assert self.taker_total == self.maker_total

    @invariant()
    def every_order_adds_up(self) -> None:
        for id, order in self.book.orders.items():
            assert order.filled == self.filled[id] and order.quantity == self.totals[id] and order.remaining > 0 and id not in self.ended

    @invariant()
    def positions_are_known_while_they_are_needed(self) -> None:
        protected = {order.holder for order in self.book.orders.values() if order.reduce_only}
        assert self.book.positions == {holder: self.held[holder] for holder in protected}

    @invariant()
    def nothing_that_could_trade_rests(self) -> None:
        bids, asks = (depth(self.book, side) for side in Side)
        assert not bids or not asks or bids[0].price < asks[0].price

    @invariant()
    def ranks_are_in_price_time_priority(self) -> None:
        for side, ranks in ((Side.BUY, self.book.bids), (Side.SELL, self.book.asks)):
            resting = [order for order in self.book.orders.values() if order.side is side and not order.waiting]
            wanted = sorted(resting, key=lambda order: (-(order.price or 0) * order.side.sign, order.sequence))
            assert [id for _, _, id in ranks] == [order.id for order in wanted]


Engine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestEngine = Engine.TestCase
