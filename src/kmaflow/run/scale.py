"""How many tasks a machine or container runs at once, and every number by which a cluster grows and recovers."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

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
    """Every number that decides how the cluster grows and how it recovers. docs/en/scaling.md gives the reasons."""
    return {
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(machine.slots),
        # Of all workers together: each running task asks the API server, and both live on the first machine's cores.
        "AIRFLOW__CORE__PARALLELISM": str(max(4, TASKS_PER_CORE * machine.cores)),
        "AIRFLOW__API__WORKERS": str(min(4, max(1, machine.cores // 2))),
        # A killed worker is noticed after 60 s (looked at every 10 s); its tasks' retry is due within 30 s more.
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
        # None: a worker looks for its broker again for ever. (0 would end it at the first refusal, Celery's 100 after
        # some minutes.)
        "AIRFLOW__CELERY__EXTRA_CELERY_CONFIG": json.dumps(
            {"broker_connection_max_retries": None, "worker_cancel_long_running_tasks_on_connection_loss": False}
        ),
        "AIRFLOW__CELERY__RESULT_BACKEND_SQLALCHEMY_ENGINE_OPTIONS": json.dumps(
            {"pool_pre_ping": True, "pool_recycle": 1800}
        ),
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
