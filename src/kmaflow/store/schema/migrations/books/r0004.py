"""What was corrected since a moment is found without reading all corrections."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kmaflow.store.schema.migrations.steps import replace_index

revision = "0004"
down_revision = "0003"

TABLES = sa.MetaData()

_REVISION_WHEN = sa.Index("revision_when", "changed_at")
sa.Table("revision", sa.MetaData(), sa.Column("changed_at", sa.String(32)), _REVISION_WHEN)


def upgrade() -> None:
    """Make the index."""
    replace_index(op.get_bind(), _REVISION_WHEN)
