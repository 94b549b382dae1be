"""Checks JSON values against what describes them: a sample from a document, or a schema of an OpenAPI document."""

import re
from collections.abc import Iterator
from typing import Any

UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def json_type(value: Any) -> str:
    """Return the word of JSON Schema for a value as the standard library reads it; integers are numbers."""
    if value is None:
        return "null"
    kinds = ((bool, "boolean"), (int | float, "number"), (str, "string"), (list, "array"), (dict, "object"))
    return next(word for kind, word in kinds if isinstance(value, kind))


def differences(sample: Any, value: Any, place: str = "") -> Iterator[str]:
    """Yield every key of the sample that is missing, and every value that has another JSON type or is a time of another form.

    Objects may have more keys; of a list of objects every item must look like the first of the sample.
    """
    if json_type(value) != json_type(sample):
        yield f"{place}: {json_type(value)} instead of {json_type(sample)}"
    elif isinstance(sample, dict):
        for key, inner in sample.items():
            if key in value:
                yield from differences(inner, value[key], f"{place}.{key}")
            else:
                yield f"{place}.{key} is missing"
    elif isinstance(sample, list) and sample:
        for index, item in enumerate(value):
            yield from differences(sample[0], item, f"{place}[{index}]")
    elif isinstance(sample, str) and sample.endswith("Z") and not UTC_TIME.fullmatch(value):
        yield f"{place}: {value} is not a time in UTC with milliseconds"


def violations(schema: dict[str, Any], value: Any, document: dict[str, Any], place: str = "") -> Iterator[str]:
    """Yield where a value breaks the schema, of the keywords that our documents use; an object key that no schema names is one too."""
    if "$ref" in schema:
        yield from violations(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], value, document, place)
        return
    if "anyOf" in schema:
        tried = [list(violations(option, value, document, place)) for option in schema["anyOf"]]
        if all(tried):
            yield from min(tried, key=len)
        return
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if kinds and json_type(value) not in kinds and not ("integer" in kinds and is_integer):
        yield f"{place}: {json_type(value)} instead of {kinds}"
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        yield f"{place}: {value!r} is not one of {schema.get('enum', schema.get('const'))}"
    if schema.get("format") == "date-time" and isinstance(value, str) and not UTC_TIME.fullmatch(value):
        yield f"{place}: {value} is not a time in UTC with milliseconds"
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from violations(schema.get("items", {}), item, document, f"{place}[{index}]")
    if isinstance(value, dict) and "properties" in schema:
        yield from (f"{place}.{key} is missing" for key in schema.get("required", []) if key not in value)
        for key, item in value.items():
            if key not in schema["properties"] and not schema.get("additionalProperties"):
                yield f"{place}.{key} is not described"
            yield from violations(schema["properties"].get(key, {}), item, document, f"{place}.{key}")


def faults(document: dict[str, Any]) -> Iterator[str]:
    """Yield what OpenAPI 3.1 demands and the document lacks: required fields, unique ids, resolvable references, true path parameters."""
    if not re.fullmatch(r"3\.1\.\d+", document["openapi"]) or not {"title", "version"} <= document["info"].keys():
        yield "openapi or info is incomplete"
    ids: set[str] = set()
    for path, methods in document["paths"].items():
        named = set(re.findall(r"{([^}]+)}", path))
        if not path.startswith("/"):
            yield f"{path} does not begin with a slash"
        for method, operation in methods.items():
            where = f"{method.upper()} {path}"
            if method not in {"get", "put", "post", "delete", "patch"} or operation["operationId"] in ids:
                yield f"{where}: unknown method or repeated id"
            ids.add(operation["operationId"])
            described = {(one["in"], one["name"]) for one in operation["parameters"]}
            if len(described) != len(operation["parameters"]) or {name for kind, name in described if kind == "path"} != named:
                yield f"{where}: parameters {sorted(described)} do not fit the path"
            for one in operation["parameters"]:
                if (
                    one["in"] not in {"path", "query", "header", "cookie"}
                    or "schema" not in one
                    or (one["in"] == "path" and not one["required"])
                ):
                    yield f"{where}: parameter {one['name']} is ill-formed"
            if not operation["responses"] or not all(re.fullmatch(r"[1-5]\d\d|default", code) for code in operation["responses"]):
                yield f"{where}: no responses, or ill-formed statuses"
            if not all(answer.get("description") for answer in operation["responses"].values()):
                yield f"{where}: a response without a description"
            if "requestBody" in operation and not operation["requestBody"].get("content"):
                yield f"{where}: a body without content"
            for scheme in operation["security"]:
                if not scheme.keys() <= document["components"]["securitySchemes"].keys():
                    yield f"{where}: unknown security scheme"
    known = {f"#/components/{kind}/{name}" for kind, parts in document["components"].items() for name in parts}
    yield from (f"{reference} leads nowhere" for reference in sorted(_references(document) - known))


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(_references(value) for value in node.values()))
    return set().union(*(_references(item) for item in node)) if isinstance(node, list) else set()
