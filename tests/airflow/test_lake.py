"""The DAG that keeps the lake: it waits for any dataset, is paused at first, and its task writes what the database holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import AssetAny

from kmaflow.airflow.tasks import lake
from kmaflow.catalog import DATASETS
from kmaflow.store import Store

from ..store.bodies import at, load, minute_body, stamp


def test_it_follows_every_dataset_and_is_paused_at_first(dagbag: DagBag) -> None:
    dag = dagbag.dags["kma_lake"]
    assert dag.is_paused_upon_creation is True
    assert isinstance(dag.schedule, AssetAny)
    assert {one.name for one in dag.schedule.objects if hasattr(one, "name")} == {f"kma://{name}" for name in DATASETS}
    assert dag.get_task("end").upstream_task_ids == {"stations", "lake"}


@pytest.mark.usefixtures("airflow_database")
def test_its_task_writes_what_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/kma.db"
    monkeypatch.setenv("KMAFLOW_DATABASE_URL", url)
    monkeypatch.setenv("KMAFLOW_LAKE_URL", str(tmp_path / "lake"))
    with Store(url) as store:
        store.init(all_tables=True)
        load(store, minute_body({(stamp(1), 108): {"ta": 1.5}}), at(3))
    context = cast("Any", {"params": {"conn_id": "kma_store"}})
    assert lake.keep(context) == {"files": 2, "written": 2, "rows": 2, "fewer": 0}
    assert lake.keep(context) == {"files": 2, "written": 0, "rows": 0, "fewer": 0}
    assert list((tmp_path / "lake").rglob("2025-01-15.parquet"))
