"""``v_latest``: the newest row with values of every station in every dataset, one row per station.

Each dataset says which of its columns are shown (``Dataset.latest``). They are shown as stored, never averaged: CH 7620 is "nothing below 7620 m",
VIS 50000 a ceiling, CA_TOT 9 no amount, RN-DAY 0.0 no measurement where there is no gauge.

The stamps come from the small table ``latest``, which every load keeps; each observation table is then asked for one key per station.
"""

from __future__ import annotations

from collections.abc import Set

from kmaflow.catalog import DATASETS
from kmaflow.catalog.model import Dataset, Latest
from kmaflow.store.engines.words import Words
from kmaflow.store.schema.service import LATEST, STATION
from kmaflow.store.views.definition import View, ViewColumn

#: ASOS prints these in tens or hundreds of the unit that people use; the view converts.
_SCALES = {"10 degree": (10, "degree"), "10 m": (10, "m"), "100 m": (100, "m")}
_STATION = ("stn_ko", "stn_en", "lat", "lon", "ht")


def latest_view(words: Words, there: Set[str]) -> View:
    """The view over the observation tables that are there; the columns of the others are NULL, so that its shape never changes."""
    columns = [ViewColumn("stn", "s.stn", "지점번호 / station number [1]")]
    columns += [ViewColumn(name, f"v.{name}", STATION.c[name].comment or "") for name in _STATION]
    columns.append(ViewColumn("networks", "v.networks", "속한 지점 목록 / lists that have the number [1]"))
    # A station may report without being in any list: its names are NULL then.
    joins = [f"(SELECT DISTINCT stn FROM {LATEST.name}) s", "LEFT JOIN v_station v ON v.stn = s.stn"]
    shown = ((dataset, dataset.latest) for dataset in DATASETS.values() if dataset.latest)
    for number, (dataset, part) in enumerate(shown, 1):
        stamp, row = f"l{number}", f"o{number}"
        joins.append(f"LEFT JOIN {LATEST.name} {stamp} ON {stamp}.dataset = '{dataset.name}' AND {stamp}.stn = s.stn")
        if dataset.name in there:
            joins.append(_newest_row(words, dataset, stamp, row))
        columns += _columns_of(words, dataset, part, stamp, row if dataset.name in there else None)
    return View(
        name="v_latest",
        comment="지점별 최신 관측 / newest values of each station",
        needs=frozenset({LATEST.name, STATION.name}),
        columns=tuple(columns),
        source="\n  ".join(joins),
    )


def _newest_row(words: Words, dataset: Dataset, stamp: str, row: str) -> str:
    if words.lateral:
        # LIMIT keeps PostgreSQL from reading whole partitions for a hash join: one look into one partition's index for each station.
        names = ", ".join(dataset.shown_latest.values())
        return (
            f"LEFT JOIN LATERAL (SELECT {names} FROM {dataset.name} r WHERE r.tm_kst = {stamp}.tm_kst AND r.stn = {stamp}.stn LIMIT 1) "
            f"{row} ON TRUE"
        )
    return f"LEFT JOIN {dataset.name} {row} ON {row}.tm_kst = {stamp}.tm_kst AND {row}.stn = {stamp}.stn"


def _columns_of(words: Words, dataset: Dataset, part: Latest, stamp: str, row: str | None) -> list[ViewColumn]:
    ko, en = f"최신 시각: {dataset.ko}", f"newest stamp, {dataset.en}"
    columns = [
        ViewColumn(f"{part.stamp}tm_kst", f"{stamp}.tm_kst", f"{ko} / {en} [KST]"),
        ViewColumn(f"{part.stamp}tm_utc", words.utc(f"{stamp}.tm_kst"), f"{ko} / {en} [UTC]"),
    ]
    for shown, name in dataset.shown_latest.items():
        column = dataset.column(name)
        factor, unit = _SCALES.get(column.unit, (1, column.unit))
        sql = f"{row}.{name}" if row else words.nothing(column.kind)
        if row and factor != 1:
            sql = f"{sql} * {factor}"
        ko, en = part.words.get(name, (column.ko, column.en))
        columns.append(ViewColumn(shown, sql, f"{ko} / {en} [{unit}]"))
    return columns
