"""The words of `/v1` for what people may do: one table says which permissions each of them covers."""

from collections.abc import Collection, Iterable, Mapping

from domain.kernel.permissions import Permission

EVERYTHING = "*"
_ALL = frozenset(permission.value for permission in Permission)
COVERS: Mapping[str, frozenset[str]] = {
    "analytics.read": frozenset({Permission.ANALYTICS_READ}),
    "analytics.write": frozenset({Permission.ANALYTICS_WRITE}),
    "iot.read": frozenset({Permission.DEVICES_READ}),
    "iot.write": frozenset({Permission.DEVICES_WRITE}),
    "market_data.read": frozenset({Permission.MARKET_READ}),
    "security.admin": frozenset({Permission.RIGHTS_WRITE}),
    "security.read": frozenset({Permission.AUDIT_READ, Permission.SECURITY_ALERTS_READ}),
    "security.write": frozenset({Permission.SECURITY_ALERTS_WRITE}),
    "trading.read": frozenset(
        {
            Permission.EXECUTIONS_READ,
            Permission.FLOWS_READ,
            Permission.ORDERS_READ,
            Permission.POSITIONS_READ,
            Permission.RISK_RULES_READ,
            Permission.WALLETS_READ,
        }
    ),
    "trading.write": frozenset(
        {
            Permission.ANALYSTS_USE,
            Permission.EXECUTIONS_DELETE,
            Permission.FLOWS_RUN,
            Permission.FLOWS_WRITE,
            Permission.ORDERS_WRITE,
            Permission.POSITIONS_WRITE,
            Permission.RISK_RULES_WRITE,
        }
    ),
    EVERYTHING: _ALL,
}
_SOME_WORD_COVERS = frozenset[str]().union(*(covered for word, covered in COVERS.items() if word != EVERYTHING))


def expand(words: Iterable[str]) -> frozenset[str]:
    """Return the permissions that the words cover; a name such as `orders:read` stands for itself."""
    return frozenset[str]().union(*(COVERS.get(word, frozenset({word})) for word in words))


def effective(words: Collection[str], of_role: frozenset[str], live: frozenset[str]) -> frozenset[str]:
    """Return what somebody with a set of their own may do.

    The set replaces whatever some word covers; what no word covers, one's profile for instance, keeps coming from the role. Only
    `live` permissions, those not deleted, count.
    """
    if EVERYTHING in words:
        return live
    return (expand(words) & live) | (of_role - _SOME_WORD_COVERS)


def words_of(permissions: Collection[str], own: Collection[str] = ()) -> list[str]:
    """Return, sorted, the words whose permissions are all held, and the plain names of the person's `own` set that are."""
    held = set(permissions)
    return sorted({word for word, covered in COVERS.items() if covered <= held} | {name for name in own if name in held})


def word_for(permission: str) -> str:
    """Return the word that covers a permission, or the permission's own name where only `*` does."""
    return next((word for word, covered in COVERS.items() if permission in covered and word != EVERYTHING), permission)
