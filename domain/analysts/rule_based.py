"""The built-in analysts: open rules over the snapshot that need no key and answer in milliseconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal, localcontext
from fractions import Fraction

from domain.analysts.breakout import Breakout
from domain.analysts.combined import Combined
from domain.analysts.mean_reversion import MeanReversion
from domain.analysts.measures import average_true_ranges, rank
from domain.analysts.method import Method, confidence_of, shown
from domain.analysts.opinion import Abstained, Action, Analyst, Opinion, RiskLevel
from domain.analysts.snapshot import MarketSnapshot
from domain.analysts.trend import TrendFollowing
from domain.analysts.volatility import VolatilityRegime
from domain.analysts.volume import VolumeFlow
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import EXACT, trimmed

PROVIDER = "rule_based"
# Raise it with every change of a rule or parameter: it is part of each vote's `model`.
RULES_VERSION = 1
ROLE = "market_analyst"
_THIRD = Decimal(1) / 3


@dataclass(frozen=True, slots=True)
class RuleBasedAnalyst:
    """An analyst that applies one method to the closed candles of the snapshot.

    Buy and sell come with a stop and a target, whole steps of the finest price step seen, at the method's multiples of
    the ATR from the price. A level at or below zero is left out where the market has never been there. The risk level
    is the third of its own history in which the ATR stands. Abstains on stale data, too few candles, no movement.
    """

    method: Method
    role: str = ROLE

    @property
    def name(self) -> str:
        return self.method.name

    @property
    def model(self) -> str:
        return f"{PROVIDER}/{self.name}@{RULES_VERSION}"

    @property
    def description(self) -> str:
        return self.method.description

    async def analyse(self, snapshot: MarketSnapshot) -> Opinion:
        # the context makes the digits the same on every thread, and so in every replay
        with localcontext(EXACT):
            return self._analyse(snapshot)

    def _analyse(self, snapshot: MarketSnapshot) -> Opinion:
        candles, needed = snapshot.candles, max(self.method.candles_needed, self.method.atr_period + 1)
        if snapshot.stale:
            raise Abstained(f"The market data is stale: {snapshot.note or 'the newest value is older than it should be'}.")
        if len(candles) < needed:
            raise Abstained(f"There are {len(candles)} candles of {snapshot.interval.value}, {needed} are needed.")
        ranges = average_true_ranges(candles, self.method.atr_period)
        atr = ranges[-1]
        if atr == 0:
            raise Abstained(f"The price did not move in {len(candles)} candles: there is nothing to judge.")
        known = {indicator.name: indicator.value for indicator in snapshot.indicators if indicator.value is not None}
        finding = self.method.judge(candles, atr, known)
        stop, target = self._levels(snapshot, finding.action, atr)
        reasoning = finding.reasoning
        if finding.action is not Action.HOLD:
            stops = f"{self.method.stop_ranges} ATR" if stop is not None else "none"
            targets = f"{self.method.target_ranges} ATR" if target is not None else "none"
            reasoning += f" Stop {stops}, target {targets} from {shown(snapshot.price)}; ATR({self.method.atr_period}) {shown(atr)}."
        return Opinion(finding.action, confidence_of(finding), reasoning, stop, target, _risk_level(rank(atr, ranges)))

    def _levels(self, snapshot: MarketSnapshot, action: Action, atr: Decimal) -> tuple[Decimal | None, Decimal | None]:
        if action is Action.HOLD:
            return None, None
        side, step = (1 if action is Action.BUY else -1), _price_step(snapshot)
        # rounded up, so that a level never falls onto the price itself
        stop, target = ((atr * ranges).quantize(step, rounding=ROUND_UP) for ranges in (self.method.stop_ranges, self.method.target_ranges))
        reachable = min(snapshot.price, *(candle.low for candle in snapshot.candles)) <= 0
        levels = (snapshot.price - side * stop, snapshot.price + side * target)
        kept_stop, kept_target = (level if level > 0 or reachable else None for level in levels)
        return kept_stop, kept_target


def _price_step(snapshot: MarketSnapshot) -> Decimal:
    prices = [snapshot.price, *(value for candle in snapshot.candles for value in (candle.open, candle.high, candle.low, candle.close))]
    return min((Decimal(1).scaleb(int(trimmed(price).as_tuple().exponent)) for price in prices), default=Decimal(1))


def _risk_level(level: Decimal) -> RiskLevel:
    return RiskLevel.LOW if level < _THIRD else RiskLevel.MEDIUM if level < 2 * _THIRD else RiskLevel.HIGH


METHODS: tuple[Method, ...] = (TrendFollowing(), MeanReversion(), Breakout(), VolatilityRegime(), VolumeFlow())
RULE_BASED: tuple[RuleBasedAnalyst, ...] = tuple(RuleBasedAnalyst(method) for method in METHODS)

# Each round through the methods takes other lookbacks, so that no member votes twice. All of them fit 100 candles.
TEMPOS: tuple[tuple[str, Fraction], ...] = (
    ("", Fraction(1)),
    ("_slow", Fraction(2)),
    ("_fast", Fraction(1, 2)),
    ("_patient", Fraction(3, 2)),
    ("_brisk", Fraction(3, 4)),
)
MAX_PANEL = len(METHODS) * len(TEMPOS)


def solo_analyst() -> RuleBasedAnalyst:
    """Return the analyst of a solo run: the five methods weighed against each other."""
    return RuleBasedAnalyst(Combined(METHODS))


def panel(runs: int) -> tuple[RuleBasedAnalyst, ...]:
    """Return the first `runs` (1 to 25) members of a swarm, all different.

    Members 1 to 5 are the five methods, 6 to 10 the same with lookbacks twice as long, then half, one and a half times and three
    quarters as long. Raises VALIDATION_ERROR outside the limits.
    """
    if not 1 <= runs <= MAX_PANEL:
        message = f"swarm_runs must lie between 1 and {MAX_PANEL}: there are no more different rule-based analysts"
        raise DomainError(ErrorCode.VALIDATION_ERROR, message, field="swarm_runs", minimum=1, maximum=MAX_PANEL)
    members = [RuleBasedAnalyst(method.at_tempo(suffix, factor)) for suffix, factor in TEMPOS for method in METHODS]
    return tuple(members[:runs])


def weight_of(analyst: Analyst, role_weights: Mapping[str, Decimal]) -> Decimal:
    """Return what the flow's `swarm_role_weights` give the analyst: by its name, else by its role, else 1."""
    return role_weights.get(analyst.name, role_weights.get(analyst.role, Decimal(1)))
