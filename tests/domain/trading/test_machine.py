"""The order machine, whole: every pair of a state and a trigger."""

from itertools import product

import pytest

from domain.kernel.errors import DomainError, ErrorCode
from domain.trading.machine import (
    ACTIVE,
    AT_THE_VENUE,
    LIVE,
    ORDER_MACHINE,
    TERMINAL,
    UNCONFIRMED,
    UNSENT,
    OrderStatus,
    OrderTrigger,
)

PAIRS = list(product(OrderStatus, OrderTrigger))


@pytest.mark.parametrize(("status", "trigger"), PAIRS, ids=lambda value: value.name)
def test_every_pair_either_leads_on_or_is_refused(status: OrderStatus, trigger: OrderTrigger) -> None:
    if (status, trigger) in ORDER_MACHINE.table:
        assert ORDER_MACHINE.after(status, trigger) in OrderStatus
        return
    with pytest.raises(DomainError) as refusal:
        ORDER_MACHINE.after(status, trigger)
    assert refusal.value.code is ErrorCode.INVALID_ORDER_STATE
    assert refusal.value.details["status"] == status.value


def test_what_has_ended_never_changes() -> None:
    assert {
        OrderStatus.FILLED,
        OrderStatus.CANCELLED,
        OrderStatus.REJECTED,
        OrderStatus.EXPIRED,
        OrderStatus.FAILED,
    } == TERMINAL
    assert LIVE < ACTIVE and not ACTIVE & TERMINAL


def test_every_ending_can_be_reached_from_the_beginning() -> None:
    reached = {OrderStatus.HELD, OrderStatus.PENDING}
    for _ in OrderStatus:
        reached |= {after for (before, _), after in ORDER_MACHINE.table.items() if before in reached}
    assert reached == set(OrderStatus)


def test_a_pending_order_cannot_be_filled_before_it_is_sent() -> None:
    assert not ORDER_MACHINE.allows(OrderStatus.PENDING, OrderTrigger.FILL)


def test_a_held_order_reaches_the_venue_only_by_being_released() -> None:
    ways_out = {trigger: after for (before, trigger), after in ORDER_MACHINE.table.items() if before is OrderStatus.HELD}
    assert ways_out == {
        OrderTrigger.RELEASE: OrderStatus.PENDING,
        OrderTrigger.AMEND: OrderStatus.HELD,
        OrderTrigger.CANCEL: OrderStatus.CANCELLED,
        OrderTrigger.EXPIRE: OrderStatus.EXPIRED,
    }
    assert [before for (before, _), after in ORDER_MACHINE.table.items() if after is OrderStatus.HELD] == [OrderStatus.HELD]


def test_every_living_order_is_ours_alone_on_its_way_or_at_the_venue() -> None:
    assert UNSENT | UNCONFIRMED | AT_THE_VENUE == ACTIVE
    assert not AT_THE_VENUE & (UNSENT | UNCONFIRMED)
    assert OrderStatus.HELD in LIVE
