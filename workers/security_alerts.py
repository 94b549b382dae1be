"""Jobs of security alerts."""

from domain.runtime.operation import Operation
from domain.security_alerts.watching import weigh_failed_log_ins as weigh
from workers.jobs import job


@job("security_alerts.weigh_failed_log_ins")
async def weigh_failed_log_ins(operation: Operation, ip: str, user_id: str) -> None:
    await weigh(operation, ip, user_id)
