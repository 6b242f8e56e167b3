"""Fast exact formatting: every possible value of a column is formatted once, then rows are looked up.

A row is a line of 8-byte words; unused bytes are NUL and are deleted at the end in one pass. So fields of any
width, padded or not, cost one table look-up per value, and the text of a value is what the printf pattern
gives.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmaflow.simulator.noise import Bools

NEGATIVE_ZERO = -9991
"""Scaled value that prints as minus zero; -999.1 itself does not occur."""

Rows = NDArray[np.uint64]


class OutOfTable(ValueError):
    """A value that the column's layout has no text for."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a layout: a printf pattern, the scale of the integers (1, 10, 100) and their range."""

    name: str
    pattern: str
    scale: int = 10
    low: int = -9991
    high: int = 12_000

    @property
    def is_text(self) -> bool:
        """Whether the column holds byte strings."""
        return self.scale == 0


def words(texts: Iterable[bytes]) -> Rows:
    """Texts as rows of 8-byte words, NUL-filled; shape (texts, words)."""
    listed = list(texts)
    width = max(-(-max(map(len, listed), default=1) // 8), 1)
    return np.array(listed, dtype=f"S{width * 8}").view(np.uint64).reshape(len(listed), width)


@functools.cache
def _table(pattern: str, scale: int, low: int, high: int) -> Rows:
    if scale == 1:
        return words((pattern % value).encode() for value in range(low, high + 1))
    texts = [(pattern % (value / scale)).encode() for value in range(low, high + 1)]
    if scale == 10 and low <= NEGATIVE_ZERO:
        texts[NEGATIVE_ZERO - low] = (pattern % -0.0).encode()
    return words(texts)


def field_words(field: Field, values: NDArray[Any]) -> Rows:
    """The texts of a column: shape of `values` plus one axis of words."""
    if field.is_text:
        distinct, which = np.unique(values, return_inverse=True)
        texts = words((field.pattern % text.decode("ascii")).encode("ascii") for text in distinct.tolist())
        return texts.take(which.reshape(values.shape), axis=0)
    if values.size and (values.min() < field.low or values.max() > field.high):
        raise OutOfTable(f"{field.name}: {values.min()}..{values.max()} is outside {field.low}..{field.high}")
    table = _table(field.pattern, field.scale, field.low, field.high)
    return table.take(values - field.low, axis=0, mode="clip")


def render(stamps: Rows, places: Rows, columns: Sequence[Rows], printed: Bools) -> bytes:
    """The rows of a body, by stamp, then station.

    stamps: (minutes, words). places: (stations, words). columns: (minutes, stations, words) each. printed:
    (minutes, stations), False leaves the row out.
    """
    width = stamps.shape[1] + places.shape[1] + sum(column.shape[2] for column in columns)
    out = np.empty((*printed.shape, width), dtype=np.uint64)
    out[:, :, : stamps.shape[1]] = stamps[:, None, :]
    begin = stamps.shape[1]
    for part in (places[None, :, :], *columns):
        out[:, :, begin : begin + part.shape[2]] = part
        begin += part.shape[2]
    chosen = out if printed.all() else out[printed]
    return chosen.tobytes().translate(None, b"\0")
