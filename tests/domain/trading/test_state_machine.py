"""Trading as a whole under random orders, cancellations, amendments, prices and crashes: the books always agree."""

import asyncio
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from domain.exchanges.venue import OrderType, Side, TimeInForce, VenueOrder, VenueReport
from domain.kernel.clock import ManualClock
from domain.kernel.errors import DomainError
from domain.kernel.permissions import Caller
from domain.market.market import Market
from domain.runtime.event_bus import MemoryEventBus
from domain.runtime.runtime import Runtime
from domain.runtime.settings import Settings
from domain.trading.amending import OrderChanges, amend_order
from domain.trading.changing import cancel_all_orders, cancel_order
from domain.trading.exposure import standings_of
from domain.trading.flattening import flatten_all
from domain.trading.funds import funds_of
from domain.trading.machine import ACTIVE, UNCONFIRMED
from domain.trading.models import Fill, Order, Position, PositionStatus
from domain.trading.monitoring import monitor_positions, update_position
from domain.trading.paper_models import PaperFill, PaperOrder
from domain.trading.paper_venue import PaperVenue
from domain.trading.placing import place_order
from domain.trading.requests import OrderRequest
from domain.trading.syncing import resume_orders, sync_orders
from domain.wallets.models import Wallet
from tests.builders import make_trader
from tests.conftest import START
from tests.databases import quick_database
from tests.domain.trading.desk import Desk, assert_books_agree, open_desk

SYMBOL = "BTC/USDT"
EXAMPLES = int(os.environ.get("GENERATED_EXAMPLES", "8"))


class Killed(BaseException):
    """Stands for the end of the process, at whichever await it comes."""


class MortalVenue(PaperVenue):
    """The paper venue in a process that may end right before or right after any call."""

    fatal: str | None = None

    async def _live[T](self, call: Callable[[], Awaitable[T]]) -> T:
        self._die("before")
        answer = await call()
        self._die("after")
        return answer

    def _die(self, moment: str) -> None:
        if self.fatal == moment:
            self.fatal = None
            raise Killed

    async def place(self, order: VenueOrder) -> VenueReport:
        return await self._live(lambda: super(MortalVenue, self).place(order))

    async def find(self, account: str, client_order_id: str, symbol: str) -> VenueReport | None:
        return await self._live(lambda: super(MortalVenue, self).find(account, client_order_id, symbol))

    async def cancel(self, account: str, client_order_id: str, symbol: str) -> VenueReport:
        return await self._live(lambda: super(MortalVenue, self).cancel(account, client_order_id, symbol))

    async def amend(self, account: str, client_order_id: str, symbol: str, *changes: Decimal | None) -> VenueReport:
        return await self._live(lambda: super(MortalVenue, self).amend(account, client_order_id, symbol, *changes))


SIDES = st.sampled_from(Side)
TIMES = st.sampled_from((TimeInForce.GTC, TimeInForce.GTC, *TimeInForce))
WAITING = st.sampled_from((OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP))
RARELY = st.sampled_from((False, False, False, True))
OFFSETS = st.integers(-40, 40)
QUANTITIES = st.sampled_from(("0.001", "0.01", "0.02", "0.05", "0.1", "0.3", "1"))
WHO = st.integers(0, 1)
MOMENTS = st.sampled_from(("before", "after"))


class Trading(RuleBasedStateMachine):
    """Two people at one venue; every refusal must be one of the catalogue's, and everything else must not happen."""

    template: ClassVar[Path]
    folder: ClassVar[Path]
    number: ClassVar[int] = 0
    seen: ClassVar[Counter[str]]

    @initialize()
    def open(self) -> None:
        type(self).number += 1
        path = self.folder / f"machine-{self.number}.db"
        shutil.copy(self.template, path)
        self.path, self.runner, self.clock = path, asyncio.Runner(), ManualClock(START)
        self.desk, self.people = self.runner.run(self._open(f"sqlite+aiosqlite:///{path}"))

    async def _open(self, url: str) -> tuple[Desk, list[Caller]]:
        database, bus = await quick_database(url), MemoryEventBus()
        await bus.start()
        runtime = Runtime(Settings(database_url=url, var_dir=self.folder, rate_limits=False, lease_seconds=5), self.clock, database, bus)
        desk = await open_desk(runtime, self.clock)
        desk.venue = self.venue = MortalVenue(runtime.use(Market), database, self.clock)
        desk.connect(self.venue)
        self.price = Decimal(50_000)
        desk.price(SYMBOL, str(self.price))
        return desk, [desk.ada, await make_trader(runtime)]

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.seen.update(f"order {order.status.value}" for order in self.runner.run(self.desk.rows(Order)))
            self.seen.update(f"position {position.status.value}" for position in self.runner.run(self.desk.rows(Position)))
            self.runner.run(self.desk.runtime.bus.close())
            self.runner.run(self.desk.runtime.database.close())
            self.runner.close()
            for path in self.folder.glob(f"{self.path.name}*"):
                path.unlink()

    # what people do

    @rule(who=WHO, side=SIDES, quantity=QUANTITIES, reduce_only=RARELY, stop=st.none() | st.integers(1, 60))
    def trade(self, who: int, side: Side, quantity: str, reduce_only: bool, stop: int | None) -> None:
        stop_loss = None if stop is None or reduce_only else self.price - side.sign * stop * 25
        self._place(who, side, quantity, reduce_only=reduce_only, stop_loss=stop_loss)

    @rule(
        who=WHO, side=SIDES, quantity=QUANTITIES, offset=OFFSETS, time_in_force=TIMES, post_only=RARELY, reduce_only=RARELY
    )  # fmt: skip
    def rest(
        self, who: int, side: Side, quantity: str, offset: int, time_in_force: TimeInForce, post_only: bool, reduce_only: bool
    ) -> None:  # fmt: skip
        conditions: dict[str, Any] = {"time_in_force": time_in_force, "post_only": post_only, "reduce_only": reduce_only}
        if time_in_force is TimeInForce.GTD:
            conditions["expires_at"] = self.clock.now() + timedelta(minutes=2)
        self._place(who, side, quantity, order_type=OrderType.LIMIT, price=self.price + offset * 25, **conditions)

    @rule(who=WHO, side=SIDES, kind=WAITING, quantity=QUANTITIES, offset=OFFSETS, gap=OFFSETS, reduce_only=RARELY)
    def wait(self, who: int, side: Side, kind: OrderType, quantity: str, offset: int, gap: int, reduce_only: bool) -> None:
        terms: dict[str, Any] = {"stop_price": self.price + gap * 25}
        if kind is OrderType.STOP_LIMIT:
            terms["price"] = self.price + offset * 25
        if kind is OrderType.TRAILING_STOP:
            terms = {"trail": Decimal(abs(gap) + 1) * 10}
        self._place(who, side, quantity, order_type=kind, reduce_only=reduce_only, **terms)

    def _place(self, who: int, side: Side, quantity: str, **more: Any) -> None:
        request = OrderRequest(symbol=SYMBOL, side=side, quantity=Decimal(quantity), **more)
        if self._attempt(lambda: place_order(self._operation(who), request)) is not None:
            self.runner.run(self._assert_affordable(self.people[who].id))

    @rule(who=WHO, pick=st.integers(0, 5))
    def cancel(self, who: int, pick: int) -> None:
        if (order := self._pick(who, pick)) is not None:
            self._attempt(lambda: cancel_order(self._operation(who), order.id))

    @rule(who=WHO, pick=st.integers(0, 5), quantity=st.none() | QUANTITIES, offset=st.none() | OFFSETS)
    def amend(self, who: int, pick: int, quantity: str | None, offset: int | None) -> None:
        if (order := self._pick(who, pick)) is not None:
            price = None if offset is None else self.price + offset * 25
            changes = OrderChanges(None if quantity is None else Decimal(quantity), price)
            self._attempt(lambda: amend_order(self._operation(who), order.id, changes))

    @rule(who=WHO, stop=st.integers(1, 60))
    def protect(self, who: int, stop: int) -> None:
        for position in self._positions(who):
            level = self.price - position.side.sign * stop * 25
            self._attempt(lambda: update_position(self._operation(who), position.id, stop_loss=level))  # noqa: B023

    @rule(who=WHO, everything=RARELY)
    def get_out(self, who: int, everything: bool) -> None:
        self._attempt(lambda: flatten_all(self._operation(who)) if everything else cancel_all_orders(self._operation(who)))

    # what happens to them

    @rule(offset=OFFSETS, seconds=st.sampled_from((1, 30, 90, 86_400)))
    def move(self, offset: int, seconds: int) -> None:
        self.price += offset * 25
        self.clock.advance(seconds=seconds)
        self.desk.price(SYMBOL, str(self.price))
        self._round()

    @rule(moment=MOMENTS)
    def will_be_killed(self, moment: str) -> None:
        self.venue.fatal = moment

    @rule()
    def recover(self) -> None:
        self.venue.fatal = None
        # Long enough for every turn that a dead process held.
        for _ in range(3):
            self.clock.advance(seconds=10)
            self._round()
        self.runner.run(self._assert_settled())

    def _round(self) -> None:
        for look in (resume_orders, sync_orders, monitor_positions):
            self._attempt(lambda: look(self.desk.system))  # noqa: B023

    # what must hold whatever happens

    @invariant()
    def books_agree(self) -> None:
        if hasattr(self, "desk"):
            self.runner.run(assert_books_agree(self.desk.runtime))
            self.runner.run(self._assert_orders_add_up())

    async def _assert_orders_add_up(self) -> None:
        fills, orders = await self.desk.rows(Fill), await self.desk.rows(Order)
        by_order: dict[str, Decimal] = defaultdict(Decimal)
        for fill in fills:
            by_order[fill.order_id] += fill.quantity
        for order in orders:
            assert order.filled_quantity == by_order[order.id]
            assert order.filled_quantity + order.remaining_quantity == order.quantity and order.remaining_quantity >= 0
            assert (order.closed_at is None) is (order.status in ACTIVE)
        taken = {(row.account, row.client_order_id): row.filled for row in await self.desk.rows(PaperOrder)}
        for order in orders:
            # We may hear late of what the venue did, and never of more than it did.
            assert order.filled_quantity <= taken.get((order.wallet_id, order.client_order_id), Decimal(0))
        for wallet in await self.desk.rows(Wallet):
            async with self.desk.system.reading() as work:
                funds = await funds_of(work, wallet, await standings_of(work, wallet), "USDT")
            live = {order.id for order in orders if order.wallet_id == wallet.id and order.status in ACTIVE}
            assert set(funds.claims) == live
            assert funds.reserved == sum((claim.money for claim in funds.claims.values()), Decimal(0)) >= 0
            assert all(claim.money >= 0 and claim.closing >= 0 for claim in funds.claims.values())

    async def _assert_affordable(self, user_id: str) -> None:
        for wallet in await self.desk.rows(Wallet):
            if wallet.user_id == user_id and not await self._has_lost_sight(wallet):
                async with self.desk.system.reading() as work:
                    funds = await funds_of(work, wallet, await standings_of(work, wallet, self.price, SYMBOL), "USDT")
                shorts = any(position.side.sign < 0 for position in self._positions_of(wallet))
                # Only a market that goes up against a short position can take more than there is.
                assert funds.available >= 0 or shorts

    def _positions_of(self, wallet: Wallet) -> list[Position]:
        return [p for p in self.runner_rows if p.wallet_id == wallet.id]

    async def _has_lost_sight(self, wallet: Wallet) -> bool:
        self.runner_rows = [p for p in await self.desk.rows(Position) if p.status is PositionStatus.OPEN]
        return any(order.wallet_id == wallet.id and order.status in UNCONFIRMED for order in await self.desk.rows(Order))

    async def _assert_settled(self) -> None:
        ours = {(order.wallet_id, order.client_order_id): order for order in await self.desk.rows(Order)}
        there = {(row.account, row.client_order_id): row for row in await self.desk.rows(PaperOrder)}
        assert there.keys() <= ours.keys()
        for key, row in there.items():
            order = ours[key]
            assert (order.filled_quantity, order.quantity) == (row.filled, row.quantity)
            assert (order.status in ACTIVE) is (row.ended_at is None), (order.status, row.status)
        assert len(await self.desk.rows(PaperFill)) == len(await self.desk.rows(Fill))
        assert not any(order.status in UNCONFIRMED or order.is_amending for order in ours.values())

    # tools

    def _operation(self, who: int) -> Any:
        return self.desk.runtime.operation(self.people[who], door="test")

    def _attempt[T](self, act: Callable[[], Awaitable[T]]) -> T | None:
        async def run() -> T:
            return await act()

        try:
            return self.runner.run(run())
        except DomainError as refusal:
            self.seen[refusal.code.value] += 1
        except Killed:
            self.seen["killed"] += 1  # whoever comes next finds the rows as they were committed
        return None

    def _pick(self, who: int, pick: int) -> Order | None:
        mine = [order for order in self.runner.run(self.desk.rows(Order)) if order.user_id == self.people[who].id]
        live = sorted((order for order in mine if order.status in ACTIVE), key=lambda order: order.id)
        return live[pick % len(live)] if live else None

    def _positions(self, who: int) -> list[Position]:
        found = self.runner.run(self.desk.rows(Position))
        return [p for p in found if p.user_id == self.people[who].id and p.status is PositionStatus.OPEN]


def test_whatever_happens_the_books_agree(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    class OnItsOwnFiles(Trading):
        template, folder, seen = sqlite_template, tmp_path_factory.mktemp("machines"), Counter[str]()

    run_state_machine_as_test(
        OnItsOwnFiles,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
        ),
    )
    # What never came up was not tested.
    for what in ("order filled", "order cancelled", "order open", "position closed", "killed", "INSUFFICIENT_FUNDS"):
        assert OnItsOwnFiles.seen[what], f"{what}: {OnItsOwnFiles.seen}"
