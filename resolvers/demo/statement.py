"""What a user has won and lost, read through the API and checked against its own fills."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from domain.kernel.money import plain
from resolvers.demo.books import Fill, Holding, Terms, balances_after, profit_of, told_profit
from resolvers.demo.client import Client, DemoFailed
from resolvers.demo.figures import money, percent, plural, quantity, signed

ZERO = Decimal(0)
INSTRUMENTS = "{ instruments { symbol kind base quote unit contractSize } }"
WALLETS = "{ wallets(first: 100) { nodes { id nickname balances { asset amount } } } }"
LEDGER = """query ($wallet: ID!, $after: Cursor) {
  ledger(walletId: $wallet, first: 100, after: $after) { nodes { asset amount cause } pageInfo { hasNextPage endCursor } }
}"""
ORDERS = """query ($after: Cursor) {
  orders(first: 100, after: $after) {
    nodes { fills { symbol side quantity price fee feeCurrency } } pageInfo { hasNextPage endCursor }
  }
}"""
POSITIONS = """query ($after: Cursor) {
  positions(first: 100, after: $after) {
    nodes { symbol side status quantity currentPrice realizedPnl unrealizedPnl } pageInfo { hasNextPage endCursor }
  }
}"""
# Between two readings a stop may fire; so often is tried to read the fills and the balances of one moment.
READINGS = 5


@dataclass(frozen=True, slots=True)
class Statement:
    """All of a user's money at one moment."""

    opening: Mapping[str, Decimal]
    balances: Mapping[str, Decimal]
    fills: tuple[Fill, ...]
    holdings: tuple[Holding, ...]
    terms: Mapping[str, Terms]

    @property
    def problems(self) -> list[str]:
        """A sentence for everything that does not add up."""
        expected = balances_after(self.opening, self.fills, self.terms)
        problems = [
            f"{asset}: the balance is {plain(self.balances.get(asset, ZERO))}, the fills make it {plain(expected.get(asset, ZERO))}"
            for asset in sorted({*expected, *self.balances})
            if expected.get(asset, ZERO) != self.balances.get(asset, ZERO)
        ]
        told, earned = told_profit(self.holdings, self.terms), profit_of(self.fills, self.holdings, self.terms)
        return problems + [
            f"{currency}: the positions tell of {plain(told.get(currency, ZERO))}, the fills make it {plain(earned.get(currency, ZERO))}"
            for currency in sorted({*told, *earned})
            if told.get(currency, ZERO) != earned.get(currency, ZERO)
        ]

    def facts(self) -> list[tuple[str, str]]:
        """Return the statement in lines, each with its label."""
        lines = [("Wallet", "   ".join(self._balance(asset) for asset in self.balances))]
        lines += [("P&L", self._profit(currency)) for currency in self._currencies()]
        closed = [holding for holding in self.holdings if holding.is_closed]
        if closed:
            won = sum(holding.realized > 0 for holding in closed)
            share = percent(Decimal(won) / len(closed))
            lines.append(
                ("Won", f"{won} of {plural(len(closed), 'closed position')} ({share}), {len(self.holdings) - len(closed)} still open")
            )
        problems = self.problems
        books = f"balances = opening deposits + {plural(len(self.fills), 'fill')}, to the last digit; so is the P&L"
        return lines + [("Books", problem) for problem in problems or [books]]

    def _balance(self, asset: str) -> str:
        change = self.balances[asset] - self.opening.get(asset, ZERO)
        is_money = asset in self.opening
        shown = money(self.balances[asset], asset) if is_money else f"{quantity(self.balances[asset])} {asset}"
        return f"{shown} ({signed(change, '').strip()})" if is_money and change else shown

    def _currencies(self) -> list[str]:
        return sorted({self.terms[fill.symbol].quote for fill in self.fills})

    def _profit(self, currency: str) -> str:
        holdings = [holding for holding in self.holdings if self.terms[holding.symbol].quote == currency]
        realized = sum((holding.realized for holding in holdings), ZERO)
        unrealized = sum((holding.unrealized for holding in holdings), ZERO)
        fees = sum((fill.fee for fill in self.fills if fill.fee_currency == currency), ZERO)
        return (
            f"{signed(realized + unrealized, currency)} = {signed(realized, 'realised')} {_and(unrealized)} unrealised, "
            f"after {money(fees, currency)} of fees"
        )


async def statement_of(client: Client, terms: Mapping[str, Terms]) -> Statement:
    """Read wallet, ledger, orders and positions as they stand at one moment."""
    wallet = (await client.query(WALLETS))["wallets"]["nodes"][-1]
    ledger = await client.all_nodes(LEDGER, "ledger", wallet=wallet["id"])
    opening: dict[str, Decimal] = {}
    for entry in ledger:
        if entry["cause"] == "DEPOSIT":
            opening[entry["asset"]] = opening.get(entry["asset"], ZERO) + Decimal(entry["amount"])
    for _ in range(READINGS):
        fills = await _fills(client)
        holdings = await _holdings(client)
        balances = {row["asset"]: Decimal(row["amount"]) for row in (await client.query(WALLETS))["wallets"]["nodes"][-1]["balances"]}
        if await _fills(client) == fills:
            return Statement(opening, balances, fills, holdings, terms)
    raise DemoFailed("The positions kept changing while the books were read")


async def terms_of(client: Client) -> tuple[dict[str, Terms], list[str]]:
    """Return the catalogue's contracts by symbol, and the symbols of its crypto pairs."""
    instruments = (await client.query(INSTRUMENTS))["instruments"]
    terms = {row["symbol"]: Terms(row["base"], row["quote"], row["unit"], Decimal(row["contractSize"])) for row in instruments}
    return terms, [row["symbol"] for row in instruments if row["kind"] == "crypto"]


async def profit_so_far(client: Client) -> Decimal:
    """Return realised and unrealised profit over all positions; of one currency, or it means nothing."""
    return sum((holding.realized + holding.unrealized for holding in await _holdings(client)), ZERO)


async def _fills(client: Client) -> tuple[Fill, ...]:
    return tuple(
        Fill(
            fill["symbol"],
            Decimal(fill["quantity"]) * (1 if fill["side"] == "BUY" else -1),
            Decimal(fill["price"]),
            Decimal(fill["fee"]),
            fill["feeCurrency"],
        )
        for order in await client.all_nodes(ORDERS, "orders")
        for fill in order["fills"]
    )


async def _holdings(client: Client) -> tuple[Holding, ...]:
    return tuple(
        Holding(
            row["symbol"],
            Decimal(row["quantity"]) * (1 if row["side"] == "LONG" else -1),
            Decimal(row["currentPrice"]),
            Decimal(row["realizedPnl"]),
            Decimal(row["unrealizedPnl"]),
            row["status"] != "OPEN",
        )
        for row in await client.all_nodes(POSITIONS, "positions")
    )


def _and(amount: Decimal) -> str:
    shown = signed(amount, "").strip()
    return f"{'-' if shown.startswith('-') else '+'} {shown.lstrip('+-')}"
