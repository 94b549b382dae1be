"""Sends webhooks over HTTP, to addresses that have been checked and to nothing else."""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import httpx

from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.addresses import Address, AllowedTargets, parse_address

CONNECT_SECONDS, TOTAL_SECONDS = 3.0, 10.0
MAX_RESPONSE_BYTES = 65_536
EXCERPT_CHARACTERS = 1_024
MAX_URL_LENGTH = 2_000
# What a name may lead to at most, and of these how many are tried.
MAX_ADDRESSES, TRIED_ADDRESSES = 32, 3
OPEN_PORTS = frozenset({80, 443, *range(8000, 65536)})

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook goes: its URL, and the addresses that its name led to and that may be called, the one to try first first."""

    url: httpx.URL
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request: the status that was answered, or why there was none. `response` is the beginning of the answer."""

    status_code: int | None
    error: str | None
    response: str | None
    duration_ms: int

    @property
    def arrived(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300


async def ask_resolver(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host, as the system's resolver knows them. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class WebhookSender:
    """Provided once to the runtime. The name is resolved for every request, all its addresses are checked, and the connection goes to
    one of these very addresses: what a resolver says later makes no difference. Proxies of the environment are not used.
    """

    def __init__(self, allowed: AllowedTargets, resolve: Resolve = ask_resolver, tls: ssl.SSLContext | None = None) -> None:
        self._allowed, self._resolve, self._tls = allowed, resolve, tls

    async def check(self, written: str) -> Target:
        """Return the target of a URL. Raises WEBHOOK_URL_REFUSED, which says why."""
        url = _parsed(written)
        host = url.raw_host.decode("ascii")
        port = url.port or (443 if url.scheme == "https" else 80)
        if port not in OPEN_PORTS:
            raise refused(written, f"port {port} is none of 80, 443 and 8000 to 65535")
        addresses = await self._addresses(written, host, port)
        for address in addresses:
            # one is enough: whoever owns the name decides which of them is called
            if why := self._allowed.refusal_of(host, address):
                raise refused(written, why)
        return Target(url, tuple(sorted(addresses, key=lambda address: address.version)[:TRIED_ADDRESSES]))

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Send a body and return what became of it; whatever goes wrong on the way is an outcome, not an error.

        At most 3 s for each connection and 10 s altogether; redirects are not followed, and 64 KiB of the answer are read.
        """
        began = time.monotonic()
        status, error, response = None, None, None
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                target = await self.check(url)
                status, response = await self._post(target, headers, body)
            if not 200 <= status < 300:
                error = f"Answered {status}" + (", and redirects are not followed" if 300 <= status < 400 else "")
        except TimeoutError:
            error = f"No answer within {TOTAL_SECONDS:g} seconds"
        except DomainError as refusal:
            error = refusal.message
        except httpx.HTTPError as failure:
            error = _said(failure)
        return Outcome(status, None if error is None else error[:255], response, round((time.monotonic() - began) * 1000))

    async def _addresses(self, written: str, host: str, port: int) -> list[Address]:
        try:
            async with asyncio.timeout(TOTAL_SECONDS / 2):
                found = [parse_address(address) for address in await self._resolve(host, port)]
        except TimeoutError:
            raise refused(written, f"the name {host} could not be looked up in time") from None
        except (OSError, UnicodeError, ValueError):
            raise refused(written, f"there is no host {host}") from None
        if not found or len(found) > MAX_ADDRESSES:
            raise refused(written, f"{host} leads to {len(found)} addresses")
        return list(dict.fromkeys(found))

    async def _post(self, target: Target, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        if self._tls is None:
            self._tls = await asyncio.to_thread(httpx.create_ssl_context)
        limits = httpx.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS)
        async with httpx.AsyncClient(verify=self._tls, trust_env=False, follow_redirects=False, timeout=limits) as client:
            for address in target.addresses[:-1]:
                try:
                    return await self._post_to(client, target.url, address, headers, body)
                except (httpx.ConnectError, httpx.ConnectTimeout):
                    continue  # nothing was sent yet
            return await self._post_to(client, target.url, target.addresses[-1], headers, body)

    async def _post_to(
        self, client: httpx.AsyncClient, url: httpx.URL, address: Address, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, str]:  # fmt: skip
        host = url.raw_host.decode("ascii")
        # The name stays what the server is asked for and what its certificate must say; only the way there is the address.
        request = client.build_request(
            "POST",
            url.copy_with(host=str(address)),
            headers={"Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity", **headers},
            content=body,
            extensions={"sni_hostname": host},
        )
        response = await client.send(request, stream=True)
        try:
            return response.status_code, _excerpt(await _beginning(response))
        finally:
            await response.aclose()


def refused(url: str, why: str) -> DomainError:
    return DomainError(ErrorCode.WEBHOOK_URL_REFUSED, f"The URL of the webhook is refused: {why}", field="url", url=url[:200], reason=why)


def _parsed(written: str) -> httpx.URL:
    if len(written) > MAX_URL_LENGTH:
        raise refused(written, f"it has more than {MAX_URL_LENGTH} characters")
    if not written.isprintable() or any(character in written for character in " \\"):
        raise refused(written, "it has blanks, backslashes or control characters in it")
    try:
        url = httpx.URL(written)
        url.raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise refused(written, "it is not a URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise refused(written, "it must begin with https:// or http:// and name a host")
    if url.userinfo or "@" in written.partition("://")[2].partition("/")[0]:
        raise refused(written, "it must not hold a user name or a password")
    if url.fragment:
        raise refused(written, "it must not have a fragment")
    return url


async def _beginning(response: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_raw():  # never unpacked: what is small on the way could be huge
        content += chunk
        if len(content) >= MAX_RESPONSE_BYTES:
            break
    return bytes(content[:MAX_RESPONSE_BYTES])


def _excerpt(content: bytes) -> str:
    # PostgreSQL keeps no NUL in a text
    return content[:EXCERPT_CHARACTERS].decode("utf-8", "replace").replace("\x00", "\ufffd")


def _said(failure: httpx.HTTPError) -> str:
    words: dict[type[httpx.HTTPError], str] = {
        httpx.ConnectTimeout: f"No connection within {CONNECT_SECONDS:g} seconds",
        httpx.ConnectError: "No connection",
        httpx.RemoteProtocolError: "The answer is not HTTP",
    }
    sentence = words.get(type(failure), "The connection broke off")
    return f"{sentence}: {failure}" if str(failure) else sentence
