"""Every kind of error that ccxt has means one thing to us."""

import ccxt
import pytest

from domain.exchanges.ccxt_errors import is_duplicate, meaning_of
from domain.exchanges.venue import Refusal, VenueLockedOut, VenueRateLimited, VenueRejected, VenueUnavailable

REFUSED = [
    (ccxt.InsufficientFunds, Refusal.INSUFFICIENT_FUNDS),
    (ccxt.BadSymbol, Refusal.UNKNOWN_SYMBOL),
    (ccxt.OrderNotFound, Refusal.ORDER_NOT_FOUND),
    (ccxt.InvalidOrder, Refusal.INVALID_ORDER),
    (ccxt.DuplicateOrderId, Refusal.INVALID_ORDER),
    (ccxt.BadRequest, Refusal.INVALID_ORDER),
    (ccxt.ArgumentsRequired, Refusal.INVALID_ORDER),
    (ccxt.MarketClosed, Refusal.MARKET_CLOSED),
    (ccxt.NotSupported, Refusal.NOT_SUPPORTED),
    (ccxt.ExchangeError, Refusal.OTHER),
]


@pytest.mark.parametrize(("kind", "reason"), REFUSED)
def test_a_refusal_has_its_reason(kind: type[Exception], reason: Refusal) -> None:
    meaning = meaning_of(kind("no"), None, 0)
    assert isinstance(meaning, VenueRejected) and (meaning.reason, str(meaning)) == (reason, "no")


@pytest.mark.parametrize("text", ["Filter failure: NOTIONAL", "EOrder:Order minimum not met"])
def test_a_minimum_is_recognised_by_its_words(text: str) -> None:
    meaning = meaning_of(ccxt.InvalidOrder(text), None, 0)
    assert isinstance(meaning, VenueRejected) and meaning.reason is Refusal.BELOW_MINIMUM


@pytest.mark.parametrize(
    ("kind", "may_have_been_accepted"),
    [
        (ccxt.RequestTimeout, True),
        (ccxt.NetworkError, True),
        (ccxt.ExchangeNotAvailable, True),
        (ccxt.OperationFailed, True),
        (ccxt.BadResponse, True),
        (ccxt.OnMaintenance, False),
        (ccxt.InvalidNonce, False),
        (TypeError, True),
        (KeyError, True),
    ],
)
def test_silence_tells_whether_the_order_may_be_there(kind: type[Exception], may_have_been_accepted: bool) -> None:
    meaning = meaning_of(kind("?"), None, 0)
    assert type(meaning) is VenueUnavailable and meaning.may_have_been_accepted is may_have_been_accepted


def test_an_answer_that_broke_off_is_no_refusal() -> None:
    error = ccxt.ExchangeError("binance POST")
    error.__cause__ = OSError("payload")
    assert type(meaning_of(error, None, 0)) is VenueUnavailable


@pytest.mark.parametrize("kind", [ccxt.AuthenticationError, ccxt.PermissionDenied, ccxt.AccountSuspended, ccxt.AccountNotEnabled])
def test_wrong_credentials_stop_everything(kind: type[Exception]) -> None:
    assert isinstance(meaning_of(kind("key"), None, 0), VenueLockedOut)


def test_a_revoked_key_is_not_taken_for_a_passing_ban() -> None:
    banned = ccxt.DDoSProtection('binance {"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}')
    assert isinstance(meaning_of(banned, None, 0), VenueLockedOut)


@pytest.mark.parametrize(
    ("headers", "strikes", "seconds"),
    [
        ({"retry-after": "37"}, 0, 37),
        ({"Retry-After": "2"}, 5, 2),
        ({"Retry-After": "soon"}, 0, 1),
        (None, 0, 1),
        (None, 3, 8),
        ({}, 50, 60),
    ],
)
@pytest.mark.parametrize("kind", [ccxt.RateLimitExceeded, ccxt.DDoSProtection])
def test_too_many_requests_are_followed_by_a_pause(
    kind: type[Exception], headers: dict[str, str] | None, strikes: int, seconds: float
) -> None:
    meaning = meaning_of(kind("slower"), headers, strikes)
    assert isinstance(meaning, VenueRateLimited)
    assert (meaning.retry_after_seconds, meaning.may_have_been_accepted) == (seconds, False)


def test_no_error_of_ccxt_goes_unread() -> None:
    hierarchy = [kind for kind in vars(ccxt).values() if isinstance(kind, type) and issubclass(kind, ccxt.BaseError)]
    assert len(hierarchy) > 30
    assert all(isinstance(meaning_of(kind("x"), None, 0), VenueRejected | VenueUnavailable) for kind in hierarchy)


@pytest.mark.parametrize(
    ("text", "reason", "duplicate"),
    [
        ("Duplicate order sent.", Refusal.INVALID_ORDER, True),
        ("EOrder:cl_ord_id already in use", Refusal.OTHER, True),
        ("duplicate", Refusal.INSUFFICIENT_FUNDS, False),
        ("Filter failure: LOT_SIZE", Refusal.INVALID_ORDER, False),
    ],
)
def test_a_duplicate_is_recognised(text: str, reason: Refusal, duplicate: bool) -> None:
    assert is_duplicate(VenueRejected(text, reason)) is duplicate
