"""Many writers at once, killed at any moment, connections lost in the middle: the tables end as if one had loaded alone."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from kmaflow.catalog.time import MINUTE, Window
from kmaflow.failpoints import POINTS
from kmaflow.store import Store
from kmaflow.store.engines.database import locks_of, writing_alone
from kmaflow.store.engines.loader import Loader, loader_for
from kmaflow.store.errors import StoreBusy, StoreConflict, StoreLost

from ..databases import database
from .bodies import NOON, WITNESS, at, load, minute_body, observations, revisions, rows, stamp, value

SERVERS = ("postgresql", "mariadb")
CELL = (stamp(1), 108)

#: Loads what the file says in an order of its own; one line for each load, so that whoever watches can wait for it.
WORKER = """
import json, random, sys
from datetime import datetime
from pathlib import Path
from kmaflow.catalog.time import Window
from kmaflow.store import Store
sys.path.insert(0, sys.argv[4])
from tests.store.bodies import load
url, plan, seed = sys.argv[1:4]
answers = json.loads(Path(plan).read_text())
random.Random(int(seed)).shuffle(answers)
with Store(url) as store:
    for answer in answers:
        window = Window(datetime.fromisoformat(answer["from"]), datetime.fromisoformat(answer["to"]))
        load(store, answer["body"].encode("cp949"), datetime.fromisoformat(answer["at"]), window=window)
        print("loaded", flush=True)
"""


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path, every_month: None) -> Iterator[Store]:
    with database(request.param, tmp_path) as url, Store(url) as store:
        store.ensure("aws_minute")
        yield store


def _answers(count: int) -> tuple[list[dict[str, str]], dict[tuple[str, int], float | None]]:
    """Overlapping windows across midnight, each cell said several times and differently, and what the youngest says of each."""
    chance = random.Random(7)
    midnight = NOON.replace(hour=0)
    answers, youngest = [], dict[tuple[str, int], float | None]()
    for index in range(count):
        start = midnight + chance.randrange(-20, 10) * MINUTE
        window = Window(start, start + chance.choice([5, 10, 15]) * MINUTE)
        cells: dict[Any, dict[str, float]] = {}
        for tm in window.stamps(MINUTE):
            cells[tm, WITNESS] = {"ta": 0.0}
            for stn in range(90, 130):
                if chance.random() < 0.9:
                    cells[tm, stn] = {} if chance.random() < 0.1 else {"ta": float(chance.randrange(-9, 10))}
        for (tm, stn), values in cells.items():
            if values or (str(tm), stn) not in youngest:
                youngest[str(tm), stn] = values.get("ta")
        fetched = midnight + timedelta(hours=1, seconds=index)
        answers.append(
            {
                "from": str(window.start),
                "to": str(window.end),
                "at": str(fetched),
                "body": minute_body(cells, witness=False).decode("cp949"),
            }
        )
    return answers, youngest


def _start(store: Store, plan: Path, seed: int, failpoint: str = "") -> subprocess.Popen[str]:
    root = str(Path(__file__).resolve().parents[2])
    url = store.engine.url.render_as_string(hide_password=False)
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, url, str(plan), str(seed), root],
        env={**os.environ, "KMAFLOW_FAILPOINT": failpoint},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(("server", "wanted"), [("postgresql", 20), ("mariadb", 8)], indirect=["server"])
def test_eight_writers_killed_many_times_and_at_every_failpoint(server: Store, tmp_path: Path, wanted: int) -> None:
    answers, youngest = _answers(24)
    plan = tmp_path / "answers.json"
    plan.write_text(json.dumps(answers))
    chance = random.Random(11)
    points = [point for point in POINTS if point not in {"answer_fetched", "body_archived", "manifest_noted"}]
    points = [point for point in points if point not in {"rejected_kept", "pairs_written"}]
    failpoints = iter([f"{point}:{1 + index % 3}" for index, point in enumerate(points)])
    workers = {seed: _start(server, plan, seed, next(failpoints, "")) for seed in range(8)}
    died, kills = 0, 0

    def ended(seed: int) -> None:
        """Wait for a worker's end; one that was killed starts again."""
        nonlocal died
        _, told = workers[seed].communicate(timeout=600)
        assert (workers[seed].returncode, told) in {(0, ""), (-signal.SIGKILL, "")}
        if workers.pop(seed).returncode:
            died += 1
            workers[seed] = _start(server, plan, seed, next(failpoints, ""))

    while kills < wanted:
        seed = chance.choice(sorted(workers))
        stdout = workers[seed].stdout
        assert stdout is not None
        # At a moment of its own: after so many loads, anywhere in the next one.
        loads = [stdout.readline() for _ in range(chance.randrange(4))]
        workers[seed].send_signal(signal.SIGKILL)
        kills += all(loads)
        ended(seed)
        if len(workers) < 8:
            workers[seed] = _start(server, plan, seed, next(failpoints, ""))
    while workers:
        ended(min(workers))
    assert died >= wanted
    assert next(failpoints, None) is None
    stored = {(str(tm), stn): ta for tm, stn, ta in rows(server, "SELECT tm_kst, stn, ta FROM aws_minute")}
    assert stored == youngest
    counted = rows(server, "SELECT SUM(present), SUM(blank) FROM completeness_hour")
    blank = sum(ta is None for ta in youngest.values())
    assert counted == [(len(youngest) - blank, blank)]
    valued = rows(server, "SELECT stn, MAX(tm_kst) FROM aws_minute WHERE ta IS NOT NULL GROUP BY stn ORDER BY stn")
    assert rows(server, "SELECT stn, tm_kst FROM latest ORDER BY stn") == valued
    orphans = "SELECT COUNT(*) FROM aws_minute m LEFT JOIN request f ON f.id = m.request_id WHERE f.id IS NULL"
    assert rows(server, orphans) == [(0,)]


def _kill_own_connection(loader: Loader) -> None:
    """End the session that the loader is using, from another one."""
    own = "SELECT pg_backend_pid()" if loader.connection.dialect.name == "postgresql" else "SELECT CONNECTION_ID()"
    number = loader.connection.exec_driver_sql(own).scalar_one()
    other = sa.create_engine(loader.connection.engine.url)
    with other.begin() as connection:
        if loader.connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_terminate_backend({number})")
        else:
            connection.exec_driver_sql(f"KILL CONNECTION {number}")
    other.dispose()


def test_a_connection_lost_in_the_middle_is_retried_as_a_whole(server: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with server.engine.connect() as connection:
        kind = type(loader_for(connection))
    real, calls = kind.add_counts, []

    def cut(self: Loader, *arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            _kill_own_connection(self)
        real(self, *arguments)

    monkeypatch.setattr(kind, "add_counts", cut)
    loaded = load(server, minute_body({CELL: {"ta": 1.0}}), at(15))
    assert (loaded.inserted, len(calls)) == (2, 2)
    assert rows(server, "SELECT COUNT(*) FROM request") == [(1,)]
    assert rows(server, "SELECT SUM(present) FROM completeness_hour") == [(2,)]


def test_what_another_transaction_ended_is_run_again_and_at_last_given_up(
    server: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kmaflow.store import load as loading

    calls: list[int] = []
    real = loading.load

    def meeting(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) < 3:
            raise StoreConflict("deadlock detected")
        return real(*arguments, **options)

    monkeypatch.setattr("kmaflow.store.store.load", meeting)
    assert load(server, minute_body({CELL: {"ta": 1.0}}), at(15)).inserted == 2
    monkeypatch.setattr("kmaflow.store.engines.database.TRIES", 2)

    def lost(*_: Any, **__: Any) -> Any:
        raise StoreLost("gone")

    monkeypatch.setattr("kmaflow.store.store.load", lost)
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    with pytest.raises(StoreLost, match="nothing is half-written"):
        load(server, minute_body({CELL: {"ta": 2.0}}), at(16))
    assert value(server, "ta", CELL) == 1.0


def test_one_writer_for_a_day_at_a_time(server: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second writer of the same day waits, one of another day does not; whoever waits too long is told."""
    monkeypatch.setattr("kmaflow.store.engines.base.BUSY_SECONDS", 0)
    window = Window(NOON, NOON + 10 * MINUTE)
    with writing_alone(server.engine, locks_of("aws_minute", window)):
        other = Window(NOON + timedelta(days=1), NOON + timedelta(days=1, minutes=10))
        cell = (other.start + MINUTE, 108)
        assert load(server, minute_body({cell: {"ta": 2.0}}), at(15), window=other).inserted == 2
        url = server.engine.url
        if server.engine.dialect.name == "postgresql":
            url = url.update_query_dict({"options": "-c lock_timeout=10ms"})
        with Store(url.render_as_string(hide_password=False)) as impatient, pytest.raises(StoreBusy):
            load(impatient, minute_body({CELL: {"ta": 1.0}}), at(15))
    assert load(server, minute_body({CELL: {"ta": 1.0}}), at(15)).inserted == 2
    assert len(observations(server)) == 4
    assert revisions(server) == []


def test_a_window_that_ends_at_midnight_belongs_to_one_day() -> None:
    midnight = NOON.replace(hour=0)
    assert locks_of("t", Window(midnight - timedelta(days=1), midnight)) == [
        f"t {midnight - timedelta(days=1):%Y-%m-%d}"
    ]
    assert len(locks_of("t", Window(midnight - MINUTE, midnight + MINUTE))) == 2
