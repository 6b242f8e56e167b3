"""The environment of a cluster's components: executor, addresses, secrets, and every rule of scale in one place (:func:`scale_rules`).

``compose.yaml`` names addresses and volumes only; what Airflow, Celery and kmaflow are told follows from them here, alike on every host.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from kmaflow.run.environment import USER, dags_folder
from kmaflow.run.secrets import ClusterSecrets

#: Names inside of the database servers.
SUPERUSER, AIRFLOW_DATABASE, OBSERVATIONS, SIMULATED, RESULTS = "kmaflow", "airflow", "kma", "kma_simulated", "celery"

TASKS_PER_CORE = 2
#: Memory that one task slot of a worker may need.
_SLOT_BYTES = 400 * 1024 * 1024
#: Memory of a worker beside its slots.
_WORKER_BYTES = 400 * 1024 * 1024
#: Version 1 of the control groups says the largest number of whole pages where nothing limits memory.
_NO_LIMIT = 2**60


@dataclass(frozen=True, slots=True)
class Machine:
    """What a container may use."""

    cores: int
    memory: int | None

    @classmethod
    def here(cls, cgroup: Path = Path("/sys/fs/cgroup")) -> Machine:
        """Cores and memory limit of this container, or of this machine where nothing limits it."""
        return cls(_cores(cgroup), _memory_limit(cgroup))

    @property
    def slots(self) -> int:
        """Tasks that one worker runs at the same time: two for each core, as far as memory allows; one at least."""
        wanted = TASKS_PER_CORE * self.cores
        if self.memory is not None:
            wanted = min(wanted, (self.memory - _WORKER_BYTES) // _SLOT_BYTES)
        return max(1, wanted)


def scale_rules(machine: Machine) -> dict[str, str]:
    """Every number that decides how the cluster grows and how it recovers. docs/scaling.md gives the reasons."""
    return {
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(machine.slots),
        # Of all workers together: each running task asks the API server, and both live on the first machine's cores.
        "AIRFLOW__CORE__PARALLELISM": str(max(4, TASKS_PER_CORE * machine.cores)),
        "AIRFLOW__API__WORKERS": str(min(4, max(1, machine.cores // 2))),
        # A worker that was killed is noticed after 60 s (looked at every 10 s); its tasks' retry begins within 30 s more.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "10",
        # An API server that restarts must not cost the tasks that run meanwhile: 10 × 5 s, still below 60 s.
        "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "10",
        # A message that Redis lost with its last second: the task goes back to the queue, as often as needed.
        "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "120",
        "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "15",
        "AIRFLOW__SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES": "20",
        # A scheduler that restarts takes over the tasks of the dead one as soon as that counts as dead.
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "30",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
        # With less, Redis hands out a task that runs longer a second time.
        "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "86400",
        "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__SOCKET_KEEPALIVE": "True",
        "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__SOCKET_CONNECT_TIMEOUT": "10",
        "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__RETRY_ON_TIMEOUT": "True",
        "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__HEALTH_CHECK_INTERVAL": "15",
        "AIRFLOW__CELERY__BROKER_CONNECTION_RETRY_ON_STARTUP": "True",
        "AIRFLOW__CELERY__WORKER_PREFETCH_MULTIPLIER": "1",
        "AIRFLOW__CELERY__TASK_ACKS_LATE": "True",
        # None: a worker looks for its broker again for ever. (0 would end it at the first refusal, Celery's 100 after some minutes.)
        "AIRFLOW__CELERY__EXTRA_CELERY_CONFIG": json.dumps(
            {"broker_connection_max_retries": None, "worker_cancel_long_running_tasks_on_connection_loss": False}
        ),
        "AIRFLOW__CELERY__RESULT_BACKEND_SQLALCHEMY_ENGINE_OPTIONS": json.dumps(
            {"pool_pre_ping": True, "pool_recycle": 1800}
        ),
    }


def cluster_environment(
    kept: ClusterSecrets, base: Mapping[str, str], *, machine: Machine, simulated: bool, observations: str
) -> dict[str, str]:
    """The whole environment of a component.

    What a user set as ``AIRFLOW__…`` wins over the rules of scale, never over what keeps the cluster closed and whole.

    Args:
        base: the container's environment; ``KMAFLOW_POSTGRES``, ``KMAFLOW_REDIS``, ``KMAFLOW_API_SERVER``, ``KMAFLOW_SIMULATOR`` are addresses.
        simulated: whether the simulator is the hub.
        observations: which server holds the observations: see :func:`observation_url`.
    """
    tunable = {
        **scale_rules(machine),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "uvicorn.access=WARNING http.access=WARNING httpx=WARNING",
        "AIRFLOW__API__INSTANCE_NAME": "kmaflow",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": server_url("postgres", AIRFLOW_DATABASE, kept, base),
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{server_url(base.get('KMAFLOW_RESULTS') or 'postgres', RESULTS, kept, base)}",
        "AIRFLOW__CELERY__BROKER_URL": f"redis://:{quote(kept.redis_password, safe='')}@{base['KMAFLOW_REDIS']}/0",
        "AIRFLOW__API__HOST": "0.0.0.0",  # the container's; what leaves the machine is compose.yaml's affair
        "AIRFLOW__CELERY__FLOWER_HOST": "0.0.0.0",
        "KMAFLOW_DATABASE_URL": observation_url(observations, SIMULATED if simulated else OBSERVATIONS, kept, base),
    }
    fixed = {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder()),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "AIRFLOW__CORE__FERNET_KEY": kept.fernet_key,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{base['KMAFLOW_API_SERVER']}/execution/",
        "AIRFLOW__API__SECRET_KEY": kept.secret_key,
        "AIRFLOW__API__EXPOSE_CONFIG": "False",
        "AIRFLOW__API_AUTH__JWT_SECRET": kept.jwt_secret,
        "AIRFLOW__CELERY__FLOWER_BASIC_AUTH": f"{USER}:{kept.flower_password}",
        # For the health check inside of the container; nobody else can reach it.
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "True",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": "127.0.0.1",
    }
    given = {name: value for name, value in base.items() if value != ""}
    if simulated:
        fixed |= _simulated(base)
    return {**tunable, **given, **fixed}


def server_url(server: str, database: str, kept: ClusterSecrets, base: Mapping[str, str]) -> str:
    """A database on one of the cluster's own servers: ``postgres``, ``postgres-observations`` or ``mariadb``."""
    address = base.get(f"KMAFLOW_{server.upper().replace('-', '_')}") or server
    if server == "mariadb":
        return f"mysql+pymysql://{SUPERUSER}:{quote(kept.mariadb_password, safe='')}@{address}/{database}"
    return f"postgresql+psycopg://{SUPERUSER}:{quote(kept.postgres_password, safe='')}@{address}/{database}"


def observation_url(observations: str, database: str, kept: ClusterSecrets, base: Mapping[str, str]) -> str:
    """Where observations are stored.

    Args:
        observations: a server of the cluster, or a whole URL.
    """
    return observations if "://" in observations else server_url(observations, database, kept, base)


def _simulated(base: Mapping[str, str]) -> dict[str, str]:
    from kmaflow.simulator import DEFAULT_KEY

    home = base.get("KMAFLOW_HOME") or "var"
    return {
        "KMAFLOW_SIMULATED": "1",
        "KMAFLOW_API_KEY": DEFAULT_KEY,
        "KMAFLOW_HUB_URL": f"{base['KMAFLOW_SIMULATOR']}/api/typ01",
        "KMAFLOW_ARCHIVE_URL": f"{home}/simulated/archive",
    }


def _cores(cgroup: Path) -> int:
    available = len(os.sched_getaffinity(0))
    both = _read(cgroup / "cpu.max").split()
    quota, period = both or [_read(cgroup / "cpu" / f"cpu.cfs_{name}_us") for name in ("quota", "period")]
    # Where nothing limits it, version 2 says max and version 1 says -1.
    return max(1, min(available, int(quota) // int(period))) if quota.isdigit() else available


def _memory_limit(cgroup: Path) -> int | None:
    limit = _read(cgroup / "memory.max") or _read(cgroup / "memory" / "memory.limit_in_bytes")
    return int(limit) if limit.isdigit() and int(limit) < _NO_LIMIT else None


def _read(file: Path) -> str:
    """What a control group says, of version 2 or 1; empty where it has no such file."""
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return ""
