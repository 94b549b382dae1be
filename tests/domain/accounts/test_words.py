import pytest

from domain.accounts.words import COVERS, effective, expand, words_of
from domain.kernel.permissions import Permission

ALL = frozenset(permission.value for permission in Permission)


def test_each_permission_is_covered_by_one_word_at_most() -> None:
    covered = [permission for word, several in COVERS.items() if word != "*" for permission in several]
    assert len(covered) == len(set(covered))
    own = (
        "profile",
        "notifications",
        "plans",
        "user_plans",
        "api_keys",
        "price_alerts",
        "trading_switch",
        "users",
        "user_wallets",
        "credentials",
    )
    assert ALL - set(covered) == {name for name in ALL if name.startswith(own)} | {"wallets:write"}


def test_vocabulary_is_the_documented_one() -> None:
    assert sorted(COVERS) == [
        "*",
        "analytics.read",
        "analytics.write",
        "iot.read",
        "iot.write",
        "market_data.read",
        "security.admin",
        "security.read",
        "security.write",
        "trading.read",
        "trading.write",
    ]


@pytest.mark.parametrize("word", COVERS)
def test_word_survives_the_way_there_and_back(word: str) -> None:
    assert word in words_of(expand([word]))


def test_own_set_replaces_what_words_cover_and_leaves_the_rest() -> None:
    of_role = frozenset({"profile:read", "orders:read", "orders:write", "market:read"})
    assert effective(["market_data.read", "users:read"], of_role, ALL) == {"profile:read", "market:read", "users:read"}
    assert effective([], of_role, ALL) == {"profile:read"}
    assert effective(["*"], of_role, ALL - {"orders:read"}) == ALL - {"orders:read"}
    assert effective(["trading.read"], frozenset(), ALL - {"orders:read"}) == expand(["trading.read"]) - {"orders:read"}


def test_word_is_spoken_only_when_it_is_held_in_full() -> None:
    some = expand(["trading.read"]) - {"orders:read"} | {"market:read", "profile:read"}
    assert words_of(some) == ["market_data.read"]
    assert words_of(some, ["flows:read", "orders:read", "trading.read"]) == ["flows:read", "market_data.read"]
    assert words_of(ALL) == sorted(COVERS)
