"""What clients see of the faults that a paper wallet rehearses, and what they may set."""

from datetime import datetime

import strawberry


@strawberry.type(
    name="PaperFaults", description="What goes wrong with a paper wallet's orders on script, and how often its venue was called since."
)
class PaperFaults:
    wallet_id: strawberry.ID = strawberry.field(description="The wallet.")
    script: str = strawberry.field(description="One rule a line; empty where nothing goes wrong.")
    seed: int = strawberry.field(description="What shares and latencies are drawn from: the same seed gives the same faults.")
    placed: int = strawberry.field(description="Orders handed over since the script was set.")
    amended: int = strawberry.field(description="Changes asked for since then.")
    cancelled: int = strawberry.field(description="Cancellations asked for since then.")
    found: int = strawberry.field(description="Look-ups of an order or of all open ones since then.")
    set_at: datetime | None = strawberry.field(description="When the script was set; null without one.")


@strawberry.input(description="What is to go wrong.")
class PaperFaultsInput:
    script: str = strawberry.field(
        description="One rule a line, or between semicolons, at most 100: `place 3 reject Insufficient margin`, `place 5-7 timeout`, "
        "`* 10% latency 200-900` (milliseconds), `cancel every:4 latency 1500`, `fill 2 duplicate`, `fill 3 late 2`, "
        "`outage 2026-03-02T09:00:00Z 2026-03-02T09:05:00Z`. `*` is each of place, amend, cancel and find; `#` starts a comment."
    )
    seed: int = strawberry.field(default=0, description="What shares and latencies are drawn from; 0 or more.")
