"""The role `viewer` reads everything of its own and changes nothing: every row of both tables, asked with a viewer's token."""

import re

import httpx
import pytest

from domain.accounts.assigning import assign_role
from domain.flows.service import NewFlow, create_flow
from domain.kernel.permissions import Caller
from domain.market.market import Market
from domain.runtime.runtime import Runtime
from resolvers.rest.api_v1 import API_V1_ROWS
from resolvers.rest.endpoint import BoundCall
from resolvers.rest.v1 import V1_ROWS
from tests.accounts import bearer
from tests.builders import make_user
from tests.databases import contents
from tests.resolvers.rest.good_requests import BODIES

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
ROWS = [row for row in (*API_V1_ROWS, *V1_ROWS) if not row.call.public]


def named(row: BoundCall) -> str:
    return f"{row.call.method} {row.path}"


async def former_trader(runtime: Runtime) -> tuple[Caller, str]:
    """Return a viewer who has a flow from the time when it was more, and the flow's id."""
    ada = await make_user(runtime)
    async with runtime.operation(ada, door="test").unit_of_work() as work:
        flow = await create_flow(work, NewFlow(name="Swing", symbol="BTC/USDT"))
    async with runtime.operation().unit_of_work() as work:
        await assign_role(work, ada.id, "viewer")
    return ada, flow.id


@pytest.mark.parametrize("row", [row for row in ROWS if row.call.method != "GET" and named(row) not in OWN_ACCOUNT], ids=named)
async def test_viewer_changes_nothing(client: httpx.AsyncClient, runtime: Runtime, source: object, row: BoundCall) -> None:
    ada, flow_id = await former_trader(runtime)
    headers = await bearer(runtime, ada)
    path = re.sub(r"\{[^}]+\}", "nothing", row.path.replace("{flow_id}", flow_id).replace("{user_id}", ada.id))
    body = BODIES.get(named(row), {})  # good ones, so that nothing but the permission refuses them
    before = await contents(runtime)
    answer = await client.request(row.call.method, path, headers=headers, json=body if row.body is not None else None)
    assert answer.status_code == 403, answer.text
    assert await contents(runtime) == before


def test_rows_that_any_role_may_use_are_there() -> None:
    assert {named(row) for row in ROWS} >= OWN_ACCOUNT


OVER_OTHERS = ("/api/v1/users/{user_id}", "/api/v1/roles", "/api/v1/permissions", "/api/v1/audit", "/v1/security/logs")


@pytest.mark.parametrize("row", [row for row in ROWS if row.call.method == "GET"], ids=named)
async def test_viewer_reads_all_that_is_its_own(client: httpx.AsyncClient, runtime: Runtime, source: object, row: BoundCall) -> None:
    assert runtime.use(Market)
    ada, flow_id = await former_trader(runtime)
    path = re.sub(r"\{[^}]+\}", "nothing", row.path.replace("{flow_id}", flow_id))
    answer = await client.get(path, headers=await bearer(runtime, ada))
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
