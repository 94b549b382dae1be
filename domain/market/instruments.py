"""The catalogue of what can be traded: sizes, steps, currency and the spellings by which clients name each instrument."""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from urllib.parse import unquote

from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import Toward, round_to_step
from domain.market.sessions import ENERGY_WEEK, Session, day_end

Kind = Literal["crypto", "energy"]


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable thing.

    Prices are in `quote` per `unit`, in steps of `tick`. A quantity counts contracts of `contract_size` units, in steps of `lot`;
    for crypto one contract is one coin. `min_notional` is in `quote`. `annual_volatility` is a fraction (0.6 = 60 % a year);
    it and `reference_price` shape the simulated market only. `max_leverage` is how many times the margin a position may be worth, 1 where
    all of it must be paid. `session` is when it is traded, None for round the clock.
    """

    symbol: str
    name: str
    kind: Kind
    base: str
    quote: str
    unit: str
    contract_size: Decimal
    tick: Decimal
    lot: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    min_notional: Decimal
    aliases: tuple[str, ...]
    allow_negative_price: bool
    allow_short: bool
    annual_volatility: Decimal
    reference_price: Decimal
    max_leverage: int = 10
    session: Session | None = None

    def round_quantity(self, quantity: Decimal, toward: Toward = "down") -> Decimal:
        """Return the quantity in whole lots."""
        return round_to_step(quantity, self.lot, toward)

    def round_price(self, price: Decimal, toward: Toward = "nearest") -> Decimal:
        """Return the price in whole ticks."""
        return round_to_step(price, self.tick, toward)

    def notional(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Return what this many contracts are worth at this price, in the quote currency."""
        return quantity * price * self.contract_size


def all_instruments() -> tuple[Instrument, ...]:
    """Return the whole catalogue, crypto first, in a fixed order."""
    return _CATALOGUE


def find_instrument(text: str) -> Instrument:
    """Return the instrument that this spelling names.

    `BTC/USDT`, `btcusdt`, `BTC-USDT`, `BTC_USDT` and `BTC%2FUSDT` are the same; so are aliases in any case.
    Raises UNKNOWN_SYMBOL.
    """
    # Longer than any spelling, even percent-encoded: not worth looking at.
    instrument = _BY_SPELLING.get(_spelling(unquote(text))) if len(text) <= 64 else None
    if instrument is None:
        shown = text[:32] + ("…" if len(text) > 32 else "")
        raise DomainError(ErrorCode.UNKNOWN_SYMBOL, f"Unknown symbol: {shown}", symbol=shown)
    return instrument


def session_end(instrument: Instrument, moment: datetime) -> datetime:
    """Return when a DAY order of this moment ends: with the trading day, at midnight UTC for what is traded round the clock."""
    return day_end(moment) if instrument.session is None else instrument.session.day_end(moment)


def canonical_symbol(text: str | None) -> str | None:
    """Return the symbol that a filter's spelling means; None, which filters nothing, stays None. Raises UNKNOWN_SYMBOL."""
    return None if text is None else find_instrument(text).symbol


def _spelling(text: str) -> str:
    return re.sub(r"[/\-_:\s]", "", text).upper()


def _crypto(base: str, name: str, price: str, tick: str, lot: str, volatility: str) -> Instrument:
    return Instrument(
        symbol=f"{base}/USDT",
        name=name,
        kind="crypto",
        base=base,
        quote="USDT",
        unit=base,
        contract_size=Decimal(1),
        tick=Decimal(tick),
        lot=Decimal(lot),
        min_quantity=Decimal(lot),
        max_quantity=Decimal(10_000_000),
        min_notional=Decimal(5),
        aliases=(),
        allow_negative_price=False,
        allow_short=True,
        annual_volatility=Decimal(volatility),
        reference_price=Decimal(price),
    )


def _energy(
    symbol: str,
    name: str,
    unit: str,
    price: str,
    volatility: str,
    *,
    quote: str = "USD",
    size: str = "1",
    tick: str = "0.01",
    lot: str = "1",
    aliases: tuple[str, ...] = (),
    negative: bool = False,
    max_leverage: int = 10,
) -> Instrument:
    return Instrument(
        symbol=symbol,
        name=name,
        kind="energy",
        base=symbol,
        quote=quote,
        unit=unit,
        contract_size=Decimal(size),
        tick=Decimal(tick),
        lot=Decimal(lot),
        min_quantity=Decimal(lot),
        max_quantity=Decimal(1_000_000),
        min_notional=Decimal(0),
        aliases=aliases,
        allow_negative_price=negative,
        allow_short=True,
        annual_volatility=Decimal(volatility),
        reference_price=Decimal(price),
        max_leverage=max_leverage,
        session=ENERGY_WEEK,
    )


_CATALOGUE = (
    _crypto("BTC", "Bitcoin", "88500", "0.01", "0.00001", "0.55"),
    _crypto("ETH", "Ether", "3000", "0.01", "0.0001", "0.70"),
    _crypto("SOL", "Solana", "150", "0.01", "0.001", "0.90"),
    _crypto("BNB", "BNB", "850", "0.01", "0.001", "0.60"),
    _crypto("XRP", "XRP", "2.2", "0.0001", "0.1", "0.85"),
    _crypto("ADA", "Cardano", "0.55", "0.0001", "0.1", "0.90"),
    _crypto("DOGE", "Dogecoin", "0.16", "0.00001", "1", "1.00"),
    _crypto("AVAX", "Avalanche", "18", "0.001", "0.01", "0.95"),
    _crypto("LINK", "Chainlink", "14", "0.001", "0.01", "0.85"),
    _crypto("LTC", "Litecoin", "90", "0.01", "0.001", "0.75"),
    # WTI settled at -37.63 USD on 2020-04-20.
    _energy("CL", "WTI crude oil", "barrel", "75.5", "0.35", size="1000", aliases=("WTI",), negative=True),
    _energy("BZ", "Brent crude oil", "barrel", "80", "0.35", size="1000", aliases=("BRENT",)),
    _energy("NG", "Henry Hub natural gas", "MMBtu", "3.2", "0.45", size="10000", tick="0.001", aliases=("HENRY_HUB",)),
    # The listed lot is 1 MW in every hour of the month, which differs from month to month: counted in MWh here.
    _energy("TTF", "TTF natural gas", "MWh", "35", "0.45", quote="EUR", tick="0.005", aliases=("DUTCH_TTF",)),
    _energy("JKM", "JKM liquefied natural gas", "MMBtu", "12", "0.45", size="10000", tick="0.001"),
    _energy("HO", "NY Harbor ULSD heating oil", "gallon", "2.45", "0.30", size="42000", tick="0.0001", aliases=("ULSD",)),
    _energy("RB", "RBOB gasoline", "gallon", "2.3", "0.32", size="42000", tick="0.0001", aliases=("RBOB",)),
    _energy("ELECTRICITY", "Electricity", "MWh", "45", "0.50", lot="0.1", aliases=("ELEC", "POWER"), negative=True),
    # Bought in an auction that wants the whole price as collateral.
    _energy("NL_DAY_AHEAD", "Dutch day-ahead power", "MWh", "90", "2.50", quote="EUR", lot="0.1", negative=True, max_leverage=1),
    _energy("EUA", "EU carbon allowance", "tonne_co2", "85", "0.40", quote="EUR", size="1000"),
    _energy("CCA", "California carbon allowance", "tonne_co2", "35", "0.40", size="1000"),
    _energy("RGGI", "RGGI carbon allowance", "short_ton_co2", "20", "0.40", size="1000"),
    # Certificates are things in a register, not contracts on them: they are paid for.
    _energy("REC", "Renewable energy certificate", "MWh", "45", "0.25", max_leverage=1),
    _energy("REGO", "Renewable energy guarantee of origin", "MWh", "25", "0.25", max_leverage=1),
    _energy("GO", "Guarantee of origin", "MWh", "25", "0.25", aliases=("GOS",), max_leverage=1),
    _energy("COAL", "Coal", "tonne", "85", "0.28"),
    _energy("ENERGY_USD", "Energy index", "unit", "52", "0.35"),
    _energy("SOLAR_USD", "Solar power index", "unit", "25", "0.35"),
    _energy("WIND_USD", "Wind power index", "unit", "30", "0.35"),
    _energy("HYDRO_USD", "Hydro power index", "unit", "28", "0.30"),
    _energy("NUCLEAR_USD", "Nuclear power index", "unit", "40", "0.25"),
)

_BY_SPELLING = {_spelling(text): instrument for instrument in _CATALOGUE for text in (instrument.symbol, *instrument.aliases)}
