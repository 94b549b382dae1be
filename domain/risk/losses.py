"""Rules about what may be lost: in a day, since the best moment, and how soon after a loss to go on."""

from datetime import timedelta
from decimal import Decimal, localcontext
from itertools import takewhile

from domain.kernel.clock import to_wire
from domain.kernel.money import EXACT, plain, trimmed
from domain.risk.rules import Exposure, Measures, Rule, RuleType, Trade, Verdict, failing, passing
from domain.risk.sizes import HUNDRED, amount, limit_of, percent_up

ZERO = Decimal(0)


def loss_verdict(rule: Rule, measures: Measures, currency: str) -> Verdict:
    """Return what a rule of `LOSS_RULES` says about a wallet as it stands, whether or not somebody wants to trade."""
    return _daily_loss(rule, measures, currency) if rule.rule_type is RuleType.MAX_DAILY_LOSS else _drawdown(rule, measures, currency)


def max_loss(rule: Rule, trade: Trade, exposure: Exposure, measures: Measures) -> Verdict:
    """Refuse whatever does not only reduce while more than the limit has been lost: `max_daily_loss` and `max_drawdown`.

    The loss is measured before the trade, which loses nothing yet. A trade that only reduces passes.
    """
    verdict = loss_verdict(rule, measures, exposure.currency)
    if verdict.passed or not trade.only_reduces:
        return verdict
    return passing(rule, f"{verdict.message.removesuffix('.')}, and the trade only reduces exposure.", verdict.numbers)


def cooldown_after_loss(rule: Rule, trade: Trade, _: Exposure, measures: Measures) -> Verdict:
    """Refuse whatever does not only reduce for `seconds` after a position, in any wallet, was closed with a loss.

    With `losses` above 1 only after so many in a row. When exactly the seconds have passed, trading goes on.
    """
    assert measures.now is not None, "measured for this rule"
    seconds, losses = int(limit_of(rule, "seconds")), int(limit_of(rule, "losses"))
    row = sum(1 for _ in takewhile(lambda closing: closing.realized_pnl < 0, measures.closings[:losses]))
    last = measures.closings[0] if measures.closings else None
    numbers: dict[str, Decimal | str] = {"measured": Decimal(row), "limit": Decimal(losses), "seconds": Decimal(seconds)}
    if last is None or row < losses:
        return passing(rule, f"{row} of the last {losses} closed positions lost in a row.", numbers)
    ends_at = last.closed_at + timedelta(seconds=seconds)
    numbers |= {"closed_at": to_wire(last.closed_at), "until": to_wire(ends_at)}
    text = f"After {'a loss' if losses == 1 else f'{losses} losses in a row'} trading rests until {to_wire(ends_at)}"
    if measures.now >= ends_at:
        return passing(rule, f"The rest after {'a loss' if losses == 1 else f'{losses} losses'} is over.", numbers)
    if trade.only_reduces:
        return passing(rule, f"{text}, and the trade only reduces exposure.", numbers)
    return failing(rule, f"{text}.", numbers)


def _daily_loss(rule: Rule, measures: Measures, currency: str) -> Verdict:
    # Realised and unrealised alike: whatever equity has lost since midnight, deposits and withdrawals left out.
    assert measures.equity is not None and measures.day_start is not None, "measured for this rule"
    limit, loss = limit_of(rule, "max_usd"), EXACT.subtract(measures.day_start, measures.equity)
    numbers: dict[str, Decimal | str] = {
        "measured": trimmed(loss),
        "limit": trimmed(limit),
        "day_start": trimmed(measures.day_start),
        "equity": trimmed(measures.equity),
        "currency": currency,
    }
    text = f"Loss of {amount(max(loss, ZERO))} {currency} since midnight UTC"
    if loss <= limit:
        return passing(rule, f"{text} is within the limit of {plain(limit)} {currency}.", numbers)
    return failing(rule, f"{text} exceeds the limit of {plain(limit)} {currency}.", numbers)


def _drawdown(rule: Rule, measures: Measures, currency: str) -> Verdict:
    assert measures.equity is not None and measures.peak is not None, "measured for this rule"
    limit, peak, equity = limit_of(rule, "max_percent"), measures.peak, measures.equity
    with localcontext(EXACT):
        # From a peak of nothing, whatever is lost is more than any percentage.
        within = equity >= peak or (peak > 0 and (peak - equity) * HUNDRED <= limit * peak)
        measured = ZERO if equity >= peak else percent_up(peak - equity, peak)
    numbers: dict[str, Decimal | str] = {
        "measured": "more than all" if measured is None else measured,
        "limit": trimmed(limit),
        "peak": trimmed(peak),
        "equity": trimmed(equity),
        "currency": currency,
    }
    share = "more than all" if measured is None else f"{plain(measured)} %"
    text = f"Equity of {amount(equity)} {currency} is {share} below its peak of {amount(peak)} {currency}"
    if within:
        return passing(rule, f"{text}, within the limit of {plain(limit)} %.", numbers)
    return failing(rule, f"{text}, more than the limit of {plain(limit)} %.", numbers)
