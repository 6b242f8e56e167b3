"""Calls at a time and calls per second are each process's own: what was shared of them goes. The usage of the day stays."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = sa.MetaData()

_LEASE = sa.table("lease", sa.column("name"))


def upgrade() -> None:
    """Drop the next call's moment and the places of calls under way; the kind of a call gets its name."""
    connection = op.get_bind()
    inspector = sa.inspect(connection)
    if any(column["name"] == "next_call_at" for column in inspector.get_columns("api_key_state")):
        connection.exec_driver_sql("ALTER TABLE api_key_state DROP COLUMN next_call_at")
    if any(column["name"] == "such" for column in inspector.get_columns("call_size")):
        connection.exec_driver_sql("ALTER TABLE call_size RENAME COLUMN such TO call_kind")
    connection.execute(_LEASE.delete().where(_LEASE.c.name.like("call %")))
