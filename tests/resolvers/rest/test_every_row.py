"""One proof for every row of both route tables: whatever is wrong with a request, the row refuses it in its dialect and changes nothing.

The cases are made from the tables themselves, so that a row added tomorrow is held to them without a line here. Rows that are open
without a token have no cases of bad tokens and missing permissions: a bad token counts as none there.
"""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from domain.accounts.words import word_for
from domain.kernel.errors import ErrorCode
from domain.kernel.ids import new_id
from resolvers.rest.endpoint import BoundCall
from resolvers.rest.inputs import JSON_TYPE
from resolvers.rest.openapi import openapi
from schema.rest.dialects import API_V1, V1
from tests.audit_log import entries
from tests.resolvers.doors.stage import Stage
from tests.resolvers.doors.things import SEEN_BY_ALL
from tests.resolvers.doors.wrong_values import UNWRITABLE, resolved, written, wrong_bodies, wrong_words
from tests.resolvers.rest.good_requests import ID_NAMES, KEYED, NO_IDS, ROWS, good_request, name_of, thing_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
E = ErrorCode
DOCUMENTS = {dialect.prefix: openapi(dialect, [row for row in ROWS if row.dialect is dialect], "1") for dialect in (API_V1, V1)}
LISTED = {E.VALIDATION_ERROR, E.INVALID_JSON, E.WEAK_PASSWORD}
CLOSED = [row for row in ROWS if not row.call.public]
GUARDED = [row for row in ROWS if getattr(row.call.service, "permission", None)]
WITH_BODY = [row for row in ROWS if row.body is not None]
# Bodies are read in one place, before a row is asked what it takes: these are shown everything that is no body, the others a sample.
FIRST_WITH_BODY = {(row.dialect, row.body.is_required, row.call.form): row for row in reversed(WITH_BODY) if row.body is not None}
# A link that is followed changes something, and reading the audit log is on record itself.
GETS_ON_RECORD = {"GET /api/v1/auth/verify-email", "GET /api/v1/audit", "GET /v1/security/logs"}
# What anybody may ask for, or a device does, has no user behind it.
BY_NOBODY = {"POST /api/v1/auth/forgot-password", "POST /api/v1/auth/resend-verification", *KEYED}
every = pytest.mark.parametrize


def operation_of(row: BoundCall) -> tuple[dict[str, Any], dict[str, Any]]:
    document = DOCUMENTS[row.dialect.prefix]
    return document["paths"][row.path.replace(":path}", "}")][row.call.method.lower()], document["components"]["schemas"]


def complaint(row: BoundCall, answer: httpx.Response, *codes: ErrorCode) -> str | None:
    """Return what is wrong with a refusal: status, envelope, headers or code; any code below 500 will do if none is given."""
    said = f"{answer.status_code} {answer.text[:200]}"
    if not answer.headers["content-type"].startswith("application/json"):
        return f"{said}: not JSON"
    body: dict[str, Any] = answer.json()
    if row.dialect is V1:
        error: dict[str, Any] = body.get("error", {})
        if set(body) != {"error"} or set(error) != {"code", "message", "details"} or not error["message"]:
            return f"{said}: not the envelope"
        if error["details"].get("request_id") != answer.headers["x-request-id"]:
            return f"{said}: another request id"
        found = {code for code in E if code.value == error["code"]}
    else:
        if set(body) != {"detail"} or not body["detail"]:
            return f"{said}: not the envelope"
        is_list = isinstance(body["detail"], list)
        if is_list and not all({"type", "loc", "msg", "input"} <= set(problem) for problem in body["detail"]):
            return f"{said}: not a list of problems"
        found = {code for code in E if _status(row, code) == answer.status_code and (code in LISTED) == is_list}
    if not 400 <= answer.status_code < 500:
        return f"{said}: not a refusal"
    if answer.status_code == 401 and answer.headers.get("www-authenticate") != "Bearer":
        return f"{said}: without WWW-Authenticate"
    if row.dialect is V1 and body["error"]["code"] == E.ROUTE_NOT_FOUND.value:
        return None if E.NOT_FOUND in codes or not codes else f"{said}: not a row at all"  # a slash in an id leads elsewhere
    documented = operation_of(row)[0]["responses"].get(str(answer.status_code))
    if documented is None:
        return f"{said}: a status that the document does not know"
    if row.dialect is V1 and body["error"]["code"] not in documented["content"][JSON_TYPE]["examples"]:
        return f"{said}: a code that the document does not know"
    fitting = [code for code in codes or found if code in found and _status(row, code) == answer.status_code]
    return None if fitting else f"{said}: not {', '.join(code.value for code in codes) or 'a refusal of the catalogue'}"


def _status(row: BoundCall, code: ErrorCode) -> int:
    return row.call.statuses.get(code, row.dialect.status_of(code))


@every("row", ROWS, ids=name_of)
async def test_good_request_is_answered_and_what_it_changes_is_audited_once(stage: Stage, row: BoundCall) -> None:
    request = good_request(row, stage)
    async with stage.copied() as copy:
        before = len(await entries(copy.runtime))
        answer = await request.send(copy.client)
        new = (await entries(copy.runtime))[before:]
    assert answer.status_code == request.status, answer.text
    changes = row.call.method != "GET" or name_of(row) in GETS_ON_RECORD
    assert len(new) == (changes and answer.status_code < 300), [entry.action for entry in new]
    for entry in new:
        assert (entry.door, entry.result, entry.request_id) == (row.dialect.door, "success", answer.headers["x-request-id"])
        assert entry.actor_id is not None or name_of(row) in BY_NOBODY


@every("row", ROWS, ids=name_of)
async def test_good_request_gets_a_documented_answer_from_a_silent_market(stage: Stage, row: BoundCall) -> None:
    request = good_request(row, stage)
    responses = operation_of(row)[0]["responses"]
    async with stage.copied() as copy:
        copy.source.silent = True
        answer = await request.send(copy.client)
    assert str(answer.status_code) in responses, answer.text
    if answer.status_code != request.status:
        examples = responses["503"]["content"][JSON_TYPE]["examples"]
        assert answer.status_code == 503 and {E.MARKET_UNAVAILABLE.value, E.VENUE_UNAVAILABLE.value} & set(examples)


@every("row", [row for row in ROWS if row.call.public and name_of(row) not in KEYED], ids=name_of)
async def test_open_row_answers_without_a_token_and_with_a_bad_one(stage: Stage, row: BoundCall) -> None:
    request = good_request(row, stage)
    for bad in stage.bad_tokens:
        async with stage.copied() as copy:
            answer = await request.send(copy.client, headers=bad.headers)
        assert answer.status_code == request.status, (bad.why, answer.text)


@every("row", CLOSED, ids=name_of)
async def test_bad_token_is_refused(stage: Stage, row: BoundCall) -> None:
    request, problems = good_request(row, stage), list[str]()
    for bad in stage.bad_tokens:
        async with stage.nothing_changes(problems, bad.why):
            answer = await request.send(stage.client, headers=bad.headers)
        problems += [f"{bad.why}: {said}" for said in [complaint(row, answer, bad.code)] if said]
    assert problems == []


@every("row", GUARDED, ids=name_of)
async def test_one_missing_permission_is_named(stage: Stage, row: BoundCall) -> None:
    request, problems = good_request(row, stage), list[str]()
    needed = row.call.service.permission  # type: ignore[attr-defined]
    headers = await stage.lacking(needed)
    async with stage.nothing_changes(problems, "missing permission"):
        answer = await request.send(stage.client, headers=headers)
    problems += [said for said in [complaint(row, answer, E.FORBIDDEN)] if said]
    assert problems == []
    named = word_for(needed.value) if row.dialect is V1 else needed.value
    assert named in answer.text


@every("row", [row for row in CLOSED if "{" in row.path], ids=name_of)
async def test_thing_of_somebody_else_is_as_if_it_never_was(stage: Stage, row: BoundCall) -> None:
    request, problems = good_request(row, stage), list[str]()
    for parameter in re.findall(r"\{(\w+)", row.path):
        theirs = stage.things[kind := thing_of(parameter, name_of(row))]
        unknown = new_id(theirs.partition("_")[0])
        async with stage.nothing_changes(problems, parameter):
            missing = await request.send(stage.client, path=request.path.replace(theirs, unknown), headers=stage.bob.headers)
            problems += [f"unknown {parameter}: {said}" for said in [complaint(row, missing, E.NOT_FOUND)] if said]
            if kind not in SEEN_BY_ALL:
                hidden = await request.send(stage.client, headers=stage.bob.headers)
                if _anonymous(hidden, theirs) != _anonymous(missing, unknown):
                    problems.append(f"{parameter}: {hidden.status_code} {hidden.text} is not {missing.status_code} {missing.text}")
    assert problems == []


def _anonymous(answer: httpx.Response, thing: str) -> tuple[int, str]:
    return answer.status_code, answer.text.replace(thing, "it").replace(answer.headers["x-request-id"], "request")


def places_of_ids(row: BoundCall) -> list[tuple[str, str]]:
    """Return (query or body, name) of everything besides the path that names a thing."""
    operation, components = operation_of(row)
    queried = [("query", entry["name"]) for entry in operation["parameters"] if entry["in"] == "query"]
    schema = operation["requestBody"]["content"][JSON_TYPE]["schema"] if "requestBody" in operation else {}
    fields = [("body", name) for option in resolved(schema, components) for name in option.get("properties", {})]
    return [(place, name) for place, name in queried + fields if (name.endswith("_id") or name in ID_NAMES) and name not in NO_IDS]


# What is sent back with an order must be what it was, so its ids are no references.
REFERRING = [row for row in CLOSED if places_of_ids(row) and name_of(row) != "PUT /v1/trading/orders/{order_id}"]


@every("row", REFERRING, ids=name_of)
async def test_thing_of_somebody_else_named_in_body_or_query_is_as_if_it_never_was(stage: Stage, row: BoundCall) -> None:
    request, problems = good_request(row, stage), list[str]()
    for place, name in places_of_ids(row):
        theirs = stage.things[kind := thing_of(name, name_of(row))]
        if kind in SEEN_BY_ALL:
            continue
        unknown, answers = new_id(theirs.partition("_")[0]), []
        for thing in (theirs, unknown):
            changes: dict[str, Any] = {"json": {**(request.body or {}), name: thing}} if place == "body" else {}
            changes |= {"params": {**request.query, name: thing}} if place == "query" else {}
            async with stage.nothing_changes(problems, f"{place} {name}"):
                answers.append(_anonymous(await request.send(stage.client, headers=stage.bob.headers, **changes), thing))
        if answers[0] != answers[1] or answers[0][0] >= 500:
            problems.append(f"{name}: {answers[0]} is not {answers[1]}")
    assert problems == []


@every("row", WITH_BODY, ids=name_of)
async def test_what_is_no_body_is_refused(stage: Stage, row: BoundCall) -> None:
    request, problems = good_request(row, stage), list[str]()
    limit = stage.runtime.settings.max_body_bytes
    plain = {**request.person.headers, "Content-Type": "text/plain"}
    cases: list[tuple[str, ErrorCode | None, dict[str, Any]]] = [
        ("broken", E.INVALID_JSON, {"content": b'{"name": '}),
        ("blank", E.INVALID_JSON, {"content": b"  "}),
        ("two documents", E.INVALID_JSON, {"content": b"{} {}"}),
        ("NaN", E.INVALID_JSON, {"content": b"NaN"}),
        ("not UTF-8", E.INVALID_JSON, {"content": b'{"name": "\xff"}'}),
        ("a list", E.VALIDATION_ERROR, {"content": written([request.body])}),
        ("a number", E.VALIDATION_ERROR, {"content": b"7"}),
        ("a text", E.VALIDATION_ERROR, {"content": b'"text"'}),
        ("a boolean", E.VALIDATION_ERROR, {"content": b"true"}),
        ("deep lists", E.VALIDATION_ERROR, {"content": b"[" * 5_000 + b"]" * 5_000}),
        ("deep objects", E.VALIDATION_ERROR, {"content": b'{"a":' * 60 + b"1" + b"}" * 60}),
        ("2 MB", E.PAYLOAD_TOO_LARGE, {"content": b'{"name": "' + b"x" * 2 * limit + b'"}'}),
        ("2 MB of untold length", E.PAYLOAD_TOO_LARGE, {"content": _chunks(2 * limit)}),
        ("plain text", E.UNSUPPORTED_MEDIA_TYPE, {"content": written(request.body), "headers": plain}),
        ("another charset", E.UNSUPPORTED_MEDIA_TYPE,
            {"content": b"{}", "headers": {**plain, "Content-Type": "application/json; charset=utf-16"}}),
        *((str(value), None, {"content": written({"name": value})}) for value in UNWRITABLE),
    ]  # fmt: skip
    if row not in FIRST_WITH_BODY.values():
        cases = [case for case in cases if case[0] in {"broken", "a list", "a text"}]
    assert row.body is not None
    if row.body.is_required:
        cases += [("nothing", E.VALIDATION_ERROR, {"content": b""}), ("null", E.VALIDATION_ERROR, {"content": b"null"})]
    for why, code, changes in cases:
        async with stage.nothing_changes(problems, why):
            answer = await request.send(stage.client, **changes)
        problems += [f"{why}: {said}" for said in [complaint(row, answer, *[code] if code else [])] if said]
    assert problems == []


async def _chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65_536 + 1):
        yield b"x" * 65_536


@every("row", WITH_BODY, ids=name_of)
async def test_every_wrong_field_is_refused(stage: Stage, row: BoundCall) -> None:
    request, problems, sent = good_request(row, stage), list[str](), 0
    operation, components = operation_of(row)
    schema = operation["requestBody"]["content"][JSON_TYPE]["schema"]
    for why, body in wrong_bodies(schema, components, request.body):
        async with stage.nothing_changes(problems, why):
            answer = await request.send(stage.client, content=written(body))
        problems += [f"{why}: {said}" for said in [complaint(row, answer)] if said]
        sent += 1
    assert problems == []
    assert sent >= 5


@every("row", [row for row in ROWS if row.queried], ids=name_of)
async def test_every_wrong_parameter_is_refused(stage: Stage, row: BoundCall) -> None:
    request, problems = good_request(row, stage), list[str]()
    operation, components = operation_of(row)
    for parameter in operation["parameters"]:
        if parameter["in"] != "query":
            continue
        name = parameter["name"]
        for word in wrong_words(parameter["schema"], components):
            async with stage.nothing_changes(problems, f"{name}={word[:40]}"):
                answer = await request.send(stage.client, params={**request.query, name: word})
            problems += [f"{name}={word[:40]!r}: {said}" for said in [complaint(row, answer, E.VALIDATION_ERROR)] if said]
        if parameter["required"]:
            answer = await request.send(stage.client, params={key: value for key, value in request.query.items() if key != name})
            problems += [f"no {name}: {said}" for said in [complaint(row, answer, E.VALIDATION_ERROR)] if said]
    assert problems == []


@every("row", [row for row in ROWS if "{" in row.path], ids=name_of)
async def test_every_odd_id_is_refused(stage: Stage, row: BoundCall) -> None:
    request, problems = good_request(row, stage), list[str]()
    for parameter in re.findall(r"\{(\w+)", row.path):
        thing = stage.things[thing_of(parameter, name_of(row))]
        for odd in ("%F0%9F%9A%80", "%00", "%ED%A0%80", "%FF", "x" * 5_000, "%20", "..%2F..", "1e30", "null", "'%20OR%201=1", "%25"):
            async with stage.nothing_changes(problems, odd[:40]):
                answer = await request.send(stage.client, path=request.path.replace(thing, odd))
            problems += [f"{parameter}={odd[:40]}: {said}" for said in [complaint(row, answer)] if said]
    assert problems == []
