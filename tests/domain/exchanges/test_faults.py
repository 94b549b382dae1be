"""Fault scripts: what they say is what happens, every time."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.exchanges.faults import Call, Fault, FaultScript, parse_faults
from domain.kernel.errors import DomainError, ErrorCode

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SCRIPT = """
place  3       reject Insufficient  margin   # the third order
place  5-7     timeout
*      10%     latency 200-900
cancel every:4 latency 1500
outage 2026-03-02T13:00:00Z 2026-03-02T13:05:00+00:00
fill   2       duplicate; fill 3 late 2
"""


def faults_of(script: FaultScript, call: Call, numbers: range) -> list[Fault]:
    return [script.fault_of(call, number, NOON) for number in numbers]


def test_without_a_script_nothing_goes_wrong() -> None:
    assert {*faults_of(parse_faults(" \n # nothing\n"), Call.PLACE, range(1, 100))} == {Fault()}
    assert parse_faults("").reports_of([1, 2, 3]) == (1, 2, 3)


def test_the_documented_script_does_what_it_says() -> None:
    script = parse_faults({"seed": 7, "script": SCRIPT})
    placed = faults_of(script, Call.PLACE, range(1, 9))
    assert [fault.reject for fault in placed] == [None, None, "Insufficient margin", None, None, None, None, None]
    assert [number for number, fault in enumerate(placed, start=1) if fault.loses_answer] == [5, 6, 7]
    found = [fault.latency_ms for fault in faults_of(script, Call.FIND, range(1, 1001))]
    late = [latency for latency in found if latency]
    assert 70 < len(late) < 130 and min(late) >= 200 and max(late) <= 900 and len(set(late)) > 30
    cancelled = [number for number in range(1, 13) if script.fault_of(Call.CANCEL, number, NOON).latency_ms >= 1500]
    assert cancelled == [4, 8, 12]


def test_nothing_gets_through_during_an_outage() -> None:
    script = parse_faults(SCRIPT)
    moments = [
        NOON.replace(hour=hour, minute=minute, second=second)
        for hour, minute, second in ((12, 59, 59), (13, 0, 0), (13, 4, 59), (13, 5, 0))
    ]
    assert [script.fault_of(Call.FIND, 1, moment).down for moment in moments] == [False, True, True, False]
    assert script.fault_of(Call.PLACE, 3, moments[1]) == Fault(down=True)


def test_latencies_add_up_and_a_rejected_call_does_not_time_out() -> None:
    script = parse_faults("place all latency 100; place 2 latency 5; place 2 reject; place 2 reject Again; place all timeout")
    assert faults_of(script, Call.PLACE, range(1, 3)) == [
        Fault(latency_ms=100, loses_answer=True),
        Fault(latency_ms=105, reject="Rejected by script"),
    ]


def test_fills_come_twice_and_late() -> None:
    script = parse_faults(SCRIPT)
    assert script.reports_of([1]) == (1,)
    assert script.reports_of([1, 2, 3]) == (1, 2, 2)
    assert script.reports_of([1, 2, 3, 4]) == (1, 2, 2, 4)
    assert script.reports_of([1, 2, 3, 4, 5, 6]) == (1, 2, 2, 4, 5, 3, 6)


@given(st.integers(0, 2**32), st.integers(0, 40))
def test_every_fill_is_reported_in_the_end_and_no_report_is_taken_back(seed: int, count: int) -> None:
    script = parse_faults({"seed": seed, "script": "fill 30% duplicate; fill 30% late 3; fill every:5 late 1"})
    days = [script.reports_of(range(length)) for length in range(count + 5)]
    for day, longer in pairwise(days):
        assert longer[: len(day)] == day
    assert set(range(count)) <= set(days[-1])


@given(st.integers(0, 2**32), st.integers(1, 10**6))
def test_the_same_seed_gives_the_same_faults(seed: int, number: int) -> None:
    one, other = (parse_faults({"seed": seed, "script": SCRIPT}) for _ in range(2))
    assert [one.fault_of(call, number, NOON) for call in Call] == [other.fault_of(call, number, NOON) for call in Call]


def test_a_share_is_drawn_from_seed_and_number_alone() -> None:
    script = parse_faults({"seed": 7, "script": "place 10% timeout"})
    hit = [number for number, fault in enumerate(faults_of(script, Call.PLACE, range(1, 20_001)), start=1) if fault.loses_answer]
    assert hit[:13] == [1, 24, 27, 42, 58, 59, 61, 68, 79, 83, 85, 87, 99]
    assert len(hit) == 2017


def test_another_seed_gives_other_faults() -> None:
    one, other = (parse_faults({"seed": seed, "script": "place 50% timeout"}) for seed in (1, 2))
    assert faults_of(one, Call.PLACE, range(1, 65)) != faults_of(other, Call.PLACE, range(1, 65))


@pytest.mark.parametrize(
    "line",
    [
        "place",
        "place 3",
        "plaice 3 timeout",
        "place 3 explode",
        "place 0 timeout",
        "place 7-5 timeout",
        "place -5 timeout",
        "place 101% timeout",
        "place every:0 timeout",
        "place 12345678 timeout",
        "place ² timeout",
        "place 3 timeout now",
        "place 3 latency",
        "place 3 latency 9-2",
        "place 3 latency 600001",
        "place 3 latency 1.5",
        "place 3 duplicate",
        "place 3 late 2",
        "fill 3 latency 5",
        "fill 3 reject no",
        "fill 3 timeout",
        "fill 3 late",
        "outage",
        "outage 2026-03-02T13:00:00Z",
        "outage 2026-03-02T13:00:00 2026-03-02T13:05:00",
        "outage 2026-03-02T13:00:00Z 2026-03-02T13:00:00Z",
        "outage 2026-03-02T13:00:00Z soon",
    ],
)
def test_a_line_that_is_wrong_is_named(line: str) -> None:
    with pytest.raises(DomainError) as refused:
        parse_faults(f"place 1 timeout\n{line}  # comment")
    assert refused.value.code is ErrorCode.VALIDATION_ERROR
    assert refused.value.message.startswith("Fault script: ")


@pytest.mark.parametrize(
    "document", [{}, {"seed": 1}, {"script": 1}, {"script": "", "seed": "1"}, {"script": "", "seed": True}, {"script": "", "x": 1}]
)
def test_a_document_of_another_form_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(DomainError, match="expected seed"):
        parse_faults(document)


def test_a_script_has_at_most_a_hundred_rules() -> None:
    assert len(parse_faults("place 1 timeout;" * 100).rules) == 100
    with pytest.raises(DomainError, match="more than 100 rules"):
        parse_faults("place 1 timeout;" * 101)
