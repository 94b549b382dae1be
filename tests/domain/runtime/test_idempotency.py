import asyncio

import pytest

from domain.kernel.clock import ManualClock
from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.idempotency import claim, fingerprint_of
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.builders import make_user, operation_of_new_user
from tests.databases import both_databases


async def make(operation: Operation, result_id: str, **arguments: object) -> str:
    async with operation.unit_of_work() as work:
        return await claim(work, fingerprint_of("make", **arguments), result_id) or result_id


@both_databases
async def test_twenty_parallel_retries_answer_with_one_result(runtime: Runtime) -> None:
    ada = await operation_of_new_user(runtime, idempotency_key="key-1")
    answers = await asyncio.gather(*(make(ada, f"order_{number}", quantity="1") for number in range(20)))
    assert len(set(answers)) == 1


async def test_same_key_for_another_request_is_a_conflict(runtime: Runtime) -> None:
    ada = await operation_of_new_user(runtime, idempotency_key="key-1")
    await make(ada, "order_1", quantity="1")
    with pytest.raises(DomainError) as refusal:
        await make(ada, "order_2", quantity="2")
    assert refusal.value.code is ErrorCode.IDEMPOTENCY_CONFLICT


async def test_keys_of_two_users_do_not_meet(runtime: Runtime) -> None:
    ada = await operation_of_new_user(runtime, idempotency_key="key-1")
    bob = await operation_of_new_user(runtime, idempotency_key="key-1")
    assert await make(ada, "order_1", quantity="1") == "order_1"
    assert await make(bob, "order_2", quantity="2") == "order_2"


async def test_key_of_a_refused_request_can_be_used_again(runtime: Runtime) -> None:
    ada = await operation_of_new_user(runtime, idempotency_key="key-1")
    with pytest.raises(RuntimeError):
        async with ada.unit_of_work() as work:
            await claim(work, fingerprint_of("make", quantity="1"), "order_1")
            raise RuntimeError
    assert await make(ada, "order_2", quantity="1") == "order_2"


async def test_key_is_forgotten_after_a_day(runtime: Runtime, clock: ManualClock) -> None:
    ada = await operation_of_new_user(runtime, idempotency_key="key-1")
    await make(ada, "order_1", quantity="1")
    clock.advance(hours=25)
    assert await make(ada, "order_2", quantity="1") == "order_2"


@pytest.mark.parametrize("key", ["", "x" * 129, "a\nb"])
async def test_unusable_key_is_refused(runtime: Runtime, key: str) -> None:
    caller = await make_user(runtime)
    with pytest.raises(DomainError) as refusal:
        await make(runtime.operation(caller, idempotency_key=key), "order_1")
    assert refusal.value.code is ErrorCode.BAD_REQUEST


def test_equal_requests_have_equal_fingerprints_whatever_their_order() -> None:
    assert fingerprint_of("make", a=1, b={"c": 2}) == fingerprint_of("make", b={"c": 2}, a=1)
    assert fingerprint_of("make", a=1) != fingerprint_of("break", a=1)
