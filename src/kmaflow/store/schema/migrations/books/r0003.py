"""One row for each dataset and day that says what is known of it, so that gaps of years are found in a moment; indexes of what went wrong, and of
one station's hours."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kmaflow.store.schema.migrations.kinds import LONG_TEXT, ON_SERVERS
from kmaflow.store.schema.migrations.steps import make, replace_index

revision = "0003"
down_revision = "0002"

TABLES = sa.MetaData()

sa.Table(
    "coverage_day",
    TABLES,
    sa.Column("dataset", sa.String(32), primary_key=True, comment="자료 / dataset"),
    sa.Column("day_kst", sa.String(10), primary_key=True, comment="날짜 (00:00, 24:00] / the day"),
    sa.Column("answered", LONG_TEXT, nullable=False, comment="온전한 응답을 받은 분 / minutes answered wholly, JSON"),
    sa.Column("reported", LONG_TEXT, nullable=False, comment="행이 있는 지점 / stations with rows"),
    sa.Column("rejected", LONG_TEXT, comment="읽지 못한 칸 / cells whose line cannot be read, JSON"),
    sa.Column("present", sa.BigInteger, nullable=False, comment="값이 있는 행 수 / rows with at least one value"),
    sa.Column("blank", sa.BigInteger, nullable=False, comment="결측부호뿐인 행 수 / rows of sentinels only"),
    comment="자료·날짜별 수집 범위 / what is known of each dataset and day",
    **ON_SERVERS,
)

#: What went wrong; and one station over years.
_INDEXES = {
    "fetch": sa.Index("fetch_outcome", "dataset", "outcome", "tm_to"),
    "completeness_hour": sa.Index("completeness_hour_stn", "dataset", "stn", "hour_kst"),
}
_OTHERS = sa.MetaData()
for _name, _index in _INDEXES.items():
    sa.Table(_name, _OTHERS, *(sa.Column(str(column), sa.String(32)) for column in _index.expressions), _index)


def upgrade() -> None:
    """Make the table; 0005 fills it."""
    connection = op.get_bind()
    make(connection, TABLES)
    for index in _INDEXES.values():
        replace_index(connection, index)
