"""The gate between the analysis and the risk rules: a decision that is a hold, unsure or against the signal stops here."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from enum import Enum
from typing import Self

from domain.analysts.opinion import CONFIDENCE_STEP, Action, Numeral
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import exact, plain

# 0.6 asks a solo analyst for evidence a quarter beyond its threshold (1 - 0.5 / 1.25), and a swarm for three fifths of
# all weight behind its winner. On a recent year of hourly power prices a third of the solo runs pass it, and so do all
# swarms that reach 60% agreement.
MIN_CONFIDENCE = Decimal("0.6")
SIGNAL_MIN_CONFIDENCE = Decimal("0.4")
_ALIGNED = {
    Action.BUY: frozenset({"bullish", "very_bullish"}),
    Action.SELL: frozenset({"bearish", "very_bearish"}),
}
_NAMES = {
    "min_confidence": "pre_trade_min_confidence",
    "signal_min_confidence": "pre_trade_signal_min_confidence",
    "require_signal": "pre_trade_require_signal",
    "require_signal_alignment": "pre_trade_require_signal_alignment",
}


class GateDecision(Enum):
    PROCEED = "proceed"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Signal:
    """A sentiment signal from outside the price: `classification` is `very_bearish` to `very_bullish`, confidence 0..1."""

    classification: str
    confidence: Decimal


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What a flow asks of its analysis; the signal's limits matter only where there is a signal."""

    min_confidence: Decimal = MIN_CONFIDENCE
    signal_min_confidence: Decimal = SIGNAL_MIN_CONFIDENCE
    require_signal: bool = False
    require_signal_alignment: bool = True

    @classmethod
    def keys(cls) -> frozenset[str]:
        """Return the keys of a flow's config that are read."""
        return frozenset(_NAMES.values())

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """Return the `pre_trade_…` keys of a flow's config, defaults for the rest. Raises VALIDATION_ERROR."""
        given = {field: config[name] for field, name in _NAMES.items() if config.get(name) is not None}
        numbers = {field: _share(value, _NAMES[field]) for field, value in given.items() if field.endswith("confidence")}
        flags = {field: _flag(value, _NAMES[field]) for field, value in given.items() if field not in numbers}
        return cls(**numbers, **flags)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """Whether the run goes on. `confidence` is the mean of analysis and signal, the analysis' own where there is no signal."""

    decision: GateDecision
    reason: str
    action: Action
    confidence: Decimal
    analysis_confidence: Decimal
    signal: Signal | None
    settings: GateSettings

    @property
    def proceeds(self) -> bool:
        return self.decision is GateDecision.PROCEED

    def to_document(self, number: Numeral = plain) -> dict[str, object]:
        """Return the decision row's data, with every number that was compared."""
        return {
            "decision": self.decision.value,
            "reason": self.reason,
            "action": self.action.value,
            "confidence": number(self.confidence),
            "analysis_confidence": number(self.analysis_confidence),
            "min_confidence": number(self.settings.min_confidence),
            "signal": self.signal and {"classification": self.signal.classification, "confidence": number(self.signal.confidence)},
            "signal_min_confidence": number(self.settings.signal_min_confidence),
            "require_signal": self.settings.require_signal,
            "require_signal_alignment": self.settings.require_signal_alignment,
        }


def pre_trade_gate(
    action: Action, confidence: Decimal, settings: GateSettings | None = None, signal: Signal | None = None
) -> GateVerdict:  # fmt: skip
    """Return whether an analysis may go on to the risk rules; nothing bypasses a skip."""
    settings = settings or GateSettings()
    reason = _objection(action, confidence, settings, signal)
    combined = (confidence + signal.confidence) / 2 if signal else confidence
    return GateVerdict(
        decision=GateDecision.SKIP if reason else GateDecision.PROCEED,
        reason=reason or f"Confidence {plain(confidence)} to {action.value} is at least {plain(settings.min_confidence)}.",
        action=action,
        confidence=combined.quantize(CONFIDENCE_STEP, ROUND_HALF_EVEN),
        analysis_confidence=confidence,
        signal=signal,
        settings=settings,
    )


def _objection(action: Action, confidence: Decimal, settings: GateSettings, signal: Signal | None) -> str | None:
    if action is Action.HOLD:
        return "The analysis says hold."
    if confidence < settings.min_confidence:
        return f"Confidence {plain(confidence)} to {action.value} is below the minimum {plain(settings.min_confidence)}."
    if signal is None:
        return "The flow requires a signal and there is none." if settings.require_signal else None
    if signal.confidence < settings.signal_min_confidence:
        return f"Signal confidence {plain(signal.confidence)} is below the minimum {plain(settings.signal_min_confidence)}."
    if settings.require_signal_alignment and signal.classification not in _ALIGNED[action]:
        return f"The signal is {signal.classification}, which does not support a {action.value}."
    return None


def _share(value: object, field: str) -> Decimal:
    # a float may stand here: it is a preference that somebody typed, not money
    number = exact(repr(value) if isinstance(value, float) else value, field)
    if not 0 <= number <= 1:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"{field} must lie between 0 and 1", field=field)
    return number


def _flag(value: object, field: str) -> bool:
    if not isinstance(value, bool):
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"{field} must be true or false", field=field)
    return value
