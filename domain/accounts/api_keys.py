"""What people do with API keys: make one for a program, with fewer rights than their own and an end, and revoke it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import AwareDatetime, Field
from sqlalchemy import Select, func, select

from domain.accounts.assigning import check_known
from domain.accounts.key_tokens import mint
from domain.accounts.models import ApiKey, User
from domain.accounts.words import expand
from domain.audit.recording import audited
from domain.kernel.clock import to_wire
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.ids import new_id
from domain.kernel.permissions import Caller, Permission, check_may_grant, requires, requires_session
from domain.runtime.idempotency import claim, fingerprint_of
from domain.runtime.keyset import KeysetPage, PageRequest, keyset_page
from domain.runtime.paging import DEFAULT_LIMIT, Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=366)
MAX_LIVE_KEYS = 50


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """What a key is made from; `permissions` are names such as `orders:read`, or words such as `trading.read`."""

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S")]
    permissions: Annotated[list[Annotated[str, Field(min_length=1, max_length=120)]], Field(min_length=1, max_length=200)]
    expires_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class CreatedApiKey:
    """A new key; `secret` is the whole token, and None when a repeated call finds the key already made."""

    api_key: ApiKey
    secret: str | None


def api_keys_visible_to(caller: Caller) -> Select[ApiKey]:
    return select(ApiKey).where(ApiKey.user_id == caller.id)


@audited("api_key.create", id="result.api_key.id")
@requires(Permission.API_KEYS_WRITE, session=True)
async def create_api_key(work: UnitOfWork, body: NewApiKey) -> CreatedApiKey:
    """Make a key for the caller and tell its secret, this once; it may do what it is given as long as its owner may.

    It ends by itself, from a minute to 366 days from now. A repeated call with the same idempotency key answers with the key and no
    secret. Raises UNKNOWN_PERMISSION, FORBIDDEN for a permission that the caller does not hold, API_KEY_LIMIT_REACHED beyond 50 live
    keys, VALIDATION_ERROR.
    """
    key_id = new_id("key")
    asked = fingerprint_of("create_api_key", name=body.name, permissions=body.permissions, expires_at=to_wire(body.expires_at))
    if earlier := await claim(work, asked, key_id):
        return CreatedApiKey(await _find_key(work, earlier), None)
    if not SHORTEST <= body.expires_at - work.now <= LONGEST:
        raise DomainError(ErrorCode.VALIDATION_ERROR, "expires_at must lie between a minute and 366 days ahead", field="expires_at")
    await check_known(work, body.permissions)
    permissions = expand(body.permissions)
    check_may_grant(work.caller, permissions)
    await _check_room(work)
    secret, digest = mint(key_id)
    key = ApiKey(
        id=key_id,
        user_id=work.caller.id,
        name=body.name.strip(),
        digest=digest,
        permissions=sorted(permissions),
        created_at=work.now,
        expires_at=body.expires_at,
    )
    work.session.add(key)
    return CreatedApiKey(key, secret)


@requires(Permission.API_KEYS_READ)
async def page_of_api_keys(work: UnitOfWork, page: PageRequest) -> KeysetPage[ApiKey]:
    """Return one page of the caller's keys, newest first, those that have ended too."""
    return await keyset_page(work.session, api_keys_visible_to(work.caller), ApiKey, page)


@requires(Permission.API_KEYS_READ)
async def list_api_keys(work: UnitOfWork, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0) -> Page[ApiKey]:
    """Return the caller's keys, newest first, those that have ended too."""
    newest_first = api_keys_visible_to(work.caller).order_by(ApiKey.created_at.desc(), ApiKey.id.desc())
    return await page_of(work.session, newest_first, limit, offset)


@requires(Permission.API_KEYS_READ)
async def get_api_key(work: UnitOfWork, key_id: str) -> ApiKey:
    """Return one of the caller's keys, without its secret, which is kept nowhere. Raises NOT_FOUND."""
    return await _find_key(work, key_id)


@audited("api_key.revoke", id="key_id")
@requires_session
async def revoke_api_key(work: UnitOfWork, key_id: str) -> ApiKey:
    """End a key at once: it is refused from now on, and its sockets close. Revoking it again changes nothing. Raises NOT_FOUND."""
    key = await _find_key(work, key_id)
    if key.revoked_at is None:
        key.revoked_at = work.now
        work.wake(f"session:{key.id}")
    return key


async def _find_key(work: UnitOfWork, key_id: str) -> ApiKey:
    key: ApiKey | None = await work.session.scalar(api_keys_visible_to(work.caller).where(ApiKey.id == key_id))
    if key is None:
        raise NotFound("API key", key_id)
    return key


async def _check_room(work: UnitOfWork) -> None:
    # One after the other, or two at once would both find room.
    await work.session.execute(select(User.id).where(User.id == work.caller.id).with_for_update(key_share=True))
    live = select(func.count()).where(ApiKey.user_id == work.caller.id, ApiKey.revoked_at.is_(None), ApiKey.expires_at > work.now)
    if (await work.session.scalar(live) or 0) >= MAX_LIVE_KEYS:
        message = f"A user has at most {MAX_LIVE_KEYS} live API keys; revoke one first"
        raise DomainError(ErrorCode.API_KEY_LIMIT_REACHED, message, limit=MAX_LIVE_KEYS)
