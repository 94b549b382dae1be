"""How a wallet comes, changes and goes: opened with a definition and perhaps credentials, renamed, limited, closed."""

from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Annotated

from pydantic import Field, StringConstraints
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from domain.accounts.models import User
from domain.audit.recording import audited
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.ids import new_id
from domain.kernel.money import exact, plain
from domain.kernel.permissions import Permission, check, check_session, requires
from domain.market.instruments import all_instruments
from domain.runtime.idempotency import claim, fingerprint_of
from domain.runtime.unit_of_work import UnitOfWork
from domain.wallets.credentials import (
    Named,
    NewCredential,
    Secrets,
    find_credential,
    keep_credential,
    replace_secrets,
    wallet_using,
)
from domain.wallets.definitions import definition_by_slug, open_definition
from domain.wallets.events import wallet_updated
from domain.wallets.ledger import Entry, lock_wallet, lock_wallets_of, post
from domain.wallets.models import Credential, EntryCause, LedgerEntry, Wallet, WalletDefinition
from domain.wallets.rules import (
    PAPER_VENUE,
    ConnectionStatus,
    Environment,
    RiskLimits,
    WalletType,
    limits_document,
    venue_of,
)
from domain.wallets.service import deposit_play_money, get_wallet
from domain.wallets.uses import check_settled, check_unused

MAX_WALLETS = 50
MAX_ADDED = Decimal(10) ** 12

Nickname = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
CredentialId = Annotated[str, Field(min_length=1, max_length=40)]
Asset = Annotated[str, Field(min_length=1, max_length=20)]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWallet:
    """A wallet to be opened: `definition` by slug or id, with credentials that were left before or with new ones.

    Paper wallets have none, and begin with the deposits of registration.
    """

    definition: Named
    nickname: Nickname
    credentials_id: CredentialId | None = None
    credentials: Secrets | None = field(default=None, repr=False)
    environment: Environment = Environment.MAINNET
    risk_limits: RiskLimits | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletChanges:
    """What is to change; None leaves it as it is. `risk_limits` are replaced whole, as are the secrets in `credentials`."""

    nickname: Nickname | None = None
    credentials_id: CredentialId | None = None
    credentials: Secrets | None = field(default=None, repr=False)
    is_active: bool | None = None
    risk_limits: RiskLimits | None = None


@dataclass(frozen=True, slots=True)
class AddedBalance:
    """Play money that was added to a paper wallet."""

    wallet: Wallet
    asset: str
    amount: Decimal
    previous_balance: Decimal
    new_balance: Decimal


@audited("wallet.create", id="result.id")
@requires(Permission.USER_WALLETS_WRITE)
async def create_wallet(work: UnitOfWork, body: NewWallet) -> Wallet:
    """Open a wallet. Secrets that come along are kept as credentials of the wallet's name, for which an API key is not enough.

    Everybody has the one wallet `demo`; of `simulation` there may be several. Raises NOT_FOUND (definition, credentials),
    WALLET_DEFINITION_INACTIVE, PAPER_WALLET_EXISTS, WALLET_NAME_TAKEN, WALLET_LIMIT_REACHED, MISSING_AUTH_FIELD, CREDENTIALS_IN_USE,
    CREDENTIALS_MISMATCH, VALIDATION_ERROR, SESSION_REQUIRED, IDEMPOTENCY_CONFLICT.
    """
    id = new_id("wallet")
    limits = limits_document(body.risk_limits or RiskLimits())
    if earlier := await claim(work, fingerprint_of("create_wallet", **asdict(body)), id):
        return await get_wallet(work, earlier)
    definition = await open_definition(work, body.definition)
    await work.session.execute(select(User.id).where(User.id == work.caller.id).with_for_update())
    wallets = await lock_wallets_of(work, work.caller.id)
    if len(wallets) >= MAX_WALLETS:
        raise DomainError(ErrorCode.WALLET_LIMIT_REACHED, f"There are {MAX_WALLETS} wallets, which is the most", limit=MAX_WALLETS)
    if definition.slug == PAPER_VENUE and any(wallet.definition_slug == PAPER_VENUE for wallet in wallets):
        raise DomainError(
            ErrorCode.PAPER_WALLET_EXISTS, "There is one wallet demo for everybody; open a wallet simulation for more play money"
        )
    credential = None
    if definition.type is not WalletType.DEMO:
        credential = await _credential(work, definition, body)
    elif body.credentials_id is not None or body.credentials:
        raise DomainError(ErrorCode.CREDENTIALS_MISMATCH, "A paper wallet has no credentials", slug=definition.slug)
    wallet = Wallet(
        id=id,
        user_id=work.caller.id,
        definition_slug=definition.slug,
        venue_slug=venue_of(definition.type, definition.slug, credential.environment if credential else Environment.MAINNET),
        credentials_id=credential.id if credential else None,
        nickname=body.nickname,
        is_active=True,
        connection_status=ConnectionStatus.DISCONNECTED if credential else ConnectionStatus.CONNECTED,
        risk_limits=limits,
        created_at=work.now,
    )
    work.session.add(wallet)
    await _flush(work, body.nickname)
    if credential is None:
        await deposit_play_money(work, wallet)
    work.emit(wallet_updated(wallet))
    return wallet


@audited("wallet.update", id="wallet_id")
@requires(Permission.USER_WALLETS_WRITE)
async def update_wallet(work: UnitOfWork, wallet_id: str, body: WalletChanges) -> Wallet:
    """Rename a wallet, switch it off or on, limit it, or give it other credentials of the same place and environment.

    Raises NOT_FOUND (wallet, credentials), WALLET_NAME_TAKEN, WALLET_IN_USE for other credentials while it trades, MISSING_AUTH_FIELD,
    CREDENTIALS_IN_USE, CREDENTIALS_MISMATCH, VALIDATION_ERROR, SESSION_REQUIRED for new secrets.
    """
    wallet = await _own(work, wallet_id)
    if body.credentials_id is not None and body.credentials_id != wallet.credentials_id:
        await _give_other_credentials(work, wallet, body.credentials_id)
    if body.credentials:
        await _replace_secrets(work, wallet, body.credentials)
    if body.risk_limits is not None:
        wallet.risk_limits = limits_document(body.risk_limits)
    wallet.nickname = wallet.nickname if body.nickname is None else body.nickname
    wallet.is_active = wallet.is_active if body.is_active is None else body.is_active
    wallet.updated_at = work.now
    await _flush(work, wallet.nickname)
    work.emit(wallet_updated(wallet))
    return wallet


@audited("wallet.delete", id="wallet_id")
@requires(Permission.USER_WALLETS_WRITE)
async def delete_wallet(work: UnitOfWork, wallet_id: str) -> None:
    """Close a wallet; its ledger, orders and positions stay on record, and its credentials stay for another wallet.

    Raises NOT_FOUND, WALLET_PROTECTED for the wallet `demo`, WALLET_IN_USE while it has open positions or live orders.
    """
    wallet = await _own(work, wallet_id)
    if wallet.definition_slug == PAPER_VENUE:
        raise DomainError(ErrorCode.WALLET_PROTECTED, "The paper wallet stays; it can be switched off", wallet_id=wallet.id)
    await check_unused(work, wallet)
    wallet.is_active, wallet.deleted_at, wallet.updated_at = False, work.now, work.now
    wallet.connection_status = ConnectionStatus.DISCONNECTED
    work.emit(wallet_updated(wallet))


@audited("wallet.add_balance", id="wallet_id")
@requires(Permission.USER_WALLETS_WRITE)
async def add_balance(work: UnitOfWork, wallet_id: str, asset: Asset, amount: Decimal) -> AddedBalance:
    """Add play money to a paper wallet, as a ledger entry `adjustment`; `amount` is at most 10^12.

    Raises NOT_FOUND, NOT_A_PAPER_WALLET, VALIDATION_ERROR for an asset that nothing is traded in, IDEMPOTENCY_CONFLICT.
    """
    if not 0 < exact(amount, "amount") <= MAX_ADDED:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"amount must be greater than 0 and at most {plain(MAX_ADDED)}", field="amount")
    known = {name for instrument in all_instruments() for name in (instrument.base, instrument.quote)}
    asset = asset.upper()
    if asset not in known:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"Nothing is traded in {asset}", field="asset")
    wallet = await _own(work, wallet_id)
    if not wallet.is_paper:
        raise DomainError(ErrorCode.NOT_A_PAPER_WALLET, "Money comes into this wallet at its venue alone", wallet_id=wallet.id)
    id = new_id("entry")
    earlier = await claim(work, fingerprint_of("add_balance", wallet_id=wallet_id, asset=asset, amount=amount), id)
    if earlier:
        entry = await work.session.get_one(LedgerEntry, earlier)
    else:
        (entry,) = await post(work, wallet, Entry(asset, amount, EntryCause.ADJUSTMENT, id=id))
        work.emit(wallet_updated(wallet))
    return AddedBalance(wallet, asset, entry.amount, entry.balance_after - entry.amount, entry.balance_after)


async def _own(work: UnitOfWork, wallet_id: str) -> Wallet:
    await get_wallet(work, wallet_id)
    wallet = await lock_wallet(work, wallet_id)
    if wallet.deleted_at is not None:  # by somebody who held it until now
        raise NotFound("Wallet", wallet_id)
    return wallet


async def _credential(work: UnitOfWork, definition: WalletDefinition, body: NewWallet) -> Credential:
    if body.credentials_id is None:
        return await _new_credential(work, definition, body.nickname, body.credentials or {}, body.environment)
    if body.credentials:
        raise DomainError(ErrorCode.VALIDATION_ERROR, "Give credentials_id or credentials, not both", field="credentials")
    credential = await find_credential(work, body.credentials_id, for_update=True)
    if credential.definition_slug != definition.slug:
        raise DomainError(
            ErrorCode.CREDENTIALS_MISMATCH, f"These credentials are for {credential.definition_slug}", slug=credential.definition_slug
        )
    await _check_free(work, credential)
    return credential


async def _new_credential(
    work: UnitOfWork, definition: WalletDefinition, name: str, secrets: dict[str, str], environment: Environment
) -> Credential:
    check_session(work.caller)
    check(work.caller, Permission.CREDENTIALS_WRITE)
    new = NewCredential(name=name, wallet=definition.slug, credentials=secrets, environment=environment)
    return await keep_credential(work, new_id("cred"), definition, new)


async def _give_other_credentials(work: UnitOfWork, wallet: Wallet, credentials_id: str) -> None:
    # They may open another account: what is open or rests belongs to the old one.
    credential = await find_credential(work, credentials_id, for_update=True)
    definition = await definition_by_slug(work, wallet.definition_slug)
    assert definition is not None
    if wallet.is_paper or venue_of(definition.type, credential.definition_slug, credential.environment) != wallet.venue_slug:
        raise DomainError(
            ErrorCode.CREDENTIALS_MISMATCH, f"These credentials do not lead to {wallet.venue_slug}", slug=credential.definition_slug
        )
    await _check_free(work, credential)
    await check_unused(work, wallet)
    wallet.credentials_id, wallet.connection_status = credential.id, ConnectionStatus.DISCONNECTED


async def _replace_secrets(work: UnitOfWork, wallet: Wallet, secrets: dict[str, str]) -> None:
    if wallet.credentials_id is None:
        raise DomainError(ErrorCode.CREDENTIALS_MISMATCH, "A paper wallet has no credentials", slug=wallet.definition_slug)
    check_session(work.caller)
    check(work.caller, Permission.CREDENTIALS_WRITE)
    await check_settled(work, wallet)
    await replace_secrets(work, await find_credential(work, wallet.credentials_id, for_update=True), secrets, {})
    wallet.connection_status = ConnectionStatus.DISCONNECTED


async def _check_free(work: UnitOfWork, credential: Credential) -> None:
    # Two wallets of one account would count its money twice.
    wallet = await wallet_using(work, credential.id)
    if wallet is not None:
        raise DomainError(ErrorCode.CREDENTIALS_IN_USE, f"The wallet {wallet.nickname} uses these credentials", wallet_id=wallet.id)


async def _flush(work: UnitOfWork, nickname: str) -> None:
    try:
        await work.session.flush()
    except IntegrityError:
        # Credentials are held by a lock, so that only the name is left.
        raise DomainError(ErrorCode.WALLET_NAME_TAKEN, "Wallet with this name already exists", nickname=nickname) from None
