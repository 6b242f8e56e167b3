"""The tables: observation tables made from the catalogue, and those that keep the books.

Times are naive KST. On SQLite they are text ``YYYY-MM-DD HH:MM:SS`` (``fetched_at`` and ``changed_at`` with microseconds, so that two
fetches of one second keep their order). Numbers are DOUBLE, or INTEGER where KMA prints integers; missing is NULL.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from kmaflow.catalog import DATASETS, STATION_LISTS
from kmaflow.catalog.model import Dataset, Kind

METADATA = sa.MetaData()

#: A stamp: to the second, as text on SQLite.
STAMP = sa.DateTime().with_variant(
    sqlite.DATETIME(  # type: ignore[no-untyped-call]
        storage_format="%(year)04d-%(month)02d-%(day)02d %(hour)02d:%(minute)02d:%(second)02d",
        regexp=r"(\d+)-(\d+)-(\d+) (\d+):(\d+):(\d+)",
    ),
    "sqlite",
)
#: A moment: to the microsecond.
MOMENT = sa.DateTime()
_TYPES: dict[Kind, Any] = {
    "float": sa.Double(),
    "int": sa.Integer(),
    "text": sa.String(32),
}
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _observation_table(dataset: Dataset) -> sa.Table:
    columns = [
        sa.Column(
            column.name,
            _TYPES[column.kind],
            nullable=True,
            comment=f"{column.ko} / {column.en} [{column.unit}]",
        )
        for column in dataset.stored
    ]
    return sa.Table(
        dataset.name,
        METADATA,
        sa.Column(
            "tm_kst", STAMP, primary_key=True, comment="관측시각, 관측 구간의 끝 / stamp, end of the period [KST]"
        ),
        sa.Column("stn", sa.Integer, primary_key=True, autoincrement=False, comment="지점번호 / station number"),
        *columns,
        sa.Column(
            "fetch_id", _ID, nullable=False, comment="이 행을 마지막으로 바꾼 요청 / fetch that last changed the row"
        ),
        comment=f"{dataset.ko} / {dataset.en}",
    )


OBSERVATIONS: dict[str, sa.Table] = {name: _observation_table(dataset) for name, dataset in DATASETS.items()}

PRESENT_WEATHER_CODE = sa.Table(
    "aws_present_weather_code",
    METADATA,
    sa.Column("tm_kst", STAMP, primary_key=True),
    sa.Column("stn", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("k", sa.Integer, primary_key=True, autoincrement=False, comment="몇째 쌍(2부터) / which pair, from 2"),
    sa.Column("ww", sa.Integer, comment="현천코드 / present weather code (WMO 4680)"),
    sa.Column("nn", sa.Integer, comment="그 코드의 분 수 / minutes with that code"),
    comment="현천 둘째 쌍부터 / present weather, second and further pairs",
)

FETCH = sa.Table(
    "fetch",
    METADATA,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("dataset", sa.String(32), nullable=False),
    sa.Column("stn", sa.Integer, nullable=False, comment="요청한 지점, 0 = 전체 / station asked, 0 = all"),
    sa.Column("tm_from", STAMP, comment="창의 시작(제외) / start of the window, excluded"),
    sa.Column("tm_to", STAMP, comment="창의 끝(포함) / end of the window, included"),
    sa.Column("fetched_at", MOMENT, nullable=False, comment="받은 시각 / when the answer had come [KST]"),
    sa.Column("http_status", sa.Integer),
    sa.Column("outcome", sa.String(32), nullable=False, comment="ok, partial, unchanged, or the error's code"),
    sa.Column("sha256", sa.String(64)),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("rejected", sa.Integer, nullable=False),
    sa.Column("parser_version", sa.Integer, nullable=False),
    sa.Column("key_id", sa.String(12)),
    sa.Column("selection", sa.Text, nullable=False, comment="저장한 지점 / stations stored: all, or numbers"),
    sa.Column("message", sa.Text, comment="거절·오류의 말 / words of the refusal"),
    sa.Column(
        "lacking", sa.Text, comment="값이 있던 칸 가운데 이 응답에 없던 것 / stored cells that this answer left without"
    ),
    sa.Index("fetch_window", "dataset", "tm_to", "stn"),
    sa.Index("fetch_when", "fetched_at"),
    sqlite_autoincrement=True,
    comment="요청 장부 / ledger: one request and what became of it",
)

REVISION = sa.Table(
    "revision",
    METADATA,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("dataset", sa.String(32), nullable=False),
    sa.Column("tm_kst", STAMP, nullable=False),
    sa.Column("stn", sa.Integer, nullable=False),
    sa.Column("col", sa.String(32), nullable=False),
    sa.Column("old_value", sa.String(64)),
    sa.Column("new_value", sa.String(64)),
    sa.Column("old_fetch", _ID, comment="NULL: 현천 둘째 쌍부터 / NULL for second and further present weather codes"),
    sa.Column("new_fetch", _ID, nullable=False),
    sa.Column("cause", sa.String(8), nullable=False, comment="hub | parser"),
    sa.Column("changed_at", MOMENT, nullable=False, comment="새 값을 받은 시각 / fetched_at of the new value [KST]"),
    sa.Index("revision_cell", "dataset", "stn", "tm_kst"),
    sqlite_autoincrement=True,
    comment="값의 정정 이력 / values that the hub gave differently later",
)

REJECTED_LINE = sa.Table(
    "rejected_line",
    METADATA,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("fetch_id", _ID, nullable=False, index=True),
    sa.Column("dataset", sa.String(32), nullable=False),
    sa.Column("tm_kst", STAMP),
    sa.Column("stn", sa.Integer),
    sa.Column("line", sa.Integer, nullable=False, comment="본문의 줄 번호 / line of the body"),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    comment="읽을 수 없어 따로 둔 줄 / lines that are no rows, kept as they came",
)

COMPLETENESS_HOUR = sa.Table(
    "completeness_hour",
    METADATA,
    sa.Column("dataset", sa.String(32), primary_key=True),
    sa.Column("hour_kst", STAMP, primary_key=True, comment="시간 구간의 끝 / end of the hour (hour-1, hour]"),
    sa.Column("stn", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("present", sa.Integer, nullable=False, comment="값이 있는 행 수 / rows with at least one value"),
    sa.Column("blank", sa.Integer, nullable=False, comment="결측부호뿐인 행 수 / rows of sentinels only"),
    comment="시간별 행 수 / rows per station and hour",
)

API_USAGE = sa.Table(
    "api_usage",
    METADATA,
    sa.Column("key_id", sa.String(12), primary_key=True),
    sa.Column("day_kst", sa.String(10), primary_key=True),
    sa.Column("class", sa.String(16), primary_key=True, comment="live | repair | backfill"),
    sa.Column("calls", sa.Integer, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("reserved", sa.BigInteger, nullable=False, comment="아직 정산되지 않은 바이트 / bytes not settled yet"),
    comment="하루 호출 수와 용량 / calls and bytes of a key and day",
)

STATION = sa.Table(
    "station",
    METADATA,
    sa.Column("network", sa.String(3), primary_key=True, comment="AWS | SFC(ASOS)"),
    sa.Column("stn", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("valid_from", MOMENT, primary_key=True, comment="이렇게 본 처음 / from when we saw it so [KST]"),
    sa.Column("valid_to", MOMENT, comment="이렇게 본 끝, NULL = 지금 / until when, NULL = now"),
    *(
        sa.Column(name, sa.String(128) if kind == "text" else _TYPES[kind], comment=comment)
        for name, (kind, comment) in {
            field.name: (field.kind, f"{field.ko} / {field.en} [{field.unit}]")
            for stations in STATION_LISTS.values()
            for field in (*stations.fields, *stations.since_2026)
            if field.name != "stn"
        }.items()
    ),
    comment="지점 정보와 이력 / station metadata with history",
)

#: Made by ``kmaflow init``; observation tables follow when their dataset is first loaded.
SERVICE_TABLES = (FETCH, REVISION, REJECTED_LINE, COMPLETENESS_HOUR, API_USAGE, STATION)

#: One current row per station number: 97 numbers are in both lists; the ASOS row knows the barometer's height and is preferred.
V_STATION = """
CREATE VIEW v_station AS
SELECT s.*, CASE WHEN (SELECT COUNT(*) FROM station b WHERE b.stn = s.stn AND b.valid_to IS NULL) > 1
            THEN 'AWS,SFC' ELSE s.network END AS networks
FROM station s
WHERE s.valid_to IS NULL
  AND (s.network = 'SFC' OR NOT EXISTS (
        SELECT 1 FROM station o WHERE o.stn = s.stn AND o.network = 'SFC' AND o.valid_to IS NULL))
"""


@cache
def tables_of(dataset: str) -> tuple[sa.Table, ...]:
    """The observation tables of one dataset."""
    pair_table = DATASETS[dataset].pair_table
    return (OBSERVATIONS[dataset],) + ((METADATA.tables[pair_table],) if pair_table else ())
