"""What saved files were once believed to answer is taken back: they prove the cells whose rows they brought, and the days are counted anew.

Until now a file counted as the whole answer to everything between its first row and its last.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Sequence
from datetime import date, datetime

import polars as pl
import sqlalchemy as sa
from alembic import op

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, MINUTE
from kmaflow.store.coverage.held import encoded, held_cells
from kmaflow.store.coverage.recount import recount

log = logging.getLogger(__name__)

revision = "0006"
down_revision = "0005"

TABLES = sa.MetaData()

_TIME = sa.DateTime()
_FETCH = sa.table(
    "fetch",
    *(sa.column(name, _TIME) for name in ("tm_from", "tm_to")),
    *map(sa.column, ("id", "dataset", "stn", "outcome", "sha256", "kind", "holds")),
)
_COVERAGE = sa.table("coverage_day", sa.column("dataset"), sa.column("day_kst"))


def upgrade() -> None:
    """Note what each file holds, and count its days anew. Observations are only read."""
    connection = op.get_bind()
    inspector = sa.inspect(connection)
    for dataset in DATASETS:
        spans = _note_cells(connection, dataset, there=inspector.has_table(dataset))
        if days := _days(connection, dataset, spans):
            log.info(
                "%s: %d days are counted anew: saved files were believed to answer more than they hold",
                dataset,
                len(days),
            )
            recount(connection, dataset, days)


def _note_cells(connection: sa.Connection, dataset: str, *, there: bool) -> list[tuple[datetime, datetime]]:
    """Fill ``holds`` of the rows of files; gives their windows. What was loaded again unchanged holds what it held."""
    table = sa.table(dataset, sa.column("tm_kst", _TIME), sa.column("stn"), sa.column("fetch_id")).c
    row = _FETCH.c
    files = sa.select(row.id, row.tm_from, row.tm_to, row.stn, row.outcome, row.sha256)
    files = files.where(row.dataset == dataset, row.kind == "file", row.tm_to.is_not(None), row.holds.is_(None))
    spans: list[tuple[datetime, datetime]] = []
    known: dict[tuple[object, ...], str] = {}
    for one in connection.execute(files.order_by(row.id)).all():
        bytes_ = (one.tm_from, one.tm_to, one.stn, one.sha256)
        if one.outcome != "unchanged" or bytes_ not in known:
            cells = sa.select(table.tm_kst, table.stn).where(table.tm_kst > one.tm_from, table.tm_kst <= one.tm_to)
            found = connection.execute(cells.where(table.fetch_id == one.id)).all() if there else []
            schema = {"tm_kst": pl.Datetime("us"), "stn": pl.Int32()}
            rows = pl.DataFrame([tuple(cell) for cell in found], schema=schema, orient="row")
            known[bytes_] = encoded(held_cells(rows, DATASETS[dataset].cadence))
        connection.execute(_FETCH.update().where(row.id == one.id).values(holds=known[bytes_]))
        spans.append((one.tm_from, one.tm_to))
    return spans


def _days(connection: sa.Connection, dataset: str, spans: Sequence[tuple[datetime, datetime]]) -> list[date]:
    """The days of which something is known and that a span touches."""
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    ends = [end for _, end in joined]
    found = []
    of_days = sa.select(_COVERAGE.c.day_kst).where(_COVERAGE.c.dataset == dataset).order_by(_COVERAGE.c.day_kst)
    for text in connection.execute(of_days).scalars() if joined else ():
        begin = datetime.fromisoformat(text)
        index = bisect_left(ends, begin + MINUTE)
        if index < len(joined) and joined[index][0] < begin + DAY:
            found.append(begin.date())
    return found
