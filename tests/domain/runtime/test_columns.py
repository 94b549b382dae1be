from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from domain.runtime.columns import ExactDecimal, UTCDateTime, dump_json, load_json
from domain.runtime.runtime import Runtime
from tests.databases import both_databases

TABLE = sa.Table(
    "column_trial",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("amount", ExactDecimal),
    sa.Column("at", UTCDateTime),
)
AMOUNTS = [Decimal(text) for text in ("0.1", "12345678901234567890.123456789012345678", "-0.000000000000000001", "0", "1000")]


@both_databases
async def test_decimals_and_times_come_back_as_they_went_in(runtime: Runtime) -> None:
    at = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    async with runtime.database.writing() as session:
        await session.run_sync(lambda sync: TABLE.metadata.create_all(sync.connection()))
        for number, amount in enumerate(AMOUNTS):
            await session.execute(TABLE.insert().values(id=number, amount=amount, at=at))
        rows = (await session.execute(sa.select(TABLE.c.amount, TABLE.c.at).order_by(TABLE.c.id))).all()
        await session.rollback()
    assert [row.amount for row in rows] == AMOUNTS
    assert {row.at for row in rows} == {at}
    assert all(row.at.tzinfo is UTC for row in rows)


@both_databases
@pytest.mark.parametrize("bad", [0.1, Decimal("NaN"), Decimal("Infinity")])
async def test_inexact_numbers_are_not_stored(runtime: Runtime, bad: object) -> None:
    async with runtime.database.writing() as session:
        with pytest.raises(sa.exc.StatementError, match="finite Decimal"):
            await session.execute(sa.select(sa.literal(bad, ExactDecimal)))


async def test_time_without_zone_is_not_stored(runtime: Runtime) -> None:
    async with runtime.database.writing() as session:
        with pytest.raises(sa.exc.StatementError, match="without a zone"):
            await session.execute(sa.select(sa.literal(datetime(2026, 1, 1), UTCDateTime)))  # noqa: DTZ001


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**20), max_value=10**20))
def test_decimals_in_documents_keep_every_digit(number: Decimal) -> None:
    assert load_json(dump_json({"a": [number]})) == {"a": [number]}


def test_documents_hold_no_nan() -> None:
    with pytest.raises(TypeError):
        dump_json({"a": Decimal("NaN")})
