"""The plans that can be subscribed to: read by everybody, kept by administrators."""

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError

from domain.audit.recording import audited
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.ids import new_id
from domain.kernel.money import exact, round_to_step, trimmed
from domain.kernel.permissions import Permission, requires
from domain.plans.models import Plan
from domain.runtime.idempotency import claim, fingerprint_of
from domain.runtime.paging import Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork

CENT = Decimal("0.01")

Resource = Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S")]
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Explanation = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S")]
Description = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"\S")]
Price = Annotated[Decimal, Field(ge=0, le=1_000_000)]
TrialDays = Annotated[int, Field(ge=0, le=365)]


@dataclass(frozen=True, slots=True)
class PlanFeature:
    """Something that a plan comes with, in words."""

    resource: Resource
    title: Title
    description: Explanation


@dataclass(frozen=True, slots=True)
class PlanLimit:
    """The most that a plan allows of a resource: `trades_per_day`, `agents` and `position_size` are measured, others only shown."""

    resource: Resource
    title: Title
    description: Explanation
    value: Annotated[int, Field(ge=0, le=2**31 - 1)]


Features = Annotated[list[PlanFeature], Field(max_length=50)]
Limits = Annotated[list[PlanLimit], Field(max_length=50)]


@dataclass(frozen=True, slots=True)
class NewPlan:
    """What a plan is made from. `price` is for 30 days, rounded to cents; `trial_days` of 0 means that there is no trial."""

    name: Name
    description: Description
    price: Price
    features: Features | None = None
    limits: Limits | None = None
    trial_days: TrialDays = 0


@dataclass(frozen=True, slots=True)
class PlanChanges:
    """What is to change; None leaves a field as it is. Lists are replaced whole."""

    name: Name | None = None
    description: Description | None = None
    price: Price | None = None
    features: Features | None = None
    limits: Limits | None = None
    trial_days: TrialDays | None = None


def live_plans() -> Select[Plan]:
    """Return the select that every reading of plans starts from: everybody sees those that have not been deleted."""
    return select(Plan).where(Plan.deleted_at.is_(None))


@audited("plan.create", id="result.id")
@requires(Permission.PLANS_WRITE)
async def create_plan(work: UnitOfWork, body: NewPlan) -> Plan:
    """Offer a new plan. Raises PLAN_NAME_TAKEN, VALIDATION_ERROR, IDEMPOTENCY_CONFLICT."""
    plan = Plan(
        id=new_id("plan"),
        name=body.name.strip(),
        description=body.description.strip(),
        price=_price(body.price),
        trial_days=body.trial_days,
        features=[asdict(feature) for feature in body.features or ()],
        limits=_limits(body.limits or []),
        created_at=work.now,
    )
    if earlier := await claim(work, fingerprint_of("create_plan", **asdict(body)), plan.id):
        return await find_plan(work, earlier)
    work.session.add(plan)
    await _flush(work, plan.name)
    return plan


@requires(Permission.PLANS_READ)
async def list_plans(work: UnitOfWork, limit: Limit = 10, offset: Offset = 0) -> Page[Plan]:
    """Return the plans that can be subscribed to, oldest first."""
    return await page_of(work.session, live_plans().order_by(Plan.created_at, Plan.id), limit, offset)


@requires(Permission.PLANS_READ)
async def get_plan(work: UnitOfWork, plan_id: str) -> Plan:
    """Return one plan. Raises NOT_FOUND."""
    return await find_plan(work, plan_id)


@audited("plan.update", id="plan_id")
@requires(Permission.PLANS_WRITE)
async def update_plan(work: UnitOfWork, plan_id: str, body: PlanChanges) -> Plan:
    """Change a plan; new limits bind its subscribers at once. Raises NOT_FOUND, PLAN_NAME_TAKEN, VALIDATION_ERROR."""
    plan = await find_plan(work, plan_id, for_update=True)
    plan.name = plan.name if body.name is None else body.name.strip()
    plan.description = plan.description if body.description is None else body.description.strip()
    plan.price = plan.price if body.price is None else _price(body.price)
    plan.trial_days = plan.trial_days if body.trial_days is None else body.trial_days
    plan.features = plan.features if body.features is None else [asdict(feature) for feature in body.features]
    plan.limits = plan.limits if body.limits is None else _limits(body.limits)
    plan.updated_at = work.now
    await _flush(work, plan.name)
    return plan


@audited("plan.delete", id="plan_id")
@requires(Permission.PLANS_WRITE)
async def delete_plan(work: UnitOfWork, plan_id: str) -> None:
    """Take a plan off the list; its subscriptions run to their end and are not renewed. Raises NOT_FOUND."""
    plan = await find_plan(work, plan_id, for_update=True)
    plan.deleted_at = plan.updated_at = work.now


async def find_plan(work: UnitOfWork, plan_id: str, *, for_update: bool = False) -> Plan:
    """Return a plan that can be subscribed to; raises NOT_FOUND."""
    query = live_plans().where(Plan.id == plan_id)
    plan = await work.session.scalar(query.with_for_update() if for_update else query)
    if plan is None:
        raise NotFound("Plan", plan_id)
    return plan


async def _flush(work: UnitOfWork, name: str) -> None:
    try:
        await work.session.flush()
    except IntegrityError:
        raise DomainError(ErrorCode.PLAN_NAME_TAKEN, "Plan with this name already exists", field="name", name=name) from None


def _price(price: Decimal) -> Decimal:
    return trimmed(round_to_step(exact(price, "price"), CENT, "nearest"))


def _limits(limits: list[PlanLimit]) -> list[dict[str, Any]]:
    named = [limit.resource for limit in limits]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"limits name {twice[0]} twice", field="limits")
    return [asdict(limit) for limit in limits]
