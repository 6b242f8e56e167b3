"""Brings the tables that kmaflow made before 0.2.0 to where the histories begin. Each step looks first whether it has been taken.

The ledger's table was ``fetch``; its rows were not told apart, and a saved file counted as the whole answer to everything between its first row and
its last. Observations are only read.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import date, datetime

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, MINUTE
from kmaflow.store.coverage.day import encoded, held_cells
from kmaflow.store.coverage.recount import recount
from kmaflow.store.errors import StoreForeign
from kmaflow.store.schema import observations
from kmaflow.store.schema.migrations.steps import add_columns, drop_indexes, rename_column
from kmaflow.store.schema.preflight import where
from kmaflow.store.schema.service import CALL_SIZE, COVERAGE_DAY, LEDGER, METADATA

log = logging.getLogger(__name__)

_TIME = sa.DateTime()
_REQUEST = sa.table(
    "request",
    *(sa.column(name, _TIME) for name in ("tm_from", "tm_to")),
    *map(sa.column, ("id", "dataset", "stn", "outcome", "http_status", "key_id", "sha256", "kind", "holds")),
)
_COVERAGE = sa.table("coverage_day", sa.column("dataset"), sa.column("day_kst"))
_LEASE = sa.table("lease", sa.column("name"))


def _service(connection: sa.Connection, version: str) -> None:
    """Rename what has another name now, add the columns that are new, and take back what files claimed."""
    _rename(connection)
    # What counts days anew writes all columns of today; the history begins with them.
    add_columns(connection, COVERAGE_DAY.name, COVERAGE_DAY.c.hours)
    add_columns(connection, LEDGER.name, LEDGER.c.dag_id, LEDGER.c.run_id)
    if version < "0005":
        add_columns(connection, LEDGER.name, LEDGER.c.kind, LEDGER.c.holds)
        _tell_apart(connection)
    if version < "0006":
        _take_back(connection)


def _rename(connection: sa.Connection) -> None:
    there = set(sa.inspect(connection).get_table_names())
    if "fetch" in there:
        if LEDGER.name in there:
            raise StoreForeign(
                f"{where(connection)}: the table {LEDGER.name} is not the one that kmaflow makes",
                ko=f"{where(connection)}: 테이블 {LEDGER.name}: kmaflow가 만든 것이 아닙니다",
            )
        drop_indexes(connection, "fetch", "fetch_window", "fetch_when", "fetch_outcome")
        connection.execute(
            sa.text(f"ALTER TABLE {connection.dialect.identifier_preparer.quote('fetch')} RENAME TO {LEDGER.name}")
        )
    drop_indexes(connection, "rejected_line", "ix_rejected_line_fetch_id")
    renamed = {("request", "rows"): "row_count", ("rejected_line", "fetch_id"): "request_id"}
    renamed |= {("revision", f"{which}_fetch"): f"{which}_request" for which in ("old", "new")}
    renamed |= {(name, "fetch_id"): "request_id" for name in there & observations.OBSERVATIONS.keys()}
    described = METADATA.tables | observations.METADATA.tables
    for (table, before), after in renamed.items():
        rename_column(connection, before, described[table].c[after])


def _tell_apart(connection: sa.Connection) -> None:
    """Fill ``kind``: until now rows differed by what they lack."""
    row = _REQUEST.c
    unsent = row.http_status.is_(None)
    events = row.outcome.in_(("given_up", "retired", "rebuilding", "rebuilt", "abandoned"))
    deferred = unsent & row.outcome.in_(("quota", "no_free_call", "not_asked"))
    # Neither had a file a key, nor a status; the bytes it had.
    files = unsent & row.key_id.is_(None) & row.sha256.is_not(None)
    for kind, mine in (("event", events), ("deferred", deferred), ("file", files)):
        connection.execute(_REQUEST.update().where(mine).values(kind=kind))
    # What was refused as an answer without rows has the name of a final state now.
    connection.execute(_REQUEST.update().where(row.outcome == "empty").values(outcome="empty_answer"))


def _take_back(connection: sa.Connection) -> None:
    """Note what each file holds, and count its days anew."""
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
    table = sa.table(dataset, sa.column("tm_kst", _TIME), sa.column("stn"), sa.column("request_id")).c
    row = _REQUEST.c
    files = sa.select(row.id, row.tm_from, row.tm_to, row.stn, row.outcome, row.sha256)
    files = files.where(row.dataset == dataset, row.kind == "file", row.tm_to.is_not(None), row.holds.is_(None))
    spans: list[tuple[datetime, datetime]] = []
    known: dict[tuple[object, ...], str] = {}
    for one in connection.execute(files.order_by(row.id)).all():
        bytes_ = (one.tm_from, one.tm_to, one.stn, one.sha256)
        if one.outcome != "unchanged" or bytes_ not in known:
            cells = sa.select(table.tm_kst, table.stn).where(table.tm_kst > one.tm_from, table.tm_kst <= one.tm_to)
            found = connection.execute(cells.where(table.request_id == one.id)).all() if there else []
            schema = {"tm_kst": pl.Datetime("us"), "stn": pl.Int32()}
            rows = pl.DataFrame([tuple(cell) for cell in found], schema=schema, orient="row")
            known[bytes_] = encoded(held_cells(rows, DATASETS[dataset].cadence))
        connection.execute(_REQUEST.update().where(row.id == one.id).values(holds=known[bytes_]))
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


def _state(connection: sa.Connection, version: str) -> None:  # noqa: ARG001
    """Calls at a time and calls per second are each process's own: what was shared of them goes. The usage of the day stays."""
    inspector = sa.inspect(connection)
    if any(column["name"] == "next_call_at" for column in inspector.get_columns("api_key_state")):
        connection.exec_driver_sql("ALTER TABLE api_key_state DROP COLUMN next_call_at")
    rename_column(connection, "such", CALL_SIZE.c.call_kind)
    connection.execute(_LEASE.delete().where(_LEASE.c.name.like("call %")))


#: By the history's name: takes the connection and the version that is stored.
STEPS: dict[str, Callable[[sa.Connection, str], None]] = {"service": _service, "state": _state}
