"""What a risk rule looks at and what it answers: the trade, the measures of our own books, and the verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from domain.exchanges.venue import Side


class RuleType(StrEnum):
    """What a rule measures."""

    MAX_POSITION_SIZE = "max_position_size"
    MAX_POSITION_PERCENT = "max_position_percent"
    MAX_PORTFOLIO_UTILIZATION = "max_portfolio_utilization"
    MAX_OPEN_POSITIONS = "max_open_positions"
    MAX_DAILY_LOSS = "max_daily_loss"
    MAX_DRAWDOWN = "max_drawdown"
    COOLDOWN_AFTER_LOSS = "cooldown_after_loss"
    MAX_ORDERS_PER_DAY = "max_orders_per_day"
    MAX_ORDER_RATE = "max_order_rate"
    PRICE_BAND = "price_band"
    SYMBOL_ALLOW_LIST = "symbol_allow_list"


# What a wallet may lose: these are watched between trades too.
LOSS_RULES = frozenset({RuleType.MAX_DAILY_LOSS, RuleType.MAX_DRAWDOWN})


class RuleAction(StrEnum):
    """What happens to a trade that breaks the rule: it is refused, or goes on with a warning on record."""

    REJECT = "reject"
    WARN = "warn"


class Rule(Protocol):
    """What a rule must show to be evaluated."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def rule_type(self) -> RuleType: ...

    @property
    def condition(self) -> Mapping[str, Any]: ...

    @property
    def action(self) -> RuleAction: ...


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade somebody intends; `notional` is what it is worth in the quote currency, never negative.

    `increases_exposure` says that it makes the position larger in the wallet or in its book; `only_reduces` that it takes from what its
    book holds and never goes past nothing, as an exit does: a turn to the other side is neither. `prices` are those the order names.
    """

    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    notional: Decimal
    increases_exposure: bool
    only_reduces: bool = False
    prices: tuple[Decimal, ...] = ()


@dataclass(frozen=True, slots=True)
class Exposure:
    """The size of the position in the trade's symbol before and after the trade, measured from our own books.

    Both are in `currency`, the quote of the instrument, and never negative; orders under way count as filled.
    """

    currency: str
    notional_before: Decimal
    notional_after: Decimal


@dataclass(frozen=True, slots=True)
class Closing:
    """A position that was closed, and what it had won or lost by then, fees included."""

    closed_at: datetime
    realized_pnl: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What our own books say at the moment of the trade, before it; only what the rules ask for is filled in.

    Money is of the trading wallet, in the quote currency of the trade: `equity` is the balance plus what the open positions are worth,
    `day_start` the equity at midnight UTC and `peak` the highest so far, both moved along with deposits and withdrawals; `gross_…` is
    the value of all positions without their signs, before and after the trade, orders under way counted as filled. Counts are of the
    user, over all wallets: `open_positions` with those that orders under way will open, orders without exits, and the last closings,
    newest first.
    """

    now: datetime | None = None
    equity: Decimal | None = None
    day_start: Decimal | None = None
    peak: Decimal | None = None
    gross_before: Decimal | None = None
    gross_after: Decimal | None = None
    open_positions: int | None = None
    opens_position: bool = False
    orders_today: int | None = None
    orders_within: Mapping[int, int] = field(default_factory=dict)  # seconds back from now -> orders
    closings: Sequence[Closing] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule said about one trade; `numbers` are what it compared, and the currency they are in."""

    rule_id: str
    rule_name: str
    rule_type: RuleType
    action: RuleAction
    passed: bool
    message: str
    numbers: dict[str, Decimal | str]

    @property
    def rejects(self) -> bool:
        return not self.passed and self.action is RuleAction.REJECT


def rejections(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return the verdicts that forbid the trade."""
    return [verdict for verdict in verdicts if verdict.rejects]


def passing(rule: Rule, message: str, numbers: dict[str, Decimal | str]) -> Verdict:
    """Return the verdict of a rule that the trade keeps."""
    return Verdict(rule.id, rule.name, rule.rule_type, rule.action, True, message, numbers)


def failing(rule: Rule, message: str, numbers: dict[str, Decimal | str]) -> Verdict:
    """Return the verdict of a rule that the trade breaks."""
    return Verdict(rule.id, rule.name, rule.rule_type, rule.action, False, message, numbers)
