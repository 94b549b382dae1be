"""The life of a subscription as a table."""

from enum import StrEnum

from domain.kernel.errors import ErrorCode
from domain.kernel.state_machine import StateMachine


class SubscriptionStatus(StrEnum):
    """`trial` and `active` give the plan's limits; `expired` ran out, `cancelled` was ended by its owner."""

    TRIAL = "trial"
    ACTIVE = "active"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class SubscriptionTrigger(StrEnum):
    """What happens to a subscription; the value completes the sentence "the subscription cannot …"."""

    RENEW = "be renewed"
    CANCEL = "be cancelled"
    RUN_OUT = "run out"


SUBSCRIPTION_MACHINE = StateMachine(
    "Subscription",
    ErrorCode.INVALID_SUBSCRIPTION_STATE,
    {
        (SubscriptionStatus.TRIAL, SubscriptionTrigger.RENEW): SubscriptionStatus.ACTIVE,  # its first period begins where the trial ends
        (SubscriptionStatus.TRIAL, SubscriptionTrigger.CANCEL): SubscriptionStatus.CANCELLED,
        (SubscriptionStatus.TRIAL, SubscriptionTrigger.RUN_OUT): SubscriptionStatus.EXPIRED,
        (SubscriptionStatus.ACTIVE, SubscriptionTrigger.RENEW): SubscriptionStatus.ACTIVE,
        (SubscriptionStatus.ACTIVE, SubscriptionTrigger.CANCEL): SubscriptionStatus.CANCELLED,
        (SubscriptionStatus.ACTIVE, SubscriptionTrigger.RUN_OUT): SubscriptionStatus.EXPIRED,
        (SubscriptionStatus.EXPIRED, SubscriptionTrigger.RENEW): SubscriptionStatus.ACTIVE,
        (SubscriptionStatus.CANCELLED, SubscriptionTrigger.RENEW): SubscriptionStatus.ACTIVE,
    },
)

# Of these a user has at most one.
LIVE = frozenset({SubscriptionStatus.TRIAL, SubscriptionStatus.ACTIVE})
