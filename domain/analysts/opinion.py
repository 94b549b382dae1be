"""What an analyst is asked for and what it answers: an opinion, an abstention or a failure, never a silent hold."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Protocol, Self

from domain.analysts.snapshot import MarketSnapshot
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import EXACT, plain

CONFIDENCE_STEP = Decimal("0.0001")
logger = logging.getLogger(__name__)

# How a document writes its decimals: as plain strings for storage, or as they are for an encoder that keeps every digit.
Numeral = Callable[[Decimal], object]


class Action(Enum):
    """What an analyst advises."""

    BUY = "buy"
    SELL = "sell"
    HOLD = "hold"


class RiskLevel(Enum):
    """How restless the market is, in the analyst's eyes."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class VoteStatus(Enum):
    """What became of a member that was asked."""

    VOTED = "voted"
    ABSTAINED = "abstained"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer took: tokens, and US dollars. A cost of None means unpriced, never free."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: Decimal | None = Decimal(0)


FREE = Usage()


class Abstained(Exception):
    """The analyst cannot say anything honest about this snapshot; the run goes on without its vote."""

    def __init__(self, reason: str, usage: Usage = FREE) -> None:
        super().__init__(reason)
        self.reason, self.usage = reason, usage


@dataclass(frozen=True, slots=True)
class Opinion:
    """One analyst's advice.

    `confidence` lies in 0..1 and has at most 4 decimal places; `stop_loss` and `take_profit` are prices, None where the
    analyst names none, and always None for hold. Raises VALIDATION_ERROR for anything else, whoever made it.
    """

    action: Action
    confidence: Decimal
    reasoning: str
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    risk_level: RiskLevel = RiskLevel.MEDIUM
    usage: Usage = FREE

    def __post_init__(self) -> None:
        if not (self.confidence.is_finite() and 0 <= self.confidence <= 1):
            raise _invalid("confidence", "must lie between 0 and 1")
        if self.confidence != self.confidence.quantize(CONFIDENCE_STEP):
            raise _invalid("confidence", "has more than 4 decimal places")
        if not self.reasoning.strip():
            raise _invalid("reasoning", "must not be empty")
        for field, level in (("stop_loss", self.stop_loss), ("take_profit", self.take_profit)):
            if level is not None and not level.is_finite():
                raise _invalid(field, "must be finite")
            if level is not None and self.action is Action.HOLD:
                raise _invalid(field, "has no meaning for hold")

    def check_levels(self, price: Decimal) -> None:
        """Raise STOP_ON_WRONG_SIDE unless stop < price < target for a buy, the other way round for a sell."""
        side = -1 if self.action is Action.SELL else 1
        for field, level, direction in (("stop_loss", self.stop_loss, -side), ("take_profit", self.take_profit, side)):
            if level is not None and (level - price) * direction <= 0:
                message = f"{field} {plain(level)} lies on the wrong side of the price {plain(price)} for a {self.action.value}"
                raise DomainError(ErrorCode.STOP_ON_WRONG_SIDE, message, field=field, level=plain(level), price=plain(price))

    def to_document(self, number: Numeral = plain) -> dict[str, object]:
        return {
            "action": self.action.value,
            "confidence": number(self.confidence),
            "reasoning": self.reasoning,
            "stop_loss": None if self.stop_loss is None else number(self.stop_loss),
            "take_profit": None if self.take_profit is None else number(self.take_profit),
            "risk_level": self.risk_level.value,
        }


class Analyst(Protocol):
    """One member of a panel. `model` names exactly what answers, so that a stored vote can be traced to it."""

    @property
    def name(self) -> str: ...

    @property
    def role(self) -> str: ...

    @property
    def model(self) -> str: ...

    async def analyse(self, snapshot: MarketSnapshot) -> Opinion:
        """Return an opinion on the snapshot and nothing else; raises Abstained where it has none."""
        ...


@dataclass(frozen=True, slots=True)
class Vote:
    """What became of one member: `opinion` if it voted, else `reason`.

    `index` counts from 1 within the run; `role_weight` is what the flow's settings give the member.
    """

    index: int
    name: str
    role: str
    model: str
    role_weight: Decimal
    status: VoteStatus
    opinion: Opinion | None = None
    reason: str | None = None
    usage: Usage = FREE

    def __post_init__(self) -> None:
        if not (self.role_weight.is_finite() and self.role_weight >= 0):
            raise _invalid("role_weight", "must be finite and not negative")
        if (self.status is VoteStatus.VOTED) != (self.opinion is not None):
            raise ValueError("exactly the members that voted have an opinion")

    @classmethod
    def cast(cls, index: int, analyst: Analyst, role_weight: Decimal, opinion: Opinion) -> Self:
        who = (index, analyst.name, analyst.role, analyst.model)
        return cls(*who, role_weight, VoteStatus.VOTED, opinion, usage=opinion.usage)

    @classmethod
    def missing(cls, index: int, analyst: Analyst, role_weight: Decimal, status: VoteStatus, reason: str, usage: Usage = FREE) -> Self:
        """Return the row of a member that abstained or failed."""
        return cls(index, analyst.name, analyst.role, analyst.model, role_weight, status, reason=reason, usage=usage)

    @property
    def action(self) -> Action | None:
        return self.opinion.action if self.opinion else None

    @property
    def confidence(self) -> Decimal:
        return self.opinion.confidence if self.opinion else Decimal(0)

    @property
    def weight(self) -> Decimal:
        """Role weight times confidence; 0 for a member that did not vote."""
        return EXACT.multiply(self.role_weight, self.confidence)

    def to_document(self, number: Numeral = plain) -> dict[str, object]:
        """Return the member as the step data and the conversation show it; `action` is null for one that did not vote."""
        return {
            "index": self.index,
            "name": self.name,
            "role": self.role,
            "model": self.model,
            "status": self.status.value,
            "action": self.action.value if self.action else None,
            "confidence": number(self.confidence),
            "weight": number(self.weight),
            "reasoning": self.opinion.reasoning if self.opinion else self.reason,
            "raw": self.opinion.to_document(number) if self.opinion else None,
        }


async def ask(index: int, analyst: Analyst, snapshot: MarketSnapshot, role_weight: Decimal = Decimal(1)) -> Vote:
    """Return the member's vote, whatever happens to it: an error of one member is its own failure, not the run's."""
    try:
        opinion = await analyst.analyse(snapshot)
        opinion.check_levels(snapshot.price)
    except Abstained as abstained:
        return Vote.missing(index, analyst, role_weight, VoteStatus.ABSTAINED, abstained.reason, abstained.usage)
    except DomainError as refusal:
        return Vote.missing(index, analyst, role_weight, VoteStatus.FAILED, refusal.message)
    except Exception as defect:
        # only the type is stored: the text of an unexpected error may hold a key or an address
        logger.exception("analyst %s failed", analyst.name)
        return Vote.missing(index, analyst, role_weight, VoteStatus.FAILED, f"Unexpected {type(defect).__name__}")
    return Vote.cast(index, analyst, role_weight, opinion)


def _invalid(field: str, what: str) -> DomainError:
    return DomainError(ErrorCode.VALIDATION_ERROR, f"{field} {what}", field=field)
