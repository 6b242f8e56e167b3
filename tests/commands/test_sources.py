"""Where home, settings and database come from is one rule, and said; who only reads makes no file."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from kmaflow.catalog.time import Window
from kmaflow.read import iter_frames
from kmaflow.run.environment import Places, leave_settings, simulator_variables
from kmaflow.settings import load_settings, own_settings
from kmaflow.simulator import DEFAULT_KEY
from kmaflow.store import Store
from kmaflow.store.errors import StoreMissing

from .conftest import Kmaflow

TEN = ("--from", "2025-01-15 12:00", "--to", "2025-01-15 12:10")
READING = [
    ("status",),
    ("status", "--prometheus"),
    ("gaps", "aws_minute", *TEN),
    ("stations", "list"),
    ("why", "aws_minute", "108", "2025-01-15 12:01"),
    ("read", "aws_minute", *TEN),
    ("export", "aws_minute", *TEN, "--out", "files"),
    ("token", "list"),
    ("retention", "--keep-months", "1", "--no-export"),
]


@pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
def test_who_only_reads_makes_no_file(kmaflow: Kmaflow, home: Path, command: tuple[str, ...]) -> None:
    done = kmaflow(*command)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"kmaflow: there is no database yet: {home}/kmaflow.db → kmaflow collect makes it")
    assert not home.exists()


def test_a_price_can_be_asked_before_anything_was_stored(kmaflow: Kmaflow, home: Path) -> None:
    done = kmaflow("plan", "aws_minute", "--from", "2026-11-01", "--to", "2026-11-02", "--json")
    assert (done.code, json.loads(done.out)["calls"]) == (0, 144)
    assert not home.exists()


def test_doctor_without_a_key_makes_no_file(kmaflow: Kmaflow, home: Path) -> None:
    done = kmaflow("doctor")
    assert "not there yet" in done.out
    assert "KMAFLOW_HOME in the environment" in done.out
    assert list(home.rglob("*.db")) == []


def test_python_reads_from_no_file(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path}/typo.db") as store, pytest.raises(StoreMissing, match="no database yet"):
        list(iter_frames(store, "aws_minute", Window(datetime(2025, 1, 15), datetime(2025, 1, 16))))
    assert list(tmp_path.iterdir()) == []


def test_a_neighbour_that_has_data_is_named(kmaflow: Kmaflow, filled: Path) -> None:
    other = filled / "simulated" / "kmaflow.db"
    other.parent.mkdir()
    (filled / "kmaflow.db").rename(other)
    named = f"holds 30 rows: KMAFLOW_DATABASE_URL=sqlite:///{other}"
    assert f"{other} {named}" in kmaflow("status").err
    assert kmaflow("init").code == 0
    assert named in kmaflow("status").out, "an empty one names it too"


def test_without_a_key_commands_speak_of_what_make_run_fills(
    kmaflow: Kmaflow, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = filled / "simulated"
    inside.mkdir()
    (filled / "kmaflow.db").rename(inside / "kmaflow.db")
    env = simulator_variables("http://127.0.0.1:9") | {
        "KMAFLOW_DATABASE_URL": f"sqlite:///{inside}/kmaflow.db",
        "KMAFLOW_STATE_URL": "postgresql://me:secret@elsewhere/kma",
        "KMAFLOW_ARCHIVE_URL": f"{inside}/archive",
    }
    leave_settings(Places(filled), env, simulated=True)
    assert "secret" not in (inside / "settings.env").read_text()
    settings = load_settings(state_url=f"sqlite:///{inside}/kmaflow.db")
    assert settings.api_key is not None
    assert (settings.api_key.get_secret_value(), settings.hub_url) == (DEFAULT_KEY, "http://127.0.0.1:9/api/typ01")
    assert settings.database_url == env["KMAFLOW_DATABASE_URL"]
    assert own_settings().database_url == f"sqlite:///{filled}/kmaflow.db"
    shown = kmaflow("status")
    assert f"{inside}/kmaflow.db (make run without a key)" in shown.out
    assert "aws_minute\t2025-01-15 12:10" in shown.out
    # A key of one's own, and nothing of that counts.
    monkeypatch.setenv("KMAFLOW_API_KEY", "some-key-of-mine-00001")
    assert load_settings().database_url == f"sqlite:///{filled}/kmaflow.db"
    monkeypatch.delenv("KMAFLOW_API_KEY")
    leave_settings(Places(filled), env, simulated=False)
    assert load_settings().database_url == f"sqlite:///{filled}/kmaflow.db"


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("arguments", [("-v", "stations", "list"), ("stations", "list", "-v")])
def test_every_command_says_with_v_where_settings_come_from(
    kmaflow: Kmaflow, home: Path, arguments: tuple[str, ...]
) -> None:
    Path(".env").write_text("KMAFLOW_API_KEY=some-key-of-mine-00001\n", "utf-8")
    told = kmaflow(*arguments).err
    assert f"database: sqlite:///{home}/kmaflow.db (KMAFLOW_HOME in the environment)\n" in told
    assert f"key: set (KMAFLOW_API_KEY in {Path('.env').absolute()})\n" in told
    assert "hub: https://apihub.kma.go.kr/api/typ01 (default)\n" in told
    assert "some-key" not in told


@pytest.mark.usefixtures("filled")
def test_misspelt_settings_are_named_with_the_right_one(kmaflow: Kmaflow, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("KMAFLOW_APIKEY=some-key-of-mine-00001\n", "utf-8")
    monkeypatch.setenv("KMAFLOW_STATION", "108")
    monkeypatch.setenv("KMAFLOW_POSTGRES", "db:5432")
    monkeypatch.setenv("KMAFLOW_OF_SOMEBODY_ELSE", "1")
    done = kmaflow("status")
    assert done.code == 0
    assert sorted(done.err.splitlines()) == [
        "kmaflow: KMAFLOW_APIKEY is no setting of kmaflow; did you mean KMAFLOW_API_KEY?",
        "kmaflow: KMAFLOW_STATION is no setting of kmaflow; did you mean KMAFLOW_STATIONS?",
    ]
    monkeypatch.setenv("KMAFLOW_LANG", "ko")
    assert "혹시 KMAFLOW_STATIONS?" in kmaflow("status").err
