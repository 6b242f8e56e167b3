"""The data as they were known at a moment T: what a copy would hold that had loaded, in the order of fetching, every answer fetched up to T.

Nothing of this is stored as such; it follows exactly from three things that the store keeps:

* the row as it is now and ``request_id``, the load that last changed it;
* ``revision``: a load that changed a value wrote down the old one (forward), a load whose body was older than what is stored wrote down its own (late);
  the younger of the two requests in a revision, by id, is the one that wrote it;
* the ledger: which answers covered the cell, when they were fetched, and in ``lacking`` the stored cells that they left without values.

So every answer's values for a cell can be told: an answer that was loaded after the cell had values, asked for it and does not name it as lacking,
had values for it; they are those that its own revisions name, and for all other columns what was stored when it was loaded, which is the present value
with the later forward revisions undone. A row at T is the one of the youngest such answer fetched up to T; if there is none the row is absent.

What cannot be told: that a row was blank (sentinels only) at T if it has values now, or if the blank row was first loaded from an answer fetched after T.
Such a row is absent at T, not blank. And the second and further present weather codes of an answer that was loaded after a younger one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog.time import MINUTE, Window, start_of
from kmaflow.read.tables import REQUEST_ID, Subject, subject
from kmaflow.store.coverage.day import decoded, numbers_of
from kmaflow.store.engines.loader import select
from kmaflow.store.ledger import IMPORTED, LOADED, RETIRED, touching
from kmaflow.store.schema.service import LEDGER, REVISION

_KEY = ["tm_kst", "stn"]
_TIME = pl.Datetime("us")
_ANSWERS: dict[str, pl.DataType] = {
    "id": pl.Int64(),
    "body": pl.Int64(),
    "tm_from": _TIME,
    "tm_to": _TIME,
    "asked": pl.Int32(),
    "fetched_at": _TIME,
    "selection": pl.String(),
    "lacking": pl.String(),
    "holds": pl.String(),
    "imported": pl.Boolean(),
}


@dataclass(frozen=True)
class Answers:
    """The ledger of a stretch of time.

    Attributes:
        loaded: answers that were loaded: ``id``, ``body`` (the first load of these very bytes, whose values they are), ``tm_from``, ``tm_to``,
            ``asked`` (station, 0 = all), ``fetched_at``, ``selection``, ``lacking`` and ``holds`` (of ``body``), and whether
            they were imported: then every other answer counts for more.
        retired: (window, id) of each time that rows were taken out by ``kmaflow retention``: what was loaded before is not in the table.
    """

    loaded: pl.DataFrame
    retired: tuple[tuple[Window, int], ...]

    def of(self, window: Window) -> pl.DataFrame:
        """The answers that touch the window."""
        return self.loaded.filter((pl.col("tm_to") > window.start) & (pl.col("tm_from") < window.end))

    def retired_by(self, window: Window) -> int:
        """The last retirement that touches the window, 0 = none."""
        return max((id_ for one, id_ in self.retired if one.end > window.start and one.start < window.end), default=0)


def answers(connection: sa.Connection, dataset: str, window: Window) -> Answers:
    """What the ledger knows about a window."""
    table = LEDGER.c
    found = connection.execute(
        sa.select(
            table.id, table.tm_from, table.tm_to, table.stn, table.fetched_at, table.selection, table.lacking,
            table.sha256, table.parser_version, table.outcome, table.holds,
        )
        .where(table.dataset == dataset, table.outcome.in_([*LOADED, RETIRED]), touching(window))
        .order_by(table.id)
    )  # fmt: skip
    rows: list[tuple[object, ...]] = []
    retired: list[tuple[Window, int]] = []
    bodies: dict[tuple[object, ...], tuple[int, str | None, str | None]] = {}
    for row in found:
        if row.outcome == RETIRED:
            retired.append((Window(row.tm_from, row.tm_to), row.id))
            continue
        bytes_ = (row.tm_from, row.tm_to, row.stn, row.selection, row.sha256, row.parser_version)
        if row.outcome != "unchanged" or bytes_ not in bodies:
            bodies[bytes_] = (row.id, row.lacking, row.holds)
        body, lacking, holds = bodies[bytes_]
        asked = (row.tm_from, row.tm_to, row.stn, row.fetched_at, row.selection)
        rows.append((row.id, body, *asked, lacking, holds, row.outcome == IMPORTED))
    return Answers(pl.DataFrame(rows, schema=_ANSWERS, orient="row"), tuple(retired))


def rows_at(
    connection: sa.Connection,
    what: Subject,
    names: Sequence[str],
    window: Window,
    stations: Sequence[int] | None,
    moment: datetime,
    known: Answers,
) -> pl.DataFrame:
    """The columns of the rows of a window as they were known at ``moment`` (naive KST); sorted by key.

    Args:
        window: within one month, as retention takes out whole months.
        known: the ledger of a stretch that holds the window, read in the same transaction or before.
    """
    touching = known.of(window)
    if touching.filter(pl.col("fetched_at") > moment).is_empty():
        return select(connection, what.table, names, window, stations)
    past = _Past(connection, what, window, stations, moment, touching, known.retired_by(window))
    return (past.rows(names) if what.is_main else past.further_codes()).select(names)


class _Past:
    """One window at one moment."""

    def __init__(
        self,
        connection: sa.Connection,
        what: Subject,
        window: Window,
        stations: Sequence[int] | None,
        moment: datetime,
        touching: pl.DataFrame,
        retired: int,
    ) -> None:
        self.connection = connection
        self.what = what
        self.main = subject(what.dataset.name)
        self.window = window
        self.stations = stations
        self.moment = moment
        self.touching = touching
        self.retired = retired

    def rows(self, names: Sequence[str]) -> pl.DataFrame:
        """The dataset's own rows, with ``body``: the answer whose values they are."""
        states, revisions = self._states(names)
        for name in (name for name in names if name not in _KEY):
            mine = _corrections(revisions.filter(pl.col("col") == name), states, _KEY)
            states = _corrected(states, mine, name, _KEY)
        return states.select(*names, "body")

    def further_codes(self) -> pl.DataFrame:
        """The second and further present weather codes; how many there were, ``n`` of the row says."""
        states, revisions = self._states(["n"])
        counted = _corrected(states, _corrections(revisions.filter(pl.col("col") == "n"), states, _KEY), "n", _KEY)
        codes = select(self.connection, self.what.table, self.what.chosen(None), self.window, self.stations)
        named = revisions.with_columns(
            field=pl.col("col").str.extract(r"^(ww|nn)\d+$"), k=pl.col("col").str.extract(r"(\d+)$").cast(pl.Int64)
        ).filter(pl.col("field").is_not_null() & (pl.col("k") >= 2))
        key = [*_KEY, "k"]
        found = {name: _corrections(named.filter(pl.col("field") == name), counted, key) for name in ("ww", "nn")}
        gone = pl.concat([one.select(key) for one in found.values()]).unique().join(codes, on=key, how="anti")
        codes = pl.concat([codes, gone], how="diagonal")
        for name, mine in found.items():
            codes = _corrected(codes, mine, name, key)
        return codes.join(counted.select(*_KEY, "n"), on=_KEY).filter(pl.col("k") <= pl.col("n")).sort(key)

    def _states(self, names: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The rows that were known, with their present values and ``body``, and the revisions of their cells with ``writer`` and ``forward``."""
        values = [column.name for column in self.what.dataset.values]
        needed = list(dict.fromkeys([*_KEY, *names, *values, REQUEST_ID]))
        now = select(self.connection, self.main.table, needed, self.window, self.stations)
        blank = pl.all_horizontal(pl.col(name).is_null() for name in values)
        first_seen = self.touching.filter(pl.col("fetched_at") <= self.moment).select(
            pl.col("id").alias(REQUEST_ID), pl.col("id").alias("body")
        )
        blanks = now.filter(blank).join(first_seen, on=REQUEST_ID)
        now = now.filter(~blank)
        revisions = self._revisions(now)
        first = revisions.group_by(_KEY).agg(first=pl.min_horizontal("old_request", "new_request").min())
        now = now.join(first, on=_KEY, how="left").with_columns(first=pl.min_horizontal("first", REQUEST_ID))
        valued = now.join(self._bodies(now.select(*_KEY, "first")), on=_KEY).drop("first")
        return pl.concat([valued, blanks.select(valued.columns)]).sort(_KEY), revisions

    def _revisions(self, now: pl.DataFrame) -> pl.DataFrame:
        # Station by station, as their index is.
        stations = sorted(set(now["stn"].to_list()))
        names = [*_KEY, "col", "old_value", "new_value", "old_request", "new_request"]
        if not stations:
            stations = [0]
        found = select(self.connection, REVISION, names, self.window, stations, dataset=self.what.dataset.name)
        found = found.with_columns(writer=pl.max_horizontal("old_request", "new_request")).with_columns(
            forward=pl.col("writer") == pl.col("new_request")
        )
        if not self.retired:
            return found
        # A row that came back after its month was taken out has nothing to do with what was written before.
        back = now.filter(pl.col(REQUEST_ID) > self.retired).select(_KEY)
        return pl.concat(
            [
                found.join(back, on=_KEY, how="anti"),
                found.filter(pl.col("writer") > self.retired).join(back, on=_KEY, how="semi"),
            ]
        )

    def _bodies(self, cells: pl.DataFrame) -> pl.DataFrame:
        """For each cell (``first``: the load that first brought values) the youngest answer up to the moment that had values for it."""
        fetched = self.touching.filter(pl.col("fetched_at") <= self.moment)
        bodies = (
            fetched.group_by("body")
            .agg(pl.col("fetched_at").max(), pl.exclude("fetched_at").first())
            .sort("imported", "fetched_at", "body", descending=[True, False, False])
            .with_row_index("age")
        )
        span = bodies.select("body", "age", "tm_from", "tm_to", "asked")
        inside = [pl.col("tm_kst") > pl.col("tm_from"), pl.col("tm_kst") <= pl.col("tm_to")]
        # Few stamps meet the many answers for all stations; the others meet only their own station's cells.
        stamps = cells.select("tm_kst").unique().join_where(span.filter(pl.col("asked") == 0), *inside)
        of_all = cells.join(stamps, on="tm_kst")
        single = span.filter(pl.col("asked") != 0)
        of_one = cells.join_where(single, pl.col("stn") == pl.col("asked"), *inside)
        wanted = [*_KEY, "body", "age"]
        met = pl.concat([one.filter(pl.col("body") >= pl.col("first")).select(wanted) for one in (of_all, of_one)])
        met = _held(_selected(met, bodies), bodies).join(_lacking(bodies), on=["body", *_KEY], how="anti")
        youngest = met.group_by(_KEY).agg(pl.col("age").max())
        return youngest.join(bodies.select("age", "body"), on="age").select(*_KEY, "body")


def _selected(met: pl.DataFrame, bodies: pl.DataFrame) -> pl.DataFrame:
    """Without the cells of stations that were asked for but not stored."""
    some = bodies.filter(pl.col("selection") != "all").select("body", stn=pl.col("selection").str.split(","))
    if some.is_empty():
        return met
    stored = some.explode("stn").with_columns(pl.col("stn").cast(pl.Int32))
    return pl.concat([met.join(some, on="body", how="anti"), met.join(stored, on=["body", "stn"], how="semi")])


def _held(met: pl.DataFrame, bodies: pl.DataFrame) -> pl.DataFrame:
    """Without the cells that files do not hold."""
    files = bodies.filter(pl.col("holds").is_not_null()).select("body", "holds")
    if files.is_empty():
        return met
    spans = [
        (body, stn, start_of(day) + low * MINUTE, start_of(day) + high * MINUTE)
        for body, text in files.iter_rows()
        for day, groups in decoded(text).items()
        for stations, minutes in groups.items()
        for stn in numbers_of(stations)
        for low, high in minutes
    ]
    schema: dict[str, pl.DataType] = {"body": pl.Int64(), "stn": pl.Int32(), "low": _TIME, "high": _TIME}
    inside = met.join(pl.DataFrame(spans, schema=schema, orient="row"), on=["body", "stn"])
    inside = inside.filter((pl.col("tm_kst") > pl.col("low")) & (pl.col("tm_kst") <= pl.col("high")))
    return pl.concat([met.join(files, on="body", how="anti"), inside.select(met.columns)])


def _lacking(bodies: pl.DataFrame) -> pl.DataFrame:
    """The cells that answers had no values for, as (``body``, ``tm_kst``, ``stn``)."""
    named = bodies.filter(pl.col("lacking").is_not_null()).select("body", cell=pl.col("lacking").str.split(","))
    parts = named.explode("cell").select("body", part=pl.col("cell").str.split_exact("@", 1)).unnest("part")
    return parts.filter(pl.col("field_1").is_not_null()).select(
        "body",
        tm_kst=pl.col("field_0").str.to_datetime("%Y%m%d%H%M", time_unit="us"),
        stn=pl.col("field_1").cast(pl.Int32),
    )


def _corrections(revisions: pl.DataFrame, states: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """For one column the cells whose value in ``body`` is not the present one, and that value as text (``was``).

    A revision that ``body`` wrote itself names its value; else the first change that was loaded after it names what was there before.
    """
    mine = revisions.join(states.select(*_KEY, "body"), on=_KEY)
    own = pl.col("writer") == pl.col("body")
    mine = mine.filter(own | (pl.col("forward") & (pl.col("writer") > pl.col("body")))).sort("writer")
    was = pl.when(own & pl.col("forward")).then("new_value").otherwise("old_value")
    return mine.with_columns(was=was).group_by(key, maintain_order=True).first().select(*key, "was")


def _corrected(rows: pl.DataFrame, was: pl.DataFrame, name: str, key: list[str]) -> pl.DataFrame:
    """The rows with the earlier values in one column; text gives them back exactly."""
    if was.is_empty():
        return rows
    kind = rows.schema[name]
    marked = rows.join(was.with_columns(changed=pl.lit(True)), on=key, how="left", maintain_order="left")
    value = pl.when(pl.col("changed").is_not_null()).then(pl.col("was").cast(kind)).otherwise(pl.col(name))
    return marked.with_columns(value.alias(name)).drop("was", "changed")
