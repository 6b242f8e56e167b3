"""Files for people: headers with units, stations side by side, and Excel, which is told the truth about what it does not hold."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from kmaflow.catalog.time import MINUTE, Window
from kmaflow.errors import UsageError
from kmaflow.read import export, sheets
from kmaflow.read.export import save
from kmaflow.read.frames import ask
from kmaflow.read.layout import Layout
from kmaflow.store import Store

from ..store.bodies import at, load, load_list, minute_body, station_body

FIRST = datetime(2025, 1, 31, 23, 58)
WINDOW = Window(FIRST, FIRST + 4 * MINUTE)
MONTH = Window(datetime(2025, 1, 1), datetime(2025, 3, 1))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Two listed stations and one of which nobody says the name; the first minute of 108 is missing."""
    with Store(f"sqlite:///{tmp_path}/k.db") as made:
        cells = {(FIRST + n * MINUTE, stn): {"ta": n + 0.1, "hm": 50.0} for n in range(1, 5) for stn in (90, 108, 999)}
        del cells[FIRST + MINUTE, 108]
        load(made, minute_body(cells, witness=False), at(15), window=WINDOW)
        load_list(made, "AWS", station_body("AWS", {90: "속초", 108: "서울"}), at(20))
        yield made


def saved(store: Store, name: str, path: Path, layout: Layout, window: Window = WINDOW, **asked: Any) -> Path:
    assert save(store, ask(name, window, **asked), window, path, layout).path == str(path)
    return path


def lines(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))


def test_korean_headers_are_those_of_kma_own_files(store: Store, tmp_path: Path) -> None:
    path = saved(store, "aws_minute", tmp_path / "a.csv", Layout("ko", bom=True), columns=["ta", "wd1"])
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    head, *rows = lines(path)
    assert head == ["일시", "지점", "지점명", "1분 평균 기온(°C)", "1분 평균 풍향(°)"]
    assert rows[0] == ["2025-01-31 23:59:00", "90", "속초", "1.1", ""]
    assert rows[1] == ["2025-01-31 23:59:00", "999", "", "1.1", ""]
    assert len(rows) == 11
    english = saved(store, "aws_minute", tmp_path / "b.csv", Layout("en"), columns=["ta"])
    assert not english.read_bytes().startswith(b"\xef\xbb\xbf")
    assert lines(english)[0] == ["time (KST)", "station", "name", "1-minute mean air temperature(°C)"]
    assert (
        lines(saved(store, "aws_minute", tmp_path / "c.csv", Layout("cf"), columns=["ta"]))[0][2] == "air_temperature"
    )


def test_stations_side_by_side(store: Store, tmp_path: Path) -> None:
    rows = lines(saved(store, "aws_minute", tmp_path / "a.csv", Layout(wide=True), columns=["ta", "hm"]))
    assert rows[0] == ["tm_kst", "ta_90", "ta_108", "ta_999", "hm_90", "hm_108", "hm_999"]
    assert rows[1] == ["2025-01-31 23:59:00", "1.1", "", "1.1", "50.0", "", "50.0"]
    assert [row[0][11:16] for row in rows[1:]] == ["23:59", "00:00", "00:01", "00:02"]
    named = saved(
        store, "aws_minute", tmp_path / "b.csv", Layout("ko", wide=True), columns=["ta"], stations=[108, 7, 999]
    )
    assert lines(named)[0] == ["일시", "7 1분 평균 기온(°C)", "서울 108 1분 평균 기온(°C)", "999 1분 평균 기온(°C)"]
    assert lines(named)[2] == ["2025-02-01 00:00:00", "", "2.1", "2.1"], "a station without rows is an empty column"
    days = saved(store, "v_daily", tmp_path / "c.csv", Layout(wide=True), MONTH, columns=["day", "ta_mean"])
    assert lines(days)[1:] == [
        ["2025-02-01 00:00:00", "2025-01-31", "1.6", "2.1", "1.6"],
        ["2025-02-02 00:00:00", "2025-02-01", "3.6", "3.6", "3.6"],
    ]
    for name, columns in (("aws_minute", []), ("v_latest", ["ta"]), ("aws_present_weather_code", None)):
        with pytest.raises(UsageError, match="side by side"):
            saved(store, name, tmp_path / "d.csv", Layout(wide=True), columns=columns)


def test_a_mean_has_no_digits_of_the_arithmetic(store: Store, tmp_path: Path) -> None:
    hour = Window(FIRST.replace(hour=1), FIRST.replace(hour=2, minute=0))
    cells = {(hour.end - MINUTE, 90): {"ta": 1.1}, (hour.end, 90): {"ta": 2.2}}
    load(store, minute_body(cells, witness=False), at(30), window=hour)
    assert repr((1.1 + 2.2) / 2) == "1.6500000000000001"
    path = saved(store, "v_hourly", tmp_path / "a.csv", Layout(), hour, stations=[90], columns=["ta_mean"])
    assert lines(path)[1] == ["2025-01-31 02:00:00", "90", "1.65"]


def test_excel_has_numbers_times_and_a_sheet_of_units(store: Store, tmp_path: Path) -> None:
    (done, second) = export(
        store, "aws_minute", MONTH, str(tmp_path), format="xlsx", columns=["ta"], layout=Layout("ko")
    )
    assert (done.path, done.rows, second.rows) == (f"{tmp_path}/aws_minute/2025-01.xlsx", 5, 6)
    book = openpyxl.load_workbook(done.path)
    assert book.sheetnames == ["aws_minute", "columns"]
    rows = list(book["aws_minute"].values)
    assert rows[0] == ("일시", "지점", "지점명", "1분 평균 기온(°C)")
    assert rows[1] == (datetime(2025, 1, 31, 23, 59), 90, "속초", 1.1)
    assert book["aws_minute"]["A2"].number_format == "yyyy-mm-dd hh:mm"
    told = {row[1]: row for row in book["columns"].values}
    assert told["ta"][:5] == ("1분 평균 기온(°C)", "ta", "°C", "1분 평균 기온", "1-minute mean air temperature")
    assert told["aws_minute"][2] == "AWS minute data"
    with pytest.raises(UsageError, match="does not say what it holds"):
        list(export(store, "aws_minute", MONTH, str(tmp_path), format="xlsx"))


def test_what_a_sheet_does_not_hold_is_said_before_it_is_written(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "MOST_ROWS", 11)
    with pytest.raises(UsageError, match=r"11 rows; a sheet holds 10.*--wide"):
        saved(store, "aws_minute", tmp_path / "a.xlsx", Layout())
    assert saved(store, "aws_minute", tmp_path / "b.xlsx", Layout(wide=True)).exists()
    monkeypatch.setattr(sheets, "MOST_COLUMNS", 6)
    with pytest.raises(UsageError, match=r"7 columns.*fewer --stations"):
        saved(store, "aws_minute", tmp_path / "c.xlsx", Layout(wide=True), columns=["ta", "hm"])
    monkeypatch.setattr(sheets, "MOST_COLUMNS", 100)
    monkeypatch.setattr(sheets, "MOST_ROWS", 3)
    with pytest.raises(UsageError, match="rows; a sheet holds"):
        saved(store, "v_hourly", tmp_path / "d.xlsx", Layout(), MONTH)
    assert sorted(path.name for path in tmp_path.glob("*.xlsx")) == ["b.xlsx"]


def test_formats_and_layouts_that_do_not_go_together(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ending, layout in (("parquet", Layout("ko")), ("parquet", Layout(wide=True)), ("xlsx", Layout(bom=True))):
        with pytest.raises(UsageError, match="--headers and --wide are for csv and xlsx"):
            saved(store, "aws_minute", tmp_path / f"a.{ending}", layout)
    with pytest.raises(UsageError, match="no format 'txt'"):
        saved(store, "aws_minute", tmp_path / "a.txt", Layout())
    with pytest.raises(UsageError, match="without months or days"):
        list(export(store, "v_latest", WINDOW, str(tmp_path), format="csv"))
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(UsageError, match=r"XlsxWriter is not installed.*kmaflow\[excel\]"):
        saved(store, "aws_minute", tmp_path / "a.xlsx", Layout())
