"""What the proofs of the doors are made of must itself be what it says."""

from typing import Any

from tests.resolvers.doors.wrong_values import Literal, written, wrong_bodies, wrong_words

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 3}, "tons": {"type": ["number", "null"]}},
    "required": ["name"],
}


def test_literals_are_written_as_they_are() -> None:
    assert written({"a": [Literal("1e400"), "\N{ROCKET}"], "b": Literal('"\\ud800"')}) == '{"a": [1e400, "🚀"], "b": "\\ud800"}'.encode()


def test_one_thing_is_wrong_in_each_body() -> None:
    bodies = [body for _, body in wrong_bodies(SCHEMA, {}, {"name": "x", "tons": 1.5})]
    assert {"tons": 1.5} in bodies
    assert {"name": "xxxx", "tons": 1.5} in bodies
    assert {"name": 7, "tons": 1.5} in bodies
    assert {"name": None, "tons": 1.5} in bodies
    assert {"name": "x", "tons": "two"} in bodies
    assert {"name": "x", "tons": Literal("1e30")} in bodies
    assert {"name": "a\0b", "tons": 1.5} in bodies
    assert {"name": "x", "tons": None} not in bodies
    assert {"name": "x", "tons": 1.5} not in bodies
    assert [] not in bodies and [7] in bodies and None in bodies


def test_words_of_a_query_are_wrong_for_their_type() -> None:
    assert {"0", "101", "1.5", "two", "9223372036854775808"} <= set(wrong_words({"type": "integer", "minimum": 1, "maximum": 100}, {}))
    assert wrong_words({"type": "string"}, {}) == ["a\0b"]
    assert "buy" not in wrong_words({"type": "string", "enum": ["buy", "sell"]}, {})
