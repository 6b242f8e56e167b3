"""`import kmaflow as kma`: the everyday questions in one line each, and nothing loaded before they are asked."""

from __future__ import annotations

import inspect
import pydoc
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import kmaflow as kma
from kmaflow.errors import UsageError
from kmaflow.hub.errors import HubError
from kmaflow.read import everyday, read, series, shapes
from kmaflow.simulator import DEFAULT_KEY

from ..collect.hub import simulated
from .filled import MINUTES, Filled


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
    assert "kma.read(" in str(kma.__doc__)
    taught = pydoc.plain(pydoc.render_doc(kma.read))
    for words in ("kma.read(dataset: 'str', start:", 'stations="서울", columns=["ta"]', "v_hourly", ".to_xarray()"):
        assert words in taught, words
    assert inspect.signature(kma.read) == inspect.signature(everyday.read)
    assert "progress: " in pydoc.plain(pydoc.render_doc(kma.collect))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        kma.nothing  # noqa: B018


def test_frames_lead_on_to_pandas_and_xarray(here: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = kma.read("aws_minute", MINUTES.start, MINUTES.end, stations="서울, 90", columns="ta, hm")
    assert list(frame.to_pandas().columns) == ["tm_kst", "stn", "ta", "hm"]
    cube = frame.to_xarray()
    assert dict(cube.sizes) == {"time": 30, "station": 2}
    assert (cube["ta"].attrs["units"], cube["ta"].attrs["standard_name"]) == ("degree_Celsius", "air_temperature")
    assert str(cube["name"].sel(station=108).item()) == "서울"
    assert cube["time"].to_numpy()[0] == np.datetime64("2025-01-15T03:21")
    hour = kma.read("v_hourly", "2025-01-15 12:00", "2025-01-15 13:00", stations=[108]).to_xarray()
    (greatest,) = kma.read("v_hourly", "2025-01-15 12:00", "2025-01-15 13:00", stations=[108])["wss_max_tm_kst"]
    assert hour["wss_max_tm_kst"].to_numpy()[0, 0] == np.datetime64(greatest)
    with pytest.raises(UsageError, match=r"stn_ko.*no numbers"):
        kma.read("v_latest").to_xarray()

    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("no module")

    monkeypatch.setattr(pl.DataFrame, "to_pandas", missing)
    with pytest.raises(UsageError, match=r"kmaflow\[pandas\]"):
        frame.to_pandas()
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(UsageError, match=r"kmaflow\[xarray\]"):
        frame.to_xarray()
    assert shapes.to_arrow(frame).num_rows == frame.height


def test_collecting_in_a_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KMAFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("FORCE_COLOR", "1")
    with simulated(datetime(2025, 1, 15, 12, 53)) as hub:
        monkeypatch.setenv("KMAFLOW_HUB_URL", hub.url)
        monkeypatch.setenv("KMAFLOW_API_KEY", DEFAULT_KEY)
        done = kma.collect("aws_minute, asos_hourly", "2025-01-15 11:40", "2025-01-15 12:00", stations="서울")
        assert done.select("dataset", "rows", "inserted", "complete", "error").rows() == [
            ("aws_minute", 20, 20, True, None), ("asos_hourly", 1, 1, True, None),
        ]  # fmt: skip
        assert done["missing"].to_list() == [[], []]
        assert "aws_minute" in capsys.readouterr().err
        again = kma.collect(
            ["aws_minute"], datetime(2025, 1, 15, 11, 40), "2025-01-15 12:00", stations=[108], progress=False
        )
        assert again["unchanged"].to_list() == [20]
        assert capsys.readouterr().err == ""
        monkeypatch.setenv("KMAFLOW_API_KEY", "wrong-key-for-nobody-22")
        with pytest.raises(HubError):
            kma.collect("all", "2025-01-15 11:40", "2025-01-15 11:50", progress=False)
    assert kma.read("aws_minute", "2025-01-15 11:40", "2025-01-15 12:00").height == 20
