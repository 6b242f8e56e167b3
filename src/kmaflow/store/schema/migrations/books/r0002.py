"""The last stamp of every station, so that freshness needs no look at the observations; the versions of the observation tables; the ledger's
windows are found without reading its rows.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kmaflow.store.schema.migrations.kinds import MOMENT, ON_SERVERS, STAMP
from kmaflow.store.schema.migrations.steps import make, replace_index

revision = "0002"
down_revision = "0001"

TABLES = sa.MetaData()

_LATEST = sa.Table(
    "latest",
    TABLES,
    sa.Column("dataset", sa.String(32), primary_key=True, comment="자료 / dataset"),
    sa.Column("stn", sa.Integer, primary_key=True, autoincrement=False, comment="지점번호 / station number"),
    sa.Column("tm_kst", STAMP, nullable=False, comment="값이 있는 마지막 시각 / last stamp with a value"),
    comment="지점별 마지막 관측 / last observation of each station",
    **ON_SERVERS,
)
sa.Table(
    "observation_schema",
    TABLES,
    sa.Column("table_name", sa.String(64), primary_key=True, comment="관측 표 / observation table"),
    sa.Column("version", sa.String(16), nullable=False, comment="표 정의의 요약값 / digest of the table's description"),
    sa.Column("changed_at", MOMENT, nullable=False, comment="바뀐 시각 / when it changed [UTC]"),
    comment="관측 표의 판 / version of each observation table",
    **ON_SERVERS,
)

_FETCH_WINDOW = sa.Index("fetch_window", "dataset", "tm_to", "tm_from", "stn")
sa.Table(
    "fetch",
    sa.MetaData(),
    *(sa.Column(name, sa.String(32)) for name in ("dataset", "tm_to", "tm_from", "stn")),
    _FETCH_WINDOW,
)

#: The observation tables of 0.1.0 and the columns of which one must have a value in a row that is not blank.
_VALUES = {
    "aws_minute": "wd1 ws1 wds wss wd10 ws10 ta re rn_15m rn_60m rn_12h rn_day hm pa ps td",
    "aws_cloud": "ch_low ch_mid ch_top ca_tot",
    "aws_visibility": "vis1 vis10 ww1 ww15",
    "aws_ground_temperature": "ta hm td tg ts te005 te01 te02 te03 te05 te10 te15 te30 te50 pa ps",
    "aws_present_weather": "ww1",
    "asos_hourly": (
        "wd ws gst_wd gst_ws gst_tm pa ps pt pr ta td hm pv rn rn_day rn_jun rn_int sd_hr3 sd_day sd_tot wc wp ww ca_tot ca_mid ch_min ct ct_top "
        "ct_mid ct_low vs ss si st_gd ts te_005 te_01 te_02 te_03 st_sea wh bf ir ix"
    ),
}


def upgrade() -> None:
    """Make the tables, fill ``latest`` from the observations that are there, and let the ledger's index hold the windows' starts."""
    connection = op.get_bind()
    make(connection, TABLES)
    replace_index(connection, _FETCH_WINDOW)
    inspector = sa.inspect(connection)
    connection.execute(_LATEST.delete())
    for name, values in _VALUES.items():
        if inspector.has_table(name):
            found = sa.table(name, sa.column("stn"), sa.column("tm_kst"), *map(sa.column, values.split()))
            valued = sa.or_(*(found.c[value].is_not(None) for value in values.split()))
            last = (
                sa.select(sa.literal(name), found.c.stn, sa.func.max(found.c.tm_kst))
                .where(valued)
                .group_by(found.c.stn)
            )
            connection.execute(_LATEST.insert().from_select(["dataset", "stn", "tm_kst"], last))
