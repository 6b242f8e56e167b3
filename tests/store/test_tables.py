"""Names, columns and types are the contract (design.md §5 Database): other programs write SQL against them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kmaflow.store import Store
from kmaflow.store.errors import StoreForeign

from .bodies import load, minute_body, rows, stamp

#: Written down from design.md, not from the catalogue. A * marks INTEGER, a ' marks text; all else is DOUBLE.
CONTRACT = {
    "aws_minute": "wd1 ws1 wds wss wd10 ws10 ta re rn_15m rn_60m rn_12h rn_day hm pa ps td",
    "aws_cloud": "ch_low* ch_mid* ch_top* ca_tot",
    "aws_visibility": "s* vis1* vis10* ww1* ww15*",
    "aws_ground_temperature": "ta hm td tg ts te005 te01 te02 te03 te05 te10 te15 te30 te50 pa ps",
    "aws_present_weather": "s* n* ww1* nn1*",
    "asos_hourly": (
        "wd* ws gst_wd* gst_ws gst_tm* pa ps pt* pr ta td hm pv rn rn_day rn_jun rn_int sd_hr3 sd_day sd_tot wc* wp* ww' "
        "ca_tot* ca_mid* ch_min* ct' ct_top* ct_mid* ct_low* vs* ss si st_gd* ts te_005 te_01 te_02 te_03 st_sea* wh bf* "
        "ir* ix*"
    ),
}
SERVICE = {
    "fetch": "id dataset stn tm_from tm_to fetched_at http_status outcome sha256 bytes rows rejected parser_version key_id",
    "revision": "dataset tm_kst stn col old_value new_value old_fetch new_fetch cause changed_at",
    "rejected_line": "",
    "completeness_hour": "",
    "api_usage": "key_id day_kst class calls bytes reserved",
    "station": "network stn valid_from valid_to",
}


def _columns(store: Store, table: str) -> list[tuple[str, str, int]]:
    """Name, type and place in the primary key (0: none)."""
    return [(str(row[1]), str(row[2]), int(str(row[5]))) for row in rows(store, f"PRAGMA table_info({table})")]


@pytest.mark.parametrize("name", CONTRACT)
def test_observation_tables_are_those_of_the_contract(store: Store, name: str) -> None:
    kinds = {"*": "INTEGER", "'": "VARCHAR(32)"}
    expected = [(word.rstrip("*'"), kinds.get(word[-1], "DOUBLE"), 0) for word in CONTRACT[name].split()]
    found = _columns(store, name)
    assert [name for name, _, _ in found[:2]] == ["tm_kst", "stn"]
    assert [key for _, _, key in found[:2]] == [1, 2]
    assert found[2:-1] == expected
    assert found[-1][0] == "fetch_id"


def test_further_present_weather_codes_have_their_table(store: Store) -> None:
    assert [name for name, _, _ in _columns(store, "aws_present_weather_code")] == ["tm_kst", "stn", "k", "ww", "nn"]


@pytest.mark.parametrize("name", SERVICE)
def test_service_tables_have_the_columns_of_the_contract(store: Store, name: str) -> None:
    assert {column for column, _, _ in _columns(store, name)} >= set(SERVICE[name].split())


def test_init_makes_service_tables_and_an_observation_table_comes_with_its_first_load(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path}/new/folder/k.db") as store:
        made = set(store.init())
        assert made == set(SERVICE)
        assert store.init() == []
        load(store, minute_body({(stamp(1), 108): {"ta": 1.0}}), stamp(5))
        names = {str(row[0]) for row in rows(store, "SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert "aws_minute" in names
        assert not names & (CONTRACT.keys() - {"aws_minute"})
        assert set(store.init(all_tables=True)) == (CONTRACT.keys() - {"aws_minute"}) | {"aws_present_weather_code"}


def test_times_are_text_to_the_second_and_numbers_compare_as_printed(store: Store) -> None:
    load(store, minute_body({(stamp(1), 108): {"ta": -9.3, "pa": 1014.8}, (stamp(1), 90): {"ta": -9.0}}), stamp(5))
    assert rows(
        store, "SELECT tm_kst, typeof(tm_kst), stn, typeof(ta), typeof(stn) FROM aws_minute WHERE ta = -9.3"
    ) == [("2025-01-15 12:01:00", "text", 108, "real", "integer")]
    assert rows(store, "SELECT stn FROM aws_minute WHERE ta = -9.0") == [(90,)]
    assert rows(store, "SELECT stn FROM aws_minute WHERE pa = 1014.8") == [(108,)]
    assert rows(store, "SELECT DISTINCT typeof(ps) FROM aws_minute") == [("null",)]
    assert rows(store, 'SELECT tm_from, tm_to FROM "fetch"') == [("2025-01-15 12:00:00", "2025-01-15 12:10:00")]


def test_a_foreign_table_with_our_name_is_refused_before_anything_is_written(store: Store, tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path}/foreign.db") as foreign:
        with foreign.engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE aws_minute (tm_kst TEXT, stn INTEGER, mine REAL)")
        with pytest.raises(StoreForeign, match="aws_minute lacks the columns"):
            load(foreign, minute_body({(stamp(1), 108): {"ta": 1.0}}), stamp(5))
        assert rows(foreign, "SELECT COUNT(*) FROM aws_minute") == [(0,)]
        assert rows(foreign, "SELECT COUNT(*) FROM sqlite_master WHERE name = 'fetch'") == [(0,)]
