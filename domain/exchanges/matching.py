"""The matching engine: one command to one book gives the next book and what happened, and nothing else matters."""

from dataclasses import replace
from decimal import localcontext

from domain.exchanges.book import Book
from domain.exchanges.liquidity import bucket_of
from domain.exchanges.orders import (
    ZERO,
    Accepted,
    Amend,
    Amended,
    BookOrder,
    Cancel,
    CancelAll,
    Command,
    Event,
    Place,
    Reason,
    Rejected,
    SetPosition,
    Tick,
)
from domain.exchanges.shapes import Refused, amended_shape, check_position, check_shape, check_tick
from domain.exchanges.triggers import WAITING_KINDS, in_order_of_passing, stop_behind
from domain.exchanges.turn import Turn, oldest_first
from domain.exchanges.venue import OrderType, Side, VenueStatus
from domain.kernel.money import EXACT


def apply(book: Book, command: Command) -> tuple[Book, tuple[Event, ...]]:
    """Return the book after a command, and the events in the order in which they happened.

    A refused command gives the same book and one `Rejected`. Raises VALIDATION_ERROR for a tick or a position that is no number,
    which no user can send.
    """
    with localcontext(EXACT):
        turn = Turn(book)
        try:
            match command:
                case Place():
                    _place(turn, command)
                case Amend():
                    _amend(turn, command)
                case Cancel():
                    _cancel(turn, command)
                case CancelAll():
                    _cancel_all(turn, command)
                case Tick():
                    _tick(turn, command)
                case SetPosition():
                    _set_position(turn, command)
        except Refused as refusal:
            assert isinstance(command, Place | Amend | Cancel)
            return book, (Rejected(command.order_id, refusal.reason, refusal.message),)
        return turn.after(), tuple(turn.events)


def _place(turn: Turn, command: Place) -> None:
    check_shape(turn.listing, command)
    if command.order_id in turn.orders:
        raise Refused(Reason.DUPLICATE, "An order with this id is live")
    if command.expires_at is not None and turn.market is not None and command.expires_at <= turn.market.at:
        raise Refused(Reason.EXPIRED, "The order would expire before it is taken")
    quantity, stop_price = command.quantity, command.stop_price
    if command.reduce_only:
        assert command.position is not None
        turn.positions[command.holder] = command.position
        turn.refit(command.holder)
        quantity = min(quantity, turn.reducible(command.holder, command.side))
        if quantity == 0:
            raise Refused(Reason.REDUCE_ONLY, "There is no position that this order would reduce")
    if command.kind is OrderType.TRAILING_STOP:
        if turn.market is None or command.trail is None:
            raise Refused(Reason.NO_MARKET, "There is no price yet that a stop could follow")
        stop_price = stop_behind(turn.listing, command.side, command.trail, command.trail_is_percent, turn.market.price)
    order = BookOrder(
        id=command.order_id,
        account=command.account,
        side=command.side,
        kind=command.kind,
        quantity=quantity,
        filled=ZERO,
        price=command.price,
        stop_price=stop_price,
        trail=command.trail,
        trail_is_percent=command.trail_is_percent,
        time_in_force=command.time_in_force,
        expires_at=command.expires_at,
        post_only=command.post_only,
        reduce_only=command.reduce_only,
        waiting=command.kind in WAITING_KINDS,
        sequence=turn.next_sequence(),
        book=command.book,
    )
    turn.refuse_if_it_would_take(order)
    turn.events.append(Accepted(order.id, order.quantity))
    turn.admit(order)


def _amend(turn: Turn, command: Amend) -> None:
    order = turn.live(command.order_id)
    changed = amended_shape(turn.listing, order, command)
    if order.reduce_only:
        changed = replace(changed, quantity=min(changed.quantity, order.filled + turn.reducible(order.holder, order.side)))
    kept = (changed.price, changed.stop_price) == (order.price, order.stop_price) and changed.quantity <= order.quantity
    if not kept:
        changed = replace(changed, sequence=turn.next_sequence())
    turn.refuse_if_it_would_take(changed)
    turn.events.append(Amended(order.id, changed.quantity, changed.price, changed.stop_price, kept))
    if changed.remaining == 0:
        turn.close(order, VenueStatus.FILLED, None)
    elif kept:
        turn.orders[order.id] = changed
    else:
        turn.remove(order)
        turn.admit(changed)


def _cancel(turn: Turn, command: Cancel) -> None:
    turn.close(turn.live(command.order_id), VenueStatus.CANCELLED, command.reason)


def _cancel_all(turn: Turn, command: CancelAll) -> None:
    for order in oldest_first(order for order in turn.orders.values() if order.account == command.account):
        turn.close(order, VenueStatus.CANCELLED, command.reason)


def _set_position(turn: Turn, command: SetPosition) -> None:
    check_position(command)
    holder = command.account, command.book
    turn.positions[holder] = command.position
    turn.refit(holder)


def _tick(turn: Turn, command: Tick) -> None:
    check_tick(command)
    before, model = turn.market, turn.book.model
    # Clocks of two processes differ a little: the book's own time never goes back.
    at = command.at if before is None else max(command.at, before.at)
    if before is not None and bucket_of(before.at, model) != bucket_of(at, model):
        turn.taken = {}
    turn.market = Tick(command.price, at, command.volume)
    for order in oldest_first(order for order in turn.orders.values() if order.expires_at is not None and order.expires_at <= at):
        turn.close(order, VenueStatus.EXPIRED, Reason.EXPIRED)
    for side in Side:
        turn.let_the_market_come(side)
    turn.follow(command.price)
    for order in in_order_of_passing((order for order in turn.orders.values() if order.waiting), command.price):
        # An order triggered before it may have closed the position, and with it this one.
        if order.id in turn.orders:
            turn.trigger(turn.orders[order.id])
