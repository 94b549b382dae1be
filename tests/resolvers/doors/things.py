"""Makes one of everything: a small function a noun. A route that names a thing which is not here fails its test with a sentence.

A new noun needs a function and a line in `BUILDERS`; its name is what stands before `_id` in paths, bodies and arguments.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from domain.accounts import api_keys, links, permissions, roles
from domain.analysts.models import Conversation
from domain.audit.models import AuditEntry
from domain.devices import service as devices
from domain.devices.models import DeviceType
from domain.exchanges.venue import OrderType, Side
from domain.flows.models import Flow
from domain.market.market import Market
from domain.notifications import service as notifications
from domain.notifications import webhooks
from domain.notifications.kinds import NotificationType
from domain.plans import catalogue
from domain.plans import service as subscriptions
from domain.price_alerts import service as price_alerts
from domain.price_alerts.models import AlertCondition
from domain.risk import service as risk
from domain.risk.models import RuleType
from domain.security_alerts import service as security_alerts
from domain.trading.grouping import GroupLeg, GroupRequest, place_oco
from domain.trading.models import Order, Position
from domain.trading.placing import place_order, write_intent
from domain.trading.requests import OrderRequest
from domain.wallets import credentials, definitions, opening
from domain.wallets.rules import ApiConfig, Features, WalletType
from tests.accounts import mails, tokens_of
from tests.builders import make_user
from tests.domain.flows.runs import new_flow, run
from tests.domain.plans.subscribers import plan_named
from tests.resolvers.doors.people import Person, register, session_of

SYMBOL = "BTC/USDT"
PUBLIC_URL = "https://93.184.216.34/hook"  # an address, so that no name has to be looked up
type Things = dict[str, str]
type Builder = Callable[[Person, Things], Awaitable[str]]

# What everybody with the permission sees: somebody else's is no secret, only an unknown one is not found.
SEEN_BY_ALL = {
    "audit_entry": "audit:read is over all entries",
    "permission": "superusers keep them for everybody",
    "role": "superusers keep them for everybody",
    "alert": "security_alerts:read and security_alerts:write are over all accounts",
    "plan": "plans are on offer to everybody",
    "slug": "wallet definitions are for everybody",
    "user": "users:read, users:write and users:delete are over all accounts",
}


async def a_flow(owner: Person, _: Things) -> str:
    return (await new_flow(owner.operation)).id


async def a_finished_run(owner: Person, things: Things) -> str:
    async with owner.operation.reading() as work:
        flow = await work.session.get_one(Flow, things["flow"])
    return (await run(owner.operation, flow)).execution.id


async def its_conversation(owner: Person, things: Things) -> str:
    async with owner.operation.reading() as work:
        found = await work.session.scalars(select(Conversation).where(Conversation.execution_id == things["execution"]))
        return found.one().id


async def an_open_position(owner: Person, _: Things) -> str:
    order = await place_order(owner.operation, OrderRequest(symbol=SYMBOL, side=Side.BUY, quantity=Decimal("0.01")))
    async with owner.operation.reading() as work:
        return (await work.session.get_one(Position, order.position_id)).id


async def an_order_that_its_venue_has_not_heard_of(owner: Person, _: Things) -> str:
    tick = await owner.runtime.use(Market).price(SYMBOL)
    async with owner.operation.unit_of_work() as work:
        return (await write_intent(work, OrderRequest(symbol=SYMBOL, side=Side.BUY, quantity=Decimal("0.01")), tick)).id


async def a_group_of_orders(owner: Person, _: Things) -> str:
    legs = [
        GroupLeg(order_type=OrderType.TAKE_PROFIT, stop_price=Decimal(90_000_000)),
        GroupLeg(order_type=OrderType.STOP, stop_price=Decimal(1_000)),
    ]
    request = GroupRequest(symbol=SYMBOL, side=Side.SELL, quantity=Decimal("0.01"), legs=legs)
    return (await place_oco(owner.operation, request)).id


async def the_name_of_its_order(owner: Person, things: Things) -> str:
    async with owner.operation.reading() as work:
        return (await work.session.get_one(Order, things["order"])).client_order_id


async def a_rule(owner: Person, _: Things) -> str:
    async with owner.operation.unit_of_work() as work:
        return (await risk.create_rule(work, "Cap", RuleType.MAX_POSITION_SIZE, {"max_usd": 1_000_000})).id


async def an_api_key(owner: Person, _: Things) -> str:
    async with owner.operation.unit_of_work() as work:
        ends = work.now + timedelta(days=1)
        return (await api_keys.create_api_key(work, api_keys.NewApiKey("Robot", ["orders:read"], ends))).api_key.id


async def a_role(owner: Person, _: Things) -> str:
    async with owner.operation.unit_of_work() as work:
        return (await roles.create_role(work, roles.NewRole(f"Role of {owner.caller.id}", "For friends.", ["orders:read"]))).role.id


async def a_permission(owner: Person, _: Things) -> str:
    async with owner.operation.unit_of_work() as work:
        new = permissions.NewPermission("kites", f"fly_{owner.caller.id}"[:50], "Fly kites.")
        return (await permissions.create_permission(work, new)).id


async def a_notification(owner: Person, _: Things) -> str:
    async with owner.operation.unit_of_work() as work:
        return (await notifications.create_notification(work, notifications.NewNotification(NotificationType.INFO, "Hi", "There."))).id


async def a_webhook(owner: Person, _: Things) -> str:
    return (await webhooks.create_webhook(owner.operation, webhooks.NewWebhook(PUBLIC_URL))).webhook.id


async def the_last_audit_entry(owner: Person, _: Things) -> str:
    async with owner.operation.reading() as work:
        mine = select(AuditEntry.id).where(AuditEntry.actor_id == owner.caller.id).order_by(AuditEntry.seq.desc())
        return str(await work.session.scalar(mine.limit(1)))


async def a_session(owner: Person, _: Things) -> str:
    return session_of(owner.runtime, await tokens_of(owner.runtime, owner.caller))


async def a_user(owner: Person, _: Things) -> str:
    return (await register(owner.runtime, f"Friend-of-{owner.caller.id}", "user")).caller.id


async def a_plan(owner: Person, _: Things) -> str:
    async with owner.operation.unit_of_work() as work:
        name = f"Plan of {owner.caller.id}"
        return (await catalogue.create_plan(work, catalogue.NewPlan(name, "For friends.", Decimal("4.50"), trial_days=7))).id


async def a_subscription(owner: Person, _: Things) -> str:
    plan = await plan_named(owner.operation, "Pro")
    async with owner.operation.unit_of_work() as work:
        return (await subscriptions.create_subscription(work, subscriptions.NewSubscription(plan.id))).id


async def a_wallet(owner: Person, _: Things) -> str:
    async with owner.operation.unit_of_work() as work:
        return (await opening.create_wallet(work, opening.NewWallet(definition="simulation", nickname="Playground"))).id


async def credentials_for_an_exchange(owner: Person, _: Things) -> str:
    secrets = {"api_key": "a key of nobody", "api_secret": "a secret of nobody"}
    new = credentials.NewCredential(name="Exchange", wallet="binance", credentials=secrets)
    async with owner.operation.unit_of_work() as work:
        return (await credentials.create_credential(work, new)).id


async def a_wallet_definition(owner: Person, _: Things) -> str:
    new = definitions.NewWalletDefinition(
        name="Somewhere",
        slug=f"place_of_{owner.caller.id[-20:]}",
        type=WalletType.CEX,
        description="For friends.",
        features=Features(),
        api_config=ApiConfig(),
        order=9,
    )
    async with owner.operation.unit_of_work() as work:
        return (await definitions.create_wallet_definition(work, new)).slug


async def a_refresh_token(owner: Person, _: Things) -> str:
    return (await tokens_of(owner.runtime, owner.caller)).refresh_token


async def a_link_that_confirms_an_address(owner: Person, _: Things) -> str:
    await links.mail_verification_link(owner.runtime.operation(), (await make_user(owner.runtime)).id)
    return mails(owner.runtime)[-1][1]


async def a_link_that_sets_a_password(owner: Person, _: Things) -> str:
    await links.mail_reset_link(owner.runtime.operation(), owner.email)
    return mails(owner.runtime)[-1][1]


async def a_security_alert(owner: Person, _: Things) -> str:
    async with owner.operation.unit_of_work() as work:
        return (await security_alerts.create_alert(work, security_alerts.NewAlert("stolen_phone", "My phone is gone."))).id


async def a_price_alert(owner: Person, _: Things) -> str:
    alert = price_alerts.NewPriceAlert(SYMBOL, AlertCondition.ABOVE, Decimal(1_000_000))
    return (await price_alerts.create_price_alert(owner.operation, alert)).id


async def a_device(owner: Person, _: Things) -> str:
    async with owner.operation.unit_of_work() as work:
        return (await devices.register_device(work, devices.NewDevice("Meter", DeviceType.ENERGY_METER))).device.id


# In this order: a run needs its flow.
BUILDERS: dict[str, Builder] = {
    "wallet": a_wallet,
    "credentials": credentials_for_an_exchange,
    "slug": a_wallet_definition,
    "subscription": a_subscription,
    "plan": a_plan,
    "flow": a_flow,
    "execution": a_finished_run,
    "conversation": its_conversation,
    "position": an_open_position,
    "group": a_group_of_orders,
    "order": an_order_that_its_venue_has_not_heard_of,
    "client_order": the_name_of_its_order,
    "rule": a_rule,
    "alert": a_security_alert,
    "price_alert": a_price_alert,
    "device": a_device,
    "key": an_api_key,
    "role": a_role,
    "permission": a_permission,
    "notification": a_notification,
    "webhook": a_webhook,
    "audit_entry": the_last_audit_entry,
    "session": a_session,
    "user": a_user,
    "refresh_token": a_refresh_token,
    "confirming_link": a_link_that_confirms_an_address,
    "password_link": a_link_that_sets_a_password,
}


async def one_of_everything(owner: Person) -> Things:
    things: Things = {"symbol": SYMBOL, "email": owner.email}
    for name, build in BUILDERS.items():
        things[name] = await build(owner, things)
    return things


def filled(value: Any, things: Things) -> Any:
    """Return the value with the things in place of their names in pointed brackets."""
    if isinstance(value, dict):
        return {key: filled(item, things) for key, item in value.items()}
    if isinstance(value, str) and (found := re.fullmatch(r"<(\w+)>", value)):
        return things[found[1]]
    return value
