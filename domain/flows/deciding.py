"""The last step of a run: what is left of the advice becomes at most one order, and the order a position."""

from decimal import Decimal

from sqlalchemy import select

from domain.analysts.opinion import Action
from domain.analysts.tally import Tally
from domain.exchanges.venue import OrderType, Side
from domain.flows.config import FlowConfig
from domain.flows.lease import Hold
from domain.flows.models import Execution
from domain.flows.outcome import Ended, Result, complete_run
from domain.flows.stages import refuse, size_in_lots, sizing_of_run, stored_analysis
from domain.flows.steps import Step
from domain.kernel.errors import DomainError, ErrorCode
from domain.market.candles import Tick
from domain.market.instruments import Instrument, find_instrument
from domain.market.market import Market
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.closing import exit_position
from domain.trading.exposure import wallet_for
from domain.trading.machine import ACTIVE
from domain.trading.models import Order, OrderPurpose, OrderStatus, Position, PositionStatus
from domain.trading.placing import write_intent
from domain.trading.requests import OrderRequest, own_client_order_id
from domain.trading.sending import send
from domain.trading.service import order_by_client_id

HUNDRED = Decimal(100)


async def decide(hold: Hold, execution: Execution) -> Ended:
    """Close what stands against the advice, open what it asks for, and end the run.

    The order is written with an id that follows from the run before the venue hears of it, so a run that is taken up again
    finds its own order instead of making a second one.
    """
    config = FlowConfig.of(execution.config)
    instrument = find_instrument(execution.symbol)
    async with hold.operation.reading() as work:
        advice = (await stored_analysis(work, execution, config)).decision
        # Orders before positions: an order that is filled in between is seen as one or the other.
        earlier = await _entry_under_way(work, execution)
        standing = await _position_of_flow(work, execution)
        entry = await order_by_client_id(work, own_client_order_id(execution.id, "entry"), execution.user_id)
    side = Side(advice.action.value)

    one_at_a_time = config.single_position_mode and entry is None
    if one_at_a_time and earlier is not None:
        return await _keep_still(hold, advice, f"Order {earlier.id} of an earlier run is still under way; one at a time.")
    if one_at_a_time and standing is not None:
        if standing.side.entry is side:
            why = f"The flow already holds a {standing.side.value} position; one at a time."
            return await _keep_still(hold, advice, why, standing.id)
        try:
            closed = await exit_position(hold.operation, standing.id, OrderPurpose.REVERSE_SIGNAL, execution_id=execution.id)
        except DomainError as refusal:
            if refusal.code is not ErrorCode.TRADING_HALTED:
                raise
            return await refuse(hold, Step.DECISION, refusal, {"final_action": "hold", "confidence": advice.confidence})
        if closed.status is PositionStatus.OPEN:
            message = f"Position {closed.id} could not be closed yet; its exit order is looked up until it is"
            raise DomainError(ErrorCode.VENUE_UNAVAILABLE, message, position_id=closed.id)
    try:
        order = entry or await _write_entry(hold, execution, config, instrument, side, advice)
    except DomainError as refusal:
        return await refuse(hold, Step.DECISION, refusal, {"final_action": "hold", "confidence": advice.confidence})
    order = await send(hold.operation, order.id)
    if order.status is not OrderStatus.FILLED:
        return await _unfilled(hold, order, advice)
    result = Result(advice.action, advice.confidence, advice.reasoning, order.id, order.position_id)
    data = {
        "final_action": advice.action.value,
        "confidence": advice.confidence,
        "order": _order_document(order),
        "position": {"id": order.position_id},
    }
    return await complete_run(hold, Step.DECISION, result, data)


async def _keep_still(hold: Hold, advice: Tally, why: str, position_id: str | None = None) -> Ended:
    result = Result(Action.HOLD, advice.confidence, why, position_id=position_id)
    return await complete_run(hold, Step.DECISION, result, {"final_action": "hold", "confidence": advice.confidence, "reason": why})


async def _write_entry(
    hold: Hold, execution: Execution, config: FlowConfig, instrument: Instrument, side: Side, advice: Tally
) -> Order:  # fmt: skip
    tick = await hold.operation.use(Market).price(execution.symbol)
    quantity = size_in_lots(instrument, sizing_of_run(execution, config), tick.price)
    stop, target = _levels(instrument, config, side, advice, tick)
    async with hold.unit_of_work() as (work, current):
        wallet = await wallet_for(work, current.user_id, config.user_wallet_id)
        request = OrderRequest(
            symbol=execution.symbol,
            side=side,
            quantity=quantity,
            order_type=OrderType.MARKET,
            client_order_id=own_client_order_id(execution.id, "entry"),
            wallet_id=wallet.id,
            purpose=OrderPurpose.ENTRY,
            flow_id=execution.flow_id,
            execution_id=current.id,
            stop_loss=stop,
            take_profit=target,
            reasoning=advice.reasoning,
            confidence=advice.confidence,
        )
        return await write_intent(work, request, tick, user_id=current.user_id)


async def _unfilled(hold: Hold, order: Order, advice: Tally) -> Ended:
    """End a run whose order the venue refused; one that is still unresolved fails, and is resolved by the books' own look-up."""
    if order.status in (OrderStatus.PENDING, OrderStatus.SUBMITTED):
        raise DomainError(
            ErrorCode.VENUE_UNAVAILABLE, f"The venue does not answer for order {order.id}; it will be looked up", order_id=order.id
        )
    reason = order.status_reason or order.status.value
    refusal = DomainError(ErrorCode.VENUE_REJECTED, f"Order {order.id} was {order.status.value}: {reason}", order_id=order.id)
    return await refuse(hold, Step.DECISION, refusal, {"final_action": "hold", "confidence": advice.confidence})


def _levels(
    instrument: Instrument, config: FlowConfig, side: Side, advice: Tally, tick: Tick
) -> tuple[Decimal, Decimal]:  # fmt: skip
    """Return stop and target on the right side of the price: the analysts' where they still fit, else the flow's percents."""
    price, sign = tick.price, side.sign
    step = max(abs(price), instrument.tick * HUNDRED) / HUNDRED
    stop = advice.stop_loss
    if stop is None or (price - stop) * sign <= 0:
        stop = price - sign * step * config.default_stop_loss_percent
    target = advice.take_profit
    if target is None or (target - price) * sign <= 0:
        target = price + sign * step * config.default_take_profit_percent
    # Away from the price, so that neither falls onto it.
    below, above = (stop, target) if sign > 0 else (target, stop)
    below, above = instrument.round_price(below, "floor"), instrument.round_price(above, "ceiling")
    return (below, above) if sign > 0 else (above, below)


async def _position_of_flow(work: UnitOfWork, execution: Execution) -> Position | None:
    query = select(Position).where(
        Position.flow_id == execution.flow_id, Position.symbol == execution.symbol, Position.status == PositionStatus.OPEN
    )
    return await work.session.scalar(query.limit(1))


async def _entry_under_way(work: UnitOfWork, execution: Execution) -> Order | None:
    query = select(Order).where(
        Order.flow_id == execution.flow_id,
        Order.symbol == execution.symbol,
        Order.execution_id != execution.id,
        Order.purpose == OrderPurpose.ENTRY,
        Order.status.in_(ACTIVE),
    )
    return await work.session.scalar(query.limit(1))


def _order_document(order: Order) -> dict[str, object]:
    return {
        "id": order.id,
        "side": order.side.value,
        "quantity": order.quantity,
        "average_fill_price": order.average_fill_price,
        "fees": order.total_fees,
        "status": order.status.value,
    }
