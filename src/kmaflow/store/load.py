"""One answer into the tables: rows, revisions, ledger row and completeness in one transaction, or nothing.

What happens to a cell (``design.md`` §7): first appearance, and blank → values, leave no trace but the row; a value that changes, appears or goes in
a row that has values is a revision; a blank row overwrites nothing. Which answer is the newer is decided by ``fetched_at`` alone: an older
body loaded late fills what is empty, and where it disagrees, the younger value stays and the older one is written down as its predecessor.
What is imported from an older table only adds rows, and every answer of the hub counts for more.

The caller's transaction holds the locks of the window's days (:mod:`kmaflow.store.engines.database`), so what is read here stays true until it ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog.time import HOUR, Window
from kmaflow.failpoints import reach
from kmaflow.hub.lines import Rejected
from kmaflow.hub.parse import Parsed
from kmaflow.hub.station_list import ParsedStations
from kmaflow.store import ledger, stations
from kmaflow.store.coverage.day import by_hour, encoded, held_cells
from kmaflow.store.coverage.proof import NOTHING_LEFT, Proof, proof_of, record_answer
from kmaflow.store.engines.loader import Loader, loader_for
from kmaflow.store.ledger import FILE, IMPORTED, Earlier, LedgerRow
from kmaflow.store.pairs import load_pairs
from kmaflow.store.schema.observations import OBSERVATIONS
from kmaflow.store.schema.service import COMPLETENESS_HOUR, LEDGER, REJECTED_LINE, REVISION
from kmaflow.store.stations import StationChanges

_KEY = ["tm_kst", "stn"]
#: So many unreadable lines of one body are kept one by one.
MOST_REJECTED = 10_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one load did.

    Attributes:
        request_id: its row in the ledger.
        outcome: ``ok``, ``partial`` (some stamps are not produced yet), ``incomplete_answer`` (others are left out) or ``unchanged`` (nothing but
            the ledger row was written).
        inserted / updated: rows of the observation table.
        revised: values that changed.
        differing: of an import, rows that the table has with other values, which stay.
        proof: which stamps it leaves unanswered.
    """

    request_id: int
    outcome: str
    inserted: int = 0
    updated: int = 0
    revised: int = 0
    differing: int = 0
    proof: Proof = NOTHING_LEFT


def load(connection: sa.Connection, parsed: Parsed, request: LedgerRow, *, advance: bool = True) -> Loaded:
    """Load an answer inside the caller's transaction.

    Args:
        parsed: rows of the stations to be stored.
        request: its ledger row; ``outcome``, ``rows`` and ``rejected`` are filled in here.
        advance: keep ``latest``; False leaves it to the caller, whose transaction is long: every loader of the dataset waits for those rows.
    """
    reach("transaction_begun")
    known = ledger.earlier(connection, request)
    if request.kind == FILE and request.window is not None:
        request = replace(request, holds=encoded(held_cells(parsed.rows, parsed.dataset.cadence)))
    stored: pl.DataFrame | None = None

    def before() -> pl.DataFrame:
        nonlocal stored
        if stored is None:
            assert request.window is not None
            # A file says nothing of stations that it lacks: a month of one station is not compared with those of all others.
            stations = (sorted(parsed.rows["stn"].unique()) or [0]) if request.kind == FILE else None
            stored = loader_for(connection).stored(OBSERVATIONS[parsed.dataset.name], request.window, stations)
        return stored

    proof = proof_of(connection, parsed, request, before)
    outcome = "unchanged" if known.repeats else IMPORTED if request.outcome == IMPORTED else proof.outcome
    request = replace(
        request,
        outcome=outcome,
        row_count=parsed.rows.height,
        rejected=len(parsed.rejected),
        lacking=known.lacking,
        message=request.message or "; ".join(parsed.notes) or None,
    )
    request_id = ledger.write(connection, request)
    reach("ledger_written")
    if known.repeats:
        if request.window is not None:
            record_answer(connection, parsed, request, stored=None, lacking=proof.lacking)
        return Loaded(request_id, outcome, proof=proof)
    keep_rejected(connection, request.dataset, parsed.rejected, request_id)
    reach("rejected_kept")
    if request.window is None:
        return Loaded(request_id, outcome)
    loader = loader_for(connection)
    merge = _Merge(connection, loader, parsed, request, request_id, known, advance=advance)
    loaded = replace(merge.run(before()), proof=proof)
    record_answer(
        connection,
        parsed,
        request,
        stored=before(),
        counted=merge.counted,
        anew=known.retired,
        younger=known.newer,
        lacking=proof.lacking,
    )
    reach("sheets_kept")
    if parsed.pairs is not None and not parsed.rows.is_empty():
        revised = load_pairs(loader, parsed, request, request_id, known)
        loaded = replace(loaded, revised=loaded.revised + revised)
        reach("pairs_written")
    return loaded


def compare(connection: sa.Connection, parsed: Parsed, window: Window) -> tuple[int, int]:
    """Of the rows of an import, how many the table has already, and how many of those with other values; nothing is written."""
    table = OBSERVATIONS[parsed.dataset.name]
    stored = loader_for(connection).stored(table, window, sorted(parsed.rows["stn"].unique()))
    names = [column.name for column in parsed.dataset.stored]
    return parsed.rows.join(stored, on=_KEY, how="semi").height, _said_otherwise(parsed.rows, stored, names)


def _said_otherwise(rows: pl.DataFrame, stored: pl.DataFrame, names: list[str]) -> int:
    """How many rows have a value that is stored otherwise."""
    both = rows.join(stored, on=_KEY, suffix="_old")
    other = (pl.col(name).is_not_null() & pl.col(name).ne_missing(pl.col(f"{name}_old")) for name in names)
    return both.filter(pl.any_horizontal(other)).height


def load_list(
    connection: sa.Connection, parsed: ParsedStations, request: LedgerRow, *, force: bool = False
) -> StationChanges:
    """Load a station list inside the caller's transaction.

    A list older than the last one known changes nothing but the ledger; nor does one that would close many stations, until a second one agrees.

    Args:
        force: take the list however many stations it closes.
    """
    last = ledger.last_success(connection, request.dataset, files=True)
    known = ledger.repeats_bytes(connection, request)
    missing, before = stations.missing_from(connection, parsed)
    held = [(row.fetched_at, row.lacking) for row in ledger.held_lists(connection, request.dataset)]
    doubtful = not force and stations.is_doubtful(missing, before, request.fetched_at, held)
    if doubtful:
        request = replace(
            request,
            outcome=ledger.HELD,
            lacking=",".join(map(str, sorted(missing))),
            message=f"it would close {len(missing)} of {before} stations: held until a list of another day agrees",
        )
    request_id = ledger.write(connection, request)
    if not known:
        keep_rejected(connection, request.dataset, parsed.rejected, request_id)
    if doubtful or (last is not None and last > request.fetched_at):
        return StationChanges(total=parsed.rows.height, held=len(missing) if doubtful else 0)
    return stations.sync(connection, parsed, request.fetched_at)


def keep_rejected(connection: sa.Connection, name: str, rejected: tuple[Rejected, ...], request_id: int) -> None:
    """Lines that are no rows, as they came, with their reasons: the first :data:`MOST_REJECTED` of a body; a last row says how many more there are."""
    kept = list(rejected[:MOST_REJECTED])
    if more := len(rejected) - len(kept):
        reason = (
            f"{more:,} more lines of this body cannot be read: they are in the archive, but not kept here one by one"
        )
        kept.append(Rejected(rejected[MOST_REJECTED].line, "", reason))
    if kept:
        connection.execute(
            REJECTED_LINE.insert(),
            [
                {
                    "request_id": request_id,
                    "dataset": name,
                    "tm_kst": line.tm,
                    "stn": line.stn,
                    "line": line.line,
                    "text": line.text,
                    "reason": line.reason,
                }
                for line in kept
            ],
        )


class _Merge:
    """Rows into a stretch of the table that may already hold some."""

    def __init__(
        self,
        connection: sa.Connection,
        loader: Loader,
        parsed: Parsed,
        request: LedgerRow,
        request_id: int,
        known: Earlier,
        *,
        advance: bool,
    ) -> None:
        self.connection = connection
        self.loader = loader
        self.table = OBSERVATIONS[parsed.dataset.name]
        self.rows = parsed.rows
        self.request = request
        self.request_id = request_id
        self.known = known
        self.advance = advance
        #: What was added to ``completeness_hour``.
        self.counted: pl.DataFrame | None = None
        self.dataset = parsed.dataset.name
        self.names = [column.name for column in parsed.dataset.stored]
        self.values = [column.name for column in parsed.dataset.values]
        #: What also a row without values may say: that no code follows (``n`` 0 of present weather).
        self.others = [name for name in self.names if name not in self.values]

    def run(self, stored: pl.DataFrame) -> Loaded:
        new, differing, otherwise = self.rows, self.rows.clear(), 0
        if not stored.is_empty():
            stored = stored.with_columns(empty=self._all_missing())
            self._note_lacking(stored)
            new = self.rows.join(stored, on=_KEY, how="anti", maintain_order="left")
            if self.request.outcome == IMPORTED:
                otherwise = _said_otherwise(self.rows, stored, self.names)
            else:
                differing = self._differing(stored)
        if new.is_empty() and differing.is_empty():
            return Loaded(self.request_id, self.request.outcome, differing=otherwise)
        if not new.is_empty():
            self.loader.insert(self.table, new.with_columns(request_id=pl.lit(self.request_id)))
            reach("rows_inserted")
        updated, revised, filled = self._correct(differing)
        self._count(new, filled)
        return Loaded(self.request_id, self.request.outcome, new.height, updated, revised, otherwise)

    def _all_missing(self) -> pl.Expr:
        return pl.all_horizontal(pl.col(name).is_null() for name in self.values)

    def _differing(self, stored: pl.DataFrame) -> pl.DataFrame:
        """Rows that differ from what is stored (``…_old``, ``request_id``, ``empty``): those with values, and blank ones that say something against values."""
        says = pl.any_horizontal(pl.lit(value=False), *(pl.col(name).is_not_null() for name in self.others))
        rows = self.rows.filter(~pl.col("blank") | says)
        both = rows.join(stored, on=_KEY, suffix="_old", maintain_order="left").filter(
            ~(pl.col("blank") & pl.col("empty"))
        )
        return both.filter(pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_old")) for name in self.names))

    def _note_lacking(self, stored: pl.DataFrame) -> None:
        """Write into the ledger which stored values this answer does not confirm: an older body may still correct those."""
        asked = pl.lit(True)
        if self.request.stn:
            asked = pl.col("stn") == self.request.stn
        elif self.request.selection != "all":
            asked = pl.col("stn").is_in([int(stn) for stn in self.request.selection.split(",")])
        confirmed = self.rows.filter(~pl.col("blank"))
        cells = stored.filter(~pl.col("empty") & asked).join(confirmed, on=_KEY, how="anti", maintain_order="left")
        if self.request.kind == FILE:
            # It asked for nothing: what it does not hold it does not contradict.
            cells = cells.join(self.rows, on=_KEY, how="semi", maintain_order="left")
        if not cells.is_empty():
            names = ",".join(ledger.cell_name(tm, stn) for tm, stn in cells.select(_KEY).iter_rows())
            self.connection.execute(LEDGER.update().where(LEDGER.c.id == self.request_id).values(lacking=names))

    def _correct(self, differing: pl.DataFrame) -> tuple[int, int, pl.DataFrame]:
        """Overwrite what this answer knows better and write down what it replaces; gives rows, revisions, and the rows that were blank."""
        if differing.is_empty():
            return 0, 0, differing
        younger: list[datetime | None] = [None] * differing.height
        if self.known.newer:
            younger = [self.known.younger(*cell) for cell in differing.select(*_KEY, "request_id").iter_rows()]
        differing = differing.with_columns(younger=pl.Series(younger, dtype=pl.Datetime("us")))
        wins = differing.filter(~pl.col("blank") & (pl.col("empty") | pl.col("younger").is_null()))
        if not wins.is_empty():
            self.loader.update(self.table, wins.with_columns(request_id=pl.lit(self.request_id)))
            reach("rows_updated")
        both_have_values = ~pl.col("empty") & ~pl.col("blank")
        revisions = self._revisions(differing.filter(both_have_values | self._said_otherwise()))
        if not revisions.is_empty():
            self.connection.execute(REVISION.insert(), revisions.to_dicts())
            reach("revisions_written")
        return wins.height, revisions.height, differing.filter("empty")

    def _said_otherwise(self) -> pl.Expr:
        """Whether the older row has no values, but said something (:attr:`others`) that is another now."""
        first = pl.col("younger").is_not_null()
        changed = [
            pl.when(first).then(name).otherwise(f"{name}_old").is_not_null()
            & pl.col(name).ne_missing(pl.col(f"{name}_old"))
            for name in self.others
        ]
        older_is_blank = pl.when(first).then("blank").otherwise("empty")
        return older_is_blank & pl.any_horizontal(pl.lit(value=False), *changed)

    def _revisions(self, changed: pl.DataFrame) -> pl.DataFrame:
        """One row for each value that is another now; where a younger answer stands behind the stored value, this one preceded it."""
        first = pl.col("younger").is_not_null()
        found = []
        for name in self.names:
            here, there = pl.col(name).cast(pl.String), pl.col(f"{name}_old").cast(pl.String)
            found.append(
                changed.filter(pl.col(name).ne_missing(pl.col(f"{name}_old"))).select(
                    dataset=pl.lit(self.dataset),
                    tm_kst="tm_kst",
                    stn="stn",
                    col=pl.lit(name),
                    old_value=pl.when(first).then(here).otherwise(there),
                    new_value=pl.when(first).then(there).otherwise(here),
                    old_request=pl.when(first).then(pl.lit(self.request_id, pl.Int64)).otherwise("request_id"),
                    new_request=pl.when(first).then("request_id").otherwise(pl.lit(self.request_id, pl.Int64)),
                    cause=pl.lit(self.known.cause),
                    changed_at=pl.coalesce("younger", pl.lit(self.request.fetched_at, pl.Datetime("us"))),
                )
            )
        return pl.concat(found).sort(_KEY, maintain_order=True)

    def _count(self, new: pl.DataFrame, filled: pl.DataFrame) -> None:
        """Keep ``completeness_hour`` and ``latest``: rows that are new, and rows that were blank and are no more."""
        present, blank = pl.col("blank").not_().cast(pl.Int64), pl.col("blank").cast(pl.Int64)
        counts = [new.select("tm_kst", "stn", present=present, blank=blank)]
        if not filled.is_empty():
            counts.append(filled.select("tm_kst", "stn", present=pl.lit(1, pl.Int64), blank=pl.lit(-1, pl.Int64)))
        per_hour = (
            pl.concat(counts).group_by(hour_kst=by_hour("tm_kst"), stn="stn").agg(pl.col("present", "blank").sum())
        )
        if self.known.retired and not per_hour.is_empty():
            # What was counted before a month was taken out stays until rows come back: then the hour is counted anew.
            per_hour = self._counted_anew(per_hour)
        self.loader.add_counts(self.dataset, per_hour)
        self.counted = per_hour
        reach("hours_counted")
        if not self.advance:
            return
        valued = pl.concat([new.filter(~pl.col("blank")).select(_KEY), filled.select(_KEY)])
        self.loader.advance(self.dataset, valued.group_by("stn").agg(pl.col("tm_kst").max()))
        reach("latest_advanced")

    def _counted_anew(self, per_hour: pl.DataFrame) -> pl.DataFrame:
        """The counts of the hours and stations as the table has them now; those that were kept are taken away."""
        first, last = per_hour.select(first=pl.col("hour_kst").min(), last=pl.col("hour_kst").max()).row(0)
        stored = self.loader.stored(self.table, Window(first - HOUR, last))
        stored = stored.with_columns(empty=self._all_missing(), hour_kst=by_hour("tm_kst"))
        stored = stored.join(per_hour, on=["hour_kst", "stn"], how="semi")
        table = COMPLETENESS_HOUR.c
        for hour, stn in per_hour.select("hour_kst", "stn").iter_rows():
            mine = (table.dataset == self.dataset) & (table.hour_kst == hour) & (table.stn == stn)
            self.connection.execute(COMPLETENESS_HOUR.delete().where(mine))
        present, blank = pl.col("empty").not_().cast(pl.Int64), pl.col("empty").cast(pl.Int64)
        return stored.group_by("hour_kst", "stn").agg(present=present.sum(), blank=blank.sum())
