"""The one catalogue of refusals: every code with its meaning and its HTTP status in each REST dialect."""

from enum import Enum
from typing import Self


class ErrorCode(Enum):
    """A reason for which a request is refused.

    The value is what clients see. `meaning` is the sentence of the documentation, `api_v1` and `v1` are the statuses of
    the two REST dialects.
    """

    meaning: str
    api_v1: int
    v1: int

    def __new__(cls, code: str, meaning: str, api_v1: int, v1: int) -> Self:
        member = object.__new__(cls)
        member._value_, member.meaning, member.api_v1, member.v1 = code, meaning, api_v1, v1
        return member

    # the request itself
    BAD_REQUEST = "BAD_REQUEST", "A header or parameter of the request cannot be understood.", 400, 400
    INVALID_JSON = "INVALID_JSON", "The body is not valid JSON.", 422, 400
    VALIDATION_ERROR = "VALIDATION_ERROR", "A field is missing, has the wrong type or lies outside its limits.", 422, 422
    IMMUTABLE_FIELD = "IMMUTABLE_FIELD", "A field that never changes was given another value.", 422, 422
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE", "The body is larger than the server accepts.", 413, 413
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE", "The body is not in a format that this route reads.", 415, 415
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE", "No format named in Accept can be sent.", 406, 406
    ROUTE_NOT_FOUND = "ROUTE_NOT_FOUND", "There is no such route.", 404, 404
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED", "The route exists, but not with this method.", 405, 405
    PRECONDITION_FAILED = "PRECONDITION_FAILED", "The object has changed since the version named in If-Match.", 412, 412
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT", "The idempotency key was used before with another request.", 409, 409
    CURSOR_EXPIRED = "CURSOR_EXPIRED", "The cursor is older than the event log reaches; start again without one.", 400, 400
    CURSOR_INVALID = "CURSOR_INVALID", "The cursor was not issued by this server.", 400, 400
    QUERY_TOO_COMPLEX = "QUERY_TOO_COMPLEX", "The GraphQL operation is deeper, longer or wider than the server allows.", 400, 400
    TOO_MANY_SUBSCRIPTIONS = (
        "TOO_MANY_SUBSCRIPTIONS",
        "This socket carries as many operations as the server allows; end one first.",
        429,
        429,
    )
    RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED", "Too many requests; wait for Retry-After.", 429, 429

    # who is asking
    UNAUTHORIZED = "UNAUTHORIZED", "No valid access token came with the request.", 401, 401
    TOKEN_EXPIRED = "TOKEN_EXPIRED", "The access token has expired; refresh it.", 401, 401
    TOKEN_REVOKED = "TOKEN_REVOKED", "The session of this token has ended; log in again.", 401, 401
    INVALID_CREDENTIALS = "INVALID_CREDENTIALS", "E-mail address or password is wrong.", 401, 401
    INVALID_REFRESH_TOKEN = "INVALID_REFRESH_TOKEN", "The refresh token is unknown, expired or was used before.", 401, 401
    TOO_MANY_ATTEMPTS = "TOO_MANY_ATTEMPTS", "Too many failed attempts; wait as many seconds as retry_after says.", 429, 429
    ACCOUNT_INACTIVE = "ACCOUNT_INACTIVE", "The account has been switched off.", 403, 403
    EMAIL_UNVERIFIED = "EMAIL_UNVERIFIED", "The e-mail address has not been confirmed yet.", 403, 403
    EMAIL_TAKEN = "EMAIL_TAKEN", "An account with this e-mail address exists.", 400, 409
    WEAK_PASSWORD = "WEAK_PASSWORD", "The password is too easy to guess.", 422, 422
    WRONG_PASSWORD = "WRONG_PASSWORD", "The current password, needed to set another one, is wrong.", 400, 422
    LINK_EXPIRED = "LINK_EXPIRED", "The link from the e-mail has expired; ask for a new one.", 401, 401
    LINK_INVALID = "LINK_INVALID", "The link from the e-mail is not valid or was used before.", 400, 400
    FORBIDDEN = "FORBIDDEN", "The caller lacks the permission that this needs.", 403, 403
    SESSION_REQUIRED = "SESSION_REQUIRED", "This needs a log-in; an API key is not enough.", 403, 403

    # roles, permissions and API keys
    ROLE_NAME_TAKEN = "ROLE_NAME_TAKEN", "There is a role with this name.", 400, 409
    ROLE_PROTECTED = "ROLE_PROTECTED", "The roles `admin` and `user` keep their names and stay: accounts are made with them.", 400, 409
    PERMISSION_EXISTS = "PERMISSION_EXISTS", "There is a permission for this action on this resource.", 400, 409
    UNKNOWN_PERMISSION = "UNKNOWN_PERMISSION", "There is no permission of this name.", 422, 422
    LAST_ADMIN = "LAST_ADMIN", "Nobody would be left who may give rights to others.", 400, 409
    API_KEY_LIMIT_REACHED = "API_KEY_LIMIT_REACHED", "The user has as many live API keys as are allowed; revoke one first.", 400, 409

    # what is asked for
    NOT_FOUND = "NOT_FOUND", "There is no such object, or it belongs to somebody else.", 404, 404
    UNKNOWN_SYMBOL = "UNKNOWN_SYMBOL", "The symbol is not in the instrument catalogue.", 422, 422
    UNKNOWN_INTERVAL = "UNKNOWN_INTERVAL", "The candle interval is not one that the server knows.", 422, 422
    NO_MARKET_DATA = "NO_MARKET_DATA", "The market source has no data for this symbol and time.", 404, 404
    MARKET_UNAVAILABLE = "MARKET_UNAVAILABLE", "The market source does not answer.", 503, 503
    NOT_ENOUGH_CANDLES = "NOT_ENOUGH_CANDLES", "There are too few candles to compute what was asked.", 400, 422

    ALERT_LIMIT_REACHED = "ALERT_LIMIT_REACHED", "The user has as many active price alerts as the server allows.", 400, 409

    # flows
    FLOW_BUSY = "FLOW_BUSY", "A run of this flow is under way; a flow runs one at a time.", 409, 409
    EXECUTION_RUNNING = "EXECUTION_RUNNING", "The execution is still under way.", 400, 409
    MODEL_NOT_CONFIGURED = "MODEL_NOT_CONFIGURED", "The named model provider is not configured on this server.", 422, 422
    EXECUTION_FAILED = "EXECUTION_FAILED", "The run could not be finished; its message says why.", 500, 500
    NO_ANALYST = "NO_ANALYST", "No analyst could give a vote.", 400, 422

    # trading
    INVALID_ORDER_STATE = "INVALID_ORDER_STATE", "The order is in a state that does not allow this.", 400, 409
    INVALID_POSITION_STATE = "INVALID_POSITION_STATE", "The position is in a state that does not allow this.", 400, 409
    ORDER_TYPE_UNSUPPORTED = "ORDER_TYPE_UNSUPPORTED", "The venue does not take this kind of order.", 422, 422
    AMEND_UNSUPPORTED = "AMEND_UNSUPPORTED", "The venue cannot change a resting order; cancel it and place another.", 400, 422
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS", "The wallet cannot pay for this order.", 400, 422
    QUANTITY_TOO_SMALL = "QUANTITY_TOO_SMALL", "The quantity is below the instrument's smallest lot.", 400, 422
    PRICE_NOT_POSITIVE = "PRICE_NOT_POSITIVE", "An order sized by money needs a price above zero.", 400, 422
    STOP_ON_WRONG_SIDE = "STOP_ON_WRONG_SIDE", "The stop or target lies on the wrong side of the price.", 400, 422
    RISK_LIMIT_EXCEEDED = "RISK_LIMIT_EXCEEDED", "A risk rule forbids this trade.", 400, 422
    TRADING_HALTED = "TRADING_HALTED", "Trading is halted or may only reduce exposure.", 400, 422
    MARKET_CLOSED = "MARKET_CLOSED", "The instrument is not traded now.", 400, 422
    VENUE_REJECTED = "VENUE_REJECTED", "The venue refused the order.", 400, 422
    VENUE_UNAVAILABLE = "VENUE_UNAVAILABLE", "The venue does not answer; the order is unresolved until it does.", 503, 503

    # plans and subscriptions
    PLAN_NAME_TAKEN = "PLAN_NAME_TAKEN", "There is a plan with this name.", 400, 409
    PLAN_LIMIT_REACHED = "PLAN_LIMIT_REACHED", "The caller's plan does not allow more of this; a larger plan may.", 400, 422
    SUBSCRIPTION_ACTIVE = "SUBSCRIPTION_ACTIVE", "The user has a subscription that runs; there is one at a time.", 400, 409
    INVALID_SUBSCRIPTION_STATE = "INVALID_SUBSCRIPTION_STATE", "The subscription is in a state that does not allow this.", 400, 409
    TRIAL_UNAVAILABLE = "TRIAL_UNAVAILABLE", "The plan has no trial, or the user has had it.", 400, 409

    # security alerts
    INVALID_ALERT_STATE = "INVALID_ALERT_STATE", "The security alert is in a state that does not allow this.", 400, 409

    # devices
    DEVICE_EXISTS = "DEVICE_EXISTS", "The user has a device with this hardware id.", 400, 409
    INVALID_DEVICE_STATE = "INVALID_DEVICE_STATE", "The device is in a state that does not allow this.", 400, 409

    # wallets and credentials
    WALLET_DEFINITION_EXISTS = "WALLET_DEFINITION_EXISTS", "There is, or was, a wallet definition with this slug.", 400, 409
    WALLET_DEFINITION_INACTIVE = "WALLET_DEFINITION_INACTIVE", "No wallets and credentials of this definition are taken now.", 400, 422
    WALLET_PROTECTED = "WALLET_PROTECTED", "The paper wallet of every account, and its definition, stay.", 400, 409
    PAPER_WALLET_EXISTS = "PAPER_WALLET_EXISTS", "Everybody has one wallet `demo`; further paper wallets are `simulation`.", 400, 409
    WALLET_NAME_TAKEN = "WALLET_NAME_TAKEN", "The caller has a wallet with this name.", 400, 409
    WALLET_LIMIT_REACHED = "WALLET_LIMIT_REACHED", "The caller has as many wallets or credentials as one may have.", 400, 409
    WALLET_IN_USE = "WALLET_IN_USE", "The wallet has open positions or orders that can still be filled.", 400, 409
    WALLET_NOT_CONNECTED = "WALLET_NOT_CONNECTED", "The wallet has no credentials that may be used; its message says why.", 400, 422
    NOT_A_PAPER_WALLET = "NOT_A_PAPER_WALLET", "Only a wallet with play money can do that.", 400, 422
    MISSING_AUTH_FIELD = "MISSING_AUTH_FIELD", "A credential that the wallet definition requires is missing.", 400, 422
    CREDENTIALS_IN_USE = "CREDENTIALS_IN_USE", "A wallet trades with these credentials.", 400, 409
    CREDENTIALS_MISMATCH = "CREDENTIALS_MISMATCH", "The credentials are not for such a wallet.", 400, 422

    # notifications
    WEBHOOK_URL_REFUSED = "WEBHOOK_URL_REFUSED", "The URL is malformed, or leads to an address that webhooks must not call.", 422, 422
    WEBHOOK_LIMIT_REACHED = "WEBHOOK_LIMIT_REACHED", "The caller has as many webhooks as one may have.", 400, 422

    # the server
    INTERNAL_ERROR = "INTERNAL_ERROR", "Something went wrong on the server; the request id finds it in the log.", 500, 500
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE", "The server cannot answer this now; try again.", 503, 503


class DomainError(Exception):
    """A refusal with its code, a sentence for people and the values that matter; nothing has been changed."""

    def __init__(self, code: ErrorCode, message: str, **details: object) -> None:
        super().__init__(message)
        self.code, self.message, self.details = code, message, details
        self.attempt: object = None  # what was being tried, for the record of refusals


class NotFound(DomainError):
    """The caller cannot see such an object: it does not exist, or belongs to somebody else."""

    def __init__(self, resource: str, id: str) -> None:
        super().__init__(ErrorCode.NOT_FOUND, f"{resource} not found: {id[:80]}", resource=resource.lower(), id=id[:80])
