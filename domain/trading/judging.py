"""Holds a trade against its owner's risk rules: the same function for manual orders, for flows, and for trying it out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from typing import Any

from domain.exchanges.venue import OrderType, Side
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import EXACT, exact, percent_of, trimmed
from domain.kernel.permissions import Permission, requires
from domain.market.instruments import Instrument, find_instrument
from domain.risk.evaluating import evaluate
from domain.risk.rules import Exposure, Measures, Rule, RuleAction, RuleType, Trade, Verdict, rejections
from domain.risk.service import active_rules_of, get_rule
from domain.risk.states import Effect
from domain.risk.switch import refusal_of, switches_of
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.exposure import MANUAL_BOOK, ZERO, Standing, exposure_of, standings_of, wallet_for
from domain.trading.measures import measure
from domain.wallets.models import Wallet

# Keys of a wallet's own limits -> the rule that each is.
WALLET_LIMITS = {"max_position_size_usd": RuleType.MAX_POSITION_SIZE, "daily_loss_limit": RuleType.MAX_DAILY_LOSS}
# What a trial shows, whether or not a rule asks for it.
SHOWN = frozenset({RuleType.MAX_PORTFOLIO_UTILIZATION, RuleType.MAX_OPEN_POSITIONS, RuleType.MAX_DAILY_LOSS})


@dataclass(frozen=True, slots=True)
class WalletLimit:
    """A limit that a wallet carries itself; it rejects, and its id is the wallet's."""

    id: str
    name: str
    rule_type: RuleType
    condition: Mapping[str, Any]
    action: RuleAction = RuleAction.REJECT


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was measured for a trade, and what the rules say to it."""

    measures: Measures
    verdicts: list[Verdict]


@dataclass(frozen=True, slots=True)
class Validation:
    """The answer to "would this pass?": sentences for what forbids it, numbers for everything."""

    approved: bool
    violations: list[str]
    warnings: list[str]
    summary: dict[str, Decimal | str | int]
    rule_id: str | None
    rule_ids: list[str]
    verdicts: list[Verdict]


def limits_of_wallet(wallet: Wallet) -> list[WalletLimit]:
    """Return the limits that a wallet carries, as rules."""
    limits = {key: getattr(wallet.limits, key) for key in WALLET_LIMITS}
    return [
        WalletLimit(wallet.id, f"{wallet.nickname}: {key}", WALLET_LIMITS[key], {"max_usd": limit})
        for key, limit in limits.items()
        if limit is not None
    ]


async def rules_for(work: UnitOfWork, wallet: Wallet) -> list[Rule]:
    """Return the rules that hold in a wallet: its owner's active ones, oldest first, then its own limits."""
    return [*await active_rules_of(work, wallet.user_id), *limits_of_wallet(wallet)]


def reduces(standing: Standing, book: str, side: Side, quantity: Decimal) -> bool:
    """Tell whether a trade only takes from what its book holds, and never goes past nothing.

    What others on the same side may take counts as taken, resting ones too; those that only reduce make room when they rest.
    """
    rivals = (order for order in standing.orders_of(book, side) if order.sent_type is OrderType.MARKET or not order.reduce_only)
    with localcontext(EXACT):
        left = standing.held_in(book) * -side.sign - sum((order.remaining_quantity for order in rivals), ZERO)
    # A price that moves without more quantity takes nothing more than the order itself, which is among the rivals.
    return quantity <= left if quantity else left >= 0 and standing.held_in(book) * side.sign < 0


def effect_of(standing: Standing, book: str, side: Side, quantity: Decimal, *, reduce_only: bool) -> Effect:
    """Return what an order does to its position, for the trading switch."""
    return Effect.REDUCES if reduce_only or reduces(standing, book, side, quantity) else Effect.GROWS


async def judge(
    work: UnitOfWork,
    wallet: Wallet,
    standings: Mapping[str, Standing],
    book: str,
    trade: Trade,
    exposure: Exposure,
    *,
    prices: Collection[Decimal] = (),
    only: Collection[RuleType] | None = None,
    keep: bool = False,
) -> list[Verdict]:
    """Return what the active rules of a wallet's owner, and the wallet's own limits, say about a trade; stores no verdicts.

    `prices` are those that the order names; `only` leaves out rules of other types. With `keep`, in a writing transaction and under the
    wallet's lock, the measures of equity are stored for the next time.
    """
    rules = [rule for rule in await rules_for(work, wallet) if only is None or rule.rule_type in only]
    return (await _judged(work, wallet, standings, book, trade, exposure, rules, prices=prices, keep=keep)).verdicts if rules else []


async def assess(
    work: UnitOfWork,
    *,
    wallet: Wallet,
    instrument: Instrument,
    side: Side,
    quantity: Decimal,
    price: Decimal,
    flow_id: str | None = None,
) -> list[Verdict]:
    """Return what the rules say about a trade at this price, before there is an order; stores nothing."""
    standings = await standings_of(work, wallet, price, instrument.symbol)
    book = flow_id or MANUAL_BOOK
    trade, exposure = exposure_of(standings[instrument.symbol], book, side, quantity)
    return await judge(work, wallet, standings, book, trade, exposure)


@requires(Permission.RISK_RULES_READ)
async def validate_trade(
    work: UnitOfWork,
    symbol: str,
    price: Decimal,
    side: Side | str | None = None,
    quantity: Decimal | None = None,
    wallet_id: str | None = None,
    rule_id: str | None = None,
    action: Side | str | None = None,
    size_usd: Decimal | None = None,
) -> Validation:
    """Try a trade against the caller's active rules, the limits of the wallet and the trading switch, without making it.

    With `rule_id` against that rule alone, active or not. Everything is measured from the caller's own books in the given or the default
    wallet; only the price is taken as given. `action` is another word for `side`, and `size_usd`, in the quote currency, may stand in for
    `quantity`. Raises UNKNOWN_SYMBOL, VALIDATION_ERROR, NotFound for the wallet and the rule.
    """
    instrument = find_instrument(symbol)
    mark = _positive(price, "price", may_be_negative=instrument.allow_negative_price)
    direction, amount = _direction(side if side is not None else action), _quantity(instrument, quantity, size_usd, mark)
    wallet = await wallet_for(work, work.caller.id, wallet_id)
    rules: Sequence[Rule] = [await get_rule(work, rule_id)] if rule_id is not None else await rules_for(work, wallet)
    standings = await standings_of(work, wallet, mark, instrument.symbol)
    standing = standings[instrument.symbol]
    trade, exposure = exposure_of(standing, MANUAL_BOOK, direction, amount)
    judged = await _judged(work, wallet, standings, MANUAL_BOOK, trade, exposure, rules, asked=SHOWN)
    switches = await switches_of(work, wallet.user_id)
    halted = refusal_of(switches, effect_of(standing, MANUAL_BOOK, direction, amount, reduce_only=False))
    rejecting = rejections(judged.verdicts)
    broken = [verdict.rule_id for verdict in judged.verdicts if not verdict.passed]
    return Validation(
        approved=not rejecting and halted is None,
        violations=[*([halted.message] if halted else []), *(verdict.message for verdict in rejecting)],
        warnings=[verdict.message for verdict in judged.verdicts if not verdict.passed and not verdict.rejects],
        summary=_summary(trade, exposure, judged) | {"trading_switch": switches.effective_state.value},
        rule_id=rule_id if rule_id is not None else next(iter(broken), None),
        rule_ids=broken,
        verdicts=judged.verdicts,
    )


async def _judged(
    work: UnitOfWork,
    wallet: Wallet,
    standings: Mapping[str, Standing],
    book: str,
    trade: Trade,
    exposure: Exposure,
    rules: Sequence[Rule],
    *,
    prices: Collection[Decimal] = (),
    asked: Collection[RuleType] = (),
    keep: bool = False,
) -> Judgement:
    only_reduces = reduces(standings[trade.symbol], book, trade.side, trade.quantity)
    trade = replace(trade, only_reduces=only_reduces, prices=tuple(prices))
    measures = await measure(work, wallet, standings, book, trade, rules, asked=asked, keep=keep)
    return Judgement(measures, evaluate(rules, trade, exposure, measures))


def _summary(trade: Trade, exposure: Exposure, judged: Judgement) -> dict[str, Decimal | str | int]:
    measures = judged.measures
    assert measures.equity is not None and measures.day_start is not None and measures.gross_after is not None, "asked for"
    return {
        "symbol": trade.symbol,
        "side": trade.side.value,
        "order_size_usd": trimmed(trade.notional),
        "position_size_usd": trimmed(exposure.notional_after),
        "position_size_before_usd": trimmed(exposure.notional_before),
        "position_percent": percent_of(exposure.notional_after, measures.equity),
        "portfolio_value_usd": trimmed(measures.equity),
        "open_positions": measures.open_positions or 0,
        "daily_loss_usd": trimmed(max(EXACT.subtract(measures.day_start, measures.equity), ZERO)),
        "projected_utilization_percent": percent_of(measures.gross_after, measures.equity),
        "currency": exposure.currency,
        "rules_evaluated": len(judged.verdicts),
    }


def _positive(value: Decimal, field: str, *, may_be_negative: bool = False) -> Decimal:
    number = exact(value, field)
    if number <= 0 and not may_be_negative:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"{field} must be greater than 0", field=field)
    return number


def _direction(side: Side | str | None) -> Side:
    if side is None or side not in list(Side):
        raise DomainError(ErrorCode.VALIDATION_ERROR, "side must be buy or sell", field="side")
    return Side(side)


def _quantity(instrument: Instrument, quantity: Decimal | None, size: Decimal | None, price: Decimal) -> Decimal:
    if quantity is not None:
        return _positive(quantity, "quantity")
    if size is None:
        raise DomainError(ErrorCode.VALIDATION_ERROR, "quantity is missing", field="quantity")
    money = _positive(size, "size_usd")
    if price <= 0:
        raise DomainError(ErrorCode.VALIDATION_ERROR, "size_usd needs a price greater than 0", field="size_usd")
    wanted = instrument.round_quantity(EXACT.divide(money, EXACT.multiply(price, instrument.contract_size)), toward="down")
    return _positive(wanted, "size_usd")
