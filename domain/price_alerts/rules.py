"""When the price that somebody waits for has come."""

from decimal import Decimal
from enum import StrEnum

from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import percent_of


class AlertCondition(StrEnum):
    """`above` and `below` compare the price with the target, the two `change`s its distance from the price when the alert was set."""

    ABOVE = "above"
    BELOW = "below"
    CHANGE = "change"
    CHANGE_PERCENT = "change_percent"


def is_reached(condition: AlertCondition, target: Decimal, reference: Decimal, price: Decimal) -> bool:
    """Tell whether the price fulfils the condition; a price at the target does.

    `reference` is the price when the alert was set. `change` is in the quote currency, `change_percent` in percent of the reference; both
    count moves up and down alike.
    """
    match condition:
        case AlertCondition.ABOVE:
            return price >= target
        case AlertCondition.BELOW:
            return price <= target
        case AlertCondition.CHANGE:
            return abs(price - reference) >= target
        case AlertCondition.CHANGE_PERCENT:
            return reference != 0 and percent_of(abs(price - reference), abs(reference)) >= target


def check_target(condition: AlertCondition, target: Decimal, *, may_be_negative: bool) -> None:
    """Raise VALIDATION_ERROR for a target that is not above zero, unless the instrument's price itself can be there."""
    if target > 0 or (may_be_negative and condition in {AlertCondition.ABOVE, AlertCondition.BELOW}):
        return
    raise DomainError(ErrorCode.VALIDATION_ERROR, "target_price must be greater than 0", field="target_price")
