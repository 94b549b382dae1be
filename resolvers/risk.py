"""Answers GraphQL's questions about risk rules, verdicts and the trading switch, and sets them."""

from collections.abc import AsyncGenerator, Iterable
from dataclasses import asdict
from decimal import Decimal
from typing import Any, cast

import strawberry

from domain.exchanges.venue import Side
from domain.risk import models, relations, service, switch
from domain.risk.events import TRADING_SWITCH_CHANGED
from domain.runtime.event_log import Interest, StoredEvent
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading import halting, judging
from resolvers.graphql_door.streams import AFTER, updates
from schema.connections import listing
from schema.context import Info
from schema.fields import field, mutation, subscription
from schema.inputs import checked
from schema.risk import (
    RiskRule,
    RiskRuleChangesInput,
    RiskRuleInput,
    RiskVerdict,
    TradeValidation,
    TradingSwitch,
    TradingSwitchChange,
    TradingSwitchInput,
    TradingSwitchStanding,
    TradingSwitchUpdate,
)
from schema.scalars import Cursor


@strawberry.type
class RiskQueries:
    @field(RiskRule | None, "One risk rule. Raises NOT_FOUND.", service=service.get_rule)
    async def risk_rule(self, info: Info, id: strawberry.ID) -> models.RiskRule:
        async with info.context.reading() as work:
            return await service.get_rule(work, id)

    risk_rules = listing(RiskRule, "The caller's risk rules, newest first.", relations.page_of_rules)

    risk_verdicts = listing(
        RiskVerdict,
        "What rules said to the caller's trades, newest first. A trade that was refused left its failing verdicts and no order.",
        relations.page_of_verdicts,
    )

    @field(
        TradeValidation,
        "Try a trade against the caller's rules, the wallet's own limits and the trading switch, without making it; with `ruleId` "
        "against that rule alone. Sizes are measured from the caller's own books. Raises UNKNOWN_SYMBOL, VALIDATION_ERROR, NOT_FOUND.",
        service=judging.validate_trade,
    )
    async def validate_trade(
        self,
        info: Info,
        symbol: str,
        side: Side,
        quantity: Decimal,
        price: Decimal,
        wallet_id: strawberry.ID | None = None,
        rule_id: strawberry.ID | None = None,
    ) -> judging.Validation:
        async with info.context.reading() as work:
            return await judging.validate_trade(work, symbol, price, side, quantity, wallet_id, rule_id)

    @field(TradingSwitch, "Whether the caller may trade.", service=switch.get_trading_switch)
    async def trading_switch(self, info: Info) -> switch.Switches:
        async with info.context.reading() as work:
            return await switch.get_trading_switch(work)

    trading_switch_changes = listing(
        TradingSwitchChange,
        "The history of the caller's trading switch and of the one over everybody, newest first.",
        switch.page_of_switch_changes,
    )


@strawberry.type
class RiskMutations:
    @mutation(RiskRule, "Set a limit for all of the caller's trades. Raises VALIDATION_ERROR, UNKNOWN_SYMBOL.", service=service.create_rule)
    async def create_risk_rule(self, info: Info, input: RiskRuleInput) -> models.RiskRule:
        async with info.context.unit_of_work() as work:
            return await service.create_rule(work, **_arguments(input))

    @mutation(RiskRule, "Change a limit. Raises NOT_FOUND, VALIDATION_ERROR, UNKNOWN_SYMBOL.", service=service.update_rule)
    async def update_risk_rule(self, info: Info, rule_id: strawberry.ID, input: RiskRuleChangesInput) -> models.RiskRule:
        async with info.context.unit_of_work() as work:
            return await service.update_rule(work, rule_id, **_arguments(input))

    @mutation(strawberry.ID, "Remove a limit for good and return its id; its verdicts stay. Raises NOT_FOUND.", service=service.delete_rule)
    async def delete_risk_rule(self, info: Info, rule_id: strawberry.ID) -> strawberry.ID:
        async with info.context.unit_of_work() as work:
            await service.delete_rule(work, rule_id)
        return rule_id

    @mutation(
        TradingSwitch,
        "Move the caller's own trading switch; it holds from the next order on, and where it stands already nothing is changed. "
        "With `flatten` all live orders are cancelled and all positions closed before. Raises VALIDATION_ERROR.",
        service=halting.set_trading_switch,
    )
    async def set_trading_switch(self, info: Info, input: TradingSwitchInput) -> switch.Switches:
        return await halting.set_trading_switch(info.context.operation, *_setting(input))

    @mutation(
        TradingSwitchStanding,
        "Move the trading switch over everybody; for each user the stricter of it and their own holds. With `flatten`, "
        "which goes with REDUCING, a job gets everybody out of everything. Raises VALIDATION_ERROR.",
        service=halting.set_global_switch,
    )
    async def set_global_trading_switch(self, info: Info, input: TradingSwitchInput) -> switch.SwitchStanding:
        return await halting.set_global_switch(info.context.operation, *_setting(input))


def _setting(input: TradingSwitchInput) -> tuple[switch.SwitchSetting, bool]:
    values = asdict(input)
    flatten = values.pop("flatten")
    return checked(switch.SwitchSetting, values), flatten


@strawberry.type
class RiskSubscriptions:
    @subscription(
        TradingSwitchUpdate,
        f"How the caller's trading switch and the one over everybody are moved. {AFTER} The current state is both, the own one first.",
        service=switch.get_trading_switch,
    )
    async def trading_switch_updates(self, info: Info, after: Cursor | None = None) -> AsyncGenerator[TradingSwitchUpdate]:
        async def current(work: UnitOfWork, head: Cursor) -> Iterable[TradingSwitchUpdate]:
            switches = await switch.get_trading_switch(work)
            return [
                TradingSwitchUpdate(cursor=head, is_global=standing is switches.everybody, **asdict(standing))
                for standing in (switches.own, switches.everybody)
            ]

        def read(event: StoredEvent) -> TradingSwitchUpdate:
            return TradingSwitchUpdate.of(event.payload, Cursor(str(event.cursor)))

        interest = Interest(info.context.caller.id, (TRADING_SWITCH_CHANGED,))
        async for update in updates(info.context, interest, after, current=current, read=read):
            yield update


def _arguments(input: RiskRuleInput | RiskRuleChangesInput) -> dict[str, Any]:
    arguments = dict(vars(input))
    condition = arguments["condition"]
    if condition is not None and not isinstance(condition, dict):
        arguments["condition"] = cast("dict[str, Any]", {})  # refused by the service, which says what is missing
    return arguments
