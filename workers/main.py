"""A worker process: does jobs from the broker and its share of the timetable until it is told to stop."""

import asyncio
import signal

import structlog
import uvloop

from domain import composition
from domain.runtime.settings import Settings
from workers.background import Background
from workers.catalogue import JOBS, timetable_entries

log = structlog.get_logger()
# With what Dramatiq and the database need to close, a stop takes less than 10 seconds.
GRACE_SECONDS = 6.0


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; then finish what is under way, or free it for other workers, within 10 seconds.

    Raises ValueError when the settings name no broker, or something that does not exist.
    """
    if settings.effective_broker_url is None:
        raise ValueError("A worker process needs a BROKER_URL or REDIS_URL; without one the server does all jobs itself")
    uvloop.run(work(settings))


async def work(settings: Settings) -> None:
    told_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told_to_stop.set)
    runtime = await composition.compose(settings)
    try:
        background = Background(runtime, JOBS, timetable_entries(settings), runs_jobs=True)
        await composition.start(runtime)
        await background.start()
        log.info("worker.started", threads=settings.worker_threads)
        await told_to_stop.wait()
        log.info("worker.stopping")
        await background.stop(GRACE_SECONDS)
    finally:
        await composition.dispose(runtime)
