"""The trading switch as a table: every state with every kind of order."""

from itertools import product

import pytest

from domain.risk.states import ALLOWED, Effect, SwitchState, allows, stricter

ACTIVE, REDUCING, HALTED = SwitchState.ACTIVE, SwitchState.REDUCING, SwitchState.HALTED
TRUTH = {
    (ACTIVE, Effect.GROWS): True,
    (ACTIVE, Effect.REDUCES): True,
    (ACTIVE, Effect.CANCELS): True,
    (REDUCING, Effect.GROWS): False,
    (REDUCING, Effect.REDUCES): True,
    (REDUCING, Effect.CANCELS): True,
    (HALTED, Effect.GROWS): False,
    (HALTED, Effect.REDUCES): False,
    (HALTED, Effect.CANCELS): True,
}


@pytest.mark.parametrize(("state", "effect"), product(SwitchState, Effect))
def test_state_lets_through_what_the_table_says(state: SwitchState, effect: Effect) -> None:
    assert allows(state, effect) is TRUTH[state, effect]


def test_a_stricter_state_lets_nothing_through_that_a_laxer_one_stops() -> None:
    assert ALLOWED[HALTED] < ALLOWED[REDUCING] < ALLOWED[ACTIVE]


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (ACTIVE, ACTIVE, ACTIVE),
        (ACTIVE, REDUCING, REDUCING),
        (ACTIVE, HALTED, HALTED),
        (REDUCING, REDUCING, REDUCING),
        (REDUCING, HALTED, HALTED),
        (HALTED, HALTED, HALTED),
    ],
)
def test_the_stricter_of_two_holds(one: SwitchState, other: SwitchState, both: SwitchState) -> None:
    assert stricter(one, other) is stricter(other, one) is both
