"""The environment of Airflow's components: on one machine (`make run`) and in the containers of compose.yaml.

Settings are rendered from the fields of :class:`Settings`. What a user set as ``AIRFLOW__…`` wins over tunable values,
never over what keeps Airflow closed to others. Secrets come from files (``secrets.py``); the variables by which people
set them are handed to no component.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from pydantic import SecretStr

from kmaflow.run.scale import Machine, scale_rules
from kmaflow.run.secrets import DEFAULT_SERVER, NAMES, SERVERS, USER, AirflowKeys, ClusterSecrets, variable
from kmaflow.settings import SIMULATED as SIMULATED_SETTINGS
from kmaflow.settings import Settings, own_settings
from kmaflow.store.engines.base import engine_named
from kmaflow.store.engines.database import file_url

LOOPBACK = "127.0.0.1"
#: Names inside of a cluster's database servers.
SUPERUSER, AIRFLOW_DATABASE, OBSERVATIONS, SIMULATED, RESULTS = "kmaflow", "airflow", "kma", "kma_simulated", "celery"
_OURS = ("KMAFLOW_", "AIRFLOW__")
#: The variables of all settings, by their fields.
_SETTINGS = {f"KMAFLOW_{name.upper()}": name for name in Settings.model_fields}


@dataclass(frozen=True, slots=True)
class Places:
    """Where things lie below the home of `make run`."""

    home: Path

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME, with the keys of Airflow in it."""
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
    def metadata(self) -> Path:
        """Airflow's own SQLite database."""
        return self.airflow / "airflow.db"

    def make(self) -> None:
        """Make the folders; only their owner may look into ``airflow``."""
        self.airflow.mkdir(parents=True, exist_ok=True)
        self.airflow.chmod(0o700)
        self.logs.mkdir(parents=True, exist_ok=True)


def dags_folder() -> Path:
    """The DAG files: inside the installed package, or beside ``src`` in a source tree."""
    package = Path(__file__).resolve().parents[1]
    packed = package / "airflow" / "dags"
    return packed if packed.is_dir() else package.parents[1] / "dags"


def setting_variables(settings: Settings) -> dict[str, str]:
    """Every setting that has a value, as its variable. (A task may run in another folder, without ``.env``.)"""
    values = {name: getattr(settings, field) for name, field in _SETTINGS.items()}
    return {name: _text(value) for name, value in values.items() if value is not None}


def _text(value: object) -> str:
    """A value as the settings read it again."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value)


def simulator_variables(address: str) -> dict[str, str]:
    """Hub and key while the simulator feeds us.

    Args:
        address: ``http://127.0.0.1:8765``.
    """
    from kmaflow.simulator import DEFAULT_KEY

    return {"KMAFLOW_SIMULATED": "1", "KMAFLOW_API_KEY": DEFAULT_KEY, "KMAFLOW_HUB_URL": f"{address}/api/typ01"}


def local_environment(
    places: Places, settings: Settings, keys: AirflowKeys, base: Mapping[str, str], *, simulated: bool
) -> dict[str, str]:
    """The whole environment of the components of `make run`: SQLite metadata, LocalExecutor, everything on 127.0.0.1.

    Args:
        base: the environment of the launcher; its settings are left out, ``settings`` has them.
        simulated: whether the simulator is the hub.
    """
    url = f"http://{LOOPBACK}:{settings.ui_port}"
    tunable = {
        "AIRFLOW__CORE__PARALLELISM": str(Machine.here().slots),
        "AIRFLOW__API__WORKERS": "1",
        # A task that was killed with its machine blocks the next run (max_active_runs=1) until this has passed.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "90",
    }
    fixed = {
        "AIRFLOW_HOME": str(places.airflow),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(places.login),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(settings.ui_port),
        "AIRFLOW__API__BASE_URL": url,
        # Writers wait for each other; with the driver's 5 seconds a busy machine shows "database is locked" as error 500.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"{file_url(places.metadata)}?timeout=30",
        # It would listen on every address.
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        **setting_variables(_with_simulated_storage(settings) if simulated else settings),
    }
    if simulated:
        fixed |= simulator_variables(f"http://{LOOPBACK}:{settings.simulator_port}")
    other = {name: value for name, value in base.items() if name not in _SETTINGS}
    return _merged(keys, other, tunable, fixed)


def _with_simulated_storage(settings: Settings) -> Settings:
    """The settings with databases and archive apart from those of real observations, where the user named none."""
    urls = dict.fromkeys(("database_url", "state_url", "archive_url"), "")
    default = own_settings(home=settings.home, **urls)
    ours = own_settings(home=settings.home / "simulated", **urls)
    return settings.model_copy(
        update={name: getattr(ours, name) for name in urls if getattr(settings, name) == getattr(default, name)}
    )


def leave_settings(places: Places, env: Mapping[str, str], *, simulated: bool) -> None:
    """For the commands in the same folder: while the simulator is the hub, a file says so and where its rows go."""
    path = places.home / SIMULATED_SETTINGS
    path.unlink(missing_ok=True)
    if simulated:
        path.parent.mkdir(exist_ok=True)
        inside = str(path.parent)
        names = ["KMAFLOW_API_KEY", "KMAFLOW_HUB_URL"]
        names += [
            f"KMAFLOW_{name}_URL" for name in ("DATABASE", "STATE", "ARCHIVE") if inside in env[f"KMAFLOW_{name}_URL"]
        ]
        path.write_text("".join(f"{name}='{env[name]}'\n" for name in names), encoding="utf-8")


def cluster_environment(
    kept: ClusterSecrets, base: Mapping[str, str], *, machine: Machine, simulated: bool, observations: str
) -> dict[str, str]:
    """The whole environment of a component in a container.

    Args:
        base: the container's environment; ``KMAFLOW_POSTGRES``, ``KMAFLOW_REDIS``, ``KMAFLOW_API_SERVER`` and
            ``KMAFLOW_SIMULATOR`` are addresses.
        simulated: whether the simulator is the hub.
        observations: the server that holds the observations, as :func:`server_url` names it.
    """
    results = base.get("KMAFLOW_RESULTS") or DEFAULT_SERVER
    tunable = {
        **scale_rules(machine),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": server_url(DEFAULT_SERVER, AIRFLOW_DATABASE, kept, base),
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{server_url(results, RESULTS, kept, base)}",
        "AIRFLOW__CELERY__BROKER_URL": broker_url(kept, base),
        "AIRFLOW__API__HOST": "0.0.0.0",  # the container's; what leaves the machine is compose.yaml's affair
        "AIRFLOW__CELERY__FLOWER_HOST": "0.0.0.0",
        "KMAFLOW_DATABASE_URL": server_url(observations, SIMULATED if simulated else OBSERVATIONS, kept, base),
    }
    fixed = {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{base['KMAFLOW_API_SERVER']}/execution/",
        "AIRFLOW__CELERY__FLOWER_BASIC_AUTH": f"{USER}:{kept.flower_password}",
        # For the health check inside of the container; nobody else can reach it.
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "True",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": LOOPBACK,
    }
    if simulated:
        fixed |= simulator_variables(base["KMAFLOW_SIMULATOR"])
        fixed["KMAFLOW_ARCHIVE_URL"] = f"{base.get('KMAFLOW_HOME') or 'var'}/simulated/archive"
    return _merged(kept, base, tunable, fixed)


def _merged(
    keys: AirflowKeys, base: Mapping[str, str], tunable: Mapping[str, str], fixed: Mapping[str, str]
) -> dict[str, str]:
    """What every component gets, with what is particular to one machine or a cluster. An empty variable is unset."""
    secret = {variable(name) for name in NAMES}
    given = {
        name: value
        for name, value in base.items()
        if name not in secret and not (value == "" and name.startswith(_OURS))
    }
    return {
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__API__INSTANCE_NAME": "kmaflow",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
        # Task logs shall say what was collected; the access log would say every two seconds that the launcher asked.
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "uvicorn.access=WARNING http.access=WARNING httpx=WARNING",
        **tunable,
        **given,
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder()),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__CORE__FERNET_KEY": keys.fernet_key,
        "AIRFLOW__API__SECRET_KEY": keys.secret_key,
        "AIRFLOW__API__EXPOSE_CONFIG": "False",
        "AIRFLOW__API_AUTH__JWT_SECRET": keys.jwt_secret,
        **fixed,
    }


def broker_url(kept: ClusterSecrets, base: Mapping[str, str]) -> str:
    """The cluster's Redis."""
    return f"redis://:{quote(kept.redis_password, safe='')}@{base['KMAFLOW_REDIS']}/0"


def server_url(server: str, database: str, kept: ClusterSecrets, base: Mapping[str, str]) -> str:
    """A database on one of the cluster's own servers, by its name in ``SERVERS``."""
    address = base.get(f"KMAFLOW_{server.upper().replace('-', '_')}") or server
    driver = engine_named(SERVERS[server].engine).driver
    password = quote(getattr(kept, SERVERS[server].password), safe="")
    return f"{driver}://{SUPERUSER}:{password}@{address}/{database}"
