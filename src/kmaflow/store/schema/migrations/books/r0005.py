"""The ledger says of each row what it is, and of a saved file which cells it holds; days of a ledger that never had them are counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kmaflow.catalog import DATASETS
from kmaflow.store.coverage.recount import recount
from kmaflow.store.schema.migrations.kinds import LONG_TEXT
from kmaflow.store.schema.migrations.steps import add_columns

revision = "0005"
down_revision = "0004"

TABLES = sa.MetaData()

_KIND = sa.Column(
    "kind",
    sa.String(8),
    nullable=False,
    server_default="request",
    comment="종류: request 응답, file 저장된 파일, event 사건, deferred 한도로 미룸 / an answer, a saved file, an event, not asked for the quota",
)
_HOLDS = sa.Column(
    "holds",
    LONG_TEXT,
    comment="파일이 가진 칸: 날짜 → 지점 → 분 / cells that a file holds: day, stations, minutes, JSON",
)
_FETCH = sa.table("fetch", *map(sa.column, ("kind", "outcome", "http_status", "key_id", "sha256")))
_COVERAGE = sa.table("coverage_day", sa.column("dataset"))


def upgrade() -> None:
    """Add the columns and tell the rows apart, which until now differed by what they lack."""
    connection = op.get_bind()
    add_columns("fetch", _KIND, _HOLDS)
    row = _FETCH.c
    unsent = row.http_status.is_(None)
    events = row.outcome.in_(("given_up", "retired", "rebuilding", "rebuilt", "abandoned"))
    deferred = unsent & row.outcome.in_(("quota", "no_free_call", "not_asked"))
    # Neither had a file a key, nor a status; the bytes it had.
    files = unsent & row.key_id.is_(None) & row.sha256.is_not(None)
    for kind, mine in (("event", events), ("deferred", deferred), ("file", files)):
        connection.execute(_FETCH.update().where(mine).values(kind=kind))
    # What was refused as an answer without rows has the name of a final state now.
    connection.execute(_FETCH.update().where(row.outcome == "empty").values(outcome="empty_answer"))
    for dataset in DATASETS:
        there = sa.select(_COVERAGE.c.dataset).where(_COVERAGE.c.dataset == dataset).limit(1)
        if connection.execute(there).first() is None:
            recount(connection, dataset)
