"""Rules about how often orders may be sent."""

from decimal import Decimal

from domain.kernel.money import plain
from domain.risk.rules import Exposure, Measures, Rule, Trade, Verdict, failing, passing
from domain.risk.sizes import limit_of


def max_orders_per_day(rule: Rule, trade: Trade, _: Exposure, measures: Measures) -> Verdict:
    """Hold the orders written since midnight UTC, this one included, to `max_count`; exits are not counted.

    A trade that only reduces passes; unless it closes a position as an exit does, it counts for the others.
    """
    assert measures.orders_today is not None, "measured for this rule"
    return _pace(rule, trade, measures.orders_today, "since midnight UTC", {})


def max_order_rate(rule: Rule, trade: Trade, _: Exposure, measures: Measures) -> Verdict:
    """Hold the orders of the last `seconds`, this one included, to `max_count`; exits are not counted.

    An order as old as exactly the seconds no longer counts. A trade that only reduces passes.
    """
    seconds = int(limit_of(rule, "seconds"))
    return _pace(rule, trade, measures.orders_within[seconds], f"within {seconds} seconds", {"seconds": Decimal(seconds)})


def _pace(rule: Rule, trade: Trade, before: int, when: str, numbers: dict[str, Decimal | str]) -> Verdict:
    limit, count = limit_of(rule, "max_count"), Decimal(before + 1)
    numbers = {"measured": count, "limit": limit, "before": Decimal(before), **numbers}
    text = f"{plain(count)} order{'s' if count != 1 else ''} {when}"
    if count <= limit:
        return passing(rule, f"{text}: the limit is {plain(limit)}.", numbers)
    if trade.only_reduces:
        return passing(rule, f"{text} would exceed the limit of {plain(limit)}, and the trade only reduces exposure.", numbers)
    return failing(rule, f"{text} would exceed the limit of {plain(limit)}.", numbers)
