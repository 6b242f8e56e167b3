"""What earlier versions believed of saved files is taken back when the database is opened: everything between two rows was answered, they said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256

import pytest
import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, HOUR, MINUTE, Window, day_of, days_of
from kmaflow.store import Store, ledger
from kmaflow.store.coverage.gaps import gaps
from kmaflow.store.coverage.states import stamps
from kmaflow.store.engines.database import reading, writing_alone
from kmaflow.store.ledger import LONGEST
from kmaflow.store.schema import upgrade
from kmaflow.store.schema.observations import OBSERVATIONS

from .bodies import rows
from .earlier import restore

pytestmark = pytest.mark.usefixtures("every_month")
NOW = datetime(2026, 11, 1)
FIRST, LAST = datetime(2022, 8, 5), datetime(2026, 9, 2, 23, 5)


@pytest.fixture
def old(database_url: str) -> Iterator[Store]:
    """A database as the version before the ledger told files apart left it, without an answer."""
    with Store(database_url) as store:
        restore(store.engine, "0e5e98a")
        with writing_alone(store.engine, ["schema"]) as connection:
            quote = connection.dialect.identifier_preparer.quote
            for name in ("aws_minute", "fetch", "coverage_day", "completeness_hour"):
                connection.exec_driver_sql(f"DELETE FROM {quote(name)}")
            OBSERVATIONS["asos_hourly"].create(connection)
            connection.exec_driver_sql("ALTER TABLE asos_hourly RENAME COLUMN request_id TO fetch_id")
        yield store


def _insert(connection: sa.Connection, table: sa.Table, **values: object) -> int:
    key = connection.execute(table.insert().values(values)).inserted_primary_key
    return int(key[0]) if key is not None and table.name == "fetch" else 0


def _loaded(
    store: Store, dataset: str, cells: list[tuple[datetime, int]], *, outcome: str = "ok", asked: Window | None = None
) -> None:
    """As that version loaded a file (``asked``: an answer of the hub): a row of the ledger for each month between the first row and the last, each
    of which answers everything for all stations."""
    step = DATASETS[dataset].cadence
    whole = asked or Window(min(cells)[0] - step, max(cells)[0])
    numbers = {stn for _, stn in cells}
    stn = numbers.pop() if len(numbers) == 1 else 0
    with store.engine.begin() as connection:
        found = sa.MetaData()
        found.reflect(connection, only=["fetch", dataset, "completeness_hour", "coverage_day"])
        spans: dict[str, list[list[int]]] = {}
        reported: dict[str, list[int]] = {}
        for part in whole.split(LONGEST):
            number = _insert(
                connection, found.tables["fetch"], dataset=dataset, stn=stn, tm_from=part.start, tm_to=part.end, fetched_at=NOW - DAY,
                http_status=200 if asked else None, outcome=outcome, sha256=sha256(repr(cells).encode()).hexdigest(), bytes=7, rows=len(cells),
                rejected=0, parser_version=1, key_id="0123456789ab" if asked else None, selection="all",
            )  # fmt: skip
            for tm, one in cells if outcome != "unchanged" else ():
                if tm in part:
                    _insert(connection, found.tables[dataset], tm_kst=tm, stn=one, fetch_id=number, ta=1.0)
                    hour = (tm - timedelta(microseconds=1)).replace(minute=0, second=0, microsecond=0) + HOUR
                    _insert(
                        connection,
                        found.tables["completeness_hour"],
                        dataset=dataset,
                        hour_kst=hour,
                        stn=one,
                        present=1,
                        blank=0,
                    )
                    reported.setdefault(f"{day_of(tm)}", []).append(one)
            for day in days_of(part):
                begin = datetime(day.year, day.month, day.day)
                low, high = max(part.start, begin), min(part.end, begin + DAY)
                spans.setdefault(f"{day}", []).append([(low - begin) // MINUTE, (high - begin) // MINUTE])
        who = f"one:{stn}" if stn else "all"
        there = set(rows(store, "SELECT day_kst FROM coverage_day WHERE dataset = ?", dataset))
        for text, minutes in spans.items():
            if (text,) not in there:
                numbers = set(reported.get(text, ()))
                _insert(
                    connection, found.tables["coverage_day"], dataset=dataset, day_kst=text, answered=json.dumps({who: minutes}),
                    reported=",".join(map(str, sorted(numbers))), present=len(numbers), blank=0,
                )  # fmt: skip


def _states(store: Store, dataset: str, window: Window, stn: int) -> list[str]:
    with reading(store.engine) as connection:
        return stamps(connection, dataset, window, stations=[stn])["state"].to_list()


def _missing(store: Store, dataset: str, window: Window, *stations: int) -> int:
    with reading(store.engine) as connection:
        return sum(gap.cells for gap in gaps(connection, [dataset], window, now=NOW, stations=stations))


def _observed(store: Store, dataset: str) -> list[tuple[object, ...]]:
    return rows(store, f"SELECT tm_kst, stn, ta FROM {dataset} ORDER BY tm_kst, stn")


def test_two_rows_four_years_apart_prove_two_cells(old: Store) -> None:
    _loaded(old, "aws_minute", [(FIRST, 90), (LAST, 108)])
    before = _observed(old, "aws_minute")
    assert len(rows(old, "SELECT day_kst FROM coverage_day")) > 1400
    upgrade.make(old.engine)
    day = Window(FIRST - MINUTE, FIRST + DAY)
    assert _missing(old, "aws_minute", day, 90, 108) == 2 * 1441 - 1
    assert _states(old, "aws_minute", Window(FIRST - MINUTE, FIRST + MINUTE), 90) == ["present", "not_asked"]
    assert _states(old, "aws_minute", Window(FIRST - MINUTE, FIRST + MINUTE), 108) == ["not_asked", "not_asked"]
    assert _missing(old, "aws_minute", Window(datetime(2024, 5, 1), datetime(2024, 5, 2)), 90) == 1440
    assert [row[0] for row in rows(old, "SELECT day_kst FROM coverage_day ORDER BY day_kst")] == [
        "2022-08-04",
        "2026-09-02",
    ]
    assert _observed(old, "aws_minute") == before
    with reading(old.engine) as connection:
        story = ledger.covering(connection, "aws_minute", 90, FIRST + MINUTE)
        assert story == []
        assert len(ledger.covering(connection, "aws_minute", 90, FIRST)) == 1


def test_a_file_of_two_stations_makes_no_other_absent_and_a_real_answer_still_does(old: Store) -> None:
    ten = [datetime(2026, 8, 1, hour) for hour in (1, 11)]
    _loaded(old, "asos_hourly", [(tm, stn) for tm in ten for stn in (108, 159)])
    _loaded(old, "asos_hourly", [(tm, stn) for tm in ten for stn in (108, 159)], outcome="unchanged")
    real = Window(datetime(2026, 8, 3), datetime(2026, 8, 3, 2))
    _loaded(old, "asos_hourly", [(tm, stn) for tm in real.stamps(HOUR) for stn in (90, 108, 159)], asked=real)
    upgrade.make(old.engine)
    window = Window(datetime(2026, 8, 1), datetime(2026, 8, 1, 11))
    assert _missing(old, "asos_hourly", window, 90) == 11
    assert _missing(old, "asos_hourly", window, 108, 159) == 2 * 9
    assert _missing(old, "asos_hourly", real, 90, 108, 159) == 0
    held = rows(old, "SELECT holds, outcome FROM request WHERE kind = 'file' ORDER BY id")
    assert [row[1] for row in held] == ["ok", "unchanged"]
    assert held[0][0] == held[1][0]
    assert "108,159" in str(held[0][0])


def test_it_is_done_once(old: Store) -> None:
    _loaded(old, "aws_minute", [(FIRST, 90), (FIRST + MINUTE, 90)])
    upgrade.make(old.engine)
    before = rows(old, "SELECT * FROM coverage_day"), rows(old, "SELECT * FROM request")
    assert upgrade.make(old.engine) == []
    assert (rows(old, "SELECT * FROM coverage_day"), rows(old, "SELECT * FROM request")) == before
