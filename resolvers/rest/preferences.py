"""What a request prefers (RFC 7240): how long it would wait for an answer with something in it."""

import re

LONGEST_SECONDS = 30.0


def wait_of(prefer: str | None) -> float | None:
    """Return the seconds of `wait=` in a `Prefer` header, at most 30; None without."""
    found = re.search(r"(?:^|[,;\s])wait=(\d+)(?:$|[,;\s])", prefer or "", re.ASCII | re.IGNORECASE)
    return min(float(found[1]), LONGEST_SECONDS) if found else None
