"""What is known of one dataset over a window: an int array for each group of stations that share it, with one state for each stamp, from coverage by day
and ledger. A year of minutes is two megabytes. Queries for one cell and counts of a year use the same arrays.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import MINUTE, Window, days_of, floor_to, start_of
from kmaflow.hub.errors import ConnectionFailed
from kmaflow.store.coverage.day import ALL, EXPECTED_AROUND_DAYS, joined, read_days, stations_of
from kmaflow.store.engines.base import engine_of
from kmaflow.store.ledger import ABSENT, DEFERRED, EMPTY, FILE, LONGEST, REQUEST, RETIRED, asks_for
from kmaflow.store.schema.service import LEDGER

State = Literal["present", "blank", "absent", "empty", "not_yet_produced", "refused", "rejected", "not_asked"]
#: Missing, for exit code 3, ``gaps`` and repair (design.md §6).
MISSING: tuple[State, ...] = ("not_yet_produced", "refused", "rejected", "not_asked")

Codes = NDArray[np.int32]
#: Codes of a timeline; what follows are the requests that brought no whole answer, in the order in which they were made.
ANSWERED, PLANNED, BEFORE_START, STATIONS, FAILED = 0, 1, 2, 3, 4
#: Outcomes of ledger rows that close what answers left open, and the states in which they leave it.
FINAL: dict[str, State] = {EMPTY: "empty", ABSENT: "absent"}
#: Stretches [low, high) of stamps, in order, that do not touch.
Spans: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """A request that left stamps of its window without an answer."""

    id: int
    window: Window
    stn: int
    fetched_at: datetime
    outcome: str
    kind: str
    selection: str

    @property
    def state(self) -> tuple[State, str]:
        """The state in which it left them, and why: the error's code for what was refused."""
        if self.outcome in FINAL:
            return FINAL[self.outcome], ""
        if self.outcome in ("partial", "not_yet_produced"):
            return "not_yet_produced", ""
        if self.kind == DEFERRED:
            return "not_asked", "quota"
        return "refused", self.outcome

    @property
    def was_asked(self) -> bool:
        """Whether the hub was asked at all: not where the quota kept it back, nor where there was no way to the hub."""
        return self.kind == REQUEST and self.outcome != ConnectionFailed.code


@dataclass(frozen=True, slots=True)
class StationGroup:
    """Stations of which the same is known; None = all that are in no other group.

    Attributes:
        codes: one for each stamp.
        answered_near: for each day whether an answer for them lies within 7 days around it.
    """

    stations: frozenset[int] | None
    codes: Codes
    answered_near: tuple[bool, ...]


class TimeAxis:
    """The stamps of a window, counted from 0."""

    def __init__(self, window: Window, step: timedelta) -> None:
        self.first = floor_to(window.start, step)
        self.step = step
        self.count = window.count(step)
        self.days = days_of(window)
        #: Where each day begins, and where the last one ends.
        self.edges = [self.before(start_of(day)) for day in self.days] + [self.count]

    def days_between(self, low: int, high: int) -> tuple[int, int]:
        """The days [first, last) that hold the stamps ``low`` … ``high - 1``."""
        return bisect_right(self.edges, low, hi=len(self.days)) - 1, bisect_left(self.edges, high, hi=len(self.days))

    def before(self, moment: datetime) -> int:
        """How many stamps lie at or before a moment."""
        return min(max((moment - self.first) // self.step, 0), self.count)

    def stamp(self, index: int) -> datetime:
        """The stamp of that number."""
        return self.first + (index + 1) * self.step

    def window(self, low: int, high: int) -> Window:
        """The window that holds the stamps ``low`` … ``high - 1``."""
        return Window(self.first + low * self.step, self.first + high * self.step)

    def per_day(self, values: Iterable[int]) -> NDArray[np.int64]:
        """A value for each day as one for each stamp."""
        return np.repeat(np.fromiter(values, np.int64), np.diff(self.edges))


class Timeline:
    """One dataset over one window.

    Args:
        stations: only these; one that was never answered for within 7 days counts as expected, since nobody knows better. None = all.
        start: stamps up to this one were not meant to be kept (``START``), naive KST.

    Attributes:
        axis: its stamps.
        failed: requests without a whole answer, oldest first: code ``FAILED + index``.
    """

    def __init__(
        self,
        connection: sa.Connection,
        dataset: str,
        window: Window,
        *,
        stations: frozenset[int] | None = None,
        start: datetime | None = None,
    ) -> None:
        self.dataset = dataset
        self.stations = stations
        self.start = start
        self.axis = TimeAxis(window, DATASETS[dataset].cadence)
        around = timedelta(days=EXPECTED_AROUND_DAYS)
        self.covered = read_days(connection, dataset, (self.axis.days[0] - around, self.axis.days[-1] + around))
        days = [
            self.axis.days[0] + timedelta(days=count)
            for count in range(-EXPECTED_AROUND_DAYS, len(self.axis.days) + EXPECTED_AROUND_DAYS)
        ]
        #: Coverage of all days and of those within 7 days around them, in order.
        self._near = [self.covered.get(day) for day in days]
        self._whole, self._part, self._own = self._answered_spans()
        self.failed = self._read_failed(connection)

    @property
    def meanings(self) -> list[tuple[State, str]]:
        """State and why of every code; ``absent`` for what was answered: where there is no row."""
        fixed: list[tuple[State, str]] = [
            ("absent", ""),
            ("not_asked", "planned"),
            ("not_asked", "before_start"),
            ("not_asked", "stations"),
        ]
        return fixed + [failure.state for failure in self.failed]

    def unanswered(self, codes: Codes) -> NDArray[np.bool_]:
        """Where cells without a row are missing: neither answered nor closed."""
        final = [code for code, (state, _) in enumerate(self.meanings) if state in ("absent", "empty")]
        return ~np.isin(codes, final)

    @cached_property
    def rosters(self) -> list[frozenset[int]]:
        """For each day the stations that reported within 7 days around it."""
        # Most days have the same stations, as the same object: what is alike is joined once.
        reported = [one_day.reported if one_day is not None else frozenset() for one_day in self._near]
        alike = {id(stations): stations for stations in reported}
        numbers = [id(stations) for stations in reported]
        unions: dict[frozenset[int], frozenset[int]] = {}
        found = []
        for index in range(len(self.axis.days)):
            key = frozenset(numbers[index : index + 2 * EXPECTED_AROUND_DAYS + 1])
            if key not in unions:
                unions[key] = frozenset().union(*(alike[number] for number in key))
            found.append(unions[key])
        return found

    @cached_property
    def groups(self) -> list[StationGroup]:
        """All stations, each in one group; the one of all others comes first."""
        named = set(self._own)
        for failure in self.failed:
            if failure.stn:
                named.add(failure.stn)
            elif failure.selection != "all":
                named |= set(map(int, failure.selection.split(",")))
        if self.stations is not None:
            named = set(self.stations)
        else:
            named &= frozenset().union(*self.rosters)
        alike: dict[tuple[Spans, tuple[int, ...], tuple[bool, ...]], set[int]] = {}
        for stn in sorted(named):
            failed = tuple(index for index, failure in enumerate(self.failed) if asks_for(failure, stn))
            sign = tuple(self._own.get(stn, ())), failed, self._answered_near(stn)
            alike.setdefault(sign, set()).add(stn)
        found = [
            StationGroup(frozenset(members), self._fill(own, failed), told)
            for (own, failed, told), members in alike.items()
        ]
        if self.stations is not None:
            return found
        rest = tuple(index for index, one in enumerate(self.failed) if _of_all(one))
        return [StationGroup(None, self._fill((), rest), self._answered_near(None)), *found]

    def expected(self, group: StationGroup) -> list[frozenset[int]]:
        """For each day the expected stations of a group."""
        if group.stations is None:
            named = frozenset().union(*(one.stations or frozenset() for one in self.groups))
            return [roster - named if named else roster for roster in self.rosters]
        found = [roster & group.stations for roster in self.rosters]
        if self.stations is None:
            return found
        return [one if told else group.stations for one, told in zip(found, group.answered_near, strict=True)]

    def unknown(self, group: StationGroup) -> list[bool]:
        """For each day whether nobody knows which stations there are: all were meant, and no answer for all is near."""
        if group.stations is not None:
            return [False] * len(self.axis.days)
        return [not told for told in group.answered_near]

    @cached_property
    def _near_keys(self) -> list[tuple[frozenset[int], bool]]:
        """For each day, and those around, the stations that answers name, and whether there is one for all."""
        alike: dict[frozenset[str], tuple[frozenset[int], bool]] = {}
        found = []
        for one_day in self._near:
            # An answer without a single row (older than what the hub keeps) tells nothing about who there was.
            keys = frozenset(one_day.answered) if one_day is not None and one_day.reported else frozenset()
            if keys not in alike:
                named = (stations_of(key) for key in keys)
                alike[keys] = frozenset().union(*(one for one in named if one is not None)), ALL in keys
            found.append(alike[keys])
        return found

    def _answered_near(self, stn: int | None) -> tuple[bool, ...]:
        """For each day whether there is an answer for a station (None: for all) within 7 days around it."""
        told = [whole or stn in named for named, whole in self._near_keys]
        return tuple(any(told[index : index + 2 * EXPECTED_AROUND_DAYS + 1]) for index in range(len(self.axis.days)))

    def _answered_spans(self) -> tuple[Spans, Spans, dict[int, Spans]]:
        """The stretches of stamps that were answered: for all, for all of which some were stored, and for each station that is named."""
        whole: list[tuple[int, int]] = []
        part: list[tuple[int, int]] = []
        own: dict[int, list[tuple[int, int]]] = {}
        for day in self.axis.days:
            begin = start_of(day)
            for who, minutes in self.covered[day].answered.items() if day in self.covered else ():
                spans = [
                    (self.axis.before(begin + low * MINUTE), self.axis.before(begin + high * MINUTE))
                    for low, high in minutes
                ]
                if who == ALL:
                    whole += spans
                    continue
                if who.startswith("of:"):
                    part += spans
                for stn in stations_of(who) or ():
                    own.setdefault(stn, []).extend(spans)
        return joined(whole), joined(part), {stn: joined(spans) for stn, spans in own.items()}

    def _fill(self, own: Spans, failed: Iterable[int]) -> Codes:
        codes = np.full(self.axis.count, PLANNED, np.int32)
        if self.start is not None:
            codes[: self.axis.before(self.start)] = BEFORE_START
        for low, high in self._part:
            codes[low:high] = STATIONS
        # What was closed stays so, whatever failed later.
        for index in sorted(failed, key=lambda index: self.failed[index].outcome in FINAL):
            window = self.failed[index].window
            codes[self.axis.before(window.start) : self.axis.before(window.end)] = FAILED + index
        # A refusal takes nothing back that a whole answer said before.
        for low, high in (*self._whole, *own):
            codes[low:high] = ANSWERED
        return codes

    def _holes(self) -> Window | None:
        """From the first to the last stamp that is not answered for all."""
        open_ = np.ones(self.axis.count, np.bool_)
        for low, high in self._whole:
            open_[low:high] = False
        where = np.flatnonzero(open_)
        return self.axis.window(int(where[0]), int(where[-1]) + 1) if where.size else None

    def _read_failed(self, connection: sa.Connection) -> list[FailedRequest]:
        holes = self._holes()
        if holes is None:
            return []
        table = LEDGER.c
        columns = (table.id, table.stn, table.tm_from, table.tm_to, table.fetched_at, table.outcome)
        query = sa.select(*(plain(connection, column) for column in columns), table.kind, table.selection).where(
            table.dataset == self.dataset,
            table.tm_to > holes.start,
            table.tm_to <= holes.end + LONGEST,
            table.tm_from < holes.end,
            table.outcome != RETIRED,
            # A file was not asked for what it does not hold.
            table.kind != FILE,
            # In these words an index leaves out the many that went well.
            sa.or_(
                table.outcome < "ok",
                sa.and_(table.outcome > "ok", table.outcome < "unchanged"),
                table.outcome > "unchanged",
            ),
        )
        rows: list[Any] = list(connection.execute(query))
        found = [
            FailedRequest(number, Window(moment(start), moment(end)), stn, moment(at), outcome, kind, selection)
            for number, stn, start, end, at, outcome, kind, selection in rows
        ]
        return sorted(found, key=lambda failure: (failure.fetched_at, failure.id))


def plain(connection: sa.Connection, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A column as SQLite keeps it: reading a hundred thousand times one by one would take longer than all the rest."""
    textual = engine_of(connection).loosely_typed and isinstance(column.type, sa.DateTime)
    return sa.type_coerce(column, sa.String) if textual else column


def moment(value: datetime | str) -> datetime:
    """A time that was read by :func:`plain`."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def concerns(failure: FailedRequest, group: StationGroup) -> bool:
    """Whether a request was about the stations of a group."""
    if group.stations is None:
        return _of_all(failure)
    # What is known of one is known of all of them: so they are one group.
    return asks_for(failure, next(iter(group.stations)))


def _of_all(failure: FailedRequest) -> bool:
    return failure.stn == 0 and failure.selection == "all"
