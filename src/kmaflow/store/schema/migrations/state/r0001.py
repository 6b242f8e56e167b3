"""The quota's books as released in 0.1.0, which knew SQLite only: on servers this is where the history begins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kmaflow.store.schema.migrations.kinds import ON_SERVERS
from kmaflow.store.schema.migrations.steps import make

revision = "0001"
down_revision = None

TABLES = sa.MetaData()

sa.Table(
    "api_usage",
    TABLES,
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


def upgrade() -> None:
    """Make the table, or take over that of 0.1.0."""
    make(op.get_bind(), TABLES)
