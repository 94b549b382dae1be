"""The pre-trade gate: what may go on, and the sentence for each reason why not."""

from decimal import Decimal

import pytest

from domain.analysts.gate import GateDecision, GateSettings, Signal, pre_trade_gate
from domain.analysts.opinion import Action
from domain.kernel.errors import DomainError, ErrorCode

SURE = Decimal("0.72")


def signal(classification: str = "bullish", confidence: str = "0.5") -> Signal:
    return Signal(classification, Decimal(confidence))


@pytest.mark.parametrize(
    ("action", "confidence", "given", "settings", "reason"),
    [
        ("hold", "0.99", None, {}, "The analysis says hold."),
        ("buy", "0.5999", None, {}, "Confidence 0.5999 to buy is below the minimum 0.6."),
        ("sell", "0.7", None, {"pre_trade_min_confidence": 0.75}, "Confidence 0.7 to sell is below the minimum 0.75."),
        ("buy", "0.7", None, {"pre_trade_require_signal": True}, "The flow requires a signal and there is none."),
        ("buy", "0.7", signal(confidence="0.39"), {}, "Signal confidence 0.39 is below the minimum 0.4."),
        ("buy", "0.7", signal("neutral"), {}, "The signal is neutral, which does not support a buy."),
        ("sell", "0.7", signal("very_bullish"), {}, "The signal is very_bullish, which does not support a sell."),
    ],
)
def test_skip_names_its_reason_with_the_numbers(
    action: str, confidence: str, given: Signal | None, settings: dict[str, object], reason: str
) -> None:  # fmt: skip
    verdict = pre_trade_gate(Action(action), Decimal(confidence), GateSettings.from_config(settings), given)
    assert (verdict.decision, verdict.reason, verdict.proceeds) == (GateDecision.SKIP, reason, False)


@pytest.mark.parametrize(
    ("action", "confidence", "given", "settings"),
    [
        ("buy", "0.6", None, {}),
        ("sell", "0.1", None, {"pre_trade_min_confidence": "0.1"}),
        ("buy", "0.7", signal("very_bullish", "0.4"), {}),
        ("sell", "0.7", signal("bearish"), {"pre_trade_require_signal": True}),
        ("sell", "0.7", signal("bullish"), {"pre_trade_require_signal_alignment": False}),
    ],
)
def test_clear_and_supported_analysis_proceeds(action: str, confidence: str, given: Signal | None, settings: dict[str, object]) -> None:
    assert pre_trade_gate(Action(action), Decimal(confidence), GateSettings.from_config(settings), given).proceeds


def test_signal_joins_the_confidence_by_the_mean() -> None:
    alone, joined = pre_trade_gate(Action.BUY, SURE), pre_trade_gate(Action.BUY, SURE, signal=signal())
    assert (alone.confidence, joined.confidence, joined.analysis_confidence) == (SURE, Decimal("0.61"), SURE)
    assert joined.to_document() == {
        "decision": "proceed",
        "reason": "Confidence 0.72 to buy is at least 0.6.",
        "action": "buy",
        "confidence": "0.61",
        "analysis_confidence": "0.72",
        "min_confidence": "0.6",
        "signal": {"classification": "bullish", "confidence": "0.5"},
        "signal_min_confidence": "0.4",
        "require_signal": False,
        "require_signal_alignment": True,
    }


@pytest.mark.parametrize("key", ["demo_force_position", "demo_force_action"])
def test_nothing_forces_a_hold_through(key: str) -> None:
    assert not pre_trade_gate(Action.HOLD, SURE, GateSettings.from_config({key: True, "order_size_usd": 100})).proceeds


@pytest.mark.parametrize(
    "config",
    [
        {"pre_trade_min_confidence": 1.1},
        {"pre_trade_min_confidence": "NaN"},
        {"pre_trade_min_confidence": True},
        {"pre_trade_signal_min_confidence": -0.1},
        {"pre_trade_require_signal": "yes"},
    ],
)
def test_impossible_settings_are_refused(config: dict[str, object]) -> None:
    with pytest.raises(DomainError) as refusal:
        GateSettings.from_config(config)
    assert refusal.value.code is ErrorCode.VALIDATION_ERROR
    assert refusal.value.details["field"] == next(iter(config))
