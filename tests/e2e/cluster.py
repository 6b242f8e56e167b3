"""A cluster as compose.yaml describes it, with what tests ask of it: collect a window, wait, compare every cell, read logs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from tests.e2e.compose import Compose, composed, wait_until
from tests.truth_check import Comparison, TruthCheck

from kmaflow.catalog import DAGS as COLLECTED
from kmaflow.catalog.time import Window
from kmaflow.run.api import FINISHED, AirflowApi, ApiBusy
from kmaflow.run.environment import SIMULATED, server_url
from kmaflow.run.finished_runs import finished_run
from kmaflow.run.secrets import ClusterSecrets, read_secrets
from kmaflow.store.engines.database import open_engine

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer", "worker", "simulator")
#: The DAGs that collect a window which a run's form names, each with its datasets.
COLLECTING: Mapping[str, Sequence[str]] = COLLECTED


DAGS = {*COLLECTED, "kma_stations", "kma_repair", "kma_backfill", "kma_lake"}


@dataclass
class Cluster:
    """A started cluster."""

    compose: Compose
    api: AirflowApi
    workers: int

    @property
    def secrets(self) -> ClusterSecrets:
        return read_secrets(self.compose.root / "volumes" / "secrets")

    def url(self, server: str, database: str = SIMULATED) -> str:
        """A database of the cluster, as seen from this machine."""
        inside = {"mariadb": 3306}.get(server, 5432)
        name = f"KMAFLOW_{server.upper().replace('-', '_')}"
        return server_url(server, database, self.secrets, {name: f"127.0.0.1:{self.compose.port(server, inside)}"})

    def collect(self, window: Window, **form: str) -> dict[str, str]:
        """Start the collection of all datasets; the run of each DAG."""
        times = {"from": f"{window.start:%Y-%m-%d %H:%M}", "to": f"{window.end:%Y-%m-%d %H:%M}"}
        return {dag_id: self.api.trigger(dag_id, {**times, **form}) for dag_id in COLLECTING}

    def backfill(self, window: Window, **form: str) -> dict[str, str]:
        """Start filling a window of all datasets; the run of the DAG."""
        self.api.pause("kma_backfill", paused=False)
        times = {"from": f"{window.start:%Y-%m-%d %H:%M}", "to": f"{window.end:%Y-%m-%d %H:%M}"}
        return {"kma_backfill": self.api.trigger("kma_backfill", {**times, **form})}

    def state(self, dag_id: str, run_id: str) -> str | None:
        """A run's state; None while the API does not answer."""
        try:
            runs = self.api.runs(dag_id=dag_id, run_type="manual")
        except ApiBusy:
            return None
        return next(str(run["state"]) for run in runs if run["dag_run_id"] == run_id)

    def finished(self, runs: Mapping[str, str]) -> bool:
        """Whether all runs have ended."""
        return all(self.state(dag_id, run_id) in FINISHED for dag_id, run_id in runs.items())

    def require_green(self, runs: Mapping[str, str]) -> None:
        """Every run ended well; what its tasks said if not."""
        for dag_id, run_id in runs.items():
            if self.state(dag_id, run_id) != "success":
                (run,) = [one for one in self.api.runs(dag_id=dag_id) if one["dag_run_id"] == run_id]
                failed = finished_run(self.api, run).failed
                raise AssertionError("\n".join(f"{task}: {self.log(dag_id, run_id, task)[-3000:]}" for task in failed))

    def tasks(self, runs: Mapping[str, str]) -> list[dict[str, Any]]:
        """The task instances of the runs that did something."""
        found = [one for dag_id, run_id in runs.items() for one in self.api.tasks(dag_id, run_id)]
        return [one for one in found if one["hostname"]]

    def log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> str:
        """A task's log, as the page shows it."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}/logs/{attempt}"
        return json.dumps(self.api._get(path, {"full_content": "true"})["content"], ensure_ascii=False)

    def compare(self, url: str, windows: Sequence[Window] | Mapping[str, Sequence[Window]]) -> list[Comparison]:
        """Every table against the truth of the windows (of its DAG), in both directions; a second row for a key would be one too many."""
        of_dag = windows if isinstance(windows, Mapping) else dict.fromkeys(COLLECTING, windows)
        engine = open_engine(url)
        truth = TruthCheck(f"http://127.0.0.1:{self.compose.port('simulator', 8765)}", engine)
        try:
            return [
                one
                for dag_id, names in COLLECTING.items()
                for name in names
                for one in truth.compare(name, of_dag[dag_id])
            ]
        finally:
            engine.dispose()

    def rest(self) -> None:
        """No run under way and none to come. (A run of a paused DAG stands still, so it is ended before.)"""

        def at_rest() -> bool:
            if self.api.runs(state=["running", "queued"]):
                return False
            self._pause(paused=True)
            if not self.api.runs(state=["running", "queued"]):
                return True
            self._pause(paused=False)
            return False

        wait_until(at_rest, "rest", 600.0)

    def _pause(self, *, paused: bool) -> None:
        for dag_id in COLLECTING:
            self.api.pause(dag_id, paused=paused)

    def make_database(self, server: str, name: str = SIMULATED) -> str:
        """An empty database for observations on a PostgreSQL server; its URL."""
        engine = sa.create_engine(self.url(server, "postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return self.url(server, name)


@contextmanager
def cluster(
    *profiles: str, workers: int = 2, given: Mapping[str, str] | None = None, python: Path | None = None
) -> Iterator[Cluster]:
    """A cluster that answers and knows its DAGs."""
    # The DAGs that repair and fill write what no window here names: a test starts them by itself.
    paused = {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True"}
    with composed(*profiles, given=given, extra=paused, python=python) as compose:
        for server in profiles:
            if server != "flower":
                compose.up(server)
                compose.wait_healthy(server)
        compose.up(*COMPONENTS, *(name for name in profiles if name == "flower"), scale={"worker": workers})
        for name in compose.active:
            if "healthcheck" in compose.services[name] and name != "worker":
                compose.wait_healthy(name)
        for number in range(1, workers + 1):
            compose.wait_healthy("worker", number)
        words = compose.run("secrets", "passwords").stdout.split()
        with AirflowApi(f"http://127.0.0.1:{compose.port('api-server', 8080)}", words[1], words[3]) as api:
            found = Cluster(compose, api, workers)
            wait_until(lambda: {dag["dag_id"] for dag in api.dags()} >= DAGS, "the DAGs")
            found._pause(paused=False)
            yield found


def connection_body(conn_id: str, url: str) -> dict[str, Any]:
    """An Airflow connection for a database, as the REST API takes it."""
    parsed = sa.make_url(url)
    return {
        "connection_id": conn_id,
        "conn_type": {"postgresql": "postgres", "mysql": "mysql"}[parsed.get_backend_name()],
        "host": parsed.host,
        "port": parsed.port,
        "login": parsed.username,
        "password": parsed.password,
        "schema": parsed.database,
    }


def compose_logs(folder: Path) -> str:
    """Everything that the services printed."""
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.glob("*.log")))
