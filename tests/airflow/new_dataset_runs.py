"""One run of each DAG that made-up datasets bring, in a process of its own, whose environment names their package.

Arguments: DAG id and logical date (UTC, ISO), in pairs. Prints one JSON object: DAG id → state of the run and of its tasks.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import conf

dagbag = DagBag(conf.get("core", "dags_folder"))
assert dagbag.import_errors == {}, dagbag.import_errors
found = {}
for dag_id, moment in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
    run = dagbag.dags[dag_id].test(logical_date=datetime.fromisoformat(moment))
    found[dag_id] = {"run": str(run.state), **{one.task_id: str(one.state) for one in run.get_task_instances()}}
print(json.dumps(found))
