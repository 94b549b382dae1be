"""One proof for every root field of the schema: whatever is wrong with an operation, it is refused with a code and changes nothing.

The cases are made from the schema itself, so that a field added tomorrow is held to them without a line here.
"""

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from graphql import is_required_argument
from starlette.types import Message

from domain.kernel.errors import ErrorCode
from domain.kernel.ids import new_id
from tests.audit_log import entries
from tests.resolvers.doors.people import Person
from tests.resolvers.doors.stage import Stage
from tests.resolvers.doors.things import SEEN_BY_ALL
from tests.resolvers.doors.wrong_values import UNWRITABLE, written
from tests.resolvers.graphql.good_arguments import ASKED_BY_CAROL, PUBLIC, RootField, root_fields, wrong_arguments

pytestmark = pytest.mark.asyncio(loop_scope="module")
E = ErrorCode
FIELDS = root_fields()
# Reading the audit log is on record itself; what anybody may ask for has no user behind it.
READINGS_ON_RECORD = {"Query.auditEntries", "Query.auditEntry", "Query.verifyAudit"}
BY_NOBODY = {"Mutation.forgotPassword", "Mutation.resendVerification"}
NULL_IS_AN_ANSWER = {"Query.rateLimit"}  # limits are off on this stage
WRONG_INPUT = {E.VALIDATION_ERROR, E.BAD_REQUEST, E.INVALID_JSON, E.CURSOR_INVALID}
SILENCE_SECONDS = 1.0  # after which a subscription counts as having nothing to say
PATIENCE_SECONDS = 60.0
every = pytest.mark.parametrize


def asker_of(field: RootField, stage: Stage) -> Person:
    return stage.carol if field.name in ASKED_BY_CAROL else stage.ada


async def ask(stage: Stage, field: RootField, variables: Any, headers: dict[str, str], *, patience: float = PATIENCE_SECONDS) -> Any:
    """Return the answer, of a subscription its first event; None if it has nothing to say."""
    return await send(stage, field, written({"query": field.document(variables), "variables": variables}), headers, patience)


async def send(stage: Stage, field: RootField, body: bytes, headers: dict[str, str], patience: float = PATIENCE_SECONDS) -> Any:
    if field.root != "Subscription":
        answer = await stage.client.post("/graphql", content=body, headers={"Content-Type": "application/json", **headers})
        return answer.json()
    return await _first_event(stage, body, headers, patience)


async def _first_event(stage: Stage, body: bytes, headers: dict[str, str], patience: float) -> Any:
    # As a client that listens to server-sent events and leaves after the first.
    sent = {"content-type": "application/json", "accept": "text/event-stream", **{key.lower(): value for key, value in headers.items()}}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http", "path": "/graphql",
        "raw_path": b"/graphql", "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1), "server": ("tradewind", 80),
        "headers": [(key.encode(), value.encode()) for key, value in sent.items()],
    }  # fmt: skip
    requests: asyncio.Queue[Message] = asyncio.Queue()
    said: asyncio.Queue[bytes] = asyncio.Queue()
    requests.put_nowait({"type": "http.request", "body": body, "more_body": False})

    async def listen(message: Message) -> None:
        if chunk := message.get("body", b""):
            said.put_nowait(chunk)

    serving = asyncio.create_task(stage.app(scope, requests.get, listen))
    try:
        text = (await asyncio.wait_for(said.get(), patience)).decode()
    except TimeoutError:
        return None
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
    return json.loads(text.partition("data: ")[2] if text.startswith("event:") else text)


def code_of(answer: Any) -> ErrorCode | None:
    """Return the code of the first error, None where there is none or it is not of the catalogue."""
    errors = (answer or {}).get("errors")
    if not errors or any((answer.get("data") or {}).values()):
        return None
    return next((code for code in E if code.value == errors[0]["extensions"]["code"]), None)


@every("field", FIELDS, ids=str)
async def test_good_operation_is_answered_and_what_it_changes_is_audited_once(stage: Stage, field: RootField) -> None:
    async with stage.copied() as copy:
        before = len(await entries(copy.runtime))
        answer = await ask(copy, field, field.good(stage.things), asker_of(field, copy).headers)
        new = (await entries(copy.runtime))[before:]
    assert "errors" not in answer, answer
    assert answer["data"][field.name] is not None or str(field) in NULL_IS_AN_ANSWER
    assert len(new) == (field.root == "Mutation" or str(field) in READINGS_ON_RECORD), [entry.action for entry in new]
    for entry in new:
        assert (entry.door, entry.result) == ("graphql", "success")
        assert entry.actor_id is not None or str(field) in BY_NOBODY


@every("field", [field for field in FIELDS if str(field) in PUBLIC], ids=str)
async def test_open_field_is_answered_without_a_token(stage: Stage, field: RootField) -> None:
    async with stage.copied() as copy:
        answer = await ask(copy, field, field.good(stage.things), {})
    assert "errors" not in answer, answer


@every("field", FIELDS, ids=str)
async def test_bad_token_is_refused(stage: Stage, field: RootField) -> None:
    good, problems = field.good(stage.things), list[str]()
    for bad in stage.bad_tokens:
        if str(field) in PUBLIC and not bad.headers:
            continue
        async with stage.nothing_changes(problems, bad.why):
            answer = await ask(stage, field, good, bad.headers)
        problems += [f"{bad.why}: {answer}"] if code_of(answer) is not bad.code else []
    assert problems == []


@every("field", [field for field in FIELDS if field.permission], ids=str)
async def test_one_missing_permission_is_named(stage: Stage, field: RootField) -> None:
    assert field.permission is not None
    headers, problems = await stage.lacking(field.permission), list[str]()
    async with stage.nothing_changes(problems, "missing permission"):
        answer = await ask(stage, field, field.good(stage.things), headers)
    assert (problems, code_of(answer)) == ([], E.FORBIDDEN), answer
    assert field.permission.value in answer["errors"][0]["message"]


@every("field", [field for field in FIELDS if field.ids], ids=str)
async def test_thing_of_somebody_else_is_as_if_it_never_was(stage: Stage, field: RootField) -> None:
    problems: list[str] = []
    for name, kind in field.ids.items():
        theirs = stage.things[kind]
        unknown, answers = new_id(theirs.partition("_")[0]), []
        for thing in (theirs, unknown):
            if thing == theirs and kind in SEEN_BY_ALL:
                continue
            async with stage.nothing_changes(problems, name):
                answer = await ask(stage, field, {**_needed(field, stage), name: thing}, stage.bob.headers, patience=SILENCE_SECONDS)
            answers.append(_anonymous(answer, thing))
            if name == "id" or not _lists(field):
                problems += [f"{name}: {answer}"] if code_of(answer) is not E.NOT_FOUND else []
        problems += [f"{name}: {answers}"] if len(set(answers)) > 1 else []
    assert problems == []


def _needed(field: RootField, stage: Stage) -> dict[str, Any]:
    # Without the other things of Ada's: each is asked for alone.
    return {name: value for name, value in field.good(stage.things).items() if is_required_argument(field.field.args[name])}


def _lists(field: RootField) -> bool:
    # A list or stream of nothing is an answer too; it must be the same one.
    return str(field.field.type).strip("!").endswith("Connection") or field.root == "Subscription"


def _anonymous(answer: Any, thing: str) -> str:
    for error in (answer or {}).get("errors", []):
        error["extensions"].pop("requestId")
    return json.dumps(answer).replace(thing, "it")


@every("field", [field for field in FIELDS if field.field.args], ids=str)
async def test_every_wrong_argument_is_refused(stage: Stage, field: RootField) -> None:
    headers, problems = asker_of(field, stage).headers, list[str]()
    for why, variables in wrong_arguments(field, field.good(stage.things)):
        async with stage.nothing_changes(problems, why):
            answer = await ask(stage, field, variables, headers)
        problems += [f"{why}: {answer}"] if code_of(answer) not in WRONG_INPUT else []
    assert problems == []


# Before any field is looked at: one of each root is enough.
@every("field", [next(field for field in FIELDS if field.root == root) for root in ("Query", "Mutation", "Subscription")], ids=str)
async def test_what_is_no_operation_is_refused(stage: Stage, field: RootField) -> None:
    headers, problems = asker_of(field, stage).headers, list[str]()
    variables = field.good(stage.things)
    good: dict[str, Any] = {"query": field.document(variables), "variables": variables}
    size = 2 * stage.runtime.settings.max_body_bytes
    for why, code, body in (
        ("broken", E.INVALID_JSON, written(good)[:-1]),
        ("a list", E.BAD_REQUEST, written([good])),
        ("variables in a list", E.BAD_REQUEST, written({**good, "variables": []})),
        ("deep variables", E.BAD_REQUEST, written({**good, "variables": _deep(30)})),
        *((str(value), E.INVALID_JSON, written({**good, "variables": {"x": value}})) for value in UNWRITABLE),
        ("2 MB", E.PAYLOAD_TOO_LARGE, written({**good, "extensions": {"filling": "x" * size}})),
        ("unheard field", E.VALIDATION_ERROR, written({**good, "query": good["query"].replace(field.name, "unheard", 1)})),
    ):
        async with stage.nothing_changes(problems, why):
            answer = await send(stage, field, body, headers)
        problems += [f"{why}: {answer}"] if code_of(answer) is not code else []
    assert problems == []


def _deep(levels: int) -> Any:
    return {"x": _deep(levels - 1)} if levels else 1
