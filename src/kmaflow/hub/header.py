"""Which column stands where: the hub's name line against the catalogue.

Only the names and their order decide; a unit, a dash, a comment or blanks that changed are noted. A column with a name of its own that the
catalogue does not know is read past, if no name stands twice. Where captures prove the name line, anything else is a changed format and
nothing is stored. Where none exists (``header="by_name"``), columns are found by their names; the catalogue's order is the fallback, and
a note says so.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from kmaflow.catalog.model import Column, Dataset, Never
from kmaflow.hub.errors import ChangedFormat, SecondHeader

_TIME_NAME = re.compile(r"Y{2,4}MMDD(HH)?(MI|MM)?", re.IGNORECASE)
#: How the name line of a station list begins.
_OF_A_LIST = ["STN", "LON"]
_STATION_NAMES = frozenset({"STN", "STN_ID", "STNID"})


@dataclass(frozen=True, slots=True)
class Order:
    """The columns after time and station in printed order, and what is noted of the header. ``assumed``: not by the header's names, but
    by the catalogue's order.
    """

    columns: tuple[Column, ...]
    notes: tuple[str, ...] = ()
    assumed: bool = False


def _tokens(line: str) -> list[str]:
    return [token for token in re.split(r"[,\s]+", line.lstrip("# ").strip()) if token not in {"", "="}]


def _name_lines(head: tuple[str, ...]) -> tuple[list[str] | None, list[str] | None]:
    """Tokens of the name line and of the line of units (or sub-names) below it."""
    names: list[str] | None = None
    for line in head:
        tokens = _tokens(line)
        if tokens and _TIME_NAME.fullmatch(tokens[0]):
            names = tokens
        elif names is not None and tokens and tokens[0].upper() == "KST":
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
            return _assumed(dataset, "no header (help=2)")
        if dataset.header == "by_name":
            return _assumed(dataset, "no name line")
        raise ChangedFormat(
            f"{dataset.name}: the answer has rows but no line of column names",
            ko=f"{dataset.name}: 응답에 열 이름 줄이 없고 행만 있습니다",
        )
    if dataset.header == "by_name":
        return _by_name(dataset, names)
    order = _exact(dataset, names)
    if not all(column.known for column in order.columns):
        # Nobody knows what that line says of the new columns.
        return order
    return Order(order.columns, (*order.notes, *_unit_notes(dataset, order.columns, units)))


def _assumed(dataset: Dataset, why: str) -> Order:
    return Order(dataset.columns, (f"{why}: the order of the catalogue is assumed",), assumed=True)


def refuse_second_header(name: str, later: tuple[str, ...]) -> None:
    """Refuse a body whose columns get other names on the way.

    Args:
        name: of the dataset or list.
        later: the ``#`` lines between the rows that the header above them does not have.

    Raises:
        SecondHeader: one of them names columns.
    """
    names, _ = _name_lines(later)
    for tokens in map(_tokens, later):
        if [token.upper() for token in tokens[:2]] == _OF_A_LIST:
            names = tokens
    if names is not None:
        raise SecondHeader(
            f"{name}: a second line of column names stands between the rows: {' '.join(names)}",
            ko=f"{name}: 행 사이에 열 이름 줄이 또 있습니다: {' '.join(names)}",
        )


def _exact(dataset: Dataset, names: list[str]) -> Order:
    # What does not begin with a letter is no name: a comment, a dash.
    printed = [name for name in names[2:] if name[0].isalpha()]
    older = tuple(column for column in dataset.columns if column.since is None)
    if [name.upper() for name in names[1:2]] == ["STN"]:
        for columns in (dataset.columns, older):
            if _named(names[2:], columns):
                return Order(columns)
            if _named(printed, columns, plainly=True):
                return Order(columns, (f"the name line is spelt otherwise than known: {' '.join(names)}",))
        for columns in (dataset.columns, older):
            if (found := _with_new_columns(printed, columns)) and found[1] == columns:
                return _noted(found[0])
    expected = [column.header_names[0] for column in dataset.columns]
    raise _differing(dataset, expected, names[2:])


def _plain(name: str) -> str:
    """A name without dashes, dots, underscores and cases."""
    return re.sub(r"[-_.]", "", name).upper()


def _named(printed: list[str], columns: tuple[Column, ...], *, plainly: bool = False) -> bool:
    """Whether these are the columns' names, in their order."""
    if len(printed) != len(columns):
        return False
    if plainly:
        return all(
            _plain(name) in map(_plain, column.header_names) for name, column in zip(printed, columns, strict=True)
        )
    return all(name in column.header_names for name, column in zip(printed, columns, strict=True))


def _with_new_columns(
    printed: list[str], columns: tuple[Column, ...]
) -> tuple[tuple[Column, ...], tuple[Column, ...]] | None:
    """The printed columns, new ones among them, and the known ones alone; None if a name stands twice or a column is missing."""
    names = [_plain(name) for name in printed]
    by_name = {_plain(name): column for column in columns for name in (*column.header_names, column.name)}
    known = tuple(by_name[name] for name in names if name in by_name)
    if len(set(names)) < len(names) or len(known) != len(columns) or len({one.name for one in known}) < len(known):
        return None
    return tuple(by_name.get(name) or _new(text) for name, text in zip(names, printed, strict=True)), known


def _new(name: str) -> Column:
    """A column that the catalogue does not know: read past, not stored."""
    return Column(name, name, name, name, "text", "", None, Never(), None, "the hub's name line", known=False)


def _noted(columns: tuple[Column, ...]) -> Order:
    new = [column.name for column in columns if not column.known]
    return Order(columns, (f"new in the header, kept in the archive only: {' '.join(new)}",) if new else ())


def _differing(dataset: Dataset, expected: list[str], found: list[str]) -> ChangedFormat:
    new = [name for name in found if name not in expected]
    gone = [name for name in expected if name not in found]
    if new or gone:
        return ChangedFormat(
            f"{dataset.name}: the name line has new columns {new} and lacks {gone}",
            ko=f"{dataset.name}: 열 이름 줄이 다릅니다. 새 열 {new}, 없는 열 {gone}",
        )
    return _reordered(dataset, found)


def _reordered(dataset: Dataset, printed: list[str]) -> ChangedFormat:
    return ChangedFormat(
        f"{dataset.name}: the columns stand in another order: {' '.join(printed)}",
        ko=f"{dataset.name}: 열의 순서가 다릅니다: {' '.join(printed)}",
    )


def _unit_notes(dataset: Dataset, order: tuple[Column, ...], units: list[str] | None) -> tuple[str, ...]:
    """What the line below the names says otherwise than known.

    Raises:
        ChangedFormat: where several columns have one name (``RN RN RN``), that line tells them apart, and it tells them otherwise.
    """
    if units is None or any(column.unit_header is None for column in order):
        return ()
    counts = Counter(column.header_names[0] for column in order)
    expected = [(token, column) for column in order for token in (column.unit_header or "").split()]
    found = [bare for token in units[2:] if (bare := token.strip("()"))]
    tokens = [token for token, _ in expected]
    if found == tokens:
        return ()
    words = f"the line below the names reads {' '.join(found)} instead of {' '.join(tokens)}"
    second = [(token, column.header_names[0]) for token, column in expected if counts[column.header_names[0]] > 1]
    known = {token for token, _ in second}
    if len(found) == len(tokens):
        changed = [(new, old, column) for new, (old, column) in zip(found, expected, strict=True) if new != old]
        otherwise = any(
            counts[column.header_names[0]] > 1 and (new in known or not _is_unit(old)) for new, old, column in changed
        )
    else:
        otherwise = [token for token in found if token in known] != [token for token, _ in second]
    if otherwise:
        raise ChangedFormat(
            f"{dataset.name}: {words}",
            ko=f"{dataset.name}: 열 이름 아랫줄이 다릅니다: {' '.join(found)} (기준: {' '.join(tokens)})",
        )
    return (words,)


def _is_unit(token: str) -> bool:
    """Whether the second line names a unit there or nothing, rather than the second half of a column's name."""
    return token in {"mm", "C", "m/s", "m"} or not token.strip("-")


def _by_name(dataset: Dataset, names: list[str]) -> Order:
    """Look every name up; where none is known, keep the catalogue's order if the number of columns fits."""
    if len(names) < 2 or names[1].upper() not in _STATION_NAMES:
        raise ChangedFormat(
            f"{dataset.name}: the name line does not begin with time and station: {' '.join(names[:4])}",
            ko=f"{dataset.name}: 열 이름 줄이 시각과 지점으로 시작하지 않습니다: {' '.join(names[:4])}",
        )
    printed = names[2:]
    fixed = _fixed_names(dataset, printed)
    _check_pairs(dataset, printed[len(fixed) :])
    if found := _with_new_columns(fixed, dataset.columns):
        return _noted(found[0])
    known = {alias.upper(): column for column in dataset.columns for alias in (*column.header_names, column.name)}
    columns = [known.get(name.upper().rstrip(".")) or known.get(name.upper()) for name in fixed]
    if all(columns) and len(columns) == len(dataset.columns):
        raise ChangedFormat(
            f"{dataset.name}: a column is named twice: {' '.join(printed)}",
            ko=f"{dataset.name}: 같은 열 이름이 두 번 있습니다: {' '.join(printed)}",
        )
    if len(fixed) != len(dataset.columns):
        expected = [column.header_names[0] for column in dataset.columns]
        raise _differing(dataset, expected, printed)
    if any(column not in {None, assumed} for column, assumed in zip(columns, dataset.columns, strict=True)):
        raise _reordered(dataset, printed)
    unknown = [name for name, column in zip(fixed, columns, strict=True) if column is None]
    return _assumed(dataset, f"names not known ({' '.join(unknown)})")


def _fixed_names(dataset: Dataset, printed: list[str]) -> list[str]:
    """The names before those of the pairs."""
    if dataset.layout == "columns":
        return printed
    of_pairs = {name for column in dataset.pair_columns for name in column.header_names}
    first = next((place for place, name in enumerate(printed) if name.upper() in of_pairs), len(dataset.columns))
    return printed[:first]


def _check_pairs(dataset: Dataset, printed: list[str]) -> None:
    """The names of the first pair may be unknown, but not each other's."""
    names = [name.upper() for name in printed[: len(dataset.pair_columns)]]
    for place, name in enumerate(names):
        owner = next((index for index, column in enumerate(dataset.pair_columns) if name in column.header_names), place)
        if owner != place:
            raise ChangedFormat(
                f"{dataset.name}: code and count stand in another order: {' '.join(printed)}",
                ko=f"{dataset.name}: 코드와 횟수의 순서가 다릅니다: {' '.join(printed)}",
            )
