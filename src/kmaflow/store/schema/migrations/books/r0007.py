"""Tokens of the HTTP API."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kmaflow.store.schema.migrations.kinds import MOMENT, ON_SERVERS
from kmaflow.store.schema.migrations.steps import make

revision = "0007"
down_revision = "0006"

TABLES = sa.MetaData()

sa.Table(
    "api_token",
    TABLES,
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


def upgrade() -> None:
    """Make the table."""
    make(op.get_bind(), TABLES)
