"""The weather: the same whichever way it is asked, and consistent with itself."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmaflow.simulator import Faults, SimulatorSettings
from kmaflow.simulator.clock import minute_of, stamp_text
from kmaflow.simulator.hub import Hub
from kmaflow.simulator.minute_values import AWS_MINUTE
from kmaflow.simulator.published import Grid, Source
from kmaflow.simulator.station_list import listed
from kmaflow.simulator.stations import AIRPORTS, SILENT, UNLISTED, reporting

from .asking_hub import NOW, Get, getter
from .tiny_parser import lines, parse, tokens

ENDPOINTS = ("nph-aws2_min", "nph-aws2_min_cloud", "nph-aws2_min_vis", "nph-aws2_min_lst", "nph-aws2_min_ww1")


@pytest.fixture(scope="module")
def source() -> Source:
    return Source(SimulatorSettings(now=NOW, day_cache=12))


def _grid(source: Source, dataset: str, start: datetime, count: int, step: int = 1) -> Grid:
    minutes = minute_of(start) + np.arange(count, dtype=np.int64) * step
    return source.grid(dataset, minutes, source.members(dataset), NOW, Faults())


@settings(max_examples=12, deadline=None)
@given(
    endpoint=st.sampled_from(ENDPOINTS),
    start=st.sampled_from([datetime(2025, 12, 31, 23, 52), datetime(2026, 7, 2, 5, 57), datetime(2026, 7, 2, 11, 56)]),
    length=st.integers(1, 11),
    cut=st.integers(0, 10),
    stn=st.sampled_from([0, 90, 92, 108, 693]),
)
def test_any_split_of_a_window_gives_the_same_rows(
    shared_hub: Hub, endpoint: str, start: datetime, length: int, cut: int, stn: int
) -> None:
    get = getter(shared_hub)

    def rows(first: int, last: int, stn: int) -> list[str]:
        ends = [stamp_text(minute_of(start) + k) for k in (first, last)]
        return lines(get(endpoint, tm1=ends[0], tm2=ends[1], stn=stn, disp=1, itv=1, range=1).body)

    whole = rows(0, length - 1, 0)
    cut = min(cut, length - 1)
    left = rows(0, cut, stn)
    right = rows(cut + 1, length - 1, stn) if cut + 1 < length else []
    assert left + right == [line for line in whole if stn in (0, int(tokens(line)[1]))]


def test_a_day_of_one_station_equals_its_minutes(get: Get) -> None:
    day = lines(get("nph-aws2_min", tm1="202607020000", tm2="202607030000", stn=108, disp=1).body)
    assert len(day) == 1441
    for number in (0, 1, 600, 719, 720, 1440):
        stamp = day[number].split(",")[0]
        assert lines(get("nph-aws2_min", tm2=stamp, stn=108, disp=1).body) == [day[number]]


def test_the_seed_decides() -> None:
    bodies = []
    for seed in (1, 1, 2):
        get = getter(Hub(SimulatorSettings(seed=seed, now=NOW)))
        bodies.append(get("nph-aws2_min", tm2="202601010000").body)
    assert bodies[0] == bodies[1] != bodies[2]


def test_accumulations(source: Source) -> None:
    """Rain sums end at the stamp; RN-DAY starts again after 00:00, whose row holds the day before."""
    start = datetime(2026, 7, 2, 0, 1)
    grid = _grid(source, "aws_minute", start, 2 * 1440)
    columns = grid.columns
    day = columns["rn_day"].astype(np.int64)
    good = np.ones(day.shape[1], dtype=np.bool_)
    for name in ("rn_15m", "rn_60m", "rn_12h", "rn_day", "re"):
        good &= (columns[name] > -500).all(axis=0)
    assert good.sum() > 30
    day = day[:, good]
    fell = np.diff(day, axis=0, prepend=0)
    fell[1440] = day[1440]
    assert (fell >= 0).all()
    assert day[1439].max() > 0
    total = np.cumsum(fell, axis=0)
    for name, length in (("rn_15m", 15), ("rn_60m", 60), ("rn_12h", 720)):
        rolling = total[length:] - total[:-length]
        assert (columns[name][:, good][length:] == rolling).all(), name
    # whenever the gauge counts, the detector is wet
    assert (columns["re"][:, good][fell > 0] == 10).all()
    tips = source.world.net.tip[grid.idx][good]
    assert (fell % tips == 0).all()
    assert set(tips.tolist()) == {1, 5}


def test_airports_have_no_gauge(source: Source) -> None:
    grid = _grid(source, "aws_minute", datetime(2026, 7, 2, 6, 0), 1)
    airports = np.isin(source.world.net.stn, AIRPORTS)
    columns = {name: grid.columns[name][0, airports] for name in AWS_MINUTE}
    blank = columns["ta"] == -999
    for name in ("rn_15m", "rn_60m", "rn_12h"):
        assert set(columns[name]) == {-999}
    assert set(columns["rn_day"][~blank]) <= {0, -992, -997}
    assert 0 in columns["rn_day"]


def test_sentinels_are_as_frequent_as_captured() -> None:
    """Shares of 6,463 captured rows of 2024, within a factor of two."""
    source = Source(SimulatorSettings(now=datetime(2025, 2, 1), day_cache=2))
    captured = {
        ("wd1", -999): 156, ("wd1", -992): 34, ("ws1", -992): 20, ("wds", -992): 98, ("wss", -992): 83,
        ("wd10", -999): 255, ("ta", -992): 17, ("re", -992): 113, ("re", -997): 121, ("rn_15m", -999): 334,
        ("rn_12h", -999): 351, ("rn_day", -992): 55, ("rn_day", -997): 81, ("hm", -992): 76, ("hm", -997): 34,
        ("pa", -997): 953, ("ps", -999): 1319, ("td", -999): 277,
    }  # fmt: skip
    counts: Counter[tuple[str, int]] = Counter()
    total = calm = 0
    # many days apart, since stretches last for hours
    for number in range(12):
        start = datetime(2024, 12, 1, 0, 40) + timedelta(days=5 * number)
        grid = _grid(source, "aws_minute", start, 4, step=355)
        total += int(grid.printed.sum())
        for name in AWS_MINUTE:
            values, numbers = np.unique(grid.columns[name][grid.printed], return_counts=True)
            counts.update({(name, int(v)): int(n) for v, n in zip(values, numbers, strict=True)})
        calm += int((grid.columns["ws1"] == 0).sum())
    for (name, code), count in captured.items():
        share = counts[name, code] / total
        assert count / 6463 / 2 < share < count / 6463 * 2, (name, code, share)
    assert counts["td", -9991] > 0
    assert 0.02 < calm / total < 0.25


def test_values_are_possible(source: Source) -> None:
    for start in (datetime(2026, 1, 20, 5), datetime(2026, 7, 2, 15)):
        columns = _grid(source, "aws_minute", start, 6, step=7).columns
        kept = {name: values[values > -500] for name, values in columns.items()}
        for name in ("wd1", "wds", "wd10"):
            assert kept[name].min() >= 0
            assert kept[name].max() <= 3600
        assert kept["hm"].min() > 30
        assert kept["hm"].max() <= 1000
        assert kept["pa"].min() == 5000
        both = (columns["wss"] > 0) & (columns["ws1"] > 0)
        assert ((columns["wss"] < columns["ws1"]) & both).mean() < 0.01
        assert (columns["td"][both] <= columns["ta"][both]).all() or (columns["ta"] == -992).any()


def test_winter_has_temperatures_that_look_like_sentinels(get: Get) -> None:
    rows = parse("aws_minute", get("nph-aws2_min", tm1="202602010400", tm2="202602010410", disp=1).body)
    assert any(row["ta"] is not None and -10 < float(row["ta"]) <= -9 for row in rows.values())


def test_hourly_rain_follows_the_season(get: Get) -> None:
    winter = parse("asos_hourly", get("kma_sfctm3.php", tm1="202601110100", tm2="202601210000").body)
    summer = parse("asos_hourly", get("kma_sfctm3.php", tm1="202607010100", tm2="202607060000").body)
    rainy = [stamp for (stamp, _), row in winter.items() if row["rn"] is not None]
    assert rainy
    assert {int(stamp[8:10]) % 3 for stamp in rainy} == {0}
    assert {int(stamp[8:10]) % 3 for (stamp, _), row in summer.items() if row["rn"] is not None} == {0, 1, 2}
    for (stamp, _), row in {**winter, **summer}.items():
        if row["ir"] == 3:
            assert row["rn"] is None
        if int(stamp[8:10]) in range(21, 24) and row["ss"] is not None:
            pytest.fail("sunshine at night")
    # the 00:00 row holds the total of the day before; a dry 01:00 row nothing
    assert any(
        row["rn_day"] is not None and summer.get((stamp[:8] + "0100", stn), row)["rn_day"] is None
        for (stamp, stn), row in summer.items()
        if stamp.endswith("0000")
    )
    assert any(row["ta"] == -9.0 for row in winter.values())


def test_stations() -> None:
    every = [station.stn for station in reporting()]
    aws, sfc = ({row.stn for row in listed(network)} for network in ("AWS", "SFC"))
    assert (len(aws), len(sfc)) == (727, 97)
    assert sfc < aws
    assert every == sorted(set(every))
    assert set(every) - aws == set(UNLISTED)
    assert aws - set(every) == set(SILENT)
    assert set(AIRPORTS) < set(every)
    names = {row.stn: row for row in listed("AWS")}
    assert (names[108].stn_ko, names[108].law_addr) == ("서울", "서울특별시 종로구 송월동")
    assert (names[871].stn_ko, names[871].lat < 33.4, names[871].ht > 1600) == ("윗세오름", True, True)
    assert names[403].stn_ko == "송파 *"
    assert any(" " in row.stn_en for row in listed("SFC"))


def test_lst_without_sensors_may_have_no_rows() -> None:
    short = getter(Hub(SimulatorSettings(now=NOW, lst_without_sensors="no_rows")))
    rows = parse("aws_ground_temperature", short("nph-aws2_min_lst", tm2="202607020600", disp=1).body)
    assert 90 < len(rows) <= 97
    assert all(row["tg"] is not None for row in rows.values() if row["ta"] is not None)


def test_old_pressure_codes() -> None:
    get = getter(Hub(SimulatorSettings(now=datetime(2025, 6, 1))))
    old = get("nph-aws2_min", tm2="202505010000", disp=1).body
    assert b",-99.7," in old
    assert b"-999.0" not in old
    get = getter(Hub(SimulatorSettings(now=NOW)))
    new = get("nph-aws2_min", tm2="202605010000", disp=1).body
    assert b"-999.0,-999.0" in new
