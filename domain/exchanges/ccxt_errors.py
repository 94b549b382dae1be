"""What the errors of ccxt mean: the order was refused, or nobody knows, or the exchange wants to be left alone."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, quote_plus

from domain.exchanges.venue import Refusal, VenueLockedOut, VenueRateLimited, VenueRejected, VenueUnavailable

FIRST_BACK_OFF_SECONDS = 1.0
LONGEST_BACK_OFF_SECONDS = 60.0

# The name of a ccxt error, most specific first, and the reason of the refusal that it is.
_REFUSALS = {
    "InsufficientFunds": Refusal.INSUFFICIENT_FUNDS,
    "BadSymbol": Refusal.UNKNOWN_SYMBOL,
    "OrderNotFound": Refusal.ORDER_NOT_FOUND,
    "MarketClosed": Refusal.MARKET_CLOSED,
    "ContractUnavailable": Refusal.UNKNOWN_SYMBOL,
    "InvalidOrder": Refusal.INVALID_ORDER,
    "BadRequest": Refusal.INVALID_ORDER,
    "ArgumentsRequired": Refusal.INVALID_ORDER,
    "NotSupported": Refusal.NOT_SUPPORTED,
}
# A restart of the exchange in which it still answers, and a request whose number or time was wrong, took nothing.
_NOT_TAKEN = ("OnMaintenance", "InvalidNonce")
_BELOW_MINIMUM = re.compile(r"NOTIONAL|Order minimum not met|costmin|must be greater than minimum", re.IGNORECASE)
# Binance: a key that is unknown, revoked or used from elsewhere. Kraken: what ccxt takes for an error of no kind.
_LOCKED_OUT = re.compile(r'"code":\s*-2015|EAPI:Invalid (key|signature)')
# What binance and kraken say of an id that one of their open orders has.
_DUPLICATE = re.compile(r"duplicate|already in use|already exists", re.IGNORECASE)


def names_of(error: BaseException) -> frozenset[str]:
    """Return the names of the error's class and of all that it derives from."""
    return frozenset(kind.__name__ for kind in type(error).__mro__)


def is_duplicate(refusal: VenueRejected) -> bool:
    """Tell whether a refusal means that the exchange has an open order of this id already."""
    return refusal.reason in (Refusal.INVALID_ORDER, Refusal.OTHER) and _DUPLICATE.search(str(refusal)) is not None


def meaning_of(
    error: Exception, headers: Mapping[str, str] | None, strikes: int, secrets: Sequence[str] = ()
) -> VenueRejected | VenueUnavailable:
    """Return what an error of ccxt means for us, in words that hold none of the secrets.

    `headers` are those of the last answer; `strikes` counts the calls in a row that were refused as too many, for the back-off where
    the exchange names no time: 1 s, 2 s, 4 s … 60 s.
    """
    names, text = names_of(error), _without(secrets, str(error))[:500]
    if "AuthenticationError" in names or _LOCKED_OUT.search(text):
        # After one good answer ccxt takes -2015 for a passing ban; a key that has been revoked says the same and must not be used on.
        return VenueLockedOut(text)
    if names & {"RateLimitExceeded", "DDoSProtection"}:
        return VenueRateLimited(text, _wanted_pause(headers) or min(FIRST_BACK_OFF_SECONDS * 2**strikes, LONGEST_BACK_OFF_SECONDS))
    if "BaseError" not in names or "OperationFailed" in names:
        # No error of ccxt: it could not read the answer, which says nothing of what the exchange did.
        return VenueUnavailable(f"{type(error).__name__}: {text}", may_have_been_accepted=not names & {*_NOT_TAKEN})
    if error.__cause__ is not None:
        # The connection broke in the middle of the answer; ccxt calls that an error of the exchange.
        return VenueUnavailable(text)
    if _BELOW_MINIMUM.search(text):
        return VenueRejected(text, Refusal.BELOW_MINIMUM)
    return VenueRejected(text, next((reason for name, reason in _REFUSALS.items() if name in names), Refusal.OTHER))


def _without(secrets: Sequence[str], text: str) -> str:
    # Longest first: one may be part of another. Some exchanges have the key in the address, and ccxt quotes addresses.
    for secret in sorted(secrets, key=len, reverse=True):
        for form in {secret, quote(secret, safe=""), quote_plus(secret)}:
            text = text.replace(form, "***")
    return text


def _wanted_pause(headers: Mapping[str, str] | None) -> float | None:
    # Seconds: the other form, a date, is used by none of the exchanges that we know of.
    for name, value in (headers or {}).items():
        if name.lower() == "retry-after" and value.strip().isdigit():
            return float(value)
    return None
