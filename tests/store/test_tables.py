"""Names, columns and types are the contract (design.md §5 Database): other programs write SQL against them."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from kmaflow.store import Store
from kmaflow.store.schema import upgrade
from kmaflow.store.schema.observations import METADATA
from kmaflow.store.schema.service import SERVICE_TABLES

from .bodies import columns, load, minute_body, rows, stamp
from .shape import differences

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
    "request": "id dataset stn tm_from tm_to fetched_at http_status outcome sha256 bytes row_count rejected parser_version key_id",
    "revision": "dataset tm_kst stn col old_value new_value old_request new_request cause changed_at",
    "rejected_line": "",
    "completeness_hour": "",
    "station": "network stn valid_from valid_to",
}


def _kind(kind: sa.types.TypeEngine[object]) -> str:
    for name, one in (("DOUBLE", sa.Double), ("INTEGER", sa.Integer), ("text", sa.String), ("time", sa.DateTime)):
        if isinstance(kind, one):
            return name
    return str(kind)


def _kinds(store: Store, table: str) -> list[tuple[str, str]]:
    """The columns as the database has them."""
    return [(column["name"], _kind(column["type"])) for column in sa.inspect(store.engine).get_columns(table)]


def _keys(store: Store, table: str) -> list[str]:
    return sa.inspect(store.engine).get_pk_constraint(table)["constrained_columns"]


@pytest.mark.parametrize("name", CONTRACT)
def test_observation_tables_are_those_of_the_contract(store: Store, name: str) -> None:
    kinds = {"*": "INTEGER", "'": "text"}
    expected = [(word.rstrip("*'"), kinds.get(word[-1], "DOUBLE")) for word in CONTRACT[name].split()]
    assert _kinds(store, name) == [("tm_kst", "time"), ("stn", "INTEGER"), *expected, ("request_id", "INTEGER")]
    assert _keys(store, name) == ["tm_kst", "stn"]
    assert ["stn", "tm_kst"] in [index["column_names"] for index in sa.inspect(store.engine).get_indexes(name)]


def test_all_observation_tables_are_those_of_the_catalogue(store: Store) -> None:
    """Comments in Korean and English too."""
    assert differences(store.engine, METADATA) == []


def test_further_present_weather_codes_have_their_table(store: Store) -> None:
    assert columns(store, "aws_present_weather_code") == ["tm_kst", "stn", "k", "ww", "nn"]
    assert _keys(store, "aws_present_weather_code") == ["tm_kst", "stn", "k"]


@pytest.mark.parametrize("name", SERVICE)
def test_service_tables_have_the_columns_of_the_contract(store: Store, name: str) -> None:
    assert set(columns(store, name)) >= set(SERVICE[name].split())


def test_the_tables_of_the_state_have_the_columns_of_the_contract(database_url: str) -> None:
    with Store(database_url) as store:
        assert "api_usage" in upgrade.make_state(store.engine)
        assert upgrade.make_state(store.engine) == []
        assert set(columns(store, "api_usage")) >= {"key_id", "day_kst", "class", "calls", "bytes", "reserved"}


def test_init_makes_service_tables_and_an_observation_table_comes_with_its_first_load(database_url: str) -> None:
    with Store(database_url) as store:
        made = store.init()
        assert sorted(made) == sorted(table.name for table in SERVICE_TABLES)
        assert set(made) >= SERVICE.keys()
        assert store.init() == []
        load(store, minute_body({(stamp(1), 108): {"ta": 1.0}}), stamp(5))
        names = set(sa.inspect(store.engine).get_table_names())
        assert "aws_minute" in names
        assert not names & (CONTRACT.keys() - {"aws_minute"})
        assert set(store.init(all_tables=True)) == (CONTRACT.keys() - {"aws_minute"}) | {"aws_present_weather_code"}
    with Store(database_url) as again:
        assert again.init(all_tables=True) == []


def test_the_folder_of_a_file_is_made(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path}/new/folder/k.db") as store:
        assert store.init()


def test_numbers_compare_as_printed_and_times_are_kst_to_the_second(store: Store) -> None:
    load(store, minute_body({(stamp(1), 108): {"ta": -9.3, "pa": 1014.8}, (stamp(1), 90): {"ta": -9.0}}), stamp(5))
    assert rows(store, "SELECT tm_kst, stn, ta FROM aws_minute WHERE ta = -9.3") == [("2025-01-15 12:01:00", 108, -9.3)]
    assert rows(store, "SELECT stn FROM aws_minute WHERE ta = -9.0") == [(90,)]
    assert rows(store, "SELECT stn FROM aws_minute WHERE pa = 1014.8") == [(108,)]
    assert rows(
        store, "SELECT stn FROM aws_minute WHERE tm_kst = '2025-01-15 12:01:00' AND pa IS NULL AND stn < 100"
    ) == [(90,)]
    assert rows(store, "SELECT tm_from, tm_to FROM request") == [("2025-01-15 12:00:00", "2025-01-15 12:10:00")]


def test_in_a_file_times_are_text_and_missing_is_null(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path}/k.db") as store:
        load(store, minute_body({(stamp(1), 108): {"ta": -9.3}}, witness=False), stamp(5))
        assert rows(store, "SELECT typeof(tm_kst), typeof(ta), typeof(stn), typeof(ps) FROM aws_minute") == [
            ("text", "real", "integer", "null")
        ]
