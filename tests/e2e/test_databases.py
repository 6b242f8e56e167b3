"""``conn_id`` picks the database per run: one Airflow, three databases, the same hour in each, every cell the truth."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url
from tests.e2e.conftest import last_hours
from tests.smoke import await_run, smoke_settings
from tests.truth_check import TruthCheck

from kmaflow.catalog import DAGS
from kmaflow.catalog.time import DAY, HOUR, MINUTE, floor_to, now_kst
from kmaflow.hub.secrecy import key_id
from kmaflow.quota.limits import Limits
from kmaflow.quota.quota import Quota
from kmaflow.run.launch import Running, await_condition, started
from kmaflow.simulator import DEFAULT_KEY
from kmaflow.store.engines.database import open_engine
from kmaflow.store.state import State

from ..databases import database

_DELAY = timedelta(minutes=20)

pytestmark = pytest.mark.e2e


def test_runs_go_to_the_database_that_their_form_names(tmp_path: Path) -> None:
    with ExitStack() as stack:
        urls = {
            kind: make_url(stack.enter_context(database(kind, tmp_path)))
            for kind in ("postgresql", "mariadb", "sqlite")
        }
        connections = {
            f"AIRFLOW_CONN_IN_{kind.upper()}": json.dumps(
                {"conn_type": "sqlite", "host": url.database}
                if kind == "sqlite"
                else {
                    "conn_type": {"postgresql": "postgres", "mariadb": "mysql"}[kind],
                    "host": url.host,
                    "port": url.port,
                    "login": url.username,
                    "schema": url.database,
                    "extra": {"application_name": "e2e"} if kind == "postgresql" else {"connect_timeout": 9},
                }
            )
            for kind, url in urls.items()
        }
        with started(smoke_settings(tmp_path / "home"), connections) as running:
            await_run(running, "kma_aws", "scheduled")
            window = last_hours(now_kst(), 1, _DELAY)
            conf = {"from": f"{window.start:%Y-%m-%d %H:%M}", "to": f"{window.end:%Y-%m-%d %H:%M}"}
            for kind, url in urls.items():
                run_id = running.api.trigger("kma_aws", {**conf, "conn_id": f"in_{kind}"})
                done = await_run(running, "kma_aws", "manual", run_id)
                assert done.rows
                assert done.rows > 100_000
                engine = open_engine(url.render_as_string(hide_password=False))
                truth = TruthCheck(running.hub_url.removesuffix("/api/typ01"), engine)
                found = [one for name in DAGS["kma_aws"] for one in truth.compare(name, [window])]
                engine.dispose()
                assert len(found) == 6
                assert all(one.equal for one in found), "\n".join(map(str, found))
            waits_for_the_quota_without_a_worker_slot(running)


def waits_for_the_quota_without_a_worker_slot(running: Running) -> None:
    """The hub says that the day is spent: a backfill's tasks wait in the triggerer, hold no slot, go on by themselves."""
    for dag_id in ("kma_aws", "kma_asos", "kma_repair"):
        running.api.pause(dag_id, paused=True)
    # A busy machine may not have begun the run when a short while is over; then it is tried with a longer one.
    assert any(seen_waiting(running, minutes) for minutes in (2, 5, 10))


def seen_waiting(running: Running, minutes: int) -> bool:
    """Whether the tasks of a backfill were seen deferred, in no slot, while the quota was spent. They end well anyway."""
    api = running.api
    until = floor_to(now_kst(), MINUTE) + minutes * MINUTE
    with State(running.database_url) as state:
        Quota(state, key_id(SecretStr(DEFAULT_KEY)), Limits()).set_exhausted("calls", "hub", until)
    day = now_kst() - (10 + minutes) * DAY
    conf = {"from": f"{day:%Y-%m-%d %H:00}", "to": f"{day + HOUR:%Y-%m-%d %H:00}"}
    run_id = api.trigger("kma_backfill", {**conf, "datasets": ["aws_cloud", "asos_hourly"]})
    seen: list[bool] = []

    def states() -> list[str]:
        found = {one["task_id"]: one["state"] for one in api.tasks("kma_backfill", run_id)}
        return [found["aws_cloud"], found["asos_hourly"]]

    def waiting() -> bool:
        # Live tasks that were under way may still end; what waits is in no slot.
        pool = api._get("/pools/kma_apihub", {})
        if states() == ["deferred"] * 2 and pool["running_slots"] == 0 and pool["deferred_slots"] == 2:
            seen.append(now_kst() < until)
        return bool(seen) or now_kst() >= until

    await_condition(waiting, running.children, "deferral", seconds=60.0 * minutes + 60)
    await_condition(lambda: now_kst() >= until, running.children, "the quota", seconds=60.0 * minutes + 60)
    done = await_run(running, "kma_backfill", "manual", run_id)
    assert done.end >= until
    assert states() == ["success"] * 2
    return any(seen)
