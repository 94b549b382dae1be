"""What risk leaves for later: telling everybody that trading was halted for all."""

from domain.risk import telling
from domain.risk.switch import TELL_EVERYBODY
from domain.runtime.operation import Operation
from workers.jobs import job


@job(TELL_EVERYBODY)
async def tell_of_global_switch(operation: Operation, change_id: str, after: str) -> None:
    await telling.tell_of_global_switch(operation, change_id, after)
