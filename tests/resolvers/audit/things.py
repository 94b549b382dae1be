"""Makes what the examples are about, in the name of one user who may do everything."""

from collections.abc import Awaitable, Callable
from decimal import Decimal

from sqlalchemy import select

from domain.accounts.links import mail_reset_link, mail_verification_link
from domain.accounts.models import Session, User
from domain.market.market import Market
from domain.plans.catalogue import NewPlan, create_plan
from domain.plans.service import NewSubscription, create_subscription
from domain.risk.service import create_rule
from domain.runtime.operation import Operation
from domain.trading.models import Order, Side
from domain.trading.placing import OrderRequest, place_order, write_intent
from tests.accounts import mails, tokens_of
from tests.builders import make_user
from tests.domain.flows.runs import new_flow, run

BUY = OrderRequest(symbol="BTC/USDT", side=Side.BUY, quantity=Decimal("0.01"))


class Things:
    """Each is made anew when it is asked for."""

    def __init__(self, ada: Operation) -> None:
        self.ada = ada

    async def make(self, name: str) -> str:
        maker: Callable[[], Awaitable[str]] = getattr(self, name)
        return await maker()

    async def flow(self) -> str:
        return (await new_flow(self.ada)).id

    async def execution(self) -> str:
        return (await run(self.ada, await new_flow(self.ada))).execution.id

    async def plan(self) -> str:
        async with self.ada.unit_of_work() as work:
            return (await create_plan(work, NewPlan("A plan", "For tests.", Decimal(5)))).id

    async def subscription(self) -> str:
        plan_id = await self.plan()
        async with self.ada.unit_of_work() as work:
            return (await create_subscription(work, NewSubscription(plan_id))).id

    async def rule(self) -> str:
        async with self.ada.unit_of_work() as work:
            return (await create_rule(work, "Cap", "max_position_size", {"max_usd": 100})).id

    async def session(self) -> str:
        await tokens_of(self.ada.runtime, self.ada.caller)
        async with self.ada.reading() as work:
            newest = select(Session.id).where(Session.user_id == self.ada.caller.id).order_by(Session.id.desc())
            return (await work.session.scalars(newest)).first() or ""

    async def refresh_token(self) -> str:
        return (await tokens_of(self.ada.runtime, self.ada.caller)).refresh_token

    async def user(self) -> str:
        return (await make_user(self.ada.runtime)).id

    async def filled(self) -> Order:
        return await place_order(self.ada, BUY)

    async def filled_order(self) -> str:
        return (await self.filled()).id

    async def position(self) -> str:
        return (await self.filled()).position_id or ""

    async def order(self) -> str:
        tick = await self.ada.use(Market).price(BUY.symbol)
        async with self.ada.unit_of_work() as work:
            return (await write_intent(work, BUY, tick)).id  # written down, and not sent

    async def reset_link(self) -> str:
        async with self.ada.reading() as work:
            user = await work.session.get_one(User, self.ada.caller.id)
        await mail_reset_link(self.ada.runtime.operation(), user.email)
        return mails(self.ada.runtime)[-1][1]

    async def verification_link(self) -> str:
        await mail_verification_link(self.ada.runtime.operation(), self.ada.caller.id)
        return mails(self.ada.runtime)[-1][1]
