"""The life of an order as a table."""

from enum import StrEnum

from domain.kernel.errors import ErrorCode
from domain.kernel.state_machine import StateMachine


class OrderStatus(StrEnum):
    """`held` waits with the server for its price, since its venue does not take its kind or a sibling rests there for both.

    `pending` is written down and not yet sent; `submitted` is sent, and only the venue knows more; `failed` never reached it.
    """

    HELD = "held"
    PENDING = "pending"
    SUBMITTED = "submitted"
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    FAILED = "failed"


class OrderTrigger(StrEnum):
    """What happens to an order; the value completes the sentence "the order cannot …"."""

    RELEASE = "be released"
    SUBMIT = "be submitted"
    OPEN = "be opened"
    AMEND = "be amended"
    FILL_PARTLY = "be partially filled"
    FILL = "be filled"
    REQUEST_CANCEL = "be asked to cancel"
    KEEP_OPEN = "stay open"
    KEEP_PARTLY = "stay partially filled"
    CANCEL = "be cancelled"
    REJECT = "be rejected"
    EXPIRE = "expire"
    FAIL = "fail"


ORDER_MACHINE = StateMachine(
    "Order",
    ErrorCode.INVALID_ORDER_STATE,
    {
        (OrderStatus.HELD, OrderTrigger.RELEASE): OrderStatus.PENDING,  # its price was reached; committed before the venue hears of it
        (OrderStatus.HELD, OrderTrigger.AMEND): OrderStatus.HELD,
        (OrderStatus.HELD, OrderTrigger.CANCEL): OrderStatus.CANCELLED,
        (OrderStatus.HELD, OrderTrigger.EXPIRE): OrderStatus.EXPIRED,
        (OrderStatus.PENDING, OrderTrigger.SUBMIT): OrderStatus.SUBMITTED,
        (OrderStatus.PENDING, OrderTrigger.AMEND): OrderStatus.PENDING,  # the venue has not heard of it
        (OrderStatus.PENDING, OrderTrigger.CANCEL): OrderStatus.CANCELLED,
        (OrderStatus.PENDING, OrderTrigger.FAIL): OrderStatus.FAILED,
        (OrderStatus.SUBMITTED, OrderTrigger.OPEN): OrderStatus.OPEN,
        (OrderStatus.SUBMITTED, OrderTrigger.FILL_PARTLY): OrderStatus.PARTIALLY_FILLED,
        (OrderStatus.SUBMITTED, OrderTrigger.FILL): OrderStatus.FILLED,
        (OrderStatus.SUBMITTED, OrderTrigger.REQUEST_CANCEL): OrderStatus.CANCELLING,
        (OrderStatus.SUBMITTED, OrderTrigger.CANCEL): OrderStatus.CANCELLED,
        (OrderStatus.SUBMITTED, OrderTrigger.REJECT): OrderStatus.REJECTED,
        (OrderStatus.SUBMITTED, OrderTrigger.EXPIRE): OrderStatus.EXPIRED,
        (OrderStatus.SUBMITTED, OrderTrigger.FAIL): OrderStatus.FAILED,  # the venue says that it never came
        (OrderStatus.OPEN, OrderTrigger.AMEND): OrderStatus.OPEN,
        (OrderStatus.OPEN, OrderTrigger.FILL_PARTLY): OrderStatus.PARTIALLY_FILLED,
        (OrderStatus.OPEN, OrderTrigger.FILL): OrderStatus.FILLED,
        (OrderStatus.OPEN, OrderTrigger.REQUEST_CANCEL): OrderStatus.CANCELLING,
        (OrderStatus.OPEN, OrderTrigger.CANCEL): OrderStatus.CANCELLED,
        (OrderStatus.OPEN, OrderTrigger.REJECT): OrderStatus.REJECTED,  # some venues take an order first and check it then
        (OrderStatus.OPEN, OrderTrigger.EXPIRE): OrderStatus.EXPIRED,
        (OrderStatus.PARTIALLY_FILLED, OrderTrigger.AMEND): OrderStatus.PARTIALLY_FILLED,
        (OrderStatus.PARTIALLY_FILLED, OrderTrigger.FILL_PARTLY): OrderStatus.PARTIALLY_FILLED,
        (OrderStatus.PARTIALLY_FILLED, OrderTrigger.FILL): OrderStatus.FILLED,
        (OrderStatus.PARTIALLY_FILLED, OrderTrigger.REQUEST_CANCEL): OrderStatus.CANCELLING,
        (OrderStatus.PARTIALLY_FILLED, OrderTrigger.CANCEL): OrderStatus.CANCELLED,
        (OrderStatus.PARTIALLY_FILLED, OrderTrigger.EXPIRE): OrderStatus.EXPIRED,
        (OrderStatus.CANCELLING, OrderTrigger.FILL_PARTLY): OrderStatus.CANCELLING,  # a fill that overtook the cancel
        (OrderStatus.CANCELLING, OrderTrigger.FILL): OrderStatus.FILLED,
        (OrderStatus.CANCELLING, OrderTrigger.AMEND): OrderStatus.CANCELLING,  # made smaller by a fill that overtook the cancel
        (OrderStatus.CANCELLING, OrderTrigger.KEEP_OPEN): OrderStatus.OPEN,  # the venue refused to cancel it
        (OrderStatus.CANCELLING, OrderTrigger.KEEP_PARTLY): OrderStatus.PARTIALLY_FILLED,
        (OrderStatus.CANCELLING, OrderTrigger.CANCEL): OrderStatus.CANCELLED,
        (OrderStatus.CANCELLING, OrderTrigger.EXPIRE): OrderStatus.EXPIRED,
    },
)

ACTIVE = frozenset(state for state, _ in ORDER_MACHINE.table)
TERMINAL = frozenset(OrderStatus) - ACTIVE
# What the word `open` means in a list of orders.
LIVE = frozenset({OrderStatus.HELD, OrderStatus.PENDING, OrderStatus.SUBMITTED, OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED})
# At the venue, as far as it is known, and waiting there to be filled.
RESTING = frozenset({OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED})
# Not yet known to have reached the venue.
UNCONFIRMED = frozenset({OrderStatus.PENDING, OrderStatus.SUBMITTED})
# Ours alone: the venue has not heard of it, so it is changed and cancelled without asking.
UNSENT = frozenset({OrderStatus.HELD, OrderStatus.PENDING})
AT_THE_VENUE = ACTIVE - UNCONFIRMED - UNSENT
