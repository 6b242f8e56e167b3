"""Every command as a person or a program meets it: tables or one JSON object, exit codes, one line for each error."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sqlite3
import sys
import time
import types
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import now_kst
from kmaflow.cli import main
from kmaflow.collect import Collector
from kmaflow.errors import UsageError
from kmaflow.hub.parse import PARSER_VERSION
from kmaflow.simulator import DEFAULT_KEY
from kmaflow.simulator.hub import Hub
from kmaflow.simulator.server import Running
from kmaflow.store.schema.migrations import SERVICE, STATE

from ..collect.hub import plan, requests_seen, settings_for
from ..store.bodies import minute_body, stamp, station_body
from .conftest import Done, Kmaflow

TEN = ("--from", "2025-01-15 12:00", "--to", "2025-01-15 12:10")
BODY = minute_body({(stamp(1), 108): {"ta": -9.3}, (stamp(2), 108): {}})


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "saved.txt"
    path.write_bytes(BODY)
    return path


def _json(done: Done) -> dict[str, Any]:
    assert done.out.count("\n") == 1, done.out
    found: dict[str, Any] = json.loads(done.out)
    return found


def _one_line(done: Done, *words: str) -> None:
    assert done.out == "" or "error" in json.loads(done.out)
    assert done.err.endswith("\n")
    assert done.err.count("\n") == 1, done.err
    assert done.err.startswith("kmaflow: ")
    assert " → " in done.err, "says what to do"
    for word in words:
        assert word in done.err


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("", ["collect", "load", "why", "Exit codes", "--debug"]),
        ("init", ["--all", "--json"]),
        ("doctor", ["the key", "--json"]),
        ("stations", ["sync", "list"]),
        ("stations sync", ["--force"]),
        ("stations list", ["--near", "--within", "--network"]),
        ("collect", ["DATASET", "--from", "--to", "--stations", "Example"]),
        ("load", ["FILE", "--dataset", "--fetched-at"]),
        ("status", ["--json"]),
        ("why", ["DATASET", "STN", "TIME"]),
        ("simulate", ["--port", "--now", "--speed", "--faults", "/_sim/truth"]),
        ("airflow", ["setup"]),
        ("airflow setup", ["kma_apihub"]),
    ],
)
def test_help_teaches(kmaflow: Kmaflow, home: Path, command: str, words: list[str]) -> None:
    done = kmaflow(*command.split(), "--help")
    assert (done.code, done.err) == (0, "")
    for word in words:
        assert word in done.out
    assert not home.exists()


def test_version_and_nothing(kmaflow: Kmaflow) -> None:
    told = kmaflow("--version").out
    assert re.fullmatch(
        rf"kmaflow \S+ \(parser {PARSER_VERSION}, schema {SERVICE.head}, state schema {STATE.head}\)\n", told
    )
    nothing = kmaflow()
    assert nothing.code == 2
    assert "Usage" in nothing.out + nothing.err


def test_init(kmaflow: Kmaflow, home: Path) -> None:
    first = _json(kmaflow("init", "--json"))
    assert "request" in first["made"]
    assert "aws_minute" not in first["made"]
    assert set(DATASETS) <= set(_json(kmaflow("init", "--all", "--json"))["made"])
    assert "all tables exist" in kmaflow("init", "--all").out
    assert (home / "kmaflow.db").is_file()


def test_collect_status_why(hub: Running, kmaflow: Kmaflow) -> None:
    done = kmaflow("collect", "aws_minute", "aws_cloud", *TEN, "--json")
    assert (done.code, done.err) == (0, "")
    told = _json(done)
    assert [one["dataset"] for one in told["datasets"]] == ["aws_minute", "aws_cloud"]
    assert told["stations"] == "all"
    table = kmaflow("collect", "aws_minute", *TEN, "--stations", "108,서울,90")
    assert table.code == 0
    assert "108" in table.out
    status = _json(kmaflow("status", "--json"))
    minute = next(one for one in status["datasets"] if one["dataset"] == "aws_minute")
    assert minute["last_stamp"] == "2025-01-15 12:10"
    assert minute["present"] + minute["blank"] == told["datasets"][0]["rows"]
    assert status["quota_today"]["calls"] == len(requests_seen(hub))
    assert "aws_minute" in kmaflow("status").out
    why = _json(kmaflow("why", "aws_minute", "108", "2025-01-15 12:05", "--json"))
    assert (why["stn"], why["state"]) == (108, "present")
    assert kmaflow("why", "aws_minute", "서울", "2025-01-15 12:05").out.startswith(
        "aws_minute 108 2025-01-15 12:05 KST: present"
    )
    assert kmaflow("why", "aws_minute", "all", "2025-01-15 12:05").code == 2


def test_exit_codes_of_collect(hub: Running, kmaflow: Kmaflow) -> None:
    late = ("--from", "2025-01-15 12:50", "--to", "2025-01-15 13:00")
    assert kmaflow("collect", "aws_minute", *late).code == 3, "done, but two minutes are not produced yet"
    plan(hub, "maintenance", count=1)
    failed = kmaflow("collect", "aws_cloud", *TEN)
    assert failed.code == 1
    assert "maintenance" in failed.err
    plan(hub, "maintenance", endpoint="nph-aws2_min_cloud")
    assert kmaflow("collect", "aws_minute", "aws_cloud", *TEN).code == 3
    plan(hub, "garbage")
    assert kmaflow("collect", "aws_visibility", *TEN).code == 3, "a line was rejected"


def test_without_station_lists_all_stations_still_work(hub: Running, kmaflow: Kmaflow) -> None:
    plan(hub, "maintenance", endpoint="stn_inf.php", count=2)
    done = kmaflow("collect", "aws_cloud", *TEN)
    assert done.code == 0
    assert "going on without station lists" in done.err
    _one_line(kmaflow("collect", "aws_cloud", *TEN, "--stations", "108"), "maintenance")


def test_all_means_every_dataset_that_has_a_stamp_in_the_window(hub: Running, kmaflow: Kmaflow) -> None:
    done = kmaflow("collect", "all", *TEN, "--stations", "108", "--json")
    assert (done.code, done.err) == (0, "")
    assert [one["dataset"] for one in _json(done)["datasets"]] == [name for name in DATASETS if name != "asos_hourly"]
    hour = kmaflow(
        "collect", "all", "--from", "2025-01-15 11:55", "--to", "2025-01-15 12:00", "--stations", "108", "--json"
    )
    assert [one["dataset"] for one in _json(hour)["datasets"]] == list(DATASETS)
    asked = len(requests_seen(hub))
    refused = kmaflow("collect", "aws_minute", "asos_hourly", *TEN)
    assert refused.code == 2
    _one_line(refused, "holds no stamp of asos_hourly")
    assert len(requests_seen(hub)) == asked, "nothing is asked before everything is checked"


def test_stations(hub: Running, kmaflow: Kmaflow) -> None:
    kmaflow("init")
    assert "no station metadata yet" in kmaflow("stations", "list").err
    assert _json(kmaflow("stations", "sync", "--json"))["synced"] is True
    assert "within 24 hours" in kmaflow("stations", "sync").out
    assert "0 new, 0 changed, 0 closed" in kmaflow("stations", "sync", "--force").out
    found = _json(kmaflow("stations", "list", "서울", "--network", "sfc", "--json"))
    assert 108 in [one["stn"] for one in found["stations"]]
    near = _json(kmaflow("stations", "list", "--near", "37.5714,126.9658", "--within", "20", "--limit", "3", "--json"))
    distances = [one["km"] for one in near["stations"]]
    assert distances == sorted(distances)
    assert len(distances) == 3
    assert distances[0] < 1 < near["total"]
    assert "108" in kmaflow("stations", "list", "--near", "37.5714,126.9658", "--limit", "1").out
    assert kmaflow("stations", "list", "--near", "here").code == 2


def test_doctor(hub: Running, kmaflow: Kmaflow, monkeypatch: pytest.MonkeyPatch) -> None:
    done = kmaflow("doctor", "--json")
    told = _json(done)
    names = [one["what"].split(" ")[0] for one in told["checks"]]
    assert [*names[:3], names[-1]] == ["database", "archive", "disk", "clock"]
    assert set(DATASETS) <= set(names)
    assert told["hub"] == hub.url
    assert all(one["ok"] for one in told["checks"] if one["what"] in {"database", "archive"})
    monkeypatch.setenv("KMAFLOW_API_KEY", "some-other-key-00000001")
    refused = kmaflow("doctor")
    assert refused.code == 1
    assert "bad_key" in refused.out
    assert "clock" not in refused.out, "a bad key is not tried eight times"
    monkeypatch.delenv("KMAFLOW_API_KEY")
    assert "not set" in kmaflow("doctor").out


def test_a_spent_quota_is_told_and_leaves_cells_missing(
    hub: Running, kmaflow: Kmaflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KMAFLOW_DAILY_CALLS", "4")
    assert kmaflow("stations", "sync").code == 0
    half = kmaflow("collect", "aws_cloud", "--from", "2025-01-15 12:00", "--to", "2025-01-15 12:20")
    assert half.code == 3
    assert "because of the quota" in half.err
    assert "not requested because of the quota (aws_cloud): run the same command again after" in half.err
    nothing = kmaflow("collect", "aws_minute", *TEN, "--stations", "108")
    assert (nothing.code, len(requests_seen(hub))) == (3, 3)
    (one,) = _json(kmaflow("collect", "aws_visibility", *TEN, "--json"))["datasets"]
    assert one["deferred_until"].endswith("00:00")
    told = _json(kmaflow("why", "aws_minute", "108", "2025-01-15 12:05", "--json"))
    assert (told["state"], "the day's quota was spent" in told["why_en"]) == ("not_asked", True)
    status = kmaflow("status")
    assert "quota used up (98 %: calls): no requests until" in status.out
    quota = _json(kmaflow("status", "--json"))["quota_today"]
    assert (quota["calls"], quota["calls_ceiling"], quota["daily_calls"], quota["reserved"]) == (3, 3, 4, 0)
    assert quota["by_class"]["live"]["calls"] == 3
    assert (quota["exhausted"], quota["exhausted_by"], quota["until"]) == ("calls", "ceiling", one["deferred_until"])
    doctor = kmaflow("doctor")
    assert (doctor.code, len(requests_seen(hub))) == (0, 3)
    assert "until" in doctor.out
    synced = kmaflow("stations", "sync", "--force")
    assert (synced.code, "98 % of the limit" in synced.err) == (3, True)


def test_status_tells_the_keys_apart(hub: Running, kmaflow: Kmaflow, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kmaflow("stations", "sync").code == 0
    first = _json(kmaflow("status", "--json"))["quota_today"]
    monkeypatch.setenv("KMAFLOW_API_KEY", "some-other-key-00000001")
    told = _json(kmaflow("status", "--json"))
    assert (told["quota_today"]["calls"], told["other_keys_today"]) == (0, [first])
    assert told["quota_today"]["key_id"] != first["key_id"]
    monkeypatch.delenv("KMAFLOW_API_KEY")
    assert _json(kmaflow("status", "--json"))["quota_today"] == first
    assert f"by a key not set now ({first['key_id']})" in kmaflow("status").out


def test_load(kmaflow: Kmaflow, saved: Path, tmp_path: Path) -> None:
    done = kmaflow("load", saved, "--json")
    assert (done.code, done.err) == (0, "")
    (one,) = _json(done)["files"]
    assert (one["rows"], one["inserted"], one["blank"], one["outcome"]) == (4, 4, 1, "ok")
    assert "unchanged" in kmaflow("load", saved).out
    later = tmp_path / "later.txt"
    later.write_bytes(BODY.replace(b",-9.3,", b",-9.4,"))
    (older,) = _json(kmaflow("load", later, "--fetched-at", "2025-01-15 12:30", "--json"))["files"]
    assert (older["updated"], older["revised"]) == (0, 1)
    naked = tmp_path / "naked.txt"
    naked.write_bytes(b"\n".join(line for line in BODY.split(b"\n") if not line.startswith(b"#")))
    assert kmaflow("load", naked, "--values-only").code == 2
    assert kmaflow("load", naked, "--values-only", "--dataset", "aws_minute").code == 0
    garbage = tmp_path / "garbage.txt"
    garbage.write_bytes(minute_body({(stamp(5), 108): {"ta": 1.0}}, extra=["oops"]))
    assert kmaflow("load", garbage).code == 3
    both = kmaflow("load", tmp_path / "none.txt", garbage, "--json")
    assert both.code == 1
    assert both.err.count("\n") == 1
    assert len(_json(both)["files"]) == 1
    lists = tmp_path / "stations.txt"
    lists.write_bytes(station_body("AWS", {108: "서울"}))
    assert kmaflow("load", lists).code == 0


def test_load_names_a_file_that_cannot_be_read_once_and_shows_no_table(kmaflow: Kmaflow, tmp_path: Path) -> None:
    done = kmaflow("load", tmp_path / "none.txt")
    assert (done.code, done.out) == (1, "")
    assert done.err.count("none.txt") == 1


def test_load_refuses_a_file_of_tomorrow_and_names_the_way(kmaflow: Kmaflow, saved: Path) -> None:
    tomorrow = time.time() + 86_400
    os.utime(saved, (tomorrow, tomorrow))
    done = kmaflow("load", saved)
    assert done.code == 1
    assert "--fetched-at" in done.err
    assert kmaflow("load", saved, "--fetched-at", "2025-01-15 13:00").code == 0


def test_people_on_a_terminal_see_progress(
    hub: Running, kmaflow: Kmaflow, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    done = kmaflow("load", saved)
    assert done.code == 0
    assert "load" in done.err


def test_why_tells_corrections_and_states_without_values(kmaflow: Kmaflow, saved: Path, tmp_path: Path) -> None:
    later = tmp_path / "later.txt"
    later.write_bytes(BODY.replace(b",-9.3,", b",-9.4,"))
    assert kmaflow("load", saved, "--fetched-at", "2025-01-15 13:00").code == 0
    assert kmaflow("load", later, "--fetched-at", "2025-01-15 14:00").code == 0
    told = kmaflow("why", "aws_minute", "108", "2025-01-15 12:01").out
    for words in ("present", "-9.3", "-9.4", "revisions", "raw: 202501151201,108,", "requests"):
        assert words in told
    nothing = kmaflow("why", "aws_minute", "108", "2020-01-01").out
    assert "not_asked" in nothing
    assert "requests" not in nothing


# ------------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["collect", "aws_minute", "--from", "2025-01-15 12:10", "--to", "2025-01-15 12:00"], 2, ["is empty"]),
        (["collect", "aws_minute", "--from", "2025-01-15 12:00", "--to", "2025-01-15 12:00"], 2, ["is empty"]),
        (["collect", "aws_minute", "--from", "2025-01-15 12:00", "--to", "2199-01-15 12:10"], 2, ["future"]),
        (["collect", "aws_minute", "--from", "2025-01-15T12:00Z", "--to", "2025-01-15 12:10"], 2, ["not in KST"]),
        (["collect", "aws_minute", "--from", "2025-02-30", "--to", "2025-03-01"], 2, ["no such time"]),
        (["collect", "aws_minute", "--from", "yestreday", "--to", "2025-03-01"], 2, ["not a time"]),
        (["collect", "aws_minuet", *TEN], 2, ["aws_minute"]),
        (["collect", "aws_minute", *TEN, "--stations", "Seol"], 2, ["108 서울"]),
        (["collect", "aws_minute", *TEN, "--stations", ","], 2, ["no station"]),
        (["load", "no-such-file"], 1, ["No such file"]),
        (["load", "x", "--dataset", "nothing"], 2, ["aws_minute"]),
        (["load", "x", "--fetched-at", "soon"], 2, ["not a time"]),
        (["load", "x", "--fetched-at", "2199-01-01"], 2, ["future"]),
        (["why", "nothing", "108", "2025-01-15"], 2, ["aws_minute"]),
        (["why", "aws_minute", "nowhere", "2025-01-15"], 2, ["no such station"]),
        (["simulate", "--faults", "nonsense=1"], 2, ["nonsense"]),
        (["simulate", "--now", "soon"], 2, ["not a time"]),
    ],
)  # fmt: skip
def test_bad_input_gets_one_clear_line(
    hub: Running, kmaflow: Kmaflow, arguments: list[str], code: int, words: list[str]
) -> None:
    kmaflow("init")
    done = kmaflow(*arguments, *(["--json"] if arguments[0] == "collect" else []))
    assert done.code == code
    if arguments[0] != "load" or code == 2:
        _one_line(done, *words)
    else:
        assert done.err.count("\n") == 1
        assert words[0] in done.err
    assert "Traceback" not in done.err


def test_no_key_and_a_wrong_key(hub: Running, kmaflow: Kmaflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMAFLOW_API_KEY", "another-key-000000000001")
    done = kmaflow("collect", "aws_minute", *TEN)
    assert done.code == 1
    _one_line(done, "유효한 인증키가 아닙니다", "KMAFLOW_API_KEY")
    assert len(requests_seen(hub)) == 1
    assert "another-key" not in done.err
    monkeypatch.delenv("KMAFLOW_API_KEY")
    done = kmaflow("collect", "aws_minute", *TEN)
    assert done.code == 2
    _one_line(done, "kmaflow simulate")


def test_a_database_that_may_only_be_read(
    kmaflow: Kmaflow,
    saved: Path,
    open_folder: Path,
    ordinary_user: Callable[[], AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert kmaflow("load", saved).code == 0
    (open_folder / "saved.txt").write_bytes(BODY)
    (open_folder / "archive").mkdir(mode=0o777)
    (open_folder / "archive").chmod(0o777)
    monkeypatch.chdir(open_folder)
    monkeypatch.setenv("KMAFLOW_HOME", str(open_folder))
    assert kmaflow("init", "--all").code == 0
    with closing(sqlite3.connect(open_folder / "kmaflow.db")) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    (open_folder / "kmaflow.db").chmod(0o444)
    with ordinary_user():
        done = kmaflow("load", open_folder / "saved.txt")
    (open_folder / "kmaflow.db").chmod(0o644)
    assert done.code == 1
    _one_line(done, "readonly")


def test_a_full_disk(kmaflow: Kmaflow, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kmaflow.store.engines.sqlite import SqliteLoader

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(SqliteLoader, "insert", full)
    done = kmaflow("load", saved)
    assert done.code == 1
    _one_line(done, "full", "free disk space")


def test_debug_shows_the_traceback(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["kmaflow", "--debug", "why", "nothing", "108", "2025-01-15"])
    monkeypatch.setattr(logging.root, "handlers", [])
    with pytest.raises(UsageError, match="nothing"):
        main()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["load"], "FILE"),
        (["collect", "aws_minute"], "--from"),
        (["collect", "--nope"], "--nope"),
        (["no-such-command"], "no-such-command"),
        (["stations", "list", "--limit", "0"], "--limit"),
        (["simulate", "--port", "99999"], "--port"),
    ],
)
def test_a_mistyped_command_gets_one_line_too(kmaflow: Kmaflow, arguments: list[str], words: str) -> None:
    done = kmaflow(*arguments)
    assert done.code == 2
    _one_line(done, words, "--help")


def test_what_nobody_foresaw_and_what_a_person_stops(
    kmaflow: Kmaflow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def raising(error: BaseException) -> Callable[..., None]:
        def fail(*_: object, **__: object) -> None:
            raise error

        return fail

    monkeypatch.setattr("kmaflow.store.Store", raising(KeyboardInterrupt()))
    stopped = kmaflow("init")
    assert (stopped.code, stopped.err.count("\n")) == (130, 1)
    monkeypatch.setattr("kmaflow.store.Store", raising(BrokenPipeError()))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 141
    monkeypatch.setattr("kmaflow.store.Store", raising(ZeroDivisionError("surprise")))
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    with pytest.raises(ZeroDivisionError) as caught:
        main()
    sys.excepthook(caught.type, caught.value, None)
    assert "unexpected ZeroDivisionError: surprise" in written.getvalue()
    assert written.getvalue().count("\n") == 1


def test_airflow_setup_without_airflow(kmaflow: Kmaflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    done = kmaflow("airflow", "setup")
    assert done.code == 2
    _one_line(done, "Airflow is not installed", "kmaflow[airflow]")


def test_airflow_setup_says_what_it_made(kmaflow: Kmaflow, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = types.ModuleType("kmaflow.airflow.provider.setup")
    setup.__dict__["setup_airflow"] = lambda: ["made the pool"]
    monkeypatch.setitem(sys.modules, "kmaflow.airflow.provider.setup", setup)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: setup)
    assert kmaflow("airflow", "setup").out == "made the pool\n"


def test_a_taken_port(hub: Running, kmaflow: Kmaflow) -> None:
    done = kmaflow("simulate", "--port", hub.base_url.rsplit(":", 1)[1])
    assert done.code == 1
    assert "cannot listen" in done.err
    assert "--port" in done.err


def test_the_key_is_nowhere(hub: Running, kmaflow: Kmaflow, home: Path) -> None:
    plan(hub, "json200", endpoint="nph-aws2_min_vis")
    said = ""
    for command in (["stations", "sync"], ["collect", "aws_cloud", "aws_visibility", *TEN], ["doctor"], ["status"]):
        done = kmaflow("--verbose", *command)
        said += done.out + done.err
    assert "authKey=***" in said, "the requests are logged, without the key"
    assert DEFAULT_KEY not in said
    files = [path for path in home.rglob("*") if path.is_file()]
    assert any(path.name == "kmaflow.db" for path in files)
    from kmaflow.archive.archive import Archive

    archive = Archive(str(home / "archive"))
    for path in files:
        content = archive.body(path.stem) if path.suffix == ".zst" else path.read_bytes()
        assert DEFAULT_KEY.encode() not in content, path


def test_a_short_station_list_is_told_wherever_one_looks_until_a_person_takes_it(
    kmaflow: Kmaflow, hub: Running, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Collector.open(settings_for(hub, home), clock=lambda: now_kst() - timedelta(days=2)) as collector:
        total = collector.sync_stations().total
    real = Hub._stations

    def short(self: Hub, query: Mapping[str, str]) -> bytes:
        return b"\n".join([*real(self, query).split(b"\n")[:40], b"#7777END", b""])

    monkeypatch.setattr(Hub, "_stations", short)
    done = kmaflow("stations", "sync")
    assert done.code == 0
    assert "--force" in done.out
    assert "0 closed" in done.out
    assert _json(kmaflow("stations", "sync", "--json"))["synced"] is False, "not asked again before its time"
    status = _json(kmaflow("status", "--json"))["held_station_lists"]
    assert status.keys() == {"AWS", "SFC"}
    assert "it would close" in status["AWS"]["why"]
    assert "stations sync --force" in kmaflow("status").out
    checks = {one["what"]: one for one in _json(kmaflow("doctor", "--json"))["checks"]}
    assert checks["stations AWS"]["ok"] is False
    assert "sync --force" in checks["stations AWS"]["todo"]
    assert _json(kmaflow("stations", "list", "--json"))["total"] > 700
    forced = _json(kmaflow("stations", "sync", "--force", "--json"))
    assert forced["held"] == 0
    assert forced["closed"] + forced["total"] == total
    assert _json(kmaflow("status", "--json"))["held_station_lists"] == {}
    assert kmaflow("rebuild", "--yes").code == 0
    assert _json(kmaflow("stations", "list", "--json"))["total"] < 100, "what a person took stays taken"


@pytest.mark.parametrize("year", ["0001", "1899", "2200", "9999"])
@pytest.mark.parametrize(
    "command",
    ["read aws_minute", "gaps aws_minute", "plan aws_minute", "export aws_minute --out x", "repair aws_minute", "collect aws_minute",
     "backfill aws_minute"],
)  # fmt: skip
def test_a_year_that_nobody_can_mean_is_said_in_one_line(
    kmaflow: Kmaflow, hub: Running, command: str, year: str
) -> None:
    assert hub
    for window in (
        ("--from", f"{year}-01-01", "--to", f"{year}-12-31"),
        ("--from", "2025-01-01", "--to", f"{year}-12-31T23:59"),
    ):
        done = kmaflow(*command.split(" "), *window)
        assert done.code == 2
        _one_line(done, "no year of KMA's observations", "1904")


def test_a_station_of_twenty_digits_is_none(kmaflow: Kmaflow, saved: Path) -> None:
    kmaflow("load", saved)
    for arguments in (
        ("why", "aws_minute", "9" * 20, "2025-01-15 12:01"),
        ("read", "aws_minute", *TEN, "--stations", "9" * 20),
        ("gaps", "aws_minute", *TEN, "--stations", "9" * 20),
        ("rebuild", "--stations", "9" * 20, "--yes"),
    ):
        done = kmaflow(*arguments)
        assert done.code == 2, arguments
        _one_line(done, "9" * 20)


def test_months_beyond_the_calendar_keep_everything(kmaflow: Kmaflow, saved: Path) -> None:
    kmaflow("load", saved)
    assert _json(kmaflow("retention", "--keep-months", "99999", "--no-export", "--json")) == {"months": []}


def test_centuries_are_read_and_exported_as_fast_as_what_they_hold(kmaflow: Kmaflow, saved: Path) -> None:
    kmaflow("load", saved)
    always = ("--from", "1900-01-01", "--to", "2199-12-31")
    assert _json(kmaflow("read", "aws_minute", *always, "--json"))["total"] == 4
    assert _json(kmaflow("read", "asos_hourly", *always, "--json"))["total"] == 0
    asked = _json(kmaflow("read", "aws_minute", *always, "--json", "--as-of", "2199-01-01"))
    assert asked["total"] == 4


def test_what_lies_on_a_read_only_file_system_is_shown(
    kmaflow: Kmaflow,
    open_folder: Path,
    ordinary_user: Callable[[], AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (open_folder / "saved.txt").write_bytes(BODY)
    # What the ordinary user may not import has been imported then.
    for command in (
        ("load", open_folder / "saved.txt"),
        ("read", "aws_minute", *TEN),
        ("status",),
        ("gaps", "aws_minute", *TEN),
    ):
        kmaflow(*command)
    monkeypatch.chdir(open_folder)
    monkeypatch.setenv("KMAFLOW_HOME", str(open_folder))
    assert kmaflow("load", open_folder / "saved.txt").code == 0
    open_folder.chmod(0o555)
    try:
        with ordinary_user():
            assert _json(kmaflow("read", "aws_minute", *TEN, "--json"))["total"] == 4
            assert _json(kmaflow("status", "--json"))["datasets"][0]["present"] == 3
            assert kmaflow("gaps", "aws_minute", *TEN).code in (0, 3)
            done = kmaflow("load", open_folder / "saved.txt")
            assert done.code == 1
            _one_line(done, "KMAFLOW_")
    finally:
        open_folder.chmod(0o755)
