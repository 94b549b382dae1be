"""How much of a wallet's money its live orders have spoken for: a pure function of what is held and what is ordered.

Nothing is stored, so nothing can drift: what is reserved is at every moment the sum over the live orders.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Protocol

from domain.exchanges.venue import Estimate, OrderType, Side
from domain.kernel.money import EXACT, MAX_SCALE
from domain.market.instruments import Instrument

ZERO = Decimal(0)
SMALLEST = Decimal(1).scaleb(-MAX_SCALE)
# Where prices may touch zero or fall below it, a price near zero says little about what a position can lose.
FLOOR_RATE = Decimal("0.05")

Estimator = Callable[[Side, Decimal, Decimal], Estimate]


class LiveOrder(Protocol):
    """What an order must show to be reckoned with; `amend_*` are values it may have soon, None where nothing is to change."""

    @property
    def id(self) -> str: ...
    @property
    def side(self) -> Side: ...
    @property
    def order_type(self) -> OrderType: ...
    @property
    def quantity(self) -> Decimal: ...
    @property
    def filled_quantity(self) -> Decimal: ...
    @property
    def price(self) -> Decimal | None: ...
    @property
    def stop_price(self) -> Decimal | None: ...
    @property
    def reference_price(self) -> Decimal: ...
    @property
    def reduce_only(self) -> bool: ...
    @property
    def group_id(self) -> str | None: ...
    @property
    def amend_quantity(self) -> Decimal | None: ...
    @property
    def amend_price(self) -> Decimal | None: ...
    @property
    def amend_stop_price(self) -> Decimal | None: ...


@dataclass(frozen=True, slots=True)
class Claim:
    """What one live order sets aside.

    `closing` contracts take off what is held and need no money; `margin` is held against the rest, `costs` for fees and for what the
    order may pay beyond the market's price; both in the quote currency, never negative.
    """

    closing: Decimal = ZERO
    margin: Decimal = ZERO
    costs: Decimal = ZERO

    @property
    def money(self) -> Decimal:
        return self.margin + self.costs


def margin_price(instrument: Instrument, price: Decimal) -> Decimal:
    """Return the price that margin is measured by: never negative, and with a floor where prices may be."""
    floor = EXACT.multiply(instrument.reference_price, FLOOR_RATE) if instrument.allow_negative_price else ZERO
    return max(abs(price), floor)


def held_against(instrument: Instrument, quantity: Decimal, price: Decimal, rate: Decimal) -> Decimal:
    """Return this share of what so many contracts are worth at this price, in the quote currency and to 18 places."""
    with localcontext(EXACT):
        held = abs(quantity) * margin_price(instrument, price) * instrument.contract_size * rate
        # A third is no decimal number; what is finer than the database keeps is rounded off.
        return held.quantize(SMALLEST) if held.as_tuple().exponent < -MAX_SCALE else held  # type: ignore[operator]


def claims_of(
    instrument: Instrument, held: Decimal, orders: Iterable[LiveOrder], margin_rate: Decimal, estimate: Estimator
) -> dict[str, Claim]:
    """Return what each order claims, where `held` is what the wallet holds of the instrument, negative when short.

    Orders that would take off what is held share it: reduce-only ones first, then the older ones. What an order would open beyond
    that is held against at the price it is expected to trade at; one that turns a position around pays for what is larger than
    before. A reduce-only order never claims money. Of the orders of a group only one can be filled: they share what they take off, and
    the dearest of them claims for all.
    """
    room = {Side.SELL: max(held, ZERO), Side.BUY: max(-held, ZERO)}
    claims: dict[str, Claim] = {}
    with localcontext(EXACT):
        for legs in _groups(orders):
            free = room[legs[0].side]
            wanted = [(leg.id, _claim(instrument, leg, values, free, margin_rate, estimate)) for leg in legs for values in _variants(leg)]
            dearest, claim = max(wanted, key=lambda one: one[1].money)
            claims |= {leg.id: claim if leg.id == dearest else Claim() for leg in legs}
            room[legs[0].side] -= max(claim.closing for _, claim in wanted)
    return claims


def _groups(orders: Iterable[LiveOrder]) -> Iterable[list[LiveOrder]]:
    groups: dict[str, list[LiveOrder]] = {}
    for order in sorted(orders, key=lambda order: (not order.reduce_only, order.id)):
        groups.setdefault(order.group_id or order.id, []).append(order)
    return groups.values()


def expected_price(order: LiveOrder) -> Decimal:
    """Return where the market should stand when the order trades: its trigger, its limit if the market must come to it, or where it is."""
    return _expected(order.side, order.price, order.stop_price, order.reference_price)


def _expected(side: Side, price: Decimal | None, stop_price: Decimal | None, reference: Decimal) -> Decimal:
    if stop_price is not None:
        return stop_price
    if price is None:
        return reference
    return min(price, reference) if side is Side.BUY else max(price, reference)


def _variants(order: LiveOrder) -> list[tuple[Decimal, Decimal | None, Decimal | None]]:
    # While a change is on its way nobody knows which values hold: the dearer ones count.
    variants = [(order.quantity, order.price, order.stop_price)]
    if (order.amend_quantity, order.amend_price, order.amend_stop_price) != (None, None, None):
        variants.append(
            (
                order.quantity if order.amend_quantity is None else order.amend_quantity,
                order.price if order.amend_price is None else order.amend_price,
                order.stop_price if order.amend_stop_price is None else order.amend_stop_price,
            )
        )
    return variants


def _claim(
    instrument: Instrument,
    order: LiveOrder,
    values: tuple[Decimal, Decimal | None, Decimal | None],
    room: Decimal,
    margin_rate: Decimal,
    estimate: Estimator,
) -> Claim:
    quantity, price, stop_price = values
    remaining = max(quantity - order.filled_quantity, ZERO)
    closing = min(remaining, room)
    # Closing frees what was held against the position before opening takes it again.
    growth = max(remaining - 2 * closing, ZERO)
    if order.reduce_only or growth == 0:
        return Claim(closing)
    market = _expected(order.side, price, stop_price, order.reference_price)
    estimated = estimate(order.side, remaining, market if price is None else price)
    worst = estimated.price if price is None else price
    beyond = max((worst - market) * order.side.sign, ZERO)
    size = instrument.contract_size
    margin = held_against(instrument, growth, market, margin_rate)
    return Claim(closing, margin, beyond * remaining * size + estimated.fee)
