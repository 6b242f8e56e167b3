"""``kmaflow repair`` and ``kmaflow watch`` as a person or a program meets them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import floor_to, now_kst
from kmaflow.simulator import DEFAULT_KEY, SimulatorSettings, running
from kmaflow.simulator.server import Running

from ..collect.hub import plan as faults
from ..collect.hub import requests_seen
from .conftest import Kmaflow

HOUR = ("--from", "2025-01-15 11:00", "--to", "2025-01-15 12:00")


@pytest.fixture(autouse=True)
def _same_signals() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def present_hub() -> Iterator[Running]:
    """A hub that lives now, as the command line does."""
    with running(SimulatorSettings(day_cache=2)) as hub:
        yield hub


def test_repair_asks_for_what_is_missing_and_tells(kmaflow: Kmaflow, hub: Running) -> None:
    assert kmaflow("collect", "aws_cloud", "--from", "2025-01-15 11:20", "--to", "2025-01-15 11:40").code == 0
    done = kmaflow("repair", "aws_cloud", *HOUR)
    assert done.code == 0
    assert "aws_cloud" in done.out
    told = json.loads(kmaflow("repair", "aws_cloud", *HOUR, "--json").out)
    (one,) = told["datasets"]
    assert (one["due"], one["left"], one["calls"]) == (0, 0, 0)
    assert len([entry for entry in requests_seen(hub) if "cloud" in entry["operation"]]) == 6


def test_what_could_not_be_repaired_is_left_with_exit_code_3(kmaflow: Kmaflow, hub: Running) -> None:
    faults(hub, "maintenance", endpoint="nph-aws2_min_cloud", count=100)
    done = kmaflow("repair", "aws_cloud", *HOUR)
    assert done.code == 3
    assert "maintenance" in done.err or "점검" in done.err
    assert "kmaflow gaps" in done.out
    hub.simulator.hub.faults.clear()
    assert kmaflow("repair", "aws_cloud", *HOUR, "--all").code == 0


def test_a_spent_quota_is_told_with_the_time_at_which_to_come_again(
    kmaflow: Kmaflow, hub: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hub.url
    monkeypatch.setenv("KMAFLOW_DAILY_CALLS", "3")
    done = kmaflow("repair", "aws_cloud", *HOUR)
    assert done.code == 3
    assert "quota" in done.err
    assert "run it again after" in done.err


def test_repair_without_anything_ever_asked_says_what_to_do(kmaflow: Kmaflow, hub: Running) -> None:
    done = kmaflow("repair")
    assert done.code == 0
    assert "--from" in done.err
    assert requests_seen(hub) == []
    assert kmaflow("repair", "aws_minut").code == 2


def test_watch_once_does_what_is_due_and_ends(
    kmaflow: Kmaflow, present_hub: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = floor_to(now_kst() - timedelta(minutes=50), timedelta(minutes=10))
    for name, value in {"HUB_URL": present_hub.url, "API_KEY": DEFAULT_KEY, "START": f"{start:%Y-%m-%d %H:%M}"}.items():
        monkeypatch.setenv(f"KMAFLOW_{name}", value)
    done = kmaflow("watch", "aws_cloud", "asos_hourly", "--once")
    assert "aws_cloud" in done.out
    assert "repair" in done.out
    assert DEFAULT_KEY not in done.out + done.err
    asked = len(requests_seen(present_hub))
    kmaflow("watch", "aws_cloud", "--once")
    assert len(requests_seen(present_hub)) <= asked + 1, "only a window that has come due meanwhile"


def test_watch_all_means_all_whatever_else_is_named(
    kmaflow: Kmaflow, hub: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hub.url
    monkeypatch.setattr("kmaflow.collect.watch.Watch.turn", lambda _: False)
    done = kmaflow("watch", "all", "aws_minute", "--once")
    assert done.out.endswith(f"{', '.join(DATASETS)}\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watch_ends_in_order_when_it_is_told_to(number: signal.Signals, present_hub: Running, tmp_path: Path) -> None:
    environment = os.environ | {
        "KMAFLOW_HUB_URL": present_hub.url,
        "KMAFLOW_API_KEY": DEFAULT_KEY,
        "KMAFLOW_HOME": str(tmp_path),
    }
    watch = subprocess.Popen(
        [sys.executable, "-u", "-m", "kmaflow", "watch", "aws_cloud"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watch.stdout is not None
    assert "aws_cloud" in watch.stdout.readline()
    watch.send_signal(number)
    said, complained = watch.communicate()
    assert watch.returncode == 0, said + complained
    assert "Traceback" not in complained
