"""How a wallet reaches its venue: the keys that it trades with, where the venue is, and the test of both."""

import time
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from domain.audit.recording import audited
from domain.exchanges.ccxt_clients import Credentials
from domain.exchanges.venue import Ability, TellsTime, VenueLockedOut, VenueRejected, Venues, VenueUnavailable
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import Permission, requires
from domain.runtime.encryption import KeyRing, UnreadableSecret
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from domain.runtime.unit_of_work import UnitOfWork
from domain.wallets.credentials import credentials_visible_to, find_credential, opened, wallet_using
from domain.wallets.definitions import definition_by_slug
from domain.wallets.events import wallet_updated
from domain.wallets.ledger import lock_wallet
from domain.wallets.models import Credential, Wallet, WalletDefinition
from domain.wallets.rules import SANDBOX, ConnectionStatus, venue_of
from domain.wallets.service import get_wallet

MAX_ERROR = 500


@dataclass(frozen=True, slots=True)
class ConnectionTest:
    """What came of asking a venue; `server_time` is the venue's, None where it does not tell."""

    success: bool
    latency_ms: int
    server_time: datetime | None
    message: str
    error: str | None = None


async def credentials_of(runtime: Runtime, account: str) -> Credentials:
    """Return the keys of an account, which is a wallet's id or that of credentials: read anew for every question.

    What has been replaced or switched off is so at the next question, in every process. Raises VenueLockedOut, saying why there are none.
    """
    async with runtime.database.reading() as session:
        credential = await _credential_behind(session, account)
    why = _unusable(credential)
    if credential is None or why is not None:
        raise VenueLockedOut(why or "")
    try:
        secrets = opened(runtime.use(KeyRing), credential)
    except UnreadableSecret as problem:
        raise VenueLockedOut(f"The stored credentials cannot be read: {problem}") from None
    return Credentials(secrets.get("api_key", ""), secrets.get("api_secret", ""), secrets.get("passphrase", ""), credential.version)


async def address_of(runtime: Runtime, venue_slug: str) -> str | None:
    """Return where the definition says that its exchange is, None where it does not say."""
    slug, name = venue_slug.removesuffix(SANDBOX), "testnet_url" if venue_slug.endswith(SANDBOX) else "base_url"
    async with runtime.database.reading() as session:
        config = await session.scalar(select(WalletDefinition.api_config).where(WalletDefinition.slug == slug))
    return (config or {}).get(name)


async def check_connected(work: UnitOfWork, wallet: Wallet) -> None:
    """Raise WALLET_NOT_CONNECTED, saying why, for a wallet in whose name its venue cannot be asked."""
    if wallet.is_paper:
        return
    why = _unusable(await _credential_behind(work.session, wallet.id))
    if why is not None:
        raise DomainError(ErrorCode.WALLET_NOT_CONNECTED, why, wallet_id=wallet.id)


@audited("wallet.test_connection", id="wallet_id")
@requires(Permission.USER_WALLETS_WRITE)
async def test_connection(operation: Operation, wallet_id: str) -> ConnectionTest:
    """Ask the wallet's venue for the account, however often the keys were refused before, and note what came of it.

    A venue that refuses or does not answer is an answer too. Raises NOT_FOUND.
    """
    async with operation.unit_of_work() as work:
        wallet = await lock_wallet(work, (await get_wallet(work, wallet_id)).id)
        await _ask_anew(work, wallet.credentials_id)
        if not wallet.is_paper:
            wallet.connection_status = ConnectionStatus.TESTING
    found = await _ask(operation, wallet.venue_slug, wallet.id)
    async with operation.unit_of_work() as work:
        wallet = await get_wallet(work, wallet_id)
        await _note(work, wallet.credentials_id, wallet, found)
    return found


@audited("credential.test", id="credentials_id")
@requires(Permission.USER_WALLETS_WRITE)
async def test_credential(operation: Operation, credentials_id: str) -> Credential:
    """Ask the venue for the account that the credentials open, and return them with what came of it. Raises NOT_FOUND."""
    async with operation.unit_of_work() as work:
        credential = await find_credential(work, credentials_id)
        definition = await definition_by_slug(work, credential.definition_slug)
        assert definition is not None
        venue_slug = venue_of(definition.type, credential.definition_slug, credential.environment)
        # A wallet's own connection: an exchange that counts requests must not see two of one key.
        wallet = await wallet_using(work, credential.id)
        await _ask_anew(work, credential.id)
    found = await _ask(operation, venue_slug, wallet.id if wallet else credential.id)
    async with operation.unit_of_work() as work:
        await _note(work, credentials_id, await wallet_using(work, credentials_id), found)
        return await find_credential(work, credentials_id)


async def _ask(operation: Operation, venue_slug: str, account: str) -> ConnectionTest:
    began = time.monotonic()
    server_time, error = None, None
    try:
        venue = operation.use(Venues).of(venue_slug)
        if Ability.BALANCES in venue.abilities:
            await venue.balances(account)
        began, server_time = time.monotonic(), operation.clock.now()
        if isinstance(venue, TellsTime):
            server_time = await venue.server_time(account)
    except (VenueRejected, VenueUnavailable) as refusal:
        error = str(refusal)
    except DomainError as refusal:
        error = refusal.message
    latency_ms = round((time.monotonic() - began) * 1000)
    if error is not None:
        return ConnectionTest(False, latency_ms, None, "Connection failed", error[:MAX_ERROR])
    return ConnectionTest(True, latency_ms, server_time, "Connection successful")


async def _ask_anew(work: UnitOfWork, credentials_id: str | None) -> None:
    # Another version makes every process try keys again that were refused: they may be good by now.
    if credentials_id is None:
        return
    query = select(Credential).where(Credential.id == credentials_id).with_for_update()
    (await work.session.scalars(query.execution_options(populate_existing=True))).one().version += 1


async def _note(work: UnitOfWork, credentials_id: str | None, wallet: Wallet | None, found: ConnectionTest) -> None:
    if wallet is not None:
        await lock_wallet(work, wallet.id)  # before the credentials, as everywhere
        wallet.connection_status = ConnectionStatus.CONNECTED if found.success else ConnectionStatus.ERROR
        wallet.last_connection_test, wallet.last_connection_error = work.now, found.error
        work.emit(wallet_updated(wallet))
    if credentials_id is None:
        return
    credential = await work.session.scalar(credentials_visible_to(work.caller).where(Credential.id == credentials_id).with_for_update())
    if credential is not None:
        credential.is_connected, credential.connection_error = found.success, found.error
        credential.last_verified_at = work.now if found.success else credential.last_verified_at


async def _credential_behind(session: AsyncSession, account: str) -> Credential | None:
    by_wallet = select(Wallet.credentials_id).where(Wallet.id == account)
    query = select(Credential).where(Credential.id.in_(by_wallet) | (Credential.id == account))
    credential: Credential | None = await session.scalar(query.execution_options(populate_existing=True))
    return credential


def _unusable(credential: Credential | None) -> str | None:
    if credential is None or credential.deleted_at is not None:
        return "The wallet has no credentials"
    return None if credential.is_active else f"The credentials {credential.name} are switched off"
