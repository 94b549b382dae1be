"""What the orders of a group claim: what the dearest of them needs, and one share of what is held."""

from dataclasses import dataclass, replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.exchanges.venue import Estimate, OrderType, Side
from domain.market.instruments import find_instrument
from domain.trading.reservations import claims_of

BTC = find_instrument("BTC/USDT")


@dataclass(frozen=True)
class Live:
    id: str
    side: Side
    quantity: Decimal
    stop_price: Decimal | None
    group_id: str | None
    reduce_only: bool
    order_type: OrderType = OrderType.STOP
    filled_quantity: Decimal = Decimal(0)
    price: Decimal | None = None
    reference_price: Decimal = Decimal(100)
    amend_quantity: Decimal | None = None
    amend_price: Decimal | None = None
    amend_stop_price: Decimal | None = None


def estimate(side: Side, quantity: Decimal, price: Decimal) -> Estimate:
    return Estimate(price, quantity * price / 1000)


@st.composite
def groups(draw: st.DrawFn) -> list[list[Live]]:
    made: list[list[Live]] = []
    for number in range(draw(st.integers(1, 4))):
        side, quantity, reduces = draw(st.sampled_from(Side)), Decimal(draw(st.integers(1, 20))), draw(st.booleans())
        prices = draw(st.lists(st.integers(50, 150), min_size=1, max_size=4))
        made.append(
            [
                Live(f"{number}-{leg}", side, quantity, Decimal(price), None if len(prices) == 1 else f"g{number}", reduces)
                for leg, price in enumerate(prices)
            ]
        )
    return made


@given(legs=groups(), held=st.integers(-30, 30).map(Decimal))
def test_a_group_claims_what_its_dearest_order_would_claim_alone(legs: list[list[Live]], held: Decimal) -> None:
    claims = claims_of(BTC, held, [order for group in legs for order in group], Decimal(1), estimate)
    assert len(claims) == sum(map(len, legs))
    for group in legs:
        mine = [claims[order.id] for order in group]
        assert sum(claim.money > 0 or claim.closing > 0 for claim in mine) <= 1
        others = [order for other in legs if other is not group for order in other]
        alone = [
            claims_of(BTC, held, [*others, replace(order, id=group[0].id, group_id=None)], Decimal(1), estimate)[group[0].id].money
            for order in group
        ]
        assert sum(claim.money for claim in mine) == max(alone)
    for side, room in ((Side.SELL, max(held, Decimal(0))), (Side.BUY, max(-held, Decimal(0)))):
        assert sum(claims[order.id].closing for group in legs for order in group if order.side is side) <= room
