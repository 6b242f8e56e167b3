"""Rows one by one: the careful way, taken only for bodies that the fast way (``rows.py``) cannot read as they are.

Every line is either brought into one normal form (comma-separated, no blanks, no tail) or rejected with its reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kmaflow.catalog.model import Column, Dataset
from kmaflow.hub.errors import ChangedFormat

_FLOAT = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)")
_INT = re.compile(r"-?\d+")
_STATION = re.compile(r"\d{1,6}")


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


def read_stamp(text: str) -> datetime | None:
    """A 12-digit KST stamp, None if it is not one."""
    if len(text) != 12 or not (text.isascii() and text.isdigit()):
        return None
    try:
        return datetime(int(text[:4]), int(text[4:6]), int(text[6:8]), int(text[8:10]), int(text[10:]))
    except ValueError:
        return None


def _bad_value(tokens: Sequence[str], columns: Sequence[Column]) -> str | None:
    for token, column in zip(tokens, columns, strict=True):
        if column.kind == "float" and not _FLOAT.fullmatch(token):
            return f"{column.name}: {token!r} is not a number"
        if column.kind == "int" and not _INT.fullmatch(token):
            return f"{column.name}: {token!r} is not a whole number"
        if not token:
            return f"{column.name}: nothing is printed"
    return None


class LineReader:
    """Sorts the lines of one body into groups of like layout (columns printed) and rejected lines."""

    def __init__(self, dataset: Dataset, columns: tuple[Column, ...]) -> None:
        self.dataset = dataset
        self.columns = columns
        self.older = tuple(column for column in columns if column.since is None)
        self.first_year = min((column.since for column in columns if column.since is not None), default=None)
        self.groups: dict[tuple[Column, ...], list[str]] = {}
        self.rejected: list[Rejected] = []
        self._counts: Counter[int] = Counter()

    def _layout(self, tokens: list[str], year: int) -> tuple[Column, ...] | str:
        count = len(tokens) - 2
        if self.dataset.layout == "pairs":
            return self._pairs(tokens)
        if count == len(self.columns):
            return self.columns
        if self.first_year is not None and year < self.first_year and count == len(self.older):
            return self.older
        self._counts[len(tokens)] += 1
        return f"{len(tokens)} columns where {len(self.columns) + 2} belong"

    def _pairs(self, tokens: list[str]) -> tuple[Column, ...] | str:
        fixed = len(self.columns)
        if len(tokens) < fixed + 2:
            self._counts[len(tokens)] += 1
            return f"{len(tokens)} columns where at least {fixed + 2} belong"
        where = next(index for index, column in enumerate(self.columns) if column.name == "n")
        if not _INT.fullmatch(tokens[2 + where]):
            return f"n: {tokens[2 + where]!r} is not a whole number"
        pairs = max(int(tokens[2 + where]), 0)
        extra = len(tokens) - fixed - 2
        if extra != 2 * pairs:
            return f"n says {pairs} pairs, {extra} values follow"
        return self.columns + self.dataset.pair_columns * pairs

    def read(self, rows: str, first_line: int) -> None:
        """Sort every line of ``rows``."""
        for number, line in enumerate(rows.split("\n"), start=first_line):
            if not line.strip():
                continue
            tokens = tokens_of(line)
            tm = read_stamp(tokens[0]) if tokens else None
            stn = int(tokens[1]) if len(tokens) > 1 and _STATION.fullmatch(tokens[1]) else None
            if tm is None:
                reason: str | None = f"the line does not begin with a time: {line[:14]!r}"
            elif stn is None:
                reason = "the second column is not a station number"
            else:
                layout = self._layout(tokens, tm.year)
                reason = layout if isinstance(layout, str) else _bad_value(tokens[2:], layout)
                if reason is None and not isinstance(layout, str):
                    self.groups.setdefault(layout, []).append(",".join(tokens))
                    continue
            self.rejected.append(Rejected(number, line, reason or "", tm, stn))

    def check_format(self) -> None:
        """Refuse the whole body where no row fits and all of them have one other number of columns.

        Raises:
            ChangedFormat: a column is new or gone although the header did not say so.
        """
        if self.groups or len(self._counts) != 1:
            return
        (count, lines) = next(iter(self._counts.items()))
        if lines == len(self.rejected) and lines > 1:
            raise ChangedFormat(
                f"{self.dataset.name}: every row has {count} columns where {len(self.columns) + 2} belong"
            )
