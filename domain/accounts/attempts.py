"""Limits how often one address tries to get in, whichever door it comes through and whoever it claims to be."""

from enum import Enum

from domain.kernel.permissions import Permission
from domain.runtime.operation import Operation
from domain.runtime.rate_limits import RateLimited, Rule, network_of
from domain.runtime.settings import Settings

MINUTE, HOUR = 60, 3_600


class Attempt(Enum):
    """What can be tried without a token."""

    LOG_IN = "login"
    REGISTER = "registration"
    REFRESH = "refresh"
    ASK_FOR_LINK = "link_request"
    FOLLOW_LINK = "link"


async def check(operation: Operation, attempt: Attempt) -> None:
    """Count an attempt by the address it comes from, before anything is looked up. Raises RateLimited.

    The system itself, and whoever registers others because they may, is not counted.
    """
    caller = operation.caller
    if caller.is_system or (attempt is Attempt.REGISTER and caller.may(Permission.USERS_WRITE)):
        return
    rules = _rules(operation.runtime.settings, attempt)
    admission = await operation.runtime.rate_limiter.admit(f"ip:{network_of(operation.ip)}", rules, operation.clock.now())
    if admission.refused_by is not None:
        raise RateLimited(admission.refused_by)


def _rules(settings: Settings, attempt: Attempt) -> tuple[Rule, ...]:
    def rule(limit: int, window_seconds: int) -> Rule:
        return Rule(f"auth.{attempt.value}.{window_seconds}", attempt.value, limit, window_seconds)

    match attempt:
        case Attempt.LOG_IN:
            return rule(settings.login_limit_per_minute, MINUTE), rule(settings.login_limit_per_hour, HOUR)
        case Attempt.REGISTER:
            return (rule(settings.registration_limit_per_hour, HOUR),)
        case Attempt.REFRESH:
            return (rule(settings.refresh_limit_per_minute, MINUTE),)
        case Attempt.ASK_FOR_LINK | Attempt.FOLLOW_LINK:
            return (rule(settings.mail_link_limit_per_hour, HOUR),)
