"""Derives, from a JSON schema and a value that fits it, values that must be refused: wrong type, wrong range, too long, not storable."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

type Schema = dict[str, Any]
type Path = tuple[str | int, ...]

EMOJI = "\N{ROCKET}"
NO_NUMBERS: list[Any] = ["two", "", "NaN", "Infinity", "1_000", True, [1]]
TOO_WIDE = 2**63
WIRE_TYPES = {str: "string", bool: "boolean", list: "array", dict: "object", int: "integer", float: "number"}


@dataclass(frozen=True, slots=True)
class Literal:
    """Text that stands in the JSON as it is, though no JSON writer would put it there."""

    text: str


# No JSON at all, so that it does not matter where they stand.
UNWRITABLE = [Literal("NaN"), Literal("-Infinity"), Literal("1e400"), Literal('"\\ud800"')]
NUL = "a\0b"  # what no database stores
HUGE_NUMBERS: list[Any] = [Literal("1e30"), "1e30"]


def written(document: Any) -> bytes:
    """Return the document as JSON, literals as they are."""
    literals: list[Literal] = []

    def mark(value: Any) -> Any:
        if isinstance(value, Literal):
            literals.append(value)
            return f"\N{OBJECT REPLACEMENT CHARACTER}{len(literals) - 1}"
        if isinstance(value, dict):
            return {key: mark(item) for key, item in value.items()}
        return [mark(item) for item in value] if isinstance(value, list) else value

    text = json.dumps(mark(document), ensure_ascii=False)
    for number, literal in enumerate(literals):
        text = text.replace(f'"\N{OBJECT REPLACEMENT CHARACTER}{number}"', literal.text)
    return text.encode("utf-8", "surrogatepass")


def resolved(schema: Schema, components: Schema) -> list[Schema]:
    """Return the alternatives of a schema without references: one for each type that it allows."""
    if "$ref" in schema:
        return resolved(components[schema["$ref"].rpartition("/")[2]], components)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return [one for option in options for one in resolved(option, components)]
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": kind} for kind in schema["type"]]
    return [schema]


def wrong_values(schema: Schema, components: Schema) -> list[Any]:
    """Return values that the schema, or the rules of this server for numbers and text, forbid."""
    options = resolved(schema, components)
    kinds = {option.get("type", "string" if "enum" in option or "const" in option else "any") for option in options}
    if "any" in kinds:
        return [NUL]
    found: list[Any] = [NUL]
    if kinds & {"number", "integer"}:
        found += NO_NUMBERS + HUGE_NUMBERS
        if "number" not in kinds:
            found += [1.5, TOO_WIDE, -TOO_WIDE - 1, str(TOO_WIDE)]
        for option in options:
            found += [option["minimum"] - 1] if "minimum" in option else []
            found += [option["maximum"] + 1] if "maximum" in option else []
            found += [option["exclusiveMinimum"], -1] if "exclusiveMinimum" in option else []
    else:
        found += [value for value in (7, "two", True, [7], {"unheard": EMOJI}) if WIRE_TYPES[type(value)] not in kinds]
    if "null" not in kinds:
        found.append(None)
    for option in options:
        if "enum" in option:
            found += ["", EMOJI, "no such word"]
        if "maxLength" in option:
            found.append("x" * (option["maxLength"] + 1))
        if option.get("minLength"):
            found.append("")
    return found


def wrong_bodies(schema: Schema, components: Schema, good: Any, at: Path = ()) -> Iterator[tuple[str, Any]]:
    """Yield (why, body): the good body with one thing wrong in it, however deep it stands."""
    for value in wrong_values(schema, components):
        yield f"{'.'.join(map(str, at)) or 'body'} = {str(value)[:40]!r}", value
    for option in resolved(schema, components):
        if option.get("type") == "object" and isinstance(good, dict):
            for name, inner in option.get("properties", {}).items():
                for why, value in wrong_bodies(inner, components, good.get(name), (*at, name)):
                    yield why, {**good, name: value}
            for name in option.get("required", ()):
                yield f"without {'.'.join(map(str, (*at, name)))}", {key: value for key, value in good.items() if key != name}
        if option.get("type") == "array" and isinstance(good, list):
            for why, value in wrong_bodies(option.get("items", {}), components, good[0] if good else None, (*at, 0)):
                yield why, [value]


def wrong_words(schema: Schema, components: Schema) -> list[str]:
    """Return what must be refused as the value of a query parameter or a path, where everything is text."""
    options = resolved(schema, components)
    kinds = {option.get("type", "string") for option in options}
    found = ["a\0b"]
    if kinds & {"number", "integer"}:
        found += ["two", "", EMOJI, "NaN", "Infinity", "1_000", "null", "[1]", "1e30", "true", " "]
        if "number" not in kinds:
            found += ["1.5", "1e3", str(TOO_WIDE), str(-TOO_WIDE - 1), "9" * 5_000]
        for option in options:
            found += [str(option["minimum"] - 1)] if "minimum" in option else []
            found += [str(option["maximum"] + 1)] if "maximum" in option else []
            found += [str(option["exclusiveMinimum"]), "-1"] if "exclusiveMinimum" in option else []
    elif kinds & {"boolean"}:
        found += ["maybe", "", EMOJI, "null", "7", "[]"]
    for option in options:
        if "enum" in option:
            found += ["", EMOJI, "no such word", "null"]
        if "maxLength" in option:
            found.append("x" * (option["maxLength"] + 1))
        if option.get("minLength"):
            found.append("")
    return found
