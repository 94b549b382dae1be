"""What a wallet, its definition and its credentials may look like: pure declarations and checks."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field

from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import exact, plain

# The venue of every paper wallet, whatever its definition.
PAPER_VENUE = "demo"
SANDBOX = "-sandbox"
MAX_SECRETS, MAX_SECRET_LENGTH = 20, 8_192


class WalletType(StrEnum):
    """What kind of place a definition names; `demo` is play money."""

    CEX = "cex"
    DEX = "dex"
    PERPETUALS = "perpetuals"
    DEMO = "demo"


class WalletTypeFilter(StrEnum):
    """What a list of definitions can be narrowed to; `exchange` is everything that is not `demo`."""

    CEX = "cex"
    DEX = "dex"
    PERPETUALS = "perpetuals"
    DEMO = "demo"
    EXCHANGE = "exchange"

    @property
    def types(self) -> frozenset[WalletType]:
        return frozenset(WalletType) - {WalletType.DEMO} if self is WalletTypeFilter.EXCHANGE else frozenset({WalletType(self.value)})


class Environment(StrEnum):
    """Whether credentials are for real money or for the exchange's sandbox."""

    MAINNET = "mainnet"
    TESTNET = "testnet"


class ConnectionStatus(StrEnum):
    """What the last attempt to reach a wallet's venue came to."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    ERROR = "error"
    TESTING = "testing"


class SyncStatus(StrEnum):
    """`partial` means that something kept our books from being compared in full; the log says what."""

    SUCCESS = "success"
    FAILED = "failed"
    PARTIAL = "partial"


class AuthFieldType(StrEnum):
    """How a form should ask for a credential."""

    STRING = "string"
    PASSWORD = "password"
    FILE = "file"


Text = Annotated[str, Field(max_length=200)]
FieldKey = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z][a-z0-9_]*$")]
URL = Annotated[str, Field(min_length=1, max_length=300)]
Times = Annotated[int, Field(ge=1, le=1_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthField:
    """One credential that a place asks for. All are kept encrypted, whatever `encrypted` says."""

    key: FieldKey
    label: Annotated[str, Field(min_length=1, max_length=100)]
    type: AuthFieldType = AuthFieldType.PASSWORD
    required: bool = True
    encrypted: bool = True
    placeholder: Text | None = None
    help_text: Text | None = None


@dataclass(frozen=True, slots=True)
class Leverage:
    """Smallest and largest leverage that can be had."""

    min: Times = 1
    max: Times = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What can be traded there."""

    spot: bool = True
    futures: bool = False
    perpetuals: bool = False
    leverage: Leverage | None = None
    supported_assets: Annotated[list[Annotated[str, Field(min_length=1, max_length=20)]], Field(max_length=500)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiConfig:
    """Where the place is reached; an address that is left out is the one that the exchange library knows. `rate_limit` is a minute's."""

    base_url: URL | None = None
    testnet_url: URL | None = None
    websocket_url: URL | None = None
    rate_limit: Annotated[int, Field(ge=1, le=1_000_000)] = 60


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """Limits of one wallet, None for no limit.

    `max_position_size_usd` and `daily_loss_limit` are in the quote currency; `stop_loss_default_percent` is a fraction of the entry
    price, as clients of the first API send it: 0.02 is 2 %.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")  # a limit that is misspelt would be none

    max_position_size_usd: Annotated[Decimal, Field(gt=0)] | None = None
    daily_loss_limit: Annotated[Decimal, Field(gt=0)] | None = None
    stop_loss_default_percent: Annotated[Decimal, Field(gt=0, lt=1)] | None = None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "RiskLimits":
        """Return the limits that a wallet's column holds."""
        return cls(**{name: None if (value := document.get(name)) is None else Decimal(str(value)) for name in LIMIT_NAMES})


LIMIT_NAMES = ("max_position_size_usd", "daily_loss_limit", "stop_loss_default_percent")


def limits_document(limits: RiskLimits) -> dict[str, str]:
    """Return limits as the column keeps them. Raises VALIDATION_ERROR for a number that is no limit."""
    document = {}
    for name in LIMIT_NAMES:
        value = getattr(limits, name)
        if value is None:
            continue
        if exact(value, f"risk_limits.{name}") <= 0:
            raise _invalid(f"risk_limits.{name}", f"{name} must be greater than 0")
        document[name] = plain(value)
    stop = limits.stop_loss_default_percent
    if stop is not None and stop >= 1:
        raise _invalid("risk_limits.stop_loss_default_percent", "stop_loss_default_percent is a fraction below 1: 0.02 is 2 %")
    return document


def check_features(features: Features) -> dict[str, Any]:
    """Return features as a document. Raises VALIDATION_ERROR for a leverage that ends before it begins."""
    if features.leverage is not None and features.leverage.max < features.leverage.min:
        raise _invalid("features.leverage.max", "leverage.max must not be smaller than leverage.min")
    document = asdict(features)
    document["leverage"] = document["leverage"] or {"min": 1, "max": 1}
    document["supported_assets"] = document["supported_assets"] or []
    return document


def check_auth_fields(fields: Collection[AuthField]) -> list[dict[str, Any]]:
    """Return fields as documents. Raises VALIDATION_ERROR for a key that is there twice."""
    keys = [field.key for field in fields]
    if len(set(keys)) < len(keys):
        raise _invalid("auth_fields", "Every key of auth_fields may be there once")
    return [asdict(field) for field in fields]


def check_addresses(config: ApiConfig) -> dict[str, Any]:
    """Return the configuration as a document. Raises VALIDATION_ERROR for an address that is none."""
    for name, schemes in (("base_url", ("https", "http")), ("testnet_url", ("https", "http")), ("websocket_url", ("wss", "ws"))):
        url = getattr(config, name)
        if url is not None and not _is_address(url, schemes):
            raise _invalid(f"api_config.{name}", f"{name} must be {schemes[0]}://host with nothing but a port and a path behind it")
    return asdict(config)


def _is_address(url: str, schemes: Collection[str]) -> bool:
    if not url.isprintable() or any(character in url for character in " \\@?#{}"):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or 0 < parts.port < 65_536)
    except ValueError:
        return False


def literal_address(url: str) -> str | None:
    """Return the host of a URL if it is a number instead of a name."""
    host = urlsplit(url).hostname or ""
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def checked_secrets(auth_fields: Collection[Mapping[str, Any]], given: Mapping[str, str], extras: Mapping[str, Any]) -> dict[str, str]:
    """Return the credentials that a definition asks for, those of `given` and, where a field is in neither name, of `extras`.

    Raises MISSING_AUTH_FIELD naming what is missing, VALIDATION_ERROR for one that nobody asks for, is empty or too long.
    """
    wanted = {str(field["key"]): bool(field["required"]) for field in auth_fields}
    strangers = sorted(given.keys() - wanted.keys())
    if strangers:
        raise _invalid("credentials", f"There is no credential {', '.join(strangers)[:200]} here; known are {', '.join(wanted) or 'none'}")
    found = {key: value for key, value in extras.items() if key in wanted and isinstance(value, str)} | dict(given)
    for key, value in found.items():
        if len(value) > MAX_SECRET_LENGTH or "\0" in value:
            raise _invalid(f"credentials.{key}", f"{key} must be a text of at most {MAX_SECRET_LENGTH} characters")
    found = {key: value.strip() for key, value in found.items() if value.strip()}
    missing = [key for key, is_required in wanted.items() if is_required and key not in found]
    if missing:
        raise DomainError(ErrorCode.MISSING_AUTH_FIELD, f"Missing required credentials: {', '.join(missing)}", missing=missing)
    return found


def hint_of(secrets: Mapping[str, str]) -> str | None:
    """Return the last four characters of the key, if it is long enough to tell them; never anything of a secret."""
    key = secrets.get("api_key", "")
    return key[-4:] if len(key) >= 12 else None


def venue_of(type: WalletType, slug: str, environment: Environment) -> str:
    """Return where orders of wallets go that have such a definition and credentials for this environment."""
    if type is WalletType.DEMO:
        return PAPER_VENUE
    return f"{slug}{SANDBOX}" if environment is Environment.TESTNET else slug


def _invalid(field: str, message: str) -> DomainError:
    return DomainError(ErrorCode.VALIDATION_ERROR, message, field=field)
