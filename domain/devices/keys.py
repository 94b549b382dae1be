"""The key that a device reports with: shown once, kept as a digest."""

import hashlib
import hmac
import secrets

from sqlalchemy import select

from domain.devices.models import Device
from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.unit_of_work import UnitOfWork

PREFIX = "twd_"
MAX_LENGTH = 100


def new_key() -> tuple[str, str]:
    """Return a new key and its digest."""
    key = PREFIX + secrets.token_urlsafe(32)
    return key, digest_of(key)


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


async def device_with_key(work: UnitOfWork, device_id: str, key: str) -> Device:
    """Return the device of this id whose key this is, locked. Raises UNAUTHORIZED, alike for a wrong key and for no such device."""
    found: Device | None = await work.session.scalar(
        select(Device)
        .where(Device.id == device_id, Device.deleted_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    digest = digest_of(key[:MAX_LENGTH])
    if found is None or not hmac.compare_digest(found.key_digest, digest):
        raise DomainError(ErrorCode.UNAUTHORIZED, "The device key is not valid")
    return found
