"""Run by the Python of another venv: what an Airflow of somebody's own finds of kmaflow. Prints one JSON object."""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import version
from typing import Any


def tested(stored: Any) -> tuple[bool, str]:
    """As the API server tests a connection: a copy in the environment, which the hook finds by its id."""
    from airflow.models import Connection

    name = f"copy_of_{stored.conn_id}"
    os.environ[f"AIRFLOW_CONN_{name.upper()}"] = stored.get_uri()
    found: tuple[bool, str] = Connection(conn_id=name, conn_type=stored.conn_type).test_connection()
    return found


def looked() -> dict[str, Any]:
    """Versions, DAGs, connection types, timetable; whether the default connections test well."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag
    from airflow.models import Connection
    from airflow.providers_manager import ProvidersManager
    from airflow.utils.session import create_session
    from sqlalchemy import select

    from airflow import plugins_manager

    bag = DagBag(sys.argv[1])
    hooks = ProvidersManager().hooks
    initialize: Any = getattr(plugins_manager, "get_timetables_plugins", None)
    if initialize is None:
        plugins_manager.initialize_timetables_plugins()
        timetables = plugins_manager.timetable_classes
    else:
        timetables = initialize()
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
