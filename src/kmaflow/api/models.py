"""What the routes of the page answer. Times are KST without an offset (``2025-01-15T12:50:00``); an hour is named by its end; missing is null."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field

Number = float | None


class Hour(BaseModel):
    """How much of an hour is there."""

    hour: datetime
    share: Number = Field(description="values ÷ expected values; null where none is expected")


class DatasetNow(BaseModel):
    """One dataset now."""

    dataset: str
    name_ko: str
    name_en: str
    last: datetime | None = Field(description="last stamp with a value")
    lag_minutes: Number
    due_minutes: float = Field(description="a lag up to this is as it should be")
    state: Literal["ok", "late", "stopped", "never"]
    expected: int = Field(description="stations that reported within 7 days")
    reporting: int = Field(
        description="stations with a value of the last half hour (of hourly data: the last three hours)"
    )
    completeness: list[Hour]


class QuotaClass(BaseModel):
    """What a class of work has spent of the day."""

    name: Literal["live", "repair", "backfill"]
    calls: int
    bytes: int = Field(description="received and reserved")
    reserved_calls: int = Field(description="kept back for it until midnight (live data only)")


class Forecast(BaseModel):
    """The day's use at midnight, if nothing but live data is asked for from now on."""

    calls: int
    bytes: int
    enough: bool


class QuotaNow(BaseModel):
    """The quota of the key today."""

    day: date
    calls_limit: int
    bytes_limit: int
    classes: list[QuotaClass]
    forecast: Forecast
    exhausted: Literal["calls", "bytes"] | None
    until: datetime | None = Field(description="no calls are made until then")
    known: bool = Field(description="false where the state database cannot be read, or no call was ever made")


class Incident(BaseModel):
    """Something that is not as it should be."""

    kind: str
    dataset: str | None
    since: datetime | None
    until: datetime | None = Field(description="null: still so")
    count: int = Field(description="cells, of what is missing")
    cause: str = Field(description="in the language of Accept-Language, as next_step")
    next_step: str


class Running(BaseModel):
    """Work that a worker has taken."""

    kind: Literal["live", "repair", "backfill", "rebuild"]
    dataset: str | None
    from_: datetime | None = Field(serialization_alias="from")
    to: datetime | None
    since: datetime
    worker: str


class Next(BaseModel):
    """Work that is planned."""

    kind: Literal["live", "repair"]
    dataset: str
    from_: datetime = Field(serialization_alias="from")
    to: datetime
    at: datetime


class Overview(BaseModel):
    """``/v1/overview``."""

    now: datetime
    datasets: list[DatasetNow]
    quota: QuotaNow
    incidents: list[Incident]
    running: list[Running]
    next: list[Next]


class StationOfFrames(BaseModel):
    """A station on the map."""

    stn: int
    name: str | None
    name_en: str | None
    lat: Number
    lon: Number
    alt_m: Number
    network: str | None


class Frames(BaseModel):
    """``/v1/frames``: for each time a list with a value for each station, in the order of ``stations``."""

    dataset: str
    element: str
    name_ko: str
    name_en: str
    unit: str
    times: list[datetime]
    stations: list[StationOfFrames]
    values: list[list[Number]] | None = Field(description="null for wind")
    speed: list[list[Number]] | None = Field(description="of wind")
    direction: list[list[Number]] | None = Field(description="of wind, degrees; null in a calm")


class Revision(BaseModel):
    """A value that changed later."""

    dataset: str
    stn: int
    tm_kst: datetime
    tm_utc: datetime
    col: str
    old_value: float | str | None
    new_value: float | str | None
    cause: Literal["hub", "parser"]
    changed_at: datetime


class Revisions(BaseModel):
    """``/v1/revisions``, the newest first."""

    rows: list[Revision]
    more: bool = Field(description="there are more than limit")


class StationVersion(BaseModel):
    """How a list described a station for a while."""

    network: str
    valid_from: datetime
    valid_to: datetime | None
    name_ko: str | None
    name_en: str | None
    lat: Number
    lon: Number
    alt_m: Number
    address: str | None


class StationNeighbour(BaseModel):
    """A station near by."""

    stn: int
    name: str | None
    lat: float
    lon: float
    alt_m: Number
    distance_km: float


class ElementThere(BaseModel):
    """An element of a station, as far as the last days go."""

    dataset: str
    element: str
    name_ko: str
    name_en: str
    unit: str
    first: datetime
    last: datetime
    share: float = Field(description="of all stamps of the days looked at")


class DatasetThere(BaseModel):
    """A dataset of a station, over all time."""

    dataset: str
    first: datetime = Field(description="end of the first hour with a value")
    last: datetime | None
    present: int
    share: Number


class StationPage(BaseModel):
    """``/v1/station/{stn}``."""

    stn: int
    name_ko: str | None
    name_en: str | None
    networks: str
    lat: Number
    lon: Number
    alt_m: Number
    address: str | None
    history: list[StationVersion]
    neighbours: list[StationNeighbour]
    datasets: list[DatasetThere]
    elements: list[ElementThere]
    elements_from: datetime
    elements_to: datetime


class Hours(BaseModel):
    """Hours that follow one another."""

    first: datetime = Field(description="end of the first hour")
    count: int


class Year(BaseModel):
    """``/v1/completeness/year``: for each dataset a number for each hour; null where nothing is expected (of daily data: but at its stamps)."""

    datasets: list[str]
    hours: Hours
    share: dict[str, list[Number]]
    expected: dict[str, list[int | None]]


class StateOfCell(BaseModel):
    """A state, as ``runs`` number it."""

    id: int
    state: str
    label_ko: str
    label_en: str
    missing: bool = Field(description="counts as missing: gaps and repair")


class RunsOfStation(BaseModel):
    """A station's cells: [index of the first stamp, how many, id of the state] …"""

    stn: int
    name: str | None
    runs: list[tuple[int, int, int]]


class Day(BaseModel):
    """``/v1/completeness/day``."""

    dataset: str
    day: date
    interval_minutes: int
    stamps: list[datetime]
    states: list[StateOfCell]
    stations: list[RunsOfStation]


class Waiting(BaseModel):
    """What could be asked for now, and is not yet."""

    kind: Literal["live", "repair"]
    dataset: str
    from_: datetime = Field(serialization_alias="from")
    to: datetime
    cells: int
    waits_for: Literal["worker", "quota"]


class BackfillNow(BaseModel):
    """A backfill that somebody began and that is not complete."""

    datasets: list[str]
    from_: datetime = Field(serialization_alias="from")
    to: datetime
    stations: str
    since: datetime
    running: bool
    done_share: float = Field(description="part of the expected cells that need not be asked for any more")
    calls_left: int
    days_left: Number = Field(description="days of quota, beside live data; null: live data leave nothing")
    until: datetime | None


class RepairNow(BaseModel):
    """A stretch that is missing, and when it is asked for again."""

    dataset: str
    from_: datetime = Field(serialization_alias="from")
    to: datetime
    stations: list[int] | Literal["all"]
    cells: int
    state: str
    cause: str
    error: str | None
    next_try: datetime | None
    waits_for: Literal["turn", "time", "quota", "person", "nothing"]


class Work(BaseModel):
    """``/v1/work``."""

    now: datetime
    running: list[Running]
    waiting: list[Waiting]
    planned: list[Next]
    backfills: list[BackfillNow]
    repairs: list[RepairNow]


class PriceOfDataset(BaseModel):
    """The price of one dataset."""

    dataset: str
    from_: datetime = Field(serialization_alias="from")
    to: datetime
    calls: int
    bytes: int
    rows: int
    already_there: int
    not_kept_by_hub: int


class Price(BaseModel):
    """``/v1/price``: what a backfill would cost."""

    stations: str
    calls: int
    bytes: int
    rows: int = Field(
        description="cells that would be asked for; where nobody knows the stations, as many as the network has"
    )
    days_of_quota: Number = Field(description="beside live data; null: live data leave nothing")
    already_there: int = Field(description="rows of the window that are stored")
    not_kept_by_hub: int = Field(description="missing cells that are older than what the hub keeps")
    datasets: list[PriceOfDataset]
