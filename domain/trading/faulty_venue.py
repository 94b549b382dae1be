"""The paper venue on a bad day: what the fault scripts of its accounts say goes wrong between us and it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select, update

from domain.exchanges.faults import Call, FaultScript, parse_faults
from domain.exchanges.venue import (
    Ability,
    Estimate,
    InstrumentRules,
    OrderType,
    Side,
    Venue,
    VenueBalance,
    VenueOpenOrder,
    VenueOrder,
    VenueRejected,
    VenueReport,
    VenueStatus,
    VenueTrade,
    VenueUnavailable,
)
from domain.kernel.clock import Clock
from domain.runtime.database import Database
from domain.trading.paper_fault_models import PaperFaults
from domain.trading.paper_models import PaperFill, PaperOrder

Sleep = Callable[[float], Awaitable[None]]
_COUNTED = {
    Call.PLACE: PaperFaults.placed,
    Call.AMEND: PaperFaults.amended,
    Call.CANCEL: PaperFaults.cancelled,
    Call.FIND: PaperFaults.found,
}


@dataclass(frozen=True, slots=True)
class _Rehearsal:
    # The script of an account, and the number of this call in it.
    script: FaultScript
    set_at: datetime
    number: int


class FaultyVenue:
    """Passes calls on to a paper venue, and does with them what the script of the account says; most accounts have none.

    A call takes effect at once, and the answer comes late: one that is slower than `call_seconds`, or lost, is VenueUnavailable, and a
    look-up then tells what has happened. A look-up that is to be rejected is not answered. An order that the venue has is never
    refused afterwards. While fills of an order are held back it is reported as still open, so that nobody stops asking.

    Calls are counted in the database, each once, whichever process makes them.
    """

    def __init__(self, venue: Venue, database: Database, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        self._venue, self._database, self._clock, self._sleep = venue, database, clock, sleep

    @property
    def name(self) -> str:
        return self._venue.name

    @property
    def call_seconds(self) -> float:
        return self._venue.call_seconds

    @property
    def sync_seconds(self) -> float:
        return self._venue.sync_seconds

    @property
    def abilities(self) -> frozenset[Ability]:
        return self._venue.abilities

    def supports(self, order_type: OrderType) -> bool:
        return self._venue.supports(order_type)

    def known_as(self, account: str, client_order_id: str) -> str:
        return self._venue.known_as(account, client_order_id)

    def estimate(self, symbol: str, side: Side, quantity: Decimal, price: Decimal) -> Estimate:
        return self._venue.estimate(symbol, side, quantity, price)

    async def place(self, order: VenueOrder) -> VenueReport:
        async def is_there() -> bool:
            return await self._venue.find(order.account, order.client_order_id, order.symbol) is not None

        return await self._call(Call.PLACE, order.account, lambda: self._venue.place(order), unless=is_there)

    async def find(self, account: str, client_order_id: str, symbol: str) -> VenueReport | None:
        return await self._call(Call.FIND, account, lambda: self._venue.find(account, client_order_id, symbol))

    async def cancel(self, account: str, client_order_id: str, symbol: str) -> VenueReport:
        return await self._call(Call.CANCEL, account, lambda: self._venue.cancel(account, client_order_id, symbol))

    async def amend(
        self,
        account: str,
        client_order_id: str,
        symbol: str,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        stop_price: Decimal | None = None,
    ) -> VenueReport:
        return await self._call(
            Call.AMEND, account, lambda: self._venue.amend(account, client_order_id, symbol, quantity, price, stop_price)
        )

    async def open_orders(self, account: str, symbol: str | None = None) -> tuple[VenueOpenOrder, ...]:
        return await self._call(Call.FIND, account, lambda: self._venue.open_orders(account, symbol))

    async def trades(self, account: str, symbol: str, since: datetime) -> tuple[VenueTrade, ...]:
        return await self._venue.trades(account, symbol, since)

    async def balances(self, account: str) -> tuple[VenueBalance, ...]:
        return await self._venue.balances(account)

    async def rules(self, symbol: str) -> InstrumentRules:
        return await self._venue.rules(symbol)

    async def _call[T](
        self, call: Call, account: str, ask: Callable[[], Awaitable[T]], unless: Callable[[], Awaitable[bool]] | None = None
    ) -> T:
        rehearsal = await self._next(call, account)
        if rehearsal is None:
            return await ask()
        fault = rehearsal.script.fault_of(call, rehearsal.number, self._clock.now())
        if fault.down:
            raise VenueUnavailable("it is down, as its script has it", may_have_been_accepted=False)
        if fault.reject is not None and not (unless is not None and await unless()):
            await self._answer_after(fault.latency_ms)
            # What a look-up is refused tells nothing of the order.
            raise VenueUnavailable(fault.reject) if call is Call.FIND else VenueRejected(fault.reject)
        try:
            answer = await ask()
        except VenueRejected:
            await self._answer_after(fault.latency_ms, is_lost=fault.loses_answer)
            raise
        await self._answer_after(fault.latency_ms, is_lost=fault.loses_answer)
        if isinstance(answer, VenueReport):
            return await self._told(account, rehearsal, answer)
        return answer

    async def _next(self, call: Call, account: str) -> _Rehearsal | None:
        # A look first: whoever has no script must not wait for the writers of the database.
        async with self._database.reading() as session:
            if await session.scalar(select(PaperFaults.account).where(PaperFaults.account == account)) is None:
                return None
        counter = _COUNTED[call]
        counted = update(PaperFaults).where(PaperFaults.account == account).values({counter: counter + 1})
        async with self._database.writing() as session:
            row = (
                await session.execute(counted.returning(PaperFaults.script, PaperFaults.seed, PaperFaults.set_at, counter))
            ).one_or_none()
            await session.commit()
        if row is None:
            return None
        script, seed, set_at, number = row
        return _Rehearsal(parse_faults({"seed": seed, "script": script}), set_at, number)

    async def _answer_after(self, latency_ms: int, *, is_lost: bool = False) -> None:
        if latency_ms:
            await self._sleep(min(latency_ms / 1000, self.call_seconds))
        if is_lost or latency_ms / 1000 > self.call_seconds:
            raise VenueUnavailable("timeout, as its script has it")

    async def _told[R: VenueReport](self, account: str, rehearsal: _Rehearsal, report: R) -> R:
        if not (rehearsal.script.changes_fills and report.fills):
            return report
        query = select(PaperFill.id).join(PaperOrder, PaperOrder.id == PaperFill.order_id)
        query = query.where(PaperOrder.account == account, PaperFill.executed_at >= rehearsal.set_at)
        async with self._database.reading() as session:
            ids = (await session.scalars(query.order_by(PaperFill.executed_at, PaperOrder.symbol, PaperFill.trade))).all()
        scripted, fills = set(ids), {fill.trade_id: fill for fill in report.fills}
        before = [fill for fill in report.fills if fill.trade_id not in scripted]
        told = (*before, *(fills[id] for id in rehearsal.script.reports_of(ids) if id in fills))
        if {fill.trade_id for fill in told} == fills.keys():
            return replace(report, fills=told)
        return replace(report, fills=told, status=VenueStatus.PARTIALLY_FILLED if told else VenueStatus.OPEN, reason=None)
