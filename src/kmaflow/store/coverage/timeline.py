"""What is known of one dataset over a window, stamp by stamp, for groups of stations that share it: painted from day sheets and ledger.

One number stands for each stamp and group, so a year of minutes is two megabytes and a stroke of the brush for each stretch. Who asks about one cell
and who counts a year look at the same picture.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import MINUTE, Window, floor_to
from kmaflow.hub.errors import ConnectionFailed
from kmaflow.store.coverage.day import ALL, AROUND, days_of, read, start_of, stations_of
from kmaflow.store.ledger import GIVEN_UP, LONGEST, RETIRED
from kmaflow.store.schema.service import FETCH

State = Literal["present", "blank", "absent", "not_yet_produced", "refused", "rejected", "not_asked"]
#: Missing, for exit code 3, ``gaps`` and repair (design.md §6).
MISSING: tuple[State, ...] = ("not_yet_produced", "refused", "rejected", "not_asked")

Codes = NDArray[np.int32]
#: Codes of a picture; what follows are the requests that brought no whole answer, in the order in which they were made.
ANSWERED, PLANNED, BEFORE_START, STATIONS, TROUBLE = 0, 1, 2, 3, 4
_OUTCOMES_OF_QUOTA = ("quota", "no_free_call")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A request that left stamps of its window without an answer."""

    id: int
    window: Window
    stn: int
    fetched_at: datetime
    outcome: str
    http_status: int | None
    selection: str

    @property
    def state(self) -> tuple[State, str]:
        """The state in which it left them, and why: the error's code for what was refused."""
        if self.outcome in ("partial", "not_yet_produced"):
            return "not_yet_produced", ""
        if self.outcome == "not_asked" or (self.outcome in _OUTCOMES_OF_QUOTA and self.http_status is None):
            return "not_asked", "quota"
        return "refused", self.outcome

    @property
    def was_asked(self) -> bool:
        """Whether the hub was asked at all: not where the quota kept it back, nor where there was no way to the hub."""
        return self.outcome not in (GIVEN_UP, ConnectionFailed.code) and self.state[0] != "not_asked"


@dataclass(frozen=True, slots=True)
class Group:
    """Stations of which the same is known; None = all that are in no other group. ``codes``: one for each stamp."""

    stations: frozenset[int] | None
    codes: Codes
    keys: frozenset[str]


class Axis:
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


class Picture:
    """One dataset over one window.

    Args:
        stations: only these; one that was never answered for within 7 days counts as expected, since nobody knows better. None = all.
        start: stamps up to this one were not meant to be kept (``START``), naive KST.

    Attributes:
        axis: its stamps.
        troubles: requests without a whole answer, oldest first: code ``TROUBLE + index``.
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
        self.axis = Axis(window, DATASETS[dataset].cadence)
        around = timedelta(days=AROUND)
        self.sheets = read(connection, dataset, (self.axis.days[0] - around, self.axis.days[-1] + around))
        days = [self.axis.days[0] + timedelta(days=count) for count in range(-AROUND, len(self.axis.days) + AROUND)]
        #: The sheets of all days and of those within 7 days around them, in order.
        self._near = [self.sheets.get(day) for day in days]
        self._spans = self._answered_spans()
        self.troubles = self._read_troubles(connection)

    @property
    def meanings(self) -> list[tuple[State, str]]:
        """State and why of every code; ``absent`` for what was answered: where there is no row."""
        fixed: list[tuple[State, str]] = [
            ("absent", ""),
            ("not_asked", "planned"),
            ("not_asked", "before_start"),
            ("not_asked", "stations"),
        ]
        return fixed + [trouble.state for trouble in self.troubles]

    @cached_property
    def rosters(self) -> list[frozenset[int]]:
        """For each day the stations that reported within 7 days around it."""
        # Most days have the same stations, as the same object: what is alike is joined once.
        reported = [sheet.reported if sheet is not None else frozenset() for sheet in self._near]
        alike = {id(stations): stations for stations in reported}
        numbers = [id(stations) for stations in reported]
        unions: dict[frozenset[int], frozenset[int]] = {}
        found = []
        for index in range(len(self.axis.days)):
            key = frozenset(numbers[index : index + 2 * AROUND + 1])
            if key not in unions:
                unions[key] = frozenset().union(*(alike[number] for number in key))
            found.append(unions[key])
        return found

    @cached_property
    def groups(self) -> list[Group]:
        """All stations, each in one group; the one of all others comes first."""
        named: set[int] = set()
        for key in self._spans:
            named |= stations_of(key) or set()
        for trouble in self.troubles:
            if trouble.stn:
                named.add(trouble.stn)
            elif trouble.selection != "all":
                named |= set(map(int, trouble.selection.split(",")))
        if self.stations is not None:
            named = set(self.stations)
        else:
            named &= frozenset().union(*self.rosters)
        alike: dict[tuple[frozenset[str], tuple[int, ...]], set[int]] = {}
        for stn in sorted(named):
            keys = frozenset(key for key in self._spans if stn in (stations_of(key) or (stn,)))
            troubles = tuple(index for index, trouble in enumerate(self.troubles) if _concerns(trouble, stn))
            alike.setdefault((keys, troubles), set()).add(stn)
        found = [Group(frozenset(members), self._paint(*sign), sign[0]) for sign, members in alike.items()]
        if self.stations is not None:
            return found
        rest = tuple(index for index, one in enumerate(self.troubles) if _of_all(one))
        keys = frozenset({ALL} & self._spans.keys())
        return [Group(None, self._paint(keys, rest), keys), *found]

    def expected(self, group: Group) -> list[frozenset[int]]:
        """For each day the expected stations of a group."""
        if group.stations is None:
            named = frozenset().union(*(one.stations or frozenset() for one in self.groups))
            return [roster - named if named else roster for roster in self.rosters]
        found = [roster & group.stations for roster in self.rosters]
        if self.stations is None:
            return found
        known = self._known(group.keys)
        return [one if told else group.stations for one, told in zip(found, known, strict=True)]

    def unknown(self, group: Group) -> list[bool]:
        """For each day whether nobody knows which stations there are: all were meant, and no answer for all is near."""
        if group.stations is not None:
            return [False] * len(self.axis.days)
        return [not told for told in self._known(frozenset({ALL}))]

    def _known(self, keys: frozenset[str]) -> list[bool]:
        """For each day whether there is an answer for these within 7 days around it."""
        # An answer without a single row (older than what the hub keeps) tells nothing about who there was.
        told = [
            sheet is not None and bool(sheet.reported) and not keys.isdisjoint(sheet.answered) for sheet in self._near
        ]
        return [any(told[index : index + 2 * AROUND + 1]) for index in range(len(self.axis.days))]

    def _answered_spans(self) -> dict[str, list[tuple[int, int]]]:
        """For whom → stretches of stamps that were answered."""
        spans: dict[str, list[tuple[int, int]]] = {}
        for day in self.axis.days:
            begin = start_of(day)
            for who, minutes in self.sheets[day].answered.items() if day in self.sheets else ():
                for low, high in minutes:
                    first, last = self.axis.before(begin + low * MINUTE), self.axis.before(begin + high * MINUTE)
                    known = spans.setdefault(who, [])
                    if known and known[-1][1] == first:
                        known[-1] = (known[-1][0], last)
                    else:
                        known.append((first, last))
        return spans

    def _paint(self, keys: frozenset[str], troubles: Iterable[int]) -> Codes:
        codes = np.full(self.axis.count, PLANNED, np.int32)
        if self.start is not None:
            codes[: self.axis.before(self.start)] = BEFORE_START
        for key in self._spans.keys() - keys:
            if key.startswith("of:"):
                for low, high in self._spans[key]:
                    codes[low:high] = STATIONS
        for index in troubles:
            window = self.troubles[index].window
            codes[self.axis.before(window.start) : self.axis.before(window.end)] = TROUBLE + index
        # A refusal takes nothing back that a whole answer said before.
        for key in keys:
            for low, high in self._spans[key]:
                codes[low:high] = ANSWERED
        return codes

    def _holes(self) -> Window | None:
        """From the first to the last stamp that is not answered for all."""
        open_ = np.ones(self.axis.count, np.bool_)
        for low, high in self._spans.get(ALL, ()):
            open_[low:high] = False
        where = np.flatnonzero(open_)
        return self.axis.window(int(where[0]), int(where[-1]) + 1) if where.size else None

    def _read_troubles(self, connection: sa.Connection) -> list[Trouble]:
        holes = self._holes()
        if holes is None:
            return []
        table = FETCH.c
        columns = (table.id, table.stn, table.tm_from, table.tm_to, table.fetched_at, table.outcome, table.http_status)
        query = sa.select(*(plain(connection, column) for column in columns), table.selection).where(
            table.dataset == self.dataset,
            table.tm_to > holes.start,
            table.tm_to <= holes.end + LONGEST,
            table.tm_from < holes.end,
            table.outcome != RETIRED,
            # In these words an index leaves out the many that went well.
            sa.or_(
                table.outcome < "ok",
                sa.and_(table.outcome > "ok", table.outcome < "unchanged"),
                table.outcome > "unchanged",
            ),
        )
        rows: list[Any] = list(connection.execute(query))
        found = [
            Trouble(number, Window(moment(start), moment(end)), stn, moment(at), outcome, status, selection)
            for number, stn, start, end, at, outcome, status, selection in rows
        ]
        return sorted(found, key=lambda trouble: (trouble.fetched_at, trouble.id))


def plain(connection: sa.Connection, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A column as SQLite keeps it: reading a hundred thousand times one by one would take longer than all the rest."""
    textual = connection.dialect.name == "sqlite" and isinstance(column.type, sa.DateTime)
    return sa.type_coerce(column, sa.String) if textual else column


def moment(value: datetime | str) -> datetime:
    """A time that was read by :func:`plain`."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def concerns(trouble: Trouble, group: Group) -> bool:
    """Whether a request was about the stations of a group."""
    if group.stations is None:
        return _of_all(trouble)
    # What is known of one is known of all of them: so they are one group.
    return _concerns(trouble, next(iter(group.stations)))


def _of_all(trouble: Trouble) -> bool:
    return trouble.stn == 0 and trouble.selection == "all"


def _concerns(trouble: Trouble, stn: int) -> bool:
    chosen = trouble.selection
    return trouble.stn in (0, stn) and (chosen == "all" or str(stn) in chosen.split(","))
