"""Stored secrets come back only with their key and in their place."""

import base64

import pytest
from pydantic import SecretStr

from domain.runtime.encryption import KeyRing, UnreadableSecret
from domain.runtime.settings import Settings

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
PLACE = ("user_1", "hook_1")


def settings(secret: str = "", keys: str = "") -> Settings:
    return Settings(secret_key=SecretStr(secret), encryption_keys=SecretStr(keys))


def written(name: str, key: bytes) -> str:
    return f"{name}:{base64.b64encode(key).decode()}"


def test_secret_comes_back_and_looks_different_every_time() -> None:
    ring = KeyRing({"k1": OLD})
    first, second = ring.seal("whsec_Zürich", *PLACE), ring.seal("whsec_Zürich", *PLACE)
    assert first != second
    assert first.startswith("v1.k1.") and "whsec" not in first
    assert ring.open(first, *PLACE) == ring.open(second, *PLACE) == "whsec_Zürich"


@pytest.mark.parametrize("place", [("user_2", "hook_1"), ("user_1", "hook_2"), ("user_1hook_1",), ("user_1h", "ook_1"), ()])
def test_secret_copied_to_another_place_stays_shut(place: tuple[str, ...]) -> None:
    ring = KeyRing({"k1": OLD})
    with pytest.raises(UnreadableSecret):
        ring.open(ring.seal("secret", *PLACE), *place)


def test_changed_secret_stays_shut() -> None:
    ring = KeyRing({"k1": OLD})
    sealed = ring.seal("secret", *PLACE)
    head, _, body = sealed.rpartition(".")
    other = "A" if body[20] != "A" else "B"
    for broken in (
        f"{head}.{body[:20]}{other}{body[21:]}",
        f"{head}.{body[:8]}",
        f"{head}.!",
        head,
        "",
        "v2" + sealed[2:],
        "v1.k2." + body,
    ):
        with pytest.raises(UnreadableSecret):
            ring.open(broken, *PLACE)


def test_newest_key_seals_and_older_ones_still_open() -> None:
    before = KeyRing.of(settings("x" * 32))
    sealed = before.seal("secret", *PLACE)
    after = KeyRing.of(settings("x" * 32, f"{written('k2', NEW)}, {written('k1', OLD)}"))
    assert after.open(sealed, *PLACE) == "secret"
    assert after.open(KeyRing({"k1": OLD}).seal("older", *PLACE), *PLACE) == "older"
    assert after.seal("secret", *PLACE).startswith("v1.k2.")


def test_another_secret_key_is_a_missing_key() -> None:
    sealed = KeyRing.of(settings("x" * 32)).seal("secret", *PLACE)
    with pytest.raises(UnreadableSecret, match="There is no key"):
        KeyRing.of(settings("y" * 32)).open(sealed, *PLACE)


def test_ring_without_keys_seals_nothing() -> None:
    with pytest.raises(RuntimeError):
        KeyRing.of(settings()).seal("secret", *PLACE)


@pytest.mark.parametrize("keys", ["k1", "k1:", "k1:AAAA", "k1:%%%", "k 1:" + "A" * 43 + "=", ":" + "A" * 43 + "="])
def test_keys_that_cannot_be_read_are_refused(keys: str) -> None:
    with pytest.raises(ValueError, match="ENCRYPTION_KEYS needs name:key"):
        KeyRing.of(settings(keys=keys))
