"""The database again from the archive alone: equal to the one that the answers had made, on every engine."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kmaflow.archive.archive import ArchiveError, Entry, path_of
from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, MINUTE, Window, now_kst
from kmaflow.collect import Collector, StationChoice
from kmaflow.collect.run import keep
from kmaflow.hub import client
from kmaflow.hub.client import Answer
from kmaflow.hub.errors import ChangedFormat
from kmaflow.hub.parse import parse
from kmaflow.maintain.archive_index import stretches
from kmaflow.maintain.load_saved import Covers, load_body, within
from kmaflow.maintain.rebuild import WouldNarrow, outline, rebuild
from kmaflow.maintain.rebuild_report import RebuildReport
from kmaflow.simulator import parse_faults
from kmaflow.simulator.server import Running
from kmaflow.store import Store
from kmaflow.store.errors import StoreBusy, StoreFull
from kmaflow.store.lease import Lease
from kmaflow.store.rebuild_range import DayRange

from ..databases import ENGINES, database
from ..store.bodies import NOON, WINDOW, Cell, at, minute_body, rows, stamp, station_body, weather_body
from .answers import open_at, put, three_days
from .hub import collecting, plan, post, simulated, window
from .snapshots import ledger, snapshot


def cell(ta: float | None = None, minute: int = 1, stn: int = 108) -> bytes:
    return minute_body({(stamp(minute), stn): {} if ta is None else {"ta": ta}})


# ------------------------------------------------------------------------------------------------ the whole story


@dataclass(frozen=True)
class Original:
    home: Path
    tables: dict[str, Any]
    ledger: list[tuple[object, ...]]
    files: frozenset[str]


def _collected(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Days of an eventful life: late and corrected values, refusals, cut and garbled answers, windows that overlap and cross midnight."""
    early, later = datetime(2025, 1, 15, 12, 13), datetime(2025, 1, 15, 14, 0)
    ten, night = window("12:00", "12:10"), Window(datetime(2025, 1, 14, 23, 55), datetime(2025, 1, 15, 0, 5))
    with simulated(early, faults=parse_faults("late=0.1:8m,blank=0.1:15m,correction=0.2:30m")) as hub:
        with collecting(hub, home, early) as collector:
            collector.sync_stations()
            plan(hub, "garbage", endpoint="nph-aws2_min_cloud")
            plan(hub, "truncate", endpoint="nph-aws2_min_ww1")
            for name in ("aws_cloud", "aws_present_weather", "aws_visibility"):
                collector.collect(name, ten)
            plan(hub, "maintenance", argument=503.0)
            collector.collect("aws_cloud", ten)
            collector.collect("aws_cloud", night)
            collector.collect("aws_minute", window("09:00", "12:10"), StationChoice((90, 108)))
            collector.collect("asos_hourly", window("09:00", "12:00"))
            collector.collect("asos_hourly", window("11:00", "12:00"))
            collector.collect("aws_visibility", window("12:05", "12:13"))
            collector.collect("aws_minute", window("12:05", "12:13"))
        post(hub, "clock", {"now": f"{later:%Y%m%d%H%M}"})
        with collecting(hub, home, later) as collector:
            for name in ("aws_cloud", "aws_present_weather", "aws_visibility", "asos_hourly"):
                collector.collect(name, window("12:00", "13:00") if name == "asos_hourly" else window("12:05", "12:15"))
                collector.collect(name, window("09:00", "13:00") if name == "asos_hourly" else ten)
            collector.collect("aws_minute", window("11:30", "12:20"), StationChoice((108,)))
            collector.sync_stations()
            real = client.HubClient._get

            def renamed(self: client.HubClient, *request: Any) -> tuple[bytes, int]:
                content, status = real(self, *request)
                return content.replace(b" CH_LOW", b" CH_LWO"), status

            with monkeypatch.context() as patch:
                patch.setattr(client.HubClient, "_get", renamed)
                collector.collect("aws_cloud", ten)


def _loaded(home: Path) -> frozenset[str]:
    """Saved bodies, some older than what was there; gives those that became pieces in the ledger."""
    with open_at(home) as collector:
        for minutes, ta in ((60, 3.0), (20, 1.0), (40, 2.0), (70, 3.0), (30, None), (90_000, 3.0), (90_001, 3.0)):
            load_body(collector, cell(ta), at(minutes))
        cells: dict[Cell, list[tuple[int, int]]] = {
            (stamp(1), 108): [(61, 5), (10, 3), (4, 2)],
            (stamp(2), 108): [(0, 10)],
        }
        load_body(collector, weather_body(cells), at(200))
        load_body(collector, weather_body({**cells, (stamp(1), 108): [(61, 5), (71, 3)]}), at(300))
        load_body(collector, minute_body({(stamp(7), 108): {"ta": 1.0}}, extra=["oops"]), at(10))
        naked = b"\n".join(line for line in cell(4.0, minute=8).split(b"\n") if not line.startswith(b"#"))
        load_body(collector, naked, at(80), dataset=DATASETS["aws_minute"], values_only=True)
        long = minute_body({(datetime(2024, month, 1, 12, 1), 108): {"ta": float(month)} for month in (1, 3, 12)})
        load_body(collector, long, at(0))
        quarter = Covers(Window(datetime(2024, 10, 1), datetime(2024, 12, 15)), "108,999")
        load_body(collector, long, at(1), covers=quarter)
        load_body(collector, cell(4.5, minute=9), at(81), covers=Covers(WINDOW, "108"))
        stray = {
            (tm, 108): {"ta": 1.0}
            for tm in [*(stamp(minute) + 9 * DAY for minute in range(1, 9)), datetime(2015, 1, 24)]
        }
        load_body(collector, b"\xef\xbb\xbf" + minute_body(stray, witness=False), at(20_000))
        other = cell(5.0, minute=8).replace(b"# YYMMDDHHMI", b"# time")
        load_body(collector, other, at(82), dataset=DATASETS["aws_minute"], values_only=True)
        for minutes, names in (
            (900, {108: "서울", 90: "속초"}),
            (1000, {108: "서울 *", 95: "철원"}),
            (950, {1: "늦게"}),
            (1100, {108: "서울", 95: "철원"}),
        ):
            load_body(collector, station_body("AWS", names, extra="  oops" if minutes == 900 else ""), at(minutes))
        return frozenset(
            entry.sha256
            for entry in collector.archive.entries()
            if entry.window and entry.window.end - entry.window.start > 31 * DAY
        )


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Original]:
    home = tmp_path_factory.mktemp("original")
    with pytest.MonkeyPatch.context() as patch:
        _collected(home, patch)
    pieces = _loaded(home)
    with open_at(home) as collector:
        yield Original(home, snapshot(collector.store), ledger(collector.store), pieces)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_rebuild_equals_the_original(original: Original, engine: str, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with database(engine, tmp_path) as url, open_at(original.home, database_url=url) as collector:
        result = rebuild(collector, on_progress=lambda now: told.append((now.done, now.planned)))
        assert (result.complete, result.went_on, result.pruned, result.bad_lines) == (True, False, 0, [])
        made = snapshot(collector.store)
        for table, expected in original.tables.items():
            assert made[table] == expected, table
        assert made.keys() == original.tables.keys()
        assert all(len(found) > 0 for found in made.values())
        assert {row[3] for row in made["revision"]} > {"ww2", "ta"}, "codes and values were corrected"
        # A file that spans more than a month was loaded in pieces, and is again, cut elsewhere.
        mine = [row for row in ledger(collector.store) if row[5] not in original.files]
        assert mine == [row for row in original.ledger if row[5] not in original.files]
        outcomes = {str(row[7]) for row in mine}
        assert outcomes >= {
            "ok",
            "partial",
            "unchanged",
            "maintenance",
            "truncated",
            "changed_format",
            "not_yet_produced",
        }
        assert told[-1] == (result.planned, result.planned)
        # Once more, over what is there: nothing is another.
        again = rebuild(collector)
        assert (again.complete, again.rows) == (True, result.rows)
        assert snapshot(collector.store) == made
        assert [row for row in ledger(collector.store) if row[5] not in original.files] == mine
        assert rows(
            collector.store, "SELECT outcome, COUNT(*) FROM request WHERE dataset = 'rebuild' GROUP BY outcome"
        ) == [("rebuilt", 2)]


@pytest.mark.parametrize("seed", range(8))
def test_whatever_comes_in_whatever_order(tmp_path: Path, seed: int) -> None:
    """Windows that overlap and cross midnight, for all stations and for one, younger and older than what is there, some of them twice."""
    chance = random.Random(seed)
    midnight = NOON.replace(hour=0)
    with open_at(tmp_path) as collector:
        bodies: list[tuple[bytes, Window, int | None]] = []
        for _ in range(14):
            start = midnight + chance.randrange(-12, 6) * MINUTE
            asked = Window(start, start + chance.choice([3, 6, 12]) * MINUTE)
            stn = chance.choice([None, None, 108])
            cells: dict[Cell, dict[str, float]] = {}
            for tm in asked.stamps(MINUTE):
                for one in (90, 108) if stn is None else (108,):
                    if chance.random() < 0.8:
                        cells[tm, one] = {} if chance.random() < 0.2 else {"ta": float(chance.randrange(3)), "hm": 50.0}
            bodies.append((minute_body(cells, witness=stn is None), asked, stn))
        for body, asked, stn in chance.choices(bodies, k=20):
            put(collector, body, at(chance.randrange(30)), asked=asked, stn=stn)
        before = snapshot(collector.store)
        for _ in range(2):
            assert rebuild(collector).complete
            assert snapshot(collector.store) == before


# --------------------------------------------------------------------------------------- into a database with data


def _tampered(collector: Collector) -> None:
    with collector.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE aws_minute SET ta = 77.0")


def _temperatures(store: Store) -> list[tuple[object, ...]]:
    return rows(store, "SELECT tm_kst, stn, ta FROM aws_minute WHERE stn <> 999 ORDER BY 1, 2")


def test_a_range_makes_its_whole_days_anew_and_touches_no_other(tmp_path: Path) -> None:
    with open_at(tmp_path) as collector:
        load_body(collector, station_body("AWS", {108: "서울"}), at(0))
        three_days(collector)
        before = snapshot(collector.store)
        _tampered(collector)
        second = Window(NOON + DAY + 5 * MINUTE, NOON + DAY + 6 * MINUTE)
        result = rebuild(collector, window=second)
        assert [one.dataset for one in result.datasets.values()] == ["aws_minute"]
        assert (result.datasets["aws_minute"].stretches, result.datasets["aws_minute"].answers, result.complete) == (
            1,
            2,
            True,
        )
        assert [ta for _, _, ta in _temperatures(collector.store)] == [77.0, 77.0, 2.0, 2.0, 77.0, 77.0]
        assert result.summary()["from"] == "2025-01-16 12:05"
        rebuild(collector)
        assert snapshot(collector.store) == before
        assert rows(collector.store, "SELECT DISTINCT key_id FROM request WHERE dataset = 'aws_minute'") == [
            ("0123456789ab",)
        ]


def test_widening_the_stations_reads_the_archive_again_without_a_call(tmp_path: Path) -> None:
    with open_at(tmp_path, stations="108") as collector:
        load_body(collector, station_body("AWS", {108: "서울", 90: "속초"}), at(0))
        for minutes, ta in ((15, 1.0), (16, 2.0), (17, 3.0)):
            body = minute_body({(stamp(1), stn): {"ta": ta} for stn in (90, 108)})
            put(collector, body, at(minutes), choice=StationChoice((108,)))
        narrow = snapshot(collector.store)
        assert _temperatures(collector.store) == [(str(stamp(1)), 108, 3.0)]
        assert rebuild(collector).selection == "108"
        assert snapshot(collector.store) == narrow
    with open_at(tmp_path, stations="서울, 속초") as collector:
        result = rebuild(collector)
        assert (result.selection, result.datasets["aws_minute"].revised) == ("90,108", 4)
        assert _temperatures(collector.store) == [(str(stamp(1)), 90, 3.0), (str(stamp(1)), 108, 3.0)]
        assert len(snapshot(collector.store)["revision"]) == 4
        assert rows(collector.store, "SELECT DISTINCT selection FROM request WHERE dataset = 'aws_minute'") == [
            ("90,108",)
        ]


@pytest.mark.parametrize("engine", ENGINES)
def test_stations_go_only_when_told_and_their_last_stamps_with_them(tmp_path: Path, engine: str) -> None:
    with database(engine, tmp_path) as url, open_at(tmp_path, database_url=url) as collector:
        three_days(collector)
        before = snapshot(collector.store)
        with pytest.raises(WouldNarrow, match="other stations than 108"):
            rebuild(collector, stations="108")
        assert snapshot(collector.store) == before
        third = Window(NOON + 2 * DAY, NOON + 2 * DAY + MINUTE)
        rebuild(collector, stations="108", window=third, narrow=True)
        assert rows(collector.store, "SELECT stn, tm_kst FROM latest ORDER BY stn") == [
            (90, str(stamp(1) + DAY)), (108, str(stamp(1) + 2 * DAY)), (999, str(stamp(1) + DAY)),
        ]  # fmt: skip
        rebuild(collector, stations="108", narrow=True)
        assert {stn for _, stn, _ in _temperatures(collector.store)} == {108}
        assert rows(collector.store, "SELECT stn FROM latest") == [(108,)]
        assert rows(collector.store, "SELECT DISTINCT stn FROM completeness_hour") == [(108,)]
        # Back again: the archive has kept them.
        rebuild(collector)
        assert snapshot(collector.store) == before


def test_stations_are_named_before_there_is_a_list(tmp_path: Path) -> None:
    with open_at(tmp_path) as collector:
        load_body(collector, station_body("AWS", {108: "서울", 90: "속초"}), at(0))
        three_days(collector)
    empty = f"sqlite:///{tmp_path / 'empty.db'}"
    with open_at(tmp_path, database_url=empty, stations="속초, 884") as collector:
        result = rebuild(collector, window=Window(NOON, NOON + DAY))
        assert (result.selection, result.datasets["station_AWS"].stretches) == ("90,884", 1)
        assert {stn for _, stn, _ in _temperatures(collector.store)} == {90}


# ---------------------------------------------------------------------------------- what the archive cannot give


def _body_of(collector: Collector, number: int) -> Path:
    entry = sorted(collector.archive.entries(), key=lambda one: one.arrived_at)[number]
    return Path(collector.archive.url) / path_of(entry.sha256)


@pytest.mark.parametrize("damage", [None, b"oops"])
def test_a_lost_body_is_told_and_never_costs_what_is_stored(tmp_path: Path, damage: bytes | None) -> None:
    with open_at(tmp_path) as collector:
        three_days(collector)
        path = _body_of(collector, 1)
        content = path.read_bytes()
        if damage is None:
            path.unlink()
        else:
            path.write_bytes(damage)
        before = snapshot(collector.store)
        result = rebuild(collector)
        minute = result.datasets["aws_minute"]
        assert (minute.stretches, len(minute.kept), minute.lost, result.complete) == (2, 1, [], False)
        assert ("is not there" if damage is None else "is damaged") in minute.kept[0]
        assert snapshot(collector.store) == before
    empty = f"sqlite:///{tmp_path / 'empty.db'}"
    with open_at(tmp_path, database_url=empty) as collector:
        result = rebuild(collector)
        minute = result.datasets["aws_minute"]
        assert (minute.stretches, len(minute.kept), len(minute.lost), result.complete) == (3, 0, 1, False)
        code = "body_missing" if damage is None else "body_damaged"
        assert rows(collector.store, "SELECT COUNT(*) FROM request WHERE outcome = ?", code) == [(1,)]
        path.write_bytes(content)
        assert rebuild(collector).complete
        assert snapshot(collector.store) == before


def test_a_lost_refusal_stays_as_the_ledger_knew_it(hub: Running, tmp_path: Path) -> None:
    plan(hub, "maintenance", argument=503.0)
    with collecting(hub, tmp_path) as collector:
        collector.collect("aws_cloud", window("12:00", "12:10"))
        before = ledger(collector.store)
        assert [row[7] for row in before] == ["maintenance"]
        _body_of(collector, 0).unlink()
        result = rebuild(collector)
        assert (len(result.datasets["aws_cloud"].lost), result.complete) == (1, False)
        assert ledger(collector.store) == before


def test_what_is_not_in_the_archive_stays_in_the_database(tmp_path: Path) -> None:
    with open_at(tmp_path) as collector:
        three_days(collector)
        before = snapshot(collector.store)
    (tmp_path / "archive").rename(tmp_path / "elsewhere")
    with open_at(tmp_path) as collector:
        load_body(collector, station_body("AWS", {108: "서울"}), at(0))
        put(collector, cell(5.0, minute=7), at(60))
        result = rebuild(collector)
        assert "1 of its 2 answers are not in the archive" in result.datasets["aws_minute"].kept[0]
        assert not result.complete
        found = snapshot(collector.store)
        assert len(found["aws_minute"]) == len(before["aws_minute"]) + 2
        assert found["revision"] == before["revision"]
        with collector.store.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM request WHERE dataset <> 'rebuild'")
        reasons = [one.kept[0] for one in rebuild(collector).datasets.values()]
        assert [reason.split("it holds ")[1] for reason in reasons] == [
            "stations that no list of the ledger has brought", "rows that no answer of the ledger has brought",
        ]  # fmt: skip
        assert [row[:2] for row in _temperatures(collector.store)] == [
            row[:2] for row in found["aws_minute"] if row[1] != 999
        ]


def test_rows_that_retention_took_out_come_back_only_when_named(tmp_path: Path) -> None:
    from kmaflow.store.retention import take_out

    with open_at(tmp_path) as collector:
        three_days(collector)
        before = snapshot(collector.store)
        take_out(collector.store.engine, "aws_minute", datetime(2025, 1, 1), lambda *_: None, message="not exported")
        result = rebuild(collector)
        assert (len(result.datasets["aws_minute"].kept), result.complete) == (3, False)
        assert "kmaflow retention" in result.datasets["aws_minute"].kept[0]
        assert _temperatures(collector.store) == []
        rebuild(collector, window=Window(NOON, NOON + 3 * DAY))
        assert snapshot(collector.store) == before


def test_bodies_given_up_on_purpose_are_not_lost(tmp_path: Path) -> None:
    with open_at(tmp_path) as collector:
        three_days(collector)
        before = snapshot(collector.store)
        collector.archive.keep_from(now_kst())
        _body_of(collector, 0).unlink()
        result = rebuild(collector)
        assert (result.pruned, len(result.datasets["aws_minute"].kept), result.datasets["aws_minute"].lost) == (
            1,
            0,
            [],
        )
        assert snapshot(collector.store) == before, "nothing is left of that day, so nothing is planned for it"
        _body_of(collector, 1).unlink()
        result = rebuild(collector)
        assert (result.pruned, len(result.datasets["aws_minute"].kept)) == (2, 1)
        assert snapshot(collector.store) == before


def test_an_empty_archive_is_refused(tmp_path: Path) -> None:
    with open_at(tmp_path) as collector:
        for look in (rebuild, outline):
            with pytest.raises(ArchiveError, match="no answer in the archive: its manifest has no line") as caught:
                look(collector)
            assert "KMAFLOW_ARCHIVE_URL" in str(caught.value)
        (tmp_path / "archive/manifest/2025/01").mkdir(parents=True)
        (tmp_path / "archive/manifest/2025/01/15.jsonl").write_bytes(b"oops\n{}\n")
        with pytest.raises(ArchiveError, match="none of its 2 lines can be read"):
            rebuild(collector)
        assert not (tmp_path / "kmaflow.db").exists()


def test_bad_lines_and_unknown_datasets_are_counted(tmp_path: Path) -> None:
    with open_at(tmp_path) as collector:
        three_days(collector)
        collector.archive.note(Entry(at(0), "asos_yearly", 0, WINDOW, 200, "0" * 64, 1, 1))
        with (tmp_path / "archive/manifest/2025/01/15.jsonl").open("ab") as file:
            file.write(b'{"fetched_at": "2025-01-1')
        result = rebuild(collector)
        assert result.unknown == {"asos_yearly": 1}
        assert result.bad_lines == ["manifest/2025/01/15.jsonl:3: cut off, or no JSON"]
        assert not result.complete


def test_what_came_but_was_never_loaded_is_loaded(tmp_path: Path) -> None:
    """kill -9 between archive and database: the next collect asked again, but the archive has both answers."""
    with open_at(tmp_path) as collector:
        put(collector, cell(1.0), at(15), load=False)
        put(collector, cell(2.0), at(16))
        assert snapshot(collector.store)["revision"] == []
        rebuild(collector)
        assert [row[4:6] for row in snapshot(collector.store)["revision"]] == [("1.0", "2.0")]
        assert _temperatures(collector.store) == [(str(stamp(1)), 108, 2.0)]


def test_revisions_by_an_older_parser_are_counted_as_they_go(tmp_path: Path) -> None:
    with open_at(tmp_path) as collector:
        three_days(collector)
        with collector.store.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE revision SET cause = 'parser' WHERE stn = 90")
        assert rebuild(collector).datasets["aws_minute"].parser_revisions == 1
        assert {row[6] for row in snapshot(collector.store)["revision"]} == {"hub"}


def test_a_changed_format_that_is_understood_now_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_at(tmp_path) as collector:
        three_days(collector)
        before = snapshot(collector.store)
        with monkeypatch.context() as patch:

            def unknown(*_: object, **__: object) -> None:
                raise ChangedFormat("new names")

            patch.setattr("kmaflow.maintain.reparse.parse", unknown)
            result = rebuild(collector)
            assert (result.datasets["aws_minute"].refused, result.complete) == (4, True)
            assert _temperatures(collector.store) == []
        rebuild(collector)
        assert snapshot(collector.store) == before


def test_a_list_without_a_station_closes_none(tmp_path: Path) -> None:
    """The client refuses such an answer; so does whoever reads it again."""
    with open_at(tmp_path) as collector:
        load_body(collector, station_body("AWS", {108: "서울"}), at(0))
        body = station_body("AWS", {})
        keep(collector.archive, Answer("station_AWS", None, None, body, 200, at(5)), body, 200)
        assert rebuild(collector).datasets["station_AWS"].refused == 1
        assert rows(collector.store, "SELECT stn, valid_to FROM station") == [(108, None)]


def test_rows_that_the_parser_of_today_does_not_find_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A saved file spans what its rows span: with another parser it may be less."""
    month = datetime(2025, 1, 1, 12)
    with open_at(tmp_path) as collector:
        long = {(month + day * DAY, 108): {"ta": float(day)} for day in (0, 20, 40)}
        load_body(collector, minute_body(long), at(0))
        monkeypatch.setattr(
            "kmaflow.maintain.reparse.parse",
            lambda dataset, content, **how: within(
                parse(dataset, content, **how), Window(month - DAY, month + DAY), rejected=True
            ),
        )
        assert rebuild(collector).complete
        assert [ta for _, _, ta in _temperatures(collector.store)] == [0.0]


def test_an_answer_that_reaches_out_at_both_ends_keeps_a_stretch(tmp_path: Path) -> None:
    with open_at(tmp_path) as collector:
        three_days(collector)
        with collector.store.engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE request SET tm_from = '2025-01-01 00:00:00', tm_to = '2025-01-31 00:00:00' WHERE tm_from LIKE '2025-01-16%'"
            )
        reasons = rebuild(collector).datasets["aws_minute"].kept
        assert len(reasons) == 3
        assert "reaches out of it at both ends" in reasons[1]


# ------------------------------------------------------------------------------------------ cut, broken off, met


def test_a_chain_of_windows_is_cut_and_ends_the_same(tmp_path: Path) -> None:
    """Windows that cross every midnight for eight days; what reaches across a cut is read for both sides."""
    with open_at(tmp_path) as collector:
        for day in range(8):
            midnight = datetime(2025, 1, 15) + day * DAY
            asked = Window(midnight - 5 * MINUTE, midnight + 5 * MINUTE)
            for number in range(2):
                cells: dict[Cell, dict[str, float]] = {
                    (midnight + minute * MINUTE, 108): {"ta": float(day + number)} for minute in (-4, 0, 1, 5)
                }
                put(
                    collector,
                    minute_body(cells, extra=["oops"]),
                    midnight + timedelta(hours=1, minutes=number),
                    asked=asked,
                )
        before = snapshot(collector.store)
        assert [one.end - one.start for one in stretches(_windows(collector))] == [2 * DAY] * 4 + [DAY]
        for _ in range(2):
            assert rebuild(collector).complete
            assert snapshot(collector.store) == before
        assert rows(collector.store, "SELECT COUNT(*) FROM request WHERE dataset = 'aws_minute'") == [(24,)]


def _windows(collector: Collector) -> pl.DataFrame:
    found = [(one.window.start, one.window.end) for one in collector.archive.entries() if one.window]
    return pl.DataFrame(found, schema={"tm_from": pl.Datetime("us"), "tm_to": pl.Datetime("us")}, orient="row")


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(0, 10), (10, 20)], [(0, 1)]),
        ([(0, 1440), (1440, 2880)], [(0, 1), (1, 2)]),
        ([(0, 1440), (720, 2160)], [(0, 2)]),
        ([(1435, 1445), (4 * 1440, 4 * 1440 + 1)], [(0, 2), (4, 5)]),
        ([(0, 40 * 1440)], [(0, 31), (31, 40)]),
        ([(0, 2 * 1440), (2 * 1440 - 5, 2 * 1440 + 5)], [(0, 2), (2, 3)]),
        ([(0, 5 * 1440), (5 * 1440 - 5, 5 * 1440 + 5)], [(0, 5), (5, 6)]),
        ([(0, 2 * 1440), (1440, 4 * 1440)], [(0, 4)]),
    ],
)
def test_stretches(spans: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    first = datetime(2025, 1, 15)
    frame = pl.DataFrame(
        [(first + low * MINUTE, first + high * MINUTE) for low, high in spans],
        schema={"tm_from": pl.Datetime("us"), "tm_to": pl.Datetime("us")},
        orient="row",
    )
    assert stretches(frame) == [Window(first + low * DAY, first + high * DAY) for low, high in expected]


def _break(collector: Collector, monkeypatch: pytest.MonkeyPatch, stretch: int) -> None:
    """A rebuild that ends just before the n-th stretch that it makes is whole."""
    real, made = DayRange.close, list[DayRange]()

    def full(self: DayRange) -> None:
        made.append(self)
        if len(made) == stretch:
            raise StoreFull("no room")
        real(self)

    with monkeypatch.context() as patch:
        patch.setattr(DayRange, "close", full)
        with pytest.raises(StoreFull):
            rebuild(collector)


@pytest.mark.parametrize("name", ["kmaflow.db", "empty.db"])
def test_broken_off_it_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with open_at(tmp_path) as collector:
        load_body(collector, station_body("AWS", {108: "서울"}), at(0))
        three_days(collector)
        before = snapshot(collector.store)
    with open_at(tmp_path, database_url=f"sqlite:///{tmp_path / name}") as collector:
        _break(collector, monkeypatch, 3)
        # What is asked for differently is another rebuild.
        part = rebuild(collector, window=Window(NOON, NOON + MINUTE))
        assert (part.went_on, part.datasets["aws_minute"].done_before) == (False, 0)
        _break(collector, monkeypatch, 3)
        _break(collector, monkeypatch, 2)
        result = rebuild(collector)
        assert (result.went_on, result.datasets["aws_minute"].done_before, result.complete) == (True, 2, True)
        assert result.summary()["went_on"]
        assert snapshot(collector.store) == before
        assert not rebuild(collector).went_on
        told = rows(collector.store, "SELECT outcome FROM request WHERE dataset = 'rebuild' ORDER BY id")
        assert [outcome for (outcome,) in told] == ["abandoned", "rebuilt", "rebuilt", "rebuilt"]


@pytest.mark.parametrize("engine", ENGINES)
def test_collectors_go_on_meanwhile(tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One loads another day while a stretch is open, one waits for the stretch; one had loaded since the manifest was read."""
    answered = NOON + 3 * DAY
    with database(engine, tmp_path) as url, open_at(tmp_path, database_url=url) as collector:
        three_days(collector)
        threads: list[threading.Thread] = []
        done: list[str] = []

        def meet(kind: str, body: bytes, asked: Window) -> None:
            with open_at(tmp_path, database_url=url) as other:
                put(other, body, answered, asked=asked)
            done.append(kind)

        def start(kind: str, minute: int, shift: timedelta) -> threading.Thread:
            asked = Window(NOON + shift, NOON + shift + 10 * MINUTE)
            body = minute_body({(stamp(minute) + shift, 108): {"ta": 9.0}})
            threads.append(threading.Thread(target=meet, args=(kind, body, asked)))
            threads[-1].start()
            return threads[-1]

        def watch(result: RebuildReport) -> None:
            if result.done == 1 and not threads:
                waits = start("same day", 1, timedelta(0))
                other = start("other day", 1, DAY)
                if engine != "sqlite":
                    other.join(300)
                    assert done == ["other day"]
                waits.join(0.2)
                assert waits.is_alive()

        result = rebuild(collector, on_progress=watch)
        for thread in threads:
            thread.join(300)
        assert sorted(done) == ["other day", "same day"]
        assert result.complete, result.datasets["aws_minute"].kept
        found = [row for row in _temperatures(collector.store) if row[1] == 108]
        assert [ta for _, _, ta in found] == [9.0, 9.0, 1.0]
        before = snapshot(collector.store)
        assert len([row for row in before["revision"] if row[2] == 108]) == 3
        rebuild(collector)
        assert snapshot(collector.store) == before


def test_two_rebuilds_of_a_database_do_not_run_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("kmaflow.maintain.rebuild._PATIENCE", 0.2)
    with open_at(tmp_path) as collector, open_at(tmp_path) as other:
        three_days(collector)
        second = other.state.lease(f"rebuild {sha256(other.store.shown_url.encode()).hexdigest()[:12]}")
        assert second.take()
        with pytest.raises(StoreBusy, match="another rebuild"):
            rebuild(collector)
        assert "waiting a minute" in caplog.text
        second.release()
        assert rebuild(collector).complete


def test_a_lease_that_was_lost_is_taken_again_or_ends_the_rebuild(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_at(tmp_path) as collector:
        three_days(collector)
        before = snapshot(collector.store)
        monkeypatch.setattr(Lease, "lost", property(lambda self: True))
        takes: list[bool] = []
        real = Lease.take

        def take(self: Lease, **options: Any) -> bool:
            takes.append(True)
            return len(takes) < 3 and real(self, **options)

        monkeypatch.setattr(Lease, "take", take)
        with pytest.raises(StoreBusy, match="lost its lease"):
            rebuild(collector)
        assert len(takes) == 3
        assert snapshot(collector.store) == before


def test_writers_of_sqlite_get_their_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_at(tmp_path) as collector:
        three_days(collector)
        monkeypatch.setattr("kmaflow.maintain.rebuild._TURN_EVERY", 0.0)
        paused: list[float] = []
        monkeypatch.setattr("kmaflow.maintain.rebuild.time.sleep", paused.append)
        rebuild(collector)
        assert paused == [0.25] * 3


# --------------------------------------------------------------------------------------------------------- outline


def test_an_outline_tells_what_would_be_done_and_does_nothing(tmp_path: Path) -> None:
    with open_at(tmp_path) as collector:
        load_body(collector, station_body("AWS", {108: "서울"}), at(0))
        three_days(collector)
        before = ledger(collector.store)
        _body_of(collector, 1).unlink()
        told = outline(collector)
        assert [(one.dataset, one.stretches, one.answers, len(one.lost), len(one.kept)) for one in told.datasets.values()] == [
            ("station_AWS", 1, 1, 0, 0), ("aws_minute", 2, 4, 1, 1),
        ]  # fmt: skip
        assert (told.planned, told.complete) == (5, False)
        assert ledger(collector.store) == before
        assert outline(collector, Window(NOON + DAY, NOON + DAY + MINUTE)).planned == 2
    empty = tmp_path / "empty.db"
    empty.touch()
    with open_at(tmp_path, database_url=f"sqlite:///{empty}") as collector:
        assert outline(collector).datasets["aws_minute"].stretches == 3
        assert rows(collector.store, "SELECT COUNT(*) FROM sqlite_master") == [(0,)]
