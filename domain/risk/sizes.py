"""Rules about how large positions may be, how many there may be, and what may be traded at which price."""

from decimal import Decimal, localcontext

from domain.kernel.money import EXACT, plain, round_to_step, trimmed
from domain.risk.rules import Exposure, Measures, Rule, Trade, Verdict, failing, passing

CENT = Decimal("0.01")
FINEST_PERCENT = Decimal("0.0001")
HUNDRED = Decimal(100)
ZERO = Decimal(0)


def max_position_size(rule: Rule, trade: Trade, exposure: Exposure, _: Measures) -> Verdict:
    """Hold the position after the trade to `max_usd`. A trade that does not make it larger passes.

    Stablecoins count as dollars; an instrument quoted in euros is held to the same number of euros, and the verdict says so.
    """
    limit = limit_of(rule, "max_usd")
    numbers: dict[str, Decimal | str] = {
        "measured": trimmed(exposure.notional_after),
        "limit": trimmed(limit),
        "before": trimmed(exposure.notional_before),
        "trade": trimmed(trade.notional),
        "price": trimmed(trade.price),
        "currency": exposure.currency,
    }
    measured = f"Position of {amount(exposure.notional_after)} {exposure.currency} in {trade.symbol}"
    return _size(rule, trade, measured, f"{plain(limit)} {exposure.currency}", exposure.notional_after <= limit, numbers)


def max_position_percent(rule: Rule, trade: Trade, exposure: Exposure, measures: Measures) -> Verdict:
    """Hold the position after the trade to `max_percent` of the wallet's equity. A trade that does not make it larger passes.

    Where equity is zero or less, no position is small enough.
    """
    return _share(rule, trade, exposure, measures, f"Position in {trade.symbol}", exposure.notional_after, exposure.notional_before)


def max_portfolio_utilization(rule: Rule, trade: Trade, exposure: Exposure, measures: Measures) -> Verdict:
    """Hold all positions of the wallet after the trade, in this currency, to `max_percent` of its equity.

    A trade that does not make its position larger passes.
    """
    assert measures.gross_before is not None and measures.gross_after is not None, "measured for this rule"
    return _share(rule, trade, exposure, measures, "The value of all positions", measures.gross_after, measures.gross_before)


def max_open_positions(rule: Rule, trade: Trade, _: Exposure, measures: Measures) -> Verdict:
    """Hold the number of open positions after the trade, in all wallets, to `max_count`. A trade that opens none passes."""
    assert measures.open_positions is not None, "measured for this rule"
    limit, count = limit_of(rule, "max_count"), Decimal(measures.open_positions + measures.opens_position)
    numbers: dict[str, Decimal | str] = {"measured": count, "limit": limit, "before": Decimal(measures.open_positions)}
    text = f"{plain(count)} open positions"
    if count <= limit:
        return passing(rule, f"{text} are within the limit of {plain(limit)}.", numbers)
    if not measures.opens_position:
        return passing(rule, f"{text} are above the limit of {plain(limit)}, and the trade opens none.", numbers)
    return failing(rule, f"{text} would exceed the limit of {plain(limit)}.", numbers)


def price_band(rule: Rule, trade: Trade, _: Exposure, __: Measures) -> Verdict:
    """Hold every price that the order names to `max_percent` away from the market's; what is mistyped on the way out is mistyped too.

    Orders at the market name none and pass, and so does whatever closes a position.
    """
    limit = limit_of(rule, "max_percent")
    with localcontext(EXACT):
        farthest = max(trade.prices, key=lambda price: abs(price - trade.price), default=trade.price)
        distance, whole = abs(farthest - trade.price), abs(trade.price)
        within = distance * HUNDRED <= limit * whole
    measured = percent_up(distance, whole)
    numbers: dict[str, Decimal | str] = {
        "measured": ZERO if measured is None else measured,
        "limit": trimmed(limit),
        "asked": trimmed(farthest),
        "price": trimmed(trade.price),
    }
    if not trade.prices:
        return passing(rule, "The order names no price.", numbers)
    text = f"A price of {plain(farthest)} is {_percent(measured)} away from the market's {plain(trade.price)}"
    if within:
        return passing(rule, f"{text}, within the limit of {plain(limit)} %.", numbers)
    return failing(rule, f"{text}, more than the limit of {plain(limit)} %.", numbers)


def symbol_allow_list(rule: Rule, trade: Trade, _: Exposure, __: Measures) -> Verdict:
    """Let only these symbols be traded; what is held of others may be reduced."""
    allowed = [str(symbol) for symbol in rule.condition["symbols"]]
    numbers: dict[str, Decimal | str] = {"measured": trade.symbol, "limit": ", ".join(allowed)}
    if trade.symbol in allowed:
        return passing(rule, f"{trade.symbol} is on the list.", numbers)
    if trade.only_reduces:
        return passing(rule, f"{trade.symbol} is not on the list, and the trade only reduces it.", numbers)
    return failing(rule, f"{trade.symbol} is not on the list of what may be traded.", numbers)


def limit_of(rule: Rule, key: str) -> Decimal:
    """Return a number of the rule's condition."""
    return Decimal(str(rule.condition[key]))


def amount(value: Decimal) -> str:
    """Return money for a sentence, rounded away from zero so that a limit never looks kept when it is not."""
    return plain(round_to_step(value, CENT, "up"))


def percent_up(part: Decimal, whole: Decimal) -> Decimal | None:
    """Return `part` as percent of `whole`, four places, rounded away from zero; None where there is no whole to speak of."""
    if whole <= 0:
        return None
    return trimmed(round_to_step(EXACT.divide(EXACT.multiply(part, HUNDRED), whole), FINEST_PERCENT, "up"))


def _share(rule: Rule, trade: Trade, exposure: Exposure, measures: Measures, what: str, after: Decimal, before: Decimal) -> Verdict:
    assert measures.equity is not None, "measured for this rule"
    limit, equity = limit_of(rule, "max_percent"), measures.equity
    with localcontext(EXACT):
        within = after == 0 or (equity > 0 and after * HUNDRED <= limit * equity)
    measured = percent_up(after, equity)
    numbers: dict[str, Decimal | str] = {
        "measured": "no equity" if measured is None else measured,
        "limit": trimmed(limit),
        "value": trimmed(after),
        "before": trimmed(before),
        "equity": trimmed(equity),
        "currency": exposure.currency,
    }
    text = f"{what} of {_percent(measured)} of equity ({amount(after)} of {amount(equity)} {exposure.currency})"
    return _size(rule, trade, text, f"{plain(limit)} %", within, numbers)


def _size(rule: Rule, trade: Trade, measured: str, limit: str, within: bool, numbers: dict[str, Decimal | str]) -> Verdict:
    if within:
        return passing(rule, f"{measured} is within the limit of {limit}.", numbers)
    if not trade.increases_exposure:
        return passing(rule, f"{measured} is above the limit of {limit}, and the trade reduces it.", numbers)
    return failing(rule, f"{measured} would exceed the limit of {limit}.", numbers)


def _percent(value: Decimal | None) -> str:
    return "more than any percentage" if value is None else f"{plain(value)} %"
