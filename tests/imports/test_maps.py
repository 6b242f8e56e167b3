"""Maps: those of the documentation do what they say, and what a map or file must not say is told."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from kmaflow.catalog.time import now_kst
from kmaflow.maintain.imports.body import ImportedRows, decoded, stamped, understood
from kmaflow.maintain.imports.mapping import FOLDER, MapError, read_maps, table_map
from kmaflow.store import Store

from ..commands.conftest import Kmaflow
from ..databases import database
from ..store.bodies import rows

DOCS = Path(__file__).parents[2] / "docs"
PORTAL, OWN = re.findall(r"```toml\n(.*?)```", (DOCS / "en" / "importing.md").read_text(encoding="utf-8"), re.DOTALL)
COMMANDS = re.findall(r"^kmaflow import .*$", (DOCS / "en" / "importing.md").read_text(encoding="utf-8"), re.MULTILINE)
#: As the portal writes it, also with winds that are no tens of degrees, and hours without a value.
FILE = """지점,지점명,일시,기온(°C),강수량(mm),풍속(m/s),풍향(16방위),습도(%),시정(10m)
102,백령도,2016-01-01 01:00,-9.0,,3.3,270,62,2000
102,백령도,2016-01-01 02:00,2.1,0.5,0,0,,1790
108,서울,2016-01-01 01:00,,,,,,
108,서울,2016-01-01 02:00,-9.9,,1.2,20,55,
108,서울,2016-01-01 03:00,-9.9,,1.2
"""


def test_a_file_of_the_open_data_portal(kmaflow: Kmaflow, home: Path, tmp_path: Path) -> None:
    (tmp_path / "OBS_ASOS_TIM.csv").write_text(FILE, encoding="cp949")
    (tmp_path / "portal.toml").write_text(PORTAL, encoding="utf-8")
    told = kmaflow(*COMMANDS[2].split()[1:], "--json")
    assert told.code == 3
    (table,) = json.loads(told.out)["tables"]
    assert (table["source"], table["read"], table["inserted"], table["blank"]) == ("OBS_ASOS_TIM.csv", 5, 3, 1)
    assert list(table["reasons"]) == ["일시: '108,서울,2016-01-01 03:00,-9.9,,1.2' is no time"]
    with Store(f"sqlite:///{home / 'kmaflow.db'}") as store:
        assert rows(store, "SELECT tm_kst, stn, ta, rn, ws, wd, hm, vs FROM asos_hourly ORDER BY stn, tm_kst") == [
            ("2016-01-01 01:00:00", 102, -9.0, None, 3.3, 27, 62.0, 2000),
            ("2016-01-01 02:00:00", 102, 2.1, 0.5, 0.0, 0, None, 1790),
            ("2016-01-01 02:00:00", 108, -9.9, None, 1.2, 2, 55.0, None),
        ]
    again = kmaflow(*COMMANDS[2].split()[1:])
    assert again.code == 3
    assert "\t0\t3\t" in again.out


def test_a_table_of_ones_own(kmaflow: Kmaflow, home: Path, tmp_path: Path) -> None:
    (tmp_path / "minutes.toml").write_text(OWN, encoding="utf-8")
    with database("postgresql", tmp_path) as url:
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            for statement in (
                "CREATE SCHEMA weather",
                "CREATE TABLE weather.minutes (id SERIAL, observed_at TIMESTAMP, station TEXT, temperature REAL, humidity REAL, rain_cm REAL)",
                """INSERT INTO weather.minutes (observed_at, station, temperature, humidity, rain_cm) VALUES
                ('2024-12-01 15:00', '108', -9.0, 40, 0.25), ('2024-12-01 15:01', '108', -999, -999, 0.1),
                ('2024-12-01 15:01', '108', -9.3, -999, 0.3), ('2024-12-01 15:02', '108', -999, -999, -999)""",
            ):
                connection.exec_driver_sql(statement)
        engine.dispose()
        template = COMMANDS[3]
        assert "postgresql://user:password@host/name" in template
        told = kmaflow(*template.replace("postgresql://user:password@host/name", url).split()[1:], "--json")
    assert (told.code, told.err) == (0, "")
    (table,) = json.loads(told.out)["tables"]
    assert (table["inserted"], table["blank"], table["repeated"]) == (2, 1, 1)
    with Store(f"sqlite:///{home / 'kmaflow.db'}") as store:
        assert rows(store, "SELECT tm_kst, stn, ta, hm, rn_day FROM aws_minute ORDER BY tm_kst") == [
            ("2024-12-02 00:00:00", 108, -9.0, 40.0, 2.5),
            ("2024-12-02 00:01:00", 108, -9.3, None, 3.0),
        ]


def test_the_commands_of_the_page_are_the_four_kinds(kmaflow: Kmaflow) -> None:
    """The first two are run by the tests of the recipe, with the URL of a database that is there."""
    assert [command.split()[2] for command in COMMANDS] == [
        *("airflow-with-dag", "airflow-with-dag", "OBS_ASOS_TIM.csv", "postgresql://user:password@host/name"),
    ]
    assert {path.stem for path in FOLDER.glob("*.toml")} == {"airflow-with-dag"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[aws_minutes]\n", "[aws_minutes] is no dataset; datasets: aws_minute,"),
        ("[aws_minute]\ntime = 'a'\n", "aws_minute.stn: Field required"),
        ("[aws_minute]\ntime = 'a'\nstn = 'b'\nsentinel = 3\n", "aws_minute.sentinel: Extra inputs"),
        ("[aws_minute]\ntime = 'a'\nstn = 'b'\nutc_offset = 'KST'\n", "aws_minute.utc_offset: String should match"),
        ("[aws_minute]\ntime = 'a'\nstn = 'b'\n[aws_minute.columns]\nxx = 'c'\n", "aws_minute has no column xx"),
        (
            "[aws_minute]\ntime = 'a'\nstn = 'b'\n[aws_minute.columns]\nta = {}\n",
            "aws_minute.columns.ta.from: Field required",
        ),
        ("time =\n", "no TOML"),
        ("", "no section"),
    ],
)
def test_what_a_map_must_not_say_is_told(text: str, words: str, tmp_path: Path, kmaflow: Kmaflow) -> None:
    (tmp_path / "map.toml").write_text(text, encoding="utf-8")
    (tmp_path / "file.csv").write_text("a,b,c\n", encoding="utf-8")
    told = kmaflow("import", "file.csv", "--map", "map.toml")
    assert told.code == 2
    assert words in told.err
    assert "importing.md" in told.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["import", "airflow-with-dag"], 2, "takes the URL"),
        (["import", "file.csv"], 2, "needs --map FILE"),
        (["import", "none.csv", "--map", "map.toml"], 1, "No such file"),
        (["import", "file.csv", "--map", "none.toml"], 2, "No such file"),
        (["import", "file.csv", "--map", "map.toml"], 2, "file.csv has no column time: it has a, b"),
        (["import", "airflow-with-dag", "mariadb://"], 1, "older database"),
        (["import", "airflow-with-dag", "mariadb://root@127.0.0.1:1/x"], 1, "older database"),
        (["import", "airflow-with-dag", "oracle://u:secret@h/x"], 1, "not supported"),
        (["import", "airflow-with-dag", "sqlite:///none.db"], 1, "no such file"),
        (["import", "airflow-with-dag", "no url"], 1, "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_told(
    arguments: list[str], code: int, words: str, tmp_path: Path, home: Path, kmaflow: Kmaflow
) -> None:
    (tmp_path / "map.toml").write_text("[aws_minute]\ntime = 'time'\nstn = 'stn'\n", encoding="utf-8")
    (tmp_path / "file.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    told = kmaflow(*arguments)
    assert told.code == code, told.err
    assert words in told.err
    assert "secret" not in told.err
    assert not (tmp_path / "none.db").exists()
    assert not home.exists()


def test_a_url_from_standard_input_and_a_file_of_sqlite(
    kmaflow: Kmaflow, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from io import StringIO

    engine = sa.create_engine(f"sqlite:///{tmp_path / 'old.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE AWS_DATA (ID INTEGER PRIMARY KEY, CR_YMD TEXT, STN_ID INTEGER, TA REAL)"
        )
        connection.exec_driver_sql("INSERT INTO AWS_DATA VALUES (1, '2024-12-01 00:01:00.000000', 108, -9.0)")
    engine.dispose()
    before = (tmp_path / "old.db").read_bytes()
    monkeypatch.setattr("sys.stdin", StringIO(f"sqlite:///{tmp_path / 'old.db'}\n"))
    told = kmaflow("import", "airflow-with-dag", "-")
    assert (told.code, told.err) == (0, "")
    assert (tmp_path / "old.db").read_bytes() == before
    with Store(f"sqlite:///{home / 'kmaflow.db'}") as store:
        assert rows(store, "SELECT tm_kst, ta FROM aws_minute") == [("2024-12-01 00:01:00", -9.0)]


def test_a_body_says_the_same_as_what_it_was_made_of() -> None:
    rules = next(one for one in read_maps(FOLDER / "airflow-with-dag.toml") if one.name == "asos_hourly")
    rules = rules.fitted(["ID", "CR_YMD", "STN_ID", "TA", "RN", "WW", "SI"], "ASOS_DATA")
    raw = pl.DataFrame(
        {
            "CR_YMD": ["2024-12-01 01:00:00", "2024-12-01 02:00:00", None],
            "STN_ID": ["108", "108.0", "1,2"],
            "SI": [None, "-9.0", 'a "b"'],
            "WW": ["5.0", "-", "6.105e+21"],
            "TA": ["-9.0", "-0.0", "1"],
            "RN": ["-9.0", "0.5", "2"],
        }
    )
    imported = ImportedRows("ASOS_DATA", rules, raw.select(rules.sources))
    again = decoded(imported.encoded())
    assert again.raw.equals(imported.raw)
    assert again.encoded() == imported.encoded()
    assert again.rules == imported.rules
    first, second = (understood(one, now_kst()) for one in (imported, again))
    assert first.parsed.rows.equals(second.parsed.rows)
    assert first.parsed.rejected == second.parsed.rejected
    assert first.parsed.rows.select("stn", "ta", "rn", "ww", "si").rows() == [
        (108, -9.0, None, "05", None),
        (108, 0.0, 0.5, None, None),
    ]
    assert str(first.parsed.rows["ta"][1]) == "0.0"
    assert first.lost == {"ww": 1}
    assert [line.reason for line in first.parsed.rejected] == ["CR_YMD: '' is no time"]


@pytest.mark.parametrize(
    ("written", "section", "meant"),
    [
        ("202412010300", {}, "2024-12-01 03:00"),
        ("20241201", {}, "2024-12-01 00:00"),
        ("2024-12-01T03:00:00", {}, "2024-12-01 03:00"),
        ("2024-12-01 03:00:00+09:00", {"utc_offset": "+00:00"}, "2024-12-01 03:00"),
        ("2024-11-30T18:00Z", {"shift_minutes": 60}, "2024-12-01 04:00"),
        ("2024-12-01 03:00", {"utc_offset": "-05:00"}, "2024-12-01 17:00"),
        ("01.12.2024 3h", {"time_format": "%d.%m.%Y %Hh", "shift_minutes": 60}, "2024-12-01 04:00"),
        ("1.12.2024", {}, None),
        ("2024-13-01", {}, None),
        ("9999-12-31 23:59", {"utc_offset": "-09:00"}, None),
    ],
)
def test_times_as_people_write_them(written: str, section: dict[str, object], meant: str | None) -> None:
    rules = table_map("aws_minute", {"time": "t", "stn": 108, **section}, "a test")
    found = stamped(rules, pl.DataFrame({"t": [written]})).row(0)
    assert found == (None if meant is None else datetime.fromisoformat(meant), 108)


def test_rows_that_disagree_are_not_read_unless_the_map_names_an_order() -> None:
    raw = pl.DataFrame(
        {"t": ["202412010001"] * 3 + ["202412010002"] * 2, "s": ["90"] * 5, "ta": ["1", "2", None, "3", "3.0"]}
    )
    rules = table_map("aws_minute", {"time": "t", "stn": "s"}, "a test").fitted(raw.columns, "a test")
    found = understood(ImportedRows("a", rules, raw), now_kst())
    assert found.parsed.rows["ta"].to_list() == [3.0]
    assert len(found.parsed.rejected) == 2
    assert (found.blank, found.repeated) == (1, 1)
    ordered = understood(ImportedRows("a", rules.model_copy(update={"order": "id"}), raw), now_kst())
    assert ordered.parsed.rows["ta"].to_list() == [2.0, 3.0]
    assert not ordered.parsed.rejected


def test_a_map_without_a_column_of_the_dataset_is_refused() -> None:
    rules = table_map("aws_minute", {"time": "t", "stn": "s"}, "a test")
    with pytest.raises(MapError, match="no column that is called as one of aws_minute"):
        rules.fitted(["t", "s", "x"], "MY_TABLE")


def test_present_weather_keeps_that_no_code_follows() -> None:
    raw = pl.DataFrame(
        {"t": ["202412010001", "202412010002"], "s": ["90", "90"], "n": ["0", None], "ww1": [None, None]}
    ).cast(pl.String)
    rules = table_map("aws_present_weather", {"time": "t", "stn": "s"}, "a test").fitted(raw.columns, "a test")
    found = understood(ImportedRows("a", rules, raw), now_kst() + timedelta(0))
    assert found.parsed.rows.select("n", "ww1", "blank").rows() == [(0, None, True)]
    assert found.blank == 1
