"""How rows are laid out in a CSV or spreadsheet for people: headers in their language with units, stations side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog.time import HOUR, Window, ceil_to, floor_to
from kmaflow.errors import UsageError
from kmaflow.read.frames import Question
from kmaflow.read.place import listing
from kmaflow.read.tables import Meaning
from kmaflow.read.units import Names, sign_of, titles
from kmaflow.store import Store
from kmaflow.store.engines.database import reading
from kmaflow.store.schema.service import COMPLETENESS_HOUR

#: Columns that say when; side by side, they stay what a row is.
_TIMES = ("tm_kst", "tm_utc", "day")
#: What KMA's own files call the columns that name a row.
_KEYS = {"ko": {"tm_kst": "일시", "stn": "지점"}, "en": {"tm_kst": "time (KST)", "stn": "station"}}
_NAME = {"ko": "지점명", "en": "name"}


@dataclass(frozen=True, slots=True)
class Layout:
    """What somebody wants.

    Args:
        headers: ``kma`` (``ta``), ``ko`` (``1분 평균 기온(°C)``) and ``en`` with the names of the stations, or ``cf``.
        wide: a row for each time, a column for each station and value.
        bom: begin with the mark by which Excel knows a CSV as UTF-8.
    """

    headers: Names = "kma"
    wide: bool = False
    bom: bool = False


class LaidOut:
    """Rows of one question as a layout shows them.

    Attributes:
        schema: the columns of the frames that :meth:`frames` gives, by their headers.
        titles: what each column of the question is called, stations aside.

    Raises:
        UsageError: rows of this kind cannot stand side by side.
    """

    def __init__(self, store: Store, question: Question, window: Window, layout: Layout) -> None:
        self._names, self._layout = question.names, layout
        what = question.what
        values = [name for name in question.names if name not in (*_TIMES, "stn")]
        if layout.wide and (what.keys != ["tm_kst", "stn"] or not values):
            raise UsageError(
                f"rows of {what.name} cannot stand side by side",
                ko=f"{what.name}의 행은 지점별 열로 펼칠 수 없습니다",
                todo_en="leave out --wide, or name a column of values",
                todo_ko="--wide를 빼거나 값 열을 지정하십시오",
            )
        self.titles = _titles({name: what.columns[name] for name in question.names}, layout.headers)
        listed = listing(store).stations if layout.headers in _NAME else ()
        self._stations = {one.stn: one.name_ko if layout.headers == "ko" else one.name_en for one in listed}
        kinds = question.schema
        if layout.wide:
            chosen = question.stations if question.stations is not None else _reporting(store, question, window)
            self._cells = {(name, stn): self._header(name, stn) for name in values for stn in chosen}
            times = {self.titles[name]: kinds[name] for name in question.names if name in _TIMES}
            self.schema = times | {header: kinds[name] for (name, _), header in self._cells.items()}
        else:
            self.schema = {}
            for name in question.names:
                self.schema[self.titles[name]] = kinds[name]
                if name == "stn" and layout.headers in _NAME:
                    self.schema[_NAME[layout.headers]] = pl.String()

    def frames(self, frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Frames of the question, none of which divides the rows of one time."""
        return map(self._wide if self._layout.wide else self._long, frames)

    def _long(self, frame: pl.DataFrame) -> pl.DataFrame:
        made = frame.rename(self.titles)
        if (name := _NAME.get(self._layout.headers)) in self.schema:
            named = pl.col(self.titles["stn"]).replace_strict(self._stations, default=None, return_dtype=pl.String)
            made = made.with_columns(named.alias(name))
        return made.select(list(self.schema))

    def _wide(self, frame: pl.DataFrame) -> pl.DataFrame:
        times = [name for name in self._names if name in _TIMES]
        values = list(dict.fromkeys(name for name, _ in self._cells))
        made = frame.select(pl.col(times)).unique(maintain_order=True)
        # One value at a time: pivot's own names depend on how many there are.
        for name in values:
            beside = frame.pivot("stn", index="tm_kst", values=name)
            called = {str(stn): header for (value, stn), header in self._cells.items() if value == name}
            there = {stn: header for stn, header in called.items() if stn in beside.columns}
            made = made.join(
                beside.select("tm_kst", *there).rename(there), on="tm_kst", how="left", maintain_order="left"
            )
        made = made.rename({name: self.titles[name] for name in times})
        return made.select(
            pl.col(header) if header in made.columns else pl.lit(None, kind).alias(header)
            for header, kind in self.schema.items()
        )

    def _header(self, name: str, stn: int) -> str:
        if self._layout.headers not in _NAME:
            return f"{self.titles[name]}_{stn}"
        station = self._stations.get(stn)
        return f"{station} {stn} {self.titles[name]}" if station else f"{stn} {self.titles[name]}"


def _titles(columns: dict[str, Meaning], headers: Names) -> dict[str, str]:
    called = titles(columns, headers)
    if headers not in _NAME:
        return called
    signs = {name: sign_of(meaning.unit) for name, meaning in columns.items()}
    told = {name: f"{title}({signs[name]})" if signs[name] else title for name, title in called.items()}
    return told | {name: title for name, title in _KEYS[headers].items() if name in columns}


def _reporting(store: Store, question: Question, window: Window) -> Sequence[int]:
    """The stations that have rows in the hours of the window."""
    counts = COMPLETENESS_HOUR.c
    start = floor_to(window.start, question.what.cadence or HOUR)
    query = sa.select(counts.stn).where(
        counts.dataset == question.what.dataset.name,
        counts.hour_kst > start,
        counts.hour_kst <= ceil_to(window.end, HOUR),
    )
    with reading(store.engine) as connection:
        return sorted(connection.execute(query.distinct()).scalars())
