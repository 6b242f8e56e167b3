"""Randomness that is a pure function of its arguments: integer hashes, the same on every machine.

Nothing here keeps a state, so a value does not depend on which window was asked, or in which order.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.signedinteger[Any]]
Words = NDArray[np.uint32]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def salt(seed: int, name: str) -> np.uint32:
    """A 32-bit number for the purpose `name` under `seed`."""
    return np.uint32(zlib.crc32(f"{seed}/{name}".encode()))


def mix(words: Words) -> Words:
    """Scrambles every word (a 32-bit finaliser); returns a new array."""
    out = words ^ (words >> np.uint32(16))
    out *= np.uint32(0x21F0AAAD)
    out ^= out >> np.uint32(15)
    out *= np.uint32(0x735A2D97)
    out ^= out >> np.uint32(15)
    return out


def line(seed: int, name: str, numbers: Ints) -> Words:
    """One hash per number."""
    return mix(mix(numbers.astype(np.uint32)) ^ salt(seed, name))


def cells(seed: int, name: str, rows: Ints, columns: Ints) -> Words:
    """One hash per (row, column); shape (rows, columns). Rows are usually times, columns station numbers."""
    times = line(seed, name + "/row", rows)
    return mix(times[:, None] ^ line(seed, name + "/column", columns)[None, :])


def byte(words: Words, number: int) -> NDArray[np.int32]:
    """Byte `number` (0..3) of every word, as 0..255."""
    return ((words >> np.uint32(8 * number)) & np.uint32(255)).astype(np.int32)


def below(words: Words, probability: float) -> Bools:
    """True with the probability given."""
    return words < np.uint32(min(int(probability * 4294967296), 4294967295))


def unit(words: Words) -> Floats:
    """Uniform numbers in [0, 1)."""
    return words.astype(np.float64) / 4294967296.0
