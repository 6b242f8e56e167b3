"""A day of all datasets on a cluster: what it survives and what more workers bring.

Times are printed for docs/en/scaling.md.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from tests.e2e.cluster import COLLECTING, Cluster, cluster, connection_body
from tests.e2e.compose import wait_until
from tests.e2e.conftest import last_hours

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import Window, now_kst
from kmaflow.run.api import ApiBusy
from kmaflow.run.environment import AIRFLOW_DATABASE
from kmaflow.run.finished_runs import finished_run

LONG = 1800.0
pytestmark = [pytest.mark.e2e, pytest.mark.long]


def last_day() -> Window:
    return last_hours(now_kst(), 24, timedelta(minutes=20))


def scheduled_windows(cluster: Cluster) -> list[Window]:
    """What the schedule collected meanwhile."""
    done = [
        finished_run(cluster.api, run)
        for dag_id in COLLECTING
        for run in cluster.api.runs(dag_id=dag_id, run_type="scheduled", state=["success"])
    ]
    return [Window(*run.window) for run in done if run.window is not None]


def tasks_of(cluster: Cluster, runs: dict[str, str], *states: str, worker: str | None = None) -> list[dict[str, Any]]:
    """Dataset tasks that are in a state; empty while the API does not answer."""
    try:
        tasks = [one for dag_id, run_id in runs.items() for one in cluster.api.tasks(dag_id, run_id)]
    except ApiBusy:
        return []
    return [
        one
        for one in tasks
        if one["task_id"] in DATASETS and one["state"] in states and worker in (None, one["hostname"])
    ]


def progress(cluster: Cluster, runs: dict[str, str]) -> int:
    """How many dataset tasks have succeeded."""
    return len(tasks_of(cluster, runs, "success"))


def last_signs_of_life(cluster: Cluster, worker: str) -> dict[tuple[str, int], datetime]:
    """When each running task of `kma_backfill` on a worker was last heard of, as Airflow wrote it down."""
    engine = sa.create_engine(cluster.url("postgres", AIRFLOW_DATABASE))
    statement = sa.text(
        "SELECT task_id, map_index, last_heartbeat_at FROM task_instance "
        "WHERE dag_id = 'kma_backfill' AND state = 'running' AND hostname = :worker"
    )
    with engine.connect() as connection:
        found = {
            (row.task_id, row.map_index): row.last_heartbeat_at
            for row in connection.execute(statement, {"worker": worker})
        }
    engine.dispose()
    return found


@pytest.fixture
def two_workers() -> Iterator[Cluster]:
    with cluster("postgres-observations") as found:
        yield found


def test_a_day_of_history_survives_the_death_of_each_part(two_workers: Cluster) -> None:
    simulator = f"http://127.0.0.1:{two_workers.compose.port('simulator', 8765)}"
    httpx.post(f"{simulator}/_sim/faults", json={"faults": "slow=1:0.6s"}, trust_env=False).raise_for_status()
    compose, window = two_workers.compose, last_day()
    begun = time.monotonic()
    runs = two_workers.backfill(window)

    # A worker, killed while it works on a dataset, all places are taken and more tasks wait for one.
    def places_taken() -> bool:
        running = tasks_of(two_workers, runs, "running")
        return len(running) == 2 and any(one["hostname"] == "worker-1" for one in running)

    wait_until(places_taken, "both places taken, one of them on worker-1")
    compose.kill("worker", 1)
    silent = last_signs_of_life(two_workers, "worker-1")
    assert silent, "it held a task"
    assert tasks_of(two_workers, runs, "scheduled"), "others wait for its place"

    def next_tries() -> dict[tuple[str, int], datetime]:
        return {
            (one["task_id"], one["map_index"]): datetime.fromisoformat(one["start_date"])
            for one in tasks_of(two_workers, runs, "running", "success", worker="worker-2")
            if one["try_number"] == 2 and (one["task_id"], one["map_index"]) in silent
        }

    wait_until(lambda: set(next_tries()) == set(silent), "the second tries on worker-2", LONG)
    waited = {key: (moment - silent[key]).total_seconds() for key, moment in next_tries().items()}
    print("\nworker killed: from its tasks' last sign of life to their next try:", waited)
    compose.start("worker", 1)
    compose.wait_healthy("worker", 1)

    # Redis, restarted.
    wait_until(lambda: bool(tasks_of(two_workers, runs, "running")), "a dataset under way")
    before, stopped = progress(two_workers, runs), time.monotonic()
    compose.kill("redis", how=signal.SIGTERM)
    compose.start("redis")
    compose.wait_healthy("redis")
    for number in (1, 2):
        wait_until(lambda number=number: compose.healthy("worker", number), "the worker to find Redis again", LONG)  # type: ignore[misc]
    print(f"Redis restarted: both workers answered again after {time.monotonic() - stopped:.0f} s")
    wait_until(lambda: progress(two_workers, runs) > before, "a task to end after that", LONG)
    print(f"Redis restarted: a further task ended after {time.monotonic() - stopped:.0f} s")

    # The scheduler, killed.
    wait_until(lambda: bool(tasks_of(two_workers, runs, "running")), "a dataset under way")
    before, stopped = progress(two_workers, runs), time.monotonic()
    compose.kill("scheduler")
    compose.start("scheduler")
    compose.wait_healthy("scheduler")
    print(f"scheduler killed: healthy again after {time.monotonic() - stopped:.0f} s")
    wait_until(lambda: progress(two_workers, runs) > before, "a task to end after that", LONG)
    print(f"scheduler killed: a further task ended after {time.monotonic() - stopped:.0f} s")

    # The database of the observations, killed.
    wait_until(lambda: bool(tasks_of(two_workers, runs, "running")), "a dataset under way")
    before, stopped = progress(two_workers, runs), time.monotonic()
    compose.kill("postgres-observations")
    compose.start("postgres-observations")
    compose.wait_healthy("postgres-observations")
    print(f"observation database killed: healthy again after {time.monotonic() - stopped:.0f} s")
    wait_until(lambda: progress(two_workers, runs) > before, "a task to end after that", LONG)
    print(f"observation database killed: a further task ended after {time.monotonic() - stopped:.0f} s")

    wait_until(lambda: two_workers.finished(runs), "the day", LONG)
    print(f"the day ended after {time.monotonic() - begun:.0f} s")
    two_workers.require_green(runs)
    two_workers.rest()
    found = two_workers.compare(two_workers.url("postgres-observations"), [window, *scheduled_windows(two_workers)])
    print(*found, sep="\n")
    assert all(one.equal for one in found), "\n".join(map(str, found))


@pytest.mark.parametrize("server", ["mariadb", "postgres-observations"])
def test_a_day_is_filled_by_backfill(server: str) -> None:
    with cluster(server) as found:
        window, begun = last_day(), time.monotonic()
        runs = found.backfill(window)
        wait_until(lambda: found.finished(runs), "the day", LONG)
        print(f"\na day into {server}: {time.monotonic() - begun:.0f} s")
        found.require_green(runs)
        assert {one["hostname"] for one in found.tasks(runs)} == {"worker-1", "worker-2"}
        found.rest()
        compared = found.compare(found.url(server), [window, *scheduled_windows(found)])
        assert all(one.equal for one in compared), "\n".join(map(str, compared))


def test_wall_time_of_a_day_with_one_two_and_four_workers() -> None:
    # Backfill has half of the pool: four tasks at a time.
    rules = {
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": "1",
        "AIRFLOW__CORE__PARALLELISM": "8",
        "KMAFLOW_MAX_ACTIVE_TASKS": "8",
    }
    with cluster(workers=1, given=rules) as found:
        window = last_day()
        for workers in (1, 2, 4):
            for number in range(found.workers + 1, workers + 1):
                found.compose.start("worker", number)
                found.compose.wait_healthy("worker", number)
            found.workers = workers
            name = f"day_{workers}"
            url = found.make_database("postgres", name)
            found.api._send("POST", "/connections", json=connection_body(name, url)).raise_for_status()
            runs = found.backfill(window, conn_id=name)
            wait_until(lambda runs=runs: found.finished(runs), "the day", LONG)  # type: ignore[misc]
            found.require_green(runs)
            tasks = found.tasks(runs)
            spans: dict[str, float] = dict.fromkeys(DATASETS, 0.0)
            for one in tasks:
                if one["task_id"] in DATASETS:
                    spans[one["task_id"]] += _seconds(str(one["end_date"])) - _seconds(str(one["start_date"]))
            whole = max(_seconds(str(one["end_date"])) for one in tasks) - min(
                _seconds(str(one["start_date"])) for one in tasks
            )
            used = len({one["hostname"] for one in tasks})
            print(
                f"\n{workers} workers ({used} used): {whole:.0f} s; "
                + ", ".join(f"{key} {span:.0f}" for key, span in spans.items())
            )
            compared = found.compare(url, [window])
            assert all(one.equal for one in compared), "\n".join(map(str, compared))


def test_forty_stations_by_name_and_all_at_once_on_eight_workers() -> None:
    given = {
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": "1",
        "AIRFLOW__CORE__PARALLELISM": "8",
        "KMAFLOW_MAX_ACTIVE_TASKS": "8",
    }
    with cluster(workers=8, given=given) as found:
        window = last_hours(now_kst(), 2, timedelta(minutes=20))
        url = found.make_database("postgres", "forty")
        found.api._send("POST", "/connections", json=connection_body("forty", url)).raise_for_status()
        engine_url = found.url("postgres")
        wait_until(lambda: bool(found.api.runs(dag_id="kma_asos", state=["success"])), "the station list")
        numbers = known_stations(engine_url)
        # Both into one database: the named ones first, then everything over them, while the schedule goes on in another.
        named = found.collect(window, conn_id="forty", stations=", ".join(map(str, numbers)))
        everything = found.collect(window, conn_id="forty")
        for runs in (named, everything):
            wait_until(lambda runs=runs: found.finished(runs), "the collection", LONG)  # type: ignore[misc]
            found.require_green(runs)
        compared = found.compare(url, [window])
        assert all(one.equal for one in compared), "\n".join(map(str, compared))
        used = {one["hostname"] for runs in (named, everything) for one in found.tasks(runs)}
        print(f"\nworkers used: {len(used)}")


def known_stations(url: str, count: int = 40) -> list[int]:
    """Stations that are in both networks, so that every dataset knows their numbers."""
    import sqlalchemy as sa

    from kmaflow.store.engines.database import open_engine

    engine = open_engine(url)
    with engine.connect() as connection:
        found = connection.scalars(
            sa.text("SELECT stn FROM station GROUP BY stn HAVING count(DISTINCT network) = 2 ORDER BY stn")
        ).all()
    engine.dispose()
    assert len(found) >= count
    return [int(number) for number in found[:count]]


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
