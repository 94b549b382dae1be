"""What a flow's runs tell the world, in the documented shape of `execution_update`."""

from domain.flows.models import Execution, ExecutionStatus
from domain.flows.steps import BEGIN, END_LABEL, FAILED_LABEL, Step
from domain.kernel.events import Event
from domain.runtime.unit_of_work import UnitOfWork

EXECUTION_UPDATED = "execution.updated"


def tell_queued(work: UnitOfWork, execution: Execution) -> None:
    _tell(work, execution, "Queued", 0, "Waiting for a worker...")


def tell_step(work: UnitOfWork, execution: Execution, step: Step) -> None:
    begun = BEGIN[step]
    _tell(work, execution, begun.label, begun.progress_percent, begun.message)


def tell_completed(work: UnitOfWork, execution: Execution, message: str) -> None:
    result = execution.result or {}
    _tell(work, execution, END_LABEL, 100, message, **_about(execution), action=result.get("action"), order_id=result.get("order_id"))


def tell_failed(work: UnitOfWork, execution: Execution, code: str, message: str) -> None:
    _tell(
        work, execution, FAILED_LABEL, 0, f"Flow execution failed: {message}", **_about(execution), error={"code": code, "message": message}
    )


def update_of(execution: Execution) -> dict[str, object]:
    """Return the run's present state in the shape of an update, for a stream that begins with it."""
    if execution.status is ExecutionStatus.FAILED:
        error = execution.error or {}
        return {**_head(execution), **_words(FAILED_LABEL, 0, f"Flow execution failed: {error.get('message', '')}"), "error": error}
    if execution.status is ExecutionStatus.COMPLETED:
        result = execution.result or {}
        return {**_head(execution), **_words(END_LABEL, 100, str(result.get("reasoning", "")))}
    if execution.status is ExecutionStatus.PENDING:
        return {**_head(execution), **_words("Queued", 0, "Waiting for a worker...")}
    begun = BEGIN[Step(execution.current_step)]
    return {**_head(execution), **_words(begun.label, begun.progress_percent, begun.message)}


def _tell(work: UnitOfWork, execution: Execution, label: str, progress: int, message: str, **more: object) -> None:
    payload = {**_head(execution), **_words(label, progress, message), **more}
    work.emit(Event(EXECUTION_UPDATED, execution.user_id, execution.id, payload, execution_id=execution.id))


def _head(execution: Execution) -> dict[str, object]:
    return {
        "execution_id": execution.id,
        "flow_id": execution.flow_id,
        "status": execution.status.value.upper(),
        "current_step": execution.current_step,
    }


def _about(execution: Execution) -> dict[str, object]:
    # What a sentence about the end of a run needs; `is_loop` says that a loop began it, and nobody in person.
    return {"flow_name": execution.flow_name, "symbol": execution.symbol, "is_loop": execution.is_loop}


def _words(label: str, progress: int, message: str) -> dict[str, object]:
    return {"step_name": label, "progress_percent": progress, "message": message}
