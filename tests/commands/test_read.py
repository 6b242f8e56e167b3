"""``kmaflow read``, ``export`` and ``retention`` as a person or a program meets them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kmaflow.catalog.time import MINUTE, Window
from kmaflow.store import Store

from ..store.bodies import at, load, minute_body, stamp
from .conftest import Done, Kmaflow

TEN = ("--from", "2025-01-15 12:00", "--to", "2025-01-15 12:10")
MONTH = ("--from", "2025-01-01", "--to", "2025-02-01")


def _json(done: Done) -> dict[str, Any]:
    assert done.out.count("\n") == 1, done.out
    found: dict[str, Any] = json.loads(done.out)
    return found


def _one_line(done: Done, *words: str) -> None:
    assert done.err.count("\n") == 1, done.err
    assert done.err.startswith("kmaflow: ")
    for word in words:
        assert word in done.err


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("read", ["DATASET", "--from", "--to", "--stations", "--columns", "--as-of", "--limit", "--csv", "Example"]),
        ("export", ["DATASET", "--out", "--format", "--by", "--overwrite", "--as-of", "Example"]),
        ("retention", ["--keep-months", "--export", "--no-export", "--datasets", "--dry-run", "--yes", "Example"]),
    ],
)
def test_help_teaches(kmaflow: Kmaflow, home: Path, command: str, words: list[str]) -> None:
    done = kmaflow(command, "--help")
    assert (done.code, done.err) == (0, "")
    for word in words:
        assert word in done.out
    assert not home.exists()


# ----------------------------------------------------------------------------------------------------------- read


def test_a_day_for_excel(kmaflow: Kmaflow, filled: Path, tmp_path: Path) -> None:
    asked = ("read", "aws_minute", *TEN, "--stations", "서울,90", "--columns", "ta")
    done = kmaflow(*asked, "--out", "seoul.csv", "--headers", "ko", "--wide", "--bom")
    assert (done.code, done.err, done.out) == (0, "", "seoul.csv: 20 rows\n")
    told = (tmp_path / "seoul.csv").read_text(encoding="utf-8-sig").splitlines()
    assert told[:2] == ["일시,속초 90 1분 평균 기온(°C),서울 108 1분 평균 기온(°C)", "2025-01-15 12:01:00,1.1,-9.3"]
    assert kmaflow(*asked, "--csv", "--wide").out.splitlines()[1] == "2025-01-15 12:01:00,1.1,-9.3"
    assert kmaflow(*asked, "--csv", "--bom", "--headers", "en").out.startswith("\ufefftime (KST),station,name,")
    assert kmaflow(*asked, "--out", "seoul.xlsx").code == 0
    assert (tmp_path / "seoul.xlsx").read_bytes()[:2] == b"PK"
    empty = kmaflow("read", "aws_cloud", *TEN, "--out", "cloud.csv")
    assert "no rows are stored" in empty.err
    assert not (tmp_path / "cloud.csv").exists()
    _one_line(kmaflow(*asked, "--wide"), "--csv or --out")
    _one_line(kmaflow(*asked, "--csv", "--out", "a.csv"), "one of --json, --csv, --out")
    _one_line(kmaflow(*asked, "--csv", "--headers", "kr"), "ko, en, cf")
    by_month = ("export", "v_hourly", *MONTH, "--out", "x", "--columns", "ta_mean")
    done = kmaflow(*by_month, "--format", "csv", "--headers", "ko")
    assert (done.code, done.err) == (0, "")
    first = (tmp_path / "x" / "v_hourly" / "2025-01.csv").read_text().splitlines()[0]
    assert first == "일시,지점,지점명,1분 평균 기온: 평균(°C)"
    _one_line(kmaflow("export", "v_hourly", "--lake", "lake"), "no views")


def test_views_are_read_like_datasets(kmaflow: Kmaflow, filled: Path) -> None:
    hour = ("--from", "2025-01-15 12:00", "--to", "2025-01-15 13:00")
    done = kmaflow("read", "v_hourly", *hour, "--stations", "서울,90", "--columns", "ta_mean,n")
    assert (done.code, done.err) == (0, "")
    for words in ("v_hourly", "°C", "2025-01-15 13:00", "5.6", "2 of 2 rows"):
        assert words in done.out, words
    assert "the first 1 rows" in kmaflow("read", "v_hourly", *hour, "--limit", "1").out
    row = _json(kmaflow("read", "v_hourly", *hour, "--stations", "90", "--columns", "ta_mean,wss_max_tm_kst", "--json"))
    assert row["rows"] == [{"tm_kst": "2025-01-15 13:00", "stn": 90, "ta_mean": 5.6, "wss_max_tm_kst": None}]
    newest = _json(kmaflow("read", "v_latest", "--stations", "서울", "--columns", "ta,tm_kst", "--json"))
    assert (newest["from"], newest["rows"]) == (None, [{"stn": 108, "ta": 10.1, "tm_kst": "2025-01-15 12:10"}])
    assert "v_latest" in kmaflow("read", "v_latest", "--stations", "서울", "--columns", "ta,tm_kst").out
    _one_line(kmaflow("read", "v_latest", *hour), "without a window", "--from")
    _one_line(kmaflow("read", "v_hourly"), "--from and --to")


def test_a_table_with_units_meanings_and_how_to_get_more(kmaflow: Kmaflow, filled: Path) -> None:
    done = kmaflow("read", "aws_minute", *TEN, "--stations", "서울,90", "--columns", "ta, HM")
    assert (done.code, done.err) == (0, "")
    for words in ("AWS minute data", "°C", "air temperature", "2025-01-15 12:01", "-9.3", "–", "20 of 20 rows"):
        assert words in done.out, words
    assert "more" not in done.out
    assert "999" not in done.out
    short = kmaflow("read", "aws_minute", *TEN, "--limit", "3").out
    assert "3 of 30 rows" in short
    assert "--limit" in short
    assert "12:02" not in short
    assert "30 of 30 rows" in kmaflow("read", "aws_minute", *TEN, "--limit", "0").out


def test_stations_are_named_as_for_collect(kmaflow: Kmaflow, filled: Path) -> None:
    """A station of blank rows has reported: it can be read as it can be collected. The same words are refused with the same advice."""
    with Store(f"sqlite:///{filled}/kmaflow.db") as store:
        load(store, minute_body({(stamp(5), 500): {}}), at(25))
    assert "500" in kmaflow("read", "aws_minute", *TEN, "--stations", "500").out
    refused = {
        command: kmaflow(command, "aws_minute", *TEN, "--stations", "109", *more).err
        for command, more in {"read": (), "gaps": (), "plan": (), "export": ("--out", "files")}.items()
    }
    assert len(set(refused.values())) == 1, refused
    assert "nearest: 109 → 108 서울" in refused["read"]


@pytest.mark.parametrize("command", ["read", "gaps", "plan", "repair", "collect", "backfill", "export", "watch"])
def test_every_command_advises_alike_about_an_unknown_dataset(
    kmaflow: Kmaflow, home: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KMAFLOW_API_KEY", "a" * 22)
    window = () if command == "watch" else MONTH
    done = kmaflow(command, "aws_minut", *window, *(("--out", "x") if command == "export" else ()))
    assert done.code == 2
    _one_line(done, "there is no dataset 'aws_minut'", "did you mean aws_minute", "datasets: aws_minute, aws_cloud")


def test_as_it_was_known(kmaflow: Kmaflow, filled: Path) -> None:
    def ta(*more: str) -> list[float | None]:
        done = kmaflow(
            "read", "aws_minute", *TEN, "--stations", "108", "--columns", "ta", "--limit", "1", "--json", *more
        )
        return [row["ta"] for row in _json(done)["rows"]]

    assert ta() == [-9.3]
    assert ta("--as-of", "2025-01-15 12:16") == [1.1]
    assert ta("--as-of", "2025-01-15 12:14") == []
    table = kmaflow("read", "aws_minute", *TEN, "--as-of", "2025-01-15 12:16").out
    assert "as known at" in table
    assert "20 of 30 rows" in table


def test_json_and_csv_for_programs(kmaflow: Kmaflow, filled: Path) -> None:
    told = _json(kmaflow("read", "aws_minute", *TEN, "--stations", "108", "--columns", "ta,hm", "--json"))
    assert (told["dataset"], told["from"], told["stations"], told["total"]) == (
        "aws_minute",
        "2025-01-15 12:00",
        [108],
        10,
    )
    assert told["columns"][2]["unit"] == "degree_Celsius"
    assert told["rows"][0] == {"tm_kst": "2025-01-15 12:01", "stn": 108, "ta": -9.3, "hm": None}
    done = kmaflow("read", "aws_minute", *TEN, "--columns", "ta,hm", "--csv")
    lines = done.out.splitlines()
    assert lines[:2] == ["tm_kst,stn,ta,hm", "2025-01-15 12:01:00,90,1.1,50.0"]
    assert len(lines) == 31
    assert len(kmaflow("read", "aws_minute", *TEN, "--csv", "--limit", "5").out.splitlines()) == 6


def test_nothing_stored_says_what_to_do(kmaflow: Kmaflow, filled: Path) -> None:
    done = kmaflow("read", "aws_minute", "--from", "2024-01-01", "--to", "2024-01-02")
    assert done.code == 0
    assert "kmaflow collect" in done.err
    assert _json(kmaflow("read", "aws_cloud", *TEN, "--json"))["rows"] == []
    assert kmaflow("read", "aws_cloud", *TEN, "--csv").out.count("\n") == 1


# --------------------------------------------------------------------------------------------------------- export


def test_export(kmaflow: Kmaflow, filled: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = kmaflow("export", "aws_minute", "aws_cloud", *MONTH, "--out", out, "--json")
    assert (done.code, done.err) == (0, "")
    (file,) = _json(done)["files"]
    assert (file["dataset"], file["file"], file["rows"]) == ("aws_minute", f"{out}/aws_minute/2025-01.parquet", 30)
    assert pl.read_parquet(file["file"]).height == 30
    assert "30 rows" in kmaflow("export", "all", *MONTH, "--out", out).out
    earlier = tmp_path / "earlier"
    asked = ("--out", earlier, "--format", "csv", "--by", "day", "--stations", "108", "--as-of", "2025-01-15 12:16")
    assert kmaflow("export", "aws_minute", *MONTH, *asked).code == 0
    assert ",108," in (earlier / "aws_minute" / "2025-01-15.csv").read_text()
    assert pl.read_csv(earlier / "aws_minute" / "2025-01-15.csv")["ta"][0] == 1.1
    nothing = kmaflow("export", "aws_cloud", *MONTH, "--out", out)
    assert nothing.code == 0
    assert "no file was made" in nothing.err


def test_export_never_replaces_a_whole_by_a_part(kmaflow: Kmaflow, filled: Path, tmp_path: Path) -> None:
    assert kmaflow("export", "aws_minute", *MONTH, "--out", tmp_path).code == 0
    part = kmaflow("export", "aws_minute", *TEN, "--out", tmp_path)
    assert part.code == 2
    _one_line(part, "2025-01.parquet", "--overwrite", "stays")
    assert kmaflow("export", "aws_minute", *TEN, "--out", tmp_path, "--overwrite").code == 0


def test_people_on_a_terminal_see_progress(
    kmaflow: Kmaflow, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert "aws_minute" in kmaflow("export", "aws_minute", *TEN, "--out", tmp_path).err
    assert "retention" in kmaflow("retention", "--keep-months", "0", "--no-export", "--yes").err


# ------------------------------------------------------------------------------------------------------ retention


def test_retention(kmaflow: Kmaflow, filled: Path, tmp_path: Path) -> None:
    keep = ("retention", "--keep-months", "1", "--export", tmp_path / "old")
    planned = _json(kmaflow(*keep, "--dry-run", "--json"))["months"]
    assert planned == [{"dataset": "aws_minute", "month": "2025-01", "rows": 30, "dropped": False, "files": {}}]
    asked = kmaflow(*keep)
    assert asked.code == 2
    _one_line(asked, "30 rows would be dropped", "--yes")
    assert "would be dropped" in kmaflow(*keep, "--dry-run").out
    assert not (tmp_path / "old").exists()
    (done,) = _json(kmaflow(*keep, "--yes", "--json"))["months"]
    path = f"{tmp_path}/old/aws_minute/2025-01.parquet"
    assert (done["dropped"], done["files"]) == (True, {path: 30})
    assert pl.read_parquet(path).height == 30
    assert "no month is that old" in kmaflow(*keep, "--yes").out
    assert _json(kmaflow("read", "aws_minute", *TEN, "--json"))["rows"] == []


def test_retention_asks_a_person(
    kmaflow: Kmaflow, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = ("retention", "--keep-months", "1", "--export", tmp_path / "old")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    answers: list[str] = []

    def no(question: str, **_: object) -> None:
        import typer

        answers.append(question)
        raise typer.Abort

    monkeypatch.setattr("typer.confirm", no)
    assert kmaflow(*keep).code == 130
    assert "30 rows" in answers[0]
    monkeypatch.setattr("typer.confirm", lambda *_, **__: True)
    assert "2025-01" in kmaflow(*keep).out


def test_retention_keeps_the_young(kmaflow: Kmaflow, home: Path) -> None:
    from kmaflow.catalog.time import floor_to, now_kst

    now = floor_to(now_kst(), MINUTE)
    with Store(f"sqlite:///{home}/kmaflow.db") as store:
        window = Window(now - 2 * MINUTE, now)
        load(store, minute_body({(now - MINUTE, 108): {"ta": 1.0}}), datetime(2100, 1, 1), window=window)
    told = _json(kmaflow("retention", "--keep-months", "1", "--no-export", "--dry-run", "--json"))
    assert told == {"months": []}


# ------------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["read", "aws_minuet", *TEN], ["aws_minute"]),
        (["read", "aws_minute", *TEN, "--columns", "temp"], ["no column 'temp'"]),
        (["read", "aws_minute", *TEN, "--columns", "request_id", "--as-of", "2025-01-16"], ["request_id"]),
        (["read", "aws_minute", *TEN, "--stations", "Seol"], ["no such station"]),
        (["read", "aws_minute", *TEN, "--stations", "107"], ["108 서울"]),
        (["read", "aws_minute", *TEN, "--as-of", "yestreday"], ["not a time"]),
        (["read", "aws_minute", *TEN, "--json", "--csv"], ["--csv"]),
        (["read", "aws_minute", "--from", "2025-01-15", "--to", "2025-01-15"], ["is empty"]),
        (["export", "aws_minute", *TEN], ["--out"]),
        (["export", "aws_minute", *TEN, "--out", "x", "--format", "txt"], ["txt"]),
        (["export", "aws_minute", *TEN, "--out", "x", "--by", "year"], ["month"]),
        (["export", "nothing", *TEN, "--out", "x"], ["aws_minute"]),
        (["retention", "--keep-months", "3"], ["--export", "--no-export"]),
        (["retention", "--keep-months", "3", "--export", "x", "--no-export"], ["--no-export"]),
        (["retention", "--keep-months", "3", "--no-export", "--datasets", "asos_hourly"], ["kept for good"]),
    ],
)  # fmt: skip
def test_bad_input_gets_one_clear_line(kmaflow: Kmaflow, filled: Path, arguments: list[str], words: list[str]) -> None:
    done = kmaflow(*arguments)
    assert done.code == 2
    assert done.out == "" or "error" in json.loads(done.out)
    _one_line(done, *words)


def test_a_place_that_cannot_be_written(kmaflow: Kmaflow, filled: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for command in (
        ("export", "aws_minute", *TEN, "--out", tmp_path / "file"),
        ("retention", "--keep-months", "1", "--yes", "--export", tmp_path / "file"),
    ):
        done = kmaflow(*command)
        assert done.code == 1
        _one_line(done, "→", "free space")
    assert _json(kmaflow("read", "aws_minute", *TEN, "--json"))["total"] == 30


# ------------------------------------------------------------------------------------------------------------ now


def test_the_weather_now(kmaflow: Kmaflow, filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kmaflow.read.now.now_kst", lambda: stamp(13))
    done = kmaflow("now", "서울")
    assert (done.code, done.err) == (0, "")
    for words in ("서울 108 · 37.5000, 127.0000", "10.1 °C", "no recent value", "rain or snow now: unknown"):
        assert words in done.out, words
    told = _json(kmaflow("now", "--near", "37.5,127.0", "--elements", "기온", "--json"))
    assert told["values"]["ta"] == {
        "value": 10.1, "unit": "°C", "stn": 90, "name_ko": "속초", "distance_km": 0.0, "tm_kst": "2025-01-15 12:10", "age_minutes": 3.0,
        "reason": None, "note": None,
    }  # fmt: skip
    assert (told["raining"], told["raining_from"]) == (None, None)
    _one_line(kmaflow("now"), "PLACE or --near")
    _one_line(kmaflow("now", "Atlantis"), "no place", "nearest names")
    monkeypatch.setattr("kmaflow.read.now.now_kst", lambda: stamp(600))
    done = kmaflow("now", "서울")
    assert (done.code, done.err) == (3, "no recent data: see kmaflow status\n")
