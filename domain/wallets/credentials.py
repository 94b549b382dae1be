"""What people do with the keys of their exchange accounts: leave them here, replace them, take them away. They are never shown again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from pydantic import Field, StringConstraints
from sqlalchemy import Select, func, or_, select

from domain.accounts.models import User
from domain.audit.recording import audited
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.ids import new_id
from domain.kernel.permissions import Caller, Permission, requires
from domain.runtime.columns import dump_json, load_json
from domain.runtime.encryption import KeyRing
from domain.runtime.idempotency import claim, fingerprint_of
from domain.runtime.keyset import KeysetPage, PageRequest, equal, keyset_page
from domain.runtime.paging import Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork
from domain.wallets.definitions import definition_by_slug, open_definition
from domain.wallets.ledger import lock_wallets_of
from domain.wallets.models import Credential, Wallet, WalletDefinition
from domain.wallets.rules import MAX_SECRET_LENGTH, MAX_SECRETS, Environment, checked_secrets, hint_of
from domain.wallets.uses import check_settled

MAX_CREDENTIALS = 100

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
Secret = Annotated[str, Field(max_length=MAX_SECRET_LENGTH)]
Secrets = Annotated[dict[str, Secret], Field(max_length=MAX_SECRETS)]
Extras = Annotated[dict[str, Any], Field(max_length=MAX_SECRETS)]
Named = Annotated[str, Field(min_length=1, max_length=60)]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCredential:
    """Keys for one place, which `wallet` names by slug or id; `credentials` by the keys of its `auth_fields`.

    `extras` may hold more of them, and settings of the connection; all of it is kept encrypted.
    """

    name: Name
    wallet: Named
    credentials: Secrets = field(repr=False)
    extras: Extras | None = field(default=None, repr=False)
    environment: Environment = Environment.MAINNET


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialChanges:
    """What is to change; None leaves it as it is. New `credentials` replace all that there were, extras included."""

    name: Name | None = None
    credentials: Secrets | None = field(default=None, repr=False)
    extras: Extras | None = field(default=None, repr=False)
    environment: Environment | None = None
    is_active: bool | None = None


def credentials_visible_to(caller: Caller) -> Select[Credential]:
    """Return the select that every reading of credentials starts from: the caller's own that are not deleted."""
    query = select(Credential).where(Credential.deleted_at.is_(None))
    return query if caller.is_system else query.where(Credential.user_id == caller.id)


@audited("credential.create", id="result.id")
@requires(Permission.CREDENTIALS_WRITE, session=True)
async def create_credential(work: UnitOfWork, body: NewCredential) -> Credential:
    """Keep the keys of an account, encrypted; nobody can read them back.

    Raises NOT_FOUND and WALLET_DEFINITION_INACTIVE for the place, MISSING_AUTH_FIELD, VALIDATION_ERROR, WALLET_LIMIT_REACHED beyond
    100 credentials, IDEMPOTENCY_CONFLICT.
    """
    id = new_id("cred")
    if earlier := await claim(work, fingerprint_of("create_credential", **asdict(body)), id):
        return await find_credential(work, earlier)
    return await keep_credential(work, id, await open_definition(work, body.wallet), body)


async def keep_credential(work: UnitOfWork, id: str, definition: WalletDefinition, body: NewCredential) -> Credential:
    """Write new credentials down. Raises MISSING_AUTH_FIELD, VALIDATION_ERROR, WALLET_LIMIT_REACHED."""
    secrets = checked_secrets(definition.auth_fields, body.credentials, body.extras or {})
    # Of two that are made at once, the second counts the first.
    await work.session.execute(select(User.id).where(User.id == work.caller.id).with_for_update())
    count = await work.session.scalar(select(func.count()).select_from(credentials_visible_to(work.caller).subquery())) or 0
    if count >= MAX_CREDENTIALS:
        message = f"There are {MAX_CREDENTIALS} credentials, which is the most"
        raise DomainError(ErrorCode.WALLET_LIMIT_REACHED, message, limit=MAX_CREDENTIALS)
    credential = Credential(
        id=id,
        user_id=work.caller.id,
        definition_slug=definition.slug,
        name=body.name,
        environment=body.environment,
        version=1,
        is_active=True,
        is_connected=False,
        created_at=work.now,
    )
    _seal(work, credential, secrets, body.extras or {})
    work.session.add(credential)
    await work.session.flush()
    return credential


@requires(Permission.WALLETS_READ)
async def list_credentials(
    work: UnitOfWork, wallet_id: Named | None = None, is_active: bool | None = None, limit: Limit = 10, offset: Offset = 0
) -> Page[Credential]:
    """Return the caller's credentials, newest first; `wallet_id` is the slug or the id of a wallet definition."""
    query = _filtered(work, wallet_id, is_active).order_by(Credential.created_at.desc(), Credential.id.desc())
    return await page_of(work.session, query, limit, offset)


@requires(Permission.WALLETS_READ)
async def page_of_credentials(
    work: UnitOfWork, page: PageRequest, slug: str | None = None, is_active: bool | None = None
) -> KeysetPage[Credential]:
    """Return a page of the caller's credentials, newest first."""
    return await keyset_page(work.session, _filtered(work, slug, is_active), Credential, page)


@requires(Permission.WALLETS_READ)
async def get_credential(work: UnitOfWork, credentials_id: str) -> Credential:
    """Return what is known of credentials, without the secrets. Raises NOT_FOUND."""
    return await find_credential(work, credentials_id)


@audited("credential.update", id="credentials_id")
@requires(Permission.CREDENTIALS_WRITE, session=True)
async def update_credential(work: UnitOfWork, credentials_id: str, body: CredentialChanges) -> Credential:
    """Rename, replace or switch credentials. With them switched off, nothing is asked or sent in their name.

    Raises NOT_FOUND, MISSING_AUTH_FIELD, VALIDATION_ERROR, CREDENTIALS_IN_USE for another environment under a wallet, WALLET_IN_USE for
    other keys while an order's fate is not known.
    """
    await lock_wallets_of(work, work.caller.id)
    credential = await find_credential(work, credentials_id, for_update=True)
    wallet = await wallet_using(work, credential.id)
    if body.environment not in (None, credential.environment):
        if wallet is not None:
            raise _in_use(wallet, "The environment of credentials that a wallet uses cannot change")
        credential.environment, credential.is_connected = body.environment, False
    if body.credentials is not None or body.extras is not None:
        if wallet is not None:
            await check_settled(work, wallet)
        await replace_secrets(work, credential, body.credentials or {}, body.extras or {})
    credential.name = credential.name if body.name is None else body.name
    credential.is_active = credential.is_active if body.is_active is None else body.is_active
    credential.updated_at = work.now
    return credential


async def replace_secrets(work: UnitOfWork, credential: Credential, given: Mapping[str, str], extras: Mapping[str, Any]) -> None:
    """Put other secrets in place of all that there were. Raises MISSING_AUTH_FIELD, VALIDATION_ERROR."""
    definition = await definition_by_slug(work, credential.definition_slug)
    assert definition is not None
    _seal(work, credential, checked_secrets(definition.auth_fields, given, extras), extras)
    credential.version += 1
    credential.is_connected, credential.connection_error, credential.updated_at = False, None, work.now


@audited("credential.delete", id="credentials_id")
@requires(Permission.CREDENTIALS_WRITE, session=True)
async def delete_credential(work: UnitOfWork, credentials_id: str) -> None:
    """Forget the secrets for good. Raises NOT_FOUND, CREDENTIALS_IN_USE while a wallet trades with them."""
    await lock_wallets_of(work, work.caller.id)
    credential = await find_credential(work, credentials_id, for_update=True)
    wallet = await wallet_using(work, credential.id)
    if wallet is not None:
        raise _in_use(wallet, "A wallet uses these credentials; delete it or give it others first")
    forget_credential(work, credential)


def forget_credential(work: UnitOfWork, credential: Credential) -> None:
    """Take the secrets out of the row, which stays for whoever names it."""
    credential.secrets, credential.fields, credential.hint = "", [], None
    credential.is_active = credential.is_connected = False
    credential.version += 1
    credential.deleted_at = credential.updated_at = work.now


async def find_credential(work: UnitOfWork, credentials_id: str, *, for_update: bool = False) -> Credential:
    """Return the caller's credentials; raises NOT_FOUND."""
    query = credentials_visible_to(work.caller).where(Credential.id == credentials_id)
    if for_update:
        query = query.with_for_update().execution_options(populate_existing=True)
    credential = await work.session.scalar(query)
    if credential is None:
        raise NotFound("Credentials", credentials_id)
    return credential


async def wallet_using(work: UnitOfWork, credentials_id: str) -> Wallet | None:
    """Return the wallet that trades with these credentials; the database allows one."""
    query = select(Wallet).where(Wallet.credentials_id == credentials_id, Wallet.deleted_at.is_(None))
    wallet: Wallet | None = await work.session.scalar(query)
    return wallet


def opened(ring: KeyRing, credential: Credential) -> dict[str, str]:
    """Return the secrets by the keys of the definition's auth fields. Raises UnreadableSecret."""
    document = load_json(ring.open(credential.secrets, credential.user_id, credential.id))
    return {str(key): str(value) for key, value in document["credentials"].items()}


def _seal(work: UnitOfWork, credential: Credential, secrets: Mapping[str, str], extras: Mapping[str, Any]) -> None:
    document = dump_json({"credentials": dict(secrets), "extras": {key: extras[key] for key in extras if key not in secrets}})
    if len(document) > 4 * MAX_SECRET_LENGTH:
        raise DomainError(ErrorCode.VALIDATION_ERROR, "The credentials are too long altogether", field="credentials")
    ring = work.operation.use(KeyRing)
    credential.secrets = ring.seal(document, credential.user_id, credential.id)
    credential.fields, credential.hint = sorted(secrets), hint_of(secrets)


def _filtered(work: UnitOfWork, named: str | None, is_active: bool | None) -> Select[Any]:
    query = equal(credentials_visible_to(work.caller), (Credential.is_active, is_active))
    if named is None:
        return query
    by_id = select(WalletDefinition.slug).where(WalletDefinition.id == named)
    return query.where(or_(Credential.definition_slug == named, Credential.definition_slug.in_(by_id)))


def _in_use(wallet: Wallet, sentence: str) -> DomainError:
    return DomainError(ErrorCode.CREDENTIALS_IN_USE, sentence, wallet_id=wallet.id)
