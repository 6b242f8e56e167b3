"""`make run`: simulator (if there is no key) and Airflow as child processes on 127.0.0.1, until Ctrl-C or SIGTERM.

Airflow is never imported here: `airflow standalone` leaves a dozen processes behind on SIGTERM, and an import costs
seconds. The components are started one by one, each in its own session (`processes.py`), and watched through the REST
API (`api.py`).
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import FrameType

from kmaflow.catalog import DAGS
from kmaflow.catalog.time import HOUR, floor_to, now_kst, parse_time
from kmaflow.errors import KmaflowError, UsageError
from kmaflow.language import say
from kmaflow.run import complain, tell
from kmaflow.run.api import AirflowApi, ApiBusy
from kmaflow.run.environment import LOOPBACK, Places, leave_settings, local_environment
from kmaflow.run.finished_runs import RunWatch
from kmaflow.run.preparation import (
    StartFailed,
    airflow_command,
    kmaflow_command,
    migrate_metadata,
    prepare_airflow,
)
from kmaflow.run.processes import Child, Children
from kmaflow.run.secrets import USER, ensure_keys, login_password, token_to_try
from kmaflow.settings import Settings, misspelt, own_settings

_READY_SECONDS = 240.0
_POLL_SECONDS = 2.0


class Stopped(Exception):
    """Ctrl-C or SIGTERM: somebody asked for the end; no error."""


@dataclass(frozen=True, slots=True)
class Running:
    """An Airflow that answers."""

    api: AirflowApi
    children: Children
    places: Places
    settings: Settings
    ui_url: str
    hub_url: str
    simulated: bool
    password: str
    database_url: str
    token: str

    @property
    def try_line(self) -> str:
        """The weather at a place, in one line."""
        return f'curl -H "Authorization: Bearer {self.token}" "{self.ui_url}/kmaflow/v1/latest?lat=37.5&lon=127.0"'


def main() -> int:
    """Run until asked to stop. Exit code 0 then, 1 if a component failed, 2 if it could not start as set."""
    try:
        for line in misspelt():
            complain(f"kmaflow: {line}")
        with stop_signals(), started(own_settings()) as running:
            _banner(running)
            watch = RunWatch(running.api, datetime.now(UTC))
            while True:
                with suppress(ApiBusy):  # told at the next look; a component that died is found below
                    for run in watch.new():
                        tell(str(run))
                check_alive(running.children)
                time.sleep(_POLL_SECONDS)
    except Stopped:
        tell(say("종료했습니다", "stopped"))
        return 0
    except KmaflowError as error:
        complain(f"kmaflow: {error}")
        return error.exit_code


@contextmanager
def stop_signals() -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into :class:`Stopped`, once; later ones do not disturb the clean-up.

    Set explicitly because a shell starts background jobs with SIGINT ignored, which Python would keep.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        for again in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(again, signal.SIG_IGN)
        raise Stopped

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def started(settings: Settings, extra: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Everything started and healthy; everything ended on the way out, whatever happens.

    Args:
        extra: more environment for the components (the smoke test's).

    Raises:
        UsageError: Airflow is not installed, a port is taken, or the home is in use.
        StartFailed: a component did not come up.
    """
    _require_airflow()
    places = Places(settings.home)
    places.make()
    with _home_lock(places.home):
        require_free(settings.ui_port, "UI", "KMAFLOW_UI_PORT")
        settings = _with_start(settings, places)
        secret = login_password(places.login)
        keys = ensure_keys(places.airflow)
        base = {**os.environ, **(extra or {})}
        env = local_environment(places, settings, keys, base, simulated=False)
        _migrate_once(places, env)
        has_key = prepare_airflow(env, places.logs) or settings.api_key is not None
        simulated = not has_key
        if simulated:
            require_free(settings.simulator_port, "simulator", "KMAFLOW_SIMULATOR_PORT")
            env = local_environment(places, settings, keys, base, simulated=True)
        leave_settings(places, env, simulated=simulated)
        children = Children(places.logs)
        api = AirflowApi(f"http://{LOOPBACK}:{settings.ui_port}", USER, secret)
        try:
            if simulated:
                children.start("simulator", kmaflow_command("simulate", "--port", str(settings.simulator_port)), env)
            # --skip-serve-logs: the log servers would listen on every address; all logs lie on this machine anyway.
            children.start("api-server", airflow_command("api-server"), env)
            children.start("dag-processor", airflow_command("dag-processor"), env)
            children.start("scheduler", airflow_command("scheduler", "--skip-serve-logs"), env)
            tell(say("Airflow를 시작합니다(약 30초) …", "starting Airflow (about 30 s) …"))
            await_condition(api.healthy, children, "Airflow")
            with api:
                await_condition(lambda: _dags_are_known(api), children, "DAGs")
                # Tasks that wait for the next day's quota live in it. Last: it must delay nobody.
                children.start("triggerer", airflow_command("triggerer", "--skip-serve-logs"), env)
                yield Running(
                    api=api,
                    children=children,
                    places=places,
                    settings=settings,
                    ui_url=f"http://{LOOPBACK}:{settings.ui_port}",
                    hub_url=env["KMAFLOW_HUB_URL"],
                    simulated=simulated,
                    password=secret,
                    database_url=env["KMAFLOW_DATABASE_URL"],
                    token=token_to_try(places.airflow / "api_token", env["KMAFLOW_DATABASE_URL"]),
                )
        finally:
            tell(say("종료하는 중(최대 30초) …", "stopping everything (at most 30 s) …"))
            children.stop()


def _with_start(settings: Settings, places: Places) -> Settings:
    """With CATCHUP and without START, the hour of the first start is START."""
    first = places.home / "first_start"
    if not first.exists():
        first.write_text(f"{floor_to(now_kst(), HOUR):%Y-%m-%d %H:%M}\n", encoding="utf-8")
    if settings.start or not settings.catchup:
        return settings
    return settings.model_copy(update={"start": parse_time(first.read_text(encoding="utf-8").strip())})


def _migrate_once(places: Places, env: Mapping[str, str]) -> None:
    """Make or migrate Airflow's own database, unless this version of Airflow has done so already."""
    mark, wanted = places.airflow / "migrated", version("apache-airflow-core")
    if places.metadata.exists() and mark.exists() and mark.read_text(encoding="utf-8") == wanted:
        return
    migrate_metadata(env, places.logs)
    mark.write_text(wanted, encoding="utf-8")


def await_condition(
    condition: Callable[[], bool], children: Children, what: str, seconds: float = _READY_SECONDS
) -> None:
    """Poll until ``condition`` holds. An API that is busy counts as not yet.

    Raises:
        StartFailed: a component ended meanwhile, or the time is over.
    """
    deadline = time.monotonic() + seconds
    while True:
        with suppress(ApiBusy):
            if condition():
                return
        check_alive(children)
        if time.monotonic() > deadline:
            raise StartFailed(
                f"{what}: not ready after {seconds:.0f} s", ko=f"{what}: {seconds:.0f}초 안에 준비되지 않았습니다"
            )
        time.sleep(0.3)


def check_alive(children: Children) -> None:
    """Raises StartFailed, with the end of its log, if a component has ended by itself."""
    ended: Child | None = children.ended()
    if ended is not None:
        complain(ended.tail())
        raise StartFailed(
            f"{ended.name} ended with code {ended.process.returncode} (log: {ended.log})",
            ko=f"{ended.name} 종료됨(종료 코드 {ended.process.returncode}, 로그: {ended.log})",
        )


def _dags_are_known(api: AirflowApi) -> bool:
    """Whether all DAGs have been read.

    Raises:
        StartFailed: one of their files cannot be.
    """
    errors = api.import_errors()
    if errors:
        raise StartFailed(
            f"a DAG file cannot be read: {errors[0].splitlines()[-1]}",
            ko=f"DAG 파일을 읽을 수 없습니다: {errors[0].splitlines()[-1]}",
        )
    return {*DAGS, "kma_stations", "kma_repair", "kma_backfill"} <= {dag["dag_id"] for dag in api.dags()}


def require_free(port: int, what: str, variable: str) -> None:
    """Raises UsageError if somebody listens on that port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            raise UsageError(
                f"port {port} ({what}) is taken",
                ko=f"{what} 포트 {port}: 다른 프로그램이 사용 중입니다",
                todo_en=f"end the program that uses it, or choose another: {variable}={port + 1} make run",
                todo_ko=f"그 포트를 쓰는 프로그램을 종료하거나 다른 포트를 지정하십시오: {variable}={port + 1} make run",
            ) from None


def _require_airflow() -> None:
    if importlib.util.find_spec("airflow") is None:
        raise UsageError(
            "Apache Airflow is not installed here",
            ko="Apache Airflow가 설치되어 있지 않습니다",
            todo_en="use make run, or pip install 'kmaflow[airflow]'",
            todo_ko="make run을 쓰거나 pip install 'kmaflow[airflow]'로 설치하십시오",
        )


@contextmanager
def _home_lock(home: Path) -> Iterator[None]:
    """One launcher per home: two schedulers on one SQLite file would destroy each other's work."""
    with (home / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another make run uses {home}",
                ko=f"다른 make run이 {home} 폴더를 사용 중입니다",
                todo_en="end it first, or choose another folder with KMAFLOW_HOME",
                todo_ko="실행 중인 것을 먼저 끝내거나 KMAFLOW_HOME으로 다른 폴더를 고르십시오",
            ) from None
        yield


def _status_line() -> str:
    """What a second terminal in the same folder types."""
    folder = Path(sys.prefix)
    if sys.prefix == sys.base_prefix:
        return "kmaflow status"
    with suppress(ValueError):
        folder = folder.relative_to(Path.cwd())
    return f"source {folder}/bin/activate && kmaflow status"


def _banner(running: Running) -> None:
    from sqlalchemy.engine import make_url

    hub = (
        say(f"{running.hub_url} (내장 시뮬레이터, 인증키 없음)", f"{running.hub_url} (built-in simulator, no key)")
        if running.simulated
        else running.hub_url
    )
    lines = [
        (say("화면", "page"), f"{running.ui_url}/kmaflow/"),
        ("Airflow", running.ui_url),
        (say("로그인", "login"), f"{USER} / {running.password}"),
        (say("데이터베이스", "database"), make_url(running.database_url).render_as_string()),
        (say("API허브", "hub"), hub),
        (say("현재 날씨", "weather now"), running.try_line),
        (say("명령", "commands"), _status_line()),
        (say("로그", "logs"), running.places.logs),
        (say("종료", "stop"), "Ctrl-C"),
    ]
    head = say("kmaflow 실행 중", "kmaflow is running")
    tell("\n".join(["", head, *(f"  {name}: {value}" for name, value in lines), ""]))


if __name__ == "__main__":
    sys.exit(main())
