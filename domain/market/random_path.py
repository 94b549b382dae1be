"""A random path whose value at any time is computed from a key alone, so that it has no state and no beginning."""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Hashes = NDArray[np.uint64]

# Time is counted in points; anchors lie 2^23 points apart.
ANCHOR_LEVEL = 23
# Within a cell of 2^18 points the path is livelier or calmer than on average, by a factor drawn for the cell.
SPELL_LEVEL = 18
MASK = (1 << 64) - 1
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def key_of(*parts: object) -> int:
    """Return a 64-bit key of these values, the same in every process."""
    return int.from_bytes(blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest())


def hashes(key: int, first: int, last: int) -> Hashes:
    """Return the 64-bit hashes of the numbers `first` to `last`, both included.

    Source: SplitMix64, Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators (2014).
    """
    mixed = np.arange(first, last + 1, dtype=np.int64).view(np.uint64) * GOLDEN + np.uint64(key & MASK)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def uniforms(hashed: Hashes) -> Floats:
    """Return numbers above 0 and up to 1, one for each hash."""
    return ((hashed >> np.uint64(11)).astype(np.float64) + 1.0) * 2.0**-53


def bells(hashed: Hashes) -> Floats:
    """Return nearly normal numbers (mean 0, variance 1, at most 3.5), one for each hash.

    The sum of four uniform numbers of 16 bits: whole-number arithmetic gives the same on every machine, which logarithms need not.
    """
    low = np.uint64(0xFFFF)
    total = (hashed & low) + ((hashed >> np.uint64(16)) & low) + ((hashed >> np.uint64(32)) & low) + (hashed >> np.uint64(48))
    numbers: Floats = (total.astype(np.float64) - 131070.0) * (3.0**0.5 / 65536.0)
    return numbers


def path(key: int, first: int, last: int, level: int = 0) -> Floats:
    """Return the path at the points `first * 2^level` to `last * 2^level`, both included.

    Its steps of one point have variance 1 on average, like a Brownian motion's, but it does not wander off: its distribution is the
    same at all times, with variance 2^22. Anchors are independent draws; what lies between is a Brownian bridge, refined by midpoint
    displacement, so coarse and fine views of the same time agree to the last bit.
    Source: Fournier, Fussell and Carpenter, Computer Rendering of Stochastic Models (1982).
    """
    shift = ANCHOR_LEVEL - level
    left, right = first >> shift, -(-last >> shift)
    # Two anchors differ by as much as the ends of a Brownian motion over the same time.
    values: Floats = bells(hashes(key, left, right)) * 2.0 ** ((ANCHOR_LEVEL - 1) / 2)
    for finer in range(ANCHOR_LEVEL - 1, level - 1, -1):
        count = len(values) - 1
        middles = (values[:-1] + values[1:]) * 0.5
        spread = liveliness(key, left, count, finer + 1) * 2.0 ** ((finer - 1) / 2)
        middles += bells(hashes(key + finer + 1, left, left + count - 1)) * spread
        refined = np.empty(2 * count + 1)
        refined[0::2], refined[1::2] = values, middles
        # Only what encloses the wanted points is refined further.
        shift = finer - level
        begin, end = first >> shift, -(-last >> shift)
        values, left = refined[begin - 2 * left : end - 2 * left + 1], begin
    return values


def liveliness(key: int, first: int, count: int, level: int) -> Floats:
    """Return by how much the path is livelier than on average (0.3 to 1.4) in `count` cells of 2^level points, from number `first` on.

    One factor holds for a whole cell of 2^18 points; longer cells are as lively as the average.
    """
    up = SPELL_LEVEL - level
    if up < 0:
        return np.ones(count)
    spell, last = first >> up, (first + count - 1) >> up
    factors = np.sqrt(0.1 + 1.8 * uniforms(hashes(key - 1, spell, last)))
    return factors if up == 0 else factors[(np.arange(first, first + count) >> up) - spell]
