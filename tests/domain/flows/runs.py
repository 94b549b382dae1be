"""Makes and carries out runs in tests, in the same process and without a broker."""

from typing import Any

from sqlalchemy import select

from domain.flows.models import Execution, Flow, FlowMode
from domain.flows.running import run_execution
from domain.flows.service import ExecutionRecord, NewFlow, create_flow, get_execution
from domain.flows.triggering import TriggerOptions, trigger_flow
from domain.runtime.event_log import Cursor, Interest, StoredEvent, read
from domain.runtime.operation import Operation
from domain.trading.models import Order

# Lets any vote through, so that a test about trading is not a test about the market.
EAGER: dict[str, Any] = {"pre_trade_min_confidence": 0, "swarm_min_agreement": 0, "swarm_runs": 5, "order_size_usd": 100}


async def new_flow(user: Operation, mode: FlowMode = FlowMode.SWARM, symbol: str = "BTC/USDT", **config: Any) -> Flow:
    async with user.unit_of_work() as work:
        return await create_flow(work, NewFlow(name="Swing", symbol=symbol, mode=mode, config={**EAGER, **config}))


async def trigger(user: Operation, flow: Flow, **overrides: Any) -> str:
    async with user.unit_of_work() as work:
        return (await trigger_flow(work, flow.id, TriggerOptions(**overrides))).execution.id


async def run(user: Operation, flow: Flow, **overrides: Any) -> ExecutionRecord:
    """Trigger a flow and carry its run out here and now."""
    execution_id = await trigger(user, flow, **overrides)
    await run_execution(user.runtime.operation(), execution_id)
    return await record(user, execution_id)


async def record(user: Operation, execution_id: str) -> ExecutionRecord:
    async with user.reading() as work:
        return await get_execution(work, execution_id)


async def events(user: Operation, *types: str) -> list[StoredEvent]:
    async with user.reading() as work:
        return await read(work.session, Interest(user.caller.id, types=types), Cursor(0, 0))


async def orders(user: Operation) -> list[Order]:
    async with user.reading() as work:
        return list(await work.session.scalars(select(Order).where(Order.user_id == user.caller.id).order_by(Order.created_at, Order.id)))


async def executions(user: Operation) -> list[Execution]:
    async with user.reading() as work:
        return list(await work.session.scalars(select(Execution).where(Execution.user_id == user.caller.id).order_by(Execution.id)))
