"""The ledger names the run of Airflow that asked; the coverage of a day counts its hours."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kmaflow.store.coverage.recount import count_hours
from kmaflow.store.schema.migrations.steps import add_columns
from kmaflow.store.schema.service import COVERAGE_DAY, LEDGER

TABLES = sa.MetaData()
revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns, and count the hours of the days that have none."""
    connection = op.get_bind()
    add_columns(connection, LEDGER.name, LEDGER.c.dag_id, LEDGER.c.run_id)
    add_columns(connection, COVERAGE_DAY.name, COVERAGE_DAY.c.hours)
    count_hours(connection)
