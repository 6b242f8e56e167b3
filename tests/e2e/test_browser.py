"""What a newcomer sees, in a real browser. With KMAFLOW_PICTURES=1 the pictures of the README are made anew (`make pictures`)."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.e2e.conftest import CHROMIUM, PATIENCE, ROOT, MakeRun, wait_for

from kmaflow.catalog import DAGS, DATASETS
from kmaflow.catalog.time import KST
from kmaflow.run.api import AirflowApi

#: Read now: for the tests themselves the environment says nothing about kmaflow.
WANTED = bool(os.environ.get("KMAFLOW_PICTURES"))

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium fonts-noto-cjk"),
]


@pytest.fixture(scope="module")
def page(browser: Browser, make_run: MakeRun) -> Page:
    """A page whose user has logged in."""
    page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="en-US", timezone_id="Asia/Seoul")
    page.set_default_timeout(PATIENCE * 1000)
    expect.set_options(timeout=PATIENCE * 1000)
    page.goto(make_run.url)
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", make_run.password)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{make_run.url}/")
    return page


def picture(page: Page, name: str) -> None:
    """Keep what is on the screen, if pictures are wanted."""
    if WANTED:
        # Fades and the graph's own zooming have no event of their own; nothing is asserted after this.
        page.wait_for_timeout(1500)
        page.screenshot(path=ROOT / "docs" / "pictures" / f"{name}.png")


def test_the_graph_shows_the_flow_in_korean(page: Page, make_run: MakeRun) -> None:
    page.goto(f"{make_run.url}/dags/kma_aws")
    expect(page.get_by_role("heading", name="기상청 방재기상관측 AWS (kma_aws)")).to_be_visible()
    page.get_by_role("button", name="Show Graph").click()
    page.get_by_role("button", name="Collapse Details Panel").click()
    graph = page.locator(".react-flow")
    for label in ("시작", "지점 정보", "확인", *(DATASETS[name].ko for name in DAGS["kma_aws"]), "종료"):
        expect(graph.get_by_text(label, exact=True)).to_be_visible()
    page.get_by_role("button", name="Fit View").or_(page.locator(".react-flow__controls-fitview")).first.click()
    picture(page, "dag-graph")


def test_the_trigger_form_speaks_korean_and_has_no_key(page: Page, make_run: MakeRun) -> None:
    page.goto(f"{make_run.url}/dags/kma_aws")
    page.get_by_role("button", name="Trigger Dag").click()
    form = page.get_by_role("dialog")
    for label in (
        "지점(stations)",
        "자료(datasets)",
        "시작 시각, 미포함(from)",
        "끝 시각, 포함(to)",
        "저장할 데이터베이스 연결(conn_id)",
        "API허브 연결(hub_conn_id)",
    ):
        expect(form.get_by_text(label)).to_be_visible()
    for name in DAGS["kma_aws"]:
        expect(form.get_by_text(f"{DATASETS[name].ko} ({name})")).to_be_visible()
    expect(form.get_by_text("인증키를 이 양식에 쓰지 마십시오")).to_be_visible()
    expect(form.locator("input[type=password]")).to_have_count(0)
    page.set_viewport_size({"width": 1440, "height": 1500})
    picture(page, "trigger-form")
    page.set_viewport_size({"width": 1440, "height": 900})


def test_the_connection_form_asks_for_key_and_host_only(page: Page, make_run: MakeRun) -> None:
    page.goto(f"{make_run.url}/connections")
    row = page.get_by_role("row").filter(has_text="kma_apihub").first
    row.get_by_role("button", name="Edit Connection").click()
    form = page.get_by_role("dialog")
    expect(form.get_by_text("인증키(authKey)")).to_be_visible()
    expect(form.get_by_text("API허브 주소(hub URL)")).to_be_visible()
    for hidden in ("Login", "Port", "Schema"):
        expect(form.get_by_text(hidden, exact=True)).to_have_count(0)
    expect(form.locator("input[type=password]")).to_have_count(1)
    page.set_viewport_size({"width": 1440, "height": 1100})
    picture(page, "connection-form")
    page.set_viewport_size({"width": 1440, "height": 900})


@pytest.mark.parametrize("name", ["kma_apihub", "kma_store"])
def test_the_button_tests_a_default_connection(page: Page, make_run: MakeRun, name: str) -> None:
    page.goto(f"{make_run.url}/connections")
    row = page.get_by_role("row").filter(has_text=name).filter(has=page.get_by_role("button", name="Test Connection"))
    with page.expect_response(lambda answer: answer.url.endswith("/connections/test")) as answered:
        row.last.get_by_role("button", name="Test Connection").click()
    assert answered.value.status == 200, answered.value.text()
    assert answered.value.json()["status"] is True, answered.value.text()


def test_the_page_in_the_navigation_shows_data_by_the_login_of_airflow(page: Page, make_run: MakeRun) -> None:
    for path in ("overview", "work", "completeness/year"):
        answer = httpx.get(f"{make_run.url}/kmaflow/v1/{path}", trust_env=False)
        assert answer.status_code == httpx.codes.UNAUTHORIZED, path
    page.goto(f"{make_run.url}/")
    page.get_by_role("link", name="기상 관측").click()
    inside = page.frame_locator("iframe")
    expect(inside.locator("tr[data-dataset=aws_minute]")).to_be_visible()
    page.goto(f"{make_run.url}/kmaflow/app/#/completeness")
    expect(page.locator("section[data-dataset=aws_minute]")).to_contain_text("%")
    day = datetime.now(KST).date()
    page.goto(f"{make_run.url}/kmaflow/app/#/completeness/aws_minute/{day}")
    expect(page.get_by_role("list", name="States")).to_be_visible()


def test_the_page_prices_a_backfill_and_starts_it(page: Page, make_run: MakeRun) -> None:
    end = datetime.now(KST).date() - timedelta(days=2)
    begin = end - timedelta(days=1)
    page.goto(f"{make_run.url}/kmaflow/app/#/work")
    form = page.locator("form")
    form.locator("input[value=asos_hourly]").check()
    form.locator("input[type=date]").first.fill(f"{begin}")
    form.locator("input[type=date]").last.fill(f"{end}")
    form.get_by_label("Stations").fill("108, 강릉")
    form.get_by_role("button").click()
    expect(page.locator("[data-of=rows]")).to_have_text("48")
    page.get_by_role("button", name="Start kma_backfill").click()
    started = page.get_by_role("link", name="Started")
    expect(started).to_be_visible()
    with AirflowApi(make_run.url, "admin", make_run.password) as airflow:
        (run,) = airflow.runs(dag_id="kma_backfill")
        assert run["conf"] == {
            "datasets": ["asos_hourly"],
            "from": f"{begin}",
            "to": f"{end}",
            "stations": "108, 강릉",
        }
        assert (started.get_attribute("href") or "").endswith(quote(run["dag_run_id"], safe=""))
        wait_for(lambda: airflow.runs(dag_id="kma_backfill")[0]["state"] in ("success", "failed"), "the backfill")
        assert airflow.runs(dag_id="kma_backfill")[0]["state"] == "success"
    page.reload()
    form.locator("input[value=asos_hourly]").check()
    form.locator("input[type=date]").first.fill(f"{begin}")
    form.locator("input[type=date]").last.fill(f"{end}")
    form.get_by_label("Stations").fill("108, 강릉")
    form.get_by_role("button").click()
    expect(page.get_by_text("There is nothing to request.")).to_be_visible()
