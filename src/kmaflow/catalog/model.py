"""The words in which the catalogue describes what KMA publishes: plain data, nothing of ours imported but time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from kmaflow.catalog.time import DAY, HOUR, Window, floor_to

Kind = Literal["float", "int", "text"]
Role = Literal["value", "descriptor", "position"]
Network = Literal["AWS", "SFC"]


@dataclass(frozen=True, slots=True)
class AtMost:
    """Missing is every value at or below ``limit``: KMA's own rule for the minute data (-50 이하면 관측이 없거나, 에러처리)."""

    limit: float


@dataclass(frozen=True, slots=True)
class Codes:
    """Missing is exactly one of these printed values; everything else, also a near one, is a measurement."""

    codes: frozenset[float]

    @classmethod
    def of(cls, *codes: float) -> Codes:
        """The rule for these printed values."""
        return cls(frozenset(codes))


@dataclass(frozen=True, slots=True)
class Dash:
    """Missing is the text ``-``."""


@dataclass(frozen=True, slots=True)
class Never:
    """The column is always printed with a value."""


Missing = AtMost | Codes | Dash | Never


@dataclass(frozen=True, slots=True)
class Column:
    """One printed column.

    Attributes:
        name: lower-case name in tables and frames.
        kma: KMA's own name.
        ko / en: what it is.
        kind: ``float`` (DOUBLE), ``int`` (INTEGER, where KMA prints integers) or ``text``.
        unit: KMA's unit as stored (ASOS ``wd`` stays in 10°); ``1`` for codes and counts.
        cf: CF standard name, None where CF has none.
        missing: which printed values mean "no observation".
        plausible: range (in ``unit``) outside of which a value is suspect; None where none is known. Never used to drop a value.
        source: where this description comes from.
        header: the names accepted for it in the hub's name line; default (``kma``,).
        unit_header: what the unit (or second) line prints for it; empty where that line is blank there; None = not checked.
        role: ``value`` (an observation), ``descriptor`` (says something about the row: kind of instrument, number of pairs) or
            ``position`` (longitude, latitude: read, checked, not stored). Only values decide whether a row is blank.
        since: first year whose rows have the column; None = always.
        known: False for a column that only a header names: it is read past.
        note_ko / note_en: the trap in this column, if there is one.
    """

    name: str
    kma: str
    ko: str
    en: str
    kind: Kind
    unit: str
    cf: str | None
    missing: Missing
    plausible: tuple[float, float] | None
    source: str
    header: tuple[str, ...] = ()
    unit_header: str | None = None
    role: Role = "value"
    since: int | None = None
    known: bool = True
    note_ko: str = ""
    note_en: str = ""

    @property
    def stored(self) -> bool:
        """Whether the table has the column."""
        return self.role != "position" and self.known

    @property
    def header_names(self) -> tuple[str, ...]:
        """The names accepted for it in the hub's name line."""
        return self.header or (self.kma,)


@dataclass(frozen=True, slots=True)
class Stamp:
    """How a stamp is printed on rows.

    Attributes:
        digits: 12 (``YYYYMMDDHHMM``), 10 or 8 (``YYYYMMDD``), KST.
        shift: from the printed time to the stamp, which is the end of the period observed.
    """

    digits: int = 12
    shift: timedelta = timedelta(0)

    def read(self, text: str) -> datetime | None:
        """The stamp (naive KST) that is printed so, None if it is none (observations begin in 1904)."""
        if len(text) != self.digits or not (text.isascii() and text.isdigit()) or int(text[:4]) < _FIRST_YEAR:
            return None
        try:
            hour, minute = int(text[8:10] or 0), int(text[10:] or 0)
            return datetime(int(text[:4]), int(text[4:6]), int(text[6:8]), hour, minute) + self.shift
        except (ValueError, OverflowError):
            return None

    def printed(self, stamp: datetime) -> str:
        """The stamp (naive KST) as it is printed."""
        return f"{stamp - self.shift:%Y%m%d%H%M}"[: self.digits]


_FIRST_YEAR = 1900
#: Printed as the stamp itself.
TO_THE_MINUTE = Stamp()
#: A date, which belongs to the end of its day: the day D is the stamp 00:00 of D+1.
DATE = Stamp(8, DAY)


@dataclass(frozen=True, slots=True)
class Range:
    """The hub is asked for a stretch of time: these parameters name its first and its last stamp, both included."""

    first: str = "tm1"
    last: str = "tm2"


@dataclass(frozen=True, slots=True)
class Single:
    """The hub is asked for one stamp, which this parameter names."""

    name: str = "tm"


@dataclass(frozen=True, slots=True)
class RequestForm:
    """How one endpoint is asked.

    Attributes:
        endpoint: path below the hub URL (``/api/typ01``).
        parameters: sent with every request, beside time and station.
        all_stations: longest stretch of stamps, first to last plus one step, that may be asked for all stations at once.
        one_station: the same for one station.
        station_list: whether ``stn=a:b`` works (only on the php endpoints).
        time: the parameters that name the time.
        written: how times are written in the request, None = as they are printed on rows.
        timeout: longest silence of the hub in an answer, None = the client's own, 75 s.
    """

    endpoint: str
    parameters: Mapping[str, str]
    all_stations: timedelta
    one_station: timedelta
    station_list: bool
    time: Range | Single = Range()
    written: Stamp | None = None
    timeout: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """When live data are asked for, and the DAG that does so. Datasets of one DAG share one schedule.

    Attributes:
        dag: id of the DAG.
        ko / en: its title.
        every: length of a run's window, counted from midnight KST.
        delay: from the end of a window until the hub has its last stamp.
        tags: the DAG's, for the list of DAGs.
    """

    dag: str
    ko: str
    en: str
    every: timedelta
    delay: timedelta
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Latest:
    """What ``v_latest`` shows of a dataset: the columns of the newest row that has a value.

    Attributes:
        stamp: stands before ``tm_kst`` and ``tm_utc``, as ``cloud_``.
        columns: in the order of the view, None = every value.
        prefix: stands before the columns' names.
        words: column → meaning in Korean and English, where the view says more than the column's own.
    """

    stamp: str
    columns: tuple[str, ...] | None = None
    prefix: str = ""
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dataset:
    """One kind of observation, described once: tables, requests, parser, checks, DAGs, views and docs are made from this.

    Attributes:
        name: our name and the table's.
        network: whose stations report.
        operation: the name under which 활용신청 is made.
        request: how the hub is asked.
        schedule: when, by which DAG.
        turn: place among the datasets of the DAG, which are asked two at a time.
        cadence: distance between stamps, counted from midnight KST.
        retention: how far back the hub answers (an assumption where :attr:`assumptions` says so), None = without limit.
        placeholders: an unproduced stamp is answered with rows of sentinels for all stations.
        columns: every printed column after time and station, in the printed order.
        pair_columns: only with layout ``pairs``: code and count of the first pair, which the dataset's own table keeps.
        pair_table: only with layout ``pairs``: the table of all further pairs (tm_kst, stn, k, ww, nn).
        stamp: how times are printed on rows.
        row_end: what a row with commas ends in: ``=``, or ``,`` where nothing follows the last comma. Rows of blanks have no end.
        layout: ``columns`` (a fixed number of columns) or ``pairs`` (six fixed columns, then code/count pairs).
        header: ``exact`` where captures prove the name line: anything else is a changed format. ``by_name`` where no public capture
            exists: names are looked up, the order below is the fallback.
        young: so long after a stamp what is not there may still come.
        partitioned: whether its tables are cut by month on servers.
        for_good: False where ``kmaflow retention`` may take old months out of the database.
        latest: its part of ``v_latest``, None = none.
        assumptions / assumptions_ko: what is believed without a capture.
    """

    name: str
    ko: str
    en: str
    network: Network
    operation: str
    request: RequestForm
    schedule: Schedule
    cadence: timedelta
    retention: timedelta | None
    placeholders: bool
    columns: tuple[Column, ...]
    source: str
    turn: int = 1
    stamp: Stamp = TO_THE_MINUTE
    row_end: Literal["=", ","] = "="
    layout: Literal["columns", "pairs"] = "columns"
    header: Literal["exact", "by_name"] = "exact"
    pair_columns: tuple[Column, ...] = ()
    pair_table: str | None = None
    young: timedelta = 3 * HOUR
    partitioned: bool = False
    for_good: bool = True
    latest: Latest | None = None
    assumptions: tuple[str, ...] = ()
    assumptions_ko: tuple[str, ...] = ()
    notes_ko: tuple[str, ...] = ()
    notes_en: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.name.isidentifier() and self.name.isascii() and self.name.islower()):
            raise ValueError(f"{self.name!r} is no name of a table: lower-case letters, digits and _ are")
        if DAY % self.cadence:
            raise ValueError(f"{self.name}: stamps every {self.cadence} do not divide a day")
        if DAY % self.schedule.every or self.schedule.every % self.cadence:
            raise ValueError(f"{self.name}: a run every {self.schedule.every} holds no whole number of stamps")
        if isinstance(self.request.time, Single) and self.stamps_per_request > 1:
            raise ValueError(f"{self.name}: one stamp per request is asked for, so its stretches are one step long")

    @property
    def shown_latest(self) -> dict[str, str]:
        """Its columns of ``v_latest``: name in the view → own name."""
        if self.latest is None:
            return {}
        names = self.latest.columns or [column.name for column in self.values]
        return {f"{self.latest.prefix}{name}": name for name in names}

    @property
    def latency(self) -> timedelta:
        """How long after a stamp the hub has it."""
        return self.schedule.delay

    @property
    def stamps_per_request(self) -> int:
        """The most stamps that one request may ask for."""
        return max(self.request.all_stations, self.request.one_station) // self.cadence

    @property
    def completeness(self) -> timedelta:
        """The length of what ``completeness_hour`` counts in one row: an hour, or one stamp where these are further apart."""
        return max(HOUR, self.cadence)

    def given_since(self, now: datetime) -> datetime:
        """Up to this moment (naive KST, as ``now``) the hub has nothing any more: a third longer ago than it keeps, since both ages were only
        measured: 18 months back there were minutes, 24 months back there were none. ``datetime.min`` where it keeps everything.
        """
        return datetime.min if self.retention is None else floor_to(now - self.retention * 4 / 3, DAY)

    @property
    def lately(self) -> timedelta:
        """What counts as lately: a day, or two stamps and the delay where these lie further apart."""
        return max(DAY, 2 * self.cadence + self.latency)

    def asked(self, window: Window, stn: int | None) -> dict[str, str]:
        """The parameters of the request for the stamps of a window, for one station or (None) all; without the key.

        Raises:
            ValueError: the hub takes one stamp only, and the window holds several.
        """
        written = self.request.written or self.stamp
        last = floor_to(window.end, self.cadence)
        first = min(floor_to(window.start, self.cadence) + self.cadence, last)
        time = self.request.time
        if isinstance(time, Range):
            times = {time.first: written.printed(first), time.last: written.printed(last)}
        elif first == last:
            times = {time.name: written.printed(last)}
        else:
            raise ValueError(f"{self.name}: the hub gives one stamp per request, not {window}")
        return {**self.request.parameters, **times, "stn": str(stn or 0)}

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns of the table, in order, without time and station; of the pairs, the first."""
        return tuple(column for column in (*self.columns, *self.pair_columns) if column.stored)

    @property
    def values(self) -> tuple[Column, ...]:
        """The columns that decide whether a row is blank."""
        return tuple(column for column in (*self.columns, *self.pair_columns) if column.role == "value")

    def column(self, name: str) -> Column:
        """The column of that (lower-case) name.

        Raises:
            KeyError: the dataset has no such column.
        """
        for column in (*self.columns, *self.pair_columns):
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")


@dataclass(frozen=True, slots=True)
class ByteField:
    """One field of a station list: bytes ``start``–``end`` (1-based, both included; Korean letters take two bytes)."""

    name: str
    kma: str
    ko: str
    en: str
    kind: Kind
    unit: str
    start: int
    end: int | None
    source: str
    missing: tuple[str, ...] = ()
    missing_at_most: float | None = None
    header: str | None = None


@dataclass(frozen=True, slots=True)
class StationList:
    """One station list of ``stn_inf.php``.

    Attributes:
        network: ``AWS`` or ``SFC`` (ASOS); also the value of ``inf``.
        stations: about how many report at a time, for estimates before anything is known.
        since: the first year of observations.
        fields: byte fields in printed order.
        since_2026: fields that newer answers print behind the others.
    """

    network: Network
    ko: str
    en: str
    endpoint: str
    parameters: Mapping[str, str]
    stations: int
    since: int
    fields: tuple[ByteField, ...]
    since_2026: tuple[ByteField, ...]
    source: str
    notes_en: tuple[str, ...] = field(default=())
    notes_ko: tuple[str, ...] = field(default=())
