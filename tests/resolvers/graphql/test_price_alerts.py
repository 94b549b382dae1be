"""Price alerts, as a GraphQL client uses them."""

from decimal import Decimal

from tests.graphql_client import GraphQLClient
from tests.market_script import ScriptedSource

FIELDS = "id symbol condition targetPrice referencePrice message isActive triggeredAt triggeredPrice"
CREATE = f"mutation ($input: PriceAlertInput!, $key: String) {{ createPriceAlert(input: $input, idempotencyKey: $key) {{ {FIELDS} }} }}"
SWITCH = f"mutation ($id: ID!, $on: Boolean!) {{ switchPriceAlert(priceAlertId: $id, isActive: $on) {{ {FIELDS} }} }}"
DELETE = "mutation ($id: ID!) { deletePriceAlert(priceAlertId: $id) }"
LIST = "{ priceAlerts(isActive: true) { totalCount nodes { id } } }"
HIGH = {"symbol": "btc-usdt", "condition": "ABOVE", "targetPrice": "51000.5", "message": "To the moon"}


async def test_alert_from_setting_to_deletion(ada: GraphQLClient, bob: GraphQLClient, source: ScriptedSource) -> None:
    made = (await ada.data(CREATE, input=HIGH, key="once"))["createPriceAlert"]
    assert (made["symbol"], made["targetPrice"], made["referencePrice"], made["isActive"]) == ("BTC/USDT", "51000.5", "50000", True)
    assert (await ada.data(CREATE, input=HIGH, key="once"))["createPriceAlert"] == made
    assert (await ada.data(LIST))["priceAlerts"] == {"totalCount": 1, "nodes": [{"id": made["id"]}]}
    assert (await bob.data(LIST))["priceAlerts"]["totalCount"] == 0
    assert await bob.refusal(SWITCH, id=made["id"], on=False) == "NOT_FOUND"
    assert (await ada.data(SWITCH, id=made["id"], on=False))["switchPriceAlert"]["isActive"] is False
    source.price_now = Decimal(51_001)
    again = (await ada.data(SWITCH, id=made["id"], on=True))["switchPriceAlert"]
    assert (again["isActive"], again["triggeredPrice"]) == (False, "51001")
    assert await bob.refusal(DELETE, id=made["id"]) == "NOT_FOUND"
    assert (await ada.data(DELETE, id=made["id"]))["deletePriceAlert"] == made["id"]
    assert await ada.refusal("query ($id: ID!) { priceAlert(id: $id) { id } }", id=made["id"]) == "NOT_FOUND"


async def test_impossible_targets_are_refused(ada: GraphQLClient) -> None:
    assert await ada.refusal(CREATE, input=HIGH | {"targetPrice": "-1"}) == "VALIDATION_ERROR"
    assert await ada.refusal(CREATE, input=HIGH | {"symbol": "TULIP"}) == "UNKNOWN_SYMBOL"
    assert await ada.refusal(CREATE, input=HIGH | {"message": "x" * 501}) == "VALIDATION_ERROR"
    assert (await ada.data("{ priceAlerts { totalCount } }"))["priceAlerts"]["totalCount"] == 0
