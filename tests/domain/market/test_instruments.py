"""The catalogue and the many spellings of its symbols."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.errors import DomainError, ErrorCode
from domain.market.instruments import Instrument, all_instruments, find_instrument


@pytest.mark.parametrize(
    "spelling", ["BTC/USDT", "BTCUSDT", "btcusdt", "btc/usdt", "BTC-USDT", "btc_usdt", "BTC%2FUSDT", "btc%2fusdt", " BTC/USDT "]
)
def test_every_spelling_of_a_pair_names_it(spelling: str) -> None:
    assert find_instrument(spelling).symbol == "BTC/USDT"


@pytest.mark.parametrize(
    ("alias", "symbol"),
    [
        ("WTI", "CL"),
        ("brent", "BZ"),
        ("Henry_Hub", "NG"),
        ("HENRYHUB", "NG"),
        ("ULSD", "HO"),
        ("RBOB", "RB"),
        ("GOS", "GO"),
        ("elec", "ELECTRICITY"),
        ("energy_usd", "ENERGY_USD"),
        ("nl-day-ahead", "NL_DAY_AHEAD"),
    ],
)
def test_an_alias_names_its_instrument(alias: str, symbol: str) -> None:
    assert find_instrument(alias).symbol == symbol


@pytest.mark.parametrize("text", ["", "/", "FOO", "BTC", "USDT", "BTC USDT X", "%", "%2F", "\x00", "🚀"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(DomainError) as refusal:
        find_instrument(text)
    assert refusal.value.code is ErrorCode.UNKNOWN_SYMBOL


def test_an_endless_symbol_is_cut_in_the_error() -> None:
    with pytest.raises(DomainError) as refusal:
        find_instrument("A" * 100_000)
    assert refusal.value.details["symbol"] == "A" * 32 + "…"
    assert len(refusal.value.message) < 60


@given(st.text(max_size=80))
def test_any_text_is_either_known_or_unknown(text: str) -> None:
    with suppress(DomainError):
        assert find_instrument(text) in all_instruments()


def test_no_two_instruments_share_a_spelling() -> None:
    spellings = [
        text.replace("/", "").replace("_", "").upper()
        for instrument in all_instruments()
        for text in (instrument.symbol, *instrument.aliases)
    ]
    assert len(set(spellings)) == len(spellings)


@pytest.mark.parametrize("instrument", all_instruments(), ids=lambda instrument: instrument.symbol)
def test_an_entry_of_the_catalogue_is_consistent(instrument: Instrument) -> None:
    assert find_instrument(instrument.symbol) is instrument
    assert instrument.tick > 0 and instrument.lot > 0 and instrument.contract_size > 0
    assert instrument.round_quantity(instrument.min_quantity) == instrument.min_quantity > 0
    assert instrument.round_quantity(instrument.max_quantity) == instrument.max_quantity > instrument.min_quantity
    assert instrument.round_price(instrument.reference_price) == instrument.reference_price > 0
    assert Decimal("0.05") < instrument.annual_volatility < 5


def test_the_corrected_facts_of_the_energy_list() -> None:
    ttf, eua, rggi = find_instrument("TTF"), find_instrument("EUA"), find_instrument("RGGI")
    assert (ttf.quote, ttf.unit) == ("EUR", "MWh")
    assert (eua.quote, eua.contract_size) == ("EUR", Decimal(1000))
    assert (rggi.quote, rggi.unit, rggi.contract_size) == ("USD", "short_ton_co2", Decimal(1000))
    assert [instrument.symbol for instrument in all_instruments() if instrument.allow_negative_price] == [
        "CL",
        "ELECTRICITY",
        "NL_DAY_AHEAD",
    ]


def test_quantities_are_rounded_to_lots_and_prices_to_ticks() -> None:
    bitcoin, gas = find_instrument("BTC/USDT"), find_instrument("TTF")
    assert bitcoin.round_quantity(Decimal("0.0123456")) == Decimal("0.01234")
    assert bitcoin.round_quantity(Decimal("0.0123456"), toward="up") == Decimal("0.01235")
    assert gas.round_price(Decimal("35.0031")) == Decimal("35.005")
    assert gas.round_price(Decimal("-35.0099"), toward="floor") == Decimal("-35.010")


def test_the_notional_counts_the_units_of_a_contract() -> None:
    assert find_instrument("CL").notional(Decimal(2), Decimal("75.5")) == Decimal(151_000)
    assert find_instrument("BTC/USDT").notional(Decimal("0.01"), Decimal(88_500)) == Decimal(885)
