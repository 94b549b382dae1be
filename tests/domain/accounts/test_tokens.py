import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from domain.accounts.tokens import Claims, ExpiredToken, InvalidToken, read, sign

SECRET = "a secret for tests only, long enough to sign with"
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
CLAIMS = Claims("user_1", "session_1", "user", "access", "token_1", NOW, NOW + timedelta(minutes=30))


def forged(**changes: Any) -> str:
    document = jwt.decode(sign(CLAIMS, SECRET), options={"verify_signature": False})
    document.update(changes)
    return jwt.encode({name: value for name, value in document.items() if value is not None}, SECRET, "HS256")


def test_token_says_what_was_signed() -> None:
    assert read(sign(CLAIMS, SECRET), SECRET, "access", NOW) == CLAIMS


def test_claims_are_exactly_the_documented_ones() -> None:
    document = jwt.decode(sign(CLAIMS, SECRET), options={"verify_signature": False})
    assert sorted(document) == ["aud", "exp", "iat", "iss", "jti", "role", "sid", "sub", "typ"]


def test_token_expires_by_the_clock_it_is_judged_by() -> None:
    token = sign(CLAIMS, SECRET)
    assert read(token, SECRET, "access", CLAIMS.expires_at - timedelta(seconds=1)) == CLAIMS
    with pytest.raises(ExpiredToken):
        read(token, SECRET, "access", CLAIMS.expires_at)


def test_refresh_token_is_no_access_token() -> None:
    with pytest.raises(InvalidToken):
        read(sign(replace(CLAIMS, kind="refresh"), SECRET), SECRET, "access", NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody"},
        {"aud": "somebody"},
        {"aud": None},
        {"iss": None},
        {"sid": None},
        {"typ": None},
        {"sub": 7},
        {"exp": "soon"},
        {"exp": 1e300},
        {"exp": None},
        {"typ": ["access"]},
    ],
)
def test_token_with_other_claims_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        read(forged(**changes), SECRET, "access", NOW)


def test_foreign_and_unsigned_tokens_are_refused() -> None:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    unsigned = f"{header}.{sign(CLAIMS, SECRET).split('.')[1]}."
    other = sign(CLAIMS, "another secret, also long enough to sign with")
    for token in (unsigned, other, "", "junk", "a.b.c", "\N{PILE OF POO}", "x" * 10_000, sign(CLAIMS, SECRET)[:-2]):
        with pytest.raises(InvalidToken):
            read(token, SECRET, "access", NOW)
