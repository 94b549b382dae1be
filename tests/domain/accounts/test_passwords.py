import time
from statistics import median

import pytest

from domain.accounts.passwords import HashCost, Passwords, check_strength
from domain.kernel.errors import DomainError, ErrorCode
from tests.accounts import CHEAP


@pytest.mark.parametrize(
    "password",
    ["securepassword123", "8 chars!", "ünïcödé pässwörd", "\N{PILE OF POO}" * 3 + "shoes", "x y" * 42, "correct horse battery staple"],
)
def test_password_without_character_classes_is_accepted(password: str) -> None:
    check_strength(password, "ada@example.com")


@pytest.mark.parametrize(
    ("password", "issue"),
    [
        ("", "fewer than 8"),
        ("seven77", "fewer than 8"),
        ("ab" * 65, "more than 128"),
        ("ada.lovelace@example.com", "e-mail"),
        ("Ada.Lovelace", "e-mail"),
        ("Password123", "commonest"),
        ("qwertyuiop", "commonest"),
        ("zzzzzzzzzz", "commonest"),
    ],
)
def test_weak_password_is_refused_with_what_is_wrong_and_what_helps(password: str, issue: str) -> None:
    with pytest.raises(DomainError) as refusal:
        check_strength(password, "ada.lovelace@example.com")
    assert refusal.value.code is ErrorCode.WEAK_PASSWORD
    issues, suggestions = refusal.value.details["issues"], refusal.value.details["suggestions"]
    assert isinstance(issues, list) and isinstance(suggestions, list)
    assert any(issue in found for found in issues)
    assert len(suggestions) == len(issues)


async def test_hash_is_argon2id_at_the_stated_cost_and_verifies_only_its_password() -> None:
    passwords = Passwords()
    made = await passwords.hash("securepassword123")
    assert made.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.verify(made, "securepassword123")
    assert not await passwords.verify(made, "securepassword124")


async def test_same_text_in_two_unicode_forms_is_one_password() -> None:
    passwords = Passwords(CHEAP)
    assert await passwords.verify(await passwords.hash("caf\N{LATIN SMALL LETTER E WITH ACUTE} society"), "cafe\u0301 society")


@pytest.mark.parametrize("stored", [None, "unusable"])
async def test_without_a_usable_hash_nothing_verifies_not_even_the_dummy(stored: str | None) -> None:
    passwords = Passwords(CHEAP)
    assert not await passwords.verify(stored, "nobody's password")


async def test_unknown_user_takes_as_long_as_a_wrong_password() -> None:
    passwords = Passwords(HashCost(memory_kib=4096, passes=2))
    made = await passwords.hash("securepassword123")

    async def seconds(stored: str | None) -> float:
        start = time.process_time()
        await passwords.verify(stored, "wrong password")
        return time.process_time() - start

    known = median([await seconds(made) for _ in range(7)])
    unknown = median([await seconds(None) for _ in range(7)])
    assert 1 / 3 < unknown / known < 3


async def test_hash_made_at_another_cost_needs_a_rehash() -> None:
    old = await Passwords(CHEAP).hash("securepassword123")
    assert Passwords(HashCost(memory_kib=16)).needs_rehash(old)
    assert not Passwords(CHEAP).needs_rehash(old)
