"""The views that can be read like datasets: hours and days made of AWS minutes, and the newest row of each station."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from kmaflow.catalog import DATASETS, named
from kmaflow.catalog.time import ANY_TIME, DAY, HOUR, Window
from kmaflow.errors import UsageError
from kmaflow.read.tables import Meaning, Subject, subjects
from kmaflow.store import views as stored
from kmaflow.store.engines.base import engines
from kmaflow.store.schema.observations import OBSERVATIONS
from kmaflow.store.schema.service import COMPLETENESS_HOUR, LATEST, STATION
from kmaflow.store.views.definition import View

_COMMENT = re.compile(r"(?P<ko>.*?) / (?P<en>.*?)(?: \[(?P<unit>.+)\])?")
#: How far apart a view's stamps are; None = one row for each station, whatever its time.
_PERIODS = {"v_hourly": HOUR, "v_daily": DAY, "v_latest": None}


@cache
def views() -> Mapping[str, Subject]:
    """The views by name."""
    there = {*OBSERVATIONS, LATEST.name, STATION.name, COMPLETENESS_HOUR.name}
    # Names and comments are the same on every engine.
    written = {view.name: view for view in stored.definitions(engines()[0].words, there)}
    return {name: _subject(written[name]) for name in _PERIODS}


def readable(name: str) -> Subject:
    """The dataset or view of that name.

    Raises:
        UsageError: there is none; the nearest names and all names are in the advice.
    """
    known = {**subjects(), **views()}
    (found,) = named([name], known)
    return known[found]


def window_of(what: Subject, start: datetime | None, end: datetime | None) -> Window:
    """The window that is asked for; :data:`kmaflow.catalog.time.ANY_TIME` for what is one row for each station.

    Raises:
        UsageError: it needs a window, or has none.
    """
    if what.cadence is not None:
        if start is not None and end is not None:
            return Window(start, end)
        raise UsageError(
            f"{what.name} is read for a window",
            ko=f"{what.name}: 구간을 정해서 읽습니다",
            todo_en="give --from and --to (in Python: start and end)",
            todo_ko="--from과 --to를 쓰십시오(Python: start와 end)",
        )
    if start is None and end is None:
        return ANY_TIME
    raise UsageError(
        f"{what.name} is the newest row of each station, without a window",
        ko=f"{what.name}: 지점별 최신 관측이며 구간이 없습니다",
        todo_en="leave out --from and --to (in Python: start and end)",
        todo_ko="--from과 --to를 빼십시오(Python: start와 end)",
    )


def _subject(view: View) -> Subject:
    keys = ("stn",) if _PERIODS[view.name] is None else ("tm_kst", "stn")
    meanings = {column.name: _meaning(column.name, column.comment) for column in view.columns}
    # The keys come first, as they do in a dataset.
    meanings = {name: meanings[name] for name in dict.fromkeys([*keys, *meanings])}
    columns = [sa.Column(name, _type(view, one), primary_key=name in keys) for name, one in meanings.items()]
    table = sa.Table(view.name, sa.MetaData(), *columns)
    ko, en = view.comment.split(" / ")
    return Subject(view.name, ko, en, DATASETS["aws_minute"], table, meanings, _PERIODS[view.name], view=True)


def _meaning(name: str, comment: str) -> Meaning:
    found = _COMMENT.fullmatch(comment)
    assert found is not None, comment
    unit = found["unit"] if found["unit"] not in (None, "KST", "UTC") else ""
    return Meaning(name, found["ko"], found["en"], unit)


def _type(view: View, one: Meaning) -> sa.types.TypeEngine[Any]:
    kinds = _kinds_of_latest() if view.name == "v_latest" else {}
    if one.name == "day":
        return sa.Date()
    if one.name.endswith(("tm_kst", "tm_utc")):
        return sa.DateTime()
    if one.name == "stn" or one.unit == "min" or kinds.get(one.name) == "int":
        return sa.Integer()
    return sa.String() if kinds.get(one.name) == "text" else sa.Double()


@cache
def _kinds_of_latest() -> Mapping[str, str]:
    shown = {
        name: dataset.column(column).kind
        for dataset in DATASETS.values()
        if dataset.latest
        for name, column in dataset.shown_latest.items()
    }
    return shown | dict.fromkeys(("stn_ko", "stn_en", "networks"), "text")
