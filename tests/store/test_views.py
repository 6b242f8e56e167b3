"""The views are there wherever their tables are, with the same columns on all engines."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import MINUTE, Window
from kmaflow.store import Store, views
from kmaflow.store.engines.base import engine_named
from kmaflow.store.engines.database import open_engine, writing
from kmaflow.store.errors import StoreError
from kmaflow.store.schema import service
from kmaflow.store.schema.observations import OBSERVATIONS

from ..databases import ENGINES, database
from .bodies import NOON, WITNESS, columns, load, load_list, minute_body, rows, stamp, station_body

_PERIOD = (
    "tm_kst tm_utc stn n coverage ta_n ta_mean ta_min ta_max td_n td_mean hm_n hm_mean hm_min pa_n pa_mean ps_n ps_mean "
    "ws10_n ws10_mean ws10_max ws10_max_wd ws10_max_tm_kst wd10_mean wss_n wss_max wss_max_wd wss_max_tm_kst"
)
#: Other programs write SQL against these names.
CONTRACT = {
    "v_station": (
        "network stn valid_from valid_to lon lat stn_sp ht ht_pa ht_ta ht_wd ht_rn stn_ad stn_ko stn_en fct_id law_id basin "
        "law_addr lau_id networks"
    ),
    "v_completeness": "dataset hour_kst tm_utc stn present blank expected share",
    "v_latest": (
        "stn stn_ko stn_en lat lon ht networks tm_kst tm_utc "
        "wd1 ws1 wds wss wd10 ws10 ta re rn_15m rn_60m rn_12h rn_day hm pa ps td "
        "cloud_tm_kst cloud_tm_utc ch_low ch_mid ch_top ca_tot vis_tm_kst vis_tm_utc vis1 vis10 ww1 ww15 "
        "ground_tm_kst ground_tm_utc tg ts te005 te01 te02 te03 te05 te10 te15 te30 te50 "
        "weather_tm_kst weather_tm_utc weather_ww1 weather_nn1 asos_tm_kst asos_tm_utc "
        "asos_wd asos_ws asos_gst_wd asos_gst_ws asos_pa asos_ps asos_ta asos_td asos_hm asos_rn asos_rn_day asos_ir "
        "asos_sd_tot asos_wc asos_ww asos_ca_tot asos_ch_min asos_vs asos_ss asos_si asos_ts"
    ),
    "v_hourly": f"{_PERIOD} rn_60m rn_day re_n re_minutes",
    "v_daily": f"day {_PERIOD} rn_day rn_day_n re_n re_minutes",
}
MATHEMATICS = {
    "acos", "asin", "atan", "atan2", "ceil", "cos", "degrees", "exp", "floor", "ln", "log", "mod", "pi", "pow", "power",
    "radians", "sin", "sqrt", "tan", "trunc",
}  # fmt: skip


@pytest.fixture
def seen(store: Store) -> Store:
    """A database with all tables and their views."""
    with writing(store.engine) as connection:
        views.make(connection)
    return store


def _one(store: Store, view: str, stn: int, names: str) -> tuple[object, ...]:
    found = rows(store, f"SELECT {names} FROM {view} WHERE stn = ?", stn)
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("name", CONTRACT)
def test_a_view_has_the_columns_of_the_contract(seen: Store, name: str) -> None:
    assert sorted(columns(seen, name)) == sorted(CONTRACT[name].split())


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_page_for_people_describes_every_column(language: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / language / "views.md").read_text(encoding="utf-8")
    tables = {*OBSERVATIONS, "latest", "station", "completeness_hour"}
    for view in views.definitions(engine_named("sqlite").words, tables):
        assert f"## `{view.name}`" in page
        for column in view.columns:
            korean, _, english = column.comment.partition(" / ")
            unit = english[english.rfind(" [") :] if english.endswith("]") else ""
            meaning = english if language == "en" else f"{korean}{unit}"
            assert f"| `{column.name}` | {meaning} |" in page, f"{view.name}.{column.name}"


# ------------------------------------------------------------------------------------------------------------- making


@pytest.mark.parametrize("kind", ENGINES)
def test_views_come_with_their_tables_and_are_made_once(kind: str, tmp_path: Path) -> None:
    with database(kind, tmp_path) as url:
        engine = open_engine(url)
        with writing(engine) as connection:
            assert views.make(connection) == []
            service.METADATA.create_all(connection)
            assert views.make(connection) == ["v_station", "v_completeness", "v_latest"]
            assert views.make(connection) == []
        before = sa.inspect(engine).get_columns("v_latest")
        with writing(engine) as connection:
            # What users build on a view stays.
            connection.exec_driver_sql("CREATE VIEW mine AS SELECT stn, ta, asos_vs, asos_ww FROM v_latest")
            OBSERVATIONS["aws_minute"].create(connection)
            assert views.make(connection) == ["v_latest", "v_hourly", "v_daily"]
            assert views.make(connection) == []
            OBSERVATIONS["asos_hourly"].create(connection)
            assert views.make(connection) == ["v_latest"]
        # The shape never depends on what has been collected so far.
        assert [column["name"] for column in sa.inspect(engine).get_columns("v_latest")] == [
            column["name"] for column in before
        ]
        with engine.begin() as connection:
            for name in [*CONTRACT, "mine"]:
                assert connection.exec_driver_sql(f"SELECT * FROM {name}").all() == []
        engine.dispose()


@pytest.mark.parametrize("kind", ENGINES)
def test_views_of_an_older_version_are_replaced(kind: str, tmp_path: Path) -> None:
    with database(kind, tmp_path) as url, Store(url) as store:
        store.init()
        with writing(store.engine) as connection:
            views.make(connection)
            connection.exec_driver_sql("DROP VIEW v_latest")
            connection.exec_driver_sql("CREATE VIEW v_latest AS SELECT network AS stn, 'x' AS y FROM station")
            assert views.make(connection) == ["v_latest"]
        assert columns(store, "v_latest") == CONTRACT["v_latest"].split()
        assert "kmaflow_candidate" not in sa.inspect(store.engine).get_view_names()


@pytest.mark.parametrize("kind", ENGINES)
def test_a_table_with_the_name_of_a_view_is_left_alone(kind: str, tmp_path: Path) -> None:
    with database(kind, tmp_path) as url:
        engine = open_engine(url)
        with engine.begin() as connection:
            service.METADATA.create_all(connection)
            connection.exec_driver_sql("CREATE TABLE v_latest (mine INTEGER)")
        with pytest.raises(StoreError), writing(engine) as connection:
            views.make(connection)
        assert [column["name"] for column in sa.inspect(engine).get_columns("v_latest")] == ["mine"]
        engine.dispose()


def test_the_version_names_what_would_be_made() -> None:
    versions = {kind: views.version(engine_named(kind).words) for kind in ENGINES}
    assert len(set(versions.values())) == 3
    assert views.version(engine_named("mysql").words) == versions["mariadb"]
    assert all(re.fullmatch("[0-9a-f]{16}", version) for version in versions.values())


def test_a_client_with_other_habits_reads_the_same(seen: Store) -> None:
    load(seen, minute_body({(stamp(1), 108): {"ta": 1.0}}), stamp(5))
    habits = {
        "mysql": "SET SESSION sql_mode = 'ANSI_QUOTES,ONLY_FULL_GROUP_BY,NO_ZERO_DATE', time_zone = '-05:00'",
        "postgresql": "SET SESSION TimeZone = 'America/New_York'; SET datestyle = 'SQL, DMY'; SET jit = off",
        "sqlite": "PRAGMA case_sensitive_like = ON",
    }
    plain = sa.create_engine(seen.engine.url)
    with plain.connect() as connection:
        connection.exec_driver_sql(habits[plain.dialect.name])
        for name, expected in {"v_hourly": 2, "v_daily": 2, "v_latest": 2, "v_station": 0}.items():
            assert len(connection.exec_driver_sql(f"SELECT * FROM {name}").all()) == expected
            if plain.dialect.name == "mysql":
                assert not connection.exec_driver_sql("SHOW WARNINGS").all()
        found = connection.exec_driver_sql("SELECT tm_kst, tm_utc FROM v_hourly WHERE stn = 108").one()
        assert [str(time) for time in found] == ["2025-01-15 13:00:00", "2025-01-15 04:00:00"]
    plain.dispose()


def test_sqlite_needs_no_mathematics_and_no_connection_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "k.db"
    with Store(f"sqlite:///{path}") as store:
        store.init(all_tables=True)
        with writing(store.engine) as connection:
            views.make(connection)
        load(store, minute_body({(stamp(1), 108): {"wd10": 350.0, "ws10": 2.0, "wss": 3.0, "wds": 10.0}}), stamp(5))

    def without_mathematics(action: int, _: str | None, name: str | None, *__: str | None) -> int:
        function = 31
        return sqlite3.SQLITE_DENY if action == function and name in MATHEMATICS else sqlite3.SQLITE_OK

    with closing(sqlite3.connect(path)) as plain:
        plain.set_authorizer(without_mathematics)
        with pytest.raises(sqlite3.DatabaseError, match="sqrt"):
            plain.execute("SELECT sqrt(4)")
        for name in ("v_hourly", "v_daily"):
            found = plain.execute(f"SELECT wd10_mean, wss_max_wd, typeof(tm_kst), tm_utc FROM {name} WHERE stn = 108")
            wind, gust, kind, utc = found.fetchone()
            assert (wind, gust, kind) == (350.0, 10.0, "text")
            assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", utc)
        assert plain.execute("SELECT wd10 FROM v_latest WHERE stn = 108").fetchall() == [(350.0,)]


# ------------------------------------------------------------------------------------------------------------ station


def test_a_number_in_both_lists_is_one_station_and_a_closed_one_is_none(seen: Store) -> None:
    load_list(seen, "AWS", station_body("AWS", {108: "서울", 116: "관악", 117: "옛"}), NOON)
    load_list(seen, "SFC", station_body("SFC", {108: "서울(관)"}), NOON)
    load_list(seen, "AWS", station_body("AWS", {108: "서울", 116: "관악산"}), NOON + timedelta(days=1))
    assert rows(seen, "SELECT stn, network, networks, stn_ko FROM v_station ORDER BY stn") == [
        (108, "SFC", "AWS,SFC", "서울(관)"),
        (116, "AWS", "AWS", "관악산"),
    ]
    load_list(seen, "AWS", station_body("AWS", {116: "관악산"}), NOON + timedelta(days=2))
    assert _one(seen, "v_station", 108, "networks") == ("SFC",)


# ------------------------------------------------------------------------------------------------------------- latest


def _put(store: Store, dataset: str, tm: datetime, stn: int, **values: object) -> None:
    """A row and its stamp in ``latest``, as a load leaves them."""
    with store.engine.begin() as connection:
        connection.execute(OBSERVATIONS[dataset].insert().values(tm_kst=tm, stn=stn, request_id=1, **values))
        connection.execute(service.LATEST.insert().values(dataset=dataset, stn=stn, tm_kst=tm))


def test_latest_has_the_newest_row_with_values_of_each_station(seen: Store) -> None:
    load_list(seen, "AWS", station_body("AWS", {108: "서울", 200: "말없는"}), NOON)
    first = {(stamp(1), 108): {"ta": -9.3, "ws1": 0.0, "wd1": 270.0}, (stamp(1), 42): {"ta": -9.0, "rn_day": 0.0}}
    second: dict[tuple[datetime, int], dict[str, float]] = {(stamp(2), 108): {"ta": -9.4}, (stamp(2), 42): {}}
    load(seen, minute_body(first | second), stamp(5))
    names = "stn_ko, lat, networks, tm_kst, tm_utc, ta, wd1, rn_day"
    assert _one(seen, "v_latest", 108, names) == (
        "서울", 37.5, "AWS", "2025-01-15 12:02:00", "2025-01-15 03:02:00", -9.4, None, None,
    )  # fmt: skip
    # 42 is in no list, and its row of sentinels is no news.
    assert _one(seen, "v_latest", 42, names) == (
        None, None, None, "2025-01-15 12:01:00", "2025-01-15 03:01:00", -9.0, None, 0.0,
    )  # fmt: skip
    # 200 is in the list and has never reported.
    assert rows(seen, "SELECT stn FROM v_latest ORDER BY stn") == [(42,), (108,), (WITNESS,)]


def test_an_older_load_that_comes_late_is_no_news(seen: Store) -> None:
    load(seen, minute_body({(stamp(5), 108): {"ta": 5.0}}), stamp(9))
    earlier = Window(NOON - 60 * MINUTE, NOON)
    load(seen, minute_body({(NOON - 30 * MINUTE, 108): {"ta": 3.0}}), stamp(20), window=earlier)
    assert _one(seen, "v_latest", 108, "tm_kst, ta") == ("2025-01-15 12:05:00", 5.0)
    load(seen, minute_body({(stamp(5), 108): {"ta": 5.5}}), stamp(30))
    assert _one(seen, "v_latest", 108, "tm_kst, ta") == ("2025-01-15 12:05:00", 5.5)


def test_each_dataset_stands_with_its_own_stamp_in_the_units_people_use(seen: Store) -> None:
    _put(seen, "aws_minute", stamp(3), 90, ta=1.0)
    _put(seen, "aws_cloud", stamp(2), 90, ch_low=7620, ca_tot=9.0)
    _put(seen, "aws_visibility", stamp(1), 90, s=2, vis1=50000, ww1=71)
    _put(seen, "aws_ground_temperature", NOON, 90, ta=9.9, tg=-9.0, ts=-1.5, te50=12.0)
    _put(seen, "aws_present_weather", stamp(4), 90, s=2, n=1, ww1=61, nn1=1)
    _put(seen, "asos_hourly", datetime(2025, 1, 15, 0, 0), 90, wd=36, ws=2.5, vs=2000, ch_min=8, ir=3, ww="05", ta=-9.0)
    _put(seen, "asos_hourly", NOON, 91, wd=0, ws=0.0, gst_wd=9)
    assert _one(seen, "v_latest", 90, "tm_kst, ta, cloud_tm_kst, ch_low, ch_mid, ca_tot") == (
        "2025-01-15 12:03:00", 1.0, "2025-01-15 12:02:00", 7620, None, 9.0,
    )  # fmt: skip
    assert _one(seen, "v_latest", 90, "vis_tm_utc, vis1, ww1, ground_tm_kst, tg, ts, te50, weather_tm_kst, weather_ww1") == (
        "2025-01-15 03:01:00", 50000, 71, "2025-01-15 12:00:00", -9.0, -1.5, 12.0, "2025-01-15 12:04:00", 61,
    )  # fmt: skip
    names = "asos_tm_utc, asos_wd, asos_vs, asos_ch_min, asos_rn, asos_ir, asos_ww, asos_ta"
    assert _one(seen, "v_latest", 90, names) == ("2025-01-14 15:00:00", 360, 20000, 800, None, 3, "05", -9.0)
    # An ASOS station without minutes is there too.
    assert _one(seen, "v_latest", 91, "tm_kst, ta, asos_wd, asos_gst_wd, asos_ws") == (None, None, 0, 90, 0.0)


def test_latest_and_the_catalogue_speak_of_the_same_columns() -> None:
    printed = set(CONTRACT["v_latest"].split())
    assert {column.name for column in DATASETS["aws_minute"].values} <= printed
    assert {column.name for column in DATASETS["aws_cloud"].values} <= printed
    assert {column.name for column in DATASETS["aws_visibility"].values} <= printed
    ground = {column.name for column in DATASETS["aws_ground_temperature"].values}
    assert ground <= printed
