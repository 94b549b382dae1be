"""A book while one command changes it: how orders trade, rest, wake up and leave."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from domain.exchanges.book import Book, Rank, offers, rank_of
from domain.exchanges.liquidity import Level
from domain.exchanges.orders import (
    ZERO,
    Amended,
    BookOrder,
    Closed,
    Event,
    Filled,
    Holder,
    Liquidity,
    Reason,
    StopMoved,
    Triggered,
)
from domain.exchanges.shapes import Refused
from domain.exchanges.triggers import followed, is_reached
from domain.exchanges.venue import OrderType, Side, TimeInForce, VenueStatus


class _Step(NamedTuple):
    # One trade that an incoming order is about to make; without a maker it is one with the synthetic book.
    maker: str | None
    price: Decimal
    quantity: Decimal


class Turn:
    """Copies of all that a book holds, so a command refused halfway leaves the book as it was; used within the EXACT context."""

    def __init__(self, book: Book) -> None:
        self.book, self.listing = book, book.listing
        self.market, self.sequence, self.trades = book.market, book.sequence, book.trades
        self.orders, self.taken, self.positions = dict(book.orders), dict(book.taken), dict(book.positions)
        self.ranks: dict[Side, list[Rank]] = {Side.BUY: list(book.bids), Side.SELL: list(book.asks)}
        self.events: list[Event] = []

    def after(self) -> Book:
        """Return the changed book; positions that no reduce-only order needs any more are forgotten."""
        if self.positions:
            needed = {order.holder for order in self.orders.values() if order.reduce_only}
            self.positions = {holder: position for holder, position in self.positions.items() if holder in needed}
        return Book(
            self.listing,
            self.book.seed,
            self.book.model,
            self.market,
            self.sequence,
            self.trades,
            self.orders,
            tuple(self.ranks[Side.BUY]),
            tuple(self.ranks[Side.SELL]),
            self.taken,
            self.positions,
        )

    # waiting orders

    def admit(self, order: BookOrder) -> None:
        """Let a new or changed order wait, trade or rest."""
        if not order.waiting:
            self.enter(order)
            return
        self.orders[order.id] = order
        if self.market is not None and is_reached(order, self.market.price):
            self.trigger(order)

    def follow(self, price: Decimal) -> None:
        """Move the trailing stops after the market, which stands at `price`."""
        for order in oldest_first(order for order in self.orders.values() if order.kind is OrderType.TRAILING_STOP):
            stop_price = followed(self.listing, order, price)
            if stop_price != order.stop_price:
                self.orders[order.id] = replace(order, stop_price=stop_price)
                self.events.append(StopMoved(order.id, stop_price))

    def trigger(self, order: BookOrder) -> None:
        """Wake a waiting order: it comes in as if it were placed now."""
        assert self.market is not None
        self.remove(order)
        self.events.append(Triggered(order.id, self.market.price))
        order = replace(order, waiting=False, sequence=self.next_sequence())
        if order.post_only and self.would_take(order):
            self.close(order, VenueStatus.CANCELLED, Reason.POST_ONLY)
        else:
            self.enter(order)

    # trading

    def enter(self, order: BookOrder) -> None:
        """Trade an incoming order with what the book offers; what is left rests or is cancelled."""
        steps, met_itself = self.route(order)
        if order.time_in_force is TimeInForce.FOK and sum((step.quantity for step in steps), ZERO) < order.remaining:
            self.close(order, VenueStatus.CANCELLED, Reason.SELF_MATCH if met_itself else Reason.FOK)
            return
        for step in steps:
            self.trades += 1
            if step.maker is None:
                taken = order.side.opposite, step.price
                self.taken[taken] = self.taken.get(taken, ZERO) + step.quantity
            else:
                maker = self.fill(self.orders[step.maker], step, Liquidity.MAKER, synthetic=False)
                self.keep(maker)
                self.refit(maker.holder)
            order = self.fill(order, step, Liquidity.TAKER, synthetic=step.maker is None)
            self.refit(order.holder)
        if order.remaining == 0:
            self.close(order, VenueStatus.FILLED, None)
        elif met_itself:
            self.close(order, VenueStatus.CANCELLED, Reason.SELF_MATCH)
        elif order.price is None:
            self.close(order, VenueStatus.CANCELLED, Reason.NO_LIQUIDITY)
        elif order.time_in_force is TimeInForce.IOC:
            self.close(order, VenueStatus.CANCELLED, Reason.IOC)
        else:
            self.orders[order.id] = order
            insort(self.ranks[order.side], rank_of(order))

    def route(self, order: BookOrder) -> tuple[list[_Step], bool]:
        """Return the trades that the order would make, in price-time priority, and whether it would then meet its own account."""
        steps: list[_Step] = []
        left, positions = order.remaining, dict(self.positions)
        for maker, price, quantity in self.opposite(order):
            if maker is not None:
                if maker.account == order.account:
                    return steps, True
                if maker.reduce_only:
                    quantity = min(quantity, self.reducing(positions[maker.holder], maker.side))
            quantity = min(quantity, left)
            if quantity > 0:
                steps.append(_Step(maker.id if maker else None, price, quantity))
                left -= quantity
                if maker is not None and maker.holder in positions:
                    positions[maker.holder] += maker.side.sign * quantity
            if left == 0:
                break
        return steps, False

    def opposite(self, order: BookOrder) -> Iterator[tuple[BookOrder | None, Decimal, Decimal]]:
        """Yield maker (None: the synthetic book), price and quantity of all that the order could trade with, best first."""
        side, sign, limit = order.side.opposite, order.side.sign, self.limit_of(order)
        levels = self.offers(side)
        level = next(levels, None)
        for _, _, id in self.ranks[side]:
            maker = self.orders[id]
            assert maker.price is not None
            # The synthetic book has no time of its own: at the same price it stands behind everybody's orders.
            while level is not None and (maker.price - level.price) * sign > 0:
                if _is_beyond(order, limit, level.price):
                    return
                yield None, level.price, level.quantity
                level = next(levels, None)
            if _is_beyond(order, limit, maker.price):
                return
            yield maker, maker.price, maker.remaining
        while level is not None and not _is_beyond(order, limit, level.price):
            yield None, level.price, level.quantity
            level = next(levels, None)

    def let_the_market_come(self, side: Side) -> None:
        """Fill resting orders that the market has reached or passed, at their own price, as far as the levels up to it go round."""
        for _, _, id in tuple(self.ranks[side]):
            order = self.orders.get(id)
            if order is None:  # its position was closed by a fill before it
                continue
            assert order.price is not None
            filled = ZERO
            for level in self.offers(side.opposite, arriving=True):
                if _is_beyond(order, order.price, level.price) or filled == order.remaining:
                    break
                quantity = min(level.quantity, order.remaining - filled)
                taken = side.opposite, level.price
                self.taken[taken] = self.taken.get(taken, ZERO) + quantity
                filled += quantity
            if filled == 0:
                return
            self.trades += 1
            order = self.fill(order, _Step(id, order.price, filled), Liquidity.MAKER, synthetic=True)
            self.keep(order)
            self.refit(order.holder)

    def fill(self, order: BookOrder, step: _Step, liquidity: Liquidity, *, synthetic: bool) -> BookOrder:
        """Return the order after one trade, which is reported and moves the account's position."""
        rate = self.listing.maker_rate if liquidity is Liquidity.MAKER else self.listing.taker_rate
        fee = abs(step.quantity * step.price * self.listing.contract_size) * rate
        order = replace(order, filled=order.filled + step.quantity)
        self.events.append(
            Filled(
                order.id,
                order.account,
                order.side,
                self.trades,
                step.price,
                step.quantity,
                order.remaining,
                liquidity,
                fee,
                synthetic,
            )
        )
        if order.holder in self.positions:
            self.positions[order.holder] += order.side.sign * step.quantity
        return order

    def keep(self, maker: BookOrder) -> None:
        """Write down what is left of a resting order."""
        self.orders[maker.id] = maker
        if maker.remaining == 0:
            self.close(maker, VenueStatus.FILLED, None)

    def would_take(self, order: BookOrder) -> bool:
        """Return whether the order would meet any other at once, one of its own account too."""
        return next(self.opposite(order), None) is not None

    def refuse_if_it_would_take(self, order: BookOrder) -> None:
        """Raise Refused for a post-only order that would trade at once."""
        if order.post_only and not order.waiting and self.would_take(order):
            raise Refused(Reason.POST_ONLY, "The order would trade at once")

    # positions

    def refit(self, holder: Holder) -> None:
        """Make the reduce-only orders of a holder fit the position."""
        if holder not in self.positions:
            return
        for order in oldest_first(order for order in self.orders.values() if order.reduce_only and order.holder == holder):
            reducible = self.reducible(holder, order.side)
            if reducible == 0:
                self.close(order, VenueStatus.CANCELLED, Reason.REDUCE_ONLY)
            elif order.remaining > reducible:
                order = replace(order, quantity=order.filled + reducible)
                self.orders[order.id] = order
                self.events.append(Amended(order.id, order.quantity, order.price, order.stop_price, True, Reason.REDUCE_ONLY))

    def reducible(self, holder: Holder, side: Side) -> Decimal:
        """Return how much an order on this side may take off the holder's position, in whole lots."""
        return self.reducing(self.positions[holder], side)

    def reducing(self, position: Decimal, side: Side) -> Decimal:
        against = position * -side.sign
        return against - against % self.listing.lot if against > 0 else ZERO

    # the book itself

    def offers(self, side: Side, *, arriving: bool = False) -> Iterator[Level]:
        """Yield what is left of one side of the rest of the market, best first."""
        return offers(self.book, self.market, self.taken, side, arriving=arriving)

    def limit_of(self, order: BookOrder) -> Decimal | None:
        """Return the worst price at which the order trades: its own, or where the market ends for those that have none."""
        if order.price is not None or self.market is None:
            return order.price
        return self.book.model.worst_price(self.listing, order.side.opposite, self.market.price)

    def live(self, order_id: str) -> BookOrder:
        """Return the live order of this id. Raises Refused."""
        order = self.orders.get(order_id)
        if order is None:
            raise Refused(Reason.UNKNOWN_ORDER, "No such order is live")
        return order

    def next_sequence(self) -> int:
        """Return the priority of whatever comes now: behind all that came before."""
        self.sequence += 1
        return self.sequence

    def remove(self, order: BookOrder) -> None:
        """Take an order out of the book, if it is there."""
        kept = self.orders.pop(order.id, None)
        if kept is not None and not kept.waiting:
            ranks = self.ranks[kept.side]
            del ranks[bisect_left(ranks, rank_of(kept))]

    def close(self, order: BookOrder, status: VenueStatus, reason: Reason | None) -> None:
        """End an order for good."""
        self.remove(order)
        self.events.append(Closed(order.id, status, reason))


def oldest_first(orders: Iterable[BookOrder]) -> list[BookOrder]:
    """Return the orders by their priority in time."""
    return sorted(orders, key=lambda order: order.sequence)


def _is_beyond(order: BookOrder, limit: Decimal | None, price: Decimal) -> bool:
    # Whether this price is worse than the order takes; without a limit it takes every price.
    return limit is not None and (price - limit) * order.side.sign > 0
