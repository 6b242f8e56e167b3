"""The tables of ``STATE_URL`` of 0.2.0."""

from __future__ import annotations

from alembic import op

from kmaflow.store.schema.migrations.steps import make
from kmaflow.store.schema.service import STATE_METADATA as TABLES

revision = "0004"
down_revision = None


def upgrade() -> None:
    """Make what is missing."""
    make(op.get_bind(), TABLES)
