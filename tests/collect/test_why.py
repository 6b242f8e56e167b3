"""``why``: each state of a cell (design.md §6) as far as the ledger knows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import MINUTE, Window
from kmaflow.collect import ALL, Collector, StationChoice
from kmaflow.maintain.load_saved import load_body
from kmaflow.maintain.why import story
from kmaflow.simulator.server import Running
from kmaflow.store.ledger import DEFERRED, EVENT, event

from ..store.bodies import minute_body, stamp, weather_body
from .hub import NOW, collecting, plan, settings_for, simulated, truth, window


def _tell(collector: Collector, stn: int, tm: datetime, name: str = "aws_minute") -> dict[str, Any]:
    return story(collector, DATASETS[name], stn, tm)


def test_present_with_the_raw_codes_the_requests_and_the_corrections(tmp_path: Path) -> None:
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        cell = (stamp(1), 108)
        load_body(collector, minute_body({cell: {"ta": -9.3}}), NOW)
        load_body(collector, minute_body({cell: {"ta": -9.4}}), NOW + MINUTE)
        told = _tell(collector, 108, stamp(1))
        assert told["state"] == "present"
        assert (told["values"]["ta"], told["raw"]["ta"], told["values"]["pa"], told["raw"]["pa"]) == (
            -9.4,
            "-9.4",
            None,
            "-99.9",
        )
        assert told["lines"][0].startswith("202501151201,108,")
        assert [request["outcome"] for request in told["requests"]] == ["ok", "ok"]
        assert [(one["old_value"], one["new_value"]) for one in told["revisions"]] == [("-9.3", "-9.4")]
        for path in (tmp_path / "archive" / "bodies").rglob("*.zst"):
            path.unlink()
        lost = _tell(collector, 108, stamp(1))
        assert lost["raw"] == {}
        assert "cannot be read" in lost["lines"][0]


def test_the_run_of_airflow_that_brought_a_value_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with simulated(NOW) as hub, collecting(hub, tmp_path, NOW) as collector:
        monkeypatch.setenv("AIRFLOW_CTX_DAG_ID", "kma_aws")
        monkeypatch.setenv("AIRFLOW_CTX_DAG_RUN_ID", "scheduled__2025-01-15T03:30:00+00:00")
        collector.collect("aws_minute", window("12:20", "12:30"))
        monkeypatch.delenv("AIRFLOW_CTX_DAG_RUN_ID")
        monkeypatch.delenv("AIRFLOW_CTX_DAG_ID")
        collector.collect("aws_minute", window("12:30", "12:40"))
        told = [_tell(collector, 108, datetime(2025, 1, 15, 12, minute)) for minute in (25, 35)]
    runs = [(one["brought_by"]["dag_id"], one["brought_by"]["run_id"]) for one in told]
    assert runs == [("kma_aws", "scheduled__2025-01-15T03:30:00+00:00"), (None, None)]
    assert [one["requests"][-1]["run_id"] for one in told] == [runs[0][1], None]
    assert [one["requests"][-1]["id"] == one["brought_by"]["id"] for one in told] == [True, True]
    for one in told:
        assert one["lines"][0].startswith(f"{one['tm_kst']}".replace("-", "").replace(" ", "").replace(":", ""))


def test_pairs_and_old_asos_rows_have_their_raw_codes(tmp_path: Path, captures: Path) -> None:
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        load_body(collector, weather_body({(stamp(1), 108): [(61, 1)]}), NOW, dataset=DATASETS["aws_present_weather"])
        assert _tell(collector, 108, stamp(1), "aws_present_weather")["raw"]["ww1"] == "61"
        body = (captures / "kma_sfctm2.help0.202211300900.txt").read_bytes()
        # The same hour as it would have been printed in 2021: without RN_JUN, columns 102-108.
        lines = [
            (b"2021" + line[4:101] + line[108:] if line.startswith(b"2022") else line) for line in body.split(b"\n")
        ]
        load_body(collector, b"\n".join(lines), NOW, dataset=DATASETS["asos_hourly"])
        told = _tell(collector, 90, datetime(2021, 11, 30, 9), "asos_hourly")
        assert (told["state"], told["raw"]["ta"], told["values"]["ta"]) == ("present", "-3.0", -3.0)
        assert told["values"]["rn_jun"] is None
        assert "rn_jun" not in told["raw"]
        assert told["raw"]["ix"] == "-9"


def test_blank_absent_unproduced_rejected_refused_and_never_asked(hub: Running, tmp_path: Path) -> None:
    with collecting(hub, tmp_path) as collector:
        asked = window("12:50", "13:00")
        collector.collect("aws_minute", asked)
        cells = {cell["state"]: cell for cell in truth(hub, "aws_minute", asked.start + MINUTE, asked.end - 2 * MINUTE)}
        blank, absent = cells["blank"], cells.get("absent")
        told = _tell(collector, blank["stn"], datetime.strptime(blank["tm"], "%Y%m%d%H%M"))
        assert told["state"] == "blank"
        assert set(told["raw"].values()) <= {"-99.9", "-99.7", "-99.2", "-999.0"}
        assert _tell(collector, 108, NOW)["state"] == "not_yet_produced"
        assert _tell(collector, 12345, NOW - 5 * MINUTE)["state"] == "absent", "other stations have that minute"
        assert (
            absent is None
            or _tell(collector, absent["stn"], datetime.strptime(absent["tm"], "%Y%m%d%H%M"))["state"] == "absent"
        )
        assert _tell(collector, 108, datetime(2020, 1, 1))["state"] == "not_asked"
        assert _tell(collector, 108, datetime(2099, 1, 1))["state"] == "future"
        assert _tell(collector, 108, datetime(2025, 1, 15, 12, 30), "asos_hourly")["state"] == "no_stamp"

        plan(hub, "http504", count=100)
        collector.collect("aws_minute", window("11:00", "11:01"), ALL)
        told = _tell(collector, 108, datetime(2025, 1, 15, 11, 1))
        assert told["state"] == "refused"
        assert "504" in told["why_en"]
        hub.simulator.hub.faults.clear()

        plan(hub, "garbage")
        collector.collect("aws_minute", window("10:00", "10:01"), ALL)
        with collector.store.engine.connect() as connection:
            stn, text = connection.exec_driver_sql("SELECT stn, text FROM rejected_line").one()
        told = _tell(collector, stn, datetime(2025, 1, 15, 10, 1))
        assert (told["state"], told["lines"]) == ("rejected", [text])

        collector.collect("aws_minute", window("09:00", "09:01"), StationChoice((90, 108)))
        told = _tell(collector, 400, datetime(2025, 1, 15, 9, 1))
        assert told["state"] == "not_asked"
        assert "90,108" in told["why_en"]


def test_a_complete_answer_stands_though_a_later_request_failed(hub: Running, tmp_path: Path) -> None:
    with collecting(hub, tmp_path) as collector:
        minute = Window(datetime(2025, 1, 15, 12, 0), datetime(2025, 1, 15, 12, 1))
        collector.collect("aws_minute", minute, ALL)
    with collecting(hub, tmp_path, NOW + MINUTE) as collector:
        plan(hub, "http504", count=100)
        collector.collect("aws_minute", minute, ALL)
        assert _tell(collector, 12345, minute.end)["state"] == "absent"
        assert _tell(collector, 108, minute.end)["state"] == "present"


def test_given_up_gone_and_kept_back_have_words_of_their_own(hub: Running, tmp_path: Path) -> None:
    begin = datetime(2025, 1, 15, 12, 0)
    asked = Window(begin, begin + 10 * MINUTE)
    with collecting(hub, tmp_path, start=begin) as collector:
        cell = begin + 5 * MINUTE
        aws = DATASETS["aws_minute"]
        assert story(collector, aws, 108, begin - MINUTE)["why_en"].startswith("it lies before KMAFLOW_START")
        for outcome, kind, state, words in (
            ("quota", DEFERRED, "not_asked", "the day's quota was spent"),
            ("given_up", EVENT, "refused", "kmaflow repair --all"),
        ):
            row = replace(event("aws_minute", asked, outcome, message="why"), fetched_at=NOW, kind=kind)
            collector.store.note(row)
            told = story(collector, aws, 108, cell)
            assert (told["state"], words in told["why_en"]) == (state, True)
        old = begin - timedelta(days=800)
        collector.collect("aws_minute", Window(old, old + 10 * MINUTE))
        told = story(collector, aws, 108, old + MINUTE)
        assert (told["state"], told["why_en"]) == ("absent", "the hub no longer keeps data as old as this")
