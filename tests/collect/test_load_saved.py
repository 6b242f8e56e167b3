"""Saved bodies: what they are is told by their header; what they are not is refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from kmaflow.catalog import DATASETS, STATION_LISTS
from kmaflow.catalog.time import DAY, MINUTE, Window, now_kst
from kmaflow.collect import Collector, StationChoice
from kmaflow.hub.saved_file import UnfitFile, read_saved
from kmaflow.maintain.load_saved import Covers, FileFromTheFuture, UnreadableFile, identify, load_body, read_file
from kmaflow.simulator import DEFAULT_KEY
from kmaflow.store.engines.loader import Loader

from ..store.bodies import minute_body, stamp, station_body, weather_body
from .hub import NOW, settings_for
from .spoilt import quiet_hub

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
    assert all(identify(read_saved(path.read_bytes())) is DATASETS[dataset] for path in files)


def test_made_bodies_are_known_too() -> None:
    assert identify(read_saved(weather_body({(stamp(1), 108): [(61, 1)]}))) is DATASETS["aws_present_weather"]
    for name, described in STATION_LISTS.items():
        assert identify(read_saved(station_body(name, {108: "서울"}))) is described


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        ('{"result":{"status":401,"message":"유효한 인증키가 아닙니다."}}'.encode(), "유효한 인증키가 아닙니다"),
        (
            '{\n  "result" : {\n    "status" : 401,\n    "message" : "유효한 인증키"\n  }\n}'.encode(),
            "says (401): 유효한 인증키",
        ),
        (b"[1, 2]", "holds words and no table: [1, 2]"),
        (b"<html><body>404</body></html>", "HTML"),
        (b"#START7777\n# YYMMDDHHMI STN XX YY\n202501151201,108,1,2,=\n#7777END\n", "those of no dataset"),
        (b"#START7777\n202501151201,108,1,2,=\n#7777END\n", "--dataset"),
        (b"some other file\n", "ask the hub again"),
        (b"#START7777\n#7777END\n", "holds no row"),
        (b"\x89PNG\r\n\x1a\n\x00\x0512 34", "holds no text"),
        (b"PDF 1.4\n\x05\x06", "holds no text"),
    ],
)
def test_what_is_no_answer_is_refused_in_words_about_files(content: bytes, words: str) -> None:
    with pytest.raises(UnfitFile) as refused:
        identify(read_saved(content))
    assert words in str(refused.value)
    assert "halves" not in str(refused.value)


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
            assert connection.exec_driver_sql("SELECT stn, selection FROM request ORDER BY id").all() == [
                (108, "all"),
                (0, "108"),
            ]


def test_without_header_the_dataset_must_be_named(tmp_path: Path) -> None:
    naked = b"\n".join(line for line in BODY.split(b"\n") if not line.startswith(b"#"))
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        assert load_body(collector, naked, NOW, dataset=DATASETS["aws_minute"], values_only=True)["rows"] == 4
        with pytest.raises(UnfitFile, match="cannot be read as it is"):
            load_body(collector, BODY, NOW, dataset=DATASETS["aws_cloud"])
        with pytest.raises(UnfitFile, match="holds no row"):
            load_body(collector, minute_body({}), NOW)


def test_a_file_of_nothing_but_rejected_lines_is_unfit(tmp_path: Path) -> None:
    with (
        Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector,
        pytest.raises(UnfitFile, match="rejected: the line does not begin with a time: 'oops'"),
    ):
        load_body(collector, minute_body({}, extra=["oops"]), NOW)


def test_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    content, moment = read_file(tmp_path / "a")
    assert content == b"x"
    assert isinstance(moment, datetime)
    assert moment.tzinfo is None
    for path, words in ((tmp_path, "directory"), (tmp_path / "none", "No such file")):
        with pytest.raises(UnreadableFile, match=words):
            read_file(path)


def _spans(collector: Collector) -> list[tuple[str, str]]:
    with collector.store.engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT tm_from, tm_to FROM request ORDER BY id").all()
    return [(str(start), str(end)) for start, end in found]


def test_the_ledger_gets_a_row_for_each_stretch_that_holds_rows(tmp_path: Path) -> None:
    cells = {(datetime(2024, month, 1, 12, 1), 108): {"ta": float(month)} for month in (1, 3, 12)}
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        for again in range(2):
            told = load_body(collector, minute_body(cells), datetime(2025, 1, 1))
            assert (told["rows"], told["inserted"]) == (6, 0 if again else 6)
        assert _spans(collector) == 2 * [(f"2024-{m}-01 12:00:00", f"2024-{m}-01 12:01:00") for m in ("01", "03", "12")]


def test_a_stretch_of_the_ledger_is_a_month_at_most(tmp_path: Path) -> None:
    start = datetime(2024, 1, 1)
    cells = {(start + day * DAY, 108): {"ta": 1.0} for day in range(40)}
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        load_body(collector, minute_body(cells), datetime(2025, 1, 1))
        assert _spans(collector) == [
            ("2023-12-31 23:59:00", "2024-01-31 00:00:00"),
            ("2024-01-31 23:59:00", "2024-02-09 00:00:00"),
        ]


# ------------------------------------------------------------------------------------------- files as people have them

_NAKED = b"\n".join(line for line in BODY.split(b"\n") if not line.startswith(b"#"))
_HEAD = next(line for line in BODY.split(b"\n") if b"YYMMDDHHMI" in line)


def _as_cells(body: bytes, separator: str, *, quoted: bool, closed: bool = True) -> bytes:
    """As a spreadsheet saves it: the header in one cell, empty cells up to the widest row."""
    lines = []
    for line in body.decode().splitlines():
        cells = [line] if line.startswith("#") else line.split(",")
        if not closed and cells[-1] == "=":
            cells.pop()
        cells += [""] * (19 - len(cells))
        lines.append(separator.join(f'"{cell}"' if quoted and cell else cell for cell in cells))
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + BODY,
        BODY.replace(b"\n", b"\r\n"),
        BODY.replace(b"\n", b"\r"),
        BODY.replace(b"#START7777\n", b"").replace(b"#7777END\n", b""),
        BODY.replace(b"#7777END\n", b""),
        BODY.rstrip(b"\n"),
        _as_cells(BODY, ",", quoted=False),
        _as_cells(BODY, ",", quoted=True),
        _as_cells(BODY, ";", quoted=False),
        _as_cells(BODY, "\t", quoted=True),
        _as_cells(BODY, ",", quoted=False, closed=False),
        BODY.replace(_HEAD, _HEAD.lower()),
        b"".join(b"  " + line for line in BODY.splitlines(keepends=True)),
        b"\xef\xbb\xbf" + BODY + b"\xef\xbb\xbf" + BODY,
    ],
    ids=[
        "bom", "crlf", "cr", "no-markers", "no-end", "no-last-break", "cells", "quoted", "semicolons", "tabs", "no-=", "lower",
        "indented", "twice",
    ],
)  # fmt: skip
def test_what_editors_and_spreadsheets_make_of_an_answer_loads_as_the_answer(content: bytes, tmp_path: Path) -> None:
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        told = load_body(collector, content, NOW)
        assert (told["rows"], told["inserted"], told["rejected"]) == (4, 4, 0)
        assert load_body(collector, BODY, NOW + MINUTE)["updated"] == 0


def test_a_header_of_somebody_elses_loads_by_name_and_values_only(tmp_path: Path) -> None:
    altered = BODY.replace(_HEAD, "# 시각,지점,풍향".encode("cp949"))
    named = b"tm,stn,wd1\n" + _NAKED
    aws = DATASETS["aws_minute"]
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        for content in (altered, named):
            for dataset in (None, aws):
                with pytest.raises(UnfitFile, match=r"--dataset .*--values-only"):
                    load_body(collector, content, NOW, dataset=dataset)
        assert load_body(collector, altered, NOW, dataset=aws, values_only=True)["rejected"] == 0
        told = load_body(collector, named, NOW + MINUTE, dataset=aws, values_only=True)
        assert (told["rows"], told["rejected"]) == (4, 1)  # the line of names is no row


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (BODY.replace(b"2025011512", b"2025-01-15 12:"), "save the hub's answer again"),
        (BODY.replace(b",", b";").replace(b".", b","), "save the hub's answer again"),
        (BODY + weather_body({(stamp(1), 108): [(61, 1)]}), "a file of its own"),
        (BODY + station_body("SFC", {108: "서울"}), "a file of its own"),
        (station_body("SFC", {108: "서울"}) + BODY, "a file of its own"),
        (station_body("SFC", {108: "서울"}) + station_body("AWS", {108: "서울"}), "a file of its own"),
        (station_body("SFC", {108: "서울"}).replace(b"     ", b" "), "save the hub's answer again"),
    ],
)
def test_where_not_one_row_can_be_read_no_header_is_blamed(content: bytes, words: str, tmp_path: Path) -> None:
    with (
        Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector,
        pytest.raises(UnfitFile) as refused,
    ):
        load_body(collector, content, NOW)
    assert words in str(refused.value)
    assert "--values-only" not in str(refused.value)


def test_a_time_between_the_hours_is_none_of_asos(tmp_path: Path) -> None:
    asked = {"authKey": DEFAULT_KEY, "tm1": "202501151000", "tm2": "202501151100", "stn": "108"}
    body = quiet_hub().answer("/api/typ01/url/kma_sfctm3.php", asked).body
    body = body.replace(b"202501151100 ", b"202501151130 ")
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        told = load_body(collector, body, NOW)
        assert (told["from"], told["to"]) == ("2025-01-15 09:00", "2025-01-15 10:00")
        with collector.store.engine.connect() as connection:
            (reason,) = connection.exec_driver_sql("SELECT DISTINCT reason FROM rejected_line").scalars()
    assert "a stamp every 1:00:00" in reason


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (BODY.decode().encode("utf-16"), ["UTF-16", "UTF-8", "저장"]),
        (BODY.decode().encode("utf-16-le"), ["UTF-16"]),
        (b"PK\x03\x04\x14\x00", ["Excel", "CSV"]),
        (b"\x1f\x8b\x08\x00", ["gzip", "압축"]),
        (BODY.replace(b"202501151201", b"2.02501E+11"), ["rounded", "Excel", "텍스트"]),
    ],
)
def test_what_has_lost_something_says_how_to_save_it_again(content: bytes, words: list[str]) -> None:
    with pytest.raises(UnfitFile) as refused:
        read_saved(content)
    assert all(word in f"{refused.value.english} {refused.value.todo_ko}" for word in words)


def test_a_last_line_that_may_be_cut_is_no_row(tmp_path: Path) -> None:
    cut = BODY[: BODY.rindex(b"#7777END") - 6]
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        told = load_body(collector, cut, NOW)
        assert (told["rows"], told["rejected"]) == (3, 1)


@pytest.mark.parametrize("encoding", ["cp949", "utf-8-sig", "utf-8"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_station_list_saved_by_a_spreadsheet_is_the_list(encoding: str, separator: str, tmp_path: Path) -> None:
    for network, described in STATION_LISTS.items():
        body = station_body(network, {108: "서울 *", 90: "속초"})
        names = [field.header or field.kma for field in described.fields]
        lines = [["#START7777"], ["#", *names] if encoding == "utf-8" else [f"# {names[0]}", *names[1:]]]
        for line in body.decode("cp949").splitlines()[2:-1]:
            raw = line.encode("cp949")
            lines.append([raw[field.start - 1 : field.end].decode("cp949").strip() for field in described.fields])
        lines.append(["#7777END"])
        # Excel fills rows up to the widest with empty cells, other programs do not.
        width = 0 if encoding == "utf-8-sig" else 20
        table = "\r\n".join(separator.join(cells + [""] * (width - len(cells))) for cells in lines).encode(encoding)
        with Collector.open(settings_for(None, tmp_path / network), needs_hub=False) as collector:
            assert load_body(collector, body, NOW)["inserted"] == 2
            told = load_body(collector, table, NOW + MINUTE)
            assert (told["dataset"], told["rows"], told["rejected"]) == (f"station_{network}", 2, 0)
            assert (told["inserted"], told["updated"]) == (0, 0)
            with pytest.raises(UnfitFile, match="#7777END"):
                load_body(collector, table.replace(b"#7777END", b""), NOW + 2 * MINUTE)


# --------------------------------------------------------------------------------------------------- what cannot be


def test_a_file_from_the_future_is_refused(tmp_path: Path) -> None:
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        for content in (BODY, station_body("AWS", {108: "서울"})):
            with pytest.raises(FileFromTheFuture, match="--fetched-at"):
                load_body(collector, content, now_kst() + DAY)
        with pytest.raises(UnfitFile, match="--fetched-at"):
            load_body(collector, BODY, datetime(2024, 1, 1))
        assert collector.archive.manifest() == []


_STAMPS = [datetime(2025, 1, 10, 12, minute) for minute in range(1, 10)]


@pytest.mark.parametrize(
    ("stray", "reason"),
    [
        (datetime(2925, 1, 10, 12, 1), "later than the moment"),
        (datetime(2025, 1, 10, 23, 1), "later than the moment"),
        (datetime(2024, 12, 10, 12, 1), "31 days from every other row"),
        (datetime(2015, 1, 10, 12, 1), "3,653 days from every other row"),
        (datetime(1925, 1, 10, 12, 1), "before 1988"),
    ],
)
def test_a_stamp_that_cannot_be_meant_is_a_rejected_line(stray: datetime, reason: str, tmp_path: Path) -> None:
    body = minute_body({(tm, 108): {"ta": 1.0} for tm in [*_STAMPS, stray]}, witness=False)
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        told = load_body(collector, body, datetime(2025, 1, 10, 13))
        assert (told["rows"], told["rejected"]) == (9, 1)
        assert _spans(collector) == [("2025-01-10 12:00:00", "2025-01-10 12:09:00")]
        with collector.store.engine.connect() as connection:
            (line,) = connection.exec_driver_sql("SELECT tm_kst, stn, reason FROM rejected_line").all()
    assert (line[0], line[1]) == (str(stray), 108)
    assert reason in line[2]


def test_two_rows_four_years_apart_are_both_meant(tmp_path: Path) -> None:
    cells = {(datetime(2020, 8, 5), 90): {"ta": 26.8}, (datetime(2024, 9, 2, 23, 5), 108): {"ta": 23.8}}
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        told = load_body(collector, minute_body(cells, witness=False), NOW)
        assert (told["rows"], told["rejected"]) == (2, 0)
        assert len(_spans(collector)) == 2


# ------------------------------------------------------------------------------------------------------ whole answers

_TEN = Window(stamp(0), stamp(10))


def test_a_file_may_be_said_to_be_the_whole_answer_to_a_window(tmp_path: Path) -> None:
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        told = load_body(collector, BODY, NOW, covers=Covers(_TEN))
        assert (told["from"], told["to"], told["rows"]) == ("2025-01-15 12:00", "2025-01-15 12:10", 4)
        narrow = load_body(collector, BODY, NOW + MINUTE, covers=Covers(Window(stamp(1), stamp(10)), "108,90"))
        assert (narrow["rows"], narrow["rejected"]) == (1, 3)  # another minute, and twice another station
        one = load_body(collector, BODY, NOW + 2 * MINUTE, covers=Covers(_TEN, "108"), choice=StationChoice((108,)))
        assert (one["rows"], one["rejected"]) == (2, 0)
        with collector.store.engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT tm_from, tm_to, stn, selection FROM request ORDER BY id").all()
    assert [tuple(row) for row in found] == [
        (str(stamp(0)), str(stamp(10)), 0, "all"),
        (str(stamp(1)), str(stamp(10)), 0, "90,108"),
        (str(stamp(0)), str(stamp(10)), 108, "108"),
    ]


@pytest.mark.parametrize(
    ("content", "window", "words"),
    [
        (BODY.replace(b"#7777END\n", b""), _TEN, "#7777END"),
        (BODY, Window(stamp(0), NOW + MINUTE), "before the end of"),
        (station_body("AWS", {108: "서울"}), _TEN, "covers no window"),
    ],
)
def test_what_cannot_be_a_whole_answer_covers_nothing(
    content: bytes, window: Window, words: str, tmp_path: Path
) -> None:
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        with pytest.raises(UnfitFile, match=words):
            load_body(collector, content, NOW, covers=Covers(window))
        assert collector.archive.manifest() == []


def test_a_young_file_of_hours_with_a_hole_is_no_answer_that_is_not_produced_yet(tmp_path: Path) -> None:
    row = (
        "  29  1.7  -9 -9.0   -9 1002.1 1012.7 -9  -9.0   5.2   3.0  86.0   7.6   -9.0   -9.0   -9.0   -9.0   -9.0   -9.0   -9.0 -9 -9 19"
        "  -9  -9   -9 -  -9  -9  -9   800 -9.0 -9.00 -9   4.0   4.6   5.7   6.5   6.5  -9 -9.0 -9  3 -9"
    )
    body = "\n".join(f"2025011{hour} 108{row}" for hour in ("50100", "50300")) + "\n"
    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        told = load_body(
            collector, body.encode(), datetime(2025, 1, 15, 3, 30), dataset=DATASETS["asos_hourly"], values_only=True
        )
        assert (told["rows"], told["outcome"]) == (2, "ok")


def test_a_file_is_compared_with_the_rows_of_its_own_stations_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    real = Loader.stored

    def spied(self: Loader, table: sa.Table, window: Window, stations: Sequence[int] | None = None) -> pl.DataFrame:
        asked.append(stations)
        return real(self, table, window, stations)

    with Collector.open(settings_for(None, tmp_path), needs_hub=False) as collector:
        load_body(collector, BODY, NOW)
        monkeypatch.setattr(Loader, "stored", spied)
        later = minute_body({(stamp(1), 108): {"ta": 2.0}}, witness=False)
        assert load_body(collector, later, NOW + MINUTE)["updated"] == 1
    assert asked == [[108]]
