"""Run by the Python of another venv: what an Airflow of somebody's own finds of kmaflow. Prints one JSON object."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any


def tested(stored: Any) -> tuple[bool, str]:
    """As the API server tests a connection: a copy in the environment, which the hook finds by its id."""
    from airflow.models import Connection

    name = f"copy_of_{stored.conn_id}"
    os.environ[f"AIRFLOW_CONN_{name.upper()}"] = stored.get_uri()
    copy: Any = Connection(conn_id=name, conn_type=stored.conn_type)
    found: tuple[bool, str] = copy.test_connection()
    return found


def looked() -> dict[str, Any]:
    """Versions, DAGs, connection types, timetable; whether the default connections test well."""
    from airflow.models import Connection
    from airflow.providers_manager import ProvidersManager
    from airflow.utils.session import create_session
    from sqlalchemy import select

    # Airflow 3.1 keeps them elsewhere.
    newer = find_spec("airflow.dag_processing.dagbag") is not None
    bag = import_module("airflow.dag_processing.dagbag" if newer else "airflow.models.dagbag").DagBag(sys.argv[1])
    providers: Any = ProvidersManager
    hooks = providers().hooks
    plugins: Any = import_module("airflow.plugins_manager")
    if hasattr(plugins, "get_timetables_plugins"):
        timetables = plugins.get_timetables_plugins()
    else:
        plugins.initialize_timetables_plugins()
        timetables = plugins.timetable_classes
    with create_session() as session:
        stored = {
            one.conn_id: (one.port, *tested(one))
            for one in session.scalars(select(Connection).where(Connection.conn_id.in_(["kma_apihub", "kma_store"])))
        }
    return {
        "airflow": version("apache-airflow"),
        "sqlalchemy": version("sqlalchemy"),
        "errors": {str(file): why for file, why in bag.import_errors.items()},
        "dags": {dag_id: dag.dag_display_name for dag_id, dag in bag.dags.items()},
        "retries": bag.dags["kma_asos"].get_task("asos_hourly").retry_exponential_backoff,
        "types": [name for name in ("kma_apihub", "sqlite", "postgres", "mysql") if hooks.get(name) is not None],
        "timetables": [name for name in timetables if "kmaflow" in name],
        "connections": stored,
    }


if __name__ == "__main__":
    print(json.dumps(looked(), ensure_ascii=False))
