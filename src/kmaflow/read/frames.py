"""Observations as polars frames, now or as they were known at an earlier moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from weakref import WeakKeyDictionary

import polars as pl
import polars.selectors as cs
import sqlalchemy as sa

from kmaflow.catalog.stations import MOST_STATIONS
from kmaflow.catalog.time import DAY, HOUR, Window, ceil_to, floor_to, to_kst
from kmaflow.errors import UsageError
from kmaflow.read.as_of import Answers, answers, rows_at
from kmaflow.read.tables import REQUEST_ID, Subject, subject
from kmaflow.read.views import readable
from kmaflow.store import Store
from kmaflow.store.engines.base import engine_of
from kmaflow.store.engines.database import again, reading
from kmaflow.store.engines.loader import count as counted
from kmaflow.store.engines.loader import schema_of, select
from kmaflow.store.engines.partitions import add_months, month_of
from kmaflow.store.selection import resolve_stations

Period = Literal["month", "day"]

#: Rows that are read at once, at most: it bounds the memory, whatever the window.
_ROWS = 300_000
#: Digits that a mean of a view may have; KMA prints two at most.
_DIGITS = 6
#: The tables that each database was seen to have.
_there: WeakKeyDictionary[sa.Pool, set[str]] = WeakKeyDictionary()


def read(
    store: Store,
    dataset: str,
    window: Window,
    *,
    stations: str | Iterable[str | int] | None = None,
    columns: Iterable[str] | None = None,
    as_of: datetime | None = None,
) -> pl.DataFrame:
    """The observations of a window as one frame, read in one transaction.

    Values are KMA's own, as the hub printed them, from the table of the same name; units and meanings of all columns are in the catalogue
    (``kmaflow.catalog.dataset(name).column(col).unit``, ``docs/en/datasets.md``).

    Args:
        dataset: ``aws_minute`` … ``asos_hourly``; ``aws_present_weather_code`` for the second and further codes of a row; or a view: ``v_hourly``,
            ``v_daily``, ``v_latest`` (:mod:`kmaflow.read.views`).
        window: ``(start, end]``: the stamps after ``start`` up to and including ``end``, naive KST. ``v_latest`` has none: any will do.
        stations: numbers; or words as the command line takes them (``"108, 서울"``, ``["서울", 108]``, ``"all"``), of which unknown ones are
            an error; None = all.
        columns: names of columns, None = all of the catalogue; ``request_id``, which leads to the bytes that a row came from, only when it is named.
        as_of: the data as they were known at this moment (naive KST, compared with the time when an answer was fetched), None = now:
            values that were corrected later are the earlier ones, and rows that no answer had brought by then are absent. Exact for every row
            with values; a row that was only sentinels then is absent if it has values now, or if only an answer fetched later is known to have
            brought it (:mod:`kmaflow.read.as_of`).

    Returns:
        ``tm_kst`` (Datetime[us], naive KST, fixed +09:00: the end of the period observed), ``stn`` (Int32), then the columns in their order:
        Float64, Int64 or String. Missing is null; a row of nulls is one that the hub sent without any value. Sorted by ``tm_kst``, ``stn``.
        Empty, with these columns, where nothing is stored.

    Raises:
        UsageError: no such dataset, column or station, no station named, or ``request_id`` or a view together with ``as_of``.
        StoreError: the database cannot be read.
    """
    stations = numbers_of(store, stations, readable(dataset))
    question = ask(dataset, window, stations=stations, columns=columns, as_of=as_of)

    def work() -> pl.DataFrame:
        with _snapshot(store.engine) as connection:
            there = held(connection, question.what, window)
            if there is None:
                return pl.DataFrame(schema=question.schema)
            if question.what.cadence is None:
                return question.frame(connection, there, None)
            frames = [
                question.frame(connection, piece, known)
                for month in months(there)
                for known in [question.answers(connection, month)]
                for piece in question.pieces(month)
            ]
            return pl.concat(frames)

    return again(work)


def iter_frames(
    store: Store,
    dataset: str,
    window: Window,
    *,
    stations: str | Iterable[str | int] | None = None,
    columns: Iterable[str] | None = None,
    as_of: datetime | None = None,
    by: Period | None = None,
) -> Iterator[pl.DataFrame]:
    """As :func:`read`, in frames that follow one another in time; empty ones are left out.

    Args:
        by: a frame for each ``month`` or ``day`` (a month's or day's own last stamp is the 00:00 that ends it); None = frames of at most about
            300,000 rows, so that years pass through little memory. Each piece of that size is a transaction of its own: what is loaded meanwhile may show
            in later ones.
    """
    stations = numbers_of(store, stations, readable(dataset))
    question = ask(dataset, window, stations=stations, columns=columns, as_of=as_of)
    if by is None:
        frames: Iterable[pl.DataFrame] = (frame for _, frame in pieces_of(store, question, window))
    else:
        frames = (pl.concat([frame for _, frame in pieces_of(store, question, part)]) for part in periods(window, by))
    yield from (frame for frame in frames if not frame.is_empty())


def count(store: Store, dataset: str, window: Window, *, stations: str | Iterable[str | int] | None = None) -> int:
    """How many rows :func:`read` would give, without reading them."""
    stations = numbers_of(store, stations, readable(dataset))
    question = ask(dataset, window, stations=stations)
    with reading(store.engine) as connection:
        if not is_there(connection, question.what):
            return 0
        timed = question.what.cadence is not None
        return counted(connection, question.what.table, window if timed else None, question.stations)


def numbers_of(store: Store, stations: str | Iterable[str | int] | None, what: Subject) -> tuple[int, ...] | None:
    """Stations as numbers, None = all. Words mean what they mean to every command; numbers that are no text are taken as they are.

    Raises:
        UnknownStations: words that fit nothing; the nearest valid ones are named.
        UsageError: no station is named.
    """
    if stations is None:
        return None
    words = stations if isinstance(stations, str) else list(stations)
    if not isinstance(words, str) and all(isinstance(word, int) for word in words):
        return tuple(sorted({int(word) for word in words}))
    with reading(store.engine) as connection:
        known = [word for word in words if isinstance(word, int)]
        return resolve_stations(connection, words, [what.dataset.name], known=known).stations


@dataclass(frozen=True)
class Question:
    """What is to be read, checked."""

    what: Subject
    names: tuple[str, ...]
    stations: tuple[int, ...] | None
    as_of: datetime | None

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """The columns of the answer."""
        known = schema_of(self.what.table)
        return {name: known[name] for name in self.names}

    def pieces(self, window: Window) -> Iterator[Window]:
        """The window in parts of bounded size, none of which crosses the end of a month (or, where it is shorter, of a day)."""
        if self.what.cadence is None:
            yield window
            return
        stamps = _ROWS // min(len(self.stations or ()) or MOST_STATIONS, MOST_STATIONS)
        span = stamps * self.what.cadence
        step = next((step for step in (31 * DAY, DAY, 6 * HOUR) if step <= span), HOUR)
        for month in months(window):
            yield from (month,) if step > DAY else _cut(month, step)

    def answers(self, connection: sa.Connection, window: Window) -> Answers | None:
        """The ledger, where it is needed."""
        return None if self.as_of is None else answers(connection, self.what.dataset.name, window)

    def frame(self, connection: sa.Connection, window: Window, known: Answers | None) -> pl.DataFrame:
        """The rows of one piece. Means of a view lose the digits that are the arithmetic's alone, in which databases differ."""
        if self.what.view:
            timed = self.what.cadence is not None
            rows = select(connection, self.what.table, self.names, window if timed else None, self.stations)
            return rows.with_columns(cs.float().round(_DIGITS))
        if self.as_of is None or known is None:
            return select(connection, self.what.table, self.names, window, self.stations)
        return rows_at(connection, self.what, self.names, window, self.stations, self.as_of, known)


def ask(
    dataset: str,
    window: Window,
    *,
    stations: Iterable[int] | None = None,
    columns: Iterable[str] | None = None,
    as_of: datetime | None = None,
) -> Question:
    """Check what is asked for.

    Raises:
        UsageError: it cannot be read.
    """
    what = readable(dataset)
    names = what.chosen(columns)
    if as_of is not None and what.view:
        raise UsageError(
            f"{what.name} is made of the values as they are now",
            ko=f"{what.name}: 현재 값으로 만든 뷰입니다",
            todo_en=f"read {what.dataset.name} as of that moment",
            todo_ko=f"그 시점의 값은 {what.dataset.name}에서 읽으십시오",
        )
    if as_of is not None:
        as_of = to_kst(as_of) if as_of.tzinfo is not None else as_of
        if REQUEST_ID in names:
            raise UsageError(
                "request_id is not known as of an earlier moment",
                ko="as_of로 과거 시점을 읽을 때는 request_id를 알 수 없습니다",
                todo_en="leave out request_id or as_of",
                todo_ko="request_id나 as_of 가운데 하나를 빼십시오",
            )
    chosen = None if stations is None else tuple(sorted({int(stn) for stn in stations}))
    if chosen == ():
        raise UsageError(
            "no station is named",
            ko="지점을 지정하지 않았습니다",
            todo_en="name at least one",
            todo_ko="지점을 하나 이상 쓰십시오",
        )
    assert window.start < window.end
    return Question(what, tuple(names), chosen, as_of)


def pieces_of(store: Store, question: Question, window: Window) -> Iterator[tuple[Window, pl.DataFrame]]:
    """The rows of a window piece by piece, each with its part of the window; the empty ones too. A lost connection is made again.

    Only the stretch that holds rows at all is cut in pieces: a window of three centuries takes no longer than its rows.
    """
    there = held_in(store, question.what, window)
    if there is None:
        yield window, pl.DataFrame(schema=question.schema)
        return
    for part in question.pieces(there):

        def work(part: Window = part) -> pl.DataFrame:
            with _snapshot(store.engine) as connection:
                if not is_there(connection, question.what):
                    return pl.DataFrame(schema=question.schema)
                return question.frame(connection, part, question.answers(connection, part))

        yield part, again(work)


def held(connection: sa.Connection, what: Subject, window: Window) -> Window | None:
    """The part of the window between the dataset's first and last row in it; None where there is none. Of a view: with its whole periods."""
    main = subject(what.dataset.name)
    if not (is_there(connection, what) and is_there(connection, main)):
        return None
    if what.cadence is None:
        return window
    stamp = main.table.c.tm_kst
    start = floor_to(window.start, what.cadence) if what.view else window.start
    found = sa.select(sa.func.min(stamp), sa.func.max(stamp)).where(stamp > start, stamp <= window.end)
    first, last = connection.execute(found).one()
    if first is None:
        return None
    if what.view:
        first, last = ceil_to(first, what.cadence), ceil_to(last, what.cadence)
    first, last = max(window.start, first - what.cadence), min(last, window.end)
    return Window(first, last) if first < last else None


def is_there(connection: sa.Connection, what: Subject) -> bool:
    """Whether the dataset has ever been loaded. Reading makes no tables: it needs no right to write. A table that was there stays."""
    known = _there.setdefault(connection.engine.pool, set())
    if what.name not in known and sa.inspect(connection).has_table(what.name):
        known.add(what.name)
    return what.name in known


def months(window: Window) -> Iterator[Window]:
    """The window cut at the ends of months: 24:00 of the last day belongs to the month that it ends."""
    start = window.start
    while start < window.end:
        end = min(add_months(month_of(start + timedelta(seconds=1)), 1), window.end)
        yield Window(start, end)
        start = end


def periods(window: Window, by: Period) -> Iterator[Window]:
    """The window cut at the ends of months or days."""
    return months(window) if by == "month" else _cut(window, DAY)


def _cut(window: Window, step: timedelta) -> Iterator[Window]:
    """The window cut at multiples of ``step``, counted from midnight."""
    start = window.start
    while start < window.end:
        end = min(floor_to(start, step) + step, window.end)
        yield Window(start, end)
        start = end


@contextmanager
def _snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction in which all statements see the same state; SQLite's are so by themselves."""
    if level := engine_of(engine).snapshot_level:
        engine = engine.execution_options(isolation_level=level)
    with reading(engine) as connection:
        yield connection


def held_in(store: Store, what: Subject, window: Window) -> Window | None:
    """The part of the window between the dataset's first and last row in it; None where there is none."""

    def stretch() -> Window | None:
        with reading(store.engine) as connection:
            return held(connection, what, window)

    return again(stretch)


def read_at(store: Store, question: Question, window: Window) -> pl.DataFrame:
    """The rows of a short window as one frame, sorted by time and station."""
    return pl.concat([frame for _, frame in pieces_of(store, question, window)])
