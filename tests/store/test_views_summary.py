"""``v_hourly`` and ``v_daily`` say what plain Python says of the same minutes, on every engine."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from kmaflow.store import Store, views
from kmaflow.store.engines.base import engine_of
from kmaflow.store.engines.database import writing
from kmaflow.store.schema.observations import OBSERVATIONS

from .bodies import rows

Values = Mapping[str, float | None]
Minutes = Mapping[tuple[datetime, int], Values]
Found = dict[tuple[str, int], dict[str, object]]

DAY = datetime(2025, 1, 15)
HOUR = timedelta(hours=1)
ONE = timedelta(minutes=1)
NAMES = [
    column.name for column in OBSERVATIONS["aws_minute"].columns if column.name not in {"tm_kst", "stn", "request_id"}
]


@pytest.fixture
def put(store: Store) -> Callable[[Minutes], None]:
    """Puts rows into ``aws_minute`` behind views that are there already."""
    with writing(store.engine) as connection:
        views.make(connection)

    def insert(minutes: Minutes) -> None:
        table = OBSERVATIONS["aws_minute"]
        lines = [
            {"tm_kst": tm, "stn": stn, "request_id": 1} | dict.fromkeys(NAMES) | dict(values)
            for (tm, stn), values in minutes.items()
        ]
        with store.engine.begin() as connection:
            connection.execute(table.insert(), lines)

    return insert


def _view(store: Store, name: str, where: str = "1 = 1") -> Found:
    """Rows of a view by (tm_kst, stn), times as text."""
    with store.engine.connect() as connection:
        found = connection.execute(sa.text(f"SELECT * FROM {name} WHERE {where}")).mappings().all()
    plain = [
        {key: str(value) if _is_time(key) and value is not None else value for key, value in row.items()}
        for row in found
    ]
    by_key = {(str(row["tm_kst"]), int(row["stn"])): row for row in plain}
    assert len(by_key) == len(plain)
    return by_key


def _is_time(name: str) -> bool:
    return name == "day" or name.endswith(("tm_kst", "tm_utc"))


# ------------------------------------------------------------------------------------- the same in plain Python


def _ends(tm: datetime, *, daily: bool) -> datetime:
    """End of the hour or day (begin, end] that holds the stamp."""
    midnight = datetime(tm.year, tm.month, tm.day)
    if daily:
        return tm if tm == midnight else midnight + timedelta(days=1)
    return tm if tm.minute == 0 else datetime(tm.year, tm.month, tm.day, tm.hour) + HOUR


def _expected(minutes: Minutes, *, daily: bool) -> Found:
    groups: dict[tuple[datetime, int], list[tuple[datetime, Values]]] = {}
    for (tm, stn), values in sorted(minutes.items()):
        groups.setdefault((_ends(tm, daily=daily), stn), []).append((tm, values))
    return {(str(end), stn): _summary(end, stn, members, daily=daily) for (end, stn), members in groups.items()}


def _summary(end: datetime, stn: int, members: list[tuple[datetime, Values]], *, daily: bool) -> dict[str, object]:
    def known(name: str) -> list[tuple[datetime, float]]:
        return [(tm, value) for tm, values in members if (value := values.get(name)) is not None]

    def numbers(name: str) -> list[float]:
        return [value for _, value in known(name)]

    def mean(name: str) -> float | None:
        return math.fsum(numbers(name)) / len(numbers(name)) if numbers(name) else None

    n = sum(any(value is not None for value in values.values()) for _, values in members)
    line: dict[str, object] = {
        "tm_kst": str(end), "tm_utc": str(end - 9 * HOUR), "stn": stn, "n": n, "coverage": n / (1440 if daily else 60),
        "ta_min": min(numbers("ta"), default=None), "ta_max": max(numbers("ta"), default=None),
        "hm_min": min(numbers("hm"), default=None), "ws10_max": max(numbers("ws10"), default=None),
        "wss_max": max(numbers("wss"), default=None), "wd10_mean": _vector_mean(members), "re_n": len(numbers("re")),
        "re_minutes": sum(value != 0 for value in numbers("re")) if numbers("re") else None,
    }  # fmt: skip
    for name in ("ta", "td", "hm", "pa", "ps", "ws10"):
        line |= {f"{name}_n": len(numbers(name)), f"{name}_mean": mean(name)}
    line["wss_n"] = len(numbers("wss"))
    for speed, direction in (("ws10", "wd10"), ("wss", "wds")):
        strongest = [(tm, values.get(direction)) for tm, values in members if values.get(speed) == line[f"{speed}_max"]]
        first = strongest[0] if numbers(speed) else (None, None)
        line |= {f"{speed}_max_tm_kst": first[0] and str(first[0]), f"{speed}_max_wd": first[1]}
    if daily:
        settled = [value for tm, value in known("rn_day") if tm > end - 24 * HOUR + 10 * ONE]
        gauge = any(numbers(name) for name in ("rn_15m", "rn_60m", "rn_12h", "re"))
        line |= {"day": str((end - 24 * HOUR).date()), "rn_day_n": len(settled)}
        line["rn_day"] = max(settled, default=None) if gauge else None
    else:
        last = dict(members).get(end, {})
        line |= {"rn_60m": last.get("rn_60m"), "rn_day": last.get("rn_day")}
    return line


def _vector_mean(members: list[tuple[datetime, Values]]) -> float | None:
    total = 0j
    for _, values in members:
        direction, speed = values.get("wd10"), values.get("ws10")
        if direction is not None and speed is not None:
            total += speed * complex(math.cos(math.radians(direction)), math.sin(math.radians(direction)))
    return math.degrees(math.atan2(total.imag, total.real)) % 360 if abs(total) > 1e-6 else None


def _agrees(found: Found, expected: Found) -> None:
    assert found.keys() == expected.keys()
    for key, line in expected.items():
        row = found[key]
        assert row.keys() == line.keys()
        wind, there = line["wd10_mean"], row["wd10_mean"]
        if isinstance(wind, float) and isinstance(there, float):
            assert 0 <= there < 360
            assert abs((there - wind + 180) % 360 - 180) <= 0.05 + 1e-6, (key, there, wind)
            line = line | {"wd10_mean": there}
        # Means come from sums in any order; everything else is exactly what was printed.
        means = {name: value for name, value in line.items() if name.endswith("_mean") and value is not None}
        assert row == line | {name: pytest.approx(value, rel=1e-12, abs=1e-12) for name, value in means.items()}, key


def _check(store: Store, minutes: Minutes) -> None:
    _agrees(_view(store, "v_hourly"), _expected(minutes, daily=False))
    _agrees(_view(store, "v_daily"), _expected(minutes, daily=True))


# ------------------------------------------------------------------------------------------------------- any minutes


def _random_minutes(seed: int) -> Minutes:
    chance = random.Random(seed)
    stamps = [DAY - 2 * HOUR + minute * ONE for minute in chance.sample(range(28 * 60), 160)]
    stamps += [DAY + hour * HOUR for hour in (-1, 0, 1, 24)]
    ranges = {
        "wd1": (0, 3600), "ws1": (0, 40), "wds": (0, 3600), "wss": (0, 60), "wd10": (0, 3600), "ws10": (0, 40), "ta": (-140, -60),
        "re": (0, 1), "rn_15m": (0, 30), "rn_60m": (0, 99), "rn_12h": (0, 500), "rn_day": (0, 700), "hm": (93, 1000),
        "pa": (9500, 10300), "ps": (9900, 10400), "td": (-254, 175),
    }  # fmt: skip
    return {
        (tm, stn): {
            name: None if chance.random() < 0.3 else chance.randint(low, high) / (1 if name == "re" else 10)
            for name, (low, high) in ranges.items()
        }
        for tm in stamps
        for stn in (90, 108)
        if chance.random() < 0.9
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_any_minutes_are_summed_up_as_by_hand(store: Store, put: Callable[[Minutes], None], seed: int) -> None:
    minutes = _random_minutes(seed)
    put(minutes)
    _check(store, minutes)


def test_an_empty_table_has_no_hours_and_no_days(store: Store, put: Callable[[Minutes], None]) -> None:
    assert put is not None
    assert _view(store, "v_hourly") == {}
    assert _view(store, "v_daily") == {}


# -------------------------------------------------------------------------------------------------------------- rules


def _hour(store: Store, name: str, tm: datetime = DAY + 12 * HOUR, stn: int = 108) -> object:
    return _view(store, "v_hourly", f"stn = {stn}")[str(tm), stn][name]


def _day(store: Store, name: str, day: datetime = DAY, stn: int = 108) -> object:
    return _view(store, "v_daily", f"stn = {stn}")[str(day + 24 * HOUR), stn][name]


def _at(*stamps: tuple[int, int, Values], stn: int = 108) -> Minutes:
    """(hour, minute, values) of the day."""
    return {(DAY + hour * HOUR + minute * ONE, stn): values for hour, minute, values in stamps}


def test_the_hour_of_twelve_is_what_comes_after_eleven_up_to_twelve(
    store: Store, put: Callable[[Minutes], None]
) -> None:
    minutes = _at((11, 0, {"ta": 1.0}), (11, 1, {"ta": 2.0}), (12, 0, {"ta": 4.0}), (12, 1, {"ta": 8.0}))
    put(minutes)
    hours = _view(store, "v_hourly")
    assert {tm: (row["n"], row["ta_mean"], row["tm_utc"]) for (tm, _), row in hours.items()} == {
        "2025-01-15 11:00:00": (1, 1.0, "2025-01-15 02:00:00"),
        "2025-01-15 12:00:00": (2, 3.0, "2025-01-15 03:00:00"),
        "2025-01-15 13:00:00": (1, 8.0, "2025-01-15 04:00:00"),
    }
    _check(store, minutes)


def test_a_day_holds_its_own_midnight_and_not_the_one_before(store: Store, put: Callable[[Minutes], None]) -> None:
    minutes = _at((0, 0, {"ta": 1.0}), (0, 1, {"ta": 2.0}), (24, 0, {"ta": 4.0}), (24, 1, {"ta": 8.0}))
    put(minutes)
    days = _view(store, "v_daily")
    assert {row["day"]: (row["tm_kst"], row["tm_utc"], row["n"], row["ta_max"]) for row in days.values()} == {
        "2025-01-14": ("2025-01-15 00:00:00", "2025-01-14 15:00:00", 1, 1.0),
        "2025-01-15": ("2025-01-16 00:00:00", "2025-01-15 15:00:00", 2, 4.0),
        "2025-01-16": ("2025-01-17 00:00:00", "2025-01-16 15:00:00", 1, 8.0),
    }
    _check(store, minutes)


def test_the_turn_of_the_year_and_a_leap_day(store: Store, put: Callable[[Minutes], None]) -> None:
    minutes = {
        (datetime(2024, 2, 29, 23, 59), 108): {"ta": 1.0},
        (datetime(2024, 3, 1, 0, 0), 108): {"ta": 2.0},
        (datetime(2025, 1, 1, 0, 0), 108): {"ta": 3.0},
        (datetime(2025, 1, 1, 0, 1), 108): {"ta": 4.0},
    }
    put(minutes)
    assert [row["day"] for row in _view(store, "v_daily").values()] == ["2024-02-29", "2024-12-31", "2025-01-01"]
    _check(store, minutes)


def test_winter_is_no_missing_value(store: Store, put: Callable[[Minutes], None]) -> None:
    minutes = _at(*((11, minute, {"ta": -9.0 - minute % 10 / 10, "td": -25.4}) for minute in range(1, 61)))
    put(minutes)
    assert (_hour(store, "ta_max"), _hour(store, "ta_min"), _hour(store, "ta_n")) == (-9.0, -9.9, 60)
    assert _hour(store, "td_mean") == pytest.approx(-25.4)
    _check(store, minutes)


@pytest.mark.parametrize(
    ("winds", "expected"),
    [
        ([(350.0, 2.0), (10.0, 2.0)], 0.0),
        ([(350.0, 2.0), (20.0, 2.0)], 5.0),
        ([(350.0, 3.0), (10.0, 1.0)], 355.0),
        ([(0.0, 1.0), (360.0, 1.0)], 0.0),
        ([(90.0, 1.0)], 90.0),
        ([(180.0, 1.0)], 180.0),
        ([(270.0, 5.0), (90.0, 1.0)], 270.0),
        ([(45.0, 1.0), (135.0, 1.0), (225.0, 1.0)], 135.0),
        # Calm is WS = 0, whatever direction stands beside it.
        ([(90.0, 0.0), (350.0, 1.0), (90.0, 0.0)], 350.0),
        ([(90.0, 0.0), (0.0, 0.0)], None),
        # Opposite winds of the same speed have no mean direction.
        ([(30.0, 2.0), (210.0, 2.0)], None),
        ([(None, 2.0), (120.0, None)], None),
        ([(None, 9.0), (120.0, 1.0)], 120.0),
    ],
)
def test_directions_are_averaged_as_vectors(
    store: Store,
    put: Callable[[Minutes], None],
    winds: list[tuple[float | None, float | None]],
    expected: float | None,
) -> None:
    minutes = _at(*((11, minute, {"wd10": wd, "ws10": ws}) for minute, (wd, ws) in enumerate(winds, 1)))
    put(minutes)
    assert _hour(store, "wd10_mean") == _day(store, "wd10_mean") == expected


def test_calm_counts_in_the_mean_speed(store: Store, put: Callable[[Minutes], None]) -> None:
    put(_at((11, 1, {"wd10": 200.0, "ws10": 0.0}), (11, 2, {"wd10": 100.0, "ws10": 3.0})))
    assert (_hour(store, "ws10_mean"), _hour(store, "wd10_mean"), _hour(store, "ws10_n")) == (1.5, 100.0, 2)


def test_the_strongest_gust_brings_its_direction_and_the_first_time_it_blew(
    store: Store, put: Callable[[Minutes], None]
) -> None:
    minutes = _at(
        (11, 1, {"wss": 9.9, "wds": 359.9}),
        (11, 30, {"wss": 12.1, "wds": 0.0}),
        (11, 31, {"wss": 12.1, "wds": 200.0}),
        (12, 0, {"wss": 12.0, "wds": 90.0}),
    )
    put(minutes)
    expected = (12.1, 0.0, "2025-01-15 11:30:00")
    assert tuple(_hour(store, f"wss_max{end}") for end in ("", "_wd", "_tm_kst")) == expected
    assert tuple(_day(store, f"wss_max{end}") for end in ("", "_wd", "_tm_kst")) == expected
    put(_at((12, 1, {"wss": 0.0}), (13, 0, {"wss": 0.0, "wds": 10.0})))
    assert tuple(_hour(store, f"wss_max{end}", DAY + 13 * HOUR) for end in ("", "_wd", "_tm_kst")) == (
        0.0, None, "2025-01-15 12:01:00",
    )  # fmt: skip


def test_the_strongest_may_blow_at_the_very_end(store: Store, put: Callable[[Minutes], None]) -> None:
    minutes = _at((23, 59, {"wss": 1.0, "wds": 1.0}), (24, 0, {"wss": 25.5, "wds": 271.3, "ws10": 19.7, "wd10": 360.0}))
    put(minutes)
    assert (_day(store, "wss_max_tm_kst"), _day(store, "wss_max_wd")) == ("2025-01-16 00:00:00", 271.3)
    assert (_day(store, "ws10_max_tm_kst"), _day(store, "ws10_max_wd")) == ("2025-01-16 00:00:00", 360.0)
    _check(store, minutes)


def test_an_hour_of_one_minute_shows_how_thin_it_is(store: Store, put: Callable[[Minutes], None]) -> None:
    minutes = _at((11, 59, {"ta": -0.1, "rn_60m": 3.5, "rn_day": 7.0}))
    put(minutes)
    assert (_hour(store, "n"), _hour(store, "ta_mean"), _hour(store, "hm_mean")) == (1, -0.1, None)
    assert _hour(store, "coverage") == pytest.approx(1 / 60)
    assert _day(store, "coverage") == pytest.approx(1 / 1440)
    # RN-60m of 11:59 is not the rain of this hour.
    assert (_hour(store, "rn_60m"), _hour(store, "rn_day")) == (None, None)
    _check(store, minutes)


def test_rows_of_sentinels_only_are_there_and_count_nothing(store: Store, put: Callable[[Minutes], None]) -> None:
    minutes = _at((11, 1, {}), (11, 2, {}), (12, 1, {"hm": 50.0}), (12, 2, {}))
    put(minutes)
    blank = _view(store, "v_hourly", "stn = 108")["2025-01-15 12:00:00", 108]
    counts = {name for name in blank if name == "n" or name.endswith("_n")}
    assert {name: value for name, value in blank.items() if value is not None} == {
        "tm_kst": "2025-01-15 12:00:00", "tm_utc": "2025-01-15 03:00:00", "stn": 108, "coverage": 0.0,
    } | dict.fromkeys(counts, 0)  # fmt: skip
    assert (_day(store, "n"), _day(store, "hm_mean")) == (1, 50.0)
    _check(store, minutes)


# --------------------------------------------------------------------------------------------------------------- rain


def test_rain_of_an_hour_is_what_its_last_minute_prints(store: Store, put: Callable[[Minutes], None]) -> None:
    wet = {"re": 1.0, "rn_15m": 1.0}
    minutes = _at(
        (11, 30, {**wet, "rn_60m": 9.0, "rn_day": 9.0}),
        (11, 59, {"re": 0.0, "rn_60m": 4.5, "rn_day": 9.5}),
        (12, 0, {"re": None, "rn_60m": 4.0, "rn_day": 10.0}),
    )
    put(minutes)
    assert (_hour(store, "rn_60m"), _hour(store, "rn_day")) == (4.0, 10.0)
    assert (_hour(store, "re_n"), _hour(store, "re_minutes")) == (2, 1)


def test_rain_of_the_day_before_and_an_early_reset_change_nothing(store: Store, put: Callable[[Minutes], None]) -> None:
    minutes = _at(
        # Whenever the counter goes back to 0: the day before may still stand there up to 00:10 …
        (0, 0, {"rn_day": 80.0, "rn_12h": 80.0}),
        (0, 1, {"rn_day": 80.0, "rn_12h": 80.0}),
        (0, 10, {"rn_day": 80.0, "rn_12h": 80.0}),
        (0, 11, {"rn_day": 0.0, "rn_12h": 80.0}),
        (12, 0, {"rn_day": 2.5, "rn_12h": 60.0}),
        (23, 59, {"rn_day": 14.5, "rn_12h": 14.5}),
        # … and 0 may stand at 24:00 already.
        (24, 0, {"rn_day": 0.0, "rn_12h": 14.5}),
    )
    put(minutes)
    assert (_day(store, "rn_day"), _day(store, "rn_day_n")) == (14.5, 4)
    _check(store, minutes)


def test_the_last_minute_of_a_day_may_hold_its_greatest_rain(store: Store, put: Callable[[Minutes], None]) -> None:
    put(_at((23, 59, {"rn_day": 14.5, "rn_60m": 1.0}), (24, 0, {"rn_day": 15.0, "rn_60m": 1.0})))
    assert _day(store, "rn_day") == 15.0


def test_a_dry_day_is_zero_and_a_day_without_a_gauge_is_unknown(store: Store, put: Callable[[Minutes], None]) -> None:
    put(_at((12, 0, {"rn_day": 0.0, "rn_60m": 0.0, "re": 0.0})))
    # An airport: no gauge, no detector, and yet 0.0.
    put(_at(*((hour, 0, {"rn_day": 0.0, "ta": 1.0}) for hour in range(1, 25)), stn=113))
    # A detector alone says that somebody watches.
    put(_at((12, 0, {"rn_day": 0.0, "re": 0.0}), stn=42))
    # Only the minutes in which the day before may still stand.
    put(_at((0, 5, {"rn_day": 3.0, "rn_60m": 0.0}), stn=43))
    assert [_day(store, "rn_day", stn=stn) for stn in (108, 113, 42, 43)] == [0.0, None, 0.0, None]
    assert _day(store, "rn_day_n", stn=113) == 24


# ------------------------------------------------------------------------------------------------------------ filters


def test_filters_choose_rows_and_change_none(store: Store, put: Callable[[Minutes], None]) -> None:
    minutes = _random_minutes(3)
    put(minutes)
    hours, days = _expected(minutes, daily=False), _expected(minutes, daily=True)
    noon = "2025-01-15 12:00:00"

    def some(all_of: Found, keep: Callable[[str, int], bool]) -> Found:
        return {key: line for key, line in all_of.items() if keep(*key)}

    _agrees(_view(store, "v_hourly", f"stn = 90 AND tm_kst > '2025-01-15 03:00:00' AND tm_kst <= '{noon}'"),
            some(hours, lambda tm, stn: stn == 90 and "2025-01-15 03:00:00" < tm <= noon))  # fmt: skip
    _agrees(
        _view(store, "v_hourly", "tm_utc = '2025-01-14 15:00:00'"),
        some(hours, lambda tm, _: tm == "2025-01-15 00:00:00"),
    )
    _agrees(_view(store, "v_daily", "day = '2025-01-15'"), some(days, lambda tm, _: tm == "2025-01-16 00:00:00"))
    _agrees(_view(store, "v_daily", "day <= '2025-01-14' AND stn IN (108, 3)"),
            some(days, lambda tm, stn: stn == 108 and tm == "2025-01-15 00:00:00"))  # fmt: skip


def _plan(store: Store, query: str) -> str:
    explain = {"sqlite": "EXPLAIN QUERY PLAN ", "mysql": "EXPLAIN "}.get(store.engine.dialect.name, "EXPLAIN ")
    with store.engine.connect() as connection:
        if store.engine.dialect.name == "postgresql":
            # Tables of a few rows are read whole; what matters is whether the key can be used.
            connection.exec_driver_sql("SET enable_seqscan = off")
            connection.exec_driver_sql("SET enable_bitmapscan = off")
        return "\n".join(" ".join(map(str, row)) for row in connection.exec_driver_sql(explain + query))


BY_STATION = {
    "sqlite": "SEARCH m USING INDEX aws_minute_stn_tm (stn=? AND tm_kst>? AND tm_kst<?)",
    "postgresql": "Index Cond: ((stn = 108) AND (tm_kst > (e.tm_kst - '{length}'::interval)) AND (tm_kst <= e.tm_kst))",
    "mysql": "m eq_ref PRIMARY,aws_minute_stn_tm PRIMARY 9 func,const",
}
BY_TIME = {
    "sqlite": "SEARCH m USING INDEX sqlite_autoindex_aws_minute_1 (tm_kst>? AND tm_kst<?)",
    "postgresql": "Index Cond: ((tm_kst > (e.tm_kst - '{length}'::interval)) AND (tm_kst <= e.tm_kst))",
    "mysql": "m ref PRIMARY PRIMARY 5 func",
}


@pytest.mark.parametrize(("view", "length"), [("v_hourly", "01:00:00"), ("v_daily", "24:00:00")])
def test_a_query_reads_the_minutes_it_needs_by_key(
    store: Store, put: Callable[[Minutes], None], view: str, length: str
) -> None:
    put({(DAY + minute * ONE, stn): {"ta": 1.0} for minute in range(1, 31) for stn in (90, 108)})
    kind = store.engine.dialect.name
    station = _plan(store, f"SELECT * FROM {view} WHERE stn = 108 AND tm_kst = '2025-01-16 00:00:00'")
    assert BY_STATION[kind].format(length=length) in station
    assert BY_TIME[kind].format(length=length) in _plan(
        store, f"SELECT * FROM {view} WHERE tm_kst = '2025-01-16 00:00:00'"
    )


def test_the_newest_rows_are_looked_up_one_by_one(store: Store, put: Callable[[Minutes], None]) -> None:
    put({(DAY + minute * ONE, stn): {"ta": 1.0} for minute in range(1, 31) for stn in (90, 108)})
    plan = _plan(store, "SELECT * FROM v_latest")
    # Of an index (stn, tm_kst) and a key (tm_kst, stn) PostgreSQL may take either.
    expected = {
        "sqlite": r"SEARCH o1 USING INDEX sqlite_autoindex_aws_minute_1 \(tm_kst=\? AND stn=\?\)",
        "postgresql": r"Index Cond: \(\((tm_kst = l1\.tm_kst\) AND \(stn = l1\.stn|stn = l1\.stn\) AND \(tm_kst = l1\.tm_kst)\)\)",
        "mysql": r"o1 eq_ref PRIMARY,aws_minute_stn_tm PRIMARY 9",
    }
    assert re.search(expected[store.engine.dialect.name], plan)


# ------------------------------------------------------------------------------------------- SQLite's own trigonometry


def _values(store: Store, expression: str, arguments: Iterable[tuple[float, float]]) -> list[float]:
    listed = " UNION ALL ".join(f"SELECT {x!r} AS x, {y!r} AS y" for x, y in arguments)
    return [float(str(row[0])) for row in rows(store, f"SELECT {expression} FROM ({listed}) v")]


def test_sine_and_bearing_are_right_all_around(store: Store) -> None:
    dialect = engine_of(store.engine).words
    degrees = [tenths / 10 for tenths in range(0, 3601, 9)]
    for sql, function in ((dialect.sine("v.x"), math.sin), (dialect.cosine("v.x"), math.cos)):
        found = _values(store, sql, ((angle, 0.0) for angle in degrees))
        assert found == pytest.approx([function(math.radians(angle)) for angle in degrees], abs=1e-9)
    vectors = [(3.7 * math.sin(math.radians(angle)), 3.7 * math.cos(math.radians(angle))) for angle in degrees[:-1]]
    bearings = _values(store, dialect.bearing("v.x", "v.y"), vectors)
    assert [
        (found - angle + 180) % 360 - 180 for found, angle in zip(bearings, degrees[:-1], strict=True)
    ] == pytest.approx([0.0] * len(vectors), abs=2e-6)
