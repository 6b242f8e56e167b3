"""What workers that share a key need besides: leases, the state of each key, and how large answers are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kmaflow.store.schema.migrations.kinds import MOMENT, ON_SERVERS, STAMP
from kmaflow.store.schema.migrations.steps import make

revision = "0002"
down_revision = "0001"

TABLES = sa.MetaData()

sa.Table(
    "lease",
    TABLES,
    sa.Column("name", sa.String(128), primary_key=True, comment="무엇을 맡았는지 / what is being done"),
    sa.Column("owner", sa.String(128), nullable=False, comment="맡은 작업자 / who does it"),
    sa.Column("taken_at", MOMENT, nullable=False, comment="UTC, 서버 시계 / by the server's clock"),
    sa.Column("expires_at", MOMENT, nullable=False, comment="UTC, 서버 시계 / by the server's clock"),
    comment="작업 임대: 한 창은 한 작업자만 / one worker for one window",
    **ON_SERVERS,
)
sa.Table(
    "api_key_state",
    TABLES,
    sa.Column("key_id", sa.String(12), primary_key=True),
    sa.Column(
        "next_call_at", MOMENT, nullable=False, comment="UTC, 서버 시계: 다음 호출 / earliest next call, server's clock"
    ),
    sa.Column("exhausted", sa.String(8), comment="calls | bytes: 다 쓴 한도 / what is used up"),
    sa.Column("exhausted_by", sa.String(8), comment="hub | ceiling: 누가 말했는지 / who says so"),
    sa.Column("exhausted_until", STAMP, comment="이때까지 요청하지 않음 / nobody asks until then [KST]"),
    comment="인증키의 상태: 예약은 이 행을 잠그고 한다 / state of a key; reservations lock this row",
    **ON_SERVERS,
)
sa.Table(
    "call_size",
    TABLES,
    sa.Column("key_id", sa.String(12), primary_key=True),
    sa.Column("such", sa.String(64), primary_key=True, comment="어떤 호출인지 / what such calls ask for"),
    sa.Column("bytes", sa.BigInteger, nullable=False, comment="가장 컸던 응답 / largest answer seen"),
    comment="호출 종류별 가장 큰 응답 / the largest answer to calls of one kind",
    **ON_SERVERS,
)


def upgrade() -> None:
    """Make the tables."""
    make(op.get_bind(), TABLES)
