"""The places where wallets can be opened: seeded, kept by few, read by all."""

from typing import Any

import pytest

from domain.composition import provide_trading
from domain.kernel.errors import DomainError, ErrorCode
from domain.market.market import Market
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from domain.wallets import definitions
from domain.wallets.definitions import NewWalletDefinition, WalletDefinitionChanges
from domain.wallets.models import WalletDefinition
from domain.wallets.rules import (
    ApiConfig,
    AuthField,
    Features,
    Leverage,
    WalletType,
    WalletTypeFilter,
    check_addresses,
    check_auth_fields,
    check_features,
)
from tests.builders import operation_of_new_user
from tests.databases import both_databases
from tests.domain.wallets.people import leave, open_wallet, refused

E = ErrorCode
SEEDED = ["demo", "simulation", "binance", "kraken", "coinbase", "bybit", "okx"]


def place(**values: Any) -> NewWalletDefinition:
    given = {"name": "Elsewhere", "slug": "elsewhere", "type": WalletType.CEX, "description": "There.", "features": Features()}
    return NewWalletDefinition(**{**given, "api_config": ApiConfig(), "order": 9, **values})


async def make(who: Operation, **values: Any) -> WalletDefinition:
    async with who.unit_of_work() as work:
        return await definitions.create_wallet_definition(work, place(**values))


async def change(who: Operation, slug: str, /, **values: Any) -> WalletDefinition:
    async with who.unit_of_work() as work:
        return await definitions.update_wallet_definition(work, slug, WalletDefinitionChanges(**values))


async def remove(who: Operation, slug: str) -> None:
    async with who.unit_of_work() as work:
        await definitions.delete_wallet_definition(work, slug)


async def listed(who: Operation, **filters: Any) -> list[str]:
    async with who.reading() as work:
        return [one.slug for one in (await definitions.list_wallet_definitions(work, **filters, limit=100)).items]


async def test_the_documented_places_are_there_from_the_start(ada: Operation) -> None:
    assert await listed(ada) == SEEDED
    assert await listed(ada, type=WalletTypeFilter.EXCHANGE) == SEEDED[2:]
    assert await listed(ada, type=WalletTypeFilter.DEMO) == SEEDED[:2]
    assert await listed(ada, type=WalletTypeFilter.CEX, is_active=True) == SEEDED[2:]
    assert await listed(ada, type=WalletTypeFilter.DEX) == await listed(ada, is_active=False) == []
    async with ada.reading() as work:
        okx = await definitions.get_wallet_definition(work, "okx")
    assert [field["key"] for field in okx.auth_fields if field["required"]] == ["api_key", "api_secret", "passphrase"]


@pytest.mark.parametrize("role", ["user", "trader", "viewer", "risk_manager"])
async def test_whoever_trades_does_not_keep_the_places_of_everybody(house: Runtime, admin: Operation, role: str) -> None:
    someone = await operation_of_new_user(house, role=role)
    assert await listed(someone) == SEEDED
    await refused(make(someone), E.FORBIDDEN)
    await refused(change(someone, "binance", name="Mine"), E.FORBIDDEN)
    await refused(remove(someone, "binance"), E.FORBIDDEN)


@both_databases
async def test_a_slug_is_given_once_even_if_it_was_deleted(admin: Operation, ada: Operation) -> None:
    await make(admin)
    await refused(make(admin), E.WALLET_DEFINITION_EXISTS)
    await remove(admin, "elsewhere")
    await refused(make(admin), E.WALLET_DEFINITION_EXISTS)
    await refused(remove(admin, "elsewhere"), E.NOT_FOUND)
    assert await listed(admin) == await listed(ada) == SEEDED


async def test_slug_and_type_never_change(admin: Operation) -> None:
    await make(admin)
    await refused(change(admin, "elsewhere", slug="nowhere"), E.IMMUTABLE_FIELD)
    await refused(change(admin, "elsewhere", type=WalletType.DEX), E.IMMUTABLE_FIELD)
    changed = await change(admin, "elsewhere", slug="elsewhere", type=WalletType.CEX, name="There", order=0)
    assert (changed.slug, changed.type, changed.name, changed.order) == ("elsewhere", WalletType.CEX, "There", 0)


async def test_what_is_switched_off_takes_nobody_new_and_is_seen_by_its_keepers(admin: Operation, ada: Operation) -> None:
    kept = await leave(ada, "kraken")
    await change(admin, "kraken", is_active=False)
    assert "kraken" not in await listed(ada) and await listed(admin, is_active=False) == ["kraken"]
    async with ada.reading() as work:
        await refused(definitions.get_wallet_definition(work, "kraken"), E.NOT_FOUND)
    await refused(leave(ada, "kraken"), E.WALLET_DEFINITION_INACTIVE)
    await refused(open_wallet(ada, "kraken", credentials_id=kept.id), E.WALLET_DEFINITION_INACTIVE)
    await refused(open_wallet(ada, "nowhere"), E.NOT_FOUND)


async def test_the_paper_wallet_keeps_its_definition(admin: Operation) -> None:
    await refused(remove(admin, "demo"), E.WALLET_PROTECTED)
    await refused(change(admin, "demo", is_active=False), E.WALLET_PROTECTED)
    assert (await change(admin, "demo", name="Paper")).name == "Paper"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://[::1]", "https://10.0.0.1/api", "http://169.254.169.254/latest", "http://[::ffff:10.0.0.1]"]
)
async def test_an_address_inside_the_house_is_refused_unless_it_is_opened(house: Runtime, admin: Operation, url: str) -> None:
    refusal = await refused(make(admin, api_config=ApiConfig(base_url=url)), E.VALIDATION_ERROR)
    assert refusal.details["field"] == "api_config.base_url" and "base_url is refused" in refusal.message
    await refused(change(admin, "binance", api_config=ApiConfig(testnet_url=url)), E.VALIDATION_ERROR)
    house.settings = house.settings.model_copy(update={"venue_allow_private": "127.0.0.0/8,::1,10.0.0.0/8,169.254.169.254,::ffff:0:0/96"})
    market = house.use(Market)
    house.provide(Market, market)
    provide_trading(house)
    assert (await make(admin, api_config=ApiConfig(base_url=url))).api_config["base_url"] == url


@pytest.mark.parametrize(
    "url", ["", "api.example.com", "ftp://example.com", "https://", "https://a b", "https://me@example.com", "https://example.com?x=1",
            "https://example.com#x", "https://example.com:99999", "https://{hostname}", "javascript:alert(1)", "https://ex\nample.com"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(DomainError):
        check_addresses(ApiConfig(base_url=url))
    with pytest.raises(DomainError):
        check_addresses(ApiConfig(websocket_url="https://example.com"))


def test_documents_are_checked_and_made_whole() -> None:
    assert check_features(Features(leverage=Leverage(1, 5)))["leverage"] == {"min": 1, "max": 5}
    assert check_features(Features())["supported_assets"] == []
    with pytest.raises(DomainError, match=r"leverage\.max"):
        check_features(Features(leverage=Leverage(5, 1)))
    with pytest.raises(DomainError, match="once"):
        check_auth_fields([AuthField(key="k", label="K"), AuthField(key="k", label="L")])
