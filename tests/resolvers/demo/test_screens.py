"""The run as it is shown: on a terminal of 60 columns, and in a pipe."""

import io

import pytest
from rich.console import Console

from domain.flows.steps import Step
from resolvers.demo.screens import Screen
from resolvers.demo.story import Happening, Progress, VoteFell, VotesCounted

FLOW = {"mode": "swarm", "config": {"swarm_runs": 2, "swarm_min_agreement": 60}}
HAPPENINGS: list[Happening] = [
    Progress(Step.MARKET_ANALYSIS, 30, "AI Swarm Analyzing"),
    VoteFell("trend follower", "buy", 58, "voted", "EMA(12) is above EMA(26), a long way, and so is everything else that was looked at."),
    VoteFell("volume reader", None, 0, "abstained", "No volume was recorded."),
    VotesCounted(voted=1, total=2, action="buy", agreement_percent=100, confidence_percent=58),
    Progress(Step.RISK_VALIDATION, 60, "Risk Check Gate"),
]
FACTS = [("Gate", "skip: Confidence 0.58 to buy is below the minimum 0.6."), ("Result", "no trade: too unsure (120 ms)")]


def _shown(*, is_terminal: bool) -> str:
    output = io.StringIO()
    screen = Screen(
        Console(file=output, force_terminal=is_terminal, width=60, height=40, color_system=None, legacy_windows=False, _environ={})
    )
    with screen.run("Run 1", FLOW, 2) as shown:
        for happening in HAPPENINGS:
            shown.show(happening)
        shown.close(FACTS, traded=False)
    return output.getvalue()


def test_pipe_gets_plain_lines_in_the_order_of_the_story() -> None:
    assert _shown(is_terminal=False).splitlines() == [
        "Run 1",
        "  10 %  Fetching Market & Sentiment Data",
        "  30 %  AI Swarm Analyzing",
        "       trend follower       buy        58 %  EMA(12) is above EMA(26), a long way, and so is everything else that was looked at.",
        "       volume reader        abstained        No volume was recorded.",
        "       votes                1 of 2 voted, agreement 100 % of at least 60 %, confidence 58 %: buy",
        "  60 %  Risk Check Gate",
        "       Gate      skip: Confidence 0.58 to buy is below the minimum 0.6.",
        "       Result    no trade: too unsure (120 ms)",
    ]


def test_terminal_of_60_columns_shows_bars_and_votes_that_fit() -> None:
    shown = _shown(is_terminal=True)

    lines = [line.rpartition("\r")[2] for line in shown.splitlines()]
    for piece in ("Analysts vote", "trend follower  buy         58 %", "volume reader   abstained", "done", "skip: Confidence 0.58"):
        assert any(piece in line for line in lines), piece
    assert "…" in next(line for line in lines if "trend follower" in line)


@pytest.mark.parametrize("happening", HAPPENINGS)
def test_run_can_begin_with_anything(happening: Happening) -> None:
    output = io.StringIO()
    with Screen(Console(file=output, width=80)).run("Run 1", FLOW, 2) as shown:
        shown.show(happening)
    assert output.getvalue().startswith("Run 1\n  10 %  Fetching Market & Sentiment Data\n")
