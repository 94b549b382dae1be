"""Our positions against nautilus_trader's, which knows nothing of our code.

Compared exactly: side and quantity after every fill, and how many positions were opened and closed. nautilus computes prices and
money in binary floating point, so the average open price and all profit and loss are compared to a millionth of a millionth of the
money moved so far (a double has sixteen digits, and every sum loses a little).

One convention differs. nautilus books the fee of an entry as a loss at once; here it is realised with the quantity that it paid for,
and what is open bears the rest. So `realized_pnl` there is `realized_pnl - open_fees` here, what is unrealised there leaves
`open_fees` out, and for a closed position, as for realised and unrealised together, both say the same.
"""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.exchanges.venue import Side
from domain.kernel.money import EXACT
from domain.trading.positions import Holding, Trade, after_trade
from tests.differential.examples import examples
from tests.differential.nautilus_position import NautilusAccount

# What doubles lose, as a share of the money moved, and what we round: ratios to 18 digits.
SHARE, ROUNDING = Decimal("1e-12"), Decimal("1e-10")

trades = st.builds(
    Trade,
    side=st.sampled_from(Side),
    # Small whole numbers make partial closes, exact closes and flips frequent; large and fine ones strain the arithmetic, up to the
    # 17 million million that nautilus can hold.
    quantity=st.integers(1, 5).map(Decimal) | st.integers(1, 10**7).map(lambda units: Decimal(units).scaleb(-5)),
    price=st.integers(1, 5).map(Decimal) | st.integers(-(10**8), 10**9).map(lambda units: Decimal(units).scaleb(-4)),
    fee=st.just(Decimal(0)) | st.integers(-(10**5), 10**6).map(lambda units: Decimal(units).scaleb(-7)),
)
prices = st.integers(-(10**8), 10**9).map(lambda units: Decimal(units).scaleb(-4))
contract_sizes = st.sampled_from([1, 10, 1000, 42_000]).map(Decimal)


@examples
@given(st.lists(trades, min_size=1, max_size=30), prices, contract_sizes)
def test_positions_win_and_lose_what_nautilus_says(trades: list[Trade], price: Decimal, contract_size: Decimal) -> None:
    theirs = NautilusAccount(contract_size)
    ours: Holding | None = None
    closed: list[Holding] = []
    moved = Decimal(0)
    for trade in trades:
        theirs.trade(trade)
        kept, opened = after_trade(ours, trade, contract_size)
        if kept is not None and kept.quantity == 0:
            closed.append(kept)
            kept = None
        ours = opened or kept
        moved += EXACT.multiply(trade.quantity * contract_size, max(abs(trade.price), abs(price))) + abs(trade.fee)
        compare_open(ours, theirs, price, SHARE * moved + ROUNDING)
        assert len(closed) == len(theirs.closed)
        for holding, position in zip(closed, theirs.closed, strict=True):
            assert holding.open_cost == holding.open_fees == 0
            assert abs(holding.realized_pnl - position.realized_pnl.as_decimal()) <= SHARE * moved + ROUNDING


def compare_open(ours: Holding | None, theirs: NautilusAccount, price: Decimal, tolerance: Decimal) -> None:
    assert (ours is None) is (theirs.held is None)
    if ours is None or theirs.held is None:
        return
    assert (ours.side.name, ours.quantity) == (theirs.held.side.name, theirs.held.quantity.as_decimal())
    average = Decimal(theirs.held.avg_px_open)
    assert abs(ours.average_cost - average) * ours.quantity * ours.contract_size <= tolerance
    realized, unrealized = theirs.held.realized_pnl.as_decimal(), theirs.unrealized(price)
    assert abs(ours.realized_pnl - ours.open_fees - realized) <= tolerance
    assert abs(ours.unrealized_pnl(price) + ours.open_fees - unrealized) <= tolerance
    assert abs(ours.realized_pnl + ours.unrealized_pnl(price) - realized - unrealized) <= tolerance
