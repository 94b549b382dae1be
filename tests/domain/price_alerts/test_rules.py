"""When the price that somebody waits for has come."""

from decimal import Decimal

import pytest

from domain.kernel.errors import DomainError, ErrorCode
from domain.price_alerts.rules import AlertCondition, check_target, is_reached


@pytest.mark.parametrize(
    ("condition", "target", "reference", "price", "expected"),
    [
        ("above", "100", "90", "99.99", False),
        ("above", "100", "90", "100", True),
        ("below", "100", "110", "100.01", False),
        ("below", "100", "110", "100", True),
        ("above", "-5", "-10", "-4", True),
        ("change", "5", "100", "104.99", False),
        ("change", "5", "100", "105", True),
        ("change", "5", "100", "95", True),
        ("change_percent", "10", "200", "219.99", False),
        ("change_percent", "10", "200", "220", True),
        ("change_percent", "10", "200", "180", True),
        ("change_percent", "10", "-20", "-18", True),
        ("change_percent", "10", "0", "5", False),  # no percent of nothing
    ],
)
def test_a_condition_holds_at_its_target(condition: str, target: str, reference: str, price: str, expected: bool) -> None:
    assert is_reached(AlertCondition(condition), Decimal(target), Decimal(reference), Decimal(price)) is expected


@pytest.mark.parametrize("condition", list(AlertCondition))
@pytest.mark.parametrize("target", ["0", "-1"])
@pytest.mark.parametrize("may_be_negative", [True, False])
def test_targets_are_above_zero_unless_prices_are_not(condition: AlertCondition, target: str, may_be_negative: bool) -> None:
    if may_be_negative and condition in {AlertCondition.ABOVE, AlertCondition.BELOW}:
        check_target(condition, Decimal(target), may_be_negative=True)
        return
    with pytest.raises(DomainError) as refusal:
        check_target(condition, Decimal(target), may_be_negative=may_be_negative)
    assert refusal.value.code is ErrorCode.VALIDATION_ERROR
