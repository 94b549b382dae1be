"""Answers GraphQL's questions about risk rules, and sets them."""

from typing import Any, cast

import strawberry

from domain.risk import models, relations, service
from schema.connections import listing
from schema.context import Info
from schema.fields import field, mutation
from schema.risk import RiskRule, RiskRuleChangesInput, RiskRuleInput


@strawberry.type
class RiskQueries:
    @field(RiskRule | None, "One risk rule. Raises NOT_FOUND.", service=service.get_rule)
    async def risk_rule(self, info: Info, id: strawberry.ID) -> models.RiskRule:
        async with info.context.reading() as work:
            return await service.get_rule(work, id)

    risk_rules = listing(RiskRule, "The caller's risk rules, newest first.", relations.page_of_rules)


@strawberry.type
class RiskMutations:
    @mutation(RiskRule, "Set a limit for all of the caller's trades. Raises VALIDATION_ERROR.", service=service.create_rule)
    async def create_risk_rule(self, info: Info, input: RiskRuleInput) -> models.RiskRule:
        async with info.context.unit_of_work() as work:
            return await service.create_rule(work, **_arguments(input))

    @mutation(RiskRule, "Change a limit. Raises NOT_FOUND, VALIDATION_ERROR.", service=service.update_rule)
    async def update_risk_rule(self, info: Info, rule_id: strawberry.ID, input: RiskRuleChangesInput) -> models.RiskRule:
        async with info.context.unit_of_work() as work:
            return await service.update_rule(work, rule_id, **_arguments(input))

    @mutation(strawberry.ID, "Remove a limit for good and return its id; its verdicts stay. Raises NOT_FOUND.", service=service.delete_rule)
    async def delete_risk_rule(self, info: Info, rule_id: strawberry.ID) -> strawberry.ID:
        async with info.context.unit_of_work() as work:
            await service.delete_rule(work, rule_id)
        return rule_id


def _arguments(input: RiskRuleInput | RiskRuleChangesInput) -> dict[str, Any]:
    arguments = dict(vars(input))
    condition = arguments["condition"]
    if condition is not None and not isinstance(condition, dict):
        arguments["condition"] = cast("dict[str, Any]", {})  # refused by the service, which says what is missing
    return arguments
