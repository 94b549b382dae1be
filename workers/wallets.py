"""What wallets leave for later: comparing their books with their venues, and forgetting what is old."""

from domain.runtime.operation import Operation
from domain.trading import wallet_syncing
from domain.trading.wallet_syncing import SYNC_JOB
from workers.jobs import job
from workers.timetable import Entry

FIVE_MINUTES, HOUR = 300.0, 3600.0


@job(SYNC_JOB, max_attempts=1)
async def sync_balance(operation: Operation, wallet_id: str) -> None:
    await wallet_syncing.sync_in_turn(operation, wallet_id)


async def prune(operation: Operation) -> None:
    async with operation.unit_of_work() as work:
        await wallet_syncing.prune_sync_logs(work)


ENTRIES = (
    Entry("wallets.queue_syncs", FIVE_MINUTES, wallet_syncing.queue_syncs),
    Entry("wallets.prune", HOUR, prune),
)
