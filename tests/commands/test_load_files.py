"""A saved file proves only the cells that it holds: ``gaps`` names the others, ``why`` tells the truth, ``plan`` prices them; on each engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ..store.bodies import minute_body, stamp
from .conftest import Done, Kmaflow

_HEAD = (
    "#START7777\n"
    "# YYMMDDHHMI   STN    WD1    WS1    WDS    WSS   WD10   WS10     TA     RE RN-15m RN-60m RN-12H RN-DAY     HM     PA     PS     TD\n"
)
TWO_ROWS = (
    _HEAD
    + "202008050000    90  350.1    0.7  358.1    0.8    9.8    0.6   26.8    0.0    0.0    0.0    0.0   11.3   89.1 1004.0 1006.0   24.9\n"
    "202409022305   108  254.9    1.4  246.2    1.8  256.5    1.4   23.8  -99.9    0.0    0.0    0.0    0.3   82.2 1002.6 1012.4   20.6\n"
    "#7777END\n"
)
_VALUES = "10.0,1.0,12.0,2.0,11.0,1.2,17.3,0.0,0.5,0.5,1.0,2.0,80.0,1000.0,1010.0,20.0,=\n"
TWO_STATIONS = f"202408121530,108,{_VALUES}202408121531,762,{_VALUES}"


@pytest.fixture(autouse=True)
def _on_each_engine(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMAFLOW_DATABASE_URL", database_url)


def _json(done: Done) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(done.out)
    return told


def test_between_two_rows_four_years_apart_everything_is_missing(kmaflow: Kmaflow, tmp_path: Path) -> None:
    (tmp_path / "two.txt").write_text(TWO_ROWS)
    (one,) = _json(kmaflow("load", tmp_path / "two.txt", "--json"))["files"]
    assert (one["rows"], one["rejected"]) == (2, 0)
    hour = ("--from", "2020-08-04 23:00", "--to", "2020-08-05 00:00")
    done = kmaflow("gaps", "aws_minute", *hour, "--stations", "90", "--json")
    assert done.code == 3
    (gap,) = _json(done)["gaps"]
    assert (gap["state"], gap["cells"]) == ("not_asked", 59)
    between = ("--from", "2022-05-01", "--to", "2022-05-02")
    assert kmaflow("gaps", "aws_minute", *between).code == 3
    priced = _json(kmaflow("plan", "aws_minute", *between, "--json"))
    assert (priced["calls"], len(priced["no_longer_on_hub"])) == (0, 1), "nobody gives minutes of that age any more"
    assert "present" in kmaflow("why", "aws_minute", "90", "2020-08-05 00:00").out
    assert "not_asked" in kmaflow("why", "aws_minute", "90", "2020-08-05 00:01").out


def test_a_file_of_two_stations_makes_no_other_absent(kmaflow: Kmaflow, tmp_path: Path) -> None:
    (tmp_path / "two.csv").write_text(TWO_STATIONS)
    refused = kmaflow("load", tmp_path / "two.csv")
    assert refused.code == 1
    assert "--dataset" in refused.err
    assert "--values-only" in refused.err
    assert kmaflow("load", tmp_path / "two.csv", "--dataset", "aws_minute", "--values-only").code == 0
    two = ("--from", "2024-08-12 15:29", "--to", "2024-08-12 15:31")
    told = _json(kmaflow("gaps", "aws_minute", *two, "--stations", "108,762", "--json"))
    assert sum(gap["cells"] for gap in told["gaps"]) == 2
    assert {gap["state"] for gap in told["gaps"]} == {"not_asked"}


def test_a_file_that_covers_a_window_answers_for_stations_that_it_lacks(kmaflow: Kmaflow, tmp_path: Path) -> None:
    cells = {
        (stamp(minute), stn): {"ta": 1.0} for minute in range(1, 11) for stn in (90, 108) if (minute, stn) != (3, 90)
    }
    (tmp_path / "ten.txt").write_bytes(minute_body(cells))
    ten = ("2025-01-15 12:00", "2025-01-15 12:10")
    shown = ("gaps", "aws_minute", "--from", ten[0], "--to", ten[1], "--json")
    assert kmaflow("load", tmp_path / "ten.txt").code == 0
    assert kmaflow(*shown).code == 3
    assert kmaflow("load", tmp_path / "ten.txt", "--covers", *ten).code == 0
    assert kmaflow(*shown).code == 0
    assert "absent" in kmaflow("why", "aws_minute", "90", "2025-01-15 12:03").out


def test_a_whole_answer_that_lacks_stamps_ends_with_3(kmaflow: Kmaflow, tmp_path: Path) -> None:
    (tmp_path / "five.txt").write_bytes(minute_body({(stamp(minute), 108): {"ta": 1.0} for minute in range(1, 6)}))
    ten = ("--covers", "2025-01-15 12:00", "2025-01-15 12:10")
    done = kmaflow("load", tmp_path / "five.txt", *ten, "--json")
    assert (done.code, _json(done)["files"][0]["outcome"]) == (3, "incomplete_answer")
    refused = kmaflow("load", tmp_path / "five.txt", *ten, "--asked-stations", f"108,{'9' * 20}")
    assert refused.code == 2
    assert "no such station" in refused.err


def test_one_line_of_garbage_is_about_no_cell(kmaflow: Kmaflow, tmp_path: Path) -> None:
    (tmp_path / "month.txt").write_bytes(
        minute_body({(stamp(minute), 108): {"ta": 1.0} for minute in (1, 2)}, extra=["oops"], witness=False)
    )
    assert kmaflow("load", tmp_path / "month.txt").code == 3
    window = ("--from", "2025-01-15 12:00", "--to", "2025-01-15 12:05")
    told = _json(kmaflow("gaps", "aws_minute", *window, "--stations", "108", "--json"))
    assert [(gap["state"], gap["cells"]) for gap in told["gaps"]] == [("not_asked", 3)]


def test_what_one_file_must_say_of_itself(kmaflow: Kmaflow, tmp_path: Path) -> None:
    ten = ("--covers", "2025-01-15 12:00", "2025-01-15 12:10")
    assert kmaflow("load", tmp_path / "a", tmp_path / "b", *ten).code == 2
    assert kmaflow("load", tmp_path / "a", "--asked-stations", "108").code == 2
