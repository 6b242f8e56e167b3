"""The service tables as released in 0.1.0, which knew SQLite only: on servers this is where the history begins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kmaflow.store.schema.migrations.kinds import ID, LONG_TEXT, MOMENT, ON_SERVERS, STAMP
from kmaflow.store.schema.migrations.steps import make

revision = "0001"
down_revision = None

TABLES = sa.MetaData()

sa.Table(
    "fetch",
    TABLES,
    sa.Column("id", ID, primary_key=True, autoincrement=True, comment="번호 / number"),
    sa.Column(
        "dataset",
        sa.String(32),
        nullable=False,
        comment="자료, 또는 station_AWS·station_SFC / dataset, or a station list",
    ),
    sa.Column("stn", sa.Integer, nullable=False, comment="요청한 지점, 0 = 전체 / station asked, 0 = all"),
    sa.Column("tm_from", STAMP, comment="창의 시작(제외) / start of the window, excluded"),
    sa.Column("tm_to", STAMP, comment="창의 끝(포함) / end of the window, included"),
    sa.Column("fetched_at", MOMENT, nullable=False, comment="받은 시각 / when the answer had come [KST]"),
    sa.Column("http_status", sa.Integer, comment="HTTP 상태 / HTTP status"),
    sa.Column(
        "outcome",
        sa.String(32),
        nullable=False,
        comment="결과: ok, partial, unchanged, 또는 오류 이름 / ok, partial, unchanged, or the error's code",
    ),
    sa.Column("sha256", sa.String(64), comment="원문의 SHA-256 / of the body in the archive"),
    sa.Column("bytes", sa.BigInteger, nullable=False, comment="원문 크기 / size of the body [byte]"),
    sa.Column("rows", sa.Integer, nullable=False, comment="저장 대상 행 수 / rows for the stations stored"),
    sa.Column("rejected", sa.Integer, nullable=False, comment="읽지 못한 줄 수 / lines that could not be read"),
    sa.Column(
        "parser_version", sa.Integer, nullable=False, comment="읽은 파서의 판 / version of the parser that read it"
    ),
    sa.Column("key_id", sa.String(12), comment="인증키 SHA-256의 앞 12자 / first 12 hex digits of the key's SHA-256"),
    sa.Column("selection", LONG_TEXT, nullable=False, comment="저장한 지점 / stations stored: all, or numbers"),
    sa.Column("message", LONG_TEXT, comment="거절·오류의 말 / words of the refusal"),
    sa.Column(
        "lacking",
        LONG_TEXT,
        comment="값이 있던 칸 가운데 이 응답에 없던 것 / stored cells that this answer left without",
    ),
    sa.Index("fetch_window", "dataset", "tm_to", "stn"),
    sa.Index("fetch_when", "fetched_at"),
    sqlite_autoincrement=True,
    comment="요청 장부 / ledger: one request and what became of it",
    **ON_SERVERS,
)
sa.Table(
    "revision",
    TABLES,
    sa.Column("id", ID, primary_key=True, autoincrement=True, comment="번호 / number"),
    sa.Column("dataset", sa.String(32), nullable=False, comment="자료 / dataset"),
    sa.Column("tm_kst", STAMP, nullable=False, comment="관측시각 / stamp [KST]"),
    sa.Column("stn", sa.Integer, nullable=False, comment="지점번호 / station number"),
    sa.Column("col", sa.String(32), nullable=False, comment="열 / column"),
    sa.Column("old_value", sa.String(64), comment="앞의 값, NULL = 결측 / earlier value, NULL = missing"),
    sa.Column("new_value", sa.String(64), comment="뒤의 값, NULL = 결측 / later value, NULL = missing"),
    sa.Column("old_fetch", ID, comment="NULL: 현천 둘째 쌍부터 / NULL for second and further present weather codes"),
    sa.Column("new_fetch", ID, nullable=False, comment="뒤의 값을 준 요청 / fetch of the later value"),
    sa.Column("cause", sa.String(8), nullable=False, comment="까닭: hub 또는 parser / cause: hub or parser"),
    sa.Column("changed_at", MOMENT, nullable=False, comment="새 값을 받은 시각 / fetched_at of the new value [KST]"),
    sa.Index("revision_cell", "dataset", "stn", "tm_kst"),
    sqlite_autoincrement=True,
    comment="값의 정정 이력 / values that the hub gave differently later",
    **ON_SERVERS,
)
sa.Table(
    "rejected_line",
    TABLES,
    sa.Column("id", ID, primary_key=True, autoincrement=True, comment="번호 / number"),
    sa.Column("fetch_id", ID, nullable=False, comment="요청 / fetch"),
    sa.Column("dataset", sa.String(32), nullable=False, comment="자료 / dataset"),
    sa.Column("tm_kst", STAMP, comment="관측시각, 읽을 수 있었으면 / stamp, if it could be read [KST]"),
    sa.Column("stn", sa.Integer, comment="지점번호, 읽을 수 있었으면 / station number, if it could be read"),
    sa.Column("line", sa.Integer, nullable=False, comment="본문의 줄 번호 / line of the body"),
    sa.Column("text", LONG_TEXT, nullable=False, comment="온 그대로의 줄 / the line as it came"),
    sa.Column("reason", LONG_TEXT, nullable=False, comment="거절한 까닭 / why it is no row"),
    sa.Index("ix_rejected_line_fetch_id", "fetch_id"),
    comment="읽을 수 없어 따로 둔 줄 / lines that are no rows, kept as they came",
    **ON_SERVERS,
)
sa.Table(
    "completeness_hour",
    TABLES,
    sa.Column("dataset", sa.String(32), primary_key=True, comment="자료 / dataset"),
    sa.Column("hour_kst", STAMP, primary_key=True, comment="시간 구간의 끝 / end of the hour (hour-1, hour]"),
    sa.Column("stn", sa.Integer, primary_key=True, autoincrement=False, comment="지점번호 / station number"),
    sa.Column("present", sa.Integer, nullable=False, comment="값이 있는 행 수 / rows with at least one value"),
    sa.Column("blank", sa.Integer, nullable=False, comment="결측부호뿐인 행 수 / rows of sentinels only"),
    comment="시간별 행 수 / rows per station and hour",
    **ON_SERVERS,
)
sa.Table(
    "station",
    TABLES,
    sa.Column(
        "network", sa.String(3), primary_key=True, comment="관측망: AWS 또는 SFC(ASOS) / network: AWS or SFC (ASOS)"
    ),
    sa.Column("stn", sa.Integer, primary_key=True, autoincrement=False, comment="지점번호 / station number"),
    sa.Column("valid_from", MOMENT, primary_key=True, comment="이렇게 본 처음 / from when we saw it so [KST]"),
    sa.Column("valid_to", MOMENT, comment="이렇게 본 끝, NULL = 지금 / until when, NULL = now"),
    sa.Column("lon", sa.Double, comment="경도 / longitude [degree_east]"),
    sa.Column("lat", sa.Double, comment="위도 / latitude [degree_north]"),
    sa.Column("stn_sp", sa.String(128), comment="지점 특성코드 / code of the station's properties [1]"),
    sa.Column("ht", sa.Double, comment="노장 해발고도 / height of the observing field above sea level [m]"),
    sa.Column("ht_pa", sa.Double, comment="기압계 해발고도 / height of the barometer above sea level [m]"),
    sa.Column("ht_ta", sa.Double, comment="온도계 지상높이 / height of the thermometer above ground [m]"),
    sa.Column("ht_wd", sa.Double, comment="풍향·풍속계 지상높이 / height of the anemometer above ground [m]"),
    sa.Column("ht_rn", sa.Double, comment="우량계 지상높이 / height of the rain gauge above ground [m]"),
    sa.Column("stn_ad", sa.Integer, comment="관리관서번호 / number of the office in charge [1]"),
    sa.Column("stn_ko", sa.String(128), comment="지점명(한글) / name in Korean [1]"),
    sa.Column("stn_en", sa.String(128), comment="지점명(영문) / name in English [1]"),
    sa.Column("fct_id", sa.String(128), comment="예보구역코드 / code of the forecast zone [1]"),
    sa.Column("law_id", sa.String(128), comment="법정동코드 / code of the legal district [1]"),
    sa.Column("basin", sa.String(128), comment="수계코드 / code of the river basin [1]"),
    sa.Column("law_addr", sa.String(128), comment="법정동 주소 / address [1]"),
    sa.Column("lau_id", sa.Integer, comment="지자체코드 / code of the local government [1]"),
    comment="지점 정보와 이력 / station metadata with history",
    **ON_SERVERS,
)


def upgrade() -> None:
    """Make the tables, or take over those of 0.1.0."""
    make(op.get_bind(), TABLES)
