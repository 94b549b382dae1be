import re
from concurrent.futures import ThreadPoolExecutor

from domain.kernel.ids import encode, new_id


def test_id_is_a_prefixed_typeid() -> None:
    # 26 characters hold 130 bits, so the first one is at most 7.
    assert re.fullmatch(r"flow_[0-7][0-9a-hjkmnp-tv-z]{25}", new_id("flow"))


def test_ids_sort_in_the_order_they_were_made() -> None:
    made = [new_id("order") for _ in range(10_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_ids_of_parallel_threads_do_not_collide() -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: new_id("x"), range(5_000)))
    assert len(set(made)) == 5_000


def test_encoding_is_that_of_the_typeid_specification() -> None:
    # the specification's example: 0110c853-1d09-52d8-d73e-1194e95b5f19 is 0123456789abcdefghjkmnpqrs
    assert encode(0x0110C8531D0952D8D73E1194E95B5F19) == "0123456789abcdefghjkmnpqrs"
