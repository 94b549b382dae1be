"""Who may do what: permissions, the caller, and the check on every service. The roles that bundle permissions are rows."""

import functools
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Concatenate, Protocol

from domain.kernel.errors import DomainError, ErrorCode


class Permission(StrEnum):
    """What services ask for: `resource:action`, alphabetical; exact match, no wildcards.

    Each is a row too, which roles and API keys point to: a new member comes with a migration (docs/decisions/0011).
    """

    ANALYSTS_USE = "analysts:use"
    ANALYTICS_READ = "analytics:read"
    ANALYTICS_WRITE = "analytics:write"
    API_KEYS_READ = "api_keys:read"
    API_KEYS_WRITE = "api_keys:write"
    AUDIT_READ = "audit:read"
    CREDENTIALS_WRITE = "credentials:write"
    DEVICES_READ = "devices:read"
    DEVICES_WRITE = "devices:write"
    EXECUTIONS_DELETE = "executions:delete"
    EXECUTIONS_READ = "executions:read"
    FLOWS_READ = "flows:read"
    FLOWS_RUN = "flows:run"
    FLOWS_WRITE = "flows:write"
    MARKET_READ = "market:read"
    NOTIFICATIONS_READ = "notifications:read"
    NOTIFICATIONS_WRITE = "notifications:write"
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    PLANS_READ = "plans:read"
    PLANS_WRITE = "plans:write"
    POSITIONS_READ = "positions:read"
    POSITIONS_WRITE = "positions:write"
    PRICE_ALERTS_WRITE = "price_alerts:write"
    PROFILE_READ = "profile:read"
    PROFILE_WRITE = "profile:write"
    RIGHTS_WRITE = "rights:write"
    RISK_RULES_READ = "risk_rules:read"
    RISK_RULES_WRITE = "risk_rules:write"
    SECURITY_ALERTS_READ = "security_alerts:read"
    SECURITY_ALERTS_WRITE = "security_alerts:write"
    TRADING_SWITCH_WRITE = "trading_switch:write"
    USER_PLANS_READ = "user_plans:read"
    USER_PLANS_WRITE = "user_plans:write"
    USER_WALLETS_WRITE = "user_wallets:write"
    USERS_DELETE = "users:delete"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    WALLETS_READ = "wallets:read"
    WALLETS_WRITE = "wallets:write"


@dataclass(frozen=True, slots=True)
class Caller:
    """The person, or the part of the system, for whom a request or job is done.

    `user_id` is None for anonymous requests and for the system itself; only the system has `is_system`. One that came with an API
    key has `api_key_id` and no session. `permissions` may hold names that no service asks for; `no_rights` says why it is empty.
    """

    user_id: str | None = None
    session_id: str | None = None
    email: str | None = None
    role: str | None = None
    is_superuser: bool = False
    is_system: bool = False
    permissions: frozenset[str] = frozenset()
    api_key_id: str | None = None
    no_rights: str | None = None

    def may(self, permission: str) -> bool:
        return self.is_system or self.is_superuser or permission in self.permissions

    @property
    def id(self) -> str:
        """The user's id; raises UNAUTHORIZED for an anonymous caller."""
        if self.user_id is None:
            raise DomainError(ErrorCode.UNAUTHORIZED, "Not authenticated")
        return self.user_id


ANONYMOUS = Caller()
SYSTEM = Caller(is_system=True, role="system")


class _ActsForCaller(Protocol):
    @property
    def caller(self) -> Caller: ...


type _Service[W, **P, R] = Callable[Concatenate[W, P], Awaitable[R]]
type _Checked[W, **P, R] = Callable[Concatenate[W, P], Coroutine[Any, Any, R]]


def requires[W: _ActsForCaller, **P, R](
    permission: Permission, *, session: bool = False
) -> Callable[[_Service[W, P, R]], _Checked[W, P, R]]:
    """Let a service run only for callers with the permission, and with `session` not for an API key; the door needs no check.

    Raises UNAUTHORIZED for an anonymous caller, FORBIDDEN for one who lacks the permission, SESSION_REQUIRED.
    """

    def decorate(service: _Service[W, P, R]) -> _Checked[W, P, R]:
        @functools.wraps(service)
        async def checked(work: W, /, *args: P.args, **kwargs: P.kwargs) -> R:
            if session:
                check_session(work.caller)
            check(work.caller, permission)
            return await service(work, *args, **kwargs)

        checked.permission = permission  # type: ignore[attr-defined]
        checked.needs_session = session  # type: ignore[attr-defined]
        return checked

    return decorate


def requires_session[W: _ActsForCaller, **P, R](service: _Service[W, P, R]) -> _Checked[W, P, R]:
    """Let a service run for everybody who has logged in, whatever their role: what guards one's own account.

    Raises UNAUTHORIZED for an anonymous caller, SESSION_REQUIRED for an API key.
    """

    @functools.wraps(service)
    async def checked(work: W, /, *args: P.args, **kwargs: P.kwargs) -> R:
        check_session(work.caller)
        return await service(work, *args, **kwargs)

    checked.needs_session = True  # type: ignore[attr-defined]
    return checked


def requires_superuser[W: _ActsForCaller, **P, R](service: _Service[W, P, R]) -> _Checked[W, P, R]:
    """Let a service run for superusers only, and not for their API keys.

    Raises UNAUTHORIZED for an anonymous caller, FORBIDDEN for everybody else.
    """

    @functools.wraps(service)
    async def checked(work: W, /, *args: P.args, **kwargs: P.kwargs) -> R:
        check_superuser(work.caller)
        return await service(work, *args, **kwargs)

    checked.needs_superuser = True  # type: ignore[attr-defined]
    return checked


def check(caller: Caller, permission: Permission) -> None:
    """Raise unless the caller has the permission."""
    if caller.may(permission):
        return
    _check_known(caller)
    sentence = caller.no_rights or f"Insufficient permissions. Required: {permission.value}"
    raise DomainError(ErrorCode.FORBIDDEN, sentence, required_permission=permission.value)


def check_session(caller: Caller) -> None:
    """Raise unless the caller has logged in (or is the system)."""
    if caller.is_system:
        return
    _check_known(caller)
    if caller.api_key_id is not None:
        raise DomainError(ErrorCode.SESSION_REQUIRED, "Log in for this; an API key is not enough")


def check_superuser(caller: Caller) -> None:
    """Raise unless the caller is a superuser (or the system)."""
    if caller.is_system or caller.is_superuser:
        return
    _check_known(caller)
    raise DomainError(ErrorCode.FORBIDDEN, "Superuser access required")


def check_may_grant(caller: Caller, permissions: Iterable[str]) -> None:
    """Raise FORBIDDEN, naming the first of them, if there are permissions that the caller does not hold."""
    for permission in sorted(permissions):
        if not caller.may(permission):
            raise DomainError(
                ErrorCode.FORBIDDEN, f"Nobody gives what they do not hold themselves: {permission}", required_permission=permission
            )


def needs_of(service: object) -> str:
    """Return, as sentences for a service's documentation, what its callers need; empty if anybody may call it."""
    permission: Permission | None = getattr(service, "permission", None)
    sentences = []
    if getattr(service, "needs_session", False):
        sentences.append("An API key is not enough." if permission else "Requires a log-in; an API key is not enough.")
    if getattr(service, "needs_superuser", False):
        sentences.append("Requires a superuser.")
    if permission:
        sentences.append(f"Requires the permission `{permission.value}`.")
    return " ".join(sentences)


def _check_known(caller: Caller) -> None:
    if caller.user_id is None and not caller.is_system:
        raise DomainError(ErrorCode.UNAUTHORIZED, "Not authenticated")
