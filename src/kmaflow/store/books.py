"""The service tables: those that keep the books beside the observations, and those of ``STATE_URL``."""

from __future__ import annotations

import sqlalchemy as sa

from kmaflow.catalog import STATION_LISTS
from kmaflow.store.types import ID, LONG_TEXT, MOMENT, ON_SERVERS, STAMP, TYPES

METADATA = sa.MetaData()

FETCH = sa.Table(
    "fetch",
    METADATA,
    sa.Column("id", ID, primary_key=True, autoincrement=True),
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
    sa.Column("selection", LONG_TEXT, nullable=False, comment="저장한 지점 / stations stored: all, or numbers"),
    sa.Column("message", LONG_TEXT, comment="거절·오류의 말 / words of the refusal"),
    sa.Column(
        "lacking",
        LONG_TEXT,
        comment="값이 있던 칸 가운데 이 응답에 없던 것 / stored cells that this answer left without",
    ),
    sa.Index("fetch_window", "dataset", "tm_to", "tm_from", "stn"),
    sa.Index("fetch_when", "fetched_at"),
    sqlite_autoincrement=True,
    **ON_SERVERS,
    comment="요청 장부 / ledger: one request and what became of it",
)

REVISION = sa.Table(
    "revision",
    METADATA,
    sa.Column("id", ID, primary_key=True, autoincrement=True),
    sa.Column("dataset", sa.String(32), nullable=False),
    sa.Column("tm_kst", STAMP, nullable=False),
    sa.Column("stn", sa.Integer, nullable=False),
    sa.Column("col", sa.String(32), nullable=False),
    sa.Column("old_value", sa.String(64)),
    sa.Column("new_value", sa.String(64)),
    sa.Column("old_fetch", ID, comment="NULL: 현천 둘째 쌍부터 / NULL for second and further present weather codes"),
    sa.Column("new_fetch", ID, nullable=False),
    sa.Column("cause", sa.String(8), nullable=False, comment="hub | parser"),
    sa.Column("changed_at", MOMENT, nullable=False, comment="새 값을 받은 시각 / fetched_at of the new value [KST]"),
    sa.Index("revision_cell", "dataset", "stn", "tm_kst"),
    sqlite_autoincrement=True,
    **ON_SERVERS,
    comment="값의 정정 이력 / values that the hub gave differently later",
)

REJECTED_LINE = sa.Table(
    "rejected_line",
    METADATA,
    sa.Column("id", ID, primary_key=True, autoincrement=True),
    sa.Column("fetch_id", ID, nullable=False, index=True),
    sa.Column("dataset", sa.String(32), nullable=False),
    sa.Column("tm_kst", STAMP),
    sa.Column("stn", sa.Integer),
    sa.Column("line", sa.Integer, nullable=False, comment="본문의 줄 번호 / line of the body"),
    sa.Column("text", LONG_TEXT, nullable=False),
    sa.Column("reason", LONG_TEXT, nullable=False),
    comment="읽을 수 없어 따로 둔 줄 / lines that are no rows, kept as they came",
    **ON_SERVERS,
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
    **ON_SERVERS,
)

STATION = sa.Table(
    "station",
    METADATA,
    sa.Column("network", sa.String(3), primary_key=True, comment="AWS | SFC(ASOS)"),
    sa.Column("stn", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("valid_from", MOMENT, primary_key=True, comment="이렇게 본 처음 / from when we saw it so [KST]"),
    sa.Column("valid_to", MOMENT, comment="이렇게 본 끝, NULL = 지금 / until when, NULL = now"),
    *(
        sa.Column(name, sa.String(128) if kind == "text" else TYPES[kind], comment=comment)
        for name, (kind, comment) in {
            field.name: (field.kind, f"{field.ko} / {field.en} [{field.unit}]")
            for stations in STATION_LISTS.values()
            for field in (*stations.fields, *stations.since_2026)
            if field.name != "stn"
        }.items()
    ),
    comment="지점 정보와 이력 / station metadata with history",
    **ON_SERVERS,
)

LATEST = sa.Table(
    "latest",
    METADATA,
    sa.Column("dataset", sa.String(32), primary_key=True),
    sa.Column("stn", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("tm_kst", STAMP, nullable=False, comment="값이 있는 마지막 시각 / last stamp with a value"),
    comment="지점별 마지막 관측 / last observation of each station",
    **ON_SERVERS,
)

OBSERVATION_SCHEMA = sa.Table(
    "observation_schema",
    METADATA,
    sa.Column("table_name", sa.String(64), primary_key=True),
    sa.Column("version", sa.String(16), nullable=False, comment="표 정의의 요약값 / digest of the table's description"),
    sa.Column("changed_at", MOMENT, nullable=False, comment="UTC"),
    comment="관측 표의 판 / version of each observation table",
    **ON_SERVERS,
)

#: The tables of ``STATE_URL``: what all workers of a key share.
STATE_METADATA = sa.MetaData()

API_USAGE = sa.Table(
    "api_usage",
    STATE_METADATA,
    sa.Column("key_id", sa.String(12), primary_key=True),
    sa.Column("day_kst", sa.String(10), primary_key=True),
    sa.Column("class", sa.String(16), primary_key=True, comment="live | repair | backfill"),
    sa.Column("calls", sa.Integer, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("reserved", sa.BigInteger, nullable=False, comment="아직 정산되지 않은 바이트 / bytes not settled yet"),
    comment="하루 호출 수와 용량 / calls and bytes of a key and day",
    **ON_SERVERS,
)

LEASE = sa.Table(
    "lease",
    STATE_METADATA,
    sa.Column("name", sa.String(128), primary_key=True, comment="무엇을 맡았는지 / what is being done"),
    sa.Column("owner", sa.String(128), nullable=False, comment="맡은 작업자 / who does it"),
    sa.Column("taken_at", MOMENT, nullable=False, comment="UTC, 서버 시계 / by the server's clock"),
    sa.Column("expires_at", MOMENT, nullable=False, comment="UTC, 서버 시계 / by the server's clock"),
    comment="작업 임대: 한 창은 한 작업자만 / one worker for one window",
    **ON_SERVERS,
)

#: Made by ``kmaflow init``; observation tables follow when their dataset is first loaded.
SERVICE_TABLES = (FETCH, REVISION, REJECTED_LINE, COMPLETENESS_HOUR, STATION, LATEST, OBSERVATION_SCHEMA)
STATE_TABLES = (API_USAGE, LEASE)
