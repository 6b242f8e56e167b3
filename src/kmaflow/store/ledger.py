"""The ledger: every request and what became of it. Whoever wants to know why a cell is missing finds the answer here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from kmaflow import __version__
from kmaflow.catalog.time import MINUTE, Window, now_kst
from kmaflow.hub.parse import PARSER_VERSION
from kmaflow.store.coverage.day import Held, decoded, holds
from kmaflow.store.schema.service import LEDGER

if TYPE_CHECKING:
    from kmaflow.hub.client import Answer, Failure
    from kmaflow.store.coverage.timeline import FailedRequest

#: What a ledger row is: an answer of the hub (or a file that a person vouches for as one), a saved file, which proves only the cells that it holds,
#: something that happened and was no request, or a call that was not made for lack of quota.
Kind = Literal["request", "file", "event", "deferred"]
REQUEST: Kind = "request"
FILE: Kind = "file"
EVENT: Kind = "event"
DEFERRED: Kind = "deferred"
#: Outcomes of requests that the hub, or a saved answer of it, has given.
ANSWERS = ("ok", "partial", "unchanged", "incomplete_answer")
#: Outcome of rows that came from an older table or somebody else's file (kind ``file``): every answer of the hub counts for more, whenever it came.
IMPORTED = "imported"
#: Outcomes of rows whose observations are in the tables.
LOADED = (*ANSWERS, IMPORTED)
#: Outcome of a station list that would close many stations: it changes nothing until a second one agrees.
HELD = "held"
#: Outcome of the row that says which rows retention has taken out.
RETIRED = "retired"
#: Outcome of the row that says that repair asks no more, and why.
GIVEN_UP = "given_up"
#: Outcomes of rows that close what an answer alone does not: stamps that the hub has for nobody, and stations that it does not print.
EMPTY, ABSENT = "empty", "absent"
#: Outcome of the row that says that answers for several stamps leave stamps out which the hub gives one by one.
WINDOW_FORM = "window_form"
#: So many answers for several stamps, one after the other, make it so.
_IN_A_ROW = 5
#: Where Airflow says for which run a task's process works; the processes that it starts inherit it.
_DAG, _RUN = "AIRFLOW_CTX_DAG_ID", "AIRFLOW_CTX_DAG_RUN_ID"
#: No window in the ledger is longer: so what touches a window is found near it, however long the ledger grows.
LONGEST = timedelta(days=31)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One request.

    Attributes:
        dataset: dataset, or ``station_AWS`` / ``station_SFC``.
        window: what was asked, None for station lists.
        stn: the station asked, 0 = all.
        fetched_at: naive KST; it alone decides which of two answers is the newer.
        selection: which stations were stored: ``all``, or their numbers joined by commas.
        message: the words of a refusal; of an answer, what was assumed in reading it.
        lacking: cells stored with values that this answer left without: it does not confirm them; of a list that is held, the stations
            that it lacks.
        kind: what the row is.
        holds: of a file, the cells that it holds (:func:`kmaflow.store.coverage.day.encoded`); filled in by the load.
        dag_id, run_id: the DAG and the run of Airflow that asked the hub; None where none did.
    """

    dataset: str
    window: Window | None
    stn: int = 0
    fetched_at: datetime
    http_status: int | None = None
    outcome: str = "ok"
    sha256: str | None = None
    bytes: int = 0
    row_count: int = 0
    rejected: int = 0
    parser_version: int = PARSER_VERSION
    key_id: str | None = None
    selection: str = "all"
    message: str | None = None
    lacking: str | None = None
    kind: Kind = REQUEST
    holds: str | None = None
    dag_id: str | None = None
    run_id: str | None = None

    @classmethod
    def answered(cls, answer: Answer, sha256: str, *, key_id: str, selection: str = "all") -> LedgerRow:
        """Of an answer that is in the archive and not loaded yet."""
        return cls(
            dataset=answer.name,
            window=answer.window,
            stn=answer.stn or 0,
            fetched_at=answer.fetched_at,
            http_status=answer.status,
            sha256=sha256,
            bytes=len(answer.content),
            key_id=key_id,
            selection=selection,
            dag_id=os.environ.get(_DAG),
            run_id=os.environ.get(_RUN),
        )

    @classmethod
    def failed(cls, failure: Failure, sha256: str | None, *, key_id: str, message: str, kind: Kind) -> LedgerRow:
        """Of a call that brought no answer; ``sha256``: of what came instead of one."""
        return cls(
            dataset=failure.name,
            window=failure.window,
            stn=failure.stn or 0,
            fetched_at=failure.fetched_at,
            http_status=failure.error.status,
            outcome=failure.error.code,
            sha256=sha256,
            bytes=len(failure.error.body),
            key_id=key_id,
            message=message,
            kind=kind,
            dag_id=os.environ.get(_DAG),
            run_id=os.environ.get(_RUN),
        )


def event(dataset: str, window: Window | None, outcome: str, *, rows: int = 0, message: str | None = None) -> LedgerRow:
    """A ledger row for something that happened now and was no request."""
    return LedgerRow(
        dataset=dataset,
        window=window,
        fetched_at=now_kst(),
        outcome=outcome,
        row_count=rows,
        message=message,
        kind=EVENT,
    )


def asks_for(request: LedgerRow | Younger | FailedRequest, stn: object) -> bool:
    """Whether a request asked for the station and stored it."""
    return request.stn in (0, stn) and (request.selection == "all" or str(stn) in request.selection.split(","))


def touching(window: Window) -> sa.ColumnElement[bool]:
    """Whether a row's window has a stamp in common with this one."""
    return _between(**_bounds(window))


def _bounds(window: Window) -> dict[str, datetime]:
    return {"first": window.start + MINUTE, "last": window.end + LONGEST, "end": window.end}


def _between(**bounds: datetime | sa.BindParameter[datetime]) -> sa.ColumnElement[bool]:
    return LEDGER.c.tm_to.between(bounds["first"], bounds["last"]) & (LEDGER.c.tm_from < bounds["end"])


#: Made once: asked for every answer, and mostly there is none.
_ANY = (
    sa.select(sa.literal(1))
    .where(LEDGER.c.dataset == sa.bindparam("name"), LEDGER.c.outcome.in_([*LOADED, RETIRED]))
    .where(_between(**{name: sa.bindparam(name) for name in ("first", "last", "end")}))
    .limit(1)
)


def _none_touches(connection: sa.Connection, dataset: str, window: Window) -> bool:
    """Whether nothing was ever loaded for, or taken out of, any part of a window."""
    return connection.execute(_ANY, {"name": dataset, **_bounds(window)}).first() is None


_INSERT = LEDGER.insert()


def write(connection: sa.Connection, request: LedgerRow) -> int:
    """Add a ledger row; gives its id."""
    assert request.window is None or request.window.end - request.window.start <= LONGEST, request.window
    values = {column.name: getattr(request, column.name) for column in LEDGER.columns if hasattr(request, column.name)}
    values["tm_from"] = request.window.start if request.window else None
    values["tm_to"] = request.window.end if request.window else None
    result = connection.execute(_INSERT, values)
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


@dataclass(frozen=True, slots=True)
class Younger:
    """A younger answer that is loaded already, for a part of the window at hand."""

    id: int
    window: Window
    stn: int
    fetched_at: datetime
    selection: str
    lacking: frozenset[str]
    holds: Held | None = None

    def confirms(self, stamp: datetime, stn: object, stored_by: int) -> bool:
        """Whether this answer stands behind what ``stored_by`` wrote into the cell.

        An answer loaded before ``stored_by`` had no values for the cell, else ``stored_by`` would not have written; one loaded after it
        says in ``lacking`` where it had none. A file stands behind no cell that it does not hold.
        """
        if not asks_for(self, stn) or stamp not in self.window or self.id < stored_by:
            return False
        return (self.holds is None or holds(self.holds, stamp, stn)) and cell_name(stamp, stn) not in self.lacking


@dataclass(frozen=True, slots=True)
class Earlier:
    """What the ledger already knows about a window when a body for it arrives.

    Attributes:
        repeats: these very bytes are already in the tables as the window's last word, or were loaded with this very time.
        same_bytes: the last load of the window had the same bytes (another parser may have read them).
        newer: younger answers that are loaded for parts of the window.
        lacking: for a repetition, what the first load noted as such.
        retired: retention has taken rows out of the window.
    """

    repeats: bool
    same_bytes: bool
    newer: tuple[Younger, ...] = ()
    lacking: str | None = None
    retired: bool = False

    @property
    def cause(self) -> str:
        """Why values that change now do so: ``hub``, or ``parser`` where the bytes are the same."""
        return "parser" if self.same_bytes else "hub"

    def younger(self, stamp: datetime, stn: object, stored_by: int) -> datetime | None:
        """When a younger answer brought or confirmed what is stored in this cell, None if the body at hand is the youngest."""
        return next((one.fetched_at for one in self.newer if one.confirms(stamp, stn, stored_by)), None)


def cell_name(stamp: datetime, stn: object) -> str:
    """A cell as ``lacking`` names it."""
    return f"{stamp:%Y%m%d%H%M}@{stn}"


def repeats_bytes(connection: sa.Connection, request: LedgerRow) -> bool:
    """Whether the same bytes of an answer without a window (a station list, a file of unreadable lines) were read by this parser before."""
    table = LEDGER.c
    same = (table.dataset == request.dataset) & (table.sha256 == request.sha256) & table.tm_to.is_(None)
    same &= table.outcome.in_(LOADED) & (table.parser_version == request.parser_version)
    return connection.execute(sa.select(table.id).where(same).limit(1)).first() is not None


def earlier(connection: sa.Connection, request: LedgerRow) -> Earlier:
    """Look up what is known about the request's window."""
    if request.window is None:
        known = repeats_bytes(connection, request)
        return Earlier(known, known)
    if _none_touches(connection, request.dataset, request.window):
        return Earlier(repeats=False, same_bytes=False)
    table = LEDGER.c
    # What was imported stands behind no value.
    loaded = sa.and_(table.dataset == request.dataset, table.outcome.in_(ANSWERS))
    same_window = sa.and_(
        loaded, table.tm_to == request.window.end, table.tm_from == request.window.start, table.stn == request.stn
    )
    overlapping = loaded & touching(request.window)
    if request.stn:
        overlapping &= table.stn.in_([0, request.stn])
    # What was loaded before a month was taken out is not in the table: it is no repetition.
    retired = connection.execute(
        sa.select(sa.func.max(table.id)).where(
            table.dataset == request.dataset, table.outcome == RETIRED, touching(request.window)
        )
    ).scalar()
    if retired is not None:
        same_window &= table.id > retired
    query = sa.select(table.id, table.sha256, table.fetched_at, table.parser_version, table.selection, table.lacking)
    last = connection.execute(
        query.where(same_window).order_by(table.fetched_at.desc(), table.id.desc()).limit(1)
    ).first()
    same_bytes = last is not None and last.sha256 == request.sha256
    repeats = (
        last is not None
        and same_bytes
        and last.fetched_at <= request.fetched_at
        and last.parser_version == request.parser_version
        and last.selection == request.selection
        # Nobody else has written into the window since: else the bytes are the same, but the table need not be.
        and connection.execute(
            sa.select(table.id)
            .where(overlapping & ~same_window & ((table.id > last.id) | (table.fetched_at > last.fetched_at)))
            .limit(1)
        ).first()
        is None
    )
    lacking = last.lacking if repeats and last is not None else None
    if not repeats:
        seen = same_window & (table.sha256 == request.sha256) & (table.fetched_at == request.fetched_at)
        seen &= (table.parser_version == request.parser_version) & (table.selection == request.selection)
        repeats = connection.execute(sa.select(table.id).where(seen).limit(1)).first() is not None
    newer = () if repeats else _younger(connection, overlapping, request)
    return Earlier(repeats, same_bytes, newer, lacking, retired is not None)


def _younger(connection: sa.Connection, overlapping: sa.ColumnElement[bool], request: LedgerRow) -> tuple[Younger, ...]:
    table = LEDGER.c
    found = connection.execute(
        sa.select(
            table.id,
            table.tm_from,
            table.tm_to,
            table.stn,
            table.fetched_at,
            table.selection,
            table.lacking,
            table.holds,
        )
        .where(overlapping & (table.fetched_at > request.fetched_at))
        .order_by(table.fetched_at, table.id)
    )
    # Of an answer that was loaded twice with the same time, the first load counts.
    first: dict[tuple[object, ...], Younger] = {}
    for row in found:
        one = Younger(
            row.id,
            Window(row.tm_from, row.tm_to),
            row.stn,
            row.fetched_at,
            row.selection,
            frozenset((row.lacking or "").split(",")),
            None if row.holds is None else decoded(row.holds),
        )
        first.setdefault((one.window, one.stn, one.fetched_at, one.selection), one)
    return tuple(first.values())


def covering(connection: sa.Connection, dataset: str, stn: int, stamp: datetime) -> list[sa.RowMapping]:
    """All requests that asked for one cell, and the files that hold it, oldest first."""
    table = LEDGER.c
    query = (
        sa.select(LEDGER)
        .where(table.dataset == dataset, table.stn.in_([0, stn]), table.tm_from < stamp)
        .where(table.tm_to.between(stamp, stamp + LONGEST))
        .order_by(table.fetched_at, table.id)
    )
    found = connection.execute(query).mappings()
    return [row for row in found if row["holds"] is None or holds(decoded(row["holds"]), stamp, stn)]


def imported(connection: sa.Connection, dataset: str) -> frozenset[str]:
    """The SHA-256 of everything that was imported into a dataset."""
    table = LEDGER.c
    mine = (table.dataset == dataset) & (table.outcome == IMPORTED)
    return frozenset(connection.execute(sa.select(table.sha256).where(mine)).scalars())


def last_note(connection: sa.Connection, dataset: str) -> str | None:
    """What had to be assumed, or was new, in reading the dataset's last answer; None where nothing was."""
    table = LEDGER.c
    query = sa.select(table.message).where(
        table.dataset == dataset, table.outcome.in_(LOADED), table.key_id.is_not(None)
    )
    note = connection.execute(query.order_by(table.fetched_at.desc(), table.id.desc()).limit(1)).scalar()
    return None if note is None else str(note)


def last_success(connection: sa.Connection, dataset: str, *, files: bool = False) -> datetime | None:
    """When the dataset (or station list) was last answered, naive KST; ``files``: or loaded from a file."""
    table = LEDGER.c
    query = sa.select(sa.func.max(table.fetched_at)).where(table.dataset == dataset, table.outcome.in_(LOADED))
    moment = connection.execute(query if files else query.where(table.kind == REQUEST)).scalar()
    return moment if isinstance(moment, datetime) else None


def last_answer(connection: sa.Connection, dataset: str) -> datetime | None:
    """As :func:`last_success`, where a list that is held counts as an answer: it is not asked again before its time."""
    table = LEDGER.c
    answered = (table.dataset == dataset) & table.outcome.in_([*LOADED, HELD]) & (table.kind == REQUEST)
    moment = connection.execute(sa.select(sa.func.max(table.fetched_at)).where(answered)).scalar()
    return moment if isinstance(moment, datetime) else None


def held_lists(connection: sa.Connection, dataset: str) -> list[sa.Row[tuple[object, ...]]]:
    """The station lists that are held: those that came after the last one that was taken. Oldest first: fetched_at, lacking, message."""
    table = LEDGER.c
    mine = (table.dataset == dataset) & (table.outcome == HELD)
    if (last := last_success(connection, dataset, files=True)) is not None:
        mine &= table.fetched_at > last
    query = sa.select(table.fetched_at, table.lacking, table.message).where(mine)
    return list(connection.execute(query.order_by(table.fetched_at, table.id)))


def done_since(
    connection: sa.Connection, dataset: str, moment: datetime, selection: str
) -> set[tuple[datetime, datetime, int]]:
    """Windows (start, end, station or 0) whose answers were wholly loaded since ``moment`` (naive KST), for this selection of stations."""
    table = LEDGER.c
    query = sa.select(table.tm_from, table.tm_to, table.stn).where(
        table.dataset == dataset,
        table.fetched_at >= moment,
        table.outcome.in_(["ok", "unchanged"]),
        table.kind == REQUEST,
        table.selection == selection,
        table.tm_to.is_not(None),
    )
    return {(row.tm_from, row.tm_to, row.stn) for row in connection.execute(query)}


def gave_rows_since(connection: sa.Connection, dataset: str, moment: datetime) -> bool:
    """Whether the hub has given rows of the dataset since a moment (naive KST)."""
    table = LEDGER.c
    query = sa.select(table.id).where(
        table.dataset == dataset, table.kind == REQUEST, table.fetched_at >= moment, table.row_count > 0
    )
    return connection.execute(query.limit(1)).first() is not None


def windows_fail(connection: sa.Connection, dataset: str, step: timedelta) -> bool:
    """Whether the last answers for several stamps of all stations have all left out stamps."""
    table = LEDGER.c
    query = sa.select(table.outcome, table.tm_from, table.tm_to).where(
        table.dataset == dataset, table.stn == 0, table.kind == REQUEST, table.outcome.in_(LOADED)
    )
    recent = connection.execute(query.order_by(table.id.desc()).limit(10 * _IN_A_ROW))
    outcomes = [outcome for outcome, start, end in recent if Window(start, end).count(step) > 1][:_IN_A_ROW]
    return outcomes == ["incomplete_answer"] * _IN_A_ROW


def window_form(window_minutes: int) -> str:
    """How a note of :data:`WINDOW_FORM` begins: it holds for this version of kmaflow and this ``WINDOW_MINUTES``."""
    return f"kmaflow {__version__}, KMAFLOW_WINDOW_MINUTES {window_minutes}: "


def asked_one_by_one(connection: sa.Connection, dataset: str, window_minutes: int) -> str | None:
    """Why each call for all stations asks for one stamp; None where they ask for windows of ``window_minutes``."""
    table = LEDGER.c
    query = sa.select(table.message).where(table.dataset == dataset, table.outcome == WINDOW_FORM)
    found = connection.execute(query.order_by(table.id.desc()).limit(1)).scalar()
    return found if found is not None and found.startswith(window_form(window_minutes)) else None
