"""``kmaflow rebuild`` and ``kmaflow archive prune``: what they say, what they leave, and that a kill at any moment leaves nothing half."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import typer

from kmaflow.archive.archive import Archive, Entry, path_of
from kmaflow.catalog.time import DAY, MINUTE, Window
from kmaflow.failpoints import POINTS, REBUILD_POINTS
from kmaflow.maintain.load_saved import load_body
from kmaflow.maintain.prune import before_months, lapsed, prune
from kmaflow.maintain.rebuild import rebuild
from kmaflow.simulator import DEFAULT_KEY
from kmaflow.simulator.server import Running
from kmaflow.store.engines.database import open_engine

from ..collect.answers import open_at, put, three_days
from ..collect.snapshots import snapshot
from ..databases import database
from ..store.bodies import NOON, WINDOW, at, minute_body, rows, stamp, station_body, weather_body
from .conftest import Kmaflow


@pytest.fixture
def filled(home: Path) -> Path:
    """An archive and a database of three days."""
    with open_at(home) as collector:
        load_body(collector, station_body("AWS", {108: "서울", 90: "속초"}), at(0))
        three_days(collector)
    return home


# ---------------------------------------------------------------------------------------------------------- rebuild


def test_rebuild_says_what_it_did(filled: Path, kmaflow: Kmaflow, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_at(filled) as collector:
        before = snapshot(collector.store)
    looked = kmaflow("rebuild", "--dry-run")
    assert (looked.code, looked.err) == (0, "")
    assert "would be loaded again" in looked.out
    monkeypatch.setenv("KMAFLOW_DATABASE_URL", f"sqlite:///{filled / 'new.db'}")
    done = kmaflow("rebuild")
    assert (done.code, done.err) == (0, "")
    assert "aws_minute" in done.out
    assert "rows/s" in done.out
    with open_at(filled, database_url=f"sqlite:///{filled / 'new.db'}") as collector:
        assert snapshot(collector.store) == before
    told = json.loads(kmaflow("rebuild", "--json", "--from", "2025-01-16 12:00", "--to", "2025-01-16").out)
    assert told["error"]["exit_code"] == 2, "an empty window is wrong usage"
    told = json.loads(kmaflow("rebuild", "--json", "--from", "2025-01-16 00:00", "--to", "2025-01-17").out)
    assert (told["complete"], told["answers"], told["rows"], told["stations"], told["dry_run"]) == (
        True,
        2,
        6,
        "all",
        False,
    )
    assert told["datasets"][0]["revised"] == 2
    assert json.loads(kmaflow("rebuild", "--json", "--dry-run", "--from", "2025-01-17").out)["answers"] == 1
    assert json.loads(kmaflow("rebuild", "--json", "--dry-run", "--to", "2025-01-15 13:00").out)["answers"] == 1


def test_no_archive_no_rebuild(home: Path, kmaflow: Kmaflow) -> None:
    done = kmaflow("rebuild")
    assert done.code == 1
    assert "no answer in the archive" in done.err
    assert "KMAFLOW_ARCHIVE_URL" in done.err


def test_what_could_not_be_made_is_named_and_the_exit_code_says_so(filled: Path, kmaflow: Kmaflow) -> None:
    archive = Archive(str(filled / "archive"))
    for entry in archive.manifest():
        if entry.window is not None:
            archive.remove(path_of(entry.sha256))
    with (filled / "archive/manifest/2025/01/15.jsonl").open("ab") as file:
        file.write(b'{"fetched_at": "20')
    kept = kmaflow("rebuild")
    assert kept.code == 3
    assert kept.err.count("left as it is") == 3
    assert "truncated line of the manifest: manifest/2025/01/15.jsonl:" in kept.err
    for name in ("kmaflow.db", "kmaflow.db-wal", "kmaflow.db-shm"):
        (filled / name).unlink(missing_ok=True)
    lost = kmaflow("rebuild")
    assert lost.code == 3
    assert lost.err.count("body missing or damaged") == 4
    assert "restart" not in lost.out
    told = json.loads(kmaflow("rebuild", "--json").out)
    assert (told["complete"], len(told["bad_lines"])) == (False, 1)


def test_a_long_list_of_losses_is_cut_for_people(filled: Path, kmaflow: Kmaflow) -> None:
    with open_at(filled) as collector:
        for number in range(25):
            lost = Entry(at(100 + number), "aws_cloud", 0, WINDOW, 200, f"{number:064x}", 1, 1)
            collector.archive.note(lost)
        collector.archive.note(Entry(at(0), "asos_yearly", 0, WINDOW, 200, "0" * 64, 1, 1))
    done = kmaflow("rebuild")
    assert done.code == 3
    assert done.err.count("body missing or damaged") == 21
    assert "… 5 more (--json)" in done.err
    assert "1 responses of an unknown dataset: asos_yearly" in done.err


def test_stations_go_only_after_a_yes(filled: Path, kmaflow: Kmaflow, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = kmaflow("rebuild", "--stations", "108")
    assert refused.code == 2
    assert "--yes" in refused.err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    asked: list[str] = []

    def no(question: str, **_: Any) -> None:
        asked.append(question)
        raise typer.Abort

    with monkeypatch.context() as patch:
        patch.setattr(typer, "confirm", no)
        assert kmaflow("rebuild", "--stations", "서울").code == 130
        patch.setattr(typer, "confirm", lambda question, **_: asked.append(question))
        assert kmaflow("rebuild", "--stations", "서울").code == 0
    assert len(asked) == 2
    with open_at(filled) as collector:
        assert rows(collector.store, "SELECT DISTINCT stn FROM aws_minute") == [(108,)]
    assert kmaflow("rebuild", "--stations", "90", "--yes").code == 0


def test_a_parser_that_reads_otherwise_is_told(filled: Path, kmaflow: Kmaflow) -> None:
    with open_at(filled) as collector, collector.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE revision SET cause = 'parser'")
    Archive(str(filled / "archive")).keep_from(datetime(2025, 1, 1))
    done = kmaflow("rebuild")
    assert done.code == 0
    assert "2 revisions by earlier parsers are gone" in done.err


def test_the_key_is_in_no_file_of_archive_and_database(hub: Running, home: Path, kmaflow: Kmaflow) -> None:
    from ..collect.hub import plan

    plan(hub, "json200", endpoint="nph-aws2_min_vis")
    asked = ["--from", "2025-01-15 12:00", "--to", "2025-01-15 12:10"]
    kmaflow("collect", "aws_cloud", "aws_visibility", *asked)
    assert kmaflow("rebuild").code == 0
    archive = Archive(str(home / "archive"))
    files = [path for path in home.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".zst", ".jsonl", ".db"}
    for path in files:
        content = archive.body(path.stem) if path.suffix == ".zst" else path.read_bytes()
        assert DEFAULT_KEY.encode() not in content, path


# ------------------------------------------------------------------------------------------------- killed anywhere

WORKER = """
import sys
from pathlib import Path
from kmaflow.collect import Collector
from kmaflow.maintain.rebuild import rebuild
from kmaflow.settings import Settings
home, url = sys.argv[1:]
with Collector.open(Settings(home=Path(home), database_url=url), needs_hub=False) as collector:
    rebuild(collector, on_progress=lambda result: print(result.done, flush=True))
"""


def _start(home: Path, url: str, failpoint: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(home), url],
        env={**os.environ, "KMAFLOW_FAILPOINT": failpoint},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _a_minute_later(url: str) -> None:
    """The lease of who was killed has expired."""
    engine = open_engine(url)
    with engine.begin() as connection:
        if sa.inspect(connection).has_table("lease"):
            connection.exec_driver_sql("DELETE FROM lease")
    engine.dispose()


def _eventful(home: Path) -> dict[str, Any]:
    """Corrections, codes, rejected lines, lists, late bodies."""
    with open_at(home) as collector:
        for minutes, names in ((0, {108: "서울"}), (5, {108: "서울 *", 90: "속초"})):
            load_body(collector, station_body("AWS", names, extra="  oops"), at(minutes))
        three_days(collector)
        for number, codes in enumerate(([(61, 1), (10, 2)], [(61, 1), (71, 2)])):
            load_body(collector, weather_body({(stamp(1), 108): codes}), at(20 + number))
        put(collector, minute_body({(stamp(1), 108): {"ta": 7.0}}, extra=["oops"]), at(30))
        return snapshot(collector.store)


#: Into a filled database between the steps of a rebuild, into an empty one within a load. It brings ``latest`` up to date by itself, at its end.
_KILLS = [("kmaflow.db", point) for point in REBUILD_POINTS]
_KILLS += [
    ("empty.db", point) for point in POINTS[POINTS.index("transaction_begun") : -1] if point != "latest_advanced"
]


@pytest.mark.parametrize(("name", "point"), _KILLS)
def test_killed_at_a_failpoint_and_run_again(tmp_path: Path, name: str, point: str) -> None:
    before = _eventful(tmp_path)
    url = f"sqlite:///{tmp_path / name}"
    once = {"rebuild_begun", "rebuild_ended", "rejected_kept", "rows_updated", "revisions_written", "pairs_written"}
    worker = _start(tmp_path, url, f"{point}:{1 if point in once else 2}")
    _, told = worker.communicate(timeout=300)
    assert (worker.returncode, told) == (-signal.SIGKILL, "")
    _a_minute_later(url)
    with open_at(tmp_path, database_url=url) as collector:
        if name == "kmaflow.db":
            assert snapshot(collector.store) == before, "every stretch is as it was or made anew"
        result = rebuild(collector)
        assert (result.complete, result.went_on) == (True, point != "rebuild_ended")
        assert snapshot(collector.store) == before


@pytest.mark.parametrize(("engine", "wanted"), [("sqlite", 7), ("postgresql", 3), ("mariadb", 3)])
def test_killed_at_random_moments(tmp_path: Path, engine: str, wanted: int) -> None:
    before = _eventful(tmp_path)
    chance = random.Random(23)
    kills = 0
    with database(engine, tmp_path / "new") as url:
        (tmp_path / "new").mkdir()
        while kills < wanted:
            worker = _start(tmp_path, url)
            assert worker.stdout is not None
            told = [worker.stdout.readline() for _ in range(chance.randrange(5))]
            worker.kill()
            worker.communicate()
            kills += worker.returncode != 0 and all(told)
            _a_minute_later(url)
        with open_at(tmp_path, database_url=url) as collector:
            assert rebuild(collector).complete
            assert snapshot(collector.store) == before


# ------------------------------------------------------------------------------------------------------------ prune


def _age(home: Path, days: int) -> None:
    """Let the archive have come so many days ago."""
    moved = [(days * DAY, path) for path in (home / "archive/manifest").rglob("*.jsonl")]
    for shift, path in moved:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            line["noted_at"] = (datetime.fromisoformat(line["noted_at"]) - shift).isoformat(timespec="microseconds")
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def test_prune_gives_up_what_only_old_answers_name(filled: Path, kmaflow: Kmaflow) -> None:
    _age(filled, 800)
    archive = Archive(str(filled / "archive"))
    bodies = {digest for digest, _ in archive.bodies()}
    with open_at(filled) as collector:
        before = snapshot(collector.store)
        # One of the old bodies came again lately: it stays.
        again = Window(NOON, NOON + 10 * MINUTE)
        first = archive.body(next(one.sha256 for one in archive.entries() if one.window == again))
        put(collector, first, at(2000), asked=again)
    looked = kmaflow("archive", "prune", "--keep-months", 24, "--dry-run")
    assert (looked.code, {digest for digest, _ in archive.bodies()}) == (0, bodies)
    assert "what a rebuild can no longer load" in looked.out
    assert "aws_minute" in looked.out
    asked = kmaflow("archive", "prune", "--keep-months", 24)
    assert asked.code == 2
    assert "--yes" in asked.err
    done = kmaflow("archive", "prune", "--keep-months", 24, "--yes", "--json")
    told = json.loads(done.out)
    assert (done.code, told["bodies"], told["removed"], told["dry_run"]) == (0, 4, 4, False)
    assert told["no_longer_rebuilt"] == [
        {"dataset": "station_AWS", "answers": 1, "from": None, "to": None},
        {"dataset": "aws_minute", "answers": 3, "from": "2025-01-16 12:00", "to": "2025-01-17 12:10"},
    ]
    left = [digest for digest, _ in archive.bodies()]
    assert [archive.body(digest) for digest in left] == [first]
    again_told = kmaflow("archive", "prune", "--keep-months", 24)
    assert (again_told.code, "no body is older than" in again_told.out) == (0, True)
    rebuilt = kmaflow("rebuild")
    assert rebuilt.code == 0
    assert "4 responses were removed" in rebuilt.out
    with open_at(filled) as collector:
        found = snapshot(collector.store)
        assert {name: found[name] for name in ("station", "revision")} == {
            name: before[name] for name in ("station", "revision")
        }
        assert [row[:20] for row in found["aws_minute"]] == [row[:20] for row in before["aws_minute"]]


def test_prune_asks(filled: Path, kmaflow: Kmaflow, monkeypatch: pytest.MonkeyPatch) -> None:
    _age(filled, 800)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: None)
    done = kmaflow("archive", "prune", "--keep-months", 0)
    assert (done.code, list(Archive(str(filled / "archive")).bodies())) == (0, [])
    assert "5 bodies removed" in done.out


def test_what_nobody_names_goes_when_it_is_old(tmp_path: Path) -> None:
    archive = Archive(str(tmp_path))
    digest = archive.keep(b"killed before its line was written")
    half = tmp_path / f"{path_of(digest)}.0.part"
    half.write_bytes(b"half")
    before = before_months(1)
    assert lapsed(archive, before).bytes == 0
    long_ago = (before - 40 * DAY).timestamp()
    for path in (half, tmp_path / path_of(digest)):
        os.utime(path, (long_ago, long_ago))
    found = lapsed(archive, before)
    assert (list(found.bodies), list(found.leftovers)) == ([digest], [f"{path_of(digest)}.0.part"])
    assert prune(archive, found) == 1
    assert not half.exists()


def test_what_is_named_while_prune_is_at_work_stays(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _age(filled, 800)
    archive = Archive(str(filled / "archive"))
    found = lapsed(archive, before_months(24))
    digest = next(iter(found.bodies))
    entry = next(one for one in archive.entries() if one.sha256 == digest)
    from dataclasses import replace

    from kmaflow.catalog.time import now_kst

    archive.note(replace(entry, fetched_at=now_kst()))
    told: list[int] = []
    assert prune(archive, found, told.append) == len(found.bodies) - 1 == told[-1]
    assert archive.body(digest)


def test_months_before_this_one() -> None:
    now = datetime(2026, 3, 15, 12)
    assert [before_months(count, now) for count in (0, 3, 24)] == [
        datetime(2026, 3, 1), datetime(2025, 12, 1), datetime(2024, 3, 1),
    ]  # fmt: skip
