"""The service tables of 0.2.0."""

from __future__ import annotations

from alembic import op

from kmaflow.store.schema.migrations.steps import make
from kmaflow.store.schema.service import METADATA as TABLES

revision = "0008"
down_revision = None


def upgrade() -> None:
    """Make what is missing."""
    make(op.get_bind(), TABLES)
