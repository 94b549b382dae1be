"""The benchmark of orders runs; what it measures is nobody's business here."""

from pathlib import Path

from benchmarks.orders import measure


async def test_every_verb_is_measured(sqlite_url: str, tmp_path: Path) -> None:
    figures = await measure(sqlite_url, tmp_path, orders=4, clients=2)
    assert [(each.verb, len(each.seconds)) for each in figures] == [("place", 4), ("amend", 4), ("cancel", 4)]
    assert all(each.statements for each in figures)
