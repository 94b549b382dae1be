"""Flow routes that are more than one call: trigger with `Prefer: wait`."""

from typing import Annotated

from domain.audit.recording import carried_out_by
from domain.flows.service import ExecutionRecord
from domain.flows.triggering import TriggerOptions, trigger_flow, wait_for_execution
from domain.kernel.permissions import Permission, requires
from domain.runtime.operation import Operation
from resolvers.rest.endpoint import Answer, Header
from resolvers.rest.preferences import wait_of


@carried_out_by(trigger_flow)
@requires(Permission.FLOWS_RUN)
async def trigger_and_wait(
    operation: Operation, flow_id: str, body: TriggerOptions | None = None, prefer: Annotated[str | None, Header("Prefer")] = None
) -> Answer:
    """Start one run of a flow and answer with it as it stands; `Prefer: wait=30` waits up to that many seconds for its end.

    Raises NOT_FOUND, FLOW_BUSY, MODEL_NOT_CONFIGURED, PLAN_LIMIT_REACHED, IDEMPOTENCY_CONFLICT.
    """
    async with operation.unit_of_work() as work:
        record: ExecutionRecord = await trigger_flow(work, flow_id, body)
    seconds = wait_of(prefer)
    if seconds is None:
        return Answer(record)
    record = await wait_for_execution(operation, record.execution.id, seconds)
    return Answer(record, headers={"Preference-Applied": f"wait={seconds:g}"})
