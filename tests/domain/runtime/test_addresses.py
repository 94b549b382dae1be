"""Which addresses the server may call where users say so."""

import pytest

from domain.runtime.addresses import AllowedTargets, kind_of, parse_address


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001:830::200e"])
def test_public_address_is_open(address: str) -> None:
    assert kind_of(parse_address(address)) is None


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("0.0.0.0", "an unspecified"),
        ("::", "an unspecified"),
        ("127.0.0.1", "a loopback"),
        ("127.255.0.9", "a loopback"),
        ("::1", "a loopback"),
        ("169.254.169.254", "a link-local"),
        ("fe80::1", "a link-local"),
        ("224.0.0.1", "a multicast"),
        ("ff02::1", "a multicast"),
        ("10.0.0.1", "a private"),
        ("172.16.0.1", "a private"),
        ("192.168.1.1", "a private"),
        ("100.64.0.1", "a private"),
        ("100.100.100.200", "a private"),
        ("192.0.0.192", "a private"),
        ("192.0.2.1", "a private"),
        ("198.18.0.1", "a private"),
        ("255.255.255.255", "a private"),
        ("240.0.0.1", "a private"),
        ("0.1.2.3", "a private"),
        ("fd00:ec2::254", "a private"),
        ("2001:db8::1", "a private"),
        ("fec0::1", "a site-local"),
        ("168.63.129.16", "a cloud-internal"),
        ("::ffff:127.0.0.1", "an IPv4-carrying"),
        ("::ffff:10.0.0.1", "an IPv4-carrying"),
        ("::ffff:93.184.216.34", "an IPv4-carrying"),
        ("::93.184.216.34", "an IPv4-carrying"),
        ("::ffff:0:169.254.169.254", "an IPv4-carrying"),
        ("64:ff9b::a9fe:a9fe", "an IPv4-carrying"),
        ("64:ff9b:1::a9fe:a9fe", "an IPv4-carrying"),
        ("2002:a9fe:a9fe::1", "an IPv4-carrying"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "an IPv4-carrying"),
    ],
)
def test_every_other_address_is_refused(address: str, kind: str) -> None:
    assert kind_of(parse_address(address)) == kind
    assert (
        AllowedTargets().refusal_of("hooks.example", parse_address(address))
        == f"hooks.example leads to {kind} address, {parse_address(address)}"
    )


def test_operator_opens_exactly_what_is_named() -> None:
    allowed = AllowedTargets.parse(" hooks.internal, 10.1.0.0/16,127.0.0.1 ,fd00::/8,", "OPENED")
    for host, address in (("x", "10.1.2.3"), ("x", "127.0.0.1"), ("x", "fd12::1"), ("Hooks.Internal.", "192.168.0.9")):
        assert allowed.refusal_of(host, parse_address(address)) is None
    for host, address in (("x", "10.2.0.1"), ("x", "127.0.0.2"), ("x.hooks.internal", "192.168.0.9"), ("x", "::ffff:10.1.2.3")):
        assert allowed.refusal_of(host, parse_address(address)) is not None


@pytest.mark.parametrize("written", ["10.0.0.0/33", "10.0.0.1/8", "http://hooks", "a b", "*", "[::1]"])
def test_what_is_no_host_and_no_network_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="OPENED"):
        AllowedTargets.parse(written, "OPENED")
