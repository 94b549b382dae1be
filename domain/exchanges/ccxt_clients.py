"""Connections to one exchange: a client of ccxt for each account, opened late, used by one at a time, always closed."""

import asyncio
import importlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from domain.exchanges.ccxt_addresses import RefusalOf, guard, lead_to
from domain.exchanges.ccxt_dialects import dialect_of
from domain.exchanges.ccxt_errors import meaning_of
from domain.exchanges.venue import Refusal, VenueLockedOut, VenueRateLimited, VenueRejected, VenueUnavailable
from domain.kernel.clock import Clock

# The account of questions that need no credentials.
NOBODY = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The keys of an account; `password` only where the exchange has a third one. They never appear in a text.

    Keys that were refused are tried again when their `version` is another one.
    """

    api_key: str = field(repr=False)
    secret: str = field(repr=False)
    password: str = field(default="", repr=False)
    version: int = 0

    @property
    def texts(self) -> tuple[str, ...]:
        """What must not be in any text."""
        return tuple(text for text in (self.api_key, self.secret, self.password) if text)


CredentialsOf = Callable[[str], Awaitable[Credentials]]
# Where the exchange is reached at the moment, None for where ccxt expects it.
AddressOf = Callable[[], Awaitable[str | None]]


async def as_ccxt_knows() -> str | None:
    """Return None: the exchange is reached where ccxt expects it."""
    return None


@dataclass(frozen=True, slots=True)
class Connection:
    """How an exchange is reached.

    `base_url` replaces scheme, host and port of every address; where it is None, `address_of` is asked before each question.
    `refusal_of` says of every address to be connected to whether it may be. A `sandbox` trades nothing real. A question that can be
    asked again is, after each of `pause_seconds`. `paces_requests` waits between them as long as the exchange's rules want.
    """

    sandbox: bool = False
    base_url: str | None = None
    address_of: AddressOf = as_ccxt_knows
    refusal_of: RefusalOf | None = None
    request_seconds: float = 10.0
    pause_seconds: tuple[float, ...] = (0.1, 0.4, 1.6)
    paces_requests: bool = True


async def load_ccxt() -> Any:
    """Return the module, imported at the first call: that takes seconds, with a hundred exchanges, so it is done in a thread."""
    return await asyncio.to_thread(importlib.import_module, "ccxt.async_support")


@dataclass(slots=True)
class _Line:
    # One account's connection. Whoever asks holds the lock: an exchange that counts requests takes them in order only.
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    client: Any = None
    credentials: Credentials | None = None
    address: str | None = None
    refused: Credentials | None = None


@dataclass(slots=True)
class _Gate:
    # Closed until a moment after the exchange has said that it is asked too much.
    closed_until: datetime | None = None
    strikes: int = 0


class CcxtClients:
    """Asks an exchange questions, through the client of the account that they are about.

    Everything that goes wrong comes out as VenueRejected or VenueUnavailable. After too many requests nothing is sent until the
    exchange wants to be asked again; after refused credentials, until they are others.
    """

    def __init__(self, exchange_id: str, credentials_of: CredentialsOf, clock: Clock, connection: Connection) -> None:
        self._exchange_id, self._credentials_of, self._clock, self._connection = exchange_id, credentials_of, clock, connection
        self._dialect = dialect_of(exchange_id)
        self._lines: dict[str, _Line] = {}
        self._gates: dict[str, _Gate] = {}

    async def ask[T](self, account: str, question: Callable[[Any], Awaitable[T]], *, only_once: bool = False) -> T:
        """Return what `question` makes of the account's client.

        Asked again a few times if the exchange did not answer; with `only_once`, only if it certainly did not act.
        """
        for pause in self._connection.pause_seconds:
            try:
                return await self._ask(account, question)
            except VenueUnavailable as silence:
                if isinstance(silence, VenueRateLimited | VenueLockedOut) or (only_once and silence.may_have_been_accepted):
                    raise
            await asyncio.sleep(pause)
        return await self._ask(account, question)

    async def close(self) -> None:
        """Close every connection; the next question opens it again."""
        for line in self._lines.values():
            async with line.lock:
                await _drop(line)

    async def _ask[T](self, account: str, question: Callable[[Any], Awaitable[T]]) -> T:
        gate = self._gates.setdefault(NOBODY if self._dialect.limits_by_address else account, _Gate())
        line = self._lines.setdefault(account, _Line())
        async with line.lock:
            self._pass(gate)
            try:
                client = await self._open(line, account)
            except (VenueRejected, VenueLockedOut):
                raise
            except Exception as error:
                meaning = self._meaning_of(error, line, gate)
                if isinstance(meaning, VenueUnavailable):
                    # The door was never reached through which orders go.
                    meaning.may_have_been_accepted = False
                raise meaning from error
            try:
                answer = await question(client)
            except (VenueRejected, VenueUnavailable):
                raise
            except Exception as error:
                meaning = self._meaning_of(error, line, gate)
                if "InvalidNonce" in type(error).__name__:
                    # Our clock or counter is off: a new connection takes the exchange's.
                    await _drop(line)
                raise meaning from error
        gate.strikes = 0
        return answer

    def _pass(self, gate: _Gate) -> None:
        now = self._clock.now()
        if gate.closed_until is not None and now < gate.closed_until:
            raise VenueRateLimited(f"{self._exchange_id} is asked too much", (gate.closed_until - now).total_seconds())

    def _meaning_of(self, error: Exception, line: _Line, gate: _Gate) -> VenueRejected | VenueUnavailable:
        headers = None if line.client is None else line.client.last_response_headers
        meaning = meaning_of(error, headers, gate.strikes, line.credentials.texts if line.credentials else ())
        if isinstance(meaning, VenueRateLimited):
            gate.strikes += 1
            gate.closed_until = self._clock.now() + timedelta(seconds=meaning.retry_after_seconds)
        elif isinstance(meaning, VenueLockedOut):
            line.refused = line.credentials
        return meaning

    async def _open(self, line: _Line, account: str) -> Any:
        credentials = None if account == NOBODY else await self._credentials_of(account)
        if credentials is not None and credentials == line.refused:
            raise VenueLockedOut(f"{self._exchange_id} does not accept the credentials of this account")
        address = self._connection.base_url or await self._connection.address_of()
        if line.client is not None and (line.credentials, line.address) != (credentials, address):
            await _drop(line)
        line.refused = None
        if line.client is None:
            line.client = await self._client(credentials, address)
            line.credentials, line.address = credentials, address
        if not line.client.markets:
            await line.client.load_markets()
        return line.client

    async def _client(self, credentials: Credentials | None, address: str | None) -> Any:
        ccxt = await load_ccxt()
        if self._exchange_id not in ccxt.exchanges:
            raise VenueRejected(f"ccxt knows no exchange {self._exchange_id[:40]}", Refusal.NOT_SUPPORTED)
        config: dict[str, Any] = {
            # With Decimal ccxt sends unrounded orders without a word, with float it rounds in binary: we read its texts ourselves.
            "number": str,
            "enableRateLimit": self._connection.paces_requests,
            "timeout": int(self._connection.request_seconds * 1000),
            "options": dict(self._dialect.options),
        }
        if credentials is not None:
            config |= {"apiKey": credentials.api_key, "secret": credentials.secret, "password": credentials.password}
        client = getattr(ccxt, self._exchange_id)(config)
        client.on_rest_response = _readable
        if self._connection.sandbox:
            if not client.urls.get("test"):
                await client.close()
                raise VenueRejected(f"{self._exchange_id} has no sandbox", Refusal.NOT_SUPPORTED)
            client.set_sandbox_mode(True)
        if address is not None:
            lead_to(client, address)
        if self._connection.refusal_of is not None:
            await guard(client, self._connection.refusal_of, urlsplit(address).hostname or "" if address else self._exchange_id)
        return client


def _readable(status: int, reason: str, url: str, method: str, headers: object, body: str, *request: object) -> str:
    # Of an answer that is no JSON ccxt makes an order without values and a list without orders: "it was never placed".
    if status < 300:
        json.loads(body)
    return body.strip()


async def _drop(line: _Line) -> None:
    client, line.client, line.credentials = line.client, None, None
    if client is not None:
        await client.close()
