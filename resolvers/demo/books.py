"""Adds up a user's books from the fills, as somebody would who trusts no balance."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext

from domain.kernel.money import EXACT


@dataclass(frozen=True, slots=True)
class Terms:
    """What a contract of a symbol is."""

    base: str
    quote: str
    unit: str
    contract_size: Decimal


@dataclass(frozen=True, slots=True)
class Fill:
    """A trade; `quantity` is negative for a sale."""

    symbol: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str


@dataclass(frozen=True, slots=True)
class Holding:
    """A position as the server tells it; `quantity` is what is open, negative for a short one."""

    symbol: str
    quantity: Decimal
    price: Decimal
    realized: Decimal
    unrealized: Decimal
    is_closed: bool


def balances_after(opening: Mapping[str, Decimal], fills: Iterable[Fill], terms: Mapping[str, Terms]) -> dict[str, Decimal]:
    """Return what the fills make of the opening balances, by asset."""
    balances = dict(opening)
    with localcontext(EXACT):
        for fill in fills:
            of = terms[fill.symbol]
            for asset, change in (
                (of.base, fill.quantity),
                (of.quote, -fill.quantity * fill.price * of.contract_size),
                (fill.fee_currency, -fill.fee),
            ):
                balances[asset] = balances.get(asset, Decimal(0)) + change
    return balances


def profit_of(fills: Iterable[Fill], holdings: Iterable[Holding], terms: Mapping[str, Terms]) -> dict[str, Decimal]:
    """Return what was won by currency: the cash that the fills brought in and cost, and the worth of what is held."""
    profit: dict[str, Decimal] = {}
    with localcontext(EXACT):
        for fill in fills:
            of = terms[fill.symbol]
            profit[of.quote] = profit.get(of.quote, Decimal(0)) - fill.quantity * fill.price * of.contract_size
            profit[fill.fee_currency] = profit.get(fill.fee_currency, Decimal(0)) - fill.fee
        for holding in holdings:
            of = terms[holding.symbol]
            profit[of.quote] = profit.get(of.quote, Decimal(0)) + holding.quantity * holding.price * of.contract_size
    return profit


def told_profit(holdings: Iterable[Holding], terms: Mapping[str, Terms]) -> dict[str, Decimal]:
    """Return what the positions say was won, realised and not, by currency."""
    profit: dict[str, Decimal] = {}
    with localcontext(EXACT):
        for holding in holdings:
            quote = terms[holding.symbol].quote
            profit[quote] = profit.get(quote, Decimal(0)) + holding.realized + holding.unrealized
    return profit
