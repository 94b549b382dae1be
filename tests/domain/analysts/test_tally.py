"""The tally: every documented rule by example, and the promises of a fair vote by property."""

import random
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.analysts.opinion import Action, Opinion, RiskLevel, Vote, VoteStatus
from domain.analysts.tally import SOLO, TALLY_VERSION, tally, tally_solo
from domain.kernel.errors import DomainError, ErrorCode

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def voted(
    index: int, action: str, confidence: str = "0.6", weight: str = "1", stop: str | None = None, target: str | None = None
) -> Vote:  # fmt: skip
    stop_loss, take_profit = (None if level is None else Decimal(level) for level in (stop, target))
    said = Opinion(Action(action), Decimal(confidence), f"member {index} says {action}", stop_loss, take_profit)
    return Vote(index, f"analyst_{index}", "market_analyst", "test/1", Decimal(weight), VoteStatus.VOTED, said)


def silent(index: int, status: str = "failed") -> Vote:
    return Vote(index, f"analyst_{index}", "market_analyst", "test/1", Decimal(1), VoteStatus(status), reason="no answer in time")


def test_most_members_win_with_their_share_of_the_weight() -> None:
    counted = tally([voted(1, "buy", "0.7"), voted(2, "sell", "0.9"), voted(3, "buy", "0.6")])
    assert (counted.version, counted.action, counted.winner) == (TALLY_VERSION, Action.BUY, Action.BUY)
    assert (counted.agreement, counted.is_unanimous) == (66, False)
    assert counted.confidence == Decimal("0.5909")  # 1.3 / 2.2
    assert [vote.name for vote in counted.dissent] == ["analyst_2"]
    assert counted.reasoning == "2 of 3 voting analysts say buy (66% agreement). Strongest is analyst_1: member 1 says buy"


def test_missed_agreement_is_a_hold_in_the_documented_words() -> None:
    counted = tally([voted(1, "buy"), voted(2, "sell"), voted(3, "hold", "0.5")], min_agreement=60)
    assert (counted.action, counted.reasoning) == (Action.HOLD, "Swarm agreement 33% below minimum 60%.")
    assert (counted.stop_loss, counted.take_profit) == (None, None)


@pytest.mark.parametrize(("minimum", "action"), [(66, Action.BUY), (67, Action.HOLD)])
def test_agreement_is_rounded_down_and_may_equal_the_minimum(minimum: int, action: Action) -> None:
    votes = [voted(1, "buy"), voted(2, "buy"), voted(3, "hold")]
    assert tally(votes, min_agreement=minimum).action is action


def test_missed_agreement_keeps_the_confidence_of_the_side_that_led() -> None:
    counted = tally([voted(1, "buy"), voted(2, "buy"), voted(3, "sell")], min_agreement=90)
    assert (counted.action, counted.winner, counted.confidence) == (Action.HOLD, Action.BUY, Decimal("0.6667"))


def test_tie_goes_to_the_greater_sum_of_weights() -> None:
    votes = [voted(1, "buy", "0.6"), voted(2, "sell", "0.5", weight="1.3")]
    counted = tally(votes)
    assert (counted.action, counted.agreement, counted.confidence) == (Action.SELL, 50, Decimal("0.52"))


def test_tie_that_remains_is_a_hold_with_its_reason() -> None:
    counted = tally([voted(1, "buy", "0.6"), voted(2, "sell", "0.5", weight="1.2")])
    assert (counted.action, counted.winner, counted.confidence) == (Action.HOLD, None, Decimal("0.5"))
    assert counted.reasoning == "Swarm tied: buy and sell have 1 of 2 votes and weight 0.6 each; holding."
    assert [vote.index for vote in counted.dissent] == [1, 2]
    assert (counted.stop_loss, counted.take_profit) == (None, None)


def test_missing_quorum_is_a_hold_with_its_reason() -> None:
    votes = [voted(1, "buy"), voted(2, "buy"), silent(3), silent(4, "abstained")]
    counted = tally(votes)
    assert (counted.action, counted.quorum) == (Action.HOLD, 3)
    assert counted.reasoning == "Only 2 of 4 analysts voted; the quorum is 3."
    assert tally(votes, quorum=2).action is Action.BUY


def test_members_without_a_vote_are_listed_and_not_counted() -> None:
    counted = tally([voted(1, "buy"), silent(2), voted(3, "buy"), voted(4, "buy"), silent(5, "abstained")])
    assert (counted.agreement, counted.is_unanimous, counted.confidence) == (100, True, Decimal(1))
    assert [vote.index for vote in counted.members(VoteStatus.FAILED)] == [2]
    assert [vote.index for vote in counted.members(VoteStatus.ABSTAINED)] == [5]
    assert counted.sides[Action.HOLD].count == 0


@pytest.mark.parametrize("votes", [[], [silent(1)], [silent(1), silent(2, "abstained")]])
def test_nobody_voting_ends_the_run_with_everybody_s_reason(votes: list[Vote]) -> None:
    with pytest.raises(DomainError) as refusal:
        tally(votes, min_agreement=0, quorum=0)
    assert refusal.value.code is ErrorCode.NO_ANALYST
    for vote in votes:
        assert f"{vote.name} {vote.status.value}: no answer in time" in refusal.value.message


def test_levels_are_the_medians_of_the_winners() -> None:
    counted = tally(
        [
            voted(1, "buy", stop="98", target="104"),
            voted(2, "buy", stop="97", target="110"),
            voted(3, "buy", stop="90"),
            voted(4, "sell", stop="120", target="80"),
        ]
    )
    assert (counted.stop_loss, counted.take_profit) == (Decimal(97), Decimal(107))


def test_risk_level_is_the_highest_that_a_winner_sees() -> None:
    calm, wild = voted(1, "buy"), voted(2, "sell")
    assert calm.opinion and wild.opinion
    votes = [replace(calm, opinion=replace(calm.opinion, risk_level=RiskLevel.LOW)), voted(3, "buy")]
    wild = replace(wild, opinion=replace(wild.opinion, risk_level=RiskLevel.HIGH))
    assert tally([*votes, wild]).risk_level is RiskLevel.MEDIUM


def test_no_weight_at_all_is_no_confidence() -> None:
    assert tally([voted(1, "buy", "0"), voted(2, "buy", "0.9", weight="0")]).confidence == 0


def test_one_member_cannot_vote_twice() -> None:
    with pytest.raises(ValueError, match="one vote"):
        tally([voted(1, "buy"), voted(1, "buy")])


def test_solo_run_keeps_the_analyst_s_own_words_and_confidence() -> None:
    counted = tally_solo(voted(1, "sell", "0.71", stop="103", target="95"))
    assert (counted.mode, counted.action, counted.confidence) == (SOLO, Action.SELL, Decimal("0.71"))
    assert (counted.reasoning, counted.stop_loss, counted.take_profit) == ("member 1 says sell", Decimal(103), Decimal(95))
    document = counted.to_document(NOON)
    assert (document["agent"], document["model"], "swarm" in document) == ("market_analyst", "test/1", False)
    with pytest.raises(DomainError, match="No analyst could give a vote"):
        tally_solo(silent(1, "abstained"))


def test_step_data_and_conversation_carry_the_documented_keys() -> None:
    counted = tally([voted(1, "buy", "0.7"), voted(2, "hold", "0.55"), voted(3, "buy", "0.6"), silent(4)], min_agreement=60)
    document = counted.to_document(NOON)
    swarm = document["swarm"]
    assert isinstance(swarm, dict)
    assert {key: document[key] for key in ("success", "agent", "timestamp", "action", "confidence")} == {
        "success": True,
        "agent": "market_analyst_swarm",
        "timestamp": "2026-01-05T12:00:00.000Z",
        "action": "buy",
        "confidence": "0.7027",
    }
    assert swarm["votes"] == {
        "buy": {"count": 2, "total_confidence": "1.3", "weighted_confidence": "1.3"},
        "hold": {"count": 1, "total_confidence": "0.55", "weighted_confidence": "0.55"},
    }
    assert {"action", "confidence", "reasoning", "role", "weight", "raw"} <= set(swarm["members"][0])
    assert (swarm["runs"], swarm["voted"], swarm["agreement"], swarm["is_unanimous"], swarm["min_agreement"]) == (4, 3, 66, False, 60)
    assert (swarm["failed"], swarm["abstained"], swarm["dissent"]) == (["analyst_4"], [], ["analyst_2"])

    vote = counted.swarm_vote_document(NOON, number=lambda value: value)
    assert (vote["total_agents"], vote["results"]["buy"]["count"]) == (4, 2)  # type: ignore[index]
    assert vote["consensus"] == {"action": "buy", "confidence": 70, "agreement": 66, "is_unanimous": False}
    assert vote["votes"][0]["confidence"] == Decimal("0.7")  # type: ignore[index]
    assert vote["voting_completed"] == "2026-01-05T12:00:00.000Z"


actions = st.sampled_from([action.value for action in Action])
confidences = st.integers(0, 10_000).map(lambda share: str(Decimal(share) / 10_000))
# few different values, so that ties are common
weights = st.sampled_from(["0", "0.5", "1", "1", "1", "2"])
casts = st.lists(st.tuples(actions, confidences | st.just("0.5"), weights), min_size=1, max_size=9)
minimums = st.integers(0, 100)


def panel_of(cast: list[tuple[str, str, str]]) -> list[Vote]:
    return [voted(index, action, confidence, weight) for index, (action, confidence, weight) in enumerate(cast, 1)]


@given(casts, st.lists(st.sampled_from(["failed", "abstained"]), max_size=3), minimums, st.randoms(use_true_random=False))
def test_order_of_members_never_matters(cast: list[tuple[str, str, str]], missing: list[str], minimum: int, chance: random.Random) -> None:
    votes = [*panel_of(cast), *(silent(len(cast) + index, status) for index, status in enumerate(missing, 1))]
    shuffled = list(votes)
    chance.shuffle(shuffled)
    assert tally(shuffled, min_agreement=minimum) == tally(votes, min_agreement=minimum)


@given(casts, st.lists(st.sampled_from(["failed", "abstained"]), min_size=1, max_size=9), minimums)
def test_missing_member_never_counts_as_hold_or_as_anything(cast: list[tuple[str, str, str]], missing: list[str], minimum: int) -> None:
    votes = panel_of(cast)
    alone = tally(votes, min_agreement=minimum, quorum=1)
    joined = tally(
        [*votes, *(silent(len(votes) + index, status) for index, status in enumerate(missing, 1))], min_agreement=minimum, quorum=1
    )
    for field in ("action", "winner", "confidence", "reasoning", "sides", "agreement", "is_unanimous", "dissent", "stop_loss"):
        assert getattr(joined, field) == getattr(alone, field)


@given(casts, minimums, st.data())
def test_raising_a_supporter_s_weight_never_turns_the_vote_away_from_its_side(
    cast: list[tuple[str, str, str]], minimum: int, data: st.DataObject
) -> None:  # fmt: skip
    votes = panel_of(cast)
    before = tally(votes, min_agreement=minimum)
    supporter = data.draw(st.sampled_from(votes))
    raised = replace(supporter, role_weight=supporter.role_weight + data.draw(st.sampled_from([Decimal("0.01"), Decimal(1), Decimal(50)])))
    after = tally([raised if vote is supporter else vote for vote in votes], min_agreement=minimum)
    if before.winner is supporter.action:
        assert (after.winner, after.action) == (before.winner, before.action)
        assert after.confidence >= before.confidence
    # and it never helps another side: at most it draws level with the one that led
    assert after.winner in (before.winner, supporter.action, None)
    assert after.action in (before.action, supporter.action, Action.HOLD)
    if before.winner is None and after.winner is not None:
        assert after.winner is supporter.action


@given(casts, minimums)
def test_every_result_follows_the_documented_rules(cast: list[tuple[str, str, str]], minimum: int) -> None:
    votes = panel_of(cast)
    counted = tally(votes, min_agreement=minimum)
    counts = {action: sum(vote.action is action for vote in votes) for action in Action}
    sums = {action: sum((vote.weight for vote in votes if vote.action is action), Decimal(0)) for action in Action}
    most = max(counts.values())
    best = max(sums[action] for action in Action if counts[action] == most)
    leaders = [action for action in Action if counts[action] == most and sums[action] == best]
    assert counted.winner is (leaders[0] if len(leaders) == 1 else None)
    assert counted.agreement == 100 * most // len(votes)
    assert counted.action is (Action.HOLD if counted.agreement < minimum or counted.winner is None else counted.winner)
    assert 0 <= counted.confidence <= 1
    assert counted.is_unanimous == (most == len(votes)) == (not counted.dissent)


@given(casts)
def test_unbroken_tie_is_always_a_hold(cast: list[tuple[str, str, str]]) -> None:
    votes = panel_of(cast)
    other = {"buy": "sell", "sell": "buy"}
    assume(all(action != "hold" for action, _, _ in cast))
    twins = [voted(len(votes) + index, other[action], confidence, weight) for index, (action, confidence, weight) in enumerate(cast, 1)]
    counted = tally([*votes, *twins], min_agreement=0)
    assert (counted.action, counted.winner, counted.agreement) == (Action.HOLD, None, 50)
    assert "buy and sell" in counted.reasoning
