"""Adds up the books of a database from outside: ledger, fills and what the paper venue says, in exact decimals."""

import json
import sqlite3
from collections import Counter, defaultdict
from decimal import Decimal, localcontext
from pathlib import Path

from domain.market.instruments import find_instrument


def problems_in_the_books(database: Path) -> list[str]:
    """Return a sentence for everything that does not add up; an empty list means that the books are right.

    Balance = sum of its entries = opening deposits + recomputation from the fills; sequence numbers without a gap; each fill booked
    once; positions = net fills, and their profit = the cash that the fills brought in and cost; no order twice at the venue, and none
    there that is not in our books.
    """
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        with localcontext() as context:
            context.prec = 60
            return [*_ledger(connection), *_fills(connection), *_positions(connection), *_orders(connection)]
    finally:
        connection.close()


def _ledger(connection: sqlite3.Connection) -> list[str]:
    problems = []
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    deposits: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    last: dict[tuple[str, str], int] = defaultdict(int)
    for entry in connection.execute("SELECT * FROM ledger_entries ORDER BY wallet_id, asset, seq"):
        key = (entry["wallet_id"], entry["asset"])
        sums[key] += Decimal(entry["amount"])
        if entry["cause"] == "deposit":
            deposits[key] += Decimal(entry["amount"])
        if entry["seq"] != last[key] + 1:
            problems.append(f"{key}: entry {entry['seq']} follows {last[key]}")
        last[key] = entry["seq"]
        if Decimal(entry["balance_after"]) != sums[key]:
            problems.append(f"{key}: entry {entry['seq']} says {entry['balance_after']}, the sum is {sums[key]}")
    balances = {(row["wallet_id"], row["asset"]): Decimal(row["amount"]) for row in connection.execute("SELECT * FROM balances")}
    recomputed = dict(deposits)
    for fill in connection.execute("SELECT * FROM fills"):
        instrument = find_instrument(fill["symbol"])
        sign = 1 if fill["side"] == "buy" else -1
        quantity, price = Decimal(fill["quantity"]), Decimal(fill["price"])
        for asset, amount in (
            (instrument.base, sign * quantity),
            (instrument.quote, -sign * quantity * price * instrument.contract_size),
            (fill["fee_currency"], -Decimal(fill["fee"])),
        ):
            key = (fill["wallet_id"], asset)
            recomputed[key] = recomputed.get(key, Decimal(0)) + amount
    for key in {*sums, *balances, *recomputed}:
        figures = (balances.get(key, Decimal(0)), sums.get(key, Decimal(0)), recomputed.get(key, Decimal(0)))
        if len(set(figures)) > 1:
            problems.append(f"{key}: balance {figures[0]}, entries {figures[1]}, fills {figures[2]}")
    return problems


def _fills(connection: sqlite3.Connection) -> list[str]:
    problems = []
    filled: dict[str, Decimal] = defaultdict(Decimal)
    for fill in connection.execute("SELECT order_id, quantity FROM fills"):
        filled[fill["order_id"]] += Decimal(fill["quantity"])
    for order in connection.execute("SELECT id, status, quantity, filled_quantity FROM orders"):
        if filled[order["id"]] != Decimal(order["filled_quantity"]):
            problems.append(f"{order['id']}: fills add up to {filled[order['id']]}, the order says {order['filled_quantity']}")
        if order["status"] == "filled" and Decimal(order["quantity"]) != filled[order["id"]]:
            problems.append(f"{order['id']} is filled with {filled[order['id']]} of {order['quantity']}")
    return problems


def _positions(connection: sqlite3.Connection) -> list[str]:
    # A book holds one position after the other, and one fill can close the last and open the next: books add up, not single positions.
    traded: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    cash: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for fill in connection.execute("SELECT fills.*, orders.book FROM fills JOIN orders ON orders.id = fills.order_id"):
        book = (fill["wallet_id"], fill["symbol"], fill["book"])
        signed = Decimal(fill["quantity"]) * (1 if fill["side"] == "buy" else -1)
        traded[book] += signed
        cash[book] -= signed * Decimal(fill["price"]) * find_instrument(fill["symbol"]).contract_size + Decimal(fill["fee"])
    held: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    earned: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    problems = []
    for position in connection.execute("SELECT * FROM positions"):
        book = (position["wallet_id"], position["symbol"], position["book"])
        sign = 1 if position["side"] == "long" else -1
        quantity = Decimal(position["quantity"])
        held[book] += sign * quantity
        earned[book] += Decimal(position["realized_pnl"]) - sign * Decimal(position["open_cost"]) - Decimal(position["open_fees"])
        if (quantity == 0) != (position["status"] == "closed"):
            problems.append(f"{position['id']} is {position['status']} with a quantity of {quantity}")
    problems += [f"{book}: {held[book]} held, fills say {traded[book]}" for book in {*held, *traded} if held[book] != traded[book]]
    problems += [f"{book}: {earned[book]} earned, fills say {cash[book]}" for book in {*earned, *cash} if earned[book] != cash[book]]
    return problems


def _orders(connection: sqlite3.Connection) -> list[str]:
    ours = Counter(row["client_order_id"] for row in connection.execute("SELECT client_order_id FROM orders"))
    theirs = Counter(row["client_order_id"] for row in connection.execute("SELECT client_order_id FROM paper_orders"))
    entries = Counter(
        row["execution_id"]
        for row in connection.execute("SELECT execution_id FROM orders WHERE purpose = 'entry' AND execution_id IS NOT NULL")
    )
    problems = [f"{key} stands {count} times in our books" for key, count in ours.items() if count > 1]
    problems += [f"the venue has {key}, which we do not know" for key in theirs if key not in ours]
    problems += [f"{execution} placed {count} entry orders" for execution, count in entries.items() if count > 1]
    return problems


def events_of(database: Path, type: str) -> list[str]:
    """Return the ids of all stored events of a type, in the order of the log."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT id FROM events WHERE type = ? ORDER BY transaction_id, seq", (type,))
        return [row[0] for row in rows]
    finally:
        connection.close()


def updates_of(database: Path, type: str) -> list[tuple[str, str]]:
    """Return (cursor, payload as sorted JSON) of all stored events of a type, in the order of the log."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT transaction_id, seq, payload FROM events WHERE type = ? ORDER BY transaction_id, seq", (type,))
        return [(f"{row[0]:x}-{row[1]:x}", json.dumps(json.loads(row[2]), sort_keys=True)) for row in rows]
    finally:
        connection.close()
