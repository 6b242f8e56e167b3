"""Station lists kept fresh, and a person's words as numbers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from kmaflow.catalog.model import Network
from kmaflow.catalog.time import HOUR
from kmaflow.collect import ALL, StationChoice, UnknownStations
from kmaflow.errors import UsageError
from kmaflow.hub.errors import NotApplied
from kmaflow.simulator import KeyGrant
from kmaflow.simulator.server import Running
from kmaflow.store.selection import choose
from kmaflow.store.stations import Station

from .hub import NOW, collecting, requests_seen, simulated, window


def _station(stn: int, networks: str, ko: str | None, en: str | None = None) -> Station:
    return Station(stn, networks, ko, en, None, None, None, None)


LISTED = [
    _station(102, "SFC", "백령도", "Baengnyeongdo"),
    _station(108, "AWS,SFC", "서울", "Seoul"),
    _station(211, "SFC", "정선군", "Jeongseon Gun"),
    _station(403, "AWS", "송파 *", None),
    _station(410, "AWS", "기상청", None),
    _station(411, "AWS", None, None),
    _station(500, "AWS", "중앙", None),
    _station(501, "AWS", "중앙", None),
]
BOTH: tuple[Network, ...] = ("AWS", "SFC")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("108", (108,)),
        ("서울, 403;102\n108", (102, 108, 403)),
        ("seoul", (108,)),
        ("Jeongseon Gun", (211,)),
        ("jeongseongun", (211,)),
        ("송파", (403,)),
        ("송파 *", (403,)),
        ("중앙", (500, 501)),
        ([108, "백령도"], (102, 108)),
        ("884", (884,)),
    ],
)
def test_numbers_and_names(text: str | list[str | int], numbers: tuple[int, ...]) -> None:
    assert choose(text, LISTED, BOTH, reporting=[884]) == StationChoice(numbers)


@pytest.mark.parametrize("text", ["all", " ALL ", "전체", "108, all"])
def test_all(text: str) -> None:
    assert choose(text, LISTED, BOTH) is ALL


@pytest.mark.parametrize("text", ["", " , ;", []])
def test_nothing(text: str | list[str | int]) -> None:
    with pytest.raises(UsageError, match="no station is named"):
        choose(text, LISTED, BOTH)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("107", "107 → 108 서울, 102 백령도"),
        ("서울시", "108 서울"),
        ("Seol", "108 서울"),
        ("xyzzy", "search with: kmaflow stations list"),
        ("1" * 20, "search with: kmaflow stations list"),
        ("1" * 5000, "search with: kmaflow stations list"),
        ("10８", "108"),
    ],
)
def test_unknown_words_name_the_nearest(text: str, near: str) -> None:
    with pytest.raises(UnknownStations) as caught:
        choose(f"108,{text}", LISTED, BOTH)
    assert f"no such station: {text[:900]}" in str(caught.value) or near == "108"
    if near != "108":
        assert near in caught.value.todo_en
        assert ("nearest" in caught.value.todo_en) is (" " in near and "search" not in near)


def test_networks_bound_the_choice() -> None:
    with pytest.raises(UnknownStations):
        choose("403", LISTED, ("SFC",))
    assert choose("102", LISTED, ("AWS",)) == StationChoice((102,)), "nph-aws2_min has the ASOS stations too"


def test_choices_describe_themselves() -> None:
    assert (ALL.selection, ALL.describe()) == ("all", "all stations")
    many = StationChoice(tuple(range(90, 102)))
    assert many.selection.startswith("90,91")
    assert many.describe() == "12 stations: 90, 91, 92, 93, 94, 95, 96, 97, 98, 99 …"


def test_lists_are_asked_again_only_when_old(hub: Running, tmp_path: Path) -> None:
    day = timedelta(hours=24)
    with collecting(hub, tmp_path) as collector:
        first = collector.sync_stations(day)
        assert (first.synced, first.changed, first.closed) == (True, 0, 0)
        assert first.added == first.total > 800
        again = collector.sync_stations(day)
        assert (again.synced, again.added) == (False, 0)
        assert len(requests_seen(hub)) == 2
    with collecting(hub, tmp_path, NOW + 25 * HOUR) as collector:
        later = collector.sync_stations(day)
        assert (later.synced, later.added, later.changed, later.closed) == (True, 0, 0, 0)
        assert collector.sync_stations().synced
    assert len(requests_seen(hub)) == 6


def test_a_refused_list_is_raised_and_written_down(tmp_path: Path) -> None:
    key = KeyGrant("simulator-key-000000000", operations=frozenset({"nph-aws2_min"}))
    with simulated(keys=(key,)) as hub, collecting(hub, tmp_path) as collector:
        with pytest.raises(NotApplied, match="활용신청"):
            collector.sync_stations()
        with collector.store.engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT dataset, outcome FROM request").all() == [
                ("station_SFC", "not_applied")
            ]


def test_a_line_that_cannot_be_read_is_kept_and_logged(
    hub: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from kmaflow.simulator.hub import Hub

    real = Hub._stations
    monkeypatch.setattr(
        Hub, "_stations", lambda self, query: real(self, query).replace(b"#7777END", b"  oops\n#7777END")
    )
    with collecting(hub, tmp_path) as collector:
        assert collector.sync_stations().total > 800
        with collector.store.engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT COUNT(*) FROM rejected_line").scalar() == 2
    assert "station_AWS, line" in caplog.text


def test_stations_that_no_list_names_can_be_chosen_once_they_have_reported_in_that_network(
    hub: Running, tmp_path: Path
) -> None:
    with collecting(hub, tmp_path, stations="108") as collector:
        with pytest.raises(UnknownStations):
            collector.choose_stations()  # no list yet, no report yet
        collector.collect("aws_minute", window("12:00", "12:01"), ALL)
        assert collector.choose_stations() == StationChoice((108,))
        with pytest.raises(UnknownStations):
            collector.choose_stations("108", ["asos_hourly"])
