"""Completeness and Work of the page in a real browser, on a day with a refused window, a line that is no row, few stations and corrections."""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.api.conftest import running
from tests.collect.hub import collecting, plan, post, simulated, truth, window
from tests.e2e.conftest import CHROMIUM
from tests.e2e.test_page import LOCALES, Served, opened, view
from typer.testing import CliRunner

from kmaflow.api.app import create_app
from kmaflow.api.reader import Reader
from kmaflow.cli import app
from kmaflow.collect import StationChoice
from kmaflow.settings import load_settings
from kmaflow.simulator import parse_faults
from kmaflow.store import Store, tokens
from kmaflow.web.page import Page as WebPage

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium fonts-noto-cjk"),
]
EARLY, NOW = datetime(2025, 1, 15, 12, 0), datetime(2025, 1, 15, 13, 0)
DAY = "completeness/aws_minute/2025-01-15"
FEW = StationChoice((90, 108))


class Spoilt(Served):
    """The page over a day in which not all went well."""

    def __init__(self, url: str, token: str, home: Path, database: Path, expected: int) -> None:
        super().__init__(url, token)
        self.home, self.database = home, database
        #: Stations of the hub at one stamp.
        self.expected = expected

    def one(self, sql: str) -> Any:
        with sqlite3.connect(self.database) as connection:
            (row,) = connection.execute(sql).fetchall()
        return row

    def day(self) -> Any:
        return self.ask("v1/completeness/day", dataset="aws_minute", day="2025-01-15")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spoilt]:
    home = tmp_path_factory.mktemp("page-completeness")
    database = home / "page.db"
    url = f"sqlite:///{database}"
    with simulated(EARLY, faults=parse_faults("correction=0.2:30m")) as hub:
        with collecting(hub, home, EARLY, database_url=url) as collector:
            collector.sync_stations()
            collector.collect("aws_minute", window("11:50", "11:55"))
        post(hub, "clock", {"now": f"{NOW:%Y%m%d%H%M}"})
        with collecting(hub, home, NOW, database_url=url) as collector:
            assert collector.collect("aws_minute", window("11:50", "11:55")).revised > 0
            collector.collect("aws_minute", window("11:00", "11:30"))
            collector.collect("aws_minute", window("09:00", "09:10"), FEW)
            plan(hub, "http504", count=100)
            assert collector.collect("aws_minute", window("10:00", "10:01")).failed
            hub.simulator.hub.faults.clear()
            plan(hub, "garbage")
            assert collector.collect("aws_minute", window("10:30", "10:40")).rejected == 1
            archive = collector.settings.archive_url
        expected = len(truth(hub, "aws_minute", NOW.replace(hour=10, minute=1), NOW.replace(hour=10, minute=1)))
    with Store(url) as store:
        token = tokens.add(store, "me", per_minute=100_000)
    settings = load_settings(home=home, database_url=url, archive_url=archive)
    reader = Reader(lambda: settings, clock=lambda: NOW)
    try:
        with running(WebPage(create_app(reader, docs=True), reader)) as address:
            yield Spoilt(address, token, home, database, expected)
    finally:
        reader.dispose()


def rows_of(day: Any) -> list[Any]:
    """The stations that have a row in the picture: all that were expected, as none has every value."""
    ids = {one["state"]: one["id"] for one in day["states"]}
    quiet = {ids[name] for name in ("present", "not_expected", "due_later")}
    shown = [one for one in day["stations"] if any(state != ids["not_expected"] for *_, state in one["runs"])]
    assert all(any(state not in quiet for *_, state in one["runs"]) for one in shown)
    return shown


def walk(page: Page, day: Any, stn: int, stamp: datetime) -> None:
    """Move the cursor to a cell, by keys."""
    row = [one["stn"] for one in rows_of(day)].index(stn)
    column = day["stamps"].index(f"{stamp:%Y-%m-%dT%H:%M:%S}")
    page.get_by_role("application").focus()
    for key, times in {
        "Home": 1,
        "PageDown": row // 20,
        "ArrowDown": row % 20,
        "Shift+ArrowRight": column // 60,
        "ArrowRight": column % 60,
    }.items():
        for _ in range(times):
            page.keyboard.press(key)


@pytest.mark.parametrize("language", LOCALES)
def test_the_legend_counts_every_cell_of_the_day(browser: Browser, site: Spoilt, language: str) -> None:
    page = opened(browser, site, language)
    view(page, site, DAY)
    legend = page.locator("li[data-state]")
    expect(legend.filter(has_text="거부" if language == "ko" else "refused")).to_be_visible()
    shown = {
        one.get_attribute("data-state"): int((one.locator("b").text_content() or "").replace(",", ""))
        for one in legend.all()
    }
    day = site.day()
    names = {one["id"]: one["state"] for one in day["states"]}
    told: Counter[str] = Counter()
    for station in day["stations"]:
        for _, length, state in station["runs"]:
            told[names[state]] += length
    del told["not_expected"]
    assert shown == told
    (stored,) = site.one("SELECT COUNT(*) FROM aws_minute")
    assert shown["present"] + shown["blank"] == stored
    assert shown["rejected"] == site.one("SELECT COUNT(*) FROM rejected_line")[0] == 1
    assert shown["refused"] == site.expected
    missing = {"refused", "rejected", "not_asked"} & shown.keys()
    for state in shown:
        word = page.locator(f"li[data-state={state}] em")
        expect(word).to_have_count(1 if state in missing else 0)
    page.context.close()


@pytest.mark.parametrize("language", LOCALES)
def test_keys_ask_why_of_a_cell(browser: Browser, site: Spoilt, language: str) -> None:
    stn, text = site.one("SELECT stn, text FROM rejected_line")
    stamp = datetime.strptime(text[:12], "%Y%m%d%H%M")
    page = opened(browser, site, language)
    view(page, site, DAY)
    walk(page, site.day(), stn, stamp)
    expect(page.get_by_role("status").filter(has_text=f"({stn})")).to_contain_text(
        "해석 불가" if language == "ko" else "rejected"
    )
    page.keyboard.press("Enter")
    story = page.get_by_role("complementary")
    expect(story.get_by_role("heading", level=2)).to_be_focused()
    expect(story.locator("pre")).to_have_text(text)
    told = site.ask("v1/why", dataset="aws_minute", stn=stn, time=f"{stamp}")
    expect(story).to_contain_text(told[f"why_{language}"])
    page.keyboard.press("Escape")
    expect(story).to_have_count(0)
    expect(page.get_by_role("application")).to_be_focused()
    page.context.close()


def test_why_shows_what_was_corrected(browser: Browser, site: Spoilt) -> None:
    one = site.ask("v1/revisions", dataset="aws_minute")["rows"][0]
    page = opened(browser, site)
    view(page, site, DAY)
    walk(page, site.day(), one["stn"], datetime.fromisoformat(one["tm_kst"]))
    page.keyboard.press("Enter")
    story = page.get_by_role("complementary")
    expect(story.get_by_role("listitem").filter(has_text=re.compile(rf"^\s*{one['col']} "))).to_contain_text(
        f"{one['old_value']} → {one['new_value']}"
    )
    raw = story.locator("pre").first
    expect(raw).to_contain_text(f"{datetime.fromisoformat(one['tm_kst']):%Y%m%d%H%M}")
    page.context.close()


@pytest.mark.parametrize("language", LOCALES)
def test_the_year_says_the_share_that_is_there(browser: Browser, site: Spoilt, language: str) -> None:
    page = opened(browser, site, language)
    view(page, site, "completeness")
    shares = [one for one in site.ask("v1/completeness/year")["share"]["aws_minute"] if one is not None]
    percent = math.floor(sum(shares) / len(shares) * 1000) / 10
    card = page.locator("section[data-dataset=aws_minute]")
    expect(card.get_by_role("heading")).to_contain_text(f"{percent:g}%")
    strip = card.get_by_role("slider")
    expect(strip).to_have_attribute("aria-valuetext", f"2025-01-15: {percent:g}%")
    strip.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"#/{DAY}$"))
    page.context.close()


@pytest.mark.parametrize("language", LOCALES)
def test_a_backfill_is_priced_as_the_command_line_prices_it(
    browser: Browser, site: Spoilt, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(browser, site, language)
    view(page, site, "work")
    form = page.locator("form")
    form.locator("input[value=aws_minute]").check()
    form.locator("input[type=date]").first.fill("2025-01-14")
    form.locator("input[type=date]").last.fill("2025-01-15")
    form.get_by_role("button").click()
    asked = {"from": "2025-01-14", "to": "2025-01-15"}
    price = site.ask("v1/price", datasets="aws_minute", **asked)
    expect(page.locator("[data-of=calls]")).to_have_text(f"{price['calls']:,}")
    expect(page.locator("[data-of=rows]")).to_have_text(f"{price['rows']:,}")
    expect(page.get_by_text("kmaflow backfill aws_minute --from 2025-01-14 --to 2025-01-15")).to_be_visible()
    monkeypatch.setenv("KMAFLOW_HOME", str(site.home))
    monkeypatch.setenv("KMAFLOW_DATABASE_URL", f"sqlite:///{site.database}")
    done = CliRunner().invoke(app, ["plan", "aws_minute", "--from", asked["from"], "--to", asked["to"], "--json"])
    assert done.exit_code == 0, done.output
    (planned,) = json.loads(done.output)["datasets"]
    assert (price["calls"], price["bytes"]) == (planned["calls"], planned["bytes"])
    form.get_by_label("지점" if language == "ko" else "Stations").fill("108, nowhere")
    form.get_by_role("button").click()
    expect(page.get_by_role("alert")).to_contain_text("nowhere")
    page.context.close()


def test_the_story_of_a_cell_fits_a_phone_and_axe_finds_nothing_serious(
    browser: Browser, site: Spoilt, npm_packages: Path
) -> None:
    page = opened(browser, site, "ko", viewport={"width": 390, "height": 844})
    page.evaluate((npm_packages / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    view(page, site, DAY)
    walk(page, site.day(), 108, datetime(2025, 1, 15, 11, 10))
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary").locator("pre").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], [node["html"][:200] for node in one["nodes"][:5]]) for one in serious] == []
    page.context.close()
