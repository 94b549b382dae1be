"""The table of rules: which function judges which type."""

from collections.abc import Callable, Mapping, Sequence

from domain.risk.losses import cooldown_after_loss, max_loss
from domain.risk.pace import max_order_rate, max_orders_per_day
from domain.risk.rules import Exposure, Measures, Rule, RuleType, Trade, Verdict
from domain.risk.sizes import (
    max_open_positions,
    max_portfolio_utilization,
    max_position_percent,
    max_position_size,
    price_band,
    symbol_allow_list,
)

NOTHING_MEASURED = Measures()

JUDGES: Mapping[RuleType, Callable[[Rule, Trade, Exposure, Measures], Verdict]] = {
    RuleType.MAX_POSITION_SIZE: max_position_size,
    RuleType.MAX_POSITION_PERCENT: max_position_percent,
    RuleType.MAX_PORTFOLIO_UTILIZATION: max_portfolio_utilization,
    RuleType.MAX_OPEN_POSITIONS: max_open_positions,
    RuleType.MAX_DAILY_LOSS: max_loss,
    RuleType.MAX_DRAWDOWN: max_loss,
    RuleType.COOLDOWN_AFTER_LOSS: cooldown_after_loss,
    RuleType.MAX_ORDERS_PER_DAY: max_orders_per_day,
    RuleType.MAX_ORDER_RATE: max_order_rate,
    RuleType.PRICE_BAND: price_band,
    RuleType.SYMBOL_ALLOW_LIST: symbol_allow_list,
}


def evaluate(rules: Sequence[Rule], trade: Trade, exposure: Exposure, measures: Measures = NOTHING_MEASURED) -> list[Verdict]:
    """Return every rule's verdict, in the order of the rules; the measures must hold what the rules compare."""
    return [JUDGES[rule.rule_type](rule, trade, exposure, measures) for rule in rules]
