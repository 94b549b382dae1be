"""Security alerts, as a GraphQL client uses them."""

import httpx

from domain.runtime.runtime import Runtime
from tests.accounts import bearer
from tests.builders import make_user
from tests.graphql_client import GraphQLClient

FIELDS = "id userId createdBy alertType message severity status details occurrences acknowledgedBy resolvedBy"
CREATE = (
    f"mutation ($input: SecurityAlertInput!, $key: String) {{ createSecurityAlert(input: $input, idempotencyKey: $key) {{ {FIELDS} }} }}"
)
ACKNOWLEDGE = f"mutation ($id: ID!) {{ acknowledgeSecurityAlert(alertId: $id) {{ {FIELDS} }} }}"
RESOLVE = f"mutation ($id: ID!) {{ resolveSecurityAlert(alertId: $id) {{ {FIELDS} }} }}"
LIST = "{ securityAlerts(status: ACTIVE) { totalCount nodes { id } } }"
REPORT = {"alertType": "suspicious_login", "message": "Somebody logged in from Mars.", "severity": "LOW", "details": {"planet": "Mars"}}


async def test_alert_from_report_to_resolution(ada: GraphQLClient) -> None:
    me = (await ada.data("{ me { id } }"))["me"]["id"]
    made = (await ada.data(CREATE, input=REPORT, key="once"))["createSecurityAlert"]
    assert (made["userId"], made["createdBy"], made["severity"], made["status"]) == (me, me, "LOW", "ACTIVE")
    assert (made["details"], made["occurrences"]) == ({"planet": "Mars"}, 1)
    assert (await ada.data(CREATE, input=REPORT, key="once"))["createSecurityAlert"] == made
    assert (await ada.data(LIST))["securityAlerts"] == {"totalCount": 1, "nodes": [{"id": made["id"]}]}
    seen = (await ada.data(ACKNOWLEDGE, id=made["id"]))["acknowledgeSecurityAlert"]
    assert (seen["status"], seen["acknowledgedBy"]) == ("ACKNOWLEDGED", me)
    assert (await ada.data(RESOLVE, id=made["id"]))["resolveSecurityAlert"]["resolvedBy"] == me
    assert (await ada.data(LIST))["securityAlerts"] == {"totalCount": 0, "nodes": []}
    assert await ada.refusal(ACKNOWLEDGE, id=made["id"]) == "INVALID_ALERT_STATE"


async def test_strangers_see_nothing(ada: GraphQLClient, client: httpx.AsyncClient, runtime: Runtime) -> None:
    made = (await ada.data(CREATE, input=REPORT))["createSecurityAlert"]
    bob = GraphQLClient(client, await bearer(runtime, await make_user(runtime)))
    assert (await bob.data(LIST))["securityAlerts"]["totalCount"] == 0
    one = "query ($id: ID!) { securityAlert(id: $id) { id } }"
    assert await bob.refusal(one, id=made["id"]) == await bob.refusal(ACKNOWLEDGE, id=made["id"]) == "NOT_FOUND"
    assert (await ada.data(one, id=made["id"]))["securityAlert"]["id"] == made["id"]


async def test_details_are_an_object(ada: GraphQLClient) -> None:
    assert await ada.refusal(CREATE, input=REPORT | {"details": [1]}) == "VALIDATION_ERROR"
    assert await ada.refusal(CREATE, input=REPORT | {"message": " "}) == "VALIDATION_ERROR"
    assert (await ada.data(LIST))["securityAlerts"]["totalCount"] == 0
