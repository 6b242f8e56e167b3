"""One answer into the tables: rows, revisions, ledger row and completeness in one transaction, or nothing.

What happens to a cell (``design.md`` §7): first appearance, and blank → values, leave no trace but the row; a value that changes, appears or goes in
a row that has values is a revision; a blank row overwrites nothing. Which answer is the newer is decided by ``fetched_at`` alone: an older
body loaded late fills what is empty, and where it disagrees, the younger value stays and the older one is written down as its predecessor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog.model import Dataset
from kmaflow.hub.lines import Rejected
from kmaflow.hub.parse import Parsed
from kmaflow.store import ledger
from kmaflow.store.ledger import Earlier, Fetch
from kmaflow.store.pairs import load_pairs
from kmaflow.store.revision import text_of
from kmaflow.store.sqlite import Row, SqliteLoader
from kmaflow.store.tables import FETCH, REJECTED_LINE, REVISION

_STAMP = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one load did.

    Attributes:
        fetch_id: its row in the ledger.
        outcome: ``ok``, ``partial`` (some stamps are not produced yet) or ``unchanged`` (nothing but the ledger row was written).
        inserted / updated: rows of the observation table.
        revised: values that changed.
    """

    fetch_id: int
    outcome: str
    inserted: int = 0
    updated: int = 0
    revised: int = 0


def load(connection: sa.Connection, parsed: Parsed, fetch: Fetch) -> Loaded:
    """Load an answer inside the caller's transaction.

    Args:
        parsed: rows of the stations to be stored.
        fetch: its ledger row; ``outcome``, ``rows`` and ``rejected`` are filled in here.
    """
    known = ledger.earlier(connection, fetch)
    outcome = "unchanged" if known.repeats else "partial" if parsed.not_produced else "ok"
    fetch = replace(
        fetch, outcome=outcome, rows=parsed.rows.height, rejected=len(parsed.rejected), lacking=known.lacking
    )
    fetch_id = ledger.write(connection, fetch)
    if known.repeats:
        return Loaded(fetch_id, outcome)
    keep_rejected(connection, fetch.dataset, parsed.rejected, fetch_id)
    if fetch.window is None:
        return Loaded(fetch_id, outcome)
    loader = SqliteLoader(connection, parsed.dataset)
    if loader.is_empty(fetch.window):
        if parsed.rows.is_empty():
            return Loaded(fetch_id, outcome)
        loader.insert(_tuples(parsed.rows, parsed.dataset), fetch_id)
        loader.count(_hours(parsed.rows))
        loaded = Loaded(fetch_id, outcome, inserted=parsed.rows.height)
    else:
        loaded = _Merge(connection, loader, parsed, fetch, fetch_id, known).run(outcome)
    if parsed.pairs is not None and not parsed.rows.is_empty():
        revised = load_pairs(connection, parsed, fetch, fetch_id, known)
        loaded = replace(loaded, revised=loaded.revised + revised)
    return loaded


def _hour() -> pl.Expr:
    """End of the hour (hour-1, hour] that holds the stamp."""
    return (pl.col("tm_kst") - timedelta(minutes=1)).dt.truncate("1h") + timedelta(hours=1)


def _tuples(rows: pl.DataFrame, dataset: Dataset, *, staging: bool = False) -> list[Row]:
    names: list[pl.Expr] = [pl.col("tm_kst").dt.strftime(_STAMP), pl.col("stn")]
    names += [pl.col(column.name) for column in dataset.stored]
    if staging:
        names += [_hour().dt.strftime(_STAMP).alias("hour"), pl.col("blank").cast(pl.Int8)]
    return rows.select(names).rows()


def _hours(rows: pl.DataFrame) -> list[Row]:
    counts = rows.group_by(_hour().dt.strftime(_STAMP).alias("hour"), "stn", maintain_order=True).agg(
        (~pl.col("blank")).sum().alias("present"), pl.col("blank").sum().alias("blanks")
    )
    return counts.rows()


def keep_rejected(connection: sa.Connection, name: str, rejected: tuple[Rejected, ...], fetch_id: int) -> None:
    """Lines that are no rows, as they came, with their reasons."""
    if rejected:
        connection.execute(
            REJECTED_LINE.insert(),
            [
                {
                    "fetch_id": fetch_id,
                    "dataset": name,
                    "tm_kst": line.tm,
                    "stn": line.stn,
                    "line": line.line,
                    "text": line.text,
                    "reason": line.reason,
                }
                for line in rejected
            ],
        )


class _Merge:
    """Rows into a stretch of the table that already holds some."""

    def __init__(
        self,
        connection: sa.Connection,
        loader: SqliteLoader,
        parsed: Parsed,
        fetch: Fetch,
        fetch_id: int,
        known: Earlier,
    ) -> None:
        self.connection = connection
        self.loader = loader
        self.parsed = parsed
        self.fetch = fetch
        self.fetch_id = fetch_id
        self.known = known
        self.cause = "parser" if known.same_bytes else "hub"
        columns = parsed.dataset.stored
        self.names = [column.name for column in columns]
        self.is_value = [column.role == "value" for column in columns]

    def run(self, outcome: str) -> Loaded:
        self.loader.stage(_tuples(self.parsed.rows, self.parsed.dataset, staging=True))
        self._note_lacking()
        differing = self.loader.differing()
        inserted, counts = self.loader.insert_staged(self.fetch_id)
        updates: list[Row] = []
        revisions: list[dict[str, object]] = []
        filled: list[Row] = []
        for row in differing:
            tm, stn, hour, old_fetch = row[:4]
            stored, staged = row[4 : 4 + len(self.names)], row[4 + len(self.names) :]
            if all(value is None for value, counts_ in zip(stored, self.is_value, strict=True) if counts_):
                updates.append((*staged, tm, stn))
                filled.append((hour, stn, 1, -1))
                continue
            younger = self.known.younger(datetime.strptime(str(tm), _STAMP), stn, int(str(old_fetch)))
            revisions += self._revisions(tm, stn, old_fetch, stored, staged, younger)
            if younger is None:
                updates.append((*staged, tm, stn))
        if updates:
            self.loader.update(updates, self.fetch_id)
        if counts or filled:
            self.loader.count([*counts, *filled])
        if revisions:
            self.connection.execute(REVISION.insert(), revisions)
        self.loader.drop_stage()
        return Loaded(self.fetch_id, outcome, inserted, len(updates), len(revisions))

    def _note_lacking(self) -> None:
        """Write into the ledger which stored values this answer does not confirm: an older body may still correct those."""
        assert self.fetch.window is not None
        stations = None if self.fetch.selection == "all" else [int(stn) for stn in self.fetch.selection.split(",")]
        if self.fetch.stn:
            stations = [self.fetch.stn]
        values = [name for name, is_value in zip(self.names, self.is_value, strict=True) if is_value]
        if cells := self.loader.lacking(self.fetch.window, values, stations):
            names = ",".join(ledger.cell_name(datetime.strptime(str(tm), _STAMP), stn) for tm, stn in cells)
            self.connection.execute(FETCH.update().where(FETCH.c.id == self.fetch_id).values(lacking=names))

    def _revisions(
        self, tm: object, stn: object, old_fetch: object, stored: Row, staged: Row, younger: datetime | None
    ) -> list[dict[str, object]]:
        found = []
        for name, before, after in zip(self.names, stored, staged, strict=True):
            if before == after:
                continue
            old, new = (text_of(before), text_of(after)) if younger is None else (text_of(after), text_of(before))
            fetches = (old_fetch, self.fetch_id) if younger is None else (self.fetch_id, old_fetch)
            found.append(
                {
                    "dataset": self.parsed.dataset.name,
                    "tm_kst": datetime.strptime(str(tm), _STAMP),
                    "stn": stn,
                    "col": name,
                    "old_value": old,
                    "new_value": new,
                    "old_fetch": fetches[0],
                    "new_fetch": fetches[1],
                    "cause": self.cause,
                    "changed_at": younger or self.fetch.fetched_at,
                }
            )
        return found
