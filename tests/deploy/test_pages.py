"""Pages about running it elsewhere: their links lead somewhere, their names exist, their SQL runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import MINUTE
from kmaflow.commands import NAMES
from kmaflow.settings import Settings
from kmaflow.status.metrics import METRICS
from kmaflow.store import Store
from kmaflow.store.coverage.timeline import MISSING
from kmaflow.store.schema.observations import OBSERVATIONS
from kmaflow.store.schema.service import STATION

from ..databases import database
from ..store.bodies import NOON, at, load, minute_body, stamp

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LANGUAGES = ("en", "ko")
MOVING = tuple(DOCS / language / "coming-from-airflow-with-dag.md" for language in LANGUAGES)
NAMES_OF_PAGES = ("coming-from-airflow-with-dag", "monitoring", "several-hosts", "kubernetes")
PAGES = tuple(page for name in NAMES_OF_PAGES for page in sorted(DOCS.glob(f"*/{name}.md")))
#: Variables of compose.yaml and its services, which are no settings of the package.
CLUSTER = {
    *("private_address", "central", "secrets", "secrets_folder", "api_server", "postgres", "redis", "simulator"),
    *("mariadb", "postgres_observations"),
    *("results", "workers", "worker_memory", "log_format"),
}
#: The old tables, as ``database/schema.py`` of airflow_with_dag makes them on MariaDB: single precision, no key but a number.
OLD_TABLES = """
CREATE TABLE AWS_DATA (ID INTEGER AUTO_INCREMENT PRIMARY KEY, CR_YMD DATETIME, STN_ID INTEGER, TA FLOAT);
CREATE TABLE ASOS_DATA (ID INTEGER AUTO_INCREMENT PRIMARY KEY, CR_YMD DATETIME, STN_ID INTEGER, RN FLOAT);
INSERT INTO AWS_DATA (CR_YMD, STN_ID, TA) VALUES
  ('2025-01-15 12:01', 108, -9.3), ('2025-01-15 12:01', 108, -9.3), ('2025-01-15 12:02', 108, -9.2), ('2025-01-15 12:03', 108, -9.1);
INSERT INTO ASOS_DATA (CR_YMD, STN_ID, RN) VALUES ('2025-01-15 13:00', 108, -9.0), ('2025-01-15 14:00', 108, 0.5)
"""
#: The old columns of each table, by the new one.
OLD_COLUMNS = {
    "aws_minute": "WD1 WS1 WDS WSS WD10 WS10 TA RE RN_15m RN_60m RN_12H RN_DAY HM PA PS TD",
    "aws_cloud": "CH_LOW CH_MID CH_TOP CA_TOT",
    "aws_ground_temperature": "TA HM TD TG TS TE005 TE01 TE02 TE03 TE05 TE10 TE15 TE30 TE50 PA PS",
    "aws_visibility": "S VIS1 VIS10 WW1 WW15",
    "aws_present_weather": "S N WW1 NN1",
    "asos_hourly": (
        "WD WS GST_WD GST_WS GST_TM PA PS PT PR TA TD HM PV RN RN_DAY RN_JUN RN_INT SD_HR3 SD_DAY SD_TOT WC WP WW CA_TOT CA_MID CH_MIN CT CT_TOP "
        "CT_MID CT_LOW VS SS SI ST_GD TS TE_005 TE_01 TE_02 TE_03 ST_SEA WH BF IR IX"
    ),
    "station": "LON LAT STN_SP HT HT_PA HT_TA HT_WD HT_RN LAU_ID STN_AD STN_KO STN_EN FCT_ID LAW_ID BASIN",
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_links_lead_somewhere_and_settings_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (page.parent / target).exists(), target
    headings = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-")
        for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings
    named = {name.lower() for name in re.findall(r"KMAFLOW_([A-Z_]+)", text)}
    assert named <= set(Settings.model_fields) | CLUSTER
    assert set(re.findall(r"`kmaflow ([a-z]+)", text)) <= set(NAMES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_about_watching_names_every_metric(language: str) -> None:
    text = (DOCS / language / "monitoring.md").read_text(encoding="utf-8")
    assert set(re.findall(r"(?<!airflow_)\bkmaflow_[a-z_]+", text)) == {metric.prometheus for metric in METRICS}
    assert all(f"`{state}`" in text for state in MISSING)


def test_the_page_about_moving_is_the_same_in_both_languages() -> None:
    english, korean = (page.read_text(encoding="utf-8") for page in MOVING)
    for pattern in (r"`[^`\n가-힣]+`", r"^## ", r"^\| .*\|$"):
        ours, theirs = (len(re.findall(pattern, text, re.MULTILINE)) for text in (english, korean))
        assert ours == theirs, pattern
    blocks = [
        re.sub(r"--.*", "", "\n".join(re.findall(r"```\w*\n(.*?)```", text, re.DOTALL))) for text in (english, korean)
    ]
    assert blocks[0] == blocks[1]


def test_every_old_column_has_a_new_one_of_its_name() -> None:
    text = MOVING[0].read_text(encoding="utf-8")
    tables = {**OBSERVATIONS, "station": STATION}
    for table, old in OLD_COLUMNS.items():
        assert {name.lower() for name in old.split()} <= set(tables[table].columns.keys()), table
        assert f"`{table}`" in text
    assert set(OLD_COLUMNS) - {"station"} == set(DATASETS)


@pytest.mark.parametrize("page", MOVING, ids=lambda page: page.parent.name)
def test_the_sql_that_compares_runs_and_finds_what_it_says(page: Path, tmp_path: Path) -> None:
    blocks = re.findall(r"```sql\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    old_and_new, comparing = (list(filter(str.strip, block.split(";"))) for block in blocks)
    with database("mariadb", tmp_path) as url, Store(url) as store:
        store.init(all_tables=True)
        load(store, minute_body({(stamp(1), 108): {"ta": -9.3}, (stamp(2), 108): {"ta": -9.4}}), at(20))
        with store.engine.begin() as connection:
            for statement in OLD_TABLES.split(";"):
                connection.execute(sa.text(statement))
            connection.execute(
                OBSERVATIONS["asos_hourly"]
                .insert()
                .values(tm_kst=NOON + 60 * MINUTE, stn=108, rn=None, ir=3, request_id=1)
            )
            for statement in old_and_new:
                connection.execute(sa.text(statement))
            repeated, differing, only_old, missing, said = (
                [tuple(row) for row in connection.execute(sa.text(statement))] for statement in comparing
            )
            assert connection.execute(sa.text("SELECT COUNT(*) FROM AWS_DATA WHERE TA = -9.3")).scalar() == 0, "FLOAT"
            assert connection.execute(sa.text("SELECT COUNT(*) FROM aws_minute WHERE ta = -9.3")).scalar() == 1
    assert repeated == [(1,)]
    assert [row[2:] for row in differing] == [(pytest.approx(-9.2), -9.4)]
    assert only_old == [(1,)]
    assert missing == [(1,)]
    assert [row[1:] for row in said] == [(108, -9.0, None, 3)]


def _compose(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "several-hosts" / name).read_text(encoding="utf-8"))
    return found


def test_the_files_for_several_hosts_open_nothing_beyond_the_private_network() -> None:
    for service in _compose("central.yaml")["services"].values():
        assert all(port.startswith("${KMAFLOW_PRIVATE_ADDRESS:?") for port in service["ports"])
    worker = _compose("worker.yaml")["services"]["worker"]
    assert "ports" not in worker
    assert worker["cap_drop"] == ["ALL"]
    named = {name.removeprefix("KMAFLOW_").lower() for name in worker["environment"] if name.startswith("KMAFLOW_")}
    assert named <= set(Settings.model_fields) | CLUSTER
    assert all(volume.endswith(":ro") for volume in worker["volumes"] if "secrets" in volume)


@pytest.mark.parametrize("language", LANGUAGES)
def test_ports_of_the_page_are_those_of_the_files(language: str) -> None:
    text = (DOCS / language / "several-hosts.md").read_text(encoding="utf-8")
    services = _compose("central.yaml")["services"]
    outside = {port.rsplit("}:", 1)[1].split(":")[0] for service in services.values() for port in service["ports"]}
    assert outside == {"8081", "6379", "5432", "5433", "3306"}
    assert all(port in text for port in outside)
