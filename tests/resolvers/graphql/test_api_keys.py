"""API keys over GraphQL, HTTP and socket."""

from tests.graphql_client import GraphQLClient, socket_to

CREATE = """mutation ($input: ApiKeyInput!, $key: String) {
  createApiKey(input: $input, idempotencyKey: $key) { secret apiKey { id name prefix permissions revokedAt } } }"""
REVOKE = "mutation ($id: ID!) { revokeApiKey(keyId: $id) { id revokedAt } }"
ROBOT = {"name": "Robot", "permissions": ["orders:read", "profile:read"], "expiresAt": "2026-04-01T00:00:00Z"}


async def test_key_opens_both_of_graphqls_doors(ada: GraphQLClient, port: int) -> None:
    made = (await ada.data(CREATE, input=ROBOT, key="once"))["createApiKey"]
    assert (made["apiKey"]["permissions"], made["apiKey"]["revokedAt"]) == (["orders:read", "profile:read"], None)
    assert made["secret"].startswith(made["apiKey"]["prefix"])
    again = (await ada.data(CREATE, input=ROBOT, key="once"))["createApiKey"]
    assert again == made | {"secret": None}
    robot = ada.as_({"Authorization": f"Bearer {made['secret']}"})
    assert (await robot.data("{ orders { totalCount } }"))["orders"] == {"totalCount": 0}
    assert (await robot.error("{ flows { totalCount } }"))["message"] == "Insufficient permissions. Required: flows:read"
    assert await robot.refusal(REVOKE, id=made["apiKey"]["id"]) == "SESSION_REQUIRED"
    async with socket_to(port) as socket:
        await socket.start(made["secret"])
        await socket.subscribe("{ me { firstName } }")
        assert await socket.next() == {"me": {"firstName": "Ada"}}
    listed = (await ada.data("{ apiKeys { totalCount nodes { id } } }"))["apiKeys"]
    assert listed == {"totalCount": 1, "nodes": [{"id": made["apiKey"]["id"]}]}
    assert (await ada.data(REVOKE, id=made["apiKey"]["id"]))["revokeApiKey"]["revokedAt"] is not None
    assert await robot.refusal("{ me { id } }") == "TOKEN_REVOKED"
    one = await ada.data("query ($id: ID!) { apiKey(id: $id) { name } }", id=made["apiKey"]["id"])
    assert one == {"apiKey": {"name": "Robot"}}


async def test_refusals_carry_their_codes(ada: GraphQLClient, bob: GraphQLClient) -> None:
    assert await ada.refusal(CREATE, input=ROBOT | {"permissions": ["x:y"]}) == "UNKNOWN_PERMISSION"
    assert await ada.refusal(CREATE, input=ROBOT | {"permissions": ["users:read"]}) == "FORBIDDEN"
    assert await ada.refusal(CREATE, input=ROBOT | {"expiresAt": "2026-01-01T00:00:00Z"}) == "VALIDATION_ERROR"
    made = (await ada.data(CREATE, input=ROBOT))["createApiKey"]["apiKey"]
    assert await bob.refusal(REVOKE, id=made["id"]) == "NOT_FOUND"
