"""Which addresses the server may call where users say so: public ones, and those that the operator has opened."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_LOOPBACK = IPv6Address("::1")
# Forms of IPv6 that carry an IPv4 address, and so lead to wherever a gateway takes it.
_CARRIERS = tuple(
    ip_network(network)
    for network in (
        "::/96",  # IPv4-compatible
        "::ffff:0:0/96",  # IPv4-mapped
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64, local use
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
    )
)
# A public number that answers inside one cloud only, with its machines' settings.
_CLOUD_INTERNAL = (ip_network("168.63.129.16/32"),)


@dataclass(frozen=True, slots=True)
class AllowedTargets:
    """What the operator has opened beside the public network: hosts by name, and networks."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, written: str, setting: str) -> Self:
        """Return what a comma list of host names, addresses and CIDR networks opens. Raises ValueError, naming the setting."""
        hosts, networks = set(), []
        for entry in filter(None, (part.strip().lower() for part in written.split(","))):
            try:
                networks.append(ip_network(entry))
            except ValueError:
                if "/" in entry or ":" in entry or not entry.replace("-", "").replace(".", "").replace("_", "").isalnum():
                    raise ValueError(f"{setting}: {entry!r} is no host, address or network") from None
                hosts.add(entry.rstrip("."))
        return cls(frozenset(hosts), tuple(networks))

    def refusal_of(self, host: str, address: Address) -> str | None:
        """Return why the address, to which the host's name leads, must not be called; None if it may be."""
        if host.lower().rstrip(".") in self.hosts or any(address in network for network in self.networks):
            return None
        kind = kind_of(address)
        return None if kind is None else f"{host} leads to {kind} address" + ("" if host == str(address) else f", {address}")


def kind_of(address: Address) -> str | None:
    """Return what kind of address it is, with its article, if it is not an ordinary public one."""
    if address.is_unspecified:
        return "an unspecified"
    if address == _LOOPBACK or (address.version == 4 and address.is_loopback):
        return "a loopback"
    if any(address in network for network in _CARRIERS):
        return "an IPv4-carrying"
    if address.is_link_local:
        return "a link-local"
    if address.is_multicast:
        return "a multicast"
    if any(address in network for network in _CLOUD_INTERNAL):
        return "a cloud-internal"
    if isinstance(address, IPv6Address) and (address.is_site_local or address.scope_id):
        return "a site-local"
    # documentation and shared networks, benchmarks and whatever else is not routed everywhere
    if address.is_private or not address.is_global:
        return "a private"
    return "a reserved" if address.is_reserved else None


def parse_address(written: str) -> Address:
    """Return an address from its text, without the zone that a resolver may add. Raises ValueError."""
    return ip_address(written)
