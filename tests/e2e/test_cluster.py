"""compose.yaml at work: two workers with different host names, Redis, PostgreSQL, MariaDB, Flower; every cell the truth in both databases.

With KMAFLOW_PICTURES=1 the pictures of docs/en/scaling.md are made anew.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import psutil
import pytest
from playwright.sync_api import expect, sync_playwright
from tests.e2e.cluster import COLLECTING, DAGS, Cluster, cluster, compose_logs, connection_body
from tests.e2e.compose import PATIENCE, ROOT, wait_until
from tests.e2e.conftest import CHROMIUM, last_hours
from tests.e2e.image import build
from tests.e2e.test_browser import picture

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import HOUR, Window, now_kst
from kmaflow.run.api import AirflowApi
from kmaflow.run.cluster import component_environment
from kmaflow.run.processes import members
from kmaflow.run.secrets import NAMES
from kmaflow.simulator import DEFAULT_KEY

HOURS = 1
pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the Dockerfile makes; its Python."""
    return build(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def two_workers(image: Path) -> Iterator[Cluster]:
    """From the image's contents; observations and Celery's results in MariaDB, Airflow's own database in PostgreSQL."""
    with cluster("flower", "mariadb", given={"KMAFLOW_RESULTS": "mariadb"}, python=image) as found:
        yield found


@pytest.fixture(scope="module")
def collected(two_workers: Cluster) -> tuple[Window, dict[str, dict[str, str]]]:
    """All datasets over a few hours, into MariaDB by default and into PostgreSQL by a connection; the runs of each."""
    url = two_workers.make_database("postgres")
    two_workers.api._send("POST", "/connections", json=connection_body("in_postgres", url)).raise_for_status()
    window = last_hours(now_kst(), HOURS, timedelta(minutes=20))
    runs = {"mariadb": two_workers.collect(window), "postgres": two_workers.collect(window, conn_id="in_postgres")}
    for both in runs.values():
        wait_until(lambda both=both: two_workers.finished(both), "the collection")  # type: ignore[misc]
        two_workers.require_green(both)
    two_workers.rest()
    return window, runs


def test_every_dag_of_the_image_loads(two_workers: Cluster) -> None:
    assert two_workers.api.import_errors() == []
    assert {dag["dag_id"] for dag in two_workers.api.dags()} == DAGS


@pytest.mark.parametrize("server", ["mariadb", "postgres"])
def test_every_cell_is_the_truth(
    two_workers: Cluster, collected: tuple[Window, dict[str, dict[str, str]]], server: str
) -> None:
    windows = {dag_id: [collected[0]] for dag_id in COLLECTING}
    if server == "mariadb":  # what was scheduled before the test began is there too
        from kmaflow.run.finished_runs import finished_run

        for dag_id, known in windows.items():
            for run in two_workers.api.runs(dag_id=dag_id, run_type="scheduled"):
                done = finished_run(two_workers.api, run)
                assert done.window is not None
                known.append(Window(*done.window))
    found = two_workers.compare(two_workers.url(server), windows)
    print(*found, sep="\n")
    assert len(found) == 7
    # Where no weather has a second code, there is no pair.
    assert all(one.equal and (one.rows or one.table == "aws_present_weather_code") for one in found)


def test_both_workers_worked_and_the_log_of_each_is_on_the_page(
    two_workers: Cluster, collected: tuple[Window, dict[str, dict[str, str]]]
) -> None:
    read = {}
    for runs in collected[1].values():
        for task in two_workers.tasks(runs):
            if task["task_id"] in DATASETS and task["hostname"] not in read:
                read[task["hostname"]] = two_workers.log(task["dag_id"], task["dag_run_id"], task["task_id"])
    assert set(read) == {"worker-1", "worker-2"}
    for text in read.values():
        assert "rows" in text
        assert "Could not read" not in text


def test_the_other_dags_run_on_the_workers_too(
    two_workers: Cluster, collected: tuple[Window, dict[str, dict[str, str]]]
) -> None:
    """Station lists; an hour of history into an empty database; repair of what was collected, where nothing is to be repaired."""
    url, window = two_workers.make_database("postgres", "filled"), Window(collected[0].start, collected[0].start + HOUR)
    two_workers.api._send("POST", "/connections", json=connection_body("filled", url)).raise_for_status()
    times = {"from": f"{window.start:%Y-%m-%d %H:%M}", "to": f"{window.end:%Y-%m-%d %H:%M}"}
    forms: dict[str, dict[str, str]] = {
        "kma_stations": {},
        "kma_backfill": {**times, "conn_id": "filled"},
        "kma_repair": {**times, "conn_id": "in_postgres"},
        "kma_lake": {"conn_id": "in_postgres"},
    }
    assert {*forms, *COLLECTING} == DAGS
    runs = {dag_id: two_workers.api.trigger(dag_id, form) for dag_id, form in forms.items()}
    for dag_id in forms:
        two_workers.api.pause(dag_id, paused=False)
    wait_until(lambda: two_workers.finished(runs), "the other DAGs")
    two_workers.require_green(runs)
    found = two_workers.compare(url, [window])
    assert all(one.equal for one in found), "\n".join(map(str, found))
    found = two_workers.compare(two_workers.url("postgres"), [collected[0]])
    assert all(one.equal for one in found), "\n".join(map(str, found))


def test_a_workers_own_log_server_answers_only_who_knows_the_secret(
    two_workers: Cluster, collected: tuple[Window, dict[str, dict[str, str]]]
) -> None:
    """How a running task's log reaches the page, and every log where hosts share no folder."""
    folder = two_workers.compose.root / "volumes" / "logs"
    log = next(path.relative_to(folder) for path in folder.rglob("dag_id=kma_aws/**/attempt=1.log"))
    port = two_workers.compose.port("worker-1", 8793)
    url = f"http://127.0.0.1:{port}/log/{log}"
    assert httpx.get(url, trust_env=False).status_code == httpx.codes.FORBIDDEN
    base = two_workers.compose.environment("api-server")
    env = component_environment(two_workers.compose.root / "volumes" / "secrets", base)
    script = (
        "import sys; from airflow.utils.log.file_task_handler import _fetch_logs_from_service as fetch;"
        "answer = fetch(sys.argv[1], sys.argv[2]); print(answer.status_code, len(answer.text))"
    )
    words = [str(two_workers.compose.python), "-c", script, url, str(log)]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    status, length = done.stdout.split()[-2:]
    assert status == "200"
    assert int(length) > 0


def test_nothing_is_shown_without_a_login(two_workers: Cluster) -> None:
    for path in ("/api/v2/dags", "/api/v2/connections", "/ui/config"):
        answer = httpx.get(f"http://127.0.0.1:{two_workers.compose.port('api-server', 8080)}{path}", trust_env=False)
        assert answer.status_code == httpx.codes.UNAUTHORIZED, path


def test_flower_wants_a_login_and_shows_both_workers(two_workers: Cluster) -> None:
    url = f"http://127.0.0.1:{two_workers.compose.port('flower', 5555)}/api/workers?refresh=1"
    assert httpx.get(url, trust_env=False).status_code == httpx.codes.UNAUTHORIZED
    login = ("admin", two_workers.secrets.flower_password)
    assert httpx.get(url, auth=("admin", "wrong"), trust_env=False).status_code == httpx.codes.UNAUTHORIZED

    def workers() -> set[str]:
        return set(httpx.get(url, auth=login, timeout=PATIENCE, trust_env=False).json())

    wait_until(lambda: workers() == {"worker@worker-1", "worker@worker-2"}, "both workers in Flower")


def test_redis_and_the_databases_want_a_password(two_workers: Cluster) -> None:
    import psycopg

    with socket.create_connection(("127.0.0.1", two_workers.compose.port("redis", 6379))) as plain:
        plain.sendall(b"PING\r\n")
        assert plain.recv(100).startswith(b"-NOAUTH")

    where = f"host=127.0.0.1 port={two_workers.compose.port('postgres', 5432)} user=kmaflow dbname=airflow"
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(where)


def test_no_secret_is_printed_and_every_port_is_on_loopback(two_workers: Cluster) -> None:
    printed = compose_logs(two_workers.compose.root / "logs")
    task_logs = "".join(
        path.read_text(encoding="utf-8", errors="replace")
        for path in (two_workers.compose.root / "volumes" / "logs").rglob("*.log")
    )
    assert task_logs
    for name in NAMES:
        assert getattr(two_workers.secrets, name) not in printed + task_logs, name
    assert DEFAULT_KEY not in task_logs
    sessions = [child.session for child in two_workers.compose.running.values()]
    listening = [
        one.laddr.ip
        for pid in members(sessions)
        for one in psutil.Process(pid).net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert set(listening) <= {"127.0.0.1", "::1"}


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium fonts-noto-cjk")
def test_what_a_person_sees(two_workers: Cluster, collected: tuple[Window, dict[str, dict[str, str]]]) -> None:
    """Airflow's graph of a run on the workers, after a login, and Flower with both of them."""
    run_id = collected[1]["mariadb"]["kma_aws"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        expect.set_options(timeout=PATIENCE * 1000)
        page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="en-US", timezone_id="Asia/Seoul")
        page.set_default_timeout(PATIENCE * 1000)
        base = f"http://127.0.0.1:{two_workers.compose.port('api-server', 8080)}"
        page.goto(base)
        page.fill("input[name=username]", "admin")
        page.fill("input[name=password]", two_workers.secrets.admin_password)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{base}/")
        page.goto(f"{base}/dags/kma_aws/runs/{run_id}")
        page.get_by_role("button", name="Show Graph").click()
        graph = page.locator(".react-flow")
        for name in COLLECTING["kma_aws"]:
            expect(graph.get_by_text(DATASETS[name].ko, exact=True)).to_be_visible()
        page.get_by_role("button", name="Fit View").or_(page.locator(".react-flow__controls-fitview")).first.click()
        picture(page, "cluster-graph")
        secret = {"username": "admin", "password": two_workers.secrets.flower_password}
        context = browser.new_context(viewport={"width": 1440, "height": 500}, http_credentials=secret)  # type: ignore[arg-type]
        flower = context.new_page()
        flower.set_default_timeout(PATIENCE * 1000)
        flower.goto(f"http://127.0.0.1:{two_workers.compose.port('flower', 5555)}/workers")
        for number in (1, 2):
            expect(flower.get_by_text(f"worker@worker-{number}", exact=True)).to_be_visible()
        picture(flower, "flower")
        browser.close()


def test_the_next_start_keeps_everything_and_takes_a_password_of_ones_own(two_workers: Cluster) -> None:
    before = two_workers.secrets
    weak = two_workers.compose.run("secrets", "secrets", KMAFLOW_ADMIN_PASSWORD="airflow")
    assert weak.returncode == 2
    assert "KMAFLOW_ADMIN_PASSWORD" in weak.stderr
    assert two_workers.secrets == before
    own = "nR4-vT9.kW2_xQ7!zL5"
    assert two_workers.compose.run("secrets", "secrets", KMAFLOW_ADMIN_PASSWORD=own).returncode == 0
    again = two_workers.compose.run("init", "init")
    assert again.returncode == 0, again.stderr
    assert two_workers.secrets == replace(before, admin_password=own)
    url = f"http://127.0.0.1:{two_workers.compose.port('api-server', 8080)}"
    with AirflowApi(url, "admin", own) as api:
        assert {"kma_aws", "kma_asos", "kma_stations"} <= {dag["dag_id"] for dag in api.dags()}
    with AirflowApi(url, "admin", before.admin_password) as api, pytest.raises(httpx.HTTPStatusError, match="401"):
        api.dags()


def test_the_image_holds_the_package_and_its_dags_but_no_tools(image: Path) -> None:
    asked = "from kmaflow.run.environment import dags_folder; print(dags_folder())"
    done = subprocess.run([image, "-I", "-c", asked], capture_output=True, text=True, check=True, cwd="/")
    folder = Path(done.stdout.strip())
    assert image.parents[1] in folder.parents
    assert {path.name for path in folder.glob("*.py")} == {path.name for path in (ROOT / "dags").glob("*.py")}
    assert not (image.parent / "uv").exists()
    assert (image.parent / "kmaflow").exists()


def test_this_machine_can_run_it() -> None:
    """Host names of their own need `unshare`; without it these tests would say nothing."""
    assert shutil.which("unshare")
