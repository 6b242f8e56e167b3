"""Saved bodies: what they are is told by their header; what they are not is refused."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from kmaflow.catalog import DATASETS, STATION_LISTS
from kmaflow.catalog.time import MINUTE
from kmaflow.collect import Collector, StationChoice
from kmaflow.errors import UsageError
from kmaflow.hub.errors import BadKey, ChangedFormat, EmptyAnswer, Truncated
from kmaflow.maintain.load_saved import UnreadableFile, identify, load_body, read_file

from ..store.bodies import minute_body, stamp, station_body, weather_body
from .hub import NOW, settings_for

BODY = minute_body({(stamp(1), 108): {"ta": 1.0}, (stamp(2), 108): {}})


@pytest.mark.parametrize(
    ("start", "dataset"),
    [
        ("nph-aws2_min.", "aws_minute"),
        ("nph-aws2_min_cloud", "aws_cloud"),
        ("nph-aws2_min_vis", "aws_visibility"),
        ("kma_sfctm2", "asos_hourly"),
    ],
)
def test_every_capture_is_known_by_its_header(captures: Path, start: str, dataset: str) -> None:
    files = sorted(captures.glob(f"{start}*"))
    assert files
    assert all(identify(path.read_bytes()) is DATASETS[dataset] for path in files)


def test_made_bodies_are_known_too() -> None:
    assert identify(weather_body({(stamp(1), 108): [(61, 1)]})) is DATASETS["aws_present_weather"]
    for name, described in STATION_LISTS.items():
        assert identify(station_body(name, {108: "서울"})) is described


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", EmptyAnswer),
        ('{"result":{"status":401,"message":"유효한 인증키가 아닙니다."}}'.encode(), BadKey),
        (BODY[:-12], Truncated),
        (b"#START7777\n# YYMMDDHHMI STN XX YY\n202501151201,108,1,2,=\n#7777END\n", UsageError),
        (b"#START7777\n202501151201,108,1,2,=\n#7777END\n", UsageError),
        (b"some other file\n", Truncated),
    ],
)
def test_what_is_no_answer_is_refused(content: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        identify(content)


def test_a_body_is_archived_and_loaded_once(tmp_path: Path) -> None:
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        told = load_body(collector, BODY, NOW)
        assert told == {
            "dataset": "aws_minute", "from": "2025-01-15 12:00", "to": "2025-01-15 12:02", "rows": 4, "blank": 1, "inserted": 4,
            "updated": 0, "revised": 0, "rejected": 0, "not_produced": 0, "outcome": "ok",
        }  # fmt: skip
        again = load_body(collector, BODY, NOW + MINUTE)
        assert (again["outcome"], again["inserted"]) == ("unchanged", 0)
        (first, second) = collector.archive.manifest()
        assert first.sha256 == second.sha256
        assert collector.archive.body(first.sha256) == BODY
        lists = load_body(collector, station_body("AWS", {108: "서울"}), NOW)
        assert (lists["dataset"], lists["inserted"]) == ("station_AWS", 1)


def test_stations_choose_rows_and_a_body_of_one_station_speaks_for_it_alone(tmp_path: Path) -> None:
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        body = minute_body({(stamp(1), 108): {"ta": 1.0}}, witness=False)
        load_body(collector, body, NOW)
        assert load_body(collector, BODY, NOW, choice=StationChoice((108,)))["rows"] == 2
        with collector.store.engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT stn, selection FROM fetch ORDER BY id").all() == [
                (108, "all"),
                (0, "108"),
            ]


def test_without_header_the_dataset_must_be_named(tmp_path: Path) -> None:
    naked = b"\n".join(line for line in BODY.split(b"\n") if not line.startswith(b"#"))
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        assert load_body(collector, naked, NOW, dataset=DATASETS["aws_minute"], end_marker=False)["rows"] == 4
        with pytest.raises(ChangedFormat):
            load_body(collector, BODY, NOW, dataset=DATASETS["aws_cloud"])
        with pytest.raises(EmptyAnswer, match="holds no row"):
            load_body(collector, minute_body({}), NOW)


def test_a_file_of_nothing_but_rejected_lines_is_kept(tmp_path: Path) -> None:
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        told = load_body(collector, minute_body({}, extra=["oops"]), NOW)
        assert (told["from"], told["rejected"], told["rows"]) == (None, 1, 0)


def test_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    content, moment = read_file(tmp_path / "a")
    assert content == b"x"
    assert isinstance(moment, datetime)
    assert moment.tzinfo is None
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(UnreadableFile, match=str(path)):
            read_file(path)


def test_a_file_that_spans_years_becomes_ledger_rows_of_a_month_at_most(tmp_path: Path) -> None:
    cells = {(datetime(2024, month, 1, 12, 1), 108): {"ta": float(month)} for month in (1, 3, 12)}
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        for again in range(2):
            told = load_body(collector, minute_body(cells), datetime(2025, 1, 1))
            assert (told["rows"], told["inserted"]) == (6, 0 if again else 6)
        with collector.store.engine.connect() as connection:
            spans = connection.exec_driver_sql(
                "SELECT MAX(julianday(tm_to) - julianday(tm_from)), MIN(tm_from), MAX(tm_to) FROM fetch"
            ).one()
    assert tuple(spans) == (31.0, "2024-01-01 12:00:00", "2024-12-01 12:01:00")
