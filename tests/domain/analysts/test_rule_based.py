"""The rule-based analysts: each sees what its method says, quotes its numbers, and never invents an answer."""

import re
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from domain.analysts.measures import average_true_ranges
from domain.analysts.method import Finding, confidence_of
from domain.analysts.opinion import Abstained, Action, RiskLevel
from domain.analysts.rule_based import MAX_PANEL, RULE_BASED, RuleBasedAnalyst, panel, solo_analyst, weight_of
from domain.analysts.snapshot import MarketSnapshot
from domain.kernel.errors import DomainError, ErrorCode
from domain.market.candles import Candle, Indicator
from tests.domain.analysts.markets import answer, market, mirrored, moved, random_market, snapshot

TREND, REVERSION, BREAKOUT, VOLATILITY, VOLUME = RULE_BASED
EVERYBODY = (*panel(MAX_PANEL), solo_analyst())


def zigzag(count: int, middle: int = 100, width: str = "0.5") -> list[Decimal]:
    return [middle + (Decimal(width) if index % 2 else -Decimal(width)) for index in range(count)]


RISING = market([100 + Decimal(index) / 2 for index in range(100)])
RANGING = market(zigzag(100))
PLUNGED = market([*zigzag(96, width="0.2"), Decimal("99"), Decimal("98.2"), Decimal("97.4"), Decimal("96.8")])
BROKEN_OUT = market([*zigzag(98), Decimal("101"), Decimal("102")])
# wide ranges that have become narrow, and a close that strays from their mean
CALM = market([*zigzag(50, width="2"), *zigzag(46), "99.2", "98.4", "97.6", "96.8"])
# wide, then narrow, then widening on a rise
WIDENING = market([*zigzag(30, width="3"), *zigzag(50), *[100 + Decimal(index) * 2 for index in range(20)]])
STORM = market([*zigzag(85), *zigzag(15, width="8")])
ACCUMULATED = market(zigzag(100), volumes=[30 if index % 2 else 10 for index in range(100)])


@pytest.mark.parametrize(
    ("analyst", "candles", "numbers"),
    [
        (TREND, RISING, ["EMA(12) 146.75", "EMA(26) 143.25", "5.00 ATR above", "ADX(14) 100.00 against 20"]),
        (REVERSION, PLUNGED, ["The close 96.8 is 2.91 deviations below SMA(20) 99.57 against 1.8", "RSI(14) 30.17"]),
        (
            BREAKOUT,
            BROKEN_OUT,
            ["The close 102 is beyond the 20-candle range 99.4 to 101.1", "by 0.77 ATR; MACD histogram 0.170402 (0.15 ATR)"],
        ),
        (VOLATILITY, CALM, ["ATR(14) 1.2539 ranks 0.00 among 85", "so fade: -2.23 ATR from SMA(20) 99.6 against 1.79"]),
        (VOLATILITY, WIDENING, ["ATR(14) 1.97565 ranks 0.52 among 85", "so follow: 14.17 ATR in 14 candles against 2.24"]),
        (VOLUME, ACCUMULATED, ["OBV changed by 200 in 20 candles, 50.00% of their volume against 20%", "VWAP 100.083"]),
        (solo_analyst(), RISING, ["Buy less sell is ", "against 0.55", "trend_follower 0.9000 (EMA(12) 146.75"]),
    ],
)
def test_each_method_buys_its_set_up_and_sells_the_mirror_image(
    analyst: RuleBasedAnalyst, candles: tuple[Candle, ...], numbers: list[str]
) -> None:  # fmt: skip
    bought, sold = answer(analyst, snapshot(candles)), answer(analyst, snapshot(mirrored(candles)))
    assert (bought.action, sold.action) == (Action.BUY, Action.SELL)
    assert bought.confidence == sold.confidence
    assert [number for number in numbers if number not in bought.reasoning] == [], bought.reasoning


@pytest.mark.parametrize(
    ("analyst", "candles"), [(TREND, RANGING), (REVERSION, RANGING), (BREAKOUT, RANGING), (VOLATILITY, STORM), (solo_analyst(), RANGING)]
)
def test_each_method_holds_without_a_set_up(analyst: RuleBasedAnalyst, candles: tuple[Candle, ...]) -> None:
    opinion = answer(analyst, snapshot(candles))
    assert opinion.action is Action.HOLD
    assert (opinion.stop_loss, opinion.take_profit) == (None, None)
    assert Decimal("0.5") <= opinion.confidence <= Decimal("0.75")
    assert re.search(r"\d", opinion.reasoning)


def test_volume_that_leans_to_neither_side_is_a_hold() -> None:
    opinion = answer(VOLUME, snapshot(market(zigzag(100))))
    assert (opinion.action, opinion.confidence) == (Action.HOLD, Decimal("0.7500"))
    assert "OBV changed by 0 in 20 candles" in opinion.reasoning


def test_falling_price_on_rising_volume_needs_more_volume_to_be_a_buy() -> None:
    falling = [close - Decimal(index) / 50 for index, close in enumerate(zigzag(99))]
    diverging = answer(VOLUME, snapshot(market(falling, volumes=[14 if index % 2 else 8 for index in range(99)])))
    assert diverging.action is Action.HOLD
    assert "27.27% of their volume against 35%" in diverging.reasoning and "diverging" in diverging.reasoning


def test_vote_quotes_the_indicator_that_the_user_sees() -> None:
    shown = (Indicator("ADX(14)", Decimal("24.1234"), "buy"), Indicator("RSI(14)", None, None))
    seen = replace(snapshot(RISING), indicators=shown)
    opinion = answer(TREND, seen)
    assert "ADX(14) 24.12 against 20" in opinion.reasoning
    assert opinion.confidence == Decimal("0.5855")  # 1 - 0.5 / (24.1234 / 20)
    assert "RSI(14) 100.00" in answer(REVERSION, seen).reasoning
    assert "ADX(28) 100.00" in answer(panel(6)[5], seen).reasoning


def test_stop_and_target_lie_at_the_stated_ranges_from_the_price() -> None:
    opinion = answer(TREND, snapshot(RISING))
    # every true range but the first is 0.5 + 2 x 0.1
    assert average_true_ranges(RISING, 14)[-1] == Decimal("0.7")
    assert (opinion.stop_loss, opinion.take_profit) == (Decimal("148.1"), Decimal("152.3"))
    assert opinion.reasoning.endswith("Stop 2 ATR, target 4 ATR from 149.5; ATR(14) 0.7.")


def test_levels_start_from_the_price_now_and_not_from_the_last_close() -> None:
    opinion = answer(TREND, snapshot(RISING, price=Decimal("160.25")))
    assert (opinion.stop_loss, opinion.take_profit) == (Decimal("158.85"), Decimal("163.05"))


def test_stop_below_zero_is_left_out_where_the_market_was_never_there() -> None:
    opinion = answer(TREND, snapshot(moved(RISING, -99), price=Decimal("1.2")))
    assert opinion.action is Action.BUY and opinion.stop_loss is None and opinion.take_profit == Decimal("4.0")
    assert "Stop none, target 4 ATR" in opinion.reasoning
    deeper = answer(TREND, snapshot(moved(RISING, -110), price=Decimal("1.2")))
    assert deeper.stop_loss == Decimal("-0.2")


@pytest.mark.parametrize("analyst", EVERYBODY, ids=lambda analyst: analyst.name)
@pytest.mark.parametrize("start", [100, 0, -40])
def test_any_market_gets_a_sound_opinion_or_an_abstention(analyst: RuleBasedAnalyst, start: int) -> None:
    for seed in range(15):
        seen = snapshot(random_market(seed, start=start, volume=seed % 4 > 0))
        try:
            opinion = answer(analyst, seen)
        except Abstained:
            continue
        assert Decimal("0.5") <= opinion.confidence <= 1
        opinion.check_levels(seen.price)
        if opinion.action is not Action.HOLD and start < 0:
            assert opinion.stop_loss is not None and opinion.take_profit is not None


@pytest.mark.parametrize("analyst", EVERYBODY, ids=lambda analyst: analyst.name)
def test_neither_the_sign_nor_the_height_of_the_price_changes_a_vote(analyst: RuleBasedAnalyst) -> None:
    opposite = {Action.BUY: Action.SELL, Action.SELL: Action.BUY, Action.HOLD: Action.HOLD}
    for seed in range(10):
        candles = random_market(seed)
        here, lower = (_vote(analyst, snapshot(moved(candles, by))) for by in (0, -5000))
        upside_down = _vote(analyst, snapshot(mirrored(candles)))
        assert lower == here
        assert upside_down == (here and (opposite[here[0]], here[1]))


def _vote(analyst: RuleBasedAnalyst, seen: MarketSnapshot) -> tuple[Action, Decimal] | None:
    try:
        opinion = answer(analyst, seen)
    except Abstained:
        return None
    return opinion.action, opinion.confidence


@pytest.mark.parametrize("analyst", [*RULE_BASED, solo_analyst()], ids=lambda analyst: analyst.name)
def test_over_many_markets_each_method_says_all_three_with_many_confidences(analyst: RuleBasedAnalyst) -> None:
    votes = [vote for seed in range(150) if (vote := _vote(analyst, snapshot(random_market(seed))))]
    assert set(Counter(action for action, _ in votes)) == set(Action)
    assert len({confidence for _, confidence in votes}) > 25


def test_same_snapshot_gives_the_same_opinion_after_storage() -> None:
    for seed in range(5):
        seen = snapshot(random_market(seed))
        stored = MarketSnapshot.from_document(seen.to_document())
        assert [_vote(analyst, seen) for analyst in EVERYBODY] == [_vote(analyst, stored) for analyst in EVERYBODY]
        assert answer(solo_analyst(), seen) == answer(solo_analyst(), stored)


@pytest.mark.parametrize("analyst", EVERYBODY, ids=lambda analyst: analyst.name)
def test_stale_short_or_motionless_data_is_an_abstention(analyst: RuleBasedAnalyst) -> None:
    with pytest.raises(Abstained, match=r"stale: the feed stopped"):
        answer(analyst, snapshot(RISING, stale=True, note="the feed stopped"))
    with pytest.raises(Abstained, match=r"There are 5 candles of 1h, \d+ are needed"):
        answer(analyst, snapshot(RISING[:5]))
    with pytest.raises(Abstained, match="did not move"):
        answer(analyst, snapshot(market([100] * 100, margin="0")))


@pytest.mark.parametrize("analyst", EVERYBODY, ids=lambda analyst: analyst.name)
def test_candles_needed_are_enough_and_fit_a_hundred(analyst: RuleBasedAnalyst) -> None:
    needed = max(analyst.method.candles_needed, analyst.method.atr_period + 1)
    assert needed <= 100
    answer(analyst, snapshot(random_market(3, count=needed)))
    with pytest.raises(Abstained, match=f"There are {needed - 1} candles"):
        answer(analyst, snapshot(random_market(3, count=needed - 1)))


def test_without_volume_the_volume_reader_abstains_and_the_solo_analyst_says_so() -> None:
    silent = snapshot(market(zigzag(100), volumes=0))
    with pytest.raises(Abstained, match="No volume is known for the last 20 candles"):
        answer(VOLUME, silent)
    assert "volume_reader abstains (No volume is known" in answer(solo_analyst(), silent).reasoning


def test_solo_analyst_abstains_when_too_few_methods_answer() -> None:
    # closes do not move, ranges do: nothing to revert, no volume
    still = market([100] * 100, margin=["0.1", *["0.2"] * 78, *["0"] * 21], volumes=0)
    with pytest.raises(Abstained, match="Only 2 of 5 methods have an answer, 3 are needed"):
        answer(solo_analyst(), snapshot(still))


def test_swarm_of_any_size_has_no_twins() -> None:
    members = panel(MAX_PANEL)
    assert [member.name for member in members[:6]] == [
        "trend_follower", "mean_reverter", "breakout_trader", "volatility_watcher", "volume_reader", "trend_follower_slow",
    ]  # fmt: skip
    assert len({member.name for member in members}) == len({member.model for member in members}) == MAX_PANEL
    assert len({member.description for member in members}) == MAX_PANEL
    votes = Counter(tuple(_vote(member, snapshot(random_market(seed))) for seed in range(12)) for member in members)
    assert max(votes.values()) == 1
    assert panel(5) == RULE_BASED


@pytest.mark.parametrize("runs", [0, -1, MAX_PANEL + 1])
def test_swarm_outside_its_limits_is_refused(runs: int) -> None:
    with pytest.raises(DomainError) as refusal:
        panel(runs)
    assert refusal.value.code is ErrorCode.VALIDATION_ERROR


def test_confidence_falls_to_a_half_at_the_threshold_and_rises_on_both_sides() -> None:
    holds = [confidence_of(Finding(Action.HOLD, Decimal(step) / 10, "-")) for step in range(11)]
    acts = [confidence_of(Finding(Action.BUY, Decimal(step) / 10, "-")) for step in range(10, 60)]
    assert (holds[0], holds[-1], acts[0], acts[10]) == (Decimal("0.7500"), Decimal("0.5000"), Decimal("0.5000"), Decimal("0.7500"))
    assert holds == sorted(set(holds), reverse=True) and acts == sorted(set(acts))


def test_risk_level_is_where_the_range_stands_in_its_own_history() -> None:
    assert answer(VOLATILITY, snapshot(STORM)).risk_level is RiskLevel.HIGH
    assert answer(VOLATILITY, snapshot(CALM)).risk_level is RiskLevel.LOW


def test_weight_is_given_by_name_before_role() -> None:
    assert weight_of(TREND, {}) == 1
    assert weight_of(TREND, {"market_analyst": Decimal("0.5")}) == Decimal("0.5")
    assert weight_of(TREND, {"market_analyst": Decimal("0.5"), "trend_follower": Decimal(3)}) == 3


def test_every_model_says_that_it_is_rule_based() -> None:
    assert {member.model.split("/")[0] for member in EVERYBODY} == {"rule_based"}
    assert TREND.model == "rule_based/trend_follower@1"
