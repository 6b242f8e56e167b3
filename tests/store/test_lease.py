"""Leases: one holder at a time, by the server's clock, for as long as the holder lives."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
import sqlalchemy as sa

from kmaflow.quota.limits import Limits
from kmaflow.store import lease as lease_module
from kmaflow.store.engines.database import server_time
from kmaflow.store.errors import StoreFull
from kmaflow.store.lease import Lease, owner_name, pauses, process_identity, sweep
from kmaflow.store.schema.service import LEASE
from kmaflow.store.state import State

from ..databases import ENGINES, database
from . import state_workers as workers

NAME = "aws_minute 202611221200-202611221210"


@pytest.fixture(scope="module", params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with database(request.param, tmp_path_factory.mktemp("lease")) as made:
        yield made


@pytest.fixture
def state(url: str) -> Iterator[State]:
    with State(url) as opened:
        yield opened
    workers.forget(url)


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    with workers.pool(4) as pool:
        yield pool


def expiry(state: State, name: str = NAME) -> datetime | None:
    with state.engine.begin() as connection:
        found: datetime | None = connection.execute(sa.select(LEASE.c.expires_at).where(LEASE.c.name == name)).scalar()
        return found


def others(state: State, name: str, ends_in: float) -> None:
    """A lease of somebody who is not there any more, ending so many seconds from the server's now."""
    now, end = server_time(state.engine), server_time(state.engine, ends_in)
    with state.engine.begin() as connection:
        connection.execute(LEASE.delete().where(LEASE.c.name == name))
        connection.execute(LEASE.insert().values(name=name, owner="somebody", taken_at=now, expires_at=end))


def rename(state: State, old: str, new: str) -> None:
    """A table away, so that every use of it fails, and back."""
    with state.engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")


def wait_until(condition: Callable[[], bool]) -> None:
    """Look again and again; after five minutes it is a failure."""
    import time

    end = time.monotonic() + 300
    for pause in pauses(0.2):
        if condition():
            return
        assert time.monotonic() < end, "it never came true"
        time.sleep(pause)


def test_a_lease_has_one_holder_until_it_is_given_back(state: State) -> None:
    with state.lease(NAME) as first, state.lease(NAME) as second:
        assert first.take()
        assert first.take(), "taking what one has is no harm"
        assert not second.take()
        assert not second.take(wait=True, timeout=0.1)
        assert (first.held, first.lost, second.held, second.lost) == (True, False, False, False)
        first.release()
        assert second.take()
        first.release()
        assert not first.take(), "a second release gave back the lease of another"
    assert expiry(state) is None


def test_leases_of_other_names_do_not_meet(state: State) -> None:
    with state.lease(NAME) as first, state.lease(NAME + " 108") as second:
        assert first.take()
        assert second.take()


def test_it_is_given_back_when_the_work_fails(state: State) -> None:
    def work() -> None:
        with state.lease(NAME) as lease:
            assert lease.take()
            raise StoreFull("no room")

    with pytest.raises(StoreFull):
        work()
    assert expiry(state) is None


def test_the_server_decides_when_it_has_expired(state: State) -> None:
    with state.lease(NAME, ttl=40) as lease:
        others(state, NAME, ends_in=5)
        assert not lease.take()
        others(state, NAME, ends_in=-0.01)
        assert lease.take()
        with state.engine.begin() as connection:
            taken, end, now = connection.execute(
                sa.select(LEASE.c.taken_at, LEASE.c.expires_at, server_time(state.engine))
            ).one()
    assert abs(end - taken - timedelta(seconds=40)) < timedelta(milliseconds=2)
    assert taken <= now


def test_the_clocks_of_all_engines_are_utc(state: State) -> None:
    with state.engine.begin() as connection:
        now, later = connection.execute(sa.select(server_time(state.engine), server_time(state.engine, 3600.5))).one()
        if state.engine.dialect.name == "postgresql":
            utc: datetime = connection.exec_driver_sql("SELECT now() AT TIME ZONE 'UTC'").scalar_one()
        elif state.engine.dialect.name == "sqlite":
            utc = datetime.fromisoformat(str(connection.exec_driver_sql("SELECT datetime('now')").scalar()))
        else:
            utc = connection.exec_driver_sql("SELECT UTC_TIMESTAMP(6)").scalar_one()
    assert abs(now - utc) < timedelta(minutes=1)
    assert abs(later - now - timedelta(seconds=3600.5)) < timedelta(seconds=1)


def test_while_it_is_held_it_is_renewed(state: State) -> None:
    with state.lease(NAME, ttl=6) as lease, state.lease(NAME) as other:
        assert lease.take()
        first = expiry(state)
        assert first is not None
        wait_until(lambda: (expiry(state) or first) > first + timedelta(seconds=6))
        assert not other.take(), "longer than its life, and still held"
        assert not lease.lost


def test_who_waits_gets_it_when_it_is_given_back(state: State) -> None:
    import threading

    with state.lease(NAME) as first, state.lease(NAME) as second:
        assert first.take()
        waiting = threading.Thread(target=lambda: second.take(wait=True, timeout=300))
        waiting.start()
        first.release()
        waiting.join()
        assert second.held


def test_a_holder_that_was_pushed_out_sees_it(state: State) -> None:
    with state.lease(NAME, ttl=0.3) as lease:
        assert lease.take()
        others(state, NAME, ends_in=60)
        wait_until(lambda: lease.lost)
        assert not lease.held
    assert expiry(state) is not None, "what another holds is not given back"


def test_a_lease_that_cannot_be_renewed_for_its_life_is_lost(state: State, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kmaflow.store.lease")
    with state.lease(NAME, ttl=0.6) as lease:
        assert lease.take()
        rename(state, "lease", "away")
        wait_until(lambda: lease.lost)
    rename(state, "away", "lease")
    assert any("tried again" in record.message for record in caplog.records)
    assert any("is not given back" in record.message for record in caplog.records)


def test_a_failure_that_passes_loses_nothing(state: State, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kmaflow.store.lease")
    with state.lease(NAME, ttl=15) as lease:
        assert lease.take()
        first = expiry(state)
        assert first is not None
        rename(state, "lease", "away")
        wait_until(lambda: any("tried again" in record.message for record in caplog.records))
        rename(state, "away", "lease")
        wait_until(lambda: (expiry(state) or first) > first)
        assert lease.held


def test_a_lost_lease_can_be_taken_again(state: State) -> None:
    with state.lease(NAME, ttl=2) as lease:
        assert lease.take()
        others(state, NAME, ends_in=1)
        wait_until(lambda: lease.lost)
        assert lease.take(wait=True, timeout=300)
        assert lease.held


def test_leases_of_the_dead_are_removed_a_day_later(state: State) -> None:
    others(state, "long ago", ends_in=-90_000)
    others(state, "today", ends_in=-3600)
    with state.lease(NAME) as lease:
        assert lease.take()
        with state.engine.begin() as connection:
            assert set(connection.execute(sa.select(LEASE.c.name)).scalars()) == {"today", NAME}
    assert sweep(state.engine, 60) == 1
    assert sweep(state.engine, 60) == 0


@pytest.mark.parametrize("far", [True, False], ids=["of another machine", "of this machine"])
def test_a_killed_holder_lets_it_expire(state: State, url: str, far: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if far:
        monkeypatch.setattr("kmaflow.store.lease._is_gone", lambda _: False)
    ours, theirs = workers.SPAWN.Pipe()
    assert expiry(state) is None
    with workers.importable():
        holder = workers.SPAWN.Process(target=workers.hold, args=(url, NAME, 6.0, theirs))
        holder.start()
    try:
        assert ours.recv() is True
        with state.lease(NAME) as lease:
            assert not lease.take()
            first = expiry(state)
            assert first is not None
            wait_until(lambda: (expiry(state) or first) > first)
            holder.kill()
            holder.join()
            assert lease.take() is not far, (
                "killed is not expired, but who is gone from this machine needs no waiting for"
            )
            assert lease.take(wait=True, timeout=300)
    finally:
        holder.kill()
        holder.join()
        holder.close()


def test_a_live_lease_is_safe_from_a_container_of_the_same_host_name(state: State, url: str) -> None:
    """``docker compose run`` and host networking give two containers one host name; each has PIDs of its own."""
    others = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*others, "true"], check=False, capture_output=True).returncode:
        pytest.skip("NO PID NAMESPACE: unshare --pid is not permitted here")
    take = (
        "import sys\n"
        "from kmaflow.store.state import State\n"
        "with State(sys.argv[1]) as state, state.lease(sys.argv[2]) as lease:\n"
        "    print(lease.take())\n"
    )
    with state.lease(NAME) as lease:
        assert lease.take()
        assert os.getpid() > 50, "the process in the namespace has a small PID: ours is not among its own"
        done = subprocess.run(
            [*others, sys.executable, "-c", take, url, NAME], check=True, capture_output=True, text=True
        )
        assert done.stdout == "False\n"
        assert expiry(state) is not None
        assert not lease.lost


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ({}, False),
        ({"started": "1"}, True),
        ({"process": "4194304"}, True),
        ({"process": "4194304", "namespace": "4026530000"}, False),
        ({"process": "4194304", "boot": "00000000000000000000000000000000"}, False),
        ({"process": "1", "started": "1"}, True),
    ],
    ids=["we", "our PID used again", "ended", "of another container", "of another machine", "init started later"],
)
def test_only_an_owner_of_this_pid_namespace_is_known_to_be_gone(change: dict[str, str], gone: bool) -> None:
    name = owner_name()
    assert len(name) <= 128
    identity = dict(zip(("boot", "namespace", "process", "started"), name.split()[1].split("/"), strict=True))
    there = name.replace(name.split()[1], "/".join((identity | change).values()))
    assert lease_module._is_gone(there) is gone


@pytest.mark.parametrize("owner", ["somebody", "a-host 4194304 0123", "a-host unknown 0123"])
def test_an_owner_that_says_nothing_of_its_process_is_waited_for(owner: str) -> None:
    assert not lease_module._is_gone(owner)


def test_where_proc_is_of_another_namespace_nobody_is_called_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = owner_name().replace(f"/{os.getpid()}/", "/4194304/")
    assert lease_module._is_gone(ended)
    monkeypatch.setattr(Path, "readlink", lambda _: Path("1"))
    assert process_identity() is None
    assert not lease_module._is_gone(ended)
    assert " unknown " in owner_name()


def test_two_are_never_inside(state: State, url: str, processes: ProcessPoolExecutor) -> None:
    workers.make_witness(state.engine)
    futures = [processes.submit(workers.enter_often, url, NAME, 5) for _ in range(4)]
    for future in futures:
        future.result()
    assert workers.witnessed(state.engine) == (0, 1, 20)


def test_workers_on_one_window_do_the_work_once(url: str, state: State, processes: ProcessPoolExecutor) -> None:
    workers.make_witness(state.engine)
    futures = [processes.submit(workers.do_once, url, NAME) for _ in range(4)]
    assert sorted(future.result() for future in futures) == [False, False, False, True]


def test_processes_make_the_tables_together(database_url: str, processes: ProcessPoolExecutor) -> None:
    futures = [processes.submit(workers.spend, database_url, "live", Limits(1), 1, 1) for _ in range(4)]
    assert sum(future.result()[0] for future in futures) == 1


@pytest.mark.parametrize(("name", "ttl"), [("", 60.0), ("x" * 129, 60.0), (NAME, 0.0)])
def test_a_lease_needs_a_name_and_a_life(name: str, ttl: float) -> None:
    with pytest.raises(ValueError, match="a lease needs"):
        Lease(sa.create_engine("sqlite://"), name, ttl)


def test_waits_are_short_at_first_and_never_longer_than_told() -> None:
    waits = list(islice(pauses(0.5), 40))
    assert 0 < waits[0] <= 0.05
    assert all(0.02 < wait <= 0.5 for wait in waits)
    assert max(waits) > 0.25
