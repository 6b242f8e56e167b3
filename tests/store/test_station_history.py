"""``station`` remembers how a station was listed, and from when until when we saw it so."""

from __future__ import annotations

import pytest

from kmaflow.store import Store
from kmaflow.store.stations import Station

from .bodies import at, load_list, rows, station_body
from .conftest import Touched

HISTORY = "SELECT stn, stn_ko, valid_from, valid_to IS NULL FROM station ORDER BY stn, valid_from"


def _counts(store: Store, network: str, body: bytes, minute: float) -> tuple[int, int, int, int]:
    changes = load_list(store, network, body, at(minute))
    return changes.added, changes.changed, changes.closed, changes.total


def test_added_changed_and_closed_stations_keep_their_history(store: Store) -> None:
    assert _counts(store, "AWS", station_body("AWS", {90: "속초", 108: "서울"}), 0) == (2, 0, 0, 2)
    assert _counts(store, "AWS", station_body("AWS", {90: "속초", 108: "서울 *", 400: "강남"}), 10) == (1, 1, 0, 3)
    assert _counts(store, "AWS", station_body("AWS", {108: "서울 *", 400: "강남"}), 20) == (0, 0, 1, 2)
    assert rows(store, HISTORY) == [
        (90, "속초", "2025-01-15 12:00:00", 0),
        (108, "서울", "2025-01-15 12:00:00", 0),
        (108, "서울 *", "2025-01-15 12:10:00", 1),
        (400, "강남", "2025-01-15 12:10:00", 1),
    ]
    assert rows(store, "SELECT valid_to FROM station WHERE stn = 90") == [("2025-01-15 12:20:00",)]
    assert _counts(store, "AWS", station_body("AWS", {90: "속초", 108: "서울 *", 400: "강남"}), 30) == (1, 0, 0, 3)
    assert rows(store, "SELECT COUNT(*) FROM station WHERE stn = 90") == [(2,)]


def test_the_same_list_again_touches_the_ledger_alone(store: Store, touched: Touched) -> None:
    body = station_body("SFC", {108: "서울"}, extra="  x  unreadable")
    load_list(store, "SFC", body, at(0))
    touched()
    assert load_list(store, "SFC", body, at(10)).changed == 0
    assert touched() == {"request": 1}
    assert rows(store, "SELECT COUNT(*) FROM rejected_line") == [(1,)]


def test_a_list_without_addresses_says_nothing_about_addresses(store: Store) -> None:
    load_list(store, "AWS", station_body("AWS", {108: "서울"}, address="서울특별시 종로구 송월동"), at(0))
    assert _counts(store, "AWS", station_body("AWS", {108: "서울"}), 10) == (0, 0, 0, 1)
    assert _counts(store, "AWS", station_body("AWS", {108: "서울시"}), 20) == (0, 1, 0, 1)
    assert rows(store, "SELECT stn_ko, law_addr FROM v_station") == [("서울시", "서울특별시 종로구 송월동")]


def test_an_older_list_changes_nothing(store: Store, touched: Touched) -> None:
    load_list(store, "AWS", station_body("AWS", {108: "서울"}), at(10))
    touched()
    assert _counts(store, "AWS", station_body("AWS", {90: "속초"}), 0) == (0, 0, 0, 1)
    assert touched() == {"request": 1}


def test_two_lists_of_one_moment_the_last_one_counts(store: Store) -> None:
    load_list(store, "AWS", station_body("AWS", {90: "속초", 108: "서울"}), at(0))
    assert _counts(store, "AWS", station_body("AWS", {108: "서울시"}), 0) == (0, 1, 1, 1)
    assert [row[:2] for row in rows(store, HISTORY)] == [(108, "서울시")]


def test_an_unreadable_line_closes_no_station(store: Store) -> None:
    """The line may be the station's own."""
    load_list(store, "AWS", station_body("AWS", {90: "속초", 108: "서울"}), at(0))
    garbled = station_body("AWS", {108: "서울"}, extra="   9? 128.5")
    assert _counts(store, "AWS", garbled, 10) == (0, 0, 0, 1)
    assert [row[0] for row in rows(store, "SELECT stn FROM v_station ORDER BY stn")] == [90, 108]


def test_v_station_has_one_row_for_each_number(store: Store) -> None:
    load_list(store, "AWS", station_body("AWS", {108: "서울", 400: "강남"}), at(0))
    load_list(store, "SFC", station_body("SFC", {108: "서울", 102: "백령도"}), at(0))
    assert rows(store, "SELECT stn, network, networks FROM v_station ORDER BY stn") == [
        (102, "SFC", "SFC"), (108, "SFC", "AWS,SFC"), (400, "AWS", "AWS"),
    ]  # fmt: skip
    load_list(store, "SFC", station_body("SFC", {102: "백령도"}), at(10))
    assert rows(store, "SELECT networks FROM v_station WHERE stn = 108") == [("AWS",)]
    assert [one.stn for one in store.stations()] == [102, 108, 400]


def test_distance_is_that_of_the_great_circle() -> None:
    seoul = Station(108, "SFC", "서울", "Seoul", 126.9658, 37.5714, 85.67, None)
    # Busan (159): 35.1047 N 129.0320 E; the haversine on the mean sphere gives 330 km.
    assert seoul.distance_km(35.1047, 129.0320) == pytest.approx(329.9, abs=1.0)
    assert seoul.distance_km(37.5714, 126.9658) == pytest.approx(0.0)
    assert Station(1, "AWS", None, None, None, None, None, None).distance_km(37.0, 127.0) is None


# ------------------------------------------------------------------------------------------- lists that close many


LISTED = {stn: f"지점{stn}" for stn in range(100, 300)}
SHORT = {stn: name for stn, name in LISTED.items() if stn < 120}
DAYS = 24 * 60


def now_listed(store: Store) -> int:
    return len(store.stations())


def outcomes(store: Store) -> list[object]:
    return [row[0] for row in rows(store, "SELECT outcome FROM request ORDER BY id")]


def test_a_list_that_closes_many_stations_is_held_until_one_of_another_day_agrees(store: Store) -> None:
    assert load_list(store, "AWS", station_body("AWS", LISTED), at(0)).added == 200
    held = load_list(store, "AWS", station_body("AWS", SHORT), at(1 * DAYS))
    assert (held.held, held.closed, held.added, held.total) == (180, 0, 0, 20)
    assert now_listed(store) == 200
    ((network, (since, why)),) = store.held_lists().items()
    assert (network, since) == ("AWS", at(1 * DAYS))
    assert "180 of 200 stations" in why
    assert store.last_answer("station_AWS") == at(1 * DAYS), "it is not asked again before its time"
    assert load_list(store, "AWS", station_body("AWS", SHORT), at(1 * DAYS + 60)).held == 180, "an hour later"
    agreed = load_list(store, "AWS", station_body("AWS", {**SHORT, 400: "새 지점"}), at(2 * DAYS))
    assert (agreed.held, agreed.closed, agreed.added) == (0, 180, 1)
    assert outcomes(store) == ["ok", "held", "held", "ok"]
    assert store.held_lists() == {}
    assert now_listed(store) == 21


def test_a_whole_list_makes_the_short_one_before_it_forgotten(store: Store) -> None:
    load_list(store, "AWS", station_body("AWS", LISTED), at(0))
    load_list(store, "AWS", station_body("AWS", SHORT), at(1 * DAYS))
    load_list(store, "AWS", station_body("AWS", LISTED), at(2 * DAYS))
    assert store.held_lists() == {}
    assert load_list(store, "AWS", station_body("AWS", SHORT), at(3 * DAYS)).held == 180
    other = {stn: name for stn, name in LISTED.items() if stn >= 200}
    assert load_list(store, "AWS", station_body("AWS", other), at(4 * DAYS)).held == 100, "another hundred"
    assert now_listed(store) == 200


@pytest.mark.parametrize("network", ["AWS", "SFC"])
def test_few_stations_close_at_once_and_each_network_by_itself(store: Store, network: str) -> None:
    load_list(store, network, station_body(network, LISTED), at(0))
    few = {stn: name for stn, name in LISTED.items() if stn >= 110}
    assert load_list(store, network, station_body(network, few), at(1 * DAYS)).closed == 10, "a twentieth"
    small = {stn: name for stn, name in few.items() if stn < 120}
    other = "SFC" if network == "AWS" else "AWS"
    load_list(store, other, station_body(other, small), at(0))
    nine = dict(list(small.items())[:1])
    assert load_list(store, other, station_body(other, nine), at(1 * DAYS)).closed == 9, "fewer than ten"


def test_a_person_may_take_a_list_at_once(store: Store) -> None:
    load_list(store, "AWS", station_body("AWS", LISTED), at(0))
    assert load_list(store, "AWS", station_body("AWS", SHORT), at(1), force=True).closed == 180
