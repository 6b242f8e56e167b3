"""The comparison must see every kind of difference, else a green smoke test says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from kmaflow.catalog.time import Window
from kmaflow.collect import Collector
from kmaflow.settings import load_settings
from kmaflow.simulator import DEFAULT_KEY, Running, SimulatorSettings, running
from tests.truth_check import TruthCheck

NOW = datetime(2026, 1, 10, 13, 0)
WINDOW = Window(datetime(2026, 1, 10, 11, 58), datetime(2026, 1, 10, 12, 0))
NAMES = ("aws_minute", "aws_present_weather", "asos_hourly")


@pytest.fixture(scope="module")
def hub() -> Iterator[Running]:
    with running(SimulatorSettings(now=NOW)) as hub:
        yield hub


@pytest.fixture
def engine(hub: Running, tmp_path: Path) -> Iterator[sa.Engine]:
    settings = load_settings(home=tmp_path, api_key=SecretStr(DEFAULT_KEY), hub_url=hub.url)
    with Collector.open(settings, clock=lambda: NOW) as collector:
        for name in NAMES:
            assert collector.collect(
                name, WINDOW, collector.choose_stations("all", ["aws_minute", "asos_hourly"])
            ).complete
    engine = sa.create_engine(settings.database_url)
    yield engine
    engine.dispose()


def test_what_was_collected_is_the_truth(hub: Running, engine: sa.Engine) -> None:
    check = TruthCheck(hub.base_url, engine)
    for name in NAMES:
        for found in check.compare(name, [WINDOW, WINDOW]):
            assert found.equal, str(found)
            assert found.cells or found.table == "aws_present_weather_code"


@pytest.mark.parametrize(
    ("sabotage", "expected"),
    [
        ("UPDATE asos_hourly SET ta = ta + 0.1 WHERE stn = 108", (1, 0, 0)),
        ("UPDATE asos_hourly SET ta = NULL WHERE stn = 108", (1, 0, 0)),
        ("DELETE FROM asos_hourly WHERE stn = 108", (0, 1, 0)),
        (
            "INSERT INTO asos_hourly (tm_kst, stn, request_id) VALUES ('2026-01-10 13:00:00', 108, 1)",
            (0, 0, 1),
        ),
    ],
)
def test_every_kind_of_difference_is_seen(
    hub: Running, engine: sa.Engine, sabotage: str, expected: tuple[int, int, int]
) -> None:
    with engine.begin() as connection:
        assert connection.execute(sa.text(sabotage)).rowcount == 1
    (found,) = TruthCheck(hub.base_url, engine).compare("asos_hourly", [WINDOW])
    assert (found.differing, found.missing, found.extra) == expected
    assert not found.equal
