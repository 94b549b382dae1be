"""How much money a position needs behind it, and the price at which it has too little: pure functions, exact.

Margin is a matter of a whole currency of a wallet: every symbol quoted in it is netted, and all of them share one equity.
"""

from decimal import Decimal, localcontext

from domain.kernel.money import EXACT
from domain.market.instruments import Instrument
from domain.trading.reservations import SMALLEST, held_against, margin_price

ZERO = Decimal(0)
# The contract of QuantEnergX, 4.1: initial margin 10 % (leverage 10 at most), maintenance 7.5 %.
MAINTENANCE_RATE = Decimal("0.075")
MAX_LEVERAGE = 10


def effective_leverage(wallet_leverage: int, instrument: Instrument) -> int:
    """Return how many times its margin a position may be worth: what the wallet asks for, as far as the instrument allows it."""
    return min(wallet_leverage, instrument.max_leverage)


def margin_rate(wallet_leverage: int, instrument: Instrument) -> Decimal:
    """Return the share of a position's worth that is held against it: 1 without leverage."""
    return EXACT.divide(Decimal(1), Decimal(effective_leverage(wallet_leverage, instrument)))


def maintenance_of(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """Return what the equity may not fall below because of a net position of this size, in the quote currency."""
    return held_against(instrument, quantity, price, MAINTENANCE_RATE)


def liquidation_price(
    instrument: Instrument, quantity: Decimal, price: Decimal, equity: Decimal, other_maintenance: Decimal
) -> Decimal | None:
    """Return the price at which the wallet's equity in the currency is just what its positions require, other prices standing still.

    `quantity` is the net position, negative when short, `price` where it stands now, `equity` that of the whole currency there, and
    `other_maintenance` what the other positions in the currency require. Rounded to 18 places. None where there is no such price: a flat
    position, or a price that the instrument cannot have.
    """
    if quantity == 0:
        return None
    with localcontext(EXACT):
        size = abs(quantity) * instrument.contract_size
        sign = 1 if quantity > 0 else -1
        # In units of the position's size: what is left of the equity at a price of nothing, less what the others require.
        spare = (equity - other_maintenance) / size - sign * price
        floor = margin_price(instrument, ZERO)
        # Near zero the requirement stands still, beyond that it grows with the distance from zero. What is left over only rises with the
        # price, or only falls: there is one price, and where the first line misses it, it lies beyond on the same side.
        found = sign * (MAINTENANCE_RATE * floor - spare)
        if found > floor:
            found = spare / (MAINTENANCE_RATE - sign)
        elif found < -floor:
            found = -spare / (MAINTENANCE_RATE + sign)
        if found <= 0 and not instrument.allow_negative_price:
            return None
        return found.quantize(SMALLEST)
