"""Rows one by one: the careful way, taken only for bodies that the fast way (``rows.py``) cannot read as they are.

Every line is either brought into one normal form (comma-separated, no blanks, no tail) or rejected with its reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from kmaflow.catalog.model import Column, Dataset
from kmaflow.errors import shown

# ASCII: \d alone takes the wide digits of CP949 for digits.
FLOAT = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)", re.ASCII)
INT = re.compile(r"-?\d{1,15}", re.ASCII)
_STATION = re.compile(r"\d{1,6}", re.ASCII)
_TEXT = re.compile(r"[!-~]+")
#: No number that KMA prints comes near it.
TOO_LARGE = 1e15
#: What the tables hold (``store/types.py``): INTEGER, VARCHAR(32).
TOO_LARGE_WHOLE = 2**31
LONGEST_TEXT = 32


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that is not a row, kept as it came.

    Attributes:
        line: its number in the body, from 1.
        text: the line.
        reason: why, in English.
        tm / stn: naive KST stamp and station number, where they could be read.
    """

    line: int
    text: str
    reason: str
    tm: datetime | None = None
    stn: int | None = None


def tokens_of(line: str) -> list[str]:
    """The tokens of one row: ``disp=1`` (commas, tail ``,=``) and ``disp=0`` (blanks) are told apart line by line."""
    if "," not in line:
        return line.split()
    tokens = [token.strip() for token in line.split(",")]
    if tokens[-1] == "=":
        tokens.pop()
    while tokens and not tokens[-1]:
        tokens.pop()
    return tokens


def read_station(text: str) -> int | None:
    """A station number, None if it is not one."""
    return int(text) or None if _STATION.fullmatch(text) else None


def _bad_value(tokens: Sequence[str], columns: Sequence[Column]) -> str | None:
    for token, column in zip(tokens, columns, strict=True):
        if column.kind == "float" and not (FLOAT.fullmatch(token) and abs(float(token)) < TOO_LARGE):
            return f"{column.name}: '{shown(token)}' is not a number"
        if column.kind == "int" and not (INT.fullmatch(token) and abs(int(token)) < TOO_LARGE_WHOLE):
            return f"{column.name}: '{shown(token)}' is not a whole number"
        if column.kind == "text" and column.known and not (_TEXT.fullmatch(token) and len(token) <= LONGEST_TEXT):
            return f"{column.name}: '{shown(token)}' holds what no code of KMA holds"
    return None


def _normal(tokens: list[str], layout: Sequence[Column]) -> str:
    """The row's normal form; what stands in a column that the catalogue does not know is not read."""
    if all(column.known for column in layout):
        return ",".join(tokens)
    return ",".join(
        [*tokens[:2], *(token if column.known else "-" for token, column in zip(tokens[2:], layout, strict=True))]
    )


class LineReader:
    """Sorts the lines of one body into groups of like layout (columns printed) and rejected lines."""

    def __init__(self, dataset: Dataset, columns: tuple[Column, ...]) -> None:
        self.dataset = dataset
        self.columns = columns
        self.older = tuple(column for column in columns if column.since is None)
        self.first_year = min((column.since for column in columns if column.since is not None), default=None)
        self.groups: dict[tuple[Column, ...], list[str]] = {}
        self.rejected: list[Rejected] = []
        self._fixed: dict[tuple[Column, ...], list[Rejected]] = {}

    def _layout(self, tokens: list[str], year: int) -> tuple[Column, ...] | str:
        count = len(tokens) - 2
        if self.dataset.layout == "pairs":
            return self._pairs(tokens)
        if count == len(self.columns):
            return self.columns
        if self.first_year is not None and year < self.first_year and count == len(self.older):
            return self.older
        return f"{len(tokens)} columns where {len(self.columns) + 2} belong"

    def _pairs(self, tokens: list[str]) -> tuple[Column, ...] | str:
        fixed = len(self.columns)
        if len(tokens) < fixed + 2:
            return f"{len(tokens)} columns where at least {fixed + 2} belong"
        where = next(index for index, column in enumerate(self.columns) if column.name == "n")
        if not INT.fullmatch(tokens[2 + where]):
            return f"n: '{shown(tokens[2 + where])}' is not a whole number"
        pairs = max(int(tokens[2 + where]), 0)
        extra = len(tokens) - fixed - 2
        if extra != 2 * pairs:
            return f"n says {pairs} pairs, {extra} values follow"
        return self.columns + self.dataset.pair_columns * pairs

    def read(self, lines: Iterable[tuple[int, str]], *, closed: bool) -> None:
        """Sort numbered lines. ``closed``: every row with commas must end in ``=``, or in the dataset's own ``row_end``."""
        ends = ("=", self.dataset.row_end)
        for number, line in lines:
            if not line.strip():
                continue
            tokens = tokens_of(line)
            tm = self.dataset.stamp.read(tokens[0]) if tokens else None
            stn = read_station(tokens[1]) if len(tokens) > 1 else None
            comma = "," in line
            if tm is None:
                reason: str | None = f"the line does not begin with a time: {line[:14]!r}"
            elif stn is None:
                reason = "the second column is not a station number"
            else:
                layout = self._layout(tokens, tm.year)
                if not isinstance(layout, str) and comma and closed and not line.rstrip().endswith(ends):
                    layout = f"no '{self.dataset.row_end}' at its end"
                reason = layout if isinstance(layout, str) else _bad_value(tokens[2:], layout)
                if reason is None and not isinstance(layout, str):
                    if comma:
                        self.groups.setdefault(layout, []).append(_normal(tokens, layout))
                    else:
                        self._fixed.setdefault(layout, []).append(Rejected(number, line, "", tm, stn))
                    continue
            self.rejected.append(Rejected(number, line, reason or "", tm, stn))
        self._sort_fixed()

    def _sort_fixed(self) -> None:
        """Rows without commas have a fixed width and end in a number: a shorter one may have lost digits of its last value. Not so rows that
        somebody has joined by single blanks.
        """
        for layout, found in self._fixed.items():
            lengths = [len(row.text.strip()) for row in found]
            counts = Counter(lengths)
            padded = any("  " in row.text.strip() for row in found)
            usual = max(counts, key=lambda length: (counts[length], length)) if padded else 0
            for row, length in zip(found, lengths, strict=True):
                if length < usual:
                    reason = f"the row is cut: {length} characters where {usual} are usual"
                    self.rejected.append(replace(row, reason=reason))
                else:
                    self.groups.setdefault(layout, []).append(_normal(row.text.split(), layout))
        self._fixed.clear()
