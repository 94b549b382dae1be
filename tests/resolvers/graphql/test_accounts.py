from typing import Any

import pytest

from domain.accounts import links
from domain.kernel.clock import ManualClock
from domain.runtime.runtime import Runtime
from tests.accounts import bearer, mails
from tests.builders import make_user
from tests.databases import both_databases
from tests.graphql_client import GraphQLClient

REGISTER = "mutation ($input: RegisterInput!) { register(input: $input) { id email name role createdAt phoneNumber { mobileNumber } } }"
LOG_IN = """mutation ($email: String!, $password: String!) {
  logIn(email: $email, password: $password) { accessToken refreshToken expiresIn permissions user { email } }
}"""
REFRESH = "mutation ($token: String!) { refreshTokens(refreshToken: $token) { accessToken refreshToken tokenType } }"
ADA = {"email": "Ada@Example.com", "password": "securepassword123", "firstName": "Ada", "lastName": "Lovelace"}


async def registered(nobody: GraphQLClient) -> dict[str, Any]:
    await nobody.data(REGISTER, input=ADA)
    tokens: dict[str, Any] = (await nobody.data(LOG_IN, email=ADA["email"], password=ADA["password"]))["logIn"]
    return tokens


def bearer_of(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['accessToken']}"}


@both_databases
async def test_account_from_registration_to_log_out(nobody: GraphQLClient) -> None:
    account = (await nobody.data(REGISTER, input=ADA | {"phoneNumber": {"countryCode": "+31", "mobileNumber": "612345678"}}))["register"]
    assert account["id"].startswith("user_")
    assert account["email"] == "ada@example.com"
    assert account["name"] == "Ada Lovelace"
    assert account["createdAt"] == "2026-03-02T09:30:00.000Z"
    assert account["phoneNumber"] == {"mobileNumber": "612345678"}

    tokens = (await nobody.data(LOG_IN, email=ADA["email"], password=ADA["password"]))["logIn"]
    assert tokens["expiresIn"] == 1800
    assert tokens["user"] == {"email": "ada@example.com"}
    assert "flows:write" in tokens["permissions"]

    ada = nobody.as_(bearer_of(tokens))
    changed = await ada.data('mutation { updateMe(input: {firstName: "Augusta"}) { name updatedAt } }')
    assert changed["updateMe"] == {"name": "Augusta Lovelace", "updatedAt": "2026-03-02T09:30:00.000Z"}
    assert (await ada.data("{ me { firstName } }"))["me"] == {"firstName": "Augusta"}

    assert await ada.data("mutation { logOut }") == {"logOut": True}
    assert await ada.refusal("{ me { id } }") == "TOKEN_REVOKED"


async def test_refresh_rotates_and_reuse_ends_the_session(nobody: GraphQLClient) -> None:
    first = await registered(nobody)
    second = (await nobody.data(REFRESH, token=first["refreshToken"]))["refreshTokens"]
    assert second["tokenType"] == "bearer"
    assert (await nobody.as_(bearer_of(second)).data("{ me { email } }"))["me"] == {"email": "ada@example.com"}
    assert await nobody.refusal(REFRESH, token=first["refreshToken"]) == "INVALID_REFRESH_TOKEN"
    assert await nobody.as_(bearer_of(second)).refusal("{ me { email } }") == "TOKEN_REVOKED"


async def test_refused_registration_makes_no_account(nobody: GraphQLClient, runtime: Runtime) -> None:
    for input, code in (
        (ADA | {"password": "password"}, "WEAK_PASSWORD"),
        (ADA | {"email": "nonsense"}, "VALIDATION_ERROR"),
        (ADA | {"firstName": " "}, "VALIDATION_ERROR"),
        (ADA | {"birthday": "2025-01-01"}, "VALIDATION_ERROR"),
        (ADA | {"birthday": "yesterday"}, "VALIDATION_ERROR"),
        (ADA | {"phoneNumber": {"mobileNumber": "12"}}, "VALIDATION_ERROR"),
    ):
        assert await nobody.refusal(REGISTER, input=input) == code
    assert await nobody.refusal(LOG_IN, email=ADA["email"], password=ADA["password"]) == "INVALID_CREDENTIALS"
    await nobody.data(REGISTER, input=ADA)
    assert await nobody.refusal(REGISTER, input=ADA) == "EMAIL_TAKEN"


async def test_stranger_is_told_to_log_in(nobody: GraphQLClient) -> None:
    assert await nobody.refusal("{ me { id } }") == "UNAUTHORIZED"
    assert await nobody.refusal("mutation { logOut }") == "UNAUTHORIZED"
    assert await nobody.refusal('mutation { updateMe(input: {firstName: "X"}) { id } }') == "UNAUTHORIZED"


@pytest.mark.parametrize("wrong", [{"foo": 1}, {"password": ["hunter2hunter2"]}, {"email": None}])
async def test_refused_input_is_not_quoted_with_its_secrets(nobody: GraphQLClient, wrong: dict[str, object]) -> None:
    person = {"email": "ada@example.com", "password": "hunter2hunter2", "firstName": "Ada", "lastName": "Lovelace"}
    answer = await nobody.ask("mutation($input: RegisterInput!) { register(input: $input) { id } }", input=person | wrong)
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"VALIDATION_ERROR"}
    assert "hunter2hunter2" not in str(answer)


async def test_five_failures_lock_the_log_in_for_fifteen_minutes(nobody: GraphQLClient, clock: ManualClock) -> None:
    await nobody.data(REGISTER, input=ADA)
    for _ in range(5):
        assert await nobody.refusal(LOG_IN, email=ADA["email"], password="wrong password") == "INVALID_CREDENTIALS"
    error = await nobody.error(LOG_IN, email=ADA["email"], password=ADA["password"])
    assert (error["extensions"]["code"], error["extensions"]["details"]) == ("TOO_MANY_ATTEMPTS", {"retry_after": 900})
    clock.advance(minutes=15)
    await nobody.data(LOG_IN, email=ADA["email"], password=ADA["password"])


SESSIONS = "{ sessions(first: 5) { totalCount nodes { id createdAt lastSeenAt ip userAgent isCurrent } } }"
CHANGE = "mutation ($old: String!, $new: String!) { changePassword(currentPassword: $old, newPassword: $new) { email updatedAt } }"


async def test_sessions_are_listed_and_ended(nobody: GraphQLClient) -> None:
    here = nobody.as_(bearer_of(await registered(nobody)) | {"User-Agent": "Firefox"})
    logged_in = [await nobody.data(LOG_IN, email=ADA["email"], password=ADA["password"]) for _ in range(3)]
    stolen, *others = [nobody.as_(bearer_of(tokens["logIn"])) for tokens in logged_in]

    listed = (await here.data(SESSIONS))["sessions"]
    assert listed["totalCount"] == 4
    assert [session["isCurrent"] for session in listed["nodes"]] == [False, False, False, True]
    assert listed["nodes"][0] == listed["nodes"][0] | {"lastSeenAt": "2026-03-02T09:30:00.000Z", "ip": "127.0.0.1"}

    revoke = "mutation ($id: ID!) { revokeSession(sessionId: $id) }"
    stolen_id = listed["nodes"][2]["id"]
    assert await here.data(revoke, id=stolen_id) == {"revokeSession": stolen_id}
    assert await stolen.refusal("{ me { id } }") == "TOKEN_REVOKED"
    assert await here.refusal(revoke, id=stolen_id) == "NOT_FOUND"
    assert await here.data("mutation { revokeOtherSessions }") == {"revokeOtherSessions": 2}
    for other in others:
        assert await other.refusal("{ me { id } }") == "TOKEN_REVOKED"
    assert (await here.data(SESSIONS))["sessions"]["totalCount"] == 1


async def test_password_is_changed_with_the_current_one(nobody: GraphQLClient) -> None:
    here, elsewhere = (
        nobody.as_(bearer_of(await registered(nobody))),
        nobody.as_(bearer_of((await nobody.data(LOG_IN, email=ADA["email"], password=ADA["password"]))["logIn"])),
    )
    assert await here.refusal(CHANGE, old="wrong password", new="analytical engine") == "WRONG_PASSWORD"
    assert await here.refusal(CHANGE, old=ADA["password"], new="12345678") == "WEAK_PASSWORD"
    changed = await here.data(CHANGE, old=ADA["password"], new="analytical engine")
    assert changed["changePassword"] == {"email": "ada@example.com", "updatedAt": "2026-03-02T09:30:00.000Z"}
    assert await elsewhere.refusal("{ me { id } }") == "TOKEN_REVOKED"
    await here.data("{ me { id } }")
    assert await nobody.refusal(LOG_IN, email=ADA["email"], password=ADA["password"]) == "INVALID_CREDENTIALS"
    await nobody.data(LOG_IN, email=ADA["email"], password="analytical engine")


async def test_admin_reads_changes_and_deletes_users(nobody: GraphQLClient, runtime: Runtime) -> None:
    ada = nobody.as_(bearer_of(await registered(nobody)))
    admin = nobody.as_(await bearer(runtime, await make_user(runtime, role="admin")))
    listed = (await admin.data("{ users(first: 1) { totalCount pageInfo { hasNextPage endCursor } nodes { role } } }"))["users"]
    assert (listed["totalCount"], listed["pageInfo"]["hasNextPage"], listed["nodes"]) == (2, True, [{"role": "admin"}])
    rest = await admin.data("query ($after: Cursor) { users(after: $after) { nodes { id email } } }", after=listed["pageInfo"]["endCursor"])
    [user] = rest["users"]["nodes"]
    assert user["email"] == "ada@example.com"

    change = 'mutation ($id: ID!) { updateUser(userId: $id, input: {lastName: "King"}) { name } }'
    read = "query ($id: ID!) { user(id: $id) { name } }"
    delete = "mutation ($id: ID!) { deleteUser(userId: $id) }"
    for query in (change, read, delete):
        assert await ada.refusal(query, id=user["id"]) == "FORBIDDEN"
    assert (await admin.data(change, id=user["id"]))["updateUser"] == {"name": "Ada King"}
    assert (await admin.data(read, id=user["id"]))["user"] == {"name": "Ada King"}
    assert await admin.data(delete, id=user["id"]) == {"deleteUser": user["id"]}
    assert await ada.refusal("{ me { id } }") == "UNAUTHORIZED"
    assert await admin.refusal(read, id=user["id"]) == "NOT_FOUND"


async def test_own_account_is_deleted_and_its_address_free(nobody: GraphQLClient) -> None:
    ada = nobody.as_(bearer_of(await registered(nobody)))
    assert await ada.data("mutation { deleteMe }") == {"deleteMe": True}
    assert await ada.refusal("{ me { id } }") == "UNAUTHORIZED"
    await nobody.data(REGISTER, input=ADA)


VERIFY = "mutation ($token: String!) { verifyEmail(token: $token) }"
FORGOT = "mutation ($email: String!) { forgotPassword(email: $email) }"
RESET = "mutation ($token: String!, $new: String!) { resetPassword(token: $token, newPassword: $new) }"


async def test_mailed_links_confirm_the_address_and_set_a_new_password(nobody: GraphQLClient, runtime: Runtime) -> None:
    ada = nobody.as_(bearer_of(await registered(nobody)))
    me = (await ada.data("{ me { id emailVerifiedAt } }"))["me"]
    assert me["emailVerifiedAt"] is None
    await links.mail_verification_link(runtime.operation(), me["id"])
    for _ in range(2):
        assert await nobody.data(VERIFY, token=mails(runtime)[0][1]) == {"verifyEmail": True}
    assert (await ada.data("{ me { emailVerifiedAt } }"))["me"] == {"emailVerifiedAt": "2026-03-02T09:30:00.000Z"}

    for email in (ADA["email"], "nobody@example.com"):
        assert await nobody.data(FORGOT, email=email) == {"forgotPassword": True}
    await links.mail_reset_link(runtime.operation(), "ada@example.com")
    token = mails(runtime)[1][1]
    assert await nobody.refusal(RESET, token=token, new="password") == "WEAK_PASSWORD"
    assert await nobody.data(RESET, token=token, new="analytical engine") == {"resetPassword": True}
    assert await ada.refusal("{ me { id } }") == "TOKEN_REVOKED"
    assert await nobody.refusal(RESET, token=token, new="difference engine") == "LINK_INVALID"
    assert await nobody.refusal(VERIFY, token="x") == "LINK_INVALID"
    await nobody.data(LOG_IN, email=ADA["email"], password="analytical engine")
