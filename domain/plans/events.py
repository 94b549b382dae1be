"""The facts that subscriptions tell: one has changed, or is about to run out."""

from domain.kernel.clock import to_wire
from domain.kernel.events import Event
from domain.plans.models import Subscription

SUBSCRIPTION_UPDATED = "subscription.updated"
SUBSCRIPTION_EXPIRING = "subscription.expiring"


def subscription_updated(subscription: Subscription) -> Event:
    """Tell the subscription as it now stands."""
    return Event(SUBSCRIPTION_UPDATED, subscription.user_id, subscription.id, _payload(subscription))


def subscription_expiring(subscription: Subscription) -> Event:
    """Tell, once for each end, that the subscription will run out and is not renewed by itself."""
    return Event(SUBSCRIPTION_EXPIRING, subscription.user_id, subscription.id, _payload(subscription))


def _payload(subscription: Subscription) -> dict[str, object]:
    return {
        "subscription_id": subscription.id,
        "plan_id": subscription.plan_id,
        "status": subscription.status.value,
        "billing_cycle": subscription.billing_cycle.value,
        "start_date": to_wire(subscription.start_date),
        "end_date": to_wire(subscription.end_date),
        "auto_renew": subscription.auto_renew,
    }
