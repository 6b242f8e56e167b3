"""One run of each DAG that made-up datasets bring, in a process of its own, whose environment names their package.

Arguments: DAG id, logical date (UTC, ISO) and form (JSON), in threes. Prints one JSON object: DAG id → state of the run and those of its tasks (of mapped
ones all that occur).
"""

from __future__ import annotations

import json
import sys
from datetime import datetime

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import conf

dagbag = DagBag(conf.get("core", "dags_folder"))
assert dagbag.import_errors == {}, dagbag.import_errors
found: dict[str, dict[str, str]] = {}
for dag_id, moment, form in zip(sys.argv[1::3], sys.argv[2::3], sys.argv[3::3], strict=True):
    run = dagbag.dags[dag_id].test(logical_date=datetime.fromisoformat(moment), run_conf=json.loads(form))
    states: dict[str, set[str]] = {}
    for one in run.get_task_instances():
        states.setdefault(one.task_id, set()).add(str(one.state))
    found[dag_id] = {"run": str(run.state), **{name: " ".join(sorted(many)) for name, many in states.items()}}
print(json.dumps(found))
