"""The demo itself: the documented sample flow, and further ones until one trades."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from itertools import zip_longest
from typing import Any
from urllib.parse import quote

from resolvers.demo.books import Terms
from resolvers.demo.client import Client, DemoFailed, Subscriptions
from resolvers.demo.facts import facts_of, market_of, profit_line
from resolvers.demo.figures import plural, quantity
from resolvers.demo.screens import RunScreen, Screen, terms_line
from resolvers.demo.statement import statement_of, terms_of
from resolvers.demo.story import Ended, follow_run

DOCUMENTED_SYMBOL = "BTC/USDT"
# As the API's documentation shows them.
DOCUMENTED_FLOW: Mapping[str, Any] = {
    "name": "BTC Swing Trade",
    "symbol": DOCUMENTED_SYMBOL,
    "mode": "swarm",
    "trigger": "manual",
    "agents": ["market_analyst", "risk_manager"],
    "config": {"order_size_usd": 100, "swarm_runs": 3, "swarm_min_agreement": 60},
}
# What the further runs of a single analyst ask for, and say: half sure is enough, where the flow as documented asks for 60 %.
EASIER_CONFIG = {"order_size_usd": 100, "pre_trade_min_confidence": 0.5}
DOCUMENTED_RULE = {"name": "Max Position Size", "rule_type": "max_position_size", "condition": {"max_usd": 1000}, "action": "reject"}
WATCH_SECONDS = 3.0
PROFITS = """subscription ($position: ID!) {
  positionUpdates(positionId: $position) { status currentPrice unrealizedPnl unrealizedPnlPercent realizedPnl exitReason }
}"""


async def show_sample(client: Client, screen: Screen, symbols: list[str], runs: int) -> bool:
    """Run the sample flow, then others, until one trades; say whether all that was shown holds good."""
    terms, crypto = await terms_of(client)
    prices = [await _price_of(client, symbol) for symbol in symbols or [DOCUMENTED_SYMBOL]]
    known = [now["symbol"] for now in prices]
    flows = _flows(list(dict.fromkeys(known if symbols else [*known, *crypto])))[:runs]
    origin = prices[0]["origin"]
    screen.facts([("Market", f"{origin['source']}{': ' + origin['note'] if origin['note'] else ''}")])
    rule = await client.post("/risk-rules", DOCUMENTED_RULE)
    screen.facts([("Rule", f"{rule['name']}: {quantity(rule['condition']['max_usd'])}, else {rule['action']}")])
    ended: list[Ended] = []
    async with client.subscriptions() as subscriptions:
        for number, flow in enumerate(flows, start=1):
            if number == 2:
                screen.note(
                    "\nNo trade is an honest answer. The demo goes on: single analysts that need to be only half sure, and other symbols."
                )
            ended.append(await _show_run(client, subscriptions, screen, terms, flow, f"Run {number} of at most {len(flows)}"))
            if ended[-1].traded:
                break
    statement = await statement_of(client, terms)
    screen.headline("Statement")
    screen.facts(statement.facts())
    if not ended[-1].traded:
        screen.note(f"No trade in {plural(len(ended), 'run')}: that is what the analysts made of this market now.", "yellow")
    return not statement.problems and any(one.run["status"] == "completed" for one in ended)


async def _price_of(client: Client, symbol: str) -> Any:
    try:
        return await client.get(f"/market/price/{quote(symbol)}")
    except DemoFailed as refusal:
        raise DemoFailed(f"{refusal}; name what this server has a price of with --symbol") from None


def _flows(symbols: list[str]) -> list[dict[str, Any]]:
    documented = {**DOCUMENTED_FLOW, "symbol": symbols[0]}
    if symbols[0] != DOCUMENTED_SYMBOL:
        documented["name"] = f"{symbols[0]} Swing Trade"
    solo = [{**documented, "name": f"{symbol} Solo", "symbol": symbol, "mode": "solo", "config": EASIER_CONFIG} for symbol in symbols]
    swarm = [{**documented, "name": f"{symbol} Swing Trade", "symbol": symbol} for symbol in symbols[1:]]
    return [documented, *(flow for turn in zip_longest(solo, swarm) for flow in turn if flow)]


async def _show_run(
    client: Client, subscriptions: Subscriptions, screen: Screen, terms: Mapping[str, Terms], wanted: Mapping[str, Any], title: str
) -> Ended:  # fmt: skip
    flow = await client.post("/flows", wanted)
    members = 1 if flow["mode"] == "solo" else flow["config"]["swarm_runs"]
    header = f"{title}: {flow['name']}, {flow['symbol']}, {terms_line(flow['config'], flow['mode'], terms[flow['symbol']])}"
    with screen.run(header, flow, members) as shown:
        async with aclosing(follow_run(client, subscriptions, flow["id"])) as story:
            async for happening in story:
                if not isinstance(happening, Ended):
                    shown.show(happening)
                    await asyncio.sleep(screen.reading_seconds)
                    continue
                seen = market_of(happening.run, terms)
                facts = facts_of(happening, terms)
                shown.close([("Price", seen), *facts] if seen else facts, traded=happening.traded)
                if happening.traded and happening.position is not None:
                    await _watch(subscriptions, shown, happening.position)
                return happening
    raise AssertionError("a run's story ends with its end")


async def _watch(subscriptions: Subscriptions, shown: RunScreen, position: Mapping[str, Any]) -> None:
    """Show how the new position does for a moment, or until its stop or target fires."""
    async with subscriptions.subscribe(PROFITS, position=position["id"]) as updates:
        try:
            async with asyncio.timeout(WATCH_SECONDS):
                async for update in updates:
                    stand = update["positionUpdates"]
                    shown.watch(profit_line(stand, position["currency"]))
                    if stand["status"] != "OPEN":
                        return
        except TimeoutError:
            return
