"""`import kmaflow as kma`: the everyday questions in one line each, and nothing loaded before they are asked."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest

import kmaflow
from kmaflow.errors import UsageError
from kmaflow.read import everyday, read, series

from .filled import MINUTES, Filled

#: As somebody types it, who has imported the package alone.
kma: Any = kmaflow


@pytest.fixture
def here(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> Filled:
    monkeypatch.setenv("KMAFLOW_DATABASE_URL", filled.url)
    return filled


def test_three_lines(here: Filled) -> None:
    frame = kma.read("aws_minute", "2025-01-15 12:20", "2025-01-15 12:50", stations="서울", columns=["ta"])
    assert frame.equals(read(here.store, "aws_minute", MINUTES, stations=[108], columns=["ta"]))
    assert frame.to_pandas()["ta"].notna().sum() == frame["ta"].count()
    again = kma.read("aws_minute", MINUTES.start, MINUTES.end, stations=[108], columns="ta, hm", database=here.url)
    assert again.columns == ["tm_kst", "stn", "ta", "hm"]
    assert kma.read("aws_minute", "2025-01-15", "2025-01-16", as_of="2025-01-15 12:00").is_empty()
    hour = kma.read("v_hourly", "2025-01-15 12:00", "2025-01-15 13:00", stations="서울", columns="ta_mean")
    assert hour["ta_mean"].to_list() == pytest.approx([frame["ta"].mean()])
    assert kma.read("v_latest", stations=["서울"], columns="ta")["ta"].to_list() == frame["ta"].to_list()[-1:]
    with pytest.raises(UsageError, match="without a window"):
        kma.read("v_latest", "2025-01-15", "2025-01-16")
    with pytest.raises(UsageError, match="read for a window"):
        kma.read("v_hourly", "2025-01-15")
    with pytest.raises(UsageError, match="aws_minute"):
        kma.read("aws_minutes", "2025-01-15", "2025-01-16")


def test_the_others(here: Filled) -> None:
    rows = kma.weather(37.5, 127.0, "기온, rain")
    assert rows["element"].to_list() == ["ta", "rn_15m", "rn_60m", "rn_day"]
    assert set(rows["reason"]) == {"no_station"}, "these observations are long past"
    assert kma.near(37.5, 127.0).is_empty()
    assert kma.latest("서울").is_empty()
    assert kma.stations("서울")["stn"].to_list()[0] == 108
    assert kma.stations().height == len(here.positions)
    means = kma.series("aws_minute", "ta", "2025-01-15 12:20", "2025-01-15 12:50", stations="108", every="10min")
    (expected,) = series(here.store, "aws_minute", ["ta"], MINUTES, stations=[108], every="10min").frames()
    assert means.equals(expected)
    assert kma.series("aws_minute", "ta", "2025-01-15 12:20", "2025-01-15 12:50", near=(37.5, 127.0)).height == 30
    missing = kma.gaps("aws_minute", "2025-01-15 12:00", "2025-01-15 12:50", stations=[108])
    assert (missing["cells"].sum(), set(missing["state"])) == (20, {"not_asked"})
    assert missing["end"].max() == datetime(2025, 1, 15, 12, 20)


def test_nothing_is_loaded_before_it_is_asked_for_and_help_teaches() -> None:
    code = "import sys, kmaflow; print('polars' in sys.modules, callable(kmaflow.read), 'polars' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "True"]
    assert "kma.read(" in str(kmaflow.__doc__)
    assert "2026-11-22" in str(everyday.read.__doc__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        kma.nothing  # noqa: B018
