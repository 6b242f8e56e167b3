"""``v_latest``: the newest row with values of every station in every dataset, one row per station.

The stamps come from the small table ``latest``, which every load keeps; each observation table is then asked for one key per station.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from kmaflow.catalog import DATASETS
from kmaflow.store.engines.words import Words
from kmaflow.store.schema.service import LATEST, STATION
from kmaflow.store.views.definition import View, ViewColumn


@dataclass(frozen=True, slots=True)
class _Part:
    """What the view takes from one dataset: columns in order, and what stands before the stamp's and the columns' names."""

    dataset: str
    stamp: str
    names: tuple[str, ...]
    prefix: str = ""


# Printed as stored, never averaged: CH 7620 is "nothing below 7620 m", VIS 50000 a ceiling, CA_TOT 9 no amount, RN-DAY 0.0 no measurement
# where there is no gauge. ta, hm, td, pa and ps of the ground dataset are those of aws_minute once more.
_PARTS = (
    _Part("aws_minute", "", tuple(column.name for column in DATASETS["aws_minute"].values)),
    _Part("aws_cloud", "cloud_", ("ch_low", "ch_mid", "ch_top", "ca_tot")),
    _Part("aws_visibility", "vis_", ("vis1", "vis10", "ww1", "ww15")),
    _Part(
        "aws_ground_temperature",
        "ground_",
        ("tg", "ts", "te005", "te01", "te02", "te03", "te05", "te10", "te15", "te30", "te50"),
    ),
    _Part("aws_present_weather", "weather_", ("ww1", "nn1"), prefix="weather_"),
    _Part(
        "asos_hourly",
        "asos_",
        tuple(
            "wd ws gst_wd gst_ws pa ps ta td hm rn rn_day ir sd_tot wc ww ca_tot ch_min vs ss si ts".split()  # noqa: SIM905
        ),
        prefix="asos_",
    ),
)
#: ASOS prints these in tens or hundreds of the unit that people use; the view converts.
_SCALES = {"10 degree": (10, "degree"), "10 m": (10, "m"), "100 m": (100, "m")}
#: What the catalogue's words do not say here, or say of the unit that is converted.
_WORDS = {
    "rn_day": ("일 누적 강수량, 우량계가 없어도 0.0", "rain since 00:00 KST, 0.0 even without a gauge"),
    "ch_low": ("하층 운고, 7620 = 그 아래 구름 없음", "base of the lowest cloud layer, 7620 = nothing below that"),
    "ch_mid": ("중층 운고, 7620 = 없음", "base of the second cloud layer, 7620 = none"),
    "ch_top": ("상층 운고(밑면), 7620 = 없음", "base of the third cloud layer, 7620 = none"),
    "ca_tot": ("전운량, 9 = 하늘을 볼 수 없음(운량이 아님)", "total cloud amount, 9 = sky obscured: no amount"),
    "vis1": ("1분 평균 시정, 50000 = 50 km 이상", "1-minute mean visibility, 50000 = 50 km or more"),
    "asos_wd": ("풍향, 무풍은 asos_ws = 0", "wind direction, calm is asos_ws = 0"),
    "asos_gst_wd": ("돌풍향", "gust direction"),
    "asos_ch_min": ("최저운고", "height of the lowest cloud base"),
    "asos_vs": ("시정", "visibility"),
}
_STATION = ("stn_ko", "stn_en", "lat", "lon", "ht")


def latest_view(words: Words, there: Set[str]) -> View:
    """The view over the observation tables that are there; the columns of the others are NULL, so that its shape never changes."""
    columns = [ViewColumn("stn", "s.stn", "지점번호 / station number [1]")]
    columns += [ViewColumn(name, f"v.{name}", STATION.c[name].comment or "") for name in _STATION]
    columns.append(ViewColumn("networks", "v.networks", "속한 지점 목록 / lists that have the number [1]"))
    # A station may report without being in any list: its names are NULL then.
    joins = [f"(SELECT DISTINCT stn FROM {LATEST.name}) s", "LEFT JOIN v_station v ON v.stn = s.stn"]
    for number, part in enumerate(_PARTS, 1):
        stamp, row = f"l{number}", f"o{number}"
        joins.append(f"LEFT JOIN {LATEST.name} {stamp} ON {stamp}.dataset = '{part.dataset}' AND {stamp}.stn = s.stn")
        if part.dataset in there:
            joins.append(_newest_row(words, part, stamp, row))
        columns += _columns_of(words, part, stamp, row if part.dataset in there else None)
    return View(
        name="v_latest",
        comment="지점별 최신 관측 / newest values of each station",
        needs=frozenset({LATEST.name, STATION.name}),
        columns=tuple(columns),
        source="\n  ".join(joins),
    )


def _newest_row(words: Words, part: _Part, stamp: str, row: str) -> str:
    if words.lateral:
        # LIMIT keeps PostgreSQL from reading whole partitions for a hash join: one look into one partition's index for each station.
        names = ", ".join(part.names)
        return (
            f"LEFT JOIN LATERAL (SELECT {names} FROM {part.dataset} r WHERE r.tm_kst = {stamp}.tm_kst AND r.stn = {stamp}.stn LIMIT 1) "
            f"{row} ON TRUE"
        )
    return f"LEFT JOIN {part.dataset} {row} ON {row}.tm_kst = {stamp}.tm_kst AND {row}.stn = {stamp}.stn"


def _columns_of(words: Words, part: _Part, stamp: str, row: str | None) -> list[ViewColumn]:
    dataset = DATASETS[part.dataset]
    ko, en = f"최신 시각: {dataset.ko}", f"newest stamp, {dataset.en}"
    columns = [
        ViewColumn(f"{part.stamp}tm_kst", f"{stamp}.tm_kst", f"{ko} / {en} [KST]"),
        ViewColumn(f"{part.stamp}tm_utc", words.utc(f"{stamp}.tm_kst"), f"{ko} / {en} [UTC]"),
    ]
    for name in part.names:
        column, shown = dataset.column(name), f"{part.prefix}{name}"
        factor, unit = _SCALES.get(column.unit, (1, column.unit))
        sql = f"{row}.{name}" if row else words.nothing(column.kind)
        if row and factor != 1:
            sql = f"{sql} * {factor}"
        ko, en = _WORDS.get(shown, (column.ko, column.en))
        columns.append(ViewColumn(shown, sql, f"{ko} / {en} [{unit}]"))
    return columns
