from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, select

from domain.accounts.models import User
from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.keyset import KeysetPage, PageRequest, Place, keyset_page
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.conftest import START
from tests.databases import both_databases


@pytest.fixture
async def twelve_users(runtime: Runtime) -> list[str]:
    """Users made in three moments, four in each, so that only the id tells those apart; newest first."""
    ids = [f"user_{number:02}" for number in range(12)]
    async with runtime.operation().unit_of_work() as work:
        for number, id in enumerate(ids):
            created_at = START + timedelta(microseconds=number // 4)
            work.session.add(
                User(id=id, email=f"{id}@example.com", first_name="A", last_name="B", password_hash="x", created_at=created_at)
            )
    return ids[::-1]


async def page_of_users(operation: Operation, **arguments: object) -> KeysetPage[User]:
    async with operation.reading() as work:
        return await keyset_page(work.session, select(User), User, PageRequest.of(**arguments))  # type: ignore[arg-type]


def place_of(user: User) -> str:
    return str(Place(user.created_at, user.id))


@both_databases
@pytest.mark.parametrize("size", [1, 3, 4, 5, 11, 12, 100])
async def test_pages_forward_hold_everything_once_and_in_order(system: Operation, twelve_users: list[str], size: int) -> None:
    seen: list[str] = []
    after: str | None = None
    while True:
        page = await page_of_users(system, first=size, after=after)
        assert page.has_previous is (after is not None)
        seen += [user.id for user in page.items]
        if not page.has_next:
            break
        after = place_of(page.items[-1])
    assert seen == twelve_users


@both_databases
@pytest.mark.parametrize("size", [1, 5, 12])
async def test_pages_backward_hold_everything_once_and_in_order(system: Operation, twelve_users: list[str], size: int) -> None:
    seen: list[str] = []
    before: str | None = None
    while True:
        page = await page_of_users(system, last=size, before=before)
        assert page.has_next is (before is not None)
        seen = [user.id for user in page.items] + seen
        if not page.has_previous:
            break
        before = place_of(page.items[0])
    assert seen == twelve_users


async def test_object_made_while_reading_moves_no_page(system: Operation, runtime: Runtime, twelve_users: list[str]) -> None:
    first = await page_of_users(system, first=5)
    async with system.unit_of_work() as work:
        newer = START + timedelta(hours=1)
        work.session.add(User(id="user_new", email="n@example.com", first_name="A", last_name="B", password_hash="x", created_at=newer))
    second = await page_of_users(system, first=5, after=place_of(first.items[-1]))
    assert [user.id for user in [*first.items, *second.items]] == twelve_users[:10]


async def test_total_comes_with_the_page_in_one_statement(system: Operation, runtime: Runtime, twelve_users: list[str]) -> None:
    statements: list[str] = []

    @event.listens_for(runtime.database._reader.sync_engine, "before_cursor_execute")
    def count(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            statements.append(statement)

    page = await page_of_users(system, first=2, want_total=True)
    assert (page.total, len(page.items), len(statements)) == (12, 2, 1)
    page = await page_of_users(system, first=2)
    assert (page.total, len(statements)) == (None, 2)
    behind_the_end = await page_of_users(system, first=2, after=str(Place(START - timedelta(days=1), "user_0")), want_total=True)
    assert (list(behind_the_end.items), behind_the_end.total, behind_the_end.has_next) == ([], 12, False)


async def test_total_of_an_empty_list_is_zero(system: Operation) -> None:
    page = await page_of_users(system, want_total=True)
    assert (list(page.items), page.total, page.has_next, page.has_previous) == ([], 0, False, False)


@given(st.integers(min_value=0, max_value=10**16), st.from_regex(r"[a-z]{1,8}_[0-9a-z]{1,26}", fullmatch=True))
def test_place_survives_being_written(microseconds: int, id: str) -> None:
    place = Place(START.replace(year=1970, month=1, day=1, hour=0, minute=0) + timedelta(microseconds=microseconds), id)
    assert Place.parse(str(place)) == place


FOREIGN = ["", "x", "====", "MTIz", "MTIzLg", "Li4u", "MS5hLTs", "\N{PILE OF POO}", "MTIzNDU2Nzg5MDEyMzQ1Njc4LmE", "MS5h=", "MDEuYQ"]


@pytest.mark.parametrize("written", FOREIGN)
def test_foreign_place_is_refused(written: str) -> None:
    with pytest.raises(DomainError) as refusal:
        Place.parse(written)
    assert refusal.value.code is ErrorCode.CURSOR_INVALID


@pytest.mark.parametrize(
    "arguments",
    [{"first": 0}, {"first": -1}, {"first": 101}, {"last": 0}, {"last": 101}, {"first": 1, "last": 1}, {"first": 1, "before": "MS5h"}],
)
def test_sizes_and_directions_that_make_no_sense_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(DomainError) as refusal:
        PageRequest.of(**arguments)  # type: ignore[arg-type]
    assert refusal.value.code is ErrorCode.VALIDATION_ERROR
