"""The count of a panel's votes: a pure function with a version, so that a stored run can be counted again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from statistics import median
from types import MappingProxyType

from domain.analysts.opinion import CONFIDENCE_STEP, Action, Numeral, RiskLevel, Vote, VoteStatus
from domain.kernel.clock import to_wire
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import EXACT, plain

# Raise it with every change of the rules below, and keep the old rules for the runs that were counted by them.
TALLY_VERSION = 1
DEFAULT_MIN_AGREEMENT = 50
SOLO, SWARM = "solo", "swarm"
_RISK_ORDER = tuple(RiskLevel)


@dataclass(frozen=True, slots=True)
class Side:
    """The members behind one action: how many, the sum of their confidences and of their weights."""

    count: int = 0
    total_confidence: Decimal = Decimal(0)
    weighted_confidence: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Tally:
    """The panel's decision and how it came about.

    `winner` is the side that leads, None on an unbroken tie; `action` differs from it when the agreement or the quorum
    was missed, and is hold then. `agreement` is in percent of the members that voted. `dissent` are the members that
    voted for another side than the winner (than hold on a tie). Stop and target are the medians of the winners'.
    """

    version: int
    mode: str
    action: Action
    winner: Action | None
    confidence: Decimal
    reasoning: str
    votes: tuple[Vote, ...]
    sides: Mapping[Action, Side]
    agreement: int
    is_unanimous: bool
    min_agreement: int
    quorum: int
    dissent: tuple[Vote, ...]
    stop_loss: Decimal | None
    take_profit: Decimal | None
    risk_level: RiskLevel

    def members(self, status: VoteStatus) -> tuple[Vote, ...]:
        return tuple(vote for vote in self.votes if vote.status is status)

    def to_document(self, at: datetime, number: Numeral = plain) -> dict[str, object]:
        """Return the data of the analysis step; a solo run has no `swarm` in it."""
        document: dict[str, object] = {
            "success": True,
            "agent": "market_analyst_swarm" if self.mode == SWARM else "market_analyst",
            "timestamp": to_wire(at),
            "action": self.action.value,
            "confidence": number(self.confidence),
            "reasoning": self.reasoning,
            "stop_loss": None if self.stop_loss is None else number(self.stop_loss),
            "take_profit": None if self.take_profit is None else number(self.take_profit),
            "risk_level": self.risk_level.value,
            "model": self.votes[0].model if self.mode == SOLO else None,
            "tally_version": self.version,
        }
        if self.mode == SWARM:
            document["swarm"] = {
                "runs": len(self.votes),
                "members": [vote.to_document(number) for vote in self.votes],
                "votes": self._results(number),
                "agreement": self.agreement,
                "is_unanimous": self.is_unanimous,
                "min_agreement": self.min_agreement,
                "quorum": self.quorum,
                "voted": len(self.members(VoteStatus.VOTED)),
                "abstained": [vote.name for vote in self.members(VoteStatus.ABSTAINED)],
                "failed": [vote.name for vote in self.members(VoteStatus.FAILED)],
                "dissent": [vote.name for vote in self.dissent],
                "winner": self.winner.value if self.winner else None,
            }
        return document

    def swarm_vote_document(self, at: datetime, number: Numeral = plain) -> dict[str, object]:
        """Return the `swarm_vote` of the conversation; its consensus counts confidence in whole percent."""
        return {
            "total_agents": len(self.votes),
            "votes": [vote.to_document(number) for vote in self.votes],
            "results": self._results(number),
            "consensus": {
                "action": self.action.value,
                "confidence": int((self.confidence * 100).quantize(Decimal(1), ROUND_HALF_EVEN)),
                "agreement": self.agreement,
                "is_unanimous": self.is_unanimous,
            },
            "voting_completed": to_wire(at),
        }

    def _results(self, number: Numeral) -> dict[str, object]:
        return {
            action.value: {
                "count": side.count,
                "total_confidence": number(side.total_confidence),
                "weighted_confidence": number(side.weighted_confidence),
            }
            for action, side in self.sides.items()
            if side.count
        }


def tally(votes: Iterable[Vote], *, min_agreement: int = DEFAULT_MIN_AGREEMENT, quorum: int | None = None) -> Tally:
    """Count the votes of a swarm.

    1. Only members that voted count; `quorum` of them (default: more than half of the panel) must have.
    2. The side with most members wins; of equal ones, the side with the larger sum of weights (role weight x
       confidence). Raising a supporter's weight can therefore only ever help its side. A tie that remains is a hold.
    3. `agreement` = floor(100 x members of the winner / members that voted); below `min_agreement` the action is hold.
    4. `confidence` = the winner's sum of weights / the sum of all weights, 4 places, 0 if all are 0. On a tie that
       remains it is the share of one of the tied sides.

    Raises NO_ANALYST, with every member's reason, when nobody voted.
    """
    ordered = _in_order(votes)
    cast = [vote for vote in ordered if vote.opinion]
    needed = len(ordered) // 2 + 1 if quorum is None else quorum
    with localcontext(EXACT):
        sides = {action: _side([vote for vote in cast if vote.action is action]) for action in Action}
        leaders = _leaders(sides)
        leading = sides[leaders[0]]
        all_weights = sum((vote.weight for vote in cast), Decimal(0))
        confidence = (leading.weighted_confidence / all_weights).quantize(CONFIDENCE_STEP) if all_weights else Decimal(0)
    winner = leaders[0] if len(leaders) == 1 else None
    agreement = 100 * leading.count // len(cast)
    action, reasoning = winner or Action.HOLD, ""
    if len(cast) < needed:
        action, reasoning = Action.HOLD, f"Only {len(cast)} of {len(ordered)} analysts voted; the quorum is {needed}."
    elif agreement < min_agreement:
        action, reasoning = Action.HOLD, f"Swarm agreement {agreement}% below minimum {min_agreement}%."
    elif winner is None:
        names = " and ".join(leader.value for leader in leaders)
        weight = plain(leading.weighted_confidence)
        reasoning = f"Swarm tied: {names} have {leading.count} of {len(cast)} votes and weight {weight} each; holding."
    winners = [vote for vote in cast if vote.action is (winner or Action.HOLD)]
    return Tally(
        version=TALLY_VERSION,
        mode=SWARM,
        action=action,
        winner=winner,
        confidence=confidence,
        reasoning=reasoning or _why(winners, cast, agreement),
        votes=ordered,
        sides=MappingProxyType(sides),
        agreement=agreement,
        is_unanimous=leading.count == len(cast),
        min_agreement=min_agreement,
        quorum=needed,
        dissent=tuple(vote for vote in cast if vote not in winners),
        stop_loss=_median(vote.opinion.stop_loss for vote in winners if vote.opinion) if action is winner else None,
        take_profit=_median(vote.opinion.take_profit for vote in winners if vote.opinion) if action is winner else None,
        risk_level=_highest_risk(winners or cast),
    )


def tally_solo(vote: Vote) -> Tally:
    """Return the decision of a single analyst: its opinion as it stands, with its own confidence.

    Raises NO_ANALYST when it did not vote.
    """
    counted = tally([vote], min_agreement=0)
    opinion = vote.opinion
    assert opinion is not None  # `tally` raised otherwise
    return replace(counted, mode=SOLO, confidence=opinion.confidence, reasoning=opinion.reasoning)


def _in_order(votes: Iterable[Vote]) -> tuple[Vote, ...]:
    ordered = tuple(sorted(votes, key=lambda vote: vote.index))
    if len({vote.index for vote in ordered}) < len(ordered):
        raise ValueError("each member has one vote")
    if not any(vote.opinion for vote in ordered):
        reasons = {f"{vote.index} {vote.name}": f"{vote.status.value}: {vote.reason}" for vote in ordered}
        told = "; ".join(f"{vote.name} {vote.status.value}: {vote.reason}" for vote in ordered)
        raise DomainError(ErrorCode.NO_ANALYST, f"No analyst could give a vote. {told}".strip(), members=reasons)
    return ordered


def _side(votes: list[Vote]) -> Side:
    confidence = sum((vote.confidence for vote in votes), Decimal(0))
    return Side(len(votes), confidence, sum((vote.weight for vote in votes), Decimal(0)))


def _leaders(sides: Mapping[Action, Side]) -> list[Action]:
    best = max((side.count, side.weighted_confidence) for side in sides.values())
    return [action for action, side in sides.items() if (side.count, side.weighted_confidence) == best]


def _why(winners: list[Vote], cast: list[Vote], agreement: int) -> str:
    # of equal weights the first member speaks, so that the sentence does not depend on chance
    strongest = min(winners, key=lambda vote: (-vote.weight, vote.index))
    assert strongest.opinion is not None
    said = f"{len(winners)} of {len(cast)} voting analysts say {strongest.opinion.action.value} ({agreement}% agreement)."
    return f"{said} Strongest is {strongest.name}: {strongest.opinion.reasoning}"


def _median(levels: Iterable[Decimal | None]) -> Decimal | None:
    named = [level for level in levels if level is not None]
    with localcontext(EXACT):
        return median(named) if named else None


def _highest_risk(votes: list[Vote]) -> RiskLevel:
    return max((vote.opinion.risk_level for vote in votes if vote.opinion), key=_RISK_ORDER.index)
