"""A second matching engine, written from the rules alone and as simply as possible: it trades lot by lot and looks everywhere each time.

It is slow, keeps everything in plain lists, and shares with the engine only the words (commands) and the synthetic ladder.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from domain.exchanges.liquidity import LiquidityModel, bucket_of, liquidity_of
from domain.exchanges.orders import Amend, Cancel, CancelAll, Command, Holder, Listing, Place, SetPosition, Tick
from domain.exchanges.venue import OrderType, Side, TimeInForce

BUY, SELL = Side.BUY, Side.SELL


@dataclass
class Ticket:
    """A live order."""

    id: str
    account: str
    side: Side
    kind: OrderType
    total: Decimal
    limit: Decimal | None
    stop: Decimal | None
    trail: Decimal | None
    percent: bool
    tif: TimeInForce
    expires: datetime | None
    post_only: bool
    reduce_only: bool
    asleep: bool
    time: int
    book: str
    done: Decimal = Decimal(0)

    @property
    def holder(self) -> Holder:
        return self.account, self.book

    @property
    def left(self) -> Decimal:
        return self.total - self.done


@dataclass
class Reference:
    """The naive market; `log` holds what happened: fills, ends and triggers."""

    listing: Listing
    seed: int
    model: LiquidityModel
    tickets: list[Ticket] = field(default_factory=list)
    eaten: dict[tuple[Side, Decimal], Decimal] = field(default_factory=dict)
    holds: dict[Holder, Decimal] = field(default_factory=dict)
    last: Decimal | None = None
    now: datetime | None = None
    volume: Decimal = Decimal(0)
    clock: int = 0
    trades: int = 0
    log: list[tuple[Any, ...]] = field(default_factory=list)

    def do(self, command: Command) -> bool:
        """Carry out a command; False if it is refused, and then nothing has changed."""
        before = deepcopy(self.__dict__)
        if not self.carry_out(command):
            self.__dict__ = before
            return False
        return True

    def carry_out(self, command: Command) -> bool:
        match command:
            case Place():
                return self.place(command)
            case Amend():
                return self.amend(command)
            case Cancel():
                return self.cancel(command)
            case CancelAll():
                return self.cancel_all(command)
            case Tick():
                return self.tick(command)
            case SetPosition():
                return self.hold(command)

    # commands

    def place(self, c: Place) -> bool:
        if self.find(c.order_id) or (c.expires_at and self.now and c.expires_at <= self.now):
            return False
        total, stop = c.quantity, c.stop_price
        if c.reduce_only:
            assert c.position is not None
            self.holds[c.holder] = c.position
            self.shrink(c.holder)
            total = min(total, self.may_reduce(c.holder, c.side))
            if total <= 0:
                return False
        if c.kind is OrderType.TRAILING_STOP:
            if self.last is None:
                return False
            stop = self.behind(c.side, c.trail, c.trail_is_percent)
        asleep = c.kind not in (OrderType.MARKET, OrderType.LIMIT)
        ticket = Ticket(
            c.order_id,
            c.account,
            c.side,
            c.kind,
            total,
            c.price,
            stop,
            c.trail,
            c.trail_is_percent,
            c.time_in_force,
            c.expires_at,
            c.post_only,
            c.reduce_only,
            asleep,
            self.next_time(),
            c.book,
        )
        if not asleep and c.post_only and self.counterparty(ticket) is not None:
            return False
        self.arrive(ticket)
        return True

    def amend(self, c: Amend) -> bool:
        t = self.find(c.order_id)
        if t is None or (c.quantity is not None and c.quantity < t.done):
            return False
        if (c.price is not None and t.limit is None) or (c.stop_price is not None and (not t.asleep or t.kind is OrderType.TRAILING_STOP)):
            return False
        if c.quantity is None and c.price is None and c.stop_price is None:
            return False
        was = (t.total, t.limit, t.stop)
        t.total = t.total if c.quantity is None else c.quantity
        if t.reduce_only:
            t.total = min(t.total, t.done + self.may_reduce(t.holder, t.side))
        t.limit = t.limit if c.price is None else c.price
        t.stop = t.stop if c.stop_price is None else c.stop_price
        if t.left == 0:
            self.end(t, "filled", None)
            return True
        if t.total > was[0] or t.limit != was[1] or t.stop != was[2]:
            t.time = self.next_time()
            if t.post_only and not t.asleep and self.counterparty(t) is not None:
                return False
            self.tickets.remove(t)
            self.arrive(t)
        return True

    def cancel(self, c: Cancel) -> bool:
        t = self.find(c.order_id)
        if t is None:
            return False
        self.end(t, "cancelled", c.reason.value)
        return True

    def cancel_all(self, c: CancelAll) -> bool:
        for t in sorted(self.tickets, key=lambda t: t.time):
            if t.account == c.account:
                self.end(t, "cancelled", c.reason.value)
        return True

    def hold(self, c: SetPosition) -> bool:
        self.holds[c.account, c.book] = c.position
        self.shrink((c.account, c.book))
        return True

    def tick(self, c: Tick) -> bool:
        now = c.at if self.now is None else max(self.now, c.at)
        if self.now is not None and bucket_of(self.now, self.model) != bucket_of(now, self.model):
            self.eaten = {}
        self.now, self.last, self.volume = now, c.price, c.volume
        for t in sorted(self.tickets, key=lambda t: t.time):
            if t.expires and t.expires <= now:
                self.end(t, "expired", "expired")
        while (pair := self.reached_by_market()) is not None:
            t, level = pair
            self.eat(t.side.opposite, level)
            assert t.limit is not None
            self.fill(t, t.limit, "maker", None)
            self.leave_if_done(t)
            self.shrink(t.holder)
        for t in self.tickets:
            if t.kind is OrderType.TRAILING_STOP:
                behind = self.behind(t.side, t.trail, t.percent)
                assert t.stop is not None
                t.stop = max(t.stop, behind) if t.side is SELL else min(t.stop, behind)
        awake = [t for t in self.tickets if t.asleep and self.touched(t)]
        # The path from the old price to the new one passes the furthest stop first.
        for t in sorted(awake, key=lambda t: (-abs(t.stop - c.price), t.time)):  # type: ignore[operator]
            if t in self.tickets:
                self.wake(t)
        return True

    # rules

    def touched(self, t: Ticket) -> bool:
        assert self.last is not None and t.stop is not None
        if t.kind is OrderType.TAKE_PROFIT:
            return self.last <= t.stop if t.side is BUY else self.last >= t.stop
        return self.last >= t.stop if t.side is BUY else self.last <= t.stop

    def behind(self, side: Side, trail: Decimal | None, percent: bool) -> Decimal:
        assert trail is not None and self.last is not None
        distance = abs(self.last) * trail / 100 if percent else trail
        return self.down(self.last - distance) if side is SELL else -self.down(-(self.last + distance))

    def down(self, value: Decimal) -> Decimal:
        whole = value // self.listing.tick
        return (whole if whole * self.listing.tick <= value else whole - 1) * self.listing.tick

    def wake(self, t: Ticket) -> None:
        self.tickets.remove(t)
        self.log.append(("triggered", t.id))
        t.asleep, t.time = False, self.next_time()
        if t.post_only and self.counterparty(t) is not None:
            self.end(t, "cancelled", "post_only")
        else:
            self.arrive(t)

    def arrive(self, t: Ticket) -> None:
        if t.asleep:
            self.tickets.append(t)
            if self.last is not None and self.touched(t):
                self.wake(t)
            return
        if t.tif is TimeInForce.FOK:
            trial = deepcopy(self)
            twin = deepcopy(t)
            met = trial.trade(twin)
            if twin.left > 0:
                self.end(t, "cancelled", "self_match" if met else "fok")
                return
        met = self.trade(t)
        if t.left == 0:
            self.end(t, "filled", None)
        elif met:
            self.end(t, "cancelled", "self_match")
        elif t.limit is None:
            self.end(t, "cancelled", "no_liquidity")
        elif t.tif is TimeInForce.IOC:
            self.end(t, "cancelled", "ioc")
        else:
            self.tickets.append(t)

    def trade(self, t: Ticket) -> bool:
        """Trade lot by lot; True if the order then meets one of its own account."""
        while t.left > 0 and (other := self.counterparty(t)) is not None:
            if isinstance(other, Ticket):
                if other.account == t.account:
                    return True
                assert other.limit is not None
                self.fill(other, other.limit, "maker", t.id)
                self.leave_if_done(other)
                self.shrink(other.holder)
                self.fill(t, other.limit, "taker", other.id)
            else:
                self.eat(t.side.opposite, other)
                self.fill(t, other, "taker", None)
            self.shrink(t.holder)
        return False

    def counterparty(self, t: Ticket) -> Ticket | Decimal | None:
        """Return the order or the price of the synthetic book that this order trades with next."""
        candidates: list[tuple[Decimal, int, int, Ticket | Decimal]] = [
            (x.limit * t.side.sign, 0, x.time, x) for x in self.tickets if x.side is not t.side and not x.asleep and x.limit is not None
        ]
        candidates += [(price * t.side.sign, 1, 0, price) for price in self.ladder(t.side.opposite)]
        limit = t.limit if t.limit is not None else self.end_of_market(t.side.opposite)
        if limit is not None:
            candidates = [x for x in candidates if x[0] <= limit * t.side.sign]
        return min(candidates, key=lambda x: x[:3])[3] if candidates else None

    def reached_by_market(self) -> tuple[Ticket, Decimal] | None:
        for side in (BUY, SELL):
            resting = [x for x in self.tickets if x.side is side and not x.asleep and x.limit is not None]
            for t in sorted(resting, key=lambda x: (-x.limit * side.sign, x.time)):  # type: ignore[operator]
                levels = [price for price in self.ladder(side.opposite) if (t.limit - price) * side.sign >= 0]  # type: ignore[operator]
                if levels:
                    return t, min(levels, key=lambda price: price * side.sign)
        return None

    def ladder(self, side: Side) -> list[Decimal]:
        if self.last is None or self.now is None:
            return []
        both = liquidity_of(self.listing, self.last, self.now, self.seed, self.volume, self.model)
        levels = both.bids if side is BUY else both.asks
        return [level.price for level in levels if level.quantity > self.eaten.get((side, level.price), 0)]

    def end_of_market(self, side: Side) -> Decimal | None:
        if self.last is None or self.now is None:
            return None
        endless = liquidity_of(self.listing, self.last, self.now, self.seed, Decimal(10**6), self.model)
        return (endless.bids if side is BUY else endless.asks)[-1].price

    def eat(self, side: Side, price: Decimal) -> None:
        self.eaten[side, price] = self.eaten.get((side, price), Decimal(0)) + self.listing.lot

    def fill(self, t: Ticket, price: Decimal, role: str, other: str | None) -> None:
        t.done += self.listing.lot
        if t.holder in self.holds:
            self.holds[t.holder] += t.side.sign * self.listing.lot
        self.log.append(("fill", t.id, price, self.listing.lot, role, other))

    def may_reduce(self, holder: Holder, side: Side) -> Decimal:
        return max(-side.sign * self.holds[holder], Decimal(0))

    def shrink(self, holder: Holder) -> None:
        for t in sorted(self.tickets, key=lambda t: t.time):
            if t.holder == holder and t.reduce_only and holder in self.holds:
                allowed = self.may_reduce(holder, t.side)
                if allowed == 0:
                    self.end(t, "cancelled", "reduce_only")
                elif t.left > allowed:
                    t.total = t.done + allowed

    def leave_if_done(self, t: Ticket) -> None:
        if t.left == 0:
            self.end(t, "filled", None)

    def end(self, t: Ticket, status: str, reason: str | None) -> None:
        self.tickets = [x for x in self.tickets if x.id != t.id]
        self.log.append(("end", t.id, status, reason))

    def find(self, id: str) -> Ticket | None:
        return next((t for t in self.tickets if t.id == id), None)

    def next_time(self) -> int:
        self.clock += 1
        return self.clock

    def fills(self) -> list[tuple[Any, ...]]:
        """Return the fills, those of one order by one counterparty at one price in a row added up."""
        merged: list[list[Any]] = []
        open_rows: dict[str, list[Any]] = {}
        for entry in self.log:
            if entry[0] != "fill":
                continue
            _, id, price, lot, role, other = entry
            row = open_rows.get(id)
            if row is not None and (row[1], row[3], row[4]) == (price, role, other):
                row[2] += lot
            else:
                row = [id, price, lot, role, other]
                open_rows[id] = row
                merged.append(row)
        return [tuple(row) for row in merged]
