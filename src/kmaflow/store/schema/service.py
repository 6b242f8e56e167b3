"""The service tables: ledger, revisions, counts and stations beside the observations, and those of ``STATE_URL``."""

from __future__ import annotations

import sqlalchemy as sa

from kmaflow.catalog import STATION_LISTS
from kmaflow.store.engines.types import ID, LONG_TEXT, MOMENT, NUMBERED, ON_SERVERS, STAMP, TYPES, KeptText

METADATA = sa.MetaData()

LEDGER = sa.Table(
    "request",
    METADATA,
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
    sa.Column(
        "kind",
        sa.String(8),
        nullable=False,
        server_default="request",
        comment="종류: request 응답, file 저장된 파일, event 사건, deferred 한도로 미룸 / an answer, a saved file, an event, not asked for the quota",
    ),
    sa.Column("sha256", sa.String(64), comment="원문의 SHA-256 / of the body in the archive"),
    sa.Column("bytes", sa.BigInteger, nullable=False, comment="원문 크기 / size of the body [byte]"),
    sa.Column("row_count", sa.Integer, nullable=False, comment="저장 대상 행 수 / rows for the stations stored"),
    sa.Column("rejected", sa.Integer, nullable=False, comment="읽지 못한 줄 수 / lines that could not be read"),
    sa.Column(
        "parser_version", sa.Integer, nullable=False, comment="읽은 파서의 판 / version of the parser that read it"
    ),
    sa.Column("key_id", sa.String(12), comment="인증키 SHA-256의 앞 12자 / first 12 hex digits of the key's SHA-256"),
    sa.Column("selection", LONG_TEXT, nullable=False, comment="저장한 지점 / stations stored: all, or numbers"),
    sa.Column("message", KeptText, comment="거절·오류의 말 / words of the refusal"),
    sa.Column(
        "lacking",
        LONG_TEXT,
        comment="값이 있던 칸 가운데 이 응답에 없던 것 / stored cells that this answer left without",
    ),
    sa.Column(
        "holds",
        LONG_TEXT,
        comment="파일이 가진 칸: 날짜 → 지점 → 분 / cells that a file holds: day, stations, minutes, JSON",
    ),
    sa.Column("dag_id", sa.String(250), comment="요청한 Airflow DAG / DAG of Airflow that asked"),
    sa.Column("run_id", sa.String(250), comment="그 DAG의 실행 / its run"),
    sa.Index("request_window", "dataset", "tm_to", "tm_from", "stn"),
    sa.Index("request_when", "fetched_at"),
    sa.Index("request_outcome", "dataset", "outcome", "tm_to"),
    **ON_SERVERS | NUMBERED,
    comment="요청 장부 / ledger: one request and what became of it",
)

REVISION = sa.Table(
    "revision",
    METADATA,
    sa.Column("id", ID, primary_key=True, autoincrement=True, comment="번호 / number"),
    sa.Column("dataset", sa.String(32), nullable=False, comment="자료 / dataset"),
    sa.Column("tm_kst", STAMP, nullable=False, comment="관측시각 / stamp [KST]"),
    sa.Column("stn", sa.Integer, nullable=False, comment="지점번호 / station number"),
    sa.Column("col", sa.String(32), nullable=False, comment="열 / column"),
    sa.Column("old_value", sa.String(64), comment="앞의 값, NULL = 결측 / earlier value, NULL = missing"),
    sa.Column("new_value", sa.String(64), comment="뒤의 값, NULL = 결측 / later value, NULL = missing"),
    sa.Column("old_request", ID, comment="NULL: 현천 둘째 쌍부터 / NULL for second and further present weather codes"),
    sa.Column("new_request", ID, nullable=False, comment="뒤의 값을 준 요청 / request of the later value"),
    sa.Column("cause", sa.String(8), nullable=False, comment="까닭: hub 또는 parser / cause: hub or parser"),
    sa.Column("changed_at", MOMENT, nullable=False, comment="새 값을 받은 시각 / fetched_at of the new value [KST]"),
    sa.Index("revision_cell", "dataset", "stn", "tm_kst"),
    sa.Index("revision_when", "changed_at"),
    **ON_SERVERS | NUMBERED,
    comment="값의 정정 이력 / values that the hub gave differently later",
)

REJECTED_LINE = sa.Table(
    "rejected_line",
    METADATA,
    sa.Column("id", ID, primary_key=True, autoincrement=True, comment="번호 / number"),
    sa.Column("request_id", ID, nullable=False, index=True, comment="요청 / request"),
    sa.Column("dataset", sa.String(32), nullable=False, comment="자료 / dataset"),
    sa.Column("tm_kst", STAMP, comment="관측시각, 읽을 수 있었으면 / stamp, if it could be read [KST]"),
    sa.Column("stn", sa.Integer, comment="지점번호, 읽을 수 있었으면 / station number, if it could be read"),
    sa.Column("line", sa.Integer, nullable=False, comment="본문의 줄 번호 / line of the body"),
    sa.Column("text", KeptText, nullable=False, comment="온 그대로의 줄 / the line as it came"),
    sa.Column("reason", KeptText, nullable=False, comment="거절한 까닭 / why it is no row"),
    comment="읽을 수 없어 따로 둔 줄 / lines that are no rows, kept as they came",
    **ON_SERVERS,
)

COMPLETENESS_HOUR = sa.Table(
    "completeness_hour",
    METADATA,
    sa.Column("dataset", sa.String(32), primary_key=True, comment="자료 / dataset"),
    sa.Column("hour_kst", STAMP, primary_key=True, comment="시간 구간의 끝 / end of the hour (hour-1, hour]"),
    sa.Column("stn", sa.Integer, primary_key=True, autoincrement=False, comment="지점번호 / station number"),
    sa.Column("present", sa.Integer, nullable=False, comment="값이 있는 행 수 / rows with at least one value"),
    sa.Column("blank", sa.Integer, nullable=False, comment="결측부호뿐인 행 수 / rows of sentinels only"),
    sa.Index("completeness_hour_stn", "dataset", "stn", "hour_kst"),
    comment="시간별 행 수 / rows per station and hour",
    **ON_SERVERS,
)

COVERAGE_DAY = sa.Table(
    "coverage_day",
    METADATA,
    sa.Column("dataset", sa.String(32), primary_key=True, comment="자료 / dataset"),
    sa.Column("day_kst", sa.String(10), primary_key=True, comment="날짜 (00:00, 24:00] / the day"),
    sa.Column("answered", LONG_TEXT, nullable=False, comment="온전한 응답을 받은 분 / minutes answered wholly, JSON"),
    sa.Column("reported", LONG_TEXT, nullable=False, comment="행이 있는 지점 / stations with rows"),
    sa.Column("rejected", LONG_TEXT, comment="읽지 못한 칸 / cells whose line cannot be read, JSON"),
    sa.Column("present", sa.BigInteger, nullable=False, comment="값이 있는 행 수 / rows with at least one value"),
    sa.Column("blank", sa.BigInteger, nullable=False, comment="결측부호뿐인 행 수 / rows of sentinels only"),
    sa.Column("hours", LONG_TEXT, comment="시간별 present, 쉼표로 / present of each hour, by commas"),
    comment="자료·날짜별 수집 범위 / what is known of each dataset and day",
    **ON_SERVERS,
)

STATION = sa.Table(
    "station",
    METADATA,
    sa.Column(
        "network", sa.String(3), primary_key=True, comment="관측망: AWS 또는 SFC(ASOS) / network: AWS or SFC (ASOS)"
    ),
    sa.Column("stn", sa.Integer, primary_key=True, autoincrement=False, comment="지점번호 / station number"),
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
    sa.Column("dataset", sa.String(32), primary_key=True, comment="자료 / dataset"),
    sa.Column("stn", sa.Integer, primary_key=True, autoincrement=False, comment="지점번호 / station number"),
    sa.Column("tm_kst", STAMP, nullable=False, comment="값이 있는 마지막 시각 / last stamp with a value"),
    comment="지점별 마지막 관측 / last observation of each station",
    **ON_SERVERS,
)

API_TOKEN = sa.Table(
    "api_token",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True, comment="이름 / whose it is"),
    sa.Column("sha256", sa.String(64), nullable=False, comment="토큰의 SHA-256 / of the token, which stands nowhere"),
    sa.Column("per_minute", sa.Integer, nullable=False, comment="1분 요청 한도 / requests a minute, at most"),
    sa.Column("created_at", MOMENT, nullable=False, comment="만든 시각 / when it was made [KST]"),
    sa.Column("expires_at", MOMENT, comment="끝나는 시각, NULL = 없음 / until when, NULL = without end [KST]"),
    sa.Column("revoked_at", MOMENT, comment="취소한 시각 / when it was revoked [KST]"),
    sa.Index("api_token_sha256", "sha256"),
    comment="HTTP API의 토큰 / tokens of the HTTP API",
    **ON_SERVERS,
)

OBSERVATION_SCHEMA = sa.Table(
    "observation_schema",
    METADATA,
    sa.Column("table_name", sa.String(64), primary_key=True, comment="관측 표 / observation table"),
    sa.Column("version", sa.String(16), nullable=False, comment="표 정의의 요약값 / digest of the table's description"),
    sa.Column("changed_at", MOMENT, nullable=False, comment="바뀐 시각 / when it changed [UTC]"),
    comment="관측 표의 판 / version of each observation table",
    **ON_SERVERS,
)

#: The tables of ``STATE_URL``: what all workers of a key share.
STATE_METADATA = sa.MetaData()

API_USAGE = sa.Table(
    "api_usage",
    STATE_METADATA,
    sa.Column(
        "key_id",
        sa.String(12),
        primary_key=True,
        comment="인증키 SHA-256의 앞 12자 / first 12 hex digits of the key's SHA-256",
    ),
    sa.Column("day_kst", sa.String(10), primary_key=True, comment="날짜 / day [KST]"),
    sa.Column("class", sa.String(16), primary_key=True, comment="부류: live, repair, backfill / class of work"),
    sa.Column("calls", sa.Integer, nullable=False, comment="호출 수 / calls"),
    sa.Column("bytes", sa.BigInteger, nullable=False, comment="받은 바이트 / bytes"),
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

API_KEY_STATE = sa.Table(
    "api_key_state",
    STATE_METADATA,
    sa.Column("key_id", sa.String(12), primary_key=True),
    sa.Column("exhausted", sa.String(8), comment="calls | bytes: 다 쓴 한도 / what is used up"),
    sa.Column("exhausted_by", sa.String(8), comment="hub | ceiling: 누가 말했는지 / who says so"),
    sa.Column("exhausted_until", STAMP, comment="이때까지 요청하지 않음 / nobody asks until then [KST]"),
    comment="인증키의 상태: 예약은 이 행을 잠그고 한다 / state of a key; reservations lock this row",
    **ON_SERVERS,
)

CALL_SIZE = sa.Table(
    "call_size",
    STATE_METADATA,
    sa.Column("key_id", sa.String(12), primary_key=True),
    sa.Column("call_kind", sa.String(64), primary_key=True, comment="어떤 호출인지 / what such calls ask for"),
    sa.Column("bytes", sa.BigInteger, nullable=False, comment="가장 컸던 응답 / largest answer seen"),
    comment="호출 종류별 가장 큰 응답 / the largest answer to calls of one kind",
    **ON_SERVERS,
)

#: Made by ``kmaflow init``; observation tables follow when their dataset is first loaded.
SERVICE_TABLES = (
    LEDGER, REVISION, REJECTED_LINE, COMPLETENESS_HOUR, COVERAGE_DAY, STATION, LATEST, API_TOKEN, OBSERVATION_SCHEMA,
)  # fmt: skip
