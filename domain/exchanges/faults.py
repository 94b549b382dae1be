"""Misbehaviour on script: what goes wrong with the n-th call to a venue, so that people can rehearse bad days.

A script is a text with one rule a line (or between semicolons); `#` starts a comment:

    place  3       reject Insufficient margin     the third order is refused with this reason
    place  5-7     timeout                        the orders are taken, but the answers are lost
    *      10%     latency 200-900                one call in ten answers late by so many milliseconds
    cancel every:4 latency 1500                   every fourth cancel answers late
    fill   2       duplicate                      the second fill is reported twice
    fill   3       late 2                         the third fill is reported after the two that follow it
    outage 2026-03-02T09:00:00Z 2026-03-02T09:05:00Z     from the first moment until before the second, nothing gets through

The calls are `place`, `amend`, `cancel` and `find`, which is also a look at all open orders; `*` is each of them; fills are counted by
themselves. Counting starts at 1; `all` means each call. Several rules may meet in one call: latencies add up, the first reason to reject
wins, and a rejected call does not time out. The same script and seed give the same faults every time. The document form is
`{"seed": 7, "script": "…"}`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from domain.kernel.errors import DomainError, ErrorCode

MAX_RULES = 100
MAX_LATENCY_MS = 600_000


class Call(StrEnum):
    """What a venue is asked; `fill` is what it reports."""

    PLACE = "place"
    AMEND = "amend"
    CANCEL = "cancel"
    FIND = "find"
    FILL = "fill"


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one call: it is `down`, or answers after `latency_ms`, with a refusal, with nothing although the call took
    effect (`loses_answer`), or as it should."""

    latency_ms: int = 0
    down: bool = False
    reject: str | None = None
    loses_answer: bool = False


@dataclass(frozen=True, slots=True)
class _Which:
    # Numbers `first` to `last`, of these every `every`-th, and of these so many percent.
    first: int = 1
    last: int | None = None
    every: int = 1
    percent: int = 100


@dataclass(frozen=True, slots=True)
class _Rule:
    calls: frozenset[Call]
    which: _Which
    word: str
    low: int = 0
    high: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class FaultScript:
    """A parsed script: a pure schedule of faults. Without rules nothing goes wrong."""

    seed: int = 0
    rules: tuple[_Rule, ...] = ()
    outages: tuple[tuple[datetime, datetime], ...] = ()

    @property
    def changes_fills(self) -> bool:
        """Whether fills may be reported twice or late."""
        return any(Call.FILL in rule.calls for rule in self.rules)

    def fault_of(self, call: Call, number: int, moment: datetime) -> Fault:
        """Return what happens to the `number`-th call of this kind, made at this moment."""
        if any(begin <= moment < end for begin, end in self.outages):
            return Fault(down=True)
        latency, reject, loses_answer = 0, None, False
        for index, rule in self._rules_for(call, number):
            match rule.word:
                case "latency":
                    latency += rule.low + self._draw(index, call, number, "ms") % (rule.high - rule.low + 1)
                case "reject":
                    reject = reject or rule.text
                case "timeout":
                    loses_answer = True
        return Fault(latency, False, reject, loses_answer and reject is None)

    def reports_of[F](self, fills: Sequence[F]) -> tuple[F, ...]:
        """Return the fills of a venue, given in the order of trading from its first on, as it reports them.

        Some come twice, some after later ones; one that still waits for later fills is left out, so the whole list of a longer
        trading day goes on where that of a shorter one ended, and what was reported is never taken back.
        """
        due: list[tuple[int, int, F]] = []
        for number, fill in enumerate(fills, start=1):
            late, copies = 0, 1
            for _, rule in self._rules_for(Call.FILL, number):
                late, copies = (late + rule.low, copies) if rule.word == "late" else (late, 2)
            if number + late <= len(fills):
                due.extend([(number + late, late, fill)] * copies)
        due.sort(key=lambda report: report[:2])
        return tuple(fill for _, _, fill in due)

    def _rules_for(self, call: Call, number: int) -> list[tuple[int, _Rule]]:
        return [(index, rule) for index, rule in enumerate(self.rules) if call in rule.calls and self._hits(index, rule, call, number)]

    def _hits(self, index: int, rule: _Rule, call: Call, number: int) -> bool:
        which = rule.which
        return (
            which.first <= number
            and (which.last is None or number <= which.last)
            and number % which.every == 0
            and self._draw(index, call, number, "%") % 100 < which.percent
        )

    def _draw(self, index: int, call: Call, number: int, what: str) -> int:
        text = f"{self.seed}\x1f{index}\x1f{call.value}\x1f{number}\x1f{what}"
        return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def parse_faults(source: str | Mapping[str, Any]) -> FaultScript:
    """Return the script that a text or a document describes. Raises VALIDATION_ERROR naming the line that is wrong."""
    seed: object = 0
    if not isinstance(source, str):
        seed, text = source.get("seed", 0), source.get("script")
        if set(source) - {"seed", "script"} or not isinstance(text, str) or not isinstance(seed, int) or isinstance(seed, bool):
            raise _wrong("expected seed (a whole number) and script (a text)")
        source = text
    assert isinstance(seed, int)
    rules: list[_Rule] = []
    outages: list[tuple[datetime, datetime]] = []
    for line in source.replace(";", "\n").splitlines():
        words = line.partition("#")[0].split()
        if words and words[0] == "outage":
            outages.append(_outage(line, words))
        elif words:
            rules.append(_rule(line, words))
    if len(rules) + len(outages) > MAX_RULES:
        raise _wrong(f"more than {MAX_RULES} rules")
    return FaultScript(seed, tuple(rules), tuple(outages))


def _rule(line: str, words: list[str]) -> _Rule:
    if len(words) < 3:
        raise _wrong(f"too few words: {line.strip()[:80]}")
    call, which, word, *rest = words
    if call != "*" and call not in Call:
        raise _wrong(f"unknown call: {call[:20]}")
    calls = frozenset(Call) - {Call.FILL} if call == "*" else frozenset({Call(call)})
    about_fills = call == Call.FILL.value
    match word, rest:
        case "latency", [span] if not about_fills:
            low, _, high = span.partition("-")
            lowest, highest = _number(low, line), _number(high or low, line)
            if not lowest <= highest <= MAX_LATENCY_MS:
                raise _wrong(f"latency is at most {MAX_LATENCY_MS} ms, the smaller number first: {line.strip()[:80]}")
            return _Rule(calls, _which(which, line), word, lowest, highest)
        case "reject", _ if not about_fills:
            return _Rule(calls, _which(which, line), word, text=" ".join(rest) or "Rejected by script")
        case "timeout", [] if not about_fills:
            return _Rule(calls, _which(which, line), word)
        case "duplicate", [] if about_fills:
            return _Rule(calls, _which(which, line), word)
        case "late", [count] if about_fills:
            return _Rule(calls, _which(which, line), word, _number(count, line))
    raise _wrong(f"unknown fault: {line.strip()[:80]}")


def _which(text: str, line: str) -> _Which:
    if text == "all":
        return _Which()
    if text.endswith("%"):
        percent = _number(text[:-1], line)
        if percent > 100:
            raise _wrong(f"more than 100 %: {line.strip()[:80]}")
        return _Which(percent=percent)
    if text.startswith("every:"):
        return _Which(every=_number(text.removeprefix("every:"), line))
    first, _, last = text.partition("-")
    which = _Which(_number(first, line), _number(last or first, line))
    assert which.last is not None
    if which.last < which.first:
        raise _wrong(f"the smaller number comes first: {line.strip()[:80]}")
    return which


def _outage(line: str, words: list[str]) -> tuple[datetime, datetime]:
    try:
        begin, end = (datetime.fromisoformat(word) for word in words[1:])
    except ValueError:
        raise _wrong(f"an outage needs two moments: {line.strip()[:80]}") from None
    if begin.tzinfo is None or end.tzinfo is None or end <= begin:
        raise _wrong(f"an outage needs two moments with time zones, the earlier first: {line.strip()[:80]}")
    return begin, end


def _number(text: str, line: str) -> int:
    # At most seven digits, at least 1: enough for every number in a script.
    if not (text.isascii() and text.isdigit() and len(text) <= 7 and int(text) > 0):
        raise _wrong(f"expected a number above zero: {line.strip()[:80]}")
    return int(text)


def _wrong(what: str) -> DomainError:
    return DomainError(ErrorCode.VALIDATION_ERROR, f"Fault script: {what}", field="script")
