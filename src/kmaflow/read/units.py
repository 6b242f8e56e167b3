"""Units and names of what is read: as KMA prints them, SI, or what people say; and the sixteen directions in Korean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

import polars as pl

from kmaflow.errors import UsageError
from kmaflow.read.tables import Meaning

System = Literal["kma", "si", "people"]
Names = Literal["kma", "ko", "en", "cf"]

#: Every 22.5°, north first.
DIRECTIONS = (
    "북", "북북동", "북동", "동북동", "동", "동남동", "남동", "남남동", "남", "남남서", "남서", "서남서", "서", "서북서", "북서", "북북서",
)  # fmt: skip
CALM = "무풍"
#: The speed that belongs to each direction: calm is a speed of 0, whatever the direction says.
SPEED_OF: Mapping[str, str] = {"wd1": "ws1", "wds": "wss", "wd10": "ws10", "wd": "ws", "gst_wd": "gst_ws"}
#: Units as people write them, in KMA's own scale.
_SIGNS: Mapping[str, str] = {
    "1": "",
    "degree_Celsius": "°C",
    "degree": "°",
    "degree_north": "°",
    "degree_east": "°",
    "10 degree": "10°",
    "m s-1": "m/s",
    "mm h-1": "mm/h",
    "MJ m-2": "MJ/m²",
}
#: Digits that arithmetic may leave; KMA prints two at most.
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit, and how KMA's number becomes it: ``number * factor + offset``."""

    sign: str
    factor: float = 1.0
    offset: float = 0.0


_SI: Mapping[str, Unit] = {
    "degree_Celsius": Unit("K", 1, 273.15),
    "10 degree": Unit("degree", 10),
    "hPa": Unit("Pa", 100),
    "mm": Unit("m", 0.001),
    "mm h-1": Unit("m s-1", 0.001 / 3600),
    "cm": Unit("m", 0.01),
    "10 m": Unit("m", 10),
    "100 m": Unit("m", 100),
    "h": Unit("s", 3600),
    "MJ m-2": Unit("J m-2", 1_000_000),
    "%": Unit("1", 0.01),
    "1/8": Unit("1", 0.125),
    "1/10": Unit("1", 0.1),
}
_PEOPLE: Mapping[str, Unit] = {
    "degree_Celsius": Unit("°C"),
    "10 degree": Unit("°", 10),
    "degree": Unit("°"),
    "m s-1": Unit("m/s"),
    "mm h-1": Unit("mm/h"),
    "10 m": Unit("m", 10),
    "100 m": Unit("m", 100),
    "MJ m-2": Unit("MJ/m²"),
    "1": Unit(""),
}
_SYSTEMS: Mapping[System, Mapping[str, Unit]] = {"kma": {}, "si": _SI, "people": _PEOPLE}


def unit_of(unit: str, system: System) -> Unit:
    """The unit of a system for one of KMA's."""
    return _SYSTEMS[system].get(unit, Unit(unit))


def sign_of(unit: str) -> str:
    """A unit of KMA's as people write it."""
    return _SIGNS.get(unit, unit)


def is_direction(unit: str) -> bool:
    """Whether numbers of the unit are directions."""
    return unit in ("degree", "10 degree")


def converted(value: float, unit: str, system: System) -> float:
    """A number in KMA's unit as one of the system's."""
    into = unit_of(unit, system)
    if (into.factor, into.offset) == (1.0, 0.0):
        return value
    return round(value * into.factor + into.offset, _DIGITS)


def direction(degrees: float) -> str:
    """The nearest of the sixteen directions, in Korean: 0 and 360 are 북."""
    return DIRECTIONS[int((degrees + 11.25) // 22.5) % 16]


def system_named(name: str) -> System:
    """The system of units of that name.

    Raises:
        UsageError: there is none.
    """
    if name in get_args(System):
        return cast("System", name)
    raise _unknown("units", name, get_args(System))


def names_named(name: str) -> Names:
    """The way of naming of that name.

    Raises:
        UsageError: there is none.
    """
    if name in get_args(Names):
        return cast("Names", name)
    raise _unknown("names", name, get_args(Names))


def _unknown(what: str, name: str, valid: Iterable[str]) -> UsageError:
    listed = ", ".join(valid)
    return UsageError(
        f"there are no {what} {name!r}",
        ko=f"그런 값이 없습니다: {name!r}",
        todo_en=f"use {listed}",
        todo_ko=f"{listed} 가운데 하나",
    )


def in_units(frame: pl.DataFrame, columns: Mapping[str, Meaning], system: System) -> pl.DataFrame:
    """A frame whose columns named in ``columns`` are in the system's units.

    With ``people`` a direction is a word, and ``무풍`` where its speed, if that is a column too, is 0.
    """
    if system == "kma":
        return frame
    changed = []
    for name, meaning in columns.items():
        if name not in frame.columns or not frame.schema[name].is_numeric():
            continue
        into = unit_of(meaning.unit, system)
        number = pl.col(name)
        if (into.factor, into.offset) != (1.0, 0.0):
            number = (number * into.factor + into.offset).round(_DIGITS)
        if system == "people" and is_direction(meaning.unit):
            number = _words(number, SPEED_OF.get(name), frame)
        changed.append(number.alias(name))
    return frame.with_columns(changed)


def _words(degrees: pl.Expr, speed: str | None, frame: pl.DataFrame) -> pl.Expr:
    sector = ((degrees + 11.25) / 22.5).floor().cast(pl.Int64) % 16
    word = sector.replace_strict(dict(enumerate(DIRECTIONS)), return_dtype=pl.String, default=None)
    if speed is None or speed not in frame.columns:
        return word
    return pl.when(pl.col(speed) == 0).then(pl.lit(CALM)).otherwise(word)


def signs(columns: Mapping[str, Meaning], system: System) -> dict[str, str]:
    """The unit of each column in the system; directions of ``people`` are words."""
    return {
        name: "" if system == "people" and is_direction(meaning.unit) else unit_of(meaning.unit, system).sign
        for name, meaning in columns.items()
    }


def titles(columns: Mapping[str, Meaning], names: Names) -> dict[str, str]:
    """What each column is called: KMA's name, Korean, English, or CF's standard name.

    A name that several columns share is followed by KMA's; a column without a CF name keeps KMA's.
    """
    if names == "kma":
        return {name: name for name in columns}
    called = {name: getattr(meaning, names) or name for name, meaning in columns.items()}
    told = list(called.values())
    return {name: title if told.count(title) == 1 else f"{title} ({name})" for name, title in called.items()}
