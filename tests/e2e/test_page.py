"""The page of `kmaflow serve` in a real browser: its numbers are the simulator's, in both languages, on a phone, with a keyboard and for a screen reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.api.conftest import running
from tests.e2e.conftest import CHROMIUM, PATIENCE
from tests.e2e.test_browser import picture
from tests.read.filled import LAST, NOW, Filled, filled_database

from kmaflow.api.app import create_app
from kmaflow.api.reader import Reader
from kmaflow.settings import load_settings
from kmaflow.store import tokens
from kmaflow.web.page import COOKIE
from kmaflow.web.page import Page as WebPage

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium fonts-noto-cjk"),
]
VIEWS = ("now", "map", "station/108", "completeness", "work", "quality")
#: Without these there is no gauge, whatever the day's sum says.
GAUGE = ("rn_15m", "rn_60m", "rn_12h")
LOCALES = {"ko": "ko-KR", "en": "en-US"}
WORDS = {
    "ko": {"now": "현황", "token": "토큰", "login": "로그인", "logout": "로그아웃", "table": "표로 보기", "gone": "서버가 응답하지 않습니다"},
    "en": {"now": "Now", "token": "Token", "login": "Log in", "logout": "Log out", "table": "As a table", "gone": "The server does not answer"},
}  # fmt: skip


class Served:
    """The page at an address, with a token for it."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token

    def ask(self, path: str, **params: Any) -> Any:
        answer = httpx.get(f"{self.url}/{path}", params=params, headers={"Authorization": f"Bearer {self.token}"})
        assert answer.status_code == 200, answer.text
        return answer.json()


class Site(Served):
    """The page over the simulator's weather."""

    def __init__(self, filled: Filled, url: str, token: str) -> None:
        super().__init__(url, token)
        self.filled = filled


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("page")
    with filled_database("sqlite", folder) as filled:
        token = tokens.add(filled.store, "me", per_minute=100_000)
        settings = load_settings(home=folder, database_url=filled.url, archive_url=filled.archive)
        reader = Reader(lambda: settings, clock=lambda: NOW)
        try:
            with running(WebPage(create_app(reader, docs=True), reader)) as url:
                yield Site(filled, url, token)
        finally:
            reader.dispose()


def opened(browser: Browser, site: Served, language: str = "en", *, login: bool = True, **options: Any) -> Page:
    """A browser of its own, in a language; logged in by the form."""
    context = browser.new_context(
        **{"viewport": {"width": 1360, "height": 900}, "locale": LOCALES[language], **options}
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    expect.set_options(timeout=60_000)
    page.goto(f"{site.url}/")
    if login:
        page.get_by_label(WORDS[language]["token"]).fill(site.token)
        page.get_by_role("button", name=WORDS[language]["login"]).click()
        expect(page.get_by_role("heading", name=WORDS[language]["now"], level=1)).to_be_visible()
    return page


def view(page: Page, site: Served, name: str) -> None:
    """Open a view of the page."""
    page.goto(f"{site.url}/app/#/{name}")
    expect(page.locator(f"main[data-view={name.partition('/')[0]}]")).to_be_visible()


def test_no_data_without_login(site: Site) -> None:
    with httpx.Client(base_url=site.url) as client:
        described = site.ask("openapi.json")["paths"]
        paths = [path.replace("{stn}", "108") for path in described if path != "/healthz"]
        assert "/v1/overview" in paths
        for path in paths:
            answer = client.get(path)
            assert answer.status_code == 401, path
        for name in ("wrong", "", "kmaflow_" + "x" * 40):
            assert client.post("/login", json={"token": name}).status_code == 401
            assert client.get("/v1/overview", headers={"Cookie": f"{COOKIE}={name}"}).status_code == 401
        assert client.post("/login", content=b"nothing").status_code == 422
        done = client.post("/login", json={"token": site.token})
        (cookie,) = done.headers.get_list("set-cookie")
        assert done.status_code == 204
        assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/"))
        assert client.get("/v1/overview").status_code == 200
        # What changes something needs the same origin, too.
        elsewhere = {"Origin": "http://elsewhere.example", "Accept": "application/json, text/event-stream"}
        assert client.post("/mcp", json={}, headers=elsewhere).status_code == 401
        client.post("/logout")
        assert client.get("/v1/overview").status_code == 401


def test_files_of_the_page_are_kept_as_long_as_their_name_says_and_load_nothing_from_elsewhere(site: Site) -> None:
    with httpx.Client(base_url=site.url) as client:
        first = client.get("/")
        assert (first.status_code, first.headers["location"]) == (307, "/app/")
        shell = client.get("/app/")
        assert shell.headers["cache-control"] == "no-cache"
        policy = shell.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "http" not in policy
        (script,) = re.findall(r'src="\./(assets/[^"]+)"', shell.text)
        answer = client.get(f"/app/{script}")
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].startswith("text/javascript")
        assert client.get("/app/../page.py").status_code == 401
        assert client.get("/app/%2e%2e/page.py").status_code == 404
        assert client.get("/app/nothing.js").status_code == 404


@pytest.mark.parametrize("language", LOCALES)
def test_now_says_what_the_simulator_knows(browser: Browser, site: Site, language: str) -> None:
    page = opened(browser, site, language)
    for dataset in ("aws_minute", "aws_visibility", "asos_hourly"):
        cells = site.filled.cells[dataset]
        last = max(
            stamp
            for rows in cells.values()
            for stamp, values in rows
            if any(value is not None for name, value in values.items() if name not in ("s", "n"))
        )
        row = page.locator(f"tr[data-dataset={dataset}]")
        expect(row).to_contain_text(f"{last:%H:%M}")
        within = NOW - timedelta(minutes=30 if dataset != "asos_hourly" else 180)
        reporting = sum(
            any(
                stamp > within and any(value is not None for name, value in values.items() if name not in ("s", "n"))
                for stamp, values in rows
            )
            for rows in cells.values()
        )
        expect(row.locator("strong")).to_have_text(str(reporting))
        expect(row.locator("td").first).to_contain_text(re.compile("정상|지연" if language == "ko" else "on time|late"))
    never = page.locator("tr[data-dataset=aws_present_weather]")
    expect(never).to_contain_text("미수집" if language == "ko" else "never loaded")
    if language == "ko":
        picture(page, "page-now")
    page.context.close()


@pytest.mark.parametrize(("element", "digits"), [("ta", 1), ("hm", 0), ("rn_day", 1)])
def test_every_station_of_the_map_has_its_value(browser: Browser, site: Site, element: str, digits: int) -> None:
    page = opened(browser, site)
    view(page, site, f"map/{element}")
    expect(page.locator("time[data-time]")).to_have_attribute("data-time", f"{LAST:%Y-%m-%dT%H:%M:%S}")
    page.get_by_text(WORDS["en"]["table"]).click()
    expected = {
        stn: values[element]
        for stn, rows in site.filled.cells["aws_minute"].items()
        for stamp, values in rows
        if stamp == LAST
        and values[element] is not None
        and (element != "rn_day" or any(values[name] is not None for name in GAUGE))
    }
    table = page.get_by_role("table")
    expect(table.locator("tbody tr")).to_have_count(len(expected))
    shown = table.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [+row.dataset.stn, +row.querySelector('td').textContent.replace(',', '').replace('−', '-')])"
    )
    assert dict(shown) == pytest.approx(expected, abs=0.5 * 10**-digits + 1e-9)
    page.context.close()


def test_the_map_moves_through_time_and_a_click_opens_the_station(browser: Browser, site: Site) -> None:
    page = opened(browser, site, "ko")
    view(page, site, "map/ta")
    moment = page.locator("time[data-time]")
    expect(moment).to_have_attribute("data-time", f"{LAST:%Y-%m-%dT%H:%M:%S}")
    slider = page.get_by_label("시각", exact=True)
    slider.press("ArrowLeft")
    expect(moment).to_have_attribute("data-time", f"{LAST - timedelta(minutes=10):%Y-%m-%dT%H:%M:%S}")
    page.get_by_role("button", name="재생").click()
    expect(moment).to_have_attribute("data-time", f"{LAST:%Y-%m-%dT%H:%M:%S}")
    expect(moment).not_to_have_attribute("data-time", f"{LAST:%Y-%m-%dT%H:%M:%S}")
    page.get_by_role("button", name="멈춤").click()
    view(page, site, "map/wind")
    expect(page.get_by_role("button", name="바람")).to_have_attribute("aria-pressed", "true")
    picture(page, "page-map-wind")
    view(page, site, "map/ta")
    expect(page.get_by_role("heading", name="기온 (°C)")).to_be_visible()
    picture(page, "page-map")
    # The pixels of a dot: where it is drawn, the chart finds its station.
    spot = page.locator(".sea [role=img]").bounding_box()
    assert spot is not None
    page.locator(".sea canvas").first.wait_for()
    for x in range(300, int(spot["width"]) - 300, 7):
        page.mouse.click(spot["x"] + x, spot["y"] + spot["height"] * 0.45)
        if "/station/" in page.url:
            break
    expect(page).to_have_url(re.compile(r"#/station/\d+"))
    page.context.close()


def test_a_station_shows_its_values_gaps_and_neighbours(browser: Browser, site: Site) -> None:
    page = opened(browser, site)
    view(page, site, "station/108/aws_minute/ta")
    expect(page.get_by_role("heading", name="108")).to_be_visible()
    page.get_by_label("Series").get_by_text(WORDS["en"]["table"]).click()
    truth = {f"{stamp:%Y-%m-%d %H:%M}": values["ta"] for stamp, values in site.filled.cells["aws_minute"][108]}
    region = page.get_by_label("Series").get_by_role("table").first
    expect(region.locator("tbody tr")).to_have_count(1440)
    shown = dict(
        region.locator("tbody tr").evaluate_all(
            "rows => rows.map(row => [row.querySelector('th').textContent, row.querySelector('td').textContent])"
        )
    )
    for moment, value in truth.items():
        assert shown[moment] == ("none" if value is None else f"{value:g}"), moment
    assert sum(value != "none" for value in shown.values()) == sum(value is not None for value in truth.values())
    near = site.ask("v1/station/108")["neighbours"]
    for one in near:
        expect(page.get_by_role("link", name=f"{one['name']} {one['stn']}", exact=True)).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert len(text.splitlines()) == 1 + len(truth)
    picture(page, "page-station")
    page.context.close()


@pytest.mark.parametrize("language", LOCALES)
def test_language_and_theme_follow_the_browser_and_are_remembered(browser: Browser, site: Site, language: str) -> None:
    other = "en" if language == "ko" else "ko"
    page = opened(browser, site, language, color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(14, 19, 25)"
    page.get_by_role("button", name="밝게" if language == "ko" else "Light").click()
    page.get_by_role("button", name="English" if language == "ko" else "한국어").click()
    expect(page.get_by_role("heading", name=WORDS[other]["now"], level=1)).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name=WORDS[other]["now"], level=1)).to_be_visible()
    assert page.locator("html").get_attribute("lang") == other
    assert page.evaluate(ground) == "rgb(244, 246, 249)"
    page.get_by_role("button", name=WORDS[other]["logout"]).click()
    expect(page.get_by_label(WORDS[other]["token"])).to_be_visible()
    page.context.close()


@pytest.mark.parametrize("width", [390, 680])
def test_every_view_fits_a_phone_and_twice_the_letters(browser: Browser, site: Site, width: int) -> None:
    """680 CSS pixels are a window of 1360 at 200 %."""
    page = opened(browser, site, "ko", viewport={"width": width, "height": 844})
    for name in VIEWS:
        view(page, site, name)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, site: Site, npm_packages: Path, scheme: str) -> None:
    page = opened(browser, site, "ko", color_scheme=scheme)
    # As a tool of development, beside the policy of the page.
    page.evaluate((npm_packages / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    for name in VIEWS:
        view(page, site, name)
        page.wait_for_load_state("networkidle")
        found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        assert [(one["id"], [node["html"][:200] for node in one["nodes"][:5]]) for one in serious] == [], name
    page.context.close()


def test_by_keyboard_alone(browser: Browser, site: Site) -> None:
    page = opened(browser, site, login=False)
    page.get_by_label("Token").focus()
    page.keyboard.type(site.token)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Now", level=1)).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Now", level=1)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.get_by_role("link", name="Map").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Temperature")).to_be_visible()
    page.get_by_role("button", name="Humidity").focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#/map/hm"))
    page.context.close()


def test_a_server_that_is_gone_is_said_and_what_was_seen_stays(browser: Browser, site: Site) -> None:
    page = opened(browser, site)
    page.clock.install()
    page.reload()
    row = page.locator("tr[data-dataset=aws_minute]")
    expect(row).to_be_visible()
    page.route("**/v1/**", lambda route: route.abort())
    page.clock.run_for(45_000)
    expect(page.get_by_role("status").filter(has_text=WORDS["en"]["gone"])).to_be_visible()
    expect(row).to_be_visible()
    page.unroute("**/v1/**")
    page.clock.run_for(45_000)
    expect(page.get_by_text(WORDS["en"]["gone"])).to_have_count(0)
    page.context.close()
