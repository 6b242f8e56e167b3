"""One sitting of work: a hub, a database and an archive together. The command line and Airflow both work through this."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from pydantic import SecretStr

from kmaflow.archive.archive import Archive
from kmaflow.catalog import DATASETS, STATION_LISTS, dataset
from kmaflow.catalog.model import Dataset
from kmaflow.catalog.time import HOUR, Window, in_words, now_kst
from kmaflow.collect.live_need import open_quota
from kmaflow.collect.planning.calls import ONE_STAMP, Call
from kmaflow.collect.result import DatasetResult, told
from kmaflow.collect.run import DatasetRun, keep
from kmaflow.errors import UsageError
from kmaflow.hub.client import Failure, HubClient
from kmaflow.hub.errors import HubError
from kmaflow.hub.secrecy import key_id
from kmaflow.hub.station_list import parse_stations
from kmaflow.log_fields import log_fields
from kmaflow.printable import printable
from kmaflow.quota.limits import CallClass, DayQuotaSpent
from kmaflow.quota.meter import Meter
from kmaflow.quota.quota import Quota
from kmaflow.settings import Settings
from kmaflow.store import Store
from kmaflow.store.engines.database import reading
from kmaflow.store.errors import StoreBusy
from kmaflow.store.lease import Lease
from kmaflow.store.ledger import DEFERRED, REQUEST, LedgerRow
from kmaflow.store.selection import StationChoice, resolve_stations
from kmaflow.store.state import State
from kmaflow.store.stations import StationChanges

log = logging.getLogger(__name__)

#: Seconds for which a worker waits for another one that is given the same window.
_LONGEST_WAIT = 3600.0
#: Lines of a station list that cannot be read are logged one by one up to so many.
_TOLD = 10


@dataclass(frozen=True, slots=True)
class StationSync:
    """What a synchronisation of the station lists did; ``synced`` is False where the lists were fresh enough. ``held``: stations that a list
    would close, which is held until a second one agrees."""

    synced: bool
    added: int = 0
    changed: int = 0
    closed: int = 0
    total: int = 0
    held: int = 0


class Collector:
    """Hub, database and archive, opened together. Use :meth:`open` as a context manager.

    Attributes:
        store / archive: open.
        client: open, or None for work that needs no hub.
        quota: of the client's key; None without a client.
        meter: by which its calls are let in, on behalf of a class of work.
    """

    def __init__(self, settings: Settings, store: Store, archive: Archive, client: HubClient | None) -> None:
        self.settings = settings
        self.store = store
        self.archive = archive
        self._client = client
        self.quota: Quota | None = None
        self.meter: Meter | None = None
        self._one_writer = False
        self._state: State | None = None
        self._stack = ExitStack()

    @classmethod
    def open(
        cls,
        settings: Settings,
        *,
        hub_url: str | None = None,
        api_key: SecretStr | None = None,
        database_url: str | None = None,
        needs_hub: bool = True,
        work: CallClass = "live",
        clock: Callable[[], datetime] | None = None,
    ) -> Collector:
        """Open everything.

        Args:
            hub_url, api_key, database_url: instead of those of the settings.
            needs_hub: False opens without a key.
            work: the class to which calls are charged; from backfill, what live data needs is kept back.
            clock: naive KST now; default: this machine's clock, and for the day's quota that of the state database's server.

        Raises:
            UsageError: there is no key.
            StoreError, ArchiveError: database or archive cannot be opened.
        """
        key = api_key or settings.api_key
        if needs_hub and not key:
            raise UsageError(
                "there is no API Hub key",
                ko="API허브 인증키가 없습니다",
                todo_en="set KMAFLOW_API_KEY (or .env); without a key of your own: kmaflow simulate",
                todo_ko="KMAFLOW_API_KEY(또는 .env)에 인증키를 넣으십시오; 키가 없으면 kmaflow simulate",
            )
        archive = Archive(settings.archive_url)
        store = Store(database_url or settings.database_url)
        collector = cls(settings, store, archive, None)
        collector._stack.callback(store.dispose)
        if needs_hub and key is not None:
            collector._open_hub(key, hub_url or settings.hub_url, work, clock)
        return collector

    def _open_hub(self, key: SecretStr, hub_url: str, work: CallClass, clock: Callable[[], datetime] | None) -> None:
        # A SQLite file has one writer at a time: a reservation that waits for a load of ours would hold up the fetching beside it.
        self._one_writer = self.state.one_writer
        quota = self._stack.enter_context(
            open_quota(self.settings, self.state, key_id(key), clock=clock, one_by_one=self._one_by_one)
        )
        self.meter = Meter(quota, work)
        client = HubClient(key, hub_url, meter=self.meter, on_failure=self._note_failure, clock=clock or now_kst)
        self._stack.callback(client.close)
        self.quota, self._client = quota, client

    def __enter__(self) -> Collector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close hub and database."""
        self._stack.close()

    @property
    def state(self) -> State:
        """Leases, in the database ``STATE_URL``; opened when first used."""
        if self._state is None:
            self._state = State(self.settings.state_url)
            self._stack.callback(self._state.dispose)
        return self._state

    @property
    def client(self) -> HubClient:
        """The open hub client."""
        if self._client is None:
            raise UsageError(
                "this work was opened without a hub",
                ko="API허브 연결 없이 연 작업입니다",
                todo_en="open it with a key: Collector.open(settings)",
                todo_ko="인증키를 설정하고 Collector.open(settings)으로 여십시오",
            )
        return self._client

    def _note_failure(self, failure: Failure) -> None:
        """Every refused request into the ledger, also those that our own quota refused; what came with it into the archive."""
        content = failure.error.body
        digest = keep(self.archive, failure, content, failure.error.status) if content else None
        self.store.note(
            LedgerRow.failed(
                failure,
                digest,
                key_id=self.client.key_id,
                message=told(failure.error),
                kind=DEFERRED if isinstance(failure.error, DayQuotaSpent) else REQUEST,
            )
        )

    def _one_by_one(self) -> Collection[str]:
        """The datasets whose calls for all stations ask for one stamp each."""
        return self.store.asked_one_by_one(self.settings.window_minutes)

    def _flush(self) -> None:
        if self.quota is not None:
            self.quota.flush()

    def sync_stations(self, max_age: timedelta | None = None, *, force: bool = False) -> StationSync:
        """Ask for both station lists and keep what changed; nothing is done if both were answered within ``max_age``.

        Args:
            force: take lists that close many stations at once.

        Raises:
            HubError: a list was refused.
        """
        now = self.client.clock()
        names = [f"station_{network}" for network in STATION_LISTS]
        if max_age is not None:
            answered = [self.store.last_answer(name) for name in names]
            if all(moment is not None and now - moment < max_age for moment in answered):
                return StationSync(False, total=self.store.station_count())
        changes = StationChanges()
        for stations in STATION_LISTS.values():
            answer = self.client.ask_stations(stations)
            digest = keep(self.archive, answer, answer.content, answer.status)
            request = LedgerRow.answered(answer, digest, key_id=self.client.key_id)
            try:
                parsed = parse_stations(stations, answer.content)
            except HubError as error:
                self.store.note(replace(request, outcome=error.code, message=error.what))
                raise
            for line in parsed.rejected[:_TOLD]:
                log.warning("%s, line %d: %s", answer.name, line.line, printable(line.reason, 200))
            if more := len(parsed.rejected[_TOLD:]):
                log.warning("%s: %d more lines cannot be read", answer.name, more)
            request = replace(request, row_count=parsed.rows.height, rejected=len(parsed.rejected))
            changed = self.store.load_stations(parsed, request, force=force)
            if changed.held:
                log.warning(
                    "%s would close %d stations: held until a list of another day agrees", answer.name, changed.held
                )
            changes += changed
        self._flush()
        return StationSync(True, changes.added, changes.changed, changes.closed, changes.total, changes.held)

    def choose_stations(
        self, text: str | Iterable[str | int] | None = None, datasets: Iterable[str] = DATASETS
    ) -> StationChoice:
        """A person's words (default: the setting ``STATIONS``) as numbers, for these datasets.

        Raises:
            UnknownStations: the nearest valid ones are named.
        """
        self.store.init()
        with reading(self.store.engine) as connection:
            return resolve_stations(connection, self.settings.stations if text is None else text, datasets)

    def collect(
        self,
        name: str,
        window: Window,
        choice: StationChoice | None = None,
        *,
        on_progress: Callable[[DatasetResult], None] | None = None,
    ) -> DatasetResult:
        """Collect one dataset over one window.

        Raises:
            UsageError: no such dataset, or the window lies in the future.
            StoreError, ArchiveError: the disk or database failed. Refusals of the hub are in the result instead.
        """
        self.check_window(name, window)
        choice = choice or self.choose_stations()
        run = self._run(name, window, choice, None, on_progress)
        fields = log_fields(dataset=name, window=str(window))
        with fields, self.work_lease(self._work_name(name, window), choice) as lease:
            if not lease.take():
                log.info("%s %s: another worker is at it; waiting for its end", name, window)
                began = self.client.clock()
                if not lease.take(wait=True, timeout=_LONGEST_WAIT):
                    raise StoreBusy(
                        f"{name} {window}: another worker has been at it for {_LONGEST_WAIT / 3600:.0f} h",
                        ko=f"{name} {window}: 다른 워커가 {_LONGEST_WAIT / 3600:.0f}시간째 작업 중입니다",
                    )
                # What it has done is not asked again; what it could not do, or died over, is.
                run.leave_out(self.store.done_since(name, began - HOUR, choice.selection))
            return self._flushed(run)

    def ask(
        self,
        name: str,
        window: Window,
        calls: Iterable[Call],
        choice: StationChoice,
        *,
        work: CallClass,
        on_progress: Callable[[DatasetResult], None] | None = None,
    ) -> DatasetResult:
        """Make these calls, in their order, on behalf of a class of work. Who else is at them is the caller's business.

        Args:
            window: that holds them all.

        Raises:
            StoreError, ArchiveError: the disk or database failed. Refusals of the hub are in the result instead.
        """
        run = self._run(name, window, choice, calls, on_progress)
        assert self.meter is not None
        before, self.meter.cls = self.meter.cls, work
        try:
            with log_fields(dataset=name, window=str(window)):
                return self._flushed(run)
        finally:
            self.meter.cls = before

    def _run(
        self,
        name: str,
        window: Window,
        choice: StationChoice,
        calls: Iterable[Call] | None,
        on_progress: Callable[[DatasetResult], None] | None,
    ) -> DatasetRun:
        return DatasetRun(
            dataset(name),
            window,
            choice,
            store=self.store,
            client=self.client,
            archive=self.archive,
            window_minutes=ONE_STAMP if name in self._one_by_one() else self.settings.window_minutes,
            calls=calls,
            one_writer=self._one_writer,
            on_progress=on_progress,
        )

    def _flushed(self, run: DatasetRun) -> DatasetResult:
        try:
            return run.run()
        finally:
            self._flush()

    def work_lease(self, what: str, choice: StationChoice, *, ttl: float = 60.0) -> Lease:
        """A lease for work of a name that is the same for every worker that does it; the database belongs to it, secrets do not."""
        return self.state.lease(f"{what} {self._where(choice)}", ttl=ttl)

    def _where(self, choice: StationChoice) -> str:
        return sha256(f"{self.store.shown_url} {choice.selection}".encode()).hexdigest()[:12]

    def _work_name(self, name: str, window: Window) -> str:
        return f"{name} {window.start:%Y%m%d%H%M}-{window.end:%Y%m%d%H%M}"

    def check_window(self, name: str, window: Window) -> Dataset:
        """The dataset, if the window can be asked for.

        Raises:
            UsageError: no such dataset, or the window lies in the future or holds no stamp.
        """
        described = dataset(name)
        now = self.client.clock()
        if window.end > now:
            raise UsageError(
                f"the window {window} reaches into the future: now it is {now:%Y-%m-%d %H:%M} KST",
                ko=f"수집 구간 {window}의 끝이 미래입니다: 지금은 한국시각 {now:%Y-%m-%d %H:%M}",
                todo_en="let to lie before now",
                todo_ko="to는 현재 시각(한국시각) 이전이어야 합니다",
            )
        if window.count(described.cadence) == 0:
            raise UsageError(
                f"the window {window} holds no stamp of {name}",
                ko=f"수집 구간 {window}에 {name}의 관측시각이 없습니다",
                todo_en=f"{name} has a stamp every {in_words(described.cadence, 'en')}",
                todo_ko=f"{name}의 관측 주기는 {in_words(described.cadence, 'ko')}입니다",
            )
        return described
