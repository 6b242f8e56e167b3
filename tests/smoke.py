"""`make smoke`: everything that `make run` starts, without a person, in a temporary home; then every cell is compared.

It begins as after an outage: ``START`` lies three hours back and nothing is there. One scheduled run of `kma_aws` and
of `kma_asos` (the scheduler makes the last complete interval at once) and one of `kma_repair`, which asks for the three
hours; then both directions of every table: no cell differs, no row is missing, none is too many, and the simulator has
counted no call above the quota.
"""

from __future__ import annotations

import socket
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import httpx

from kmaflow.catalog import DAGS
from kmaflow.catalog.time import Window, floor_to, now_kst, parse_time
from kmaflow.errors import KmaflowError
from kmaflow.run import complain, tell
from kmaflow.run.api import FINISHED
from kmaflow.run.environment import LOOPBACK
from kmaflow.run.finished_runs import FinishedRun, finished_run
from kmaflow.run.launch import Running, Stopped, await_condition, started, stop_signals
from kmaflow.run.preparation import StartFailed
from kmaflow.settings import Settings, own_settings
from tests.truth_check import Comparison, TruthCheck

OUTAGE = timedelta(hours=3)
REPAIR = "kma_repair"
_WATCHED = (*DAGS, REPAIR)
_RUN_SECONDS = 600.0


def main() -> int:
    """Exit code 0 if every cell is right."""
    begun = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="kmaflow-smoke-") as folder, stop_signals():
            with started(smoke_settings(Path(folder))) as running:
                tell(f"started after {time.monotonic() - begun:.0f} s")
                found = check(running)
            return report(found, time.monotonic() - begun)
    except Stopped:
        complain("smoke: stopped")
        return 1
    except KmaflowError as error:
        complain(f"smoke: {error}")
        return error.exit_code


def smoke_settings(home: Path) -> Settings:
    """Settings that owe nothing to the environment or to a ``.env``: no key, so the simulator; free ports."""
    own = Settings.model_construct().model_dump(exclude={"home", "ui_port", "simulator_port", "api_key"})
    ui_port, simulator_port = free_ports(2)
    own |= {"start": floor_to(now_kst() - OUTAGE, timedelta(minutes=10))}
    return own_settings(**own, home=home, api_key=None, ui_port=ui_port, simulator_port=simulator_port)


def check(running: Running) -> list[Comparison]:
    """Collect and compare."""
    for dag_id in _WATCHED:
        await_run(running, dag_id)
    # A further interval may have come due meanwhile; nothing may be half written below.
    await_condition(lambda: _at_rest(running), running.children, "rest", _RUN_SECONDS)
    _require_within_quota(running)
    return _compare(running)


def report(found: list[Comparison], seconds: float) -> int:
    """Say what was compared; the exit code."""
    for one in found:
        tell(str(one))
    cells, differing = sum(one.cells for one in found), sum(one.differing for one in found)
    rows = sum(one.missing + one.extra for one in found)
    tell(f"smoke: {cells:,} cells compared, {differing} differing, {rows} rows missing or too many ({seconds:.0f} s)")
    return 0 if found and cells and all(one.equal for one in found) else 1


def _compare(running: Running) -> list[Comparison]:
    import sqlalchemy as sa

    engine = sa.create_engine(running.database_url)
    truth = TruthCheck(running.hub_url.removesuffix("/api/typ01"), engine)
    found = []
    repaired = _repaired(running)
    for dag_id, names in DAGS.items():
        windows = []
        for run in running.api.runs(dag_id=dag_id, state=list(FINISHED)):
            done = finished_run(running.api, run)
            _require_success(running, done)
            assert done.window is not None
            windows.append(Window(*done.window))
        for name in names:
            found += truth.compare(name, windows + repaired[name])
    engine.dispose()
    return found


def _repaired(running: Running) -> dict[str, list[Window]]:
    """What runs of repair looked at and left complete, for each dataset.

    Raises:
        StartFailed: it left something.
    """
    found: dict[str, list[Window]] = {name: [] for names in DAGS.values() for name in names}
    for run in running.api.runs(dag_id=REPAIR, state=list(FINISHED)):
        for name, windows in found.items():
            told = running.api.xcom(REPAIR, run["dag_run_id"], name)
            if told is not None:
                if told["left"]:
                    raise StartFailed(
                        f"{name}: repair left {told['left']} cells: {told}",
                        ko=f"{name}: 복구 뒤 {told['left']}칸 누락: {told}",
                    )
                windows.append(Window(parse_time(told["from"]), parse_time(told["to"])))
    if not all(found.values()):
        raise StartFailed(
            f"repair looked at nothing of {', '.join(name for name, seen in found.items() if not seen)}",
            ko=f"복구가 확인하지 않은 자료: {', '.join(name for name, seen in found.items() if not seen)}",
        )
    return found


def _require_within_quota(running: Running) -> None:
    url = f"{running.hub_url.removesuffix('/api/typ01')}/_sim/usage"
    usage = httpx.get(url, timeout=60.0, trust_env=False).json()
    for used in usage["keys"]:
        tell(f"the simulator counted {used['calls']} calls, {used['bytes']:,} bytes on {used['day']}")
        if used["calls"] > running.settings.daily_calls or used["bytes"] > running.settings.daily_bytes:
            raise StartFailed(f"the quota was exceeded on {used['day']}", ko=f"{used['day']}: 일일 한도를 넘었습니다")


def await_run(running: Running, dag_id: str, run_type: str = "scheduled", run_id: str | None = None) -> FinishedRun:
    """Wait for the first finished run of that kind; it must be green."""
    done: list[FinishedRun] = []

    def finished() -> bool:
        for run in running.api.runs(dag_id=dag_id, state=list(FINISHED), run_type=run_type):
            if run_id in (None, run["dag_run_id"]):
                done.append(finished_run(running.api, run))
                return True
        return False

    await_condition(finished, running.children, f"{run_type} run of {dag_id}", _RUN_SECONDS)
    tell(str(done[0]))
    _require_success(running, done[0])
    return done[0]


def _require_success(running: Running, done: FinishedRun) -> None:
    if done.state == "success":
        return
    for task_id in done.failed:
        complain(f"{task_id}: {running.api.xcom(done.dag_id, done.run_id, task_id)}")
    logs = sorted((running.places.airflow / "logs" / f"dag_id={done.dag_id}").rglob("*.log"))
    for log in logs:
        complain(f"--- {log.name} of {log.parent.name}")
        complain("\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:]))
    raise StartFailed(
        f"the run {done.run_id} of {done.dag_id} failed: {', '.join(done.failed) or 'no task'}",
        ko=f"{done.dag_id}의 실행 {done.run_id} 실패: {', '.join(done.failed) or '태스크 없음'}",
    )


def _at_rest(running: Running) -> bool:
    """Whether nothing runs, and nothing will. Only at rest, since the run of a DAG that is paused stands still."""
    if _active(running):
        return False
    for dag_id in _WATCHED:
        running.api.pause(dag_id, paused=True)
    at_rest = not _active(running)
    if not at_rest:
        for dag_id in _WATCHED:
            running.api.pause(dag_id, paused=False)
    return at_rest


def _active(running: Running) -> bool:
    return any(running.api.runs(dag_id=dag_id, state=["queued", "running"]) for dag_id in _WATCHED)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now; all held at once so that they differ."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind((LOOPBACK, 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


if __name__ == "__main__":
    sys.exit(main())
