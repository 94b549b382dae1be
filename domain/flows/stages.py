"""The first three steps of a run: see the market, ask the analysts, pass the gate and the risk rules."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.analysts.gate import GateSettings, pre_trade_gate
from domain.analysts.opinion import Action, Analyst, Vote, ask
from domain.analysts.rule_based import panel, solo_analyst, weight_of
from domain.analysts.snapshot import MarketSnapshot, snapshot_of
from domain.analysts.tally import Tally, tally, tally_solo
from domain.exchanges.venue import Side
from domain.flows.config import FlowConfig, Sizing, panel_size, sizing_of
from domain.flows.conversing import open_conversation, record_decision, record_tally, record_votes, standing_votes
from domain.flows.lease import Hold
from domain.flows.models import Execution, ExecutionSnapshot, FlowMode
from domain.flows.outcome import Ended, Result, complete_step, end_run
from domain.flows.steps import Step
from domain.kernel.clock import to_wire
from domain.kernel.errors import DomainError, ErrorCode
from domain.market.instruments import Instrument, find_instrument
from domain.market.market import Market
from domain.risk.rules import Verdict
from domain.risk.service import store_verdicts
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.drafting import RiskRefused
from domain.trading.exposure import wallet_for
from domain.trading.judging import assess

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a run knows after its second step."""

    snapshot: MarketSnapshot
    decision: Tally


async def fetch_data(hold: Hold, execution: Execution) -> Ended:
    """Fetch candles, ticker and indicators, and store exactly what was seen."""
    config = FlowConfig.of(execution.config)
    market = hold.operation.use(Market)
    series, ticker, indicators = await asyncio.gather(
        market.candles(execution.symbol, config.interval, config.candles),
        market.ticker(execution.symbol),
        market.indicators(execution.symbol, config.interval, config.candles),
    )
    snapshot = snapshot_of(series, ticker, indicators)
    async with hold.unit_of_work() as (work, current):
        document = snapshot.to_document()
        work.session.add(
            ExecutionSnapshot(execution_id=current.id, fingerprint=snapshot.fingerprint(), document=document, created_at=work.now)
        )
        await open_conversation(work, current)
        seen = {
            "candles_count": len(snapshot.candles),
            "price": snapshot.price,
            "as_of": to_wire(snapshot.as_of),
            "source": snapshot.source,
            "simulated": snapshot.simulated,
            "stale": snapshot.stale,
            "note": snapshot.note,
        }
        await complete_step(work, current, Step.DATA_FETCH, seen)
    return Ended.NO


async def analyse_market(hold: Hold, execution: Execution) -> Ended:
    """Let the analysts vote, each vote stored as it falls, and count them. Raises NO_ANALYST if none could vote."""
    config = FlowConfig.of(execution.config)
    async with hold.operation.reading() as work:
        snapshot = await stored_snapshot(work, execution.id)
        votes = await standing_votes(work, execution.id)
    members = members_of(execution, config)
    voted = {vote.index for vote in votes}
    pending = {
        asyncio.create_task(ask(index, analyst, snapshot, weight_of(analyst, config.swarm_role_weights)))
        for index, analyst in enumerate(members, start=1)
        if index not in voted
    }
    try:
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            fallen = sorted((task.result() for task in done), key=lambda vote: vote.index)
            async with hold.unit_of_work() as (work, current):
                await record_votes(work, current, fallen)
            votes.extend(fallen)
    finally:
        for task in pending:
            task.cancel()
    counted = count_votes(execution, config, votes)
    async with hold.unit_of_work() as (work, current):
        data = counted.to_document(work.now, lambda number: number)
        await record_tally(work, current, counted.swarm_vote_document(work.now, lambda number: number))
        await record_decision(work, current, "market_analyst", counted.action.value, counted.confidence, counted.reasoning, data)
        await complete_step(work, current, Step.MARKET_ANALYSIS, data)
    return Ended.NO


async def validate_risk(hold: Hold, execution: Execution) -> Ended:
    """Pass the pre-trade gate, then every active rule; each verdict is stored with its numbers."""
    config = FlowConfig.of(execution.config)
    async with hold.operation.reading() as work:
        analysis = await stored_analysis(work, execution, config)
    counted, snapshot = analysis.decision, analysis.snapshot
    gate = pre_trade_gate(counted.action, counted.confidence, GateSettings.from_config(execution.config))
    gate_data = gate.to_document(lambda number: number)
    if not gate.proceeds:
        result = Result(Action.HOLD, gate.confidence, gate.reason)
        async with hold.unit_of_work() as (work, current):
            await record_decision(work, current, "pre_trade_evaluator", "skip", gate.confidence, gate.reason, gate_data)
            await end_run(work, current, Step.RISK_VALIDATION, result, {"reason": gate.reason, "gate": gate_data}, skipped=True)
        return Ended.YES

    instrument = find_instrument(execution.symbol)
    try:
        quantity = size_in_lots(instrument, sizing_of_run(execution, config), snapshot.price)
    except DomainError as refusal:
        return await refuse(hold, Step.RISK_VALIDATION, refusal, {"gate": gate_data})
    side = Side(counted.action.value)
    async with hold.unit_of_work() as (work, current):
        await record_decision(work, current, "pre_trade_evaluator", "proceed", gate.confidence, gate.reason, gate_data)
        wallet = await wallet_for(work, current.user_id, config.user_wallet_id)
        verdicts = await assess(
            work, wallet=wallet, instrument=instrument, side=side, quantity=quantity, price=snapshot.price, flow_id=current.flow_id
        )
        await store_verdicts(work, current.user_id, verdicts, execution_id=current.id)
        broken = [verdict for verdict in verdicts if verdict.rejects]
        why = " ".join(verdict.message for verdict in broken) or (
            f"All {len(verdicts)} risk rules pass." if verdicts else "No risk rule is active."
        )
        data = {
            "gate": gate_data,
            "quantity": quantity,
            "price": snapshot.price,
            "approved": not broken,
            "verdicts": [_verdict_document(verdict) for verdict in verdicts],
        }
        decided = "reject" if broken else "approve"
        await record_decision(work, current, "risk_rules_engine", decided, Decimal(0) if broken else ONE, why, data)
        if broken:
            refusal_data = {"code": ErrorCode.RISK_LIMIT_EXCEEDED.value, "message": why}
            await end_run(work, current, Step.RISK_VALIDATION, Result(Action.HOLD, Decimal(0), why, refusal=refusal_data), data)
            return Ended.YES
        await complete_step(work, current, Step.RISK_VALIDATION, data)
    return Ended.NO


async def refuse(hold: Hold, step: Step, refusal: DomainError, data: dict[str, object]) -> Ended:
    """End the run with a hold because the trade was refused; the code says why."""
    error = {"code": refusal.code.value, "message": refusal.message}
    result = Result(Action.HOLD, Decimal(0), f"Trade refused: {refusal.message}", refusal=error)
    async with hold.unit_of_work() as (work, current):
        if isinstance(refusal, RiskRefused):
            await store_verdicts(work, current.user_id, refusal.verdicts, execution_id=current.id)
        await end_run(work, current, step, result, {**data, "refusal": {**error, "details": refusal.details}})
    return Ended.YES


def members_of(execution: Execution, config: FlowConfig) -> Sequence[Analyst]:
    """Return who votes in the run: one analyst in solo mode, else `swarm_runs` of them."""
    if execution.mode is FlowMode.SOLO:
        return (solo_analyst(),)
    return panel(panel_size(execution.mode, config))


def count_votes(execution: Execution, config: FlowConfig, votes: Sequence[Vote]) -> Tally:
    if execution.mode is FlowMode.SOLO:
        return tally_solo(votes[0])
    return tally(votes, min_agreement=config.swarm_min_agreement)


def sizing_of_run(execution: Execution, config: FlowConfig) -> Sizing:
    return sizing_of(config, execution.order_quantity_override, execution.order_size_override)


def size_in_lots(instrument: Instrument, sizing: Sizing, price: Decimal) -> Decimal:
    """Return the quantity to trade, rounded down to whole lots.

    Raises PRICE_NOT_POSITIVE when money is to be turned into a quantity at a price of zero or less, QUANTITY_TOO_SMALL when
    less than the smallest lot remains.
    """
    if sizing.quantity is not None:
        wanted = sizing.quantity
    elif price <= 0:
        raise DomainError(
            ErrorCode.PRICE_NOT_POSITIVE,
            f"{instrument.symbol} is at {price} {instrument.quote}: a size in money buys no quantity at such a price",
            price=price,
            symbol=instrument.symbol,
        )
    else:
        wanted = sizing.money / (price * instrument.contract_size)
    quantity = instrument.round_quantity(wanted, toward="down")  # never more than the budget
    if quantity < instrument.min_quantity:
        raise DomainError(
            ErrorCode.QUANTITY_TOO_SMALL,
            f"The run's size comes to {quantity} {instrument.symbol}, less than the smallest quantity {instrument.min_quantity}",
            quantity=quantity,
            min_quantity=instrument.min_quantity,
        )
    return quantity


async def stored_snapshot(work: UnitOfWork, execution_id: str) -> MarketSnapshot:
    row = await work.session.get(ExecutionSnapshot, execution_id)
    assert row is not None, "the first step stores the snapshot before the second begins"
    return MarketSnapshot.from_document(row.document)


async def stored_analysis(work: UnitOfWork, execution: Execution, config: FlowConfig) -> Analysis:
    """Return the analysis of the run, counted again from its stored votes: the tally is a pure function of them."""
    votes = await standing_votes(work, execution.id)
    return Analysis(await stored_snapshot(work, execution.id), count_votes(execution, config, votes))


def _verdict_document(verdict: Verdict) -> dict[str, object]:
    return {
        "rule_id": verdict.rule_id,
        "rule_name": verdict.rule_name,
        "rule_type": verdict.rule_type.value,
        "action": verdict.action.value,
        "passed": verdict.passed,
        "message": verdict.message,
        "numbers": verdict.numbers,
    }
