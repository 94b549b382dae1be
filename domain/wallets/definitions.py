"""The places where wallets can be opened: everybody reads them, whoever holds `wallets:write` keeps them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import Field, StringConstraints
from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError

from domain.audit.recording import audited
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.ids import new_id
from domain.kernel.permissions import Caller, Permission, requires
from domain.runtime.addresses import AllowedTargets, parse_address
from domain.runtime.idempotency import claim, fingerprint_of
from domain.runtime.keyset import KeysetPage, PageRequest, keyset_page
from domain.runtime.paging import Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork
from domain.wallets.models import WalletDefinition
from domain.wallets.rules import (
    PAPER_VENUE,
    ApiConfig,
    AuthField,
    Features,
    WalletType,
    WalletTypeFilter,
    check_addresses,
    check_auth_fields,
    check_features,
    literal_address,
)

Slug = Annotated[str, Field(min_length=2, max_length=40, pattern=r"^[a-z0-9][a-z0-9_]*$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
Description = Annotated[str, Field(max_length=500)]
AuthFields = Annotated[list[AuthField], Field(max_length=20)]
Order = Annotated[int, Field(ge=0, le=100_000)]
Logo = Annotated[str, Field(min_length=1, max_length=500)]


class VenueTargets:
    """Which addresses a definition may send the server to; provided once to the runtime."""

    def __init__(self, allowed: AllowedTargets) -> None:
        self.allowed = allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWalletDefinition:
    """A place where wallets can be opened. Of an exchange, `slug` is its id in the exchange library (ccxt)."""

    name: Name
    slug: Slug
    type: WalletType
    description: Description
    features: Features
    api_config: ApiConfig
    order: Order
    logo: Logo | None = None
    auth_fields: AuthFields | None = None
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletDefinitionChanges:
    """What is to change; None leaves it as it is. `slug` and `type` never change, so that they can only be sent as they are."""

    name: Name | None = None
    slug: Slug | None = None
    type: WalletType | None = None
    description: Description | None = None
    features: Features | None = None
    api_config: ApiConfig | None = None
    order: Order | None = None
    logo: Logo | None = None
    auth_fields: AuthFields | None = None
    is_active: bool | None = None


def definitions_visible_to(caller: Caller) -> Select[WalletDefinition]:
    """Return the select that every reading of definitions starts from: who cannot switch them on sees only those that are on."""
    query = select(WalletDefinition).where(WalletDefinition.deleted_at.is_(None))
    return query if caller.may(Permission.WALLETS_WRITE) else query.where(WalletDefinition.is_active)


@audited("wallet_definition.create", id="result.id")
@requires(Permission.WALLETS_WRITE)
async def create_wallet_definition(work: UnitOfWork, body: NewWalletDefinition) -> WalletDefinition:
    """Let people open wallets at another place.

    An `api_config` address must not be internal to the server unless VENUE_ALLOW_PRIVATE opens it. A slug that was once deleted stays
    taken, since wallets name it. Raises WALLET_DEFINITION_EXISTS, VALIDATION_ERROR, IDEMPOTENCY_CONFLICT.
    """
    definition = WalletDefinition(
        id=new_id("wdef"),
        slug=body.slug,
        name=body.name,
        type=body.type,
        description=body.description.strip(),
        logo=body.logo,
        auth_fields=check_auth_fields(body.auth_fields or []),
        features=check_features(body.features),
        api_config=_checked_config(work, body.api_config),
        is_active=body.is_active,
        order=body.order,
        created_at=work.now,
    )
    if earlier := await claim(work, fingerprint_of("create_wallet_definition", **asdict(body)), definition.id):
        return (await work.session.scalars(select(WalletDefinition).where(WalletDefinition.id == earlier))).one()
    work.session.add(definition)
    try:
        await work.session.flush()
    except IntegrityError:
        raise DomainError(ErrorCode.WALLET_DEFINITION_EXISTS, "Wallet definition with this slug already exists", slug=body.slug) from None
    return definition


@requires(Permission.WALLETS_READ)
async def list_wallet_definitions(
    work: UnitOfWork, type: WalletTypeFilter | None = None, is_active: bool | None = None, limit: Limit = 10, offset: Offset = 0
) -> Page[WalletDefinition]:
    """Return the places where wallets can be opened, in their order; those that are switched off only to who may switch them on."""
    query = _filtered(work, type, is_active).order_by(WalletDefinition.order, WalletDefinition.name, WalletDefinition.id)
    return await page_of(work.session, query, limit, offset)


@requires(Permission.WALLETS_READ)
async def page_of_wallet_definitions(
    work: UnitOfWork, page: PageRequest, type: WalletTypeFilter | None = None, is_active: bool | None = None
) -> KeysetPage[WalletDefinition]:
    """Return a page of the places where wallets can be opened, newest first."""
    return await keyset_page(work.session, _filtered(work, type, is_active), WalletDefinition, page)


@requires(Permission.WALLETS_READ)
async def get_wallet_definition(work: UnitOfWork, slug: str) -> WalletDefinition:
    """Return one place where wallets can be opened. Raises NOT_FOUND."""
    return await find_wallet_definition(work, slug)


@audited("wallet_definition.update", id="result.id")
@requires(Permission.WALLETS_WRITE)
async def update_wallet_definition(work: UnitOfWork, slug: str, body: WalletDefinitionChanges) -> WalletDefinition:
    """Change a definition; documents are replaced whole. One that is switched off takes no new wallets, those it has go on.

    Raises NOT_FOUND, IMMUTABLE_FIELD for another slug or type, WALLET_PROTECTED, VALIDATION_ERROR.
    """
    definition = await find_wallet_definition(work, slug, for_update=True)
    for field, value in (("slug", body.slug), ("type", body.type)):
        if value is not None and value != getattr(definition, field):
            raise DomainError(ErrorCode.IMMUTABLE_FIELD, f"The {field} of a wallet definition never changes", field=field)
    if body.is_active is False:
        _check_not_paper(definition)
    for field in ("name", "description", "logo", "order", "is_active"):
        if getattr(body, field) is not None:
            setattr(definition, field, getattr(body, field))
    if body.features is not None:
        definition.features = check_features(body.features)
    if body.auth_fields is not None:
        definition.auth_fields = check_auth_fields(body.auth_fields)
    if body.api_config is not None:
        definition.api_config = _checked_config(work, body.api_config)
    definition.updated_at = work.now
    return definition


@audited("wallet_definition.delete", id="result.id")
@requires(Permission.WALLETS_WRITE)
async def delete_wallet_definition(work: UnitOfWork, slug: str) -> WalletDefinition:
    """Take a definition off the list: no more wallets are opened with it, those that there are go on.

    Raises NOT_FOUND, WALLET_PROTECTED for that of the paper wallet.
    """
    definition = await find_wallet_definition(work, slug, for_update=True)
    _check_not_paper(definition)
    definition.is_active, definition.deleted_at, definition.updated_at = False, work.now, work.now
    return definition


async def find_wallet_definition(work: UnitOfWork, slug: str, *, for_update: bool = False) -> WalletDefinition:
    """Return the definition that the caller sees under this slug; raises NOT_FOUND."""
    query = definitions_visible_to(work.caller).where(WalletDefinition.slug == slug)
    if for_update:
        query = query.with_for_update().execution_options(populate_existing=True)
    definition = await work.session.scalar(query)
    if definition is None:
        raise NotFound("Wallet definition", slug)
    return definition


async def open_definition(work: UnitOfWork, named: str) -> WalletDefinition:
    """Return the definition of this slug or id, to open a wallet with. Raises NOT_FOUND, WALLET_DEFINITION_INACTIVE."""
    query = select(WalletDefinition).where(WalletDefinition.deleted_at.is_(None))
    definition = await work.session.scalar(query.where((WalletDefinition.slug == named) | (WalletDefinition.id == named)))
    if definition is None:
        raise NotFound("Wallet definition", named)
    if not definition.is_active:
        raise DomainError(ErrorCode.WALLET_DEFINITION_INACTIVE, f"{definition.name} takes no wallets now", slug=definition.slug)
    return definition


async def definition_by_slug(work: UnitOfWork, slug: str) -> WalletDefinition | None:
    """Return the definition of this slug whether or not it is deleted, for wallets that name it."""
    definition: WalletDefinition | None = await work.session.scalar(select(WalletDefinition).where(WalletDefinition.slug == slug))
    return definition


async def definitions_by_slug(work: UnitOfWork, slugs: Sequence[str]) -> dict[str, WalletDefinition]:
    """Return these definitions, deleted ones too."""
    found = await work.session.scalars(select(WalletDefinition).where(WalletDefinition.slug.in_(slugs)))
    return {definition.slug: definition for definition in found}


def _filtered(work: UnitOfWork, type: WalletTypeFilter | None, is_active: bool | None) -> Select[WalletDefinition]:
    query = definitions_visible_to(work.caller)
    if type is not None:
        query = query.where(WalletDefinition.type.in_(type.types))
    return query if is_active is None else query.where(WalletDefinition.is_active == is_active)


def _checked_config(work: UnitOfWork, config: ApiConfig) -> dict[str, Any]:
    document = check_addresses(config)
    allowed = work.operation.use(VenueTargets).allowed
    for name in ("base_url", "testnet_url", "websocket_url"):
        # Names are looked up and checked when they are called: what they lead to may change at any time.
        address = literal_address(document[name] or "")
        why = address and allowed.refusal_of(address, parse_address(address))
        if why:
            raise DomainError(ErrorCode.VALIDATION_ERROR, f"{name} is refused: {why}", field=f"api_config.{name}")
    return document


def _check_not_paper(definition: WalletDefinition) -> None:
    if definition.slug == PAPER_VENUE:
        raise DomainError(ErrorCode.WALLET_PROTECTED, "Everybody who registers is given a wallet of this definition", slug=definition.slug)
