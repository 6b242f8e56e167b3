"""Station metadata with history: a row lives from when we saw the station so until we saw it otherwise.

A list that closes many stations at once is more likely a short answer than the truth: it is held until a second one agrees.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from math import asin, cos, radians, sin, sqrt

import sqlalchemy as sa

from kmaflow.hub.station_list import ParsedStations
from kmaflow.store.schema.service import STATION

#: A list that closes more than this share of the stations, and at least so many, is held.
_SHARE, _AT_LEAST = 0.05, 10
#: So much later a second list must have come: what is wrong with the hub now is wrong in every answer of the hour.
_LATER = timedelta(hours=12)
EARTH_KM = 6371.0088


@dataclass(frozen=True, slots=True)
class StationChanges:
    """How a station list differed from what was known: numbers of stations."""

    added: int = 0
    changed: int = 0
    closed: int = 0
    total: int = 0
    #: How many it would close; nothing is changed then.
    held: int = 0

    def __add__(self, other: StationChanges) -> StationChanges:
        return StationChanges(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class Station:
    """One current station: number, network(s), names and position (degrees, metres above sea level)."""

    stn: int
    networks: str
    name_ko: str | None
    name_en: str | None
    lon: float | None
    lat: float | None
    ht: float | None
    address: str | None

    def distance_km(self, lat: float, lon: float) -> float | None:
        """Great-circle distance in km, None without a position."""
        if self.lat is None or self.lon is None:
            return None
        a, b = radians(self.lat), radians(lat)
        half = sin((b - a) / 2) ** 2 + cos(a) * cos(b) * sin(radians(lon - self.lon) / 2) ** 2
        return 2 * EARTH_KM * asin(sqrt(half))


def missing_from(connection: sa.Connection, parsed: ParsedStations) -> tuple[frozenset[int], int]:
    """The stations that a list would close, and how many there are now. A line that cannot be read may be any of them: then none."""
    table = STATION.c
    current = sa.select(table.stn).where(table.network == parsed.network, table.valid_to.is_(None))
    known = set(connection.execute(current).scalars())
    return frozenset() if parsed.rejected else frozenset(known - set(parsed.rows["stn"])), len(known)


def is_doubtful(missing: frozenset[int], known: int, seen_at: datetime, held: Iterable[tuple[datetime, str]]) -> bool:
    """Whether a list that closes these stations has to wait for a second one.

    Args:
        held: earlier lists that wait, with the numbers of the stations that each lacks, joined by commas.
    """
    most = max(_AT_LEAST - 1, int(known * _SHARE))
    if len(missing) <= most:
        return False
    agreeing = (set(map(int, numbers.split(","))) for at, numbers in held if seen_at - at >= _LATER)
    return not any(len(missing - earlier) <= most for earlier in agreeing)


def sync(connection: sa.Connection, parsed: ParsedStations, seen_at: datetime) -> StationChanges:
    """Bring ``station`` to what a list says now (``seen_at``, naive KST), inside the caller's transaction."""
    table = STATION.c
    details = [
        column.name for column in STATION.columns if column.name not in {"network", "stn", "valid_from", "valid_to"}
    ]
    current = sa.select(STATION).where(table.network == parsed.network, table.valid_to.is_(None))
    known = {row.stn: row for row in connection.execute(current)}
    listed = {row["stn"]: row for row in parsed.rows.iter_rows(named=True)}
    added = changed = closed = 0
    for stn in sorted(known.keys() | listed.keys()):
        old, new = known.get(stn), listed.get(stn)
        if old is not None:
            # A detail that this form of the list does not print (LAW_ADDR) says nothing about the station.
            if new is not None and all(getattr(old, name) == new.get(name, getattr(old, name)) for name in details):
                continue
            if new is None and parsed.rejected:
                # One of the unreadable lines may be this station's.
                continue
            ended = (table.network == parsed.network) & (table.stn == stn) & table.valid_to.is_(None)
            if old.valid_from == seen_at:
                # Two lists of one moment: the one loaded last counts, and no history of no duration is made.
                connection.execute(STATION.delete().where(ended))
            else:
                connection.execute(STATION.update().where(ended).values(valid_to=seen_at))
        if new is None:
            closed += 1
            continue
        values = {name: new[name] for name in details if name in new}
        if old is None:
            added += 1
        else:
            changed += 1
            values |= {name: getattr(old, name) for name in details if name not in new}
        connection.execute(
            STATION.insert().values(network=parsed.network, stn=stn, valid_from=seen_at, valid_to=None, **values)
        )
    return StationChanges(added, changed, closed, len(listed))


def current(connection: sa.Connection) -> list[Station]:
    """The stations listed now, by number; numbers of both networks once."""
    found = connection.execute(
        sa.text("SELECT stn, networks, stn_ko, stn_en, lon, lat, ht, law_addr FROM v_station ORDER BY stn")
    )
    return [Station(*row) for row in found]
