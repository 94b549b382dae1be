import pytest

from domain.kernel.clock import ManualClock
from tests.graphql_client import GraphQLClient
from tests.market_script import ScriptedSource


async def test_market_is_open_to_everybody_and_names_its_source(nobody: GraphQLClient) -> None:
    found = await nobody.data("""{
        instrument(symbol: "wti") { symbol name kind quote unit contractSize tick allowNegativePrice aliases }
        price(symbol: "BTC-USDT") { symbol price asOf origin { source simulated stale note } }
        ticker(symbol: "BTC/USDT") { price changePercent24h high24h origin { source } }
        tickers(symbols: ["ETH/USDT", "BTC/USDT"]) { symbol }
        candles(symbol: "BTC/USDT", interval: HOUR_4, limit: 2) { interval candles { openedAt open close volume } origin { source } }
    }""")
    assert found["instrument"]["symbol"] == "CL"
    assert (found["instrument"]["contractSize"], found["instrument"]["allowNegativePrice"]) == ("1000", True)
    assert found["price"] == {
        "symbol": "BTC/USDT",
        "price": "50000",
        "asOf": "2026-03-02T09:30:00.000Z",
        "origin": {"source": "scripted", "simulated": True, "stale": False, "note": None},
    }
    assert found["ticker"]["price"] == "50000"
    assert [ticker["symbol"] for ticker in found["tickers"]] == ["ETH/USDT", "BTC/USDT"]
    assert found["candles"]["interval"] == "HOUR_4"
    assert [candle["close"] for candle in found["candles"]["candles"]] == ["49940", "50000"]


async def test_all_instruments_are_listed(nobody: GraphQLClient) -> None:
    instruments = (await nobody.data("{ instruments { symbol kind } }"))["instruments"]
    assert {"symbol": "BTC/USDT", "kind": "crypto"} in instruments
    assert {"symbol": "NL_DAY_AHEAD", "kind": "energy"} in instruments


async def test_indicators_are_computed(nobody: GraphQLClient) -> None:
    found = (await nobody.data('{ indicators(symbol: "BTC/USDT", limit: 100) { summary indicators { name value signal } } }'))["indicators"]
    assert found["summary"] == "bullish"
    assert {"SMA(20)", "RSI(14)", "MACD"} <= {indicator["name"] for indicator in found["indicators"]}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ('{ price(symbol: "NOPE") { price } }', "UNKNOWN_SYMBOL"),
        ('{ price(symbol: "") { price } }', "UNKNOWN_SYMBOL"),
        ("{ price(symbol: 1) { price } }", "VALIDATION_ERROR"),
        ("{ price { price } }", "VALIDATION_ERROR"),
        ('{ instrument(symbol: "\\u2603") { name } }', "UNKNOWN_SYMBOL"),
        ('{ candles(symbol: "BTC/USDT", limit: 0) { symbol } }', "VALIDATION_ERROR"),
        ('{ candles(symbol: "BTC/USDT", limit: 1001) { symbol } }', "VALIDATION_ERROR"),
        ('{ candles(symbol: "BTC/USDT", limit: 99999999999) { symbol } }', "VALIDATION_ERROR"),
        ('{ candles(symbol: "BTC/USDT", interval: "1h") { symbol } }', "VALIDATION_ERROR"),
        ('{ candles(symbol: "BTC/USDT", interval: WEEK_1) { symbol } }', "VALIDATION_ERROR"),
        ('{ indicators(symbol: "BTC/USDT", limit: 10) { summary } }', "NOT_ENOUGH_CANDLES"),
        ("{ tickers(symbols: []) { price } }", "VALIDATION_ERROR"),
        ('{ tickers(symbols: ["BTC/USDT", null]) { price } }', "VALIDATION_ERROR"),
    ],
)
async def test_question_that_has_no_answer_is_refused(nobody: GraphQLClient, query: str, code: str) -> None:
    assert await nobody.refusal(query) == code


async def test_silent_market_is_an_error_of_its_field_alone(nobody: GraphQLClient, source: ScriptedSource, clock: ManualClock) -> None:
    source.silent = True
    answer = await nobody.ask('{ price(symbol: "BTC/USDT") { price } instrument(symbol: "BTC/USDT") { symbol } }')
    assert answer["data"] == {"price": None, "instrument": {"symbol": "BTC/USDT"}}
    assert answer["errors"][0]["path"] == ["price"]
    assert answer["errors"][0]["extensions"]["code"] == "MARKET_UNAVAILABLE"
