"""Where an exchange is reached: at the addresses that ccxt knows or at another one, and at no address that the operator has not opened."""

import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import AddrInfoType

from domain.exchanges.venue import VenueRejected

# Host and address (as text) -> why it must not be called, None if it may be.
RefusalOf = Callable[[str, str], str | None]


def lead_to(client: Any, base_url: str) -> None:
    """Have a client of ccxt ask scheme, host and port of `base_url`, unless that is where it goes anyway."""
    if urlsplit(base_url).netloc not in _hosts_in(client.urls["api"], client.hostname or ""):
        client.urls["api"] = _elsewhere(client.urls["api"], base_url.rstrip("/"))


async def guard(client: Any, refusal_of: RefusalOf, host: str) -> None:
    """Have every connection that the client opens from now on checked, whatever name or redirect led to it.

    A question that would need a refused one raises VenueRejected.
    """

    def checked_socket(found: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = found
        if why := refusal_of(host, str(address[0]).partition("%")[0]):
            raise VenueRejected(f"The exchange must not be reached there: {why}")
        opened = socket.socket(family, kind, protocol)
        opened.setblocking(False)
        return opened

    client.open()  # makes the TLS context that the library wants, and a session that checks nothing
    await client.session.close()
    client.tcp_connector = aiohttp.TCPConnector(ssl=client.ssl_context, socket_factory=checked_socket)
    client.session = aiohttp.ClientSession(connector=client.tcp_connector, trust_env=False)


def _hosts_in(addresses: Any, hostname: str) -> set[str]:
    if isinstance(addresses, dict):
        return {host for inner in addresses.values() for host in _hosts_in(inner, hostname)}
    return {urlsplit(addresses.replace("{hostname}", hostname)).netloc} if isinstance(addresses, str) else set()


def _elsewhere(addresses: Any, base_url: str) -> Any:
    if isinstance(addresses, dict):
        return {name: _elsewhere(address, base_url) for name, address in addresses.items()}
    return base_url + urlsplit(addresses).path if isinstance(addresses, str) else addresses
