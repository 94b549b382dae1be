"""Signs and reads the tokens that clients carry."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import jwt

ISSUER = "tradewind"
AUDIENCE = "tradewind"
ALGORITHM = "HS256"
MAX_LENGTH = 4_096
TokenKind = Literal["access", "refresh"]

_CLAIMS = ["sub", "sid", "role", "typ", "jti", "iat", "exp", "iss", "aud"]
# Expiry is judged below, by the clock of the caller.
_CHECKS: jwt.types.Options = {
    "require": _CLAIMS,
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "enforce_minimum_key_length": True,
}


class InvalidToken(Exception):
    """Not a token of ours, changed on the way, or not of the kind that was asked for."""


class ExpiredToken(InvalidToken):
    """A token of ours whose time is over."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says; whether its session still lives is for the database to say."""

    user_id: str
    session_id: str
    role: str
    kind: TokenKind
    token_id: str
    issued_at: datetime
    expires_at: datetime


def sign(claims: Claims, secret: str) -> str:
    """Return the token; the secret has at least 32 bytes."""
    document = {
        "sub": claims.user_id,
        "sid": claims.session_id,
        "role": claims.role,
        "typ": claims.kind,
        "jti": claims.token_id,
        "iat": int(claims.issued_at.timestamp()),
        "exp": int(claims.expires_at.timestamp()),
        "iss": ISSUER,
        "aud": AUDIENCE,
    }
    return jwt.encode(document, secret, ALGORITHM)


def read(token: str, secret: str, kind: TokenKind, now: datetime) -> Claims:
    """Return what the token says; raises InvalidToken, or ExpiredToken for a genuine one that is over."""
    if len(token) > MAX_LENGTH:
        raise InvalidToken
    try:
        found = jwt.decode(token, secret, [ALGORITHM], options=_CHECKS, audience=AUDIENCE, issuer=ISSUER)
        claims = Claims(
            user_id=found["sub"],
            session_id=found["sid"],
            role=found["role"],
            kind=found["typ"],
            token_id=found["jti"],
            issued_at=datetime.fromtimestamp(found["iat"], UTC),
            expires_at=datetime.fromtimestamp(found["exp"], UTC),
        )
    except (jwt.InvalidTokenError, TypeError, ValueError, OverflowError, OSError):
        raise InvalidToken from None
    if claims.kind != kind:
        raise InvalidToken
    if claims.expires_at <= now:
        raise ExpiredToken
    return claims
