"""What a run came to, in lines with a label."""

from collections.abc import Mapping
from typing import Any

from domain.flows.steps import Step
from resolvers.demo.books import Terms
from resolvers.demo.figures import decimal_of, money, price, quantity, signed
from resolvers.demo.story import Ended, VotesCounted

Facts = list[tuple[str, str]]


def count_of(counted: VotesCounted, min_agreement: int | None) -> str:
    """Return the tally in a sentence."""
    if counted.total == 1:
        return f"{counted.action}, confidence {counted.confidence_percent} %"
    needed = "" if min_agreement is None else f" of at least {min_agreement} %"
    silent = counted.total - counted.voted
    who = f"{counted.voted} of {counted.total} voted, " if silent else ""
    return f"{who}agreement {counted.agreement_percent} %{needed}, confidence {counted.confidence_percent} %: {counted.action}"


def facts_of(ended: Ended, terms: Mapping[str, Terms]) -> Facts:
    """Return verdicts, order, fills, position and outcome of a run."""
    run = ended.run
    steps = {step["name"]: step["data"] or {} for step in run["steps"]}
    quote = terms[run["symbol"]].quote
    facts = [*_verdicts(steps.get("risk_validation", {}), quote)]
    if ended.order is not None:
        facts += _trade(ended.order)
    if ended.position is not None:
        facts += _position(ended.position)
    return [*facts, ("Result", outcome_of(ended))]


def outcome_of(ended: Ended) -> str:
    """Return how the run ended and how long it took, in a sentence."""
    run, result = ended.run, ended.run["result"] or {}
    took = f" ({run['duration']} ms)" if run["duration"] is not None else ""
    if run["status"] != "completed":
        error = run["error"] or {}
        return f"{run['status']}, {error.get('code', 'no code')}: {error.get('message', 'no reason given')}{took}"
    if ended.traded:
        return f"traded: {result['action']}{took}"
    if refusal := result.get("refusal"):
        return f"refused, {refusal['code']}: {refusal['message']}{took}"
    return f"no trade: {result['reasoning']}{took}"


def market_of(run: Mapping[str, Any], terms: Mapping[str, Terms]) -> str | None:
    """Return the price that a run saw, None when it saw none."""
    data = run["steps"][Step.DATA_FETCH]["data"]
    return f"{price(data['price'])} {_per_unit(terms[run['symbol']])}" if data else None


def profit_line(position: Mapping[str, Any], currency: str) -> str:
    """Return an open position's price and profit, from a GraphQL position or update."""
    share = decimal_of(position["unrealizedPnlPercent"]).quantize(decimal_of("0.01"))
    return f"{signed(position['unrealizedPnl'], currency)} ({share:+} %) at {price(position['currentPrice'])}"


def _per_unit(terms: Terms) -> str:
    return terms.quote if terms.unit == terms.base else f"{terms.quote}/{terms.unit}"


def _verdicts(data: Mapping[str, Any], quote: str) -> Facts:
    facts: Facts = []
    if gate := data.get("gate"):
        facts.append(("Gate", f"{gate['decision']}: {gate['reason']}"))
    for verdict in data.get("verdicts", ()):
        facts.append(("Risk", f"{'pass' if verdict['passed'] else verdict['action']}: {verdict['rule_name']}. {verdict['message']}"))
    return facts


def _trade(order: Mapping[str, Any]) -> Facts:
    what = f"{order['side']} {quantity(order['requested_amount'])} {order['symbol']} at market: {order['status']}"
    fills = [
        ("Fill", f"{quantity(fill['amount'])} at {price(fill['price'])}, fee {money(fill['fee'], fill['fee_currency'])}")
        for fill in order["fills"]
    ]
    return [("Order", what), *fills]


def _position(position: Mapping[str, Any]) -> Facts:
    guard = position["risk_management"]
    held = f"{position['side']} {quantity(position['current']['quantity'])} {position['symbol']} from {price(position['entry']['price'])}"
    levels = [f"{name} {price(guard[key])}" for name, key in (("stop", "stop_loss"), ("target", "take_profit")) if guard[key] is not None]
    return [("Position", ", ".join([held, *levels]))]
