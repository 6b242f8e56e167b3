"""The main job against a real HTTP server: every cell as the simulator's truth says, every fault told and nothing asked in vain."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import MINUTE, Window
from kmaflow.collect import ALL, Collector, DatasetResult, StationChoice
from kmaflow.errors import UsageError
from kmaflow.hub.errors import BadKey, HubError
from kmaflow.simulator import KeyGrant
from kmaflow.simulator.server import Running
from kmaflow.store import Store
from kmaflow.store.errors import StoreBusy, StoreFull

from .hub import (
    collecting,
    differences,
    ledger,
    plan,
    post,
    requests_seen,
    settings_for,
    simulated,
    stored,
    window,
)

TEN = window("12:00", "12:10")
HALF_HOUR = window("12:00", "12:30")


# ----------------------------------------------------------------------------------------------------- the truth


@pytest.mark.parametrize("name", DATASETS)
def test_every_cell_equals_the_truth(hub: Running, tmp_path: Path, name: str) -> None:
    wanted = window("09:00", "12:00") if name == "asos_hourly" else window("12:00", "12:15")
    with collecting(hub, tmp_path) as collector:
        result = collector.collect(name, wanted)
        assert (result.complete, result.failed, result.error) == (True, False, None)
        first = wanted.start + DATASETS[name].cadence
        assert differences(collector, hub, name, first, wanted.end) == []
        assert result.rows == result.inserted == len(stored(collector, name))
        assert result.last_stamp == wanted.end
        again = collector.collect(name, wanted)
        assert (again.inserted, again.updated, again.revised, again.unchanged) == (0, 0, 0, result.rows)
        assert set(ledger(collector, name)) == {"ok", "unchanged"}


def test_a_window_across_midnight_holds_its_own_midnight_and_stations_come_and_go(tmp_path: Path) -> None:
    with (
        simulated(datetime(2025, 1, 15, 1, 0)) as hub,
        collecting(hub, tmp_path, datetime(2025, 1, 15, 1, 0)) as collector,
    ):
        start = datetime(2025, 1, 14, 23, 57)
        night = Window(start, start + 6 * MINUTE)
        assert collector.collect("aws_minute", night).complete
        long = Window(start - 20 * MINUTE, start + 20 * MINUTE)
        assert collector.collect("aws_visibility", long).complete
        assert differences(collector, hub, "aws_minute", start + MINUTE, night.end) == []
        assert differences(collector, hub, "aws_visibility", long.start + MINUTE, long.end) == []
        by_stamp: dict[str, set[int]] = {}
        for tm, stn in stored(collector, "aws_visibility"):
            by_stamp.setdefault(tm, set()).add(stn)
        assert "2025-01-15 00:00:00" in by_stamp
        assert len({frozenset(stations) for stations in by_stamp.values()}) > 1


def test_only_chosen_stations_are_stored_whether_asked_alone_or_together(hub: Running, tmp_path: Path) -> None:
    with collecting(hub, tmp_path) as collector:
        one = collector.collect("aws_minute", HALF_HOUR, StationChoice((108,)))
        assert (one.planned, one.calls, one.rows) == (1, 1, 30)
        two = collector.collect("aws_minute", TEN, StationChoice((90, 108)))
        assert (two.calls, two.rows, two.inserted) == (1, 20, 10)
        assert {stn for _, stn in stored(collector, "aws_minute")} == {90, 108}
        assert collector.collect("aws_minute", TEN).inserted > 7000
        assert differences(collector, hub, "aws_minute", TEN.start + MINUTE, TEN.end) != []  # 108 has 20 minutes more
    queries = [seen["query"] for seen in requests_seen(hub)]
    assert "stn=108" in queries[0]
    assert all("stn=0" in query for query in queries[1:])


def test_progress_is_told_call_by_call(hub: Running, tmp_path: Path) -> None:
    told: list[tuple[int, int, int]] = []

    def hear(result: DatasetResult) -> None:
        told.append((result.done, result.planned, result.rows))

    with collecting(hub, tmp_path) as collector:
        result = collector.collect("aws_cloud", HALF_HOUR, on_progress=hear)
    assert [done for done, _, _ in told] == [1, 2, 3]
    assert told[-1][2] == result.rows
    assert result.summary()["from"] == "2025-01-15 12:00"


# ---------------------------------------------------------------------------------------------- faults that pass


@pytest.mark.parametrize("fault", ["truncate", "http504", "drop"])
def test_what_is_cut_is_asked_again_in_halves(hub: Running, tmp_path: Path, fault: str) -> None:
    plan(hub, fault)
    with collecting(hub, tmp_path) as collector:
        result = collector.collect("aws_cloud", TEN)
        assert (result.complete, result.calls) == (True, 3)
        assert ledger(collector, "aws_cloud") == [{"http504": "server"}.get(fault, "truncated"), "ok", "ok"]
        assert differences(collector, hub, "aws_cloud", TEN.start + MINUTE, TEN.end) == []


def test_what_stays_broken_is_missing_and_asking_stops_after_three_windows(hub: Running, tmp_path: Path) -> None:
    plan(hub, "http504", count=1000)
    with collecting(hub, tmp_path, window_minutes=1) as collector:
        result = collector.collect("aws_cloud", TEN)
        assert (result.complete, result.failed, result.rows) == (False, True, 0)
        assert len(requests_seen(hub)) == len(ledger(collector, "aws_cloud")) == result.calls == 3 * 4
        assert result.missing[-1] == "(2025-01-15 12:03, 2025-01-15 12:10]: not asked (7 calls) after: server"
        assert len(result.missing) == 4


def test_one_broken_window_does_not_stop_the_others(hub: Running, tmp_path: Path) -> None:
    plan(hub, "http504", count=1000, match={"tm2": "202501151211"})
    with collecting(hub, tmp_path, window_minutes=1) as collector:
        result = collector.collect("aws_cloud", window("12:10", "12:13"))
        assert [part.split(": ")[1] for part in result.missing] == ["server"]
        assert (result.complete, result.failed) == (False, False)
        assert {tm for tm, _ in stored(collector, "aws_cloud")} == {"2025-01-15 12:12:00", "2025-01-15 12:13:00"}


@pytest.mark.parametrize(("status", "tries"), [(200, 1), (503, 1)])
def test_maintenance_is_not_hammered(hub: Running, tmp_path: Path, status: int, tries: int) -> None:
    plan(hub, "maintenance", count=100, argument=status)
    with collecting(hub, tmp_path) as collector:
        result = collector.collect("aws_minute", TEN)
        assert result.failed
        assert ledger(collector) == ["maintenance"] * tries
        assert len(collector.archive.manifest()) == tries


def test_garbage_costs_its_line_and_nothing_else(hub: Running, tmp_path: Path) -> None:
    plan(hub, "garbage")
    with collecting(hub, tmp_path) as collector:
        result = collector.collect("aws_cloud", TEN)
        assert (result.rejected, result.missing, result.complete, result.failed) == (1, [], False, False)
        assert len(differences(collector, hub, "aws_cloud", TEN.start + MINUTE, TEN.end)) == 1
        again = collector.collect("aws_cloud", TEN)
        assert (again.inserted, again.complete) == (1, True)
        assert differences(collector, hub, "aws_cloud", TEN.start + MINUTE, TEN.end) == []


def test_late_rows_blank_cells_and_corrections_end_as_the_truth(tmp_path: Path) -> None:
    from kmaflow.simulator import parse_faults

    faults = parse_faults("late=0.1:8m,blank=0.1:15m,correction=0.2:30m")
    early, later = datetime(2025, 1, 15, 12, 13), datetime(2025, 1, 15, 14, 0)
    with simulated(early, faults=faults) as hub:
        with collecting(hub, tmp_path, early) as collector:
            first = collector.collect("aws_cloud", TEN)
            assert differences(collector, hub, "aws_cloud", TEN.start + MINUTE, TEN.end) != []
        post(hub, "clock", {"now": f"{later:%Y%m%d%H%M}"})
        with collecting(hub, tmp_path, later) as collector:
            second = collector.collect("aws_cloud", TEN)
            assert differences(collector, hub, "aws_cloud", TEN.start + MINUTE, TEN.end) == []
            assert second.revised > 0
            with collector.store.engine.connect() as connection:
                written = connection.exec_driver_sql("SELECT COUNT(*), COUNT(old_value) FROM revision").one()
            assert written[0] == second.revised
            assert second.rows == first.rows + second.inserted


def test_unproduced_minutes_are_missing_not_stored_and_no_failure(hub: Running, tmp_path: Path) -> None:
    with collecting(hub, tmp_path) as collector:
        result = collector.collect("aws_minute", window("12:50", "13:00"))
        assert result.missing == ["2025-01-15 12:59 … 13:00: not_yet_produced"]
        assert (result.complete, result.failed) == (False, False)
        assert ledger(collector) == ["partial"]
        assert max(tm for tm, _ in stored(collector, "aws_minute")) == "2025-01-15 12:58:00"
        one = collector.collect("aws_minute", window("12:59", "13:00"))
        assert one.missing == ["2025-01-15 13:00: not_yet_produced"]
        nothing = collector.collect("asos_hourly", window("12:00", "13:00"))
        assert (nothing.rows, nothing.failed, nothing.complete) == (0, False, False)
        assert ledger(collector, "asos_hourly") == ["not_yet_produced"]


# ------------------------------------------------------------------------------------------- refusals that stay


@pytest.mark.parametrize(
    ("grant", "code"),
    [
        (KeyGrant("another-key"), "bad_key"),
        (KeyGrant("simulator-key-000000000", other_host=True), "bad_key"),
        (KeyGrant("simulator-key-000000000", operations=frozenset({"stn_inf.php"})), "not_applied"),
        (KeyGrant("simulator-key-000000000", daily_calls=0), "quota"),
        (KeyGrant("simulator-key-000000000", daily_bytes=0), "quota"),
    ],
)
def test_a_terminal_refusal_is_asked_once(tmp_path: Path, grant: KeyGrant, code: str) -> None:
    with simulated(keys=(grant,)) as hub, collecting(hub, tmp_path) as collector:
        result = collector.collect("aws_minute", HALF_HOUR)
        assert isinstance(result.error, HubError)
        spent = code == "quota"
        assert (result.error.code, result.failed, result.calls) == (code, not spent, 1)
        assert ledger(collector) == ([code, code] if spent else [code]), "what the quota left unasked is in the ledger"
        assert len(requests_seen(hub)) == 1
        assert result.missing[-1].endswith(
            "not asked: quota (2 calls)" if spent else f"not asked (2 calls) after: {code}"
        )
        with collector.store.engine.connect() as connection:
            row = connection.exec_driver_sql("SELECT sha256, message FROM request ORDER BY id").first()
        assert row is not None
        assert b'"status"' in collector.archive.body(row[0])
        assert row[1]


def test_a_key_error_with_http_200_is_no_empty_table(hub: Running, tmp_path: Path) -> None:
    plan(hub, "json200")
    with collecting(hub, tmp_path) as collector:
        result = collector.collect("aws_minute", TEN)
        assert isinstance(result.error, BadKey)
        assert result.failed
        assert "aws_minute" not in _tables(collector)
        assert len(requests_seen(hub)) == 1


def _tables(collector: Collector) -> set[str]:
    with collector.store.engine.connect() as connection:
        return {row[0] for row in connection.exec_driver_sql("SELECT name FROM sqlite_master")}


def test_the_quota_ends_the_work_where_it_is_spent(tmp_path: Path) -> None:
    with (
        simulated(keys=(KeyGrant("simulator-key-000000000", daily_calls=2),)) as hub,
        collecting(hub, tmp_path) as collector,
    ):
        result = collector.collect("aws_cloud", HALF_HOUR)
        assert sorted(ledger(collector, "aws_cloud")) == ["ok", "ok", "quota"]
        assert (result.failed, result.complete) == (False, False)
        assert {tm for tm, _ in stored(collector, "aws_cloud")} == {f"2025-01-15 12:{m:02d}:00" for m in range(1, 21)}


def test_a_changed_format_is_archived_and_nothing_is_stored(
    hub: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kmaflow.hub import client

    real = client.HubClient._get

    def renamed(self: client.HubClient, *request: Any) -> tuple[bytes, int]:
        content, status = real(self, *request)
        return content.replace(b" RN-15m", b" RN-20m"), status

    monkeypatch.setattr(client.HubClient, "_get", renamed)
    with collecting(hub, tmp_path) as collector:
        result = collector.collect("aws_minute", TEN)
        assert result.failed
        assert ledger(collector) == ["changed_format"]
        (entry,) = collector.archive.manifest()
        assert b" RN-20m" in collector.archive.body(entry.sha256)
        assert "aws_minute" not in _tables(collector)


def test_a_new_column_is_read_past_and_told_until_an_answer_is_without_it(
    hub: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kmaflow.hub import client

    real = client.HubClient._get

    def wider(self: client.HubClient, *request: Any) -> tuple[bytes, int]:
        content, status = real(self, *request)
        return content.replace(b",CA_TOT,=", b",CA_TOT,SNOW,=").replace(b",=\n2", b", 1.5,=\n2").replace(
            b",=\n#7", b", 1.5,=\n#7"
        ), status

    def told(collector: Collector) -> str | None:
        return next(one.note for one in collector.store.status() if one.dataset == "aws_cloud")

    with collecting(hub, tmp_path) as collector:
        collector.collect("aws_cloud", window("11:40", "11:50"))
        assert told(collector) is None
        with monkeypatch.context() as patch:
            patch.setattr(client.HubClient, "_get", wider)
            result = collector.collect("aws_cloud", TEN)
        assert (result.complete, result.rejected) == (True, 0)
        assert result.rows > 0
        assert result.notes == [told(collector)] == ["new in the header, kept in the archive only: SNOW"]


# ------------------------------------------------------------------------------------------------------- bounds


def test_bad_questions_are_refused_before_anything_is_asked(hub: Running, tmp_path: Path) -> None:
    with collecting(hub, tmp_path) as collector:
        with pytest.raises(UsageError, match="future"):
            collector.collect("aws_minute", window("12:55", "13:05"))
        with pytest.raises(UsageError, match="holds no stamp"):
            collector.collect("asos_hourly", window("12:10", "12:50"))
        with pytest.raises(UsageError, match="there is no dataset"):
            collector.collect("aws_minutes", TEN)
    assert requests_seen(hub) == []


def test_no_key_no_hub(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no API Hub key"):
        Collector.open(settings_for(None, tmp_path))
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector, pytest.raises(UsageError):
        _ = collector.client


def test_an_empty_key_is_no_key(tmp_path: Path) -> None:
    """As compose files and empty lines of .env set it: nothing is asked of the hub with it."""
    with pytest.raises(UsageError, match="no API Hub key"):
        Collector.open(settings_for(None, tmp_path, api_key=""))


def test_a_full_disk_stops_the_run_and_keeps_what_was_loaded(
    hub: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Store.load
    calls: list[int] = []

    def second_fails(self: Store, *arguments: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise StoreFull("no room")
        return real(self, *arguments)  # type: ignore[arg-type]

    with collecting(hub, tmp_path) as collector:
        with monkeypatch.context() as patch:
            patch.setattr(Store, "load", second_fails)
            with pytest.raises(StoreFull):
                collector.collect("aws_cloud", HALF_HOUR)
        assert ledger(collector, "aws_cloud") == ["ok"]
        assert collector.collect("aws_cloud", HALF_HOUR).complete
        assert differences(collector, hub, "aws_cloud", HALF_HOUR.start + MINUTE, HALF_HOUR.end) == []


def test_two_collectors_on_the_same_window_leave_one_truth(hub: Running, tmp_path: Path) -> None:
    results: list[DatasetResult] = []
    together = threading.Barrier(2)

    def work() -> None:
        together.wait()
        with collecting(hub, tmp_path) as collector:
            results.append(collector.collect("aws_cloud", HALF_HOUR))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.complete for result in results] == [True, True]
    with collecting(hub, tmp_path) as collector:
        assert differences(collector, hub, "aws_cloud", HALF_HOUR.start + MINUTE, HALF_HOUR.end) == []
        assert sum(result.inserted for result in results) == len(stored(collector, "aws_cloud"))


def test_two_workers_on_one_window_do_the_work_once(
    hub: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one waits for the first, then finds everything done and asks nothing."""
    asked = window("12:00", "12:30")
    waits = threading.Event()
    with collecting(hub, tmp_path) as first, collecting(hub, tmp_path) as second, ThreadPoolExecutor(1) as pool:
        first.sync_stations()
        before = len(requests_seen(hub))
        caplog.set_level(logging.INFO, "kmaflow.collect")
        monkeypatch.setattr(
            caplog.handler, "emit", lambda record: waits.set() if "another worker" in record.msg else None
        )
        others: list[Future[DatasetResult]] = []

        def meet(_: DatasetResult) -> None:
            if not others:
                others.append(pool.submit(second.collect, "aws_cloud", asked))
                assert waits.wait(30)

        mine = first.collect("aws_cloud", asked, on_progress=meet)
        theirs = others[0].result()
        assert (mine.calls, theirs.calls, len(requests_seen(hub)) - before) == (3, 0, 3)
        assert theirs.notes == ["3 of 3 calls were made by another worker meanwhile"]
        assert theirs.complete
        assert not theirs.failed
        # Asking later is a new piece of work.
        assert second.collect("aws_cloud", asked).calls == 3


def test_what_another_worker_left_undone_is_done(hub: Running, tmp_path: Path) -> None:
    asked = window("12:00", "12:30")
    with collecting(hub, tmp_path) as first, collecting(hub, tmp_path) as second:
        first.collect("aws_cloud", window("12:00", "12:10"))
        lease = first.work_lease(second._work_name("aws_cloud", asked), ALL, ttl=0.3)
        assert lease.take()
        lease._stop.set()  # its worker is dead: nobody renews it
        result = second.collect("aws_cloud", asked)
        assert (result.calls, result.complete) == (2, True)
        assert differences(second, hub, "aws_cloud", asked.start.replace(minute=1), asked.end) == []


def test_a_worker_that_never_ends_is_not_waited_for_without_end(
    hub: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kmaflow.collect.collector._LONGEST_WAIT", 0.1)
    with collecting(hub, tmp_path) as first, collecting(hub, tmp_path) as second:
        with first.work_lease(second._work_name("aws_cloud", TEN), ALL) as lease:
            assert lease.take()
            with pytest.raises(StoreBusy, match="another worker"):
                second.collect("aws_cloud", TEN)
        assert second.collect("aws_cloud", TEN).complete
