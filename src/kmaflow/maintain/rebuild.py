"""The database again from the archive alone: every answer is understood as it came and loaded in the order in which it came.

Day by day a stretch of the database is emptied and loaded anew in one transaction, alone with it; so collectors and readers may go on meanwhile. A
stretch that holds what the archive cannot give again is left as it is. Broken off and begun again, a rebuild goes on where it was.

An answer that was archived but never loaded (its collector was killed in between) is loaded here: the archive is what counts.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from hashlib import sha256

import sqlalchemy as sa

from kmaflow.archive.archive import BodyMissing, Entry
from kmaflow.catalog.time import DAY, Window
from kmaflow.collect.collector import Collector
from kmaflow.errors import UsageError
from kmaflow.failpoints import reach
from kmaflow.hub.errors import HubError
from kmaflow.hub.lines import read_station
from kmaflow.hub.parse import PARSER_VERSION
from kmaflow.hub.saved_file import UnfitFile
from kmaflow.hub.station_list import ParsedStations
from kmaflow.maintain.archive_index import LISTS, ArchiveIndex, Part
from kmaflow.maintain.rebuild_report import DatasetRebuilt, RebuildReport
from kmaflow.maintain.reparse import Reparsed, ahead, clipped, parts_within, reparse
from kmaflow.store import rebuilds
from kmaflow.store.engines.base import engine_of
from kmaflow.store.engines.database import again, reading
from kmaflow.store.errors import StoreBusy, StoreUnstorable
from kmaflow.store.lease import Lease
from kmaflow.store.rebuild_range import Answer, DayRange, remaking
from kmaflow.store.selection import ALL, StationChoice, resolve_stations, wanted

log = logging.getLogger(__name__)

#: SQLite lets one writer in at a time, and whoever waits looks ten times a second: so often, in seconds, others get their turn.
_TURN_EVERY, _TURN = 2.0, 0.25

#: Whoever was killed holds the lease for that long.
_PATIENCE = 65.0
_RETIRED = "kmaflow retention has taken its rows out; name it with --from and --to to bring them back"

Progress = Callable[[RebuildReport], None]


class WouldNarrow(UsageError):
    """The database holds stations that are not among those to be stored now."""


class _Kept(Exception):
    """The stretch must stay as it is; the transaction is rolled back."""


def rebuild(
    collector: Collector,
    *,
    window: Window | None = None,
    stations: str | None = None,
    narrow: bool = False,
    on_progress: Progress | None = None,
) -> RebuildReport:
    """Make observations, stations and revisions again from the archive.

    Args:
        window: only the days that it touches, and those that answers bind to them; the station lists stay as they are.
        stations: which are stored, instead of the setting ``STATIONS``.
        narrow: whether stations may go that are stored and not among them.

    Raises:
        ArchiveError: the archive is empty or cannot be read; the stretch at hand is as it was.
        WouldNarrow: stations would go; nothing of them has.
        StoreBusy: another rebuild of this database is at work.
        StoreError: the database failed; the stretch at hand is as it was.
    """
    history = ArchiveIndex.read(collector.archive)
    with _alone(collector) as lease, ThreadPoolExecutor(2, thread_name_prefix="reparse") as pool:
        return _Run(collector, history, lease, pool, window, stations, on_progress).run(narrow=narrow)


def outline(collector: Collector, window: Window | None = None) -> RebuildReport:
    """What a rebuild would do, without doing it: answers and bytes by dataset, bodies that are lost, stretches that would be kept.

    Raises:
        ArchiveError: the archive is empty or cannot be read.
    """
    history = ArchiveIndex.read(collector.archive)
    there = {digest for digest, _ in collector.archive.bodies()}
    result = _result(history, window)
    with reading(collector.store.engine) as connection:
        tables = set(sa.inspect(connection).get_table_names())
        for part in history.parts(window):
            made = result.of(part.dataset)
            entries = history.entries(part)
            found = [entry for entry in entries if entry.sha256 in there]
            made.answers += len(entries)
            made.bytes += sum(entry.bytes for entry in entries)
            made.lost += [f"{_shown(entry)}: not there" for entry in entries if entry.sha256 not in there]
            result.planned += len(entries)
            if "request" in tables and (part.dataset in tables or part.window is None):
                stretch = DayRange(connection, part.dataset, part.window)
                reason = _RETIRED if window is None and stretch.is_retired else stretch.only_here(_answers(found))
                if reason:
                    made.kept.append(_reason(part, reason))
                    continue
            made.stretches += 1
    return result


def _result(history: ArchiveIndex, window: Window | None) -> RebuildReport:
    bad = [f"{line.place}: {line.reason}" for line in history.bad]
    return RebuildReport(window=window, pruned=history.pruned, bad_lines=bad, unknown=dict(history.unknown))


def _answers(entries: list[Entry]) -> set[Answer]:
    return {_answer(entry) for entry in entries}


def _answer(entry: Entry) -> Answer:
    return entry.stn, entry.fetched_at, entry.sha256


def _shown(entry: Entry) -> str:
    return f"{entry.dataset} {entry.window or ''} {entry.fetched_at:%Y-%m-%d %H:%M:%S} {entry.sha256[:12]}…"


def _reason(part: Part, reason: str) -> str:
    return f"{part.window}: {reason}" if part.window else reason


@contextmanager
def _alone(collector: Collector) -> Iterator[Lease]:
    """One rebuild of a database at a time."""
    name = f"rebuild {sha256(collector.store.shown_url.encode()).hexdigest()[:12]}"
    with collector.state.lease(name) as lease:
        if not lease.take():
            log.warning("another rebuild is at work, or was killed within the last minute: waiting a minute for it")
            if not lease.take(wait=True, timeout=_PATIENCE):
                raise StoreBusy(
                    f"another rebuild of {collector.store.shown_url} is at work",
                    ko=f"{collector.store.shown_url}: 다른 재구축이 진행 중입니다",
                    todo_en="wait for its end, then run the same command again",
                    todo_ko="끝난 뒤 같은 명령을 다시 실행하십시오",
                )
        yield lease


class _Run:
    """One rebuild, from beginning to end."""

    def __init__(
        self,
        collector: Collector,
        history: ArchiveIndex,
        lease: Lease,
        pool: ThreadPoolExecutor,
        window: Window | None,
        stations: str | None,
        on_progress: Progress | None,
    ) -> None:
        self.store = collector.store
        self.archive = collector.archive
        self.history = history
        self.lease = lease
        self.pool = pool
        self.window = window
        self.words = wanted(collector.settings.stations if stations is None else stations)
        self.on_progress = on_progress
        self.result = _result(history, window)
        self._turn = time.monotonic()
        self._rebuild = 0

    def run(self, *, narrow: bool) -> RebuildReport:
        began = time.monotonic()
        parts = self.history.parts(self.window)
        lists = [part for part in parts if part.dataset in LISTS]
        if self.window is not None and not self.store.stations():
            lists = [part for part in self.history.parts() if part.dataset in LISTS]
        others = [part for part in parts if part.dataset not in LISTS]
        self.result.planned = sum(part.answers for part in (*lists, *others))
        plan = {"from": self._time("start"), "to": self._time("end"), "stations": ",".join(self.words)}
        self._rebuild, self.result.went_on = rebuilds.begin(
            self.store, json.dumps({**plan, "parser": PARSER_VERSION}, ensure_ascii=False)
        )
        reach("rebuild_begun")
        for part in lists:
            self._make(part, ALL)
        choice = self._choice(narrow=narrow)
        self.result.selection = choice.selection
        for part in others:
            self._make(part, choice)
        rebuilds.end(self.store, self._rebuild)
        reach("rebuild_ended")
        self.result.seconds = time.monotonic() - began
        return self.result

    def _time(self, end: str) -> str | None:
        return None if self.window is None else f"{getattr(self.window, end)}"

    def _choice(self, *, narrow: bool) -> StationChoice:
        """The stations that are stored now; numbers need no list that names them."""
        numbers = [number for word in self.words if (number := read_station(word)) is not None]
        with reading(self.store.engine) as connection:
            choice = resolve_stations(connection, self.words, known=numbers)
        if choice == ALL:
            return ALL
        mine = {str(stn) for stn in choice.stations or ()}
        stored = rebuilds.stored_selections(self.store)
        if not narrow and any(one == "all" or set(one.split(",")) - mine for one in stored):
            raise WouldNarrow(
                f"the database holds other stations than {choice.selection}: their rows would go",
                ko=f"데이터베이스에 다른 지점도 있습니다({choice.selection} 밖): 그 행이 삭제됩니다",
                todo_en="widen KMAFLOW_STATIONS (or --stations), or let them go with --yes; the archive keeps them",
                todo_ko="KMAFLOW_STATIONS(또는 --stations)를 넓히거나, 삭제해도 되면 --yes를 붙이십시오; 보관소에는 남습니다",
            )
        return choice

    def _make(self, part: Part, choice: StationChoice) -> None:
        """Make one stretch anew."""
        # SQLite cannot renew it while a stretch is made: then it is taken again, unless somebody else has it now.
        if self.lease.lost and not self.lease.take():
            raise StoreBusy(
                "this rebuild has lost its lease to another one", ko="다른 재구축이 이 작업을 넘겨받았습니다"
            )
        entries = self.history.entries(part)
        before = self.result.done

        def work() -> DatasetRebuilt:
            self.result.done = before
            return self._remade(part, entries, choice)

        try:
            made = again(work)
        except _Kept as kept:
            made = DatasetRebuilt(part.dataset, kept=[_reason(part, str(kept))])
        except StoreUnstorable as error:
            made = DatasetRebuilt(part.dataset, kept=[_reason(part, error.what)])
        reach("stretch_committed")
        self.result.of(part.dataset).add(made)
        self.result.done = before + part.answers
        self._tell()
        if engine_of(self.store.engine).one_writer and time.monotonic() - self._turn > _TURN_EVERY:
            time.sleep(_TURN)
            self._turn = time.monotonic()

    def _tell(self) -> None:
        if self.on_progress is not None:
            self.on_progress(self.result)

    def _remade(self, part: Part, entries: list[Entry], choice: StationChoice) -> DatasetRebuilt:
        made = DatasetRebuilt(part.dataset, stretches=1)
        with remaking(self.store, part.dataset, part.window) as stretch:
            if self.result.went_on and stretch.is_made_since(self._rebuild, _answers(entries), choice.selection):
                made.done_before = 1
                return made
            if self.window is None and stretch.is_retired:
                raise _Kept(_RETIRED)
            if stretch.newest > self.history.newest - DAY and stretch.only_here(_answers(entries)):
                # Collectors go on meanwhile. What they have loaded is in the manifest, and now that we hold the days they load nothing more.
                self.history.read_on()
                entries = self.history.entries(part)
            if reason := stretch.only_here(_answers(entries)):
                raise _Kept(reason)
            made.parser_revisions = stretch.empty()
            work = partial(reparse, self.archive, choice=choice)
            with closing(ahead(self.pool, work, entries)) as rereads:
                for one in rereads:
                    _load(stretch, part, one, choice, made)
                    self.result.done += 1
                    self._tell()
            stretch.close()
        return made


def _load(stretch: DayRange, part: Part, one: Reparsed, choice: StationChoice, made: DatasetRebuilt) -> None:
    """One answer into the stretch."""
    said = one.said
    made.answers += 1
    made.bytes += one.entry.bytes
    if isinstance(said, BodyMissing):
        if stretch.had_loaded(_answer(one.entry)):
            raise _Kept(said.what)
        made.lost.append(f"{_shown(one.entry)}: {said.what}")
        stretch.note_lost(clipped(one.ledger_row(choice, outcome=said.code, message=said.what), part.window))
    elif isinstance(said, HubError | UnfitFile):
        made.refused += 1
        stretch.note(clipped(one.ledger_row(choice, outcome=said.code, message=said.what), part.window))
    elif isinstance(said, ParsedStations):
        changes = stretch.load_list(said, one.ledger_row(choice))
        made.rows += said.rows.height
        made.inserted += changes.added
        made.updated += changes.changed
        made.rejected += len(said.rejected)
    else:
        for parsed, request in parts_within(said, one.ledger_row(choice), part.window):
            loaded = stretch.load(parsed, request)
            made.rows += parsed.rows.height
            made.inserted += loaded.inserted
            made.updated += loaded.updated
            made.revised += loaded.revised
            made.rejected += len(parsed.rejected)
