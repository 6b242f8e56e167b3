"""The environment in which `make run` starts Airflow: one machine, SQLite metadata, LocalExecutor, everything on 127.0.0.1.

Secrets (login, Fernet key, signing keys) are made at the first start and kept in the home, readable by its owner alone.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"
USER = "admin"
_TASKS_PER_CORE = 2


@dataclass(frozen=True, slots=True)
class Places:
    """Where things lie below the home."""

    home: Path

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.home / "airflow"

    @property
    def logs(self) -> Path:
        """What the components print."""
        return self.home / "logs"

    @property
    def login(self) -> Path:
        """The file of Airflow's SimpleAuthManager: user and password."""
        return self.airflow / "login.json"

    @property
    def secrets(self) -> Path:
        """Keys with which Airflow signs and encrypts."""
        return self.airflow / "secrets.json"

    @property
    def metadata(self) -> Path:
        """Airflow's own SQLite database."""
        return self.airflow / "airflow.db"

    def make(self) -> None:
        """Make the folders; what lies in ``airflow`` is nobody else's business."""
        self.airflow.mkdir(parents=True, exist_ok=True)
        self.airflow.chmod(0o700)
        self.logs.mkdir(parents=True, exist_ok=True)


def dags_folder() -> Path:
    """The DAG files: inside the installed package, or beside ``src`` in a source tree."""
    package = Path(__file__).resolve().parents[1]
    packed = package / "airflow" / "dags"
    return packed if packed.is_dir() else package.parents[1] / "dags"


def airflow_environment(places: Places, port: int, base: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of the components.

    What the user set as ``AIRFLOW__…`` wins, except for what keeps this Airflow closed and to itself.
    """
    kept = _secrets(places.secrets)
    ours = {
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(_TASKS_PER_CORE * (os.cpu_count() or 1)),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__INSTANCE_NAME": "kmaflow",
        "AIRFLOW__API__EXPOSE_CONFIG": "False",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
        # A task that was killed with its machine blocks the next run (max_active_runs=1) until this has passed.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "90",
        # Task logs shall say what was collected; the access log would say every two seconds that the launcher asked.
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "uvicorn.access=WARNING http.access=WARNING httpx=WARNING",
    }
    fixed = {
        "AIRFLOW_HOME": str(places.airflow),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder()),
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(places.login),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{LOOPBACK}:{port}/execution/",
        "AIRFLOW__CORE__FERNET_KEY": kept["fernet_key"],
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://{LOOPBACK}:{port}",
        "AIRFLOW__API__SECRET_KEY": kept["secret_key"],
        "AIRFLOW__API_AUTH__JWT_SECRET": kept["jwt_secret"],
        # Writers wait for each other; with sqlite3's 5 seconds a busy machine shows "database is locked" as error 500.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{places.metadata}?timeout=30",
        # It would listen on every address.
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
    }
    return {**ours, **base, **fixed}


def password(places: Places) -> str:
    """The password of the login, made at the first start."""
    if not places.login.exists():
        write_private(places.login, {USER: secrets.token_urlsafe(9)})
    kept = json.loads(places.login.read_text(encoding="utf-8"))
    return str(kept[USER])


def _secrets(path: Path) -> dict[str, str]:
    if not path.exists():
        write_private(
            path,
            {
                "fernet_key": new_fernet_key(),
                "secret_key": secrets.token_urlsafe(32),
                "jwt_secret": secrets.token_urlsafe(64),
            },
        )
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return kept


def new_fernet_key() -> str:
    """A key with which Airflow encrypts connections."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def write_private(path: Path, content: Mapping[str, str]) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
