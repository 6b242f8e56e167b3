"""One dataset's task in a process of its own, set up as Airflow's task runner sets itself up: log lines as JSON on stdout, metrics to wherever the
environment says. Arguments: the hub's address, the key, a folder, the dataset, from, to.
"""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace
from typing import Any

from airflow.sdk import conf
from airflow.sdk.log import configure_logging
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics.stats_utils import get_stats_factory

from kmaflow.airflow.provider import connections
from kmaflow.airflow.tasks import observations
from kmaflow.collect import Collector
from kmaflow.settings import load_settings

hub, key, folder, dataset, start, end = sys.argv[1:]
configure_logging(json_output=True, log_level="DEBUG", output=sys.stdout.buffer)
stats.initialize(factory=get_stats_factory(), export_legacy_names=conf.getboolean("metrics", "legacy_names_on"))
settings = load_settings(home=folder, hub_url=hub, api_key=key)
connections.open_collector = lambda **_: Collector.open(settings)

plan = {"from": start, "to": end, "stations": "all", "datasets": [dataset]}
context: Any = {
    "ti": SimpleNamespace(xcom_pull=lambda **_: plan, xcom_push=lambda **_: None),
    "run_id": "scheduled__of_this_test",
    "params": {"hub_conn_id": "kma_apihub", "conn_id": "kma_store"},
}
logging.getLogger("kmaflow").info("before the task")
network: Any = "SFC" if dataset.startswith("asos") else "AWS"
observations.collect(context, dataset=dataset)
logging.getLogger("kmaflow").info("after the task")
