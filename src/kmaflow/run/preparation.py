"""What happens before the first component starts: variables for them, Airflow's own database, pool and connections."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version

from kmaflow.catalog.time import HOUR, floor_to, now_kst
from kmaflow.errors import KmaflowError
from kmaflow.run.environment import LOOPBACK, Places
from kmaflow.run.terminal import complain, say
from kmaflow.settings import Settings, load_settings


class StartFailed(KmaflowError):
    """A component did not start, or ended by itself."""

    todo_en = "read the lines above and the whole log; then start again"
    todo_ko = "위의 줄과 로그 전체를 읽고 다시 시작하십시오"


def airflow_command(*arguments: str) -> list[str]:
    """The command line of Airflow in this Python."""
    return [sys.executable, "-m", "airflow", *arguments]


def kmaflow_command(*arguments: str) -> list[str]:
    """The command line of kmaflow in this Python."""
    return [sys.executable, "-m", "kmaflow", *arguments]


def setting_variables(settings: Settings, places: Places) -> dict[str, str]:
    """The settings for the components, spelled out: a task may run in another folder, where ``.env`` and ``./var`` mean nothing.

    START is remembered from the first start, so that CATCHUP has something to catch up from.
    """
    first = places.home / "first_start"
    if not first.exists():
        first.write_text(f"{floor_to(now_kst(), HOUR):%Y-%m-%d %H:%M}\n", encoding="utf-8")
    start = f"{settings.start:%Y-%m-%d %H:%M}" if settings.start else first.read_text(encoding="utf-8").strip()
    variables = {
        "HOME": str(settings.home),
        "HUB_URL": settings.hub_url,
        "DATABASE_URL": settings.database_url,
        "STATE_URL": settings.state_url,
        "ARCHIVE_URL": settings.archive_url,
        "DAILY_CALLS": str(settings.daily_calls),
        "DAILY_BYTES": str(settings.daily_bytes),
        "WINDOW_MINUTES": str(settings.window_minutes),
        "STATIONS": settings.stations,
        "CATCHUP": str(settings.catchup).lower(),
    }
    if settings.catchup or settings.start:
        variables["START"] = start
    if settings.api_key is not None:
        variables["API_KEY"] = settings.api_key.get_secret_value()
    return {f"KMAFLOW_{name}": value for name, value in variables.items()}


def simulator_variables(settings: Settings) -> dict[str, str]:
    """Hub, key and places while the simulator feeds us: invented weather never enters the database that real observations will have."""
    from kmaflow.simulator import DEFAULT_KEY

    home = settings.home / "simulated"
    home.mkdir(parents=True, exist_ok=True)
    variables = {
        "KMAFLOW_SIMULATED": "1",
        "KMAFLOW_API_KEY": DEFAULT_KEY,
        "KMAFLOW_HUB_URL": f"http://{LOOPBACK}:{settings.simulator_port}/api/typ01",
    }
    ours = load_settings(home=home, database_url="", state_url="", archive_url="")
    default = load_settings(home=settings.home, database_url="", state_url="", archive_url="")
    for name in ("database_url", "state_url", "archive_url"):
        if getattr(settings, name) == getattr(default, name):
            variables[f"KMAFLOW_{name.upper()}"] = getattr(ours, name)
    return variables


def migrate(places: Places, env: Mapping[str, str]) -> None:
    """Make or migrate Airflow's own database, unless this version has done so already."""
    mark, wanted = places.airflow / "migrated", version("apache-airflow-core")
    if places.metadata.exists() and mark.exists() and mark.read_text(encoding="utf-8") == wanted:
        return
    say("Airflow 데이터베이스를 준비합니다 · preparing Airflow's own database …")
    _complete(airflow_command("db", "migrate"), places, env, "db-migrate")
    mark.write_text(wanted, encoding="utf-8")


def make_pool_and_connections(places: Places, env: Mapping[str, str]) -> bool:
    """Pool and connections; tells whether the connection `kma_apihub` holds a key."""
    output = _complete([sys.executable, "-m", "kmaflow.airflow.provider.setup"], places, env, "setup")
    return bool(json.loads(output.splitlines()[-1])["has_key"])


def _complete(command: list[str], places: Places, env: Mapping[str, str], name: str) -> str:
    """Run a command to its end; its stderr goes to ``logs/NAME.log``.

    Raises:
        StartFailed: it failed; the end of its log has been printed.
    """
    log = places.logs / f"{name}.log"
    with log.open("ab") as errors:
        done = subprocess.run(
            command, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, check=False
        )
    if done.returncode:
        complain("\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]))
        raise StartFailed(f"{name} ended with code {done.returncode} (log: {log})")
    return done.stdout.decode()
