"""The arithmetic of positions: what a fill does to one, and what it has won or lost. Pure and exact.

Profit and loss count fees: what is realised is `(exit - entry) x quantity x sign x contract size` less the exit's fee and the
share of the entry fees that belongs to the closed quantity; what is unrealised bears the rest of the entry fees. The cost of what is
open is kept as a sum, not as an average, so that at any price realised + unrealised is to the last digit what the fills brought
in and cost.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from enum import StrEnum

from domain.exchanges.venue import Side
from domain.kernel.money import EXACT, MAX_SCALE

SMALLEST = Decimal(1).scaleb(-MAX_SCALE)
ZERO = Decimal(0)
TOLD_STEP = Decimal("0.1")
TOLD_AFTER = timedelta(seconds=10)


class PositionSide(StrEnum):
    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        return 1 if self is PositionSide.LONG else -1

    @property
    def entry(self) -> Side:
        return Side.BUY if self is PositionSide.LONG else Side.SELL

    @property
    def exit(self) -> Side:
        return self.entry.opposite

    @classmethod
    def opened_by(cls, side: Side) -> "PositionSide":
        return cls.LONG if side is Side.BUY else cls.SHORT


@dataclass(frozen=True, slots=True)
class Trade:
    """A fill, or the part of one that concerns one position; `fee` in the quote currency."""

    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True)
class Holding:
    """A position's numbers.

    `open_cost` is the value of the open quantity at its entry prices, `open_fees` its share of the entry fees; `entry_*` sum up
    the fills that opened and grew it, `exit_*` those that shrank it. Values are in the quote currency, contract size included.
    """

    side: PositionSide
    contract_size: Decimal
    quantity: Decimal = ZERO
    open_cost: Decimal = ZERO
    open_fees: Decimal = ZERO
    entry_quantity: Decimal = ZERO
    entry_value: Decimal = ZERO
    entry_fees: Decimal = ZERO
    exit_quantity: Decimal = ZERO
    exit_value: Decimal = ZERO
    exit_fees: Decimal = ZERO
    realized_pnl: Decimal = ZERO

    @property
    def average_cost(self) -> Decimal:
        """The average entry price of what is open; 0 when nothing is."""
        return _ratio(self.open_cost, EXACT.multiply(self.quantity, self.contract_size))

    @property
    def exit_price(self) -> Decimal:
        """The average price of the exits; 0 before the first."""
        return _ratio(self.exit_value, EXACT.multiply(self.exit_quantity, self.contract_size))

    def unrealized_pnl(self, price: Decimal) -> Decimal:
        """Return what closing at this price would win, before the fee of closing."""
        with localcontext(EXACT):
            return (self.quantity * price * self.contract_size - self.open_cost) * self.side.sign - self.open_fees


def after_trade(holding: Holding | None, trade: Trade, contract_size: Decimal) -> tuple[Holding | None, Holding | None]:
    """Return what a trade makes of a position: the old one after it, and the new one that it opens.

    Either is None where there is none: (None, opened), (grown or shrunk, None), or, for a flip, (closed, opened).
    """
    with localcontext(EXACT):
        if holding is None:
            return None, _grown(Holding(PositionSide.opened_by(trade.side), contract_size), trade)
        if trade.side is holding.side.entry:
            return _grown(holding, trade), None
        if trade.quantity <= holding.quantity:
            return _shrunk(holding, trade), None
        closing_fee = _ratio(trade.fee * holding.quantity, trade.quantity)
        closing = replace(trade, quantity=holding.quantity, fee=closing_fee)
        opening = replace(trade, quantity=trade.quantity - holding.quantity, fee=trade.fee - closing_fee)
        return _shrunk(holding, closing), _grown(Holding(PositionSide.opened_by(trade.side), contract_size), opening)


def risk_level(unrealized_percent: Decimal) -> str:
    """Return `critical`, `high`, `medium` or `low`: a loss of more than 10, 5 or 2 percent, or less."""
    for limit, level in ((-10, "critical"), (-5, "high"), (-2, "medium")):
        if unrealized_percent < limit:
            return level
    return "low"


def is_worth_telling(told_percent: Decimal | None, told_at: datetime | None, percent: Decimal, now: datetime) -> bool:
    """Return whether a move of the price alone is told to those who watch: each stored event is kept and read for long.

    It is when the profit has moved by 0.1 percentage points since it was told last, or when 10 seconds have passed.
    """
    if told_percent is None or told_at is None or now - told_at >= TOLD_AFTER:
        return True
    return abs(EXACT.subtract(percent, told_percent)) >= TOLD_STEP


def exit_reached(side: PositionSide, price: Decimal, stop_loss: Decimal | None, take_profit: Decimal | None) -> str | None:
    """Return `stop_loss` or `take_profit` if the price has reached it, the stop first."""
    if stop_loss is not None and (price - stop_loss) * side.sign <= 0:
        return "stop_loss"
    if take_profit is not None and (price - take_profit) * side.sign >= 0:
        return "take_profit"
    return None


def _grown(holding: Holding, trade: Trade) -> Holding:
    value = trade.quantity * trade.price * holding.contract_size
    return replace(
        holding,
        quantity=holding.quantity + trade.quantity,
        open_cost=holding.open_cost + value,
        open_fees=holding.open_fees + trade.fee,
        entry_quantity=holding.entry_quantity + trade.quantity,
        entry_value=holding.entry_value + value,
        entry_fees=holding.entry_fees + trade.fee,
    )


def _shrunk(holding: Holding, trade: Trade) -> Holding:
    value = trade.quantity * trade.price * holding.contract_size
    cost = _ratio(holding.open_cost * trade.quantity, holding.quantity)
    fees = _ratio(holding.open_fees * trade.quantity, holding.quantity)
    return replace(
        holding,
        quantity=holding.quantity - trade.quantity,
        open_cost=holding.open_cost - cost,
        open_fees=holding.open_fees - fees,
        exit_quantity=holding.exit_quantity + trade.quantity,
        exit_value=holding.exit_value + value,
        exit_fees=holding.exit_fees + trade.fee,
        realized_pnl=holding.realized_pnl + (value - cost) * holding.side.sign - trade.fee - fees,
    )


def _ratio(part: Decimal, whole: Decimal) -> Decimal:
    if whole == 0:
        return ZERO
    quotient = EXACT.divide(part, whole)
    # Rounded to what the database keeps, so that both databases tell the same; a whole ratio stays exact.
    return quotient.quantize(SMALLEST, context=EXACT) if quotient.as_tuple().exponent < -MAX_SCALE else quotient  # type: ignore[operator]
