"""Opinions and votes: hostile answers become failures with a reason, never trades and never holds."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from domain.analysts.opinion import Abstained, Action, Opinion, Usage, Vote, VoteStatus, ask
from domain.analysts.rule_based import RULE_BASED
from domain.analysts.snapshot import MarketSnapshot
from domain.kernel.errors import DomainError, ErrorCode
from tests.domain.analysts.markets import market, snapshot

RAISES: dict[str, Opinion] = {}
SEEN = snapshot(market([100, 100]))


class ScriptedAnalyst:
    """Answers with whatever the test makes it do."""

    name, role, model = "scripted", "market_analyst", "script/1"

    def __init__(self, script: Callable[[], Opinion]) -> None:
        self.script = script

    async def analyse(self, snapshot: MarketSnapshot) -> Opinion:
        return self.script()


def opinion(action: str = "buy", confidence: str = "0.7", stop: str | None = None, target: str | None = None) -> Opinion:
    stop_loss, take_profit = (None if level is None else Decimal(level) for level in (stop, target))
    return Opinion(Action(action), Decimal(confidence), "because of 42", stop_loss, take_profit)


async def test_answer_becomes_a_vote_weighted_by_its_confidence() -> None:
    vote = await ask(3, ScriptedAnalyst(lambda: opinion(stop="98.5", target="103")), SEEN, Decimal("1.5"))
    assert (vote.index, vote.name, vote.model, vote.status) == (3, "scripted", "script/1", VoteStatus.VOTED)
    assert (vote.action, vote.confidence, vote.weight) == (Action.BUY, Decimal("0.7"), Decimal("1.05"))
    assert vote.usage == Usage(0, 0, Decimal(0))
    assert vote.to_document()["raw"] == {
        "action": "buy",
        "confidence": "0.7",
        "reasoning": "because of 42",
        "stop_loss": "98.5",
        "take_profit": "103",
        "risk_level": "medium",
    }


async def test_abstention_keeps_its_reason_and_what_it_cost() -> None:
    spent = Usage(800, 20, None)

    def abstain() -> Opinion:
        raise Abstained("the budget is used up", spent)

    vote = await ask(1, ScriptedAnalyst(abstain), SEEN)
    assert (vote.status, vote.reason, vote.usage) == (VoteStatus.ABSTAINED, "the budget is used up", spent)
    assert (vote.action, vote.weight, vote.to_document()["action"]) == (None, Decimal(0), None)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (lambda: opinion(confidence="NaN"), "confidence must lie between 0 and 1"),
        (lambda: opinion(confidence="1.0001"), "confidence must lie between 0 and 1"),
        (lambda: opinion(confidence="-0.1"), "confidence must lie between 0 and 1"),
        (lambda: opinion(confidence="0.12345"), "confidence has more than 4 decimal places"),
        (lambda: opinion(stop="Infinity"), "stop_loss must be finite"),
        (lambda: opinion("hold", stop="90"), "stop_loss has no meaning for hold"),
        (lambda: opinion(stop="100"), "stop_loss 100 lies on the wrong side of the price 100 for a buy"),
        (lambda: opinion("sell", target="101"), "take_profit 101 lies on the wrong side of the price 100 for a sell"),
        (lambda: Opinion(Action.BUY, Decimal(1), "  "), "reasoning must not be empty"),
        (lambda: RAISES["the key is sk-secret"], "Unexpected KeyError"),
    ],
)
async def test_impossible_answer_is_a_failure_of_that_member(script: Callable[[], Opinion], reason: str) -> None:
    vote = await ask(1, ScriptedAnalyst(script), SEEN)
    assert (vote.status, vote.reason, vote.opinion) == (VoteStatus.FAILED, reason, None)


def test_vote_without_opinion_cannot_claim_to_have_voted() -> None:
    with pytest.raises(ValueError, match="exactly the members that voted"):
        Vote(1, "a", "b", "c", Decimal(1), VoteStatus.VOTED)


def test_negative_role_weight_is_refused() -> None:
    with pytest.raises(DomainError) as refusal:
        Vote.missing(1, RULE_BASED[0], Decimal(-1), VoteStatus.FAILED, "gone")
    assert refusal.value.code is ErrorCode.VALIDATION_ERROR
