"""Which column stands where: the hub's name line against the catalogue.

Where captures prove the name line, anything else than that line is a changed format and nothing is stored. Where none exists
(``header="by_name"``), columns are found by their names; the catalogue's order is the fallback, and a note says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kmaflow.catalog.model import Column, Dataset
from kmaflow.hub.errors import ChangedFormat

_TIME_NAME = re.compile(r"Y{2,4}MMDD(HH)?(MI|mm)?")
_STATION_NAMES = frozenset({"STN", "STN_ID", "STNID"})


@dataclass(frozen=True, slots=True)
class Order:
    """The columns after time and station in printed order, and what had to be assumed to know it."""

    columns: tuple[Column, ...]
    notes: tuple[str, ...] = ()


def _tokens(line: str) -> list[str]:
    return [token for token in re.split(r"[,\s]+", line.lstrip("# ").strip()) if token not in {"", "="}]


def _name_lines(head: tuple[str, ...]) -> tuple[list[str] | None, list[str] | None]:
    """Tokens of the name line and of the line of units (or sub-names) below it."""
    names: list[str] | None = None
    for line in head:
        tokens = _tokens(line)
        if tokens and _TIME_NAME.fullmatch(tokens[0]):
            names = tokens
        elif names is not None and tokens and tokens[0] == "KST":
            return names, tokens
    return names, None


def column_order(dataset: Dataset, head: tuple[str, ...], *, header_expected: bool = True) -> Order:
    """The printed order of the dataset's columns.

    Args:
        head: the ``#`` lines of the body.
        header_expected: False for answers to ``help=2``, which carry no names.

    Raises:
        ChangedFormat: the names are not those of the catalogue, or there are none.
    """
    names, units = _name_lines(head)
    if names is None:
        if not header_expected:
            return Order(dataset.columns, ("no header (help=2): the order of the catalogue is assumed",))
        if dataset.header == "by_name":
            return Order(dataset.columns, ("no name line: the order of the catalogue is assumed",))
        raise ChangedFormat(f"{dataset.name}: the answer has rows but no line of column names")
    if dataset.header == "by_name":
        return _by_name(dataset, names)
    order = _exact(dataset, names)
    _check_units(dataset, order, units)
    return Order(order)


def refuse_second_header(dataset: Dataset, later: tuple[str, ...]) -> None:
    """Refuse a body whose columns get other names on the way.

    Args:
        later: the ``#`` lines between the rows that the header above them does not have.

    Raises:
        ChangedFormat: one of them names columns.
    """
    names, _ = _name_lines(later)
    if names is not None:
        raise ChangedFormat(f"{dataset.name}: a second line of column names stands between the rows: {' '.join(names)}")


def _exact(dataset: Dataset, names: list[str]) -> tuple[Column, ...]:
    older = tuple(column for column in dataset.columns if column.since is None)
    for columns in (dataset.columns, older):
        counted = len(names) == len(columns) + 2 and names[1] == "STN"
        if counted and all(name in column.header_names for name, column in zip(names[2:], columns, strict=True)):
            return columns
    expected = [column.header_names[0] for column in dataset.columns]
    raise ChangedFormat(f"{dataset.name}: {_difference(expected, names[2:])}")


def _difference(expected: list[str], found: list[str]) -> str:
    new = [name for name in found if name not in expected]
    gone = [name for name in expected if name not in found]
    if new or gone:
        return f"the name line has new columns {new} and lacks {gone}"
    return f"the columns stand in another order: {' '.join(found)}"


def _check_units(dataset: Dataset, order: tuple[Column, ...], units: list[str] | None) -> None:
    if units is None or any(column.unit_header is None for column in order):
        return
    expected = [token for column in order for token in (column.unit_header or "").split()]
    found = [bare for token in units[2:] if (bare := token.strip("()"))]
    if expected != found:
        raise ChangedFormat(
            f"{dataset.name}: the line below the names reads {' '.join(found)} instead of {' '.join(expected)}"
        )


def _by_name(dataset: Dataset, names: list[str]) -> Order:
    """Look every name up; where none is known, keep the catalogue's order if the number of columns fits."""
    if len(names) < 2 or names[1] not in _STATION_NAMES:
        raise ChangedFormat(
            f"{dataset.name}: the name line does not begin with time and station: {' '.join(names[:4])}"
        )
    printed = names[2:]
    _check_pairs(dataset, printed[len(dataset.columns) :])
    known = {alias.upper(): column for column in dataset.columns for alias in (*column.header_names, column.name)}
    found = [known.get(name.upper().rstrip(".")) or known.get(name.upper()) for name in printed]
    fixed = found[: len(dataset.columns)] if dataset.layout == "pairs" else found
    if all(column is not None for column in fixed) and len(fixed) == len(dataset.columns):
        columns = tuple(column for column in fixed if column is not None)
        if len({column.name for column in columns}) != len(columns):
            raise ChangedFormat(f"{dataset.name}: a column is named twice: {' '.join(printed)}")
        return Order(columns)
    if len(printed) < len(dataset.columns) or (dataset.layout == "columns" and len(printed) != len(dataset.columns)):
        expected = [column.header_names[0] for column in dataset.columns]
        raise ChangedFormat(f"{dataset.name}: {_difference(expected, printed)}")
    contradicting = [
        name
        for name, column, assumed in zip(printed, found, dataset.columns, strict=False)
        if column is not None and column is not assumed
    ]
    if contradicting:
        raise ChangedFormat(f"{dataset.name}: the columns stand in another order: {' '.join(printed)}")
    unknown = [name for name, column in zip(printed, fixed, strict=False) if column is None]
    return Order(dataset.columns, (f"names not known ({' '.join(unknown)}): the order of the catalogue is assumed",))


def _check_pairs(dataset: Dataset, printed: list[str]) -> None:
    """The names of the first pair may be unknown, but not each other's."""
    names = [name.upper() for name in printed[: len(dataset.pair_columns)]]
    for place, name in enumerate(names):
        owner = next((index for index, column in enumerate(dataset.pair_columns) if name in column.header_names), place)
        if owner != place:
            raise ChangedFormat(f"{dataset.name}: code and count stand in another order: {' '.join(printed)}")
