"""What a wallet stands for, measured from our own books: the basis of the funds check and of every risk rule."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext

from sqlalchemy import select

from domain.exchanges.venue import OrderType, Side
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.money import EXACT
from domain.market.instruments import Instrument, find_instrument
from domain.risk.rules import Exposure, Trade
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.machine import ACTIVE
from domain.trading.models import Order, Position, PositionStatus
from domain.wallets.ledger import balances_of
from domain.wallets.models import Wallet
from domain.wallets.service import default_wallet

ZERO = Decimal(0)
MANUAL_BOOK = "manual"
NO_MARKS: Mapping[str, Decimal] = {}


@dataclass(slots=True)
class Standing:
    """What a wallet holds of one symbol, signed: altogether and in each book; `orders` are those that can still be filled.

    `holding` is what a wallet on a spot market has of the base, positions included; None where positions are all there is.
    """

    instrument: Instrument
    mark: Decimal
    quantity: Decimal = ZERO
    position_value: Decimal = ZERO
    books: dict[str, Decimal] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    holding: Decimal | None = None

    @property
    def sellable(self) -> Decimal:
        """Return what can be sold without opening anything: on a spot market also what was there before; negative when short."""
        return self.quantity if self.holding is None else max(self.quantity, self.holding)

    def sellable_from(self, book: str) -> Decimal:
        """Return what a book may still sell on a spot market: a flow what it bought, the manual book what is nobody else's."""
        sold = (order.remaining_quantity for order in self.orders if order.side is Side.SELL and order.book == book)
        with localcontext(EXACT):
            others = sum((max(held, ZERO) for name, held in self.books.items() if name != book), ZERO)
            there = max(self.holding or ZERO, ZERO) - others if book == MANUAL_BOOK else self.held_in(book)
            return max(there - sum(sold, ZERO), ZERO)

    def worth(self, quantity: Decimal) -> Decimal:
        with localcontext(EXACT):
            return abs(quantity * self.mark * self.instrument.contract_size)

    def held_in(self, book: str) -> Decimal:
        return self.books.get(book, ZERO)

    def without_group(self, group_id: str | None) -> "Standing":
        """Return the same without the orders of a group, for one that joins them instead of coming on top."""
        return replace(self, orders=[order for order in self.orders if group_id is None or order.group_id != group_id])

    def orders_of(self, book: str, side: Side) -> list[Order]:
        return [order for order in self.orders if order.book == book and order.side is side]

    def reducible(self, book: str, side: Side) -> Decimal:
        """Return how much an order on this side may still take off the book's position.

        What others that trade at once are about to take is theirs. Those that wait for a price leave it free: whichever comes first
        takes it, and the venue, or the server, makes the others smaller.
        """
        held = self.held_in(book) * -side.sign
        at_once = (order for order in self.orders_of(book, side) if order.sent_type is OrderType.MARKET)
        with localcontext(EXACT):
            return max(held - sum((order.remaining_quantity for order in at_once), ZERO), ZERO)


async def standings_of(work: UnitOfWork, wallet: Wallet, mark: Decimal | None = None, symbol: str | None = None) -> dict[str, Standing]:
    """Return what the wallet holds, by symbol; `mark` is the fresh price of `symbol`, others have the one last seen."""
    marks = {} if symbol is None or mark is None else {symbol: mark}
    standings = (await standings_of_wallets(work, [wallet.id], marks))[wallet.id]
    for name, price in marks.items():
        standings.setdefault(name, Standing(find_instrument(name), price))
    if not wallet.is_paper:
        balances = await balances_of(work, wallet.id)
        for standing in standings.values():
            standing.holding = balances.get(standing.instrument.base, ZERO)
    return standings


async def standings_of_wallets(
    work: UnitOfWork, wallet_ids: Collection[str], marks: Mapping[str, Decimal] = NO_MARKS
) -> dict[str, dict[str, Standing]]:
    """Return what each wallet holds, by symbol, in two statements; symbols that `marks` does not name have the price last seen."""
    # What this session read before it held the wallet's lock may be old.
    fresh = {"populate_existing": True}
    under_way = select(Order).where(Order.wallet_id.in_(wallet_ids), Order.status.in_(ACTIVE)).execution_options(**fresh)
    held = select(Position).where(Position.wallet_id.in_(wallet_ids), Position.status == PositionStatus.OPEN).execution_options(**fresh)
    orders, positions = await work.session.scalars(under_way), await work.session.scalars(held)
    found: dict[str, dict[str, Standing]] = {wallet_id: {} for wallet_id in wallet_ids}
    with localcontext(EXACT):
        for position in positions:
            standings, price = found[position.wallet_id], marks.get(position.symbol, position.current_price)
            standing = standings.setdefault(position.symbol, Standing(find_instrument(position.symbol), price))
            standing.quantity += position.signed_quantity
            standing.position_value += position.signed_quantity * standing.mark * position.contract_size
            standing.books[position.book] = standing.held_in(position.book) + position.signed_quantity
        for order in orders:
            standings, price = found[order.wallet_id], marks.get(order.symbol, order.reference_price)
            standings.setdefault(order.symbol, Standing(find_instrument(order.symbol), price)).orders.append(order)
    return found


def exposure_of(standing: Standing, book: str, side: Side, quantity: Decimal) -> tuple[Trade, Exposure]:
    """Return a trade and the position it makes, as risk rules see them.

    The size of a position is the larger of the wallet's net quantity and the book's own, so that a flow that is long cannot hide
    behind another one that is short. Orders that can still be filled count as if the worst of them were: all on one side and none on
    the other. A trade increases exposure unless what is held and not yet spoken for covers it, in the wallet and in the book.
    """
    instrument, held = standing.instrument, standing.held_in(book)
    in_book = [order for order in standing.orders if order.book == book]
    with localcontext(EXACT):
        before = max(reach_of(standing.quantity, standing.orders), reach_of(held, in_book))
        after = max(reach_of(standing.quantity, standing.orders, side, quantity), reach_of(held, in_book, side, quantity))
        closable = min(_closable(standing.quantity, standing.orders, side), _closable(held, in_book, side))
    trade = Trade(instrument.symbol, side, quantity, standing.mark, standing.worth(quantity), quantity > closable)
    return trade, Exposure(instrument.quote, standing.worth(before), standing.worth(after))


def counted_once(orders: Iterable[Order]) -> Iterable[Order]:
    """Return the orders with one of each group, the one that has most left: together they never fill more than that."""
    counted: dict[str, Order] = {}
    for order in orders:
        name = order.group_id or order.id
        if name not in counted or counted[name].remaining_quantity < order.remaining_quantity:
            counted[name] = order
    return counted.values()


def reach_of(held: Decimal, orders: Iterable[Order], side: Side | None = None, quantity: Decimal = ZERO) -> Decimal:
    """Return how large a holding becomes at worst: all orders on one side filled, with this trade among them, and none on the other."""
    ahead = {Side.BUY: ZERO, Side.SELL: ZERO}
    if side is not None:
        ahead[side] = quantity
    for order in counted_once(orders):
        if not order.reduce_only:
            ahead[order.side] += order.remaining_quantity
    return max(abs(held), abs(held + ahead[Side.BUY]), abs(held - ahead[Side.SELL]))


def _closable(held: Decimal, orders: Iterable[Order], side: Side) -> Decimal:
    spoken_for = sum((order.remaining_quantity for order in counted_once(orders) if order.side is side), ZERO)
    return max(held * -side.sign - spoken_for, ZERO)


async def wallet_for(work: UnitOfWork, user_id: str, wallet_id: str | None) -> Wallet:
    """Return the user's wallet of this id, or the one that orders use by default. Raises NotFound, VALIDATION_ERROR."""
    if wallet_id is None:
        return await default_wallet(work, user_id)
    query = select(Wallet).where(Wallet.id == wallet_id, Wallet.user_id == user_id, Wallet.deleted_at.is_(None))
    wallet = await work.session.scalar(query)
    if wallet is None:
        raise NotFound("Wallet", wallet_id)
    if not wallet.is_active:
        raise DomainError(ErrorCode.VALIDATION_ERROR, "The wallet is switched off", field="wallet_id")
    return wallet
