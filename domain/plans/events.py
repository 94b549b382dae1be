"""The facts that subscriptions tell: one has changed, or is about to run out."""

from domain.kernel.clock import to_wire
from domain.kernel.events import Event
from domain.plans.models import Subscription

SUBSCRIPTION_UPDATED = "subscription.updated"
SUBSCRIPTION_EXPIRING = "subscription.expiring"


def subscription_updated(subscription: Subscription, plan_name: str | None = None) -> Event:
    """Tell the subscription as it now stands; one that has expired is told with the name of its plan."""
    return Event(SUBSCRIPTION_UPDATED, subscription.user_id, subscription.id, _payload(subscription, plan_name))


def subscription_expiring(subscription: Subscription, plan_name: str) -> Event:
    """Tell, once for each end, that the subscription will run out and is not renewed by itself."""
    return Event(SUBSCRIPTION_EXPIRING, subscription.user_id, subscription.id, _payload(subscription, plan_name))


def _payload(subscription: Subscription, plan_name: str | None) -> dict[str, object]:
    return {
        "subscription_id": subscription.id,
        "plan_id": subscription.plan_id,
        "plan_name": plan_name,
        "status": subscription.status.value,
        "billing_cycle": subscription.billing_cycle.value,
        "start_date": to_wire(subscription.start_date),
        "end_date": to_wire(subscription.end_date),
        "auto_renew": subscription.auto_renew,
    }
