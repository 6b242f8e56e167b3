"""Observation tables grow with the catalogue and keep their rows; what is up to date is not touched."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from kmaflow.store import Store
from kmaflow.store.schema import upgrade
from kmaflow.store.schema.observations import OBSERVATIONS
from kmaflow.store.schema.service import OBSERVATION_SCHEMA

from .bodies import at, columns, load, minute_body, rows, stamp
from .shape import again, contents, differences, drop_views, view_names, wanted_views


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An empty database, on each engine."""
    with Store(database_url) as opened:
        yield opened


@pytest.fixture
def engine(store: Store) -> sa.Engine:
    return store.engine


def test_a_table_of_an_older_catalogue_gets_what_it_lacks_and_keeps_its_rows(engine: sa.Engine) -> None:
    with again(engine) as store:
        load(store, minute_body({(stamp(1), 108): {"ta": -9.3, "td": -15.0}}), at(15))
        drop_views(store)
        for column in ("td", "rn_day"):
            rows(store, f"ALTER TABLE aws_minute DROP COLUMN {column}")
        on = " ON aws_minute" if engine.dialect.name == "mysql" else ""
        rows(store, f"DROP INDEX aws_minute_stn_tm{on}")
        rows(store, "UPDATE observation_schema SET version = 'older' WHERE table_name = 'aws_minute'")
        before = contents(engine, ["aws_minute"])["aws_minute"]
    with again(engine) as store:
        # Whoever only looks needs the columns too.
        assert store.init() == ["aws_minute"]
        assert view_names(engine) == wanted_views(engine)
        assert contents(engine, ["aws_minute"])["aws_minute"] == [row | {"td": None, "rn_day": None} for row in before]
        only = sa.MetaData()
        OBSERVATIONS["aws_minute"].to_metadata(only)
        assert differences(engine, only) == []
        assert load(store, minute_body({(stamp(1), 108): {"ta": -9.3, "td": -15.0}}), at(16)).outcome == "unchanged"
        assert load(store, minute_body({(stamp(1), 108): {"ta": -9.3, "td": -15.1}}), at(17)).updated == 1
        assert rows(store, "SELECT ta, td FROM aws_minute WHERE stn = 108") == [(-9.3, -15.1)]
    with again(engine) as store:
        assert store.init(all_tables=False) == []


def test_a_dropped_table_is_made_again(store: Store, engine: sa.Engine) -> None:
    upgrade.make(engine, ["asos_hourly"])
    rows(store, f"DROP TABLE asos_hourly{' CASCADE' if engine.dialect.name == 'postgresql' else ''}")
    assert upgrade.make(engine) == []
    assert upgrade.make(engine, ["asos_hourly"]) == ["asos_hourly"]
    assert view_names(engine) == wanted_views(engine)


def test_what_is_up_to_date_costs_one_select_and_no_alembic(store: Store, engine: sa.Engine) -> None:
    upgrade.make(engine, ["asos_hourly"])
    asked: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert upgrade.make(engine, ["asos_hourly"]) == []
    assert len([statement for statement in asked if statement != "BEGIN"]) == 1
    url = engine.url.render_as_string(hide_password=False)
    program = "import sys; from kmaflow.store import Store; Store(sys.argv[1]).init(); print('alembic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program, url], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_views_of_an_earlier_kmaflow_are_made_anew(store: Store, engine: sa.Engine) -> None:
    upgrade.make(engine)
    drop_views(store)
    rows(store, "CREATE VIEW v_station AS SELECT 1 AS earlier")
    rows(store, "UPDATE observation_schema SET version = 'earlier' WHERE table_name LIKE 'v%'")
    assert upgrade.make(engine) == []
    assert view_names(engine) == wanted_views(engine)
    assert "stn" in columns(store, "v_station")


def test_the_time_of_a_change_is_noted_in_utc(engine: sa.Engine) -> None:
    upgrade.make(engine)
    with engine.connect() as connection:
        changed = connection.execute(sa.select(sa.func.max(OBSERVATION_SCHEMA.c.changed_at))).scalar_one()
    assert isinstance(changed, datetime)
    assert abs((datetime.now(UTC).replace(tzinfo=None) - changed).total_seconds()) < 600
