"""What only a process of its own can show: no Airflow, light imports, killed in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from kmaflow.failpoints import POINTS
from kmaflow.simulator import DEFAULT_KEY, KeyGrant
from kmaflow.simulator.server import Running

from ..collect.hub import collecting, differences, requests_seen, simulated, window
from ..store.bodies import minute_body, stamp

BLOCKED = """
import sys
class NoAirflow:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "airflow":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, NoAirflow())
from kmaflow.cli import main
main()
"""


def _run(code: str, home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=home,
        env={**os.environ, "KMAFLOW_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_library_and_command_line_work_without_airflow(tmp_path: Path) -> None:
    (tmp_path / "saved.txt").write_bytes(minute_body({(stamp(1), 108): {"ta": -9.3}}))
    helped = _run(BLOCKED, tmp_path, "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    loaded = _run(BLOCKED, tmp_path, "load", "saved.txt", "--json")
    assert (loaded.returncode, loaded.stderr) == (0, "")
    assert json.loads(loaded.stdout)["files"][0]["inserted"] == 2


def test_importing_the_command_line_is_light(tmp_path: Path) -> None:
    heavy = ("polars", "sqlalchemy", "httpx", "pydantic", "airflow", "numpy", "starlette", "uvicorn", "fsspec")
    done = _run(f"import sys, kmaflow.cli; print([name for name in {heavy} if name in sys.modules])", tmp_path)
    assert (done.returncode, done.stdout) == (0, "[]\n")


def test_collecting_into_sqlite_loads_no_screen_no_server_and_no_other_database(tmp_path: Path) -> None:
    idle = ("rich", "pygments", "numpy", "starlette", "uvicorn", "alembic", "psycopg", "pymysql")
    done = _run(f"import sys, kmaflow.collect; print([name for name in {idle} if name in sys.modules])", tmp_path)
    assert (done.returncode, done.stdout) == (0, "[]\n")


def test_a_traceback_is_shown_with_debug_only(tmp_path: Path) -> None:
    code = "from kmaflow.cli import main; main()"
    told = _run(code, tmp_path, "--debug", "why", "nothing", "108", "2025-01-15")
    assert told.returncode == 1
    assert "Traceback" in told.stderr
    surprised = "import kmaflow.store as s\ns.Store = None\nfrom kmaflow.cli import main; main()"
    unforeseen = _run(surprised, tmp_path, "init")
    assert unforeseen.returncode == 1
    assert unforeseen.stderr.startswith("kmaflow: unexpected TypeError")
    assert unforeseen.stderr.count("\n") == 1


#: Between the steps of a collect, and once within its transaction, in which the tests of rebuild and of many writers kill at every step.
_CI = {"answer_fetched", "body_archived", "manifest_noted", "rows_inserted", POINTS[-1]}


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(point, marks=[] if point in _CI else pytest.mark.long)
        for point in POINTS
        if point not in {"rejected_kept", "pairs_written"}
    ],
)
def test_killed_anywhere_and_run_again(hub: Running, tmp_path: Path, point: str) -> None:
    """kill -9 at a named place: nothing half is there, and the next run ends as if nothing had happened."""
    asked = window("12:00", "12:20")
    passage = 2 if point in {"answer_fetched", "body_archived", "manifest_noted"} else 1
    if point not in {"rows_inserted", "hours_counted", "latest_advanced"}:
        with collecting(hub, tmp_path) as collector:
            collector.collect("aws_cloud", window("12:05", "12:15"))
            with collector.store.engine.begin() as connection:
                connection.exec_driver_sql("UPDATE aws_cloud SET ch_low = 1")
    done = _run(
        "from kmaflow.cli import main; main()",
        tmp_path, "collect", "aws_cloud", "--from", "2025-01-15 12:00", "--to", "2025-01-15 12:20",
        KMAFLOW_HUB_URL=hub.url, KMAFLOW_API_KEY=DEFAULT_KEY, KMAFLOW_FAILPOINT=f"{point}:{passage}",
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    with collecting(hub, tmp_path) as collector:
        with collector.store.engine.connect() as connection:
            half = connection.exec_driver_sql(
                "SELECT COUNT(*) FROM aws_cloud WHERE request_id NOT IN (SELECT id FROM request WHERE outcome = 'ok')"
            ).scalar()
        assert half == 0
        assert collector.collect("aws_cloud", asked).complete
        assert differences(collector, hub, "aws_cloud", asked.start.replace(minute=1), asked.end) == []
        with collector.store.engine.connect() as connection:
            counted = connection.exec_driver_sql(
                "SELECT (SELECT SUM(present + blank) FROM completeness_hour), (SELECT COUNT(*) FROM aws_cloud)"
            ).one()
        assert counted[0] == counted[1]
        assert collector.collect("aws_cloud", asked).unchanged > 0


def test_two_processes_start_on_the_same_empty_home(hub: Running, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "kmaflow",
        "collect",
        "aws_cloud",
        "--from",
        "2025-01-15 12:00",
        "--to",
        "2025-01-15 12:20",
        "--json",
    ]
    environment = {
        **os.environ,
        "KMAFLOW_HOME": str(tmp_path),
        "KMAFLOW_HUB_URL": hub.url,
        "KMAFLOW_API_KEY": DEFAULT_KEY,
    }
    both = [
        subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    try:
        said = [process.communicate(timeout=300) for process in both]
    finally:
        for process in both:
            with suppress(ProcessLookupError):
                process.kill()
    assert [(process.returncode, err) for process, (_, err) in zip(both, said, strict=True)] == [(0, ""), (0, "")]
    inserted = sum(json.loads(out)["datasets"][0]["inserted"] for out, _ in said)
    with collecting(hub, tmp_path) as collector:
        assert (
            differences(collector, hub, "aws_cloud", window("12:01", "12:20").start, window("12:01", "12:20").end) == []
        )
        with collector.store.engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT COUNT(*) FROM aws_cloud").scalar() == inserted


def test_processes_that_share_a_key_end_with_its_quota_and_one_that_is_killed_gives_nothing_back(
    tmp_path: Path,
) -> None:
    """Two hours of three datasets are 36 calls, the hub allows 20 and the stations cost two of them."""
    with simulated(keys=(KeyGrant(DEFAULT_KEY, daily_calls=20),)) as hub:
        told = {"KMAFLOW_HUB_URL": hub.url, "KMAFLOW_API_KEY": DEFAULT_KEY, "KMAFLOW_DAILY_CALLS": "20"}
        main = "from kmaflow.cli import main; main()"
        span = ("--from", "2025-01-15 10:50", "--to", "2025-01-15 12:50", "--json")
        assert _run(main, tmp_path, "stations", "sync", **told).returncode == 0
        killed = _run(main, tmp_path, "collect", "aws_minute", *span, **told, KMAFLOW_FAILPOINT="answer_fetched:1")
        assert killed.returncode == -signal.SIGKILL
        environment = {**os.environ, "KMAFLOW_HOME": str(tmp_path), **told}
        both = [
            subprocess.Popen(
                [sys.executable, "-m", "kmaflow", "collect", name, *span],
                cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for name in ("aws_cloud", "aws_visibility")
        ]  # fmt: skip
        try:
            said = [process.communicate(timeout=300) for process in both]
        finally:
            for process in both:
                with suppress(ProcessLookupError):
                    process.kill()
        # 16 calls are left, and each alone needs 12: one of them may have got all of its own.
        stopped = [err for process, (_, err) in zip(both, said, strict=True) if process.returncode == 3]
        assert stopped
        assert [process.returncode for process in both].count(0) == 2 - len(stopped)
        assert all("not requested because of the quota" in err for err in stopped)
        assert len(requests_seen(hub)) == 19, "98 %, the killed worker's call among them"
        quota = json.loads(_run(main, tmp_path, "status", "--json", **told).stdout)["quota_today"]
        assert quota["calls"] == 19
        assert quota["reserved"] > 0, "what the killed worker has reserved stays charged until midnight"
