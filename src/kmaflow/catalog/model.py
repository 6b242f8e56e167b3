"""The words in which the catalogue describes what KMA publishes: plain data, nothing of ours imported but time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

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
class Asking:
    """How one endpoint is asked.

    Attributes:
        endpoint: path below the hub URL (``/api/typ01``).
        parameters: sent with every call.
        all_stations: longest stretch of stamps, first to last plus one step, that may be asked for all stations at once.
        one_station: the same for one station.
        station_list: whether ``stn=a:b`` works (only on the php endpoints).
    """

    endpoint: str
    parameters: Mapping[str, str]
    all_stations: timedelta
    one_station: timedelta
    station_list: bool


@dataclass(frozen=True, slots=True)
class Dataset:
    """One kind of observation, described once: tables, parser, checks and docs are made from this.

    Attributes:
        name: our name and the table's.
        columns: every printed column after time and station, in the printed order.
        pair_columns: only with layout ``pairs``: code and count of the first pair, which the dataset's own table keeps.
        pair_table: only with layout ``pairs``: the table of all further pairs (tm_kst, stn, k, ww, nn).
        layout: ``columns`` (a fixed number of columns) or ``pairs`` (six fixed columns, then code/count pairs).
        header: ``exact`` where captures prove the name line: anything else is a changed format. ``by_name`` where no public capture
            exists: names are looked up, the order below is the fallback.
        cadence: distance between stamps.
        latency: how long after a stamp the hub has it.
        retention: how far back the hub answers, None = without limit.
        placeholders: an unproduced stamp is answered with rows of sentinels for all stations.
        assumptions / assumptions_ko: what is believed without a capture.
        operation: the name under which 활용신청 is made.
    """

    name: str
    ko: str
    en: str
    network: Network
    operation: str
    asking: Asking
    cadence: timedelta
    latency: timedelta
    retention: timedelta | None
    placeholders: bool
    columns: tuple[Column, ...]
    source: str
    layout: Literal["columns", "pairs"] = "columns"
    header: Literal["exact", "by_name"] = "exact"
    pair_columns: tuple[Column, ...] = ()
    pair_table: str | None = None
    assumptions: tuple[str, ...] = ()
    assumptions_ko: tuple[str, ...] = ()
    notes_ko: tuple[str, ...] = ()
    notes_en: tuple[str, ...] = ()

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
        fields: byte fields in printed order.
        since_2026: fields that newer answers print behind the others.
    """

    network: Network
    ko: str
    en: str
    endpoint: str
    parameters: Mapping[str, str]
    fields: tuple[ByteField, ...]
    since_2026: tuple[ByteField, ...]
    source: str
    notes_en: tuple[str, ...] = field(default=())
    notes_ko: tuple[str, ...] = field(default=())
