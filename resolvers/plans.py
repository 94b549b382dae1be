"""Answers GraphQL's questions about plans and subscriptions, and does with them what clients ask."""

from dataclasses import asdict

import strawberry

from domain.plans import catalogue, models, relations, service
from schema.connections import listing
from schema.context import Info
from schema.fields import field, mutation
from schema.inputs import checked
from schema.plans import Plan, PlanChangesInput, PlanInput, PlanSubscription, PlanSubscriptionChangesInput, PlanSubscriptionInput

KEY = "With an `idempotencyKey` a repeated call answers with what the first one made; raises IDEMPOTENCY_CONFLICT for another request."


@strawberry.type
class PlanQueries:
    @field(Plan | None, "One plan. Raises NOT_FOUND.", service=catalogue.get_plan)
    async def plan(self, info: Info, id: strawberry.ID) -> models.Plan:
        async with info.context.reading() as work:
            return await catalogue.get_plan(work, id)

    plans = listing(Plan, "What can be subscribed to, newest first.", relations.page_of_plans)

    @field(PlanSubscription | None, "One of the caller's subscriptions. Raises NOT_FOUND.", service=service.get_subscription)
    async def subscription(self, info: Info, id: strawberry.ID) -> models.Subscription:
        async with info.context.reading() as work:
            return await service.get_subscription(work, id)

    @field(
        PlanSubscription | None,
        "The caller's subscription that runs now. Raises NOT_FOUND if there is none.",
        service=service.get_current_subscription,
    )
    async def current_subscription(self, info: Info) -> models.Subscription:
        return await service.get_current_subscription(info.context.operation)

    subscriptions = listing(
        PlanSubscription, "The caller's subscriptions, newest first, those that have ended too.", relations.page_of_subscriptions
    )


@strawberry.type
class PlanMutations:
    @mutation(
        PlanSubscription,
        f"Subscribe to a plan, from now on. {KEY} Raises NOT_FOUND, SUBSCRIPTION_ACTIVE, TRIAL_UNAVAILABLE, VALIDATION_ERROR.",
        service=service.create_subscription,
    )
    async def create_subscription(
        self, info: Info, input: PlanSubscriptionInput, idempotency_key: str | None = None
    ) -> models.Subscription:
        body = checked(service.NewSubscription, asdict(input))
        async with info.context.unit_of_work(idempotency_key) as work:
            return await service.create_subscription(work, body)

    @mutation(
        PlanSubscription,
        "Change how a subscription is paid and whether it renews itself. Raises NOT_FOUND, INVALID_SUBSCRIPTION_STATE, VALIDATION_ERROR.",
        service=service.update_subscription,
    )
    async def update_subscription(
        self, info: Info, subscription_id: strawberry.ID, input: PlanSubscriptionChangesInput
    ) -> models.Subscription:
        body = checked(service.SubscriptionChanges, asdict(input))
        async with info.context.unit_of_work() as work:
            return await service.update_subscription(work, subscription_id, body)

    @mutation(
        PlanSubscription,
        "End a subscription at once. Raises NOT_FOUND, INVALID_SUBSCRIPTION_STATE.",
        service=service.cancel_subscription,
    )
    async def cancel_subscription(self, info: Info, subscription_id: strawberry.ID) -> models.Subscription:
        async with info.context.unit_of_work() as work:
            return await service.cancel_subscription(work, subscription_id)

    @mutation(
        PlanSubscription,
        f"Give a subscription one more period; one that has ended runs again from now on. {KEY} "
        "Raises NOT_FOUND, SUBSCRIPTION_ACTIVE, INVALID_SUBSCRIPTION_STATE.",
        service=service.renew_subscription,
    )
    async def renew_subscription(
        self, info: Info, subscription_id: strawberry.ID, idempotency_key: str | None = None
    ) -> models.Subscription:
        async with info.context.unit_of_work(idempotency_key) as work:
            return await service.renew_subscription(work, subscription_id)

    @mutation(Plan, f"Offer a new plan. {KEY} Raises PLAN_NAME_TAKEN, VALIDATION_ERROR.", service=catalogue.create_plan)
    async def create_plan(self, info: Info, input: PlanInput, idempotency_key: str | None = None) -> models.Plan:
        body = checked(catalogue.NewPlan, asdict(input))
        async with info.context.unit_of_work(idempotency_key) as work:
            return await catalogue.create_plan(work, body)

    @mutation(
        Plan,
        "Change a plan; new limits bind its subscribers at once. Raises NOT_FOUND, PLAN_NAME_TAKEN, VALIDATION_ERROR.",
        service=catalogue.update_plan,
    )
    async def update_plan(self, info: Info, plan_id: strawberry.ID, input: PlanChangesInput) -> models.Plan:
        body = checked(catalogue.PlanChanges, asdict(input))
        async with info.context.unit_of_work() as work:
            return await catalogue.update_plan(work, plan_id, body)

    @mutation(
        strawberry.ID,
        "Offer a plan no longer and return its id; its subscriptions run to their end. Raises NOT_FOUND.",
        service=catalogue.delete_plan,
    )
    async def delete_plan(self, info: Info, plan_id: strawberry.ID) -> strawberry.ID:
        async with info.context.unit_of_work() as work:
            await catalogue.delete_plan(work, plan_id)
        return plan_id
