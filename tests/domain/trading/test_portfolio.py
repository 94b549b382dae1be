"""All that a user owns, by hand: in dollars, over the day, and since the first deposit."""

from decimal import Decimal

from domain.kernel.errors import DomainError, ErrorCode
from domain.market.candles import Tick
from domain.market.market import Market
from domain.trading.leverage import set_leverage
from domain.trading.margins import funds_by_wallet, margins_of_positions
from domain.trading.placing import place_order
from domain.trading.portfolio import CurrencySummary, portfolio_summary
from domain.trading.previewing import preview_order
from domain.wallets.models import Wallet
from tests.builders import make_trader
from tests.domain.trading.desk import Desk, buy, sell

D = Decimal


async def test_an_untouched_wallet_is_worth_its_deposits(desk: Desk) -> None:
    found = await portfolio_summary(desk.operation)
    assert (found.total_value, found.cash_balance, found.positions_value) == (D(1_010_000), D(1_010_000), D(0))
    # Paid in today: nothing was won, and there was nothing that could have grown. The euro has no price in dollars.
    assert (found.day_change, found.day_change_percent, found.total_pnl, found.total_pnl_percent) == (D(0), None, D(0), D(0))
    assert (found.currency, found.buying_power) == ("USD", D(1_010_000))
    euro = D(1_000_000)
    assert found.other_currencies == [CurrencySummary("EUR", euro, euro, D(0), D(0), D(0), euro)]


async def test_longs_and_shorts_count_with_their_sign(desk: Desk) -> None:
    desk.without_costs()
    desk.price("CL", "75")
    await place_order(desk.operation, buy(quantity="0.1"))
    await place_order(desk.operation, sell("CL", "2"))
    desk.price("BTC/USDT", "51000")
    desk.price("CL", "76")
    for symbol in ("BTC/USDT", "CL"):
        await place_order(desk.operation, buy(symbol, "0.05" if symbol == "BTC/USDT" else "1"))
    found = await portfolio_summary(desk.operation)
    # 10,000 - 5,000 - 2,550 and 1,000,000 + 150,000 - 76,000 in cash; 0.15 x 51,000 and -1 x 76,000 in positions
    assert (found.cash_balance, found.positions_value) == (D(1_076_450), D(-68_350))
    assert (found.total_value, found.total_pnl, found.day_change) == (D(1_008_100), D(-1900), D(-1900))
    assert (found.total_pnl_percent, found.day_change_percent) == (D("-0.1881"), None)


async def test_the_day_begins_with_what_was_held_at_midnight(desk: Desk) -> None:
    desk.without_costs()
    await place_order(desk.operation, buy(quantity="0.1"))
    desk.clock.advance(days=1)
    midnight = desk.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    series = await desk.runtime.use(Market).candles("BTC/USDT", "1h", 25)
    then = next(candle.close for candle in series.candles if candle.opened_at + series.interval.length == midnight)
    desk.price("BTC/USDT", "51000")
    await place_order(desk.operation, sell(quantity="0.04"))
    found = await portfolio_summary(desk.operation)
    assert found.day_change == D("0.1") * (51_000 - then)
    assert (found.total_value, found.total_pnl) == (D(1_010_100), D(100))


async def test_without_a_price_at_midnight_the_day_is_not_made_up(desk: Desk) -> None:
    await place_order(desk.operation, buy(quantity="0.1"))
    desk.clock.advance(days=1)
    desk.source.silent = True
    found = await portfolio_summary(desk.operation)
    assert (found.day_change, found.day_change_percent) == (None, None)
    assert found.total_pnl < 0


async def test_a_currency_with_a_price_is_converted(desk: Desk) -> None:
    class WithEuro(Market):
        async def price(self, symbol: str) -> Tick:
            if symbol != "EUR/USD":
                raise DomainError(ErrorCode.UNKNOWN_SYMBOL, "Unknown symbol")
            return Tick(symbol, D("1.1"), self.now(), self._source.origin(None))  # type: ignore[arg-type]

    desk.runtime.provide(Market, WithEuro(desk.source))
    found = await portfolio_summary(desk.operation)
    assert (found.total_value, found.total_pnl, found.other_currencies) == (D(2_110_000), D(0), [])


async def test_what_carries_positions_is_seen_by_their_owner_only(desk: Desk) -> None:
    desk.without_costs()
    wallet = await desk.row(Wallet)
    async with desk.operation.unit_of_work() as work:
        await set_leverage(work, wallet.id, 10)
    preview = await preview_order(desk.operation, buy(quantity="1"))
    assert (preview.margin, preview.liquidation_price) == (D(5000), D("43243.243243243243243243"))
    order = await place_order(desk.operation, buy(quantity="1"))
    assert order.position_id is not None
    async with desk.operation.reading() as work:
        margin = (await margins_of_positions(work, [order.position_id]))[order.position_id]
        funds = {one.currency: one for one in (await funds_by_wallet(work, [wallet.id]))[wallet.id]}
    assert (margin.leverage, margin.margin_used, margin.liquidation_price) == (10, D(5000), preview.liquidation_price)
    assert (funds["USDT"].available, funds["USDT"].maintenance, funds["USD"].margin) == (D(5000), D(3750), D(0))
    assert (await portfolio_summary(desk.operation)).buying_power == D(10) * 1_005_000
    await place_order(desk.operation, sell(quantity="1"))
    bob = desk.runtime.operation(await make_trader(desk.runtime), door="test")
    async with bob.reading() as work:
        assert await margins_of_positions(work, [order.position_id]) == {}
        assert await funds_by_wallet(work, [wallet.id]) == {}
    async with desk.operation.reading() as work:
        closed = (await margins_of_positions(work, [order.position_id]))[order.position_id]
    assert (closed.margin_used, closed.liquidation_price) == (D(0), None)
