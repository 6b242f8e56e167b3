"""What is stored and can be read: every dataset by its name, and the table of further present weather codes; with the meaning of each column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from functools import cache

import sqlalchemy as sa

from kmaflow.catalog import DATASETS, named
from kmaflow.catalog.model import Column, Dataset
from kmaflow.errors import UsageError
from kmaflow.store.engines.loader import keys_of, names_of
from kmaflow.store.schema.observations import tables_of

REQUEST_ID = "request_id"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a column holds: Korean and English, unit (``1`` for codes and counts, empty where a unit makes no sense), CF standard name."""

    name: str
    ko: str
    en: str
    unit: str = ""
    cf: str | None = None
    note_ko: str = ""
    note_en: str = ""


@dataclass(frozen=True)
class Subject:
    """One table or view that can be read.

    Attributes:
        name: the table's name: the dataset's, or that of its table of further codes; or the view's.
        dataset: the dataset that it belongs to.
        columns: meanings by name, keys first; ``request_id`` is among them where the table has it.
        cadence: from one stamp to the next; None = one row for each station, whatever its time.
    """

    name: str
    ko: str
    en: str
    dataset: Dataset
    table: sa.Table
    columns: Mapping[str, Meaning]
    cadence: timedelta | None
    view: bool = False

    @property
    def keys(self) -> list[str]:
        """The columns that name a row."""
        return keys_of(self.table)

    @property
    def is_main(self) -> bool:
        """Whether this is the dataset's own table."""
        return self.name == self.dataset.name

    def chosen(self, columns: Iterable[str] | None) -> list[str]:
        """The keys and the columns that are asked for, in that order; None = all but ``request_id``.

        Raises:
            UsageError: the table has no such column; the nearest names are in the advice.
        """
        if columns is None:
            return [name for name in self.columns if name != REQUEST_ID]
        wanted = list(dict.fromkeys([*self.keys, *columns]))
        for name in wanted:
            if name not in self.columns:
                near = ", ".join(get_close_matches(name, self.columns, n=3, cutoff=0.5) or self.columns)
                raise UsageError(
                    f"{self.name} has no column {name!r}",
                    ko=f"{self.name}: 없는 열입니다: {name!r}",
                    todo_en=f"use {near}",
                    todo_ko=f"다음 가운데 하나를 쓰십시오: {near}",
                )
        return wanted


def _meaning(column: Column, name: str | None = None) -> Meaning:
    return Meaning(name or column.name, column.ko, column.en, column.unit, column.cf, column.note_ko, column.note_en)


def _subject(dataset: Dataset, table: sa.Table) -> Subject:
    known = {column.name: _meaning(column) for column in dataset.stored}
    if dataset.pair_columns:
        code, count = dataset.pair_columns
        known |= {"ww": _meaning(code, "ww"), "nn": _meaning(count, "nn")}
    known |= {
        "tm_kst": Meaning("tm_kst", "관측시각(구간의 끝), 한국시각", "stamp: end of the period observed, KST (+09:00)"),
        "stn": Meaning("stn", "지점번호", "station number"),
        "k": Meaning("k", "몇째 현천코드(2부터)", "which code of the row, from 2"),
        REQUEST_ID: Meaning(REQUEST_ID, "이 행을 마지막으로 바꾼 요청", "request that last changed the row"),
    }
    main = table.name == dataset.name
    ko, en = (dataset.ko, dataset.en) if main else (f"{dataset.ko} 둘째 코드부터", f"{dataset.en}, further codes")
    return Subject(table.name, ko, en, dataset, table, {name: known[name] for name in names_of(table)}, dataset.cadence)


@cache
def subjects() -> Mapping[str, Subject]:
    """All tables that can be read, by name: each dataset, followed by its table of further codes."""
    return {table.name: _subject(dataset, table) for name, dataset in DATASETS.items() for table in tables_of(name)}


def subject(name: str) -> Subject:
    """The table of that name.

    Raises:
        UsageError: there is none; the nearest names and all names are in the advice.
    """
    (found,) = named([name], subjects())
    return subjects()[found]
