"""Watches the audit log as it is written, and raises an alert when what was done adds up to something people should know."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select

from domain.audit.models import AuditEntry
from domain.audit.vocabulary import AuditResult
from domain.kernel.errors import ErrorCode
from domain.runtime.operation import Operation
from domain.runtime.rate_limits import network_of
from domain.runtime.unit_of_work import UnitOfWork
from domain.security_alerts.models import AlertSeverity
from domain.security_alerts.raising import raise_alert

# Source of the two numbers of guesses: the contract of `/v1`, 4.5.
GUESSES, GUESSING_WITHIN = 5, timedelta(minutes=15)
REFUSALS, REFUSED_WITHIN = 10, timedelta(hours=1)
LOGIN_FAILED, PERMISSION_CHANGE = "login_failed", "permission_change"
type Entry = Mapping[str, Any]  # what is written of an act, by the names of the columns


async def watch_entry(work: UnitOfWork, entry: Entry) -> None:
    """Look at an entry that has just been written in this transaction, and raise in it whatever alert follows."""
    if entry["event_type"] == LOGIN_FAILED:
        work.enqueue("security_alerts.weigh_failed_log_ins", ip=entry["ip"] or "", user_id=entry["object_id"] or "")
    elif entry["code"] == ErrorCode.INVALID_REFRESH_TOKEN.value and entry["details"].get("reason") == "used_before":
        await _stolen_token(work, entry)
    elif entry["code"] == ErrorCode.FORBIDDEN.value:
        await _many_refusals(work, entry)
    elif entry["event_type"] == PERMISSION_CHANGE and entry["result"] is AuditResult.SUCCESS:
        await _changed_permissions(work, entry)


async def weigh_failed_log_ins(operation: Operation, ip: str, user_id: str) -> None:
    """Raise an alert if too many log-ins have failed lately from where this address is, or for this account; either may be empty.

    Places are those that limits tell apart: who has a network of IPv6 has as many addresses as guesses.

    A worker does it for every failed log-in alike, so that the time of an answer does not tell whether an account exists.
    """
    failed = AuditEntry.event_type == LOGIN_FAILED
    async with operation.unit_of_work() as work:
        place = network_of(ip)
        if ip and await _failed_from(work, place) >= GUESSES:
            await raise_alert(
                work,
                user_id=None,
                alert_type="brute_force",
                message=f"At least {GUESSES} log-ins from {place} have failed within {_minutes(GUESSING_WITHIN)} minutes",
                severity=AlertSeverity.HIGH,
                cause=f"brute_force:{place}",
                details={"ip": ip, "network": place, "window_minutes": _minutes(GUESSING_WITHIN)},
            )
        if user_id and await _count(work, GUESSING_WITHIN, AuditEntry.object_id == user_id, failed) >= GUESSES:
            await raise_alert(
                work,
                user_id=user_id,
                alert_type="suspicious_login",
                message=f"Somebody has tried at least {GUESSES} times to log in to this account with a wrong password",
                severity=AlertSeverity.HIGH,
                cause=f"suspicious_login:{user_id}",
                details={"ip": ip or None, "window_minutes": _minutes(GUESSING_WITHIN)},
            )


async def _stolen_token(work: UnitOfWork, entry: Entry) -> None:
    await raise_alert(
        work,
        user_id=entry["actor_id"],
        alert_type="token_reuse",
        message="A refresh token was used twice: somebody may hold a copy of it. Its session has been ended; log in again",
        severity=AlertSeverity.CRITICAL,
        cause=f"token_reuse:{entry['session_id']}",
        details={"session_id": entry["session_id"], "ip": entry["ip"]},
    )


async def _many_refusals(work: UnitOfWork, entry: Entry) -> None:
    if entry["actor_id"] is None:
        return
    recent = AuditEntry.actor_id == entry["actor_id"], AuditEntry.code == ErrorCode.FORBIDDEN.value
    if await _count(work, REFUSED_WITHIN, *recent) >= REFUSALS:
        await raise_alert(
            work,
            user_id=entry["actor_id"],
            alert_type="mass_forbidden",
            message=f"At least {REFUSALS} requests of this account within an hour were for things it may not do",
            severity=AlertSeverity.HIGH,
            cause=f"mass_forbidden:{entry['actor_id']}",
            details={"ip": entry["ip"], "door": entry["door"], "window_minutes": _minutes(REFUSED_WITHIN)},
        )


async def _changed_permissions(work: UnitOfWork, entry: Entry) -> None:
    if entry["before"] is None and entry["after"] is None:
        return  # the same role or set once more
    concerns_one = entry["object_type"] == "user"
    what = "The permissions of this account have" if concerns_one else f"The {entry['object_type']} {entry['object_id']} has"
    # Who looks after the installation is not told to everybody; the audit log says it to those who may read it.
    by = "an administrator" if concerns_one and entry["actor_id"] else entry["actor_email"] or entry["actor_id"] or "the system"
    actor = {} if concerns_one else {"actor_id": entry["actor_id"]}
    await raise_alert(
        work,
        user_id=entry["object_id"] if concerns_one else None,
        alert_type="permission_change",
        message=f"{what} been changed by {by}",
        severity=AlertSeverity.MEDIUM,
        details={"action": entry["action"], **actor, "before": entry["before"], "after": entry["after"]},
    )


async def _failed_from(work: UnitOfWork, place: str) -> int:
    # Addresses are on record as they came, some in several spellings: only `network_of` knows which belong together.
    recent = AuditEntry.event_type == LOGIN_FAILED, AuditEntry.occurred_at > work.now - GUESSING_WITHIN, AuditEntry.ip.is_not(None)
    found = await work.session.execute(select(AuditEntry.ip, func.count()).where(*recent).group_by(AuditEntry.ip))
    return sum(count for ip, count in found if network_of(ip) == place)


async def _count(work: UnitOfWork, within: timedelta, *conditions: ColumnElement[bool]) -> int:
    recent = select(func.count()).select_from(AuditEntry).where(AuditEntry.occurred_at > work.now - within, *conditions)
    return await work.session.scalar(recent) or 0


def _minutes(length: timedelta) -> int:
    return int(length.total_seconds()) // 60
