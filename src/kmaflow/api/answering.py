"""What an assistant is told: small answers in plain words, with units, station and age; places by the names that people use."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from kmaflow.api.answers import iso, minutes
from kmaflow.api.reader import Reader
from kmaflow.catalog import dataset as described
from kmaflow.catalog.time import Window, parse_time
from kmaflow.errors import UsageError
from kmaflow.maintain.why import story
from kmaflow.read.latest import Value, at_place
from kmaflow.read.place import Found, Neighbour, found_place
from kmaflow.read.place import stations as search
from kmaflow.read.series import series
from kmaflow.read.units import signs
from kmaflow.store.coverage.gaps import gaps
from kmaflow.store.engines.database import reading
from kmaflow.store.stations import Station

#: What an answer holds at most: an assistant reads every word of it.
MOST_ROWS, MOST_STATIONS, MOST_GAPS = 200, 10, 50


class Answers:
    """The questions of an assistant."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def current_weather(self, place: str, elements: str | None = None) -> dict[str, Any]:
        """The weather at a place now."""
        found = found_place(self.reader.listing(), place)
        words = None if elements is None else elements.split(",")
        now = self.reader.clock()
        values = at_place(self.reader.store, found.place, words, units="people", now=now, known=self.reader.listing())
        return {"place": _resolved(found), "now_kst": iso(now), "values": [_told(one) for one in values]}

    def weather_series(self, place: str, elements: str, start: str, end: str, every: str = "1h") -> dict[str, Any]:
        """Values over time at a place."""
        found = found_place(self.reader.listing(), place)
        window = Window(parse_time(start), parse_time(end))
        asked = series(
            self.reader.store, "aws_minute", elements.split(","), window, near=found.place, every=every, units="people", known=self.reader.listing()
        )  # fmt: skip
        if asked.rows > MOST_ROWS:
            raise UsageError(
                f"{asked.rows} rows, at most {MOST_ROWS}",
                ko=f"{asked.rows}행입니다; {MOST_ROWS}행까지 됩니다",
                todo_en="ask for a shorter time or a longer period (10min, 1h, 1d)",
                todo_ko="시간을 줄이거나 간격을 늘리십시오(10min, 1h, 1d)",
            )
        rows = pl.concat([asked.empty(), *asked.frames()])
        stamps = rows.with_columns(pl.col("tm_kst").dt.strftime("%Y-%m-%d %H:%M"))
        used = {stn for name in asked.columns for stn in rows[f"{name}_stn"].drop_nulls()}
        return {
            "place": _resolved(found),
            "units": signs(asked.meanings, "people"),
            "meaning": {name: meaning.ko for name, meaning in asked.meanings.items()},
            "stations": [_station(one) for one in asked.around or () if one.station.stn in used],
            "rows": stamps.to_dicts(),
        }

    def find_station(self, text: str) -> dict[str, Any]:
        """Stations by number, name or address; or the nearest to ``lat,lon``."""
        listed = self.reader.listing()
        if "," in text:
            near = found_place(listed, text).place
            return {"stations": [_station(one) for one in listed.around(near)[:MOST_STATIONS]]}
        found = search(self.reader.store, text, known=listed)
        shown = [_listed(one.station if isinstance(one, Neighbour) else one) for one in found[:MOST_STATIONS]]
        if not shown:
            found_place(listed, text)
        return {"stations": shown, "total": len(found)}

    def what_is_missing(self, dataset: str, start: str, end: str) -> dict[str, Any]:
        """Stretches of time that are missing, and why."""
        kind, window = described(dataset), Window(parse_time(start), parse_time(end))
        with reading(self.reader.store.engine) as connection:
            found = gaps(connection, [kind.name], window, now=self.reader.clock(), start=self.reader.settings.start)
        return {
            "dataset": kind.name,
            "missing_cells": sum(gap.cells for gap in found),
            "gaps": [
                {
                    "from": _time(gap.window.start),
                    "to": _time(gap.window.end),
                    "state": gap.state,
                    "why": gap.why,
                    "cells": gap.cells,
                    "stations": "all" if gap.stations is None else len(gap.stations),
                }
                for gap in found[:MOST_GAPS]
            ],
            "more": max(0, len(found) - MOST_GAPS),
        }

    def why(self, dataset: str, station: str, time: str) -> dict[str, Any]:
        """The story of one cell."""
        kind, stamp = described(dataset), parse_time(time)
        found = found_place(self.reader.listing(), station).station
        if found is None:
            raise UsageError(
                f"{station!r} is not a station",
                ko=f"지점이 아닙니다: {station!r}",
                todo_en="give its number",
                todo_ko="지점번호를 쓰십시오",
            )
        if not self.reader.has(kind.name):
            raise UsageError(
                f"{kind.name} was never loaded",
                ko=f"받은 적이 없는 자료입니다: {kind.name}",
                todo_en="kmaflow collect loads it",
                todo_ko="kmaflow collect로 받으십시오",
            )
        told = story(self.reader.collector(), kind, found.stn, stamp)
        kept = ("dataset", "stn", "tm_kst", "state", "why_ko", "why_en", "values", "revisions")
        return {name: told[name] for name in kept}


def _told(one: Value) -> dict[str, Any]:
    seen = one.station
    return {
        "element": one.element.name,
        "ko": one.element.meaning.ko,
        "en": one.element.meaning.en,
        "value": one.value,
        "unit": one.unit,
        "station": None
        if seen is None
        else f"{seen.station.name_ko or seen.station.name_en or ''} {seen.station.stn}".strip(),
        "distance_km": None if seen is None else round(seen.distance_km, 1),
        "height_difference_m": None if seen is None else seen.height_difference_m,
        "tm_kst": iso(one.tm_kst),
        "age_minutes": minutes(one.age),
        **({"no_value_because": one.reason} if one.reason else {}),
        **({"note": one.note} if one.note else {}),
    }


def _resolved(found: Found) -> dict[str, Any]:
    return {
        "lat": found.place.lat,
        "lon": found.place.lon,
        "found_by": None if found.station is None else _listed(found.station),
        "other_matches": [f"{one.name_ko} {one.stn}" for one in found.others],
    }


def _listed(one: Station) -> dict[str, Any]:
    return {
        "stn": one.stn, "name_ko": one.name_ko, "name_en": one.name_en, "lat": one.lat, "lon": one.lon, "height_m": one.ht, "address": one.address,
    }  # fmt: skip


def _station(one: Neighbour) -> dict[str, Any]:
    return _listed(one.station) | {"distance_km": round(one.distance_km, 1)}


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
