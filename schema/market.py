"""What clients see of the market: instruments, candles, tickers, prices and indicators, each naming its source."""

from datetime import datetime
from decimal import Decimal

import strawberry

from domain.market.candles import Interval
from schema.enums import graphql_enum

graphql_enum(
    Interval,
    description="How long one candle lasts. Candles are aligned to the Unix epoch in UTC.",
    values={interval.name: f"`{interval.value}`" for interval in Interval},
)


@strawberry.type(description="One tradable thing. Prices are in `quote` per `unit`.")
class Instrument:
    symbol: str = strawberry.field(description="The canonical spelling, for instance `BTC/USDT`.")
    name: str = strawberry.field(description="What people call it.")
    kind: str = strawberry.field(description="`crypto` or `energy`.")
    base: str = strawberry.field(description="What is bought and sold.")
    quote: str = strawberry.field(description="The currency it is paid in.")
    unit: str = strawberry.field(description="What a price is for: a coin, a barrel, a MWh.")
    contract_size: Decimal = strawberry.field(description="Units in one contract; quantities count contracts.")
    tick: Decimal = strawberry.field(description="Prices are multiples of this.")
    lot: Decimal = strawberry.field(description="Quantities are multiples of this.")
    min_quantity: Decimal = strawberry.field(description="Smallest order, in contracts.")
    max_quantity: Decimal = strawberry.field(description="Largest order, in contracts.")
    min_notional: Decimal = strawberry.field(description="Smallest value of an order, in `quote`.")
    aliases: list[str] = strawberry.field(description="Other names by which it is found.")
    allow_negative_price: bool = strawberry.field(description="Whether its price can fall below zero.")
    max_leverage: int = strawberry.field(description="How many times its margin a position may be worth; 1 where all is paid.")
    allow_short: bool = strawberry.field(description="Whether it can be sold without being held.")


@strawberry.type(description="Where market data comes from.")
class Origin:
    source: str = strawberry.field(description="`simulated`, `replay:<folder>` or the id of an exchange.")
    simulated: bool = strawberry.field(description="The values are computed, not recorded.")
    stale: bool = strawberry.field(description="The newest value is older than it should be.")
    note: str | None = strawberry.field(description="How the values were made, where they are not recorded as they stand.")


@strawberry.type(description="One candle.")
class Candle:
    opened_at: datetime = strawberry.field(description="Start of the interval.")
    open: Decimal = strawberry.field(description="First price, in the quote currency.")
    high: Decimal = strawberry.field(description="Highest price.")
    low: Decimal = strawberry.field(description="Lowest price.")
    close: Decimal = strawberry.field(description="Last price.")
    volume: Decimal = strawberry.field(description="Traded amount, in the instrument's unit.")


@strawberry.type(description="Closed candles, oldest first.")
class CandleSeries:
    symbol: str = strawberry.field(description="Canonical symbol.")
    interval: Interval = strawberry.field(description="How long one candle lasts.")
    candles: list[Candle] = strawberry.field(description="Closed candles, oldest first.")
    as_of: datetime = strawberry.field(description="Market time of the answer; in a replay the recorded time.")
    origin: Origin = strawberry.field(description="Where the candles come from.")


@strawberry.type(description="The last 24 hours of a symbol.")
class Ticker:
    symbol: str = strawberry.field(description="Canonical symbol.")
    price: Decimal = strawberry.field(description="Price now, in the quote currency.")
    change_24h: Decimal = strawberry.field(name="change24h", description="Change of the price, in the quote currency.")
    change_percent_24h: Decimal = strawberry.field(name="changePercent24h", description="Change of the price, in percent.")
    high_24h: Decimal = strawberry.field(name="high24h", description="Highest price.")
    low_24h: Decimal = strawberry.field(name="low24h", description="Lowest price.")
    volume_24h: Decimal = strawberry.field(name="volume24h", description="Turnover, in the quote currency.")
    as_of: datetime = strawberry.field(description="Market time of the answer.")
    origin: Origin = strawberry.field(description="Where the figures come from.")


@strawberry.type(description="A price at a moment.")
class Tick:
    symbol: str = strawberry.field(description="Canonical symbol.")
    price: Decimal = strawberry.field(description="In the quote currency.")
    as_of: datetime = strawberry.field(description="Market time of the price.")
    origin: Origin = strawberry.field(description="Where the price comes from.")


@strawberry.type(description="One computed indicator.")
class Indicator:
    name: str = strawberry.field(description="With its period, for instance `RSI(14)`.")
    value: Decimal | None = strawberry.field(description="Null where it cannot be computed from the candles.")
    signal: str | None = strawberry.field(description="`buy`, `sell` or `neutral`; null for an indicator that gives none.")


@strawberry.type(description="Indicators over the closed candles of one series.")
class IndicatorSet:
    symbol: str = strawberry.field(description="Canonical symbol.")
    interval: Interval = strawberry.field(description="Interval of the candles.")
    indicators: list[Indicator] = strawberry.field(description="In a fixed order.")
    summary: str = strawberry.field(description="`bullish`, `bearish` or `neutral`: the majority of the signals.")
    as_of: datetime = strawberry.field(description="Market time of the answer.")
    origin: Origin = strawberry.field(description="Where the candles come from.")
