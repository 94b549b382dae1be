"""The steps of a run as a table: their order, and what the world is told when each begins."""

from dataclasses import dataclass
from enum import IntEnum


class Step(IntEnum):
    """In the order in which they are done."""

    DATA_FETCH = 0
    MARKET_ANALYSIS = 1
    RISK_VALIDATION = 2
    DECISION = 3


@dataclass(frozen=True, slots=True)
class Announcement:
    """The documented words of the `execution_update` event."""

    label: str
    progress_percent: int
    message: str


NAMES = {
    Step.DATA_FETCH: "data_fetch",
    Step.MARKET_ANALYSIS: "market_analysis",
    Step.RISK_VALIDATION: "risk_validation",
    Step.DECISION: "decision",
}
BEGIN = {
    Step.DATA_FETCH: Announcement("Fetching Market & Sentiment Data", 10, "Loading market data and sentiment analysis..."),
    Step.MARKET_ANALYSIS: Announcement("AI Swarm Analyzing", 30, "Running market analysis with AI agents..."),
    Step.RISK_VALIDATION: Announcement("Risk Check Gate", 60, "Evaluating risk parameters and constraints..."),
    Step.DECISION: Announcement("Placing Order on Exchange", 90, "Executing trade order..."),
}
END_LABEL = "Placing Order on Exchange"
FAILED_LABEL = "Execution Failed"
