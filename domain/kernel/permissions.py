"""Who may do what: permissions, the roles that bundle them, the caller, and the check on every service."""

import functools
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Concatenate, Protocol

from domain.kernel.errors import DomainError, ErrorCode


class Permission(StrEnum):
    """`resource:action`, alphabetical; exact match, no wildcards."""

    ANALYSTS_USE = "analysts:use"
    ANALYTICS_READ = "analytics:read"
    ANALYTICS_WRITE = "analytics:write"
    API_KEYS_READ = "api_keys:read"
    API_KEYS_WRITE = "api_keys:write"
    AUDIT_READ = "audit:read"
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
    USER_PLANS_READ = "user_plans:read"
    USER_PLANS_WRITE = "user_plans:write"
    USERS_DELETE = "users:delete"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    WALLETS_READ = "wallets:read"
    WALLETS_WRITE = "wallets:write"


# What reaches beyond one's own: other people's accounts, their audit entries and their security alerts.
_OVER_OTHERS = {Permission.USERS_READ, Permission.AUDIT_READ, Permission.SECURITY_ALERTS_READ}
_READ_OWN = frozenset(p for p in Permission if p.value.endswith(":read")) - _OVER_OTHERS
_TRADE = _READ_OWN | {
    Permission.ANALYSTS_USE,
    Permission.ANALYTICS_WRITE,
    Permission.API_KEYS_WRITE,
    Permission.DEVICES_WRITE,
    Permission.EXECUTIONS_DELETE,
    Permission.FLOWS_RUN,
    Permission.FLOWS_WRITE,
    Permission.NOTIFICATIONS_WRITE,
    Permission.ORDERS_WRITE,
    Permission.POSITIONS_WRITE,
    Permission.PRICE_ALERTS_WRITE,
    Permission.PROFILE_WRITE,
    Permission.RISK_RULES_WRITE,
    Permission.USER_PLANS_WRITE,
}

ROLE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    "admin": frozenset(Permission),
    "user": _TRADE,
    "viewer": _READ_OWN,
}


@dataclass(frozen=True, slots=True)
class Caller:
    """The person, or the part of the system, for whom a request or job is done.

    `user_id` is None for anonymous requests and for the system itself; only the system has `is_system`.
    """

    user_id: str | None = None
    session_id: str | None = None
    email: str | None = None
    role: str | None = None
    is_superuser: bool = False
    is_system: bool = False
    permissions: frozenset[Permission] = frozenset()

    def may(self, permission: Permission) -> bool:
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


def requires[W: _ActsForCaller, **P, R](
    permission: Permission,
) -> Callable[[Callable[Concatenate[W, P], Awaitable[R]]], Callable[Concatenate[W, P], Coroutine[Any, Any, R]]]:
    """Let a service run only for callers with the permission; the door needs no check of its own.

    Raises UNAUTHORIZED for an anonymous caller and FORBIDDEN for one who lacks the permission.
    """

    def decorate(service: Callable[Concatenate[W, P], Awaitable[R]]) -> Callable[Concatenate[W, P], Coroutine[Any, Any, R]]:
        @functools.wraps(service)
        async def checked(work: W, /, *args: P.args, **kwargs: P.kwargs) -> R:
            check(work.caller, permission)
            return await service(work, *args, **kwargs)

        checked.permission = permission  # type: ignore[attr-defined]
        return checked

    return decorate


def check(caller: Caller, permission: Permission) -> None:
    """Raise unless the caller has the permission."""
    if caller.may(permission):
        return
    if caller.user_id is None:
        raise DomainError(ErrorCode.UNAUTHORIZED, "Not authenticated")
    raise DomainError(
        ErrorCode.FORBIDDEN,
        f"Insufficient permissions. Required: {permission.value}",
        required_permission=permission.value,
    )
