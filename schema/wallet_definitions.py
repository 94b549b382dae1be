"""What clients see of the places where wallets can be opened, and what administrators may set."""

from datetime import datetime
from typing import Any

import strawberry

from domain.wallets.rules import AuthFieldType, WalletType, WalletTypeFilter
from schema.enums import graphql_enum
from schema.fields import field

TYPES = {
    "CEX": "A central exchange.",
    "DEX": "A decentralised exchange.",
    "PERPETUALS": "A place for perpetual futures.",
    "DEMO": "Play money.",
}
graphql_enum(WalletType, description="What kind of place it is.", values=TYPES)
graphql_enum(
    WalletTypeFilter, description="Which kinds of places are wanted.", values={**TYPES, "EXCHANGE": "Everything that is not play money."}
)
graphql_enum(
    AuthFieldType,
    name="WalletAuthFieldType",
    description="How a form should ask for a credential.",
    values={"STRING": "In the open.", "PASSWORD": "Hidden.", "FILE": "As a file."},
)
KEYED = "Begins with a letter; small letters, digits and underscores."


@strawberry.type(description="A credential that a place asks for.")
class WalletAuthField:
    key: str = strawberry.field(description="Its name in `credentials`.")
    label: str = strawberry.field(description="Its heading, for people.")
    type: AuthFieldType = strawberry.field(description="How a form should ask for it.")
    required: bool = strawberry.field(description="Whether it must be given.")
    encrypted: bool = strawberry.field(description="Whether it is a secret; all of them are kept encrypted.")
    placeholder: str | None = strawberry.field(description="What an empty form shows.")
    help_text: str | None = strawberry.field(description="What helps to find it.")


@strawberry.type(description="Smallest and largest leverage.")
class WalletLeverage:
    min: int = strawberry.field(description="1 or more.")
    max: int = strawberry.field(description="At least as much.")


@strawberry.type(description="What can be traded at a place.")
class WalletFeatures:
    spot: bool = strawberry.field(description="Things themselves.")
    futures: bool = strawberry.field(description="Contracts that end.")
    perpetuals: bool = strawberry.field(description="Contracts that do not end.")
    leverage: WalletLeverage = strawberry.field(description="What leverage can be had.")
    supported_assets: list[str] = strawberry.field(description="Empty where nobody has listed them.")


@strawberry.type(description="Where a place is reached.")
class WalletApiConfig:
    base_url: str | None = strawberry.field(description="Null for where the exchange library expects it.")
    testnet_url: str | None = strawberry.field(description="Of its sandbox.")
    websocket_url: str | None = strawberry.field(description="For people; nothing is asked there.")
    rate_limit: int = strawberry.field(description="Requests a minute, for people.")


@strawberry.type(description="A place where wallets can be opened.")
class WalletDefinition:
    id: strawberry.ID = strawberry.field(description="Begins with `wdef_`.")
    slug: str = strawberry.field(description="Its name in other places; never changes. Of an exchange, its id in ccxt.")
    name: str = strawberry.field(description="Its name, for people.")
    type: WalletType = strawberry.field(description="What kind of place it is; never changes.")
    description: str = strawberry.field(description="What it is, for people.")
    logo: str | None = strawberry.field(description="Address of a picture.")
    is_active: bool = strawberry.field(description="Whether wallets can be opened there now.")
    order: int = strawberry.field(description="Its place among others, smallest first.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime | None = strawberry.field(description="Last change.")

    @field(list[WalletAuthField], "Which credentials it asks for.")
    def auth_fields(self) -> list[WalletAuthField]:
        # `self` is the row: the schema's type only names its attributes.
        rows: list[dict[str, Any]] = self.auth_fields  # type: ignore[assignment]
        return [WalletAuthField(**{**row, "type": AuthFieldType(row["type"])}) for row in rows]

    @field(WalletFeatures, "What can be traded there.")
    def features(self) -> WalletFeatures:
        row: dict[str, Any] = self.features  # type: ignore[assignment]
        return WalletFeatures(**{**row, "leverage": WalletLeverage(**row["leverage"])})

    @field(WalletApiConfig, "Where it is reached.")
    def api_config(self) -> WalletApiConfig:
        row: dict[str, Any] = self.api_config  # type: ignore[assignment]
        return WalletApiConfig(**row)


@strawberry.input(description="A credential that a place asks for.")
class WalletAuthFieldInput:
    key: str = strawberry.field(description=f"{KEYED} Exchanges know `api_key`, `api_secret` and `passphrase`.")
    label: str = strawberry.field(description="1 to 100 characters.")
    type: AuthFieldType = strawberry.field(default=AuthFieldType.PASSWORD, description="How a form should ask for it.")
    required: bool = strawberry.field(default=True, description="Whether it must be given.")
    encrypted: bool = strawberry.field(default=True, description="Whether it is a secret.")
    placeholder: str | None = strawberry.field(default=None, description="At most 200 characters.")
    help_text: str | None = strawberry.field(default=None, description="At most 200 characters.")


@strawberry.input(description="Smallest and largest leverage.")
class WalletLeverageInput:
    min: int = strawberry.field(default=1, description="1 to 1000.")
    max: int = strawberry.field(default=1, description="1 to 1000, not below `min`.")


@strawberry.input(description="What can be traded at a place.")
class WalletFeaturesInput:
    spot: bool = strawberry.field(default=True, description="Things themselves.")
    futures: bool = strawberry.field(default=False, description="Contracts that end.")
    perpetuals: bool = strawberry.field(default=False, description="Contracts that do not end.")
    leverage: WalletLeverageInput | None = strawberry.field(default=None, description="Null for none.")
    supported_assets: list[str] | None = strawberry.field(default=None, description="At most 500.")


@strawberry.input(
    description="Where a place is reached: addresses that are not internal to the server, unless it was told that they may be."
)
class WalletApiConfigInput:
    base_url: str | None = strawberry.field(default=None, description="https:// or http://; null for where the library expects it.")
    testnet_url: str | None = strawberry.field(default=None, description="https:// or http://, of its sandbox.")
    websocket_url: str | None = strawberry.field(default=None, description="wss:// or ws://.")
    rate_limit: int = strawberry.field(default=60, description="1 to 1000000 requests a minute.")


@strawberry.input(description="A new place where wallets can be opened.")
class WalletDefinitionInput:
    name: str = strawberry.field(description="1 to 100 characters.")
    slug: str = strawberry.field(description="2 to 40 small letters, digits and underscores; of an exchange, its id in ccxt.")
    type: WalletType = strawberry.field(description="What kind of place it is.")
    description: str = strawberry.field(description="At most 500 characters.")
    features: WalletFeaturesInput = strawberry.field(description="What can be traded there.")
    api_config: WalletApiConfigInput = strawberry.field(description="Where it is reached.")
    order: int = strawberry.field(description="0 to 100000: its place among others.")
    logo: str | None = strawberry.field(default=None, description="1 to 500 characters.")
    auth_fields: list[WalletAuthFieldInput] | None = strawberry.field(default=None, description="At most 20, one for a key.")
    is_active: bool = strawberry.field(default=True, description="Whether wallets can be opened there.")


@strawberry.input(description="Changes of a definition; what is left out or null stays as it is, documents are replaced whole.")
class WalletDefinitionChangesInput:
    name: str | None = strawberry.field(default=None, description="1 to 100 characters.")
    description: str | None = strawberry.field(default=None, description="At most 500 characters.")
    features: WalletFeaturesInput | None = strawberry.field(default=None, description="What can be traded there.")
    api_config: WalletApiConfigInput | None = strawberry.field(default=None, description="Where it is reached.")
    order: int | None = strawberry.field(default=None, description="0 to 100000: its place among others.")
    logo: str | None = strawberry.field(default=None, description="1 to 500 characters.")
    auth_fields: list[WalletAuthFieldInput] | None = strawberry.field(default=None, description="At most 20, one for a key.")
    is_active: bool | None = strawberry.field(default=None, description="Whether wallets can be opened there.")
