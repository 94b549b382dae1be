"""Nothing leaves this machine: a test that tries to reach another host fails with the address that it wanted."""

import socket
from typing import Any

import pytest

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class LeftTheMachine(Exception):
    """No OSError: nobody may take it for an exchange that does not answer."""


def stay_on_loopback(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Refuse every other host, and return the list to which the refused are added."""
    refused: list[str] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def check(host: object) -> None:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and name not in LOOPBACK:
            refused.append(str(name))
            raise LeftTheMachine(str(name))

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            check(address[0])
        connect(self, address)

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        check(host)
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)
    return refused
