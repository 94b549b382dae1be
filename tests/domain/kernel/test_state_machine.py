from enum import Enum
from itertools import product

import pytest

from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.state_machine import StateMachine


class Door(Enum):
    OPEN = "open"
    SHUT = "shut"


class Push(Enum):
    OPEN = "be opened"
    SHUT = "be shut"


MACHINE = StateMachine("Door", ErrorCode.INVALID_ORDER_STATE, {(Door.OPEN, Push.SHUT): Door.SHUT, (Door.SHUT, Push.OPEN): Door.OPEN})


@pytest.mark.parametrize(("state", "trigger"), list(product(Door, Push)))
def test_only_what_the_table_lists_is_possible(state: Door, trigger: Push) -> None:
    if MACHINE.allows(state, trigger):
        assert MACHINE.after(state, trigger) is not state
    else:
        with pytest.raises(DomainError, match="Door cannot"):
            MACHINE.after(state, trigger)
