"""The role `viewer` changes nothing: every mutation of the schema, asked with a viewer's token."""

import pytest
import pytest_asyncio
from graphql import GraphQLObjectType, is_required_argument

from domain.runtime.runtime import Runtime
from tests.accounts import bearer
from tests.builders import make_user
from tests.graphql_client import GraphQLClient
from tests.resolvers.doors.people import Person, register
from tests.resolvers.doors.stage import Stage
from tests.resolvers.graphql.test_schema import MADE_UP, TYPES

# What guards the own account, whatever the role.
OWN_ACCOUNT = {"logOut", "changePassword", "revokeSession", "revokeOtherSessions", "revokeApiKey", "createSecurityAlert"}
# What is there before a log-in.
OPEN = {"register", "logIn", "refreshTokens", "verifyEmail", "resendVerification", "forgotPassword", "resetPassword"}
ROOT = TYPES["Mutation"]
assert isinstance(ROOT, GraphQLObjectType)
MUTATIONS = ROOT.fields


def asking(name: str) -> str:
    field = MUTATIONS[name]
    arguments = ", ".join(f"{key}: {MADE_UP[key, str(it.type)]}" for key, it in field.args.items() if is_required_argument(it))
    leaf = "" if str(field.type).strip("!") in {"ID", "Boolean", "Int"} else " { __typename }"
    return f"mutation {{ {name}{f'({arguments})' if arguments else ''}{leaf} }}"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def viewer(stage: Stage) -> Person:
    return await register(stage.runtime, "Vera", "viewer")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", sorted(set(MUTATIONS) - OWN_ACCOUNT - OPEN))
async def test_viewer_changes_nothing(stage: Stage, viewer: Person, name: str) -> None:
    problems: list[str] = []
    async with stage.nothing_changes(problems, name):
        code = await GraphQLClient(stage.client, viewer.headers).refusal(asking(name))
    assert (problems, code) == ([], "FORBIDDEN")


async def test_viewer_guards_its_account(nobody: GraphQLClient, runtime: Runtime) -> None:
    viewer = nobody.as_(await bearer(runtime, await make_user(runtime, role="viewer")))
    assert set(MUTATIONS) >= OWN_ACCOUNT | OPEN
    assert await viewer.data("mutation { revokeOtherSessions }") == {"revokeOtherSessions": 0}
    assert await viewer.data("mutation { logOut }") == {"logOut": True}
