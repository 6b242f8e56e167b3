"""``python -m kmaflow.run.health SERVICE``: exit code 0 if the component of this container is well.

Airflow is not imported: that would cost seconds at every check.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping

import httpx

from kmaflow.errors import KmaflowError
from kmaflow.run.cluster import secrets_folder
from kmaflow.run.environment import LOOPBACK, broker_url
from kmaflow.run.secrets import read_secrets

_SECONDS = 8.0
#: Components without a port of their own: the API server says whether they have reported themselves.
_REPORTED = {"dag-processor": "dag_processor", "triggerer": "triggerer"}


def healthy(service: str, base: Mapping[str, str]) -> bool:
    """Whether the component is well."""
    if service == "worker":
        return _worker_answers(base)
    try:
        if service in _REPORTED:
            answer = httpx.get(f"{base['KMAFLOW_API_SERVER']}/api/v2/monitor/health", timeout=_SECONDS, trust_env=False)
            part = answer.json().get(_REPORTED[service]) or {}
            return answer.is_success and part.get("status") == "healthy"
        return httpx.get(_url(service, base), timeout=_SECONDS, trust_env=False).is_success
    except (httpx.TransportError, ValueError):
        return False


def _url(service: str, base: Mapping[str, str]) -> str:
    variable, port, path = {
        "api-server": ("AIRFLOW__API__PORT", "8080", "/api/v2/monitor/health"),
        "scheduler": ("AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT", "8974", "/health"),
        "flower": ("AIRFLOW__CELERY__FLOWER_PORT", "5555", "/healthcheck"),
        "simulator": ("KMAFLOW_SIMULATOR_PORT", "8765", "/_sim/health"),
    }[service]
    return f"http://{LOOPBACK}:{base.get(variable) or port}{path}"


def _worker_answers(base: Mapping[str, str]) -> bool:
    """Ask this container's worker over Redis, as Celery's own `inspect ping` does, without importing Airflow."""
    from celery import Celery
    from kombu.exceptions import OperationalError

    app = Celery(broker=broker_url(read_secrets(secrets_folder(base)), base), set_as_current=False)
    name = f"worker@{socket.gethostname()}"
    try:
        answers = app.control.ping(destination=[name], timeout=_SECONDS, limit=1)
    except (OperationalError, OSError):
        return False
    finally:
        app.close()
    return any(name in answer for answer in answers)


def main() -> int:
    """Exit code 0: well."""
    try:
        return 0 if healthy(sys.argv[1], os.environ) else 1
    except KmaflowError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
