"""``conn_id`` picks the database per run: one Airflow, three databases, the same hour in each, every cell the truth."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from kmaflow.airflow.launch import started
from kmaflow.airflow.smoke import _await_run, smoke_settings
from kmaflow.airflow.truth_check import TruthCheck, last_hours
from kmaflow.catalog import AWS_DATASETS
from kmaflow.catalog.time import now_kst
from kmaflow.store.engine import open_engine

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
            _await_run(running, "kma_aws", "scheduled")
            window = last_hours(now_kst(), 1, _DELAY)
            conf = {"from": f"{window.start:%Y-%m-%d %H:%M}", "to": f"{window.end:%Y-%m-%d %H:%M}"}
            for kind, url in urls.items():
                run_id = running.api.trigger("kma_aws", {**conf, "conn_id": f"in_{kind}"})
                done = _await_run(running, "kma_aws", "manual", run_id)
                assert done.rows
                assert done.rows > 100_000
                engine = open_engine(url.render_as_string(hide_password=False))
                truth = TruthCheck(running.hub_url.removesuffix("/api/typ01"), engine)
                found = [one for name in AWS_DATASETS for one in truth.compare(name, [window])]
                engine.dispose()
                assert len(found) == 6
                assert all(one.equal for one in found), "\n".join(map(str, found))
