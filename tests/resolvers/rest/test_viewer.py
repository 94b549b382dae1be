"""The role `viewer` reads everything of its own and changes nothing: every row of both tables, asked with a viewer's token."""

import re
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio

from domain.accounts.assigning import assign_role
from domain.flows.service import NewFlow, create_flow
from domain.runtime.runtime import Runtime
from resolvers.rest.endpoint import BoundCall
from tests.resolvers.doors.people import register
from tests.resolvers.doors.stage import Stage
from tests.resolvers.rest.good_requests import BODIES, name_of
from tests.resolvers.rest.good_requests import ROWS as EVERY_ROW

# What guards the own account, whatever the role.
OWN_ACCOUNT = {
    "POST /api/v1/auth/logout",
    "DELETE /api/v1/users/me/sessions/{session_id}",
    "DELETE /api/v1/users/me/sessions",
    "DELETE /api/v1/api-keys/{key_id}",
    "POST /v1/auth/logout",
    "PUT /v1/auth/change-password",
    "DELETE /v1/security/api-keys/{key_id}",
    "POST /v1/security/alerts",
    "POST /v1/security/sessions/revoke",
}
ROWS = [row for row in EVERY_ROW if not row.call.public]
on_stage = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody with a flow from the time when she was more than a viewer."""

    id: str
    headers: dict[str, str]
    flow_id: str

    def path(self, row: BoundCall) -> str:
        return re.sub(r"\{[^}]+\}", "nothing", row.path.replace("{flow_id}", self.flow_id).replace("{user_id}", self.id))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def viewer(stage: Stage) -> Viewer:
    vera = await register(stage.runtime, "Vera", "user")
    async with vera.operation.unit_of_work() as work:
        flow = await create_flow(work, NewFlow(name="Swing", symbol="BTC/USDT"))
    async with stage.runtime.operation().unit_of_work() as work:
        await assign_role(work, vera.caller.id, "viewer")
    return Viewer(vera.caller.id, vera.headers, flow.id)


@on_stage
@pytest.mark.parametrize("row", [row for row in ROWS if row.call.method != "GET" and name_of(row) not in OWN_ACCOUNT], ids=name_of)
async def test_viewer_changes_nothing(stage: Stage, viewer: Viewer, row: BoundCall) -> None:
    problems: list[str] = []
    body = BODIES.get(name_of(row), {})  # good ones, so that nothing but the permission refuses them
    async with stage.nothing_changes(problems, name_of(row)):
        path, json = viewer.path(row), body if row.body is not None else None
        answer = await stage.client.request(row.call.method, path, headers=viewer.headers, json=json)
    assert (problems, answer.status_code) == ([], 403), answer.text


def test_rows_that_any_role_may_use_are_there() -> None:
    assert {name_of(row) for row in ROWS} >= OWN_ACCOUNT


OVER_OTHERS = ("/api/v1/users/{user_id}", "/api/v1/roles", "/api/v1/permissions", "/api/v1/audit", "/v1/security/logs")


@on_stage
@pytest.mark.parametrize("row", [row for row in ROWS if row.call.method == "GET"], ids=name_of)
async def test_viewer_reads_all_that_is_its_own(stage: Stage, viewer: Viewer, row: BoundCall) -> None:
    answer = await stage.client.get(viewer.path(row), headers=viewer.headers)
    over_others = row.path == "/api/v1/users" or row.path.startswith(OVER_OTHERS)
    assert (answer.status_code == 403) is over_others, answer.text


async def test_viewer_guards_its_account(client: httpx.AsyncClient, runtime: Runtime) -> None:
    ada = {"email": "ada@example.com", "password": "securepassword123", "name": "Ada Lovelace"}
    user = (await client.post("/v1/auth/register", json=ada)).json()
    async with runtime.operation().unit_of_work() as work:
        await assign_role(work, user["id"], "viewer")
    token = (await client.post("/v1/auth/login", json=ada)).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    change = {"current_password": ada["password"], "new_password": "analytical engine"}
    assert (await client.put("/v1/auth/change-password", headers=headers, json=change)).status_code == 200
    assert (await client.post("/v1/auth/logout", headers=headers)).status_code == 200
    assert (await client.post("/v1/auth/login", json=ada | {"password": "analytical engine"})).status_code == 200
