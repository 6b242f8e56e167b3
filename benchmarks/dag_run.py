"""One hour of all five AWS kinds, all stations, as one run of ``kma_aws`` in a real Airflow.

Floor, in the same run: a DAG of the same shape whose tasks do nothing, plus the five ``kmaflow collect`` one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from kmaflow.catalog import DAGS
from kmaflow.catalog.time import HOUR, Window, floor_to, now_kst
from kmaflow.run import environment
from kmaflow.run.launch import Running, await_condition, started, stop_signals
from kmaflow.simulator import DEFAULT_KEY

sys.path.append(str(Path(__file__).resolve().parent.parent))
from tests.smoke import smoke_settings

EMPTY = '''
"""The shape of kma_aws without its work."""
from airflow.sdk import DAG, TriggerRule, task
from airflow.providers.standard.operators.empty import EmptyOperator
from datetime import datetime, timezone

with DAG("kma_empty", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), tags=["kma"], max_active_tasks=2) as dag:
    def work(name, rule=TriggerRule.ALL_DONE):
        @task(task_id=name, trigger_rule=rule, pool="kma_apihub")
        def nothing():
            return {"rows": 0}
        return nothing()
    start, end = EmptyOperator(task_id="start"), EmptyOperator(task_id="end", trigger_rule=TriggerRule.NONE_FAILED)
    stations, check = work("stations"), work("check").as_setup()
    first = [work("aws_minute", TriggerRule.ALL_SUCCESS), work("aws_cloud", TriggerRule.ALL_SUCCESS)]
    second = [work("aws_visibility"), work("aws_ground_temperature")]
    third = work("aws_present_weather")
    start >> stations >> check >> first
    for one in first:
        one >> second
    second >> third
    [stations, *first, *second, third] >> end
'''


def seconds(run: dict[str, Any]) -> float:
    began, ended = (datetime.fromisoformat(run[name]) for name in ("start_date", "end_date"))
    return (ended - began).total_seconds()


def finished(running: Running, dag_id: str, conf: dict[str, Any]) -> dict[str, Any]:
    run_id = running.api.trigger(dag_id, conf)
    found: list[dict[str, Any]] = []

    def done() -> bool:
        runs = running.api.runs(dag_id=dag_id, state=["success", "failed"])
        found[:] = [run for run in runs if run["dag_run_id"] == run_id]
        return bool(found)

    await_condition(done, running.children, dag_id)
    if found[0]["state"] != "success":
        raise SystemExit(f"{dag_id} ended {found[0]['state']}")
    return found[0]


def succeeded(running: Running, dag_id: str) -> bool:
    return bool(running.api.runs(dag_id=dag_id, state=["success"]))


def collect_all(url: str, window: Window) -> tuple[float, int]:
    """Seconds and rows of the five ``kmaflow collect``, each a process, into a fresh home."""
    with tempfile.TemporaryDirectory() as home:
        variables = {**os.environ, "KMAFLOW_HOME": home, "KMAFLOW_HUB_URL": url, "KMAFLOW_API_KEY": DEFAULT_KEY}
        subprocess.run(
            [sys.executable, "-m", "kmaflow", "stations", "sync"], env=variables, check=True, capture_output=True
        )
        rows, began = 0, time.perf_counter()
        for name in DAGS["kma_aws"]:
            command = [sys.executable, "-m", "kmaflow", "collect", name, "--json"]
            command += ["--from", f"{window.start:%Y%m%d%H%M}", "--to", f"{window.end:%Y%m%d%H%M}"]
            done = subprocess.run(command, env=variables, check=True, capture_output=True)
            rows += json.loads(done.stdout)["datasets"][0]["rows"]
        return time.perf_counter() - began, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kmaflow-bench-") as folder, stop_signals():
        dags = Path(folder) / "dags"
        shutil.copytree(environment.dags_folder(), dags)
        (dags / "kma_empty.py").write_text(EMPTY, encoding="utf-8")
        environment.dags_folder = lambda: dags  # the launcher's own environment, with one DAG more
        end = floor_to(now_kst(), HOUR) - HOUR
        with started(smoke_settings(Path(folder) / "home")) as running:
            await_condition(
                lambda: any(dag["dag_id"] == "kma_empty" for dag in running.api.dags()), running.children, "kma_empty"
            )
            # A finished scheduled run: the scheduler is warm, the stations are synchronised, the tables are there.
            for dag_id in ("kma_aws", "kma_asos"):
                await_condition(partial(succeeded, running, dag_id), running.children, dag_id)
            running.api.pause("kma_asos", paused=True)
            times: dict[str, list[float]] = {"dag": [], "empty": [], "collect": []}
            rows = 0
            for repeat in range(options.repeats):
                window = Window(end - (repeat + 1) * HOUR, end - repeat * HOUR)
                span = {"from": f"{window.start:%Y-%m-%d %H:%M}", "to": f"{window.end:%Y-%m-%d %H:%M}"}
                collect_all(running.hub_url, window)  # once unmeasured: the simulator has rendered its bodies then
                await_condition(
                    lambda: not running.api.runs(dag_id="kma_aws", state=["running", "queued"]),
                    running.children,
                    "quiet",
                )
                times["dag"].append(seconds(finished(running, "kma_aws", span)))
                times["empty"].append(seconds(finished(running, "kma_empty", {})))
                took, rows = collect_all(running.hub_url, window)
                times["collect"].append(took)
    dag, empty, five = (statistics.median(times[name]) for name in ("dag", "empty", "collect"))
    print(
        f"{rows:,} rows of five kinds: DAG run {dag:.1f} s; floor: empty DAG {empty:.1f} s + five collects {five:.1f} s"
    )
    print(f"ratio {dag / (empty + five):.2f}")


if __name__ == "__main__":
    main()
