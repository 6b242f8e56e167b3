"""The weather now at a place that somebody names: values with station, distance and age, and whether it rains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kmaflow.catalog.time import MINUTE, now_kst
from kmaflow.read.latest import Value, at_place
from kmaflow.read.place import Found, Place, found_place, listing
from kmaflow.read.units import sign_of
from kmaflow.store import Store

#: What is shown where nobody says what.
USUAL = ("ta", "td", "hm", "ws10", "wd10", "wss", "rn_15m", "rn_60m", "rn_day", "ps", "vis1", "ca_tot")
#: What tells whether it rains. The hourly table is too old for that.
_RAIN = ("re", "ww1", "aws_present_weather.ww1", "rn_15m")
#: WMO 4680: from 40 on something falls, but for thunder alone and what does not say.
_FALLING, _DRY_THUNDER, _UNSAID = range(40, 100), (91, 94), (90, 99)
_NOW = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Now:
    """The weather at a place.

    Attributes:
        found: the place.
        at: the moment, naive KST.
        values: one for each element.
        raining: whether rain or snow falls; None where nobody near enough says.
        told_by: the value that says so.
    """

    found: Found
    at: datetime
    values: Sequence[Value]
    raining: bool | None
    told_by: Value | None

    def as_json(self) -> dict[str, Any]:
        """Plain values: ``values`` by element, each with its station, distance and age, or with the reason why there is none."""
        place, station = self.found.place, self.found.station
        return {
            "place": {
                "lat": place.lat,
                "lon": place.lon,
                "height_m": place.height,
                "name_ko": station and station.name_ko,
            },
            "now_kst": f"{self.at:%Y-%m-%d %H:%M}",
            "raining": self.raining,
            "raining_from": None
            if self.told_by is None
            else {"element": self.told_by.element.name, **_told(self.told_by)},
            "values": {one.element.name: _told(one) for one in self.values},
        }


def weather_now(
    store: Store, place: str | Place, elements: Iterable[str] | None = None, *, now: datetime | None = None
) -> Now:
    """The weather at a place, in KMA's units.

    Whether it rains is said by the nearest rain detector (``re``) or present weather sensor (``ww1``) within 10 km that has spoken in the last half
    hour; without one, a gauge that has caught rain in the last 15 minutes says yes, and nobody says no.

    Args:
        place: a position; or a station's name or number, part of an address, ``"37.5,127.0"``.
        elements: as :func:`kmaflow.read.latest.at_place`.

    Raises:
        UsageError: no such place or element; the nearest names are in the advice.
        StoreError: the database cannot be read.
    """
    known = listing(store)
    found = Found(place, None) if isinstance(place, Place) else found_place(known, place)
    at = now or now_kst()
    values = at_place(store, found.place, USUAL if elements is None else elements, units="kma", now=at, known=known)
    rain = at_place(store, found.place, _RAIN, units="kma", max_age=_NOW, now=at, known=known)
    told_by = min(
        (one for one in rain if _says(one) is not None),
        key=lambda one: (one.element.name == "rn_15m", one.station.distance_km if one.station else 0.0),
        default=None,
    )
    return Now(found, at, values, None if told_by is None else _says(told_by), told_by)


def _says(one: Value) -> bool | None:
    """Whether it rains, by one value."""
    value = one.value
    if value is None or isinstance(value, str):
        return None
    if one.element.name == "re":
        return value != 0
    if one.element.name == "rn_15m":
        return True if value > 0 else None
    if value in _UNSAID:
        return None
    return value in _FALLING and value not in _DRY_THUNDER


def _told(one: Value) -> dict[str, Any]:
    station = one.station
    return {
        "value": one.value,
        "unit": sign_of(one.unit),
        "stn": station and station.station.stn,
        "name_ko": station and station.station.name_ko,
        "distance_km": station and round(station.distance_km, 1),
        "tm_kst": one.tm_kst and f"{one.tm_kst:%Y-%m-%d %H:%M}",
        "age_minutes": None if one.age is None else round(one.age / MINUTE, 1),
        "reason": one.reason,
        "note": one.note,
    }
