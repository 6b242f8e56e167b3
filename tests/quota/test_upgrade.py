"""A state database in which calls per second and calls at a time were shared goes on, with what the day has cost."""

from __future__ import annotations

from datetime import datetime

import pytest
import sqlalchemy as sa

from kmaflow.quota.limits import DayQuotaSpent, Limits, Spent
from kmaflow.quota.quota import Quota
from kmaflow.store.engines.database import open_engine
from kmaflow.store.schema.service import LEASE, STATE_METADATA
from kmaflow.store.state import State

from ..store.earlier import restore
from ..store.shape import differences
from ..store.state_workers import KEY, NOON

MIDNIGHT = datetime(2026, 11, 23)
KIND = "aws_minute 10 all"


def _of_0002(url: str) -> None:
    """What workers of the revision before leave: usage, a size, the hub's word, a place of a call and a lease."""
    engine = open_engine(url)
    restore(engine, "0e5e98a")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE api_key_state SET exhausted = NULL, exhausted_by = NULL, exhausted_until = NULL"
        )
    engine.dispose()


def test_a_database_of_the_revision_before_goes_on_with_the_usage_of_today(database_url: str) -> None:
    _of_0002(database_url)
    with State(database_url) as state:
        assert state.init() == []
        quota = Quota(state, KEY, Limits(100, 10_000, 1000.0), clock=lambda: NOON)
        assert quota.spent().by_class == {"live": Spent(70, 900, 40), "repair": Spent(), "backfill": Spent(20, 30, 0)}
        assert quota.sizes() == {KIND: 812_345}
        calls = 0
        try:
            while True:
                quota.reserve("repair", size=1, call_kind=KIND).settle(1)
                calls += 1
        except DayQuotaSpent:
            pass
        assert calls == 8, "98 % of 100, less the 90 that were charged before"
        with state.engine.begin() as connection:
            assert list(connection.execute(sa.select(LEASE.c.name)).scalars()) == ["backfill 1"]


def test_the_hubs_word_is_kept(database_url: str) -> None:
    _of_0002(database_url)
    with State(database_url) as state:
        with state.engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE api_key_state SET exhausted = 'bytes', exhausted_by = 'hub', exhausted_until = '2026-11-23 00:00:00'"
            )
        usage = Quota(state, KEY, Limits(), clock=lambda: NOON).spent()
        assert (usage.exhausted, usage.exhausted_by, usage.until) == ("bytes", "hub", MIDNIGHT)


@pytest.mark.parametrize("done", [1, 2])
def test_an_upgrade_that_was_cut_off_goes_on_where_it_was(database_url: str, done: int) -> None:
    """MariaDB keeps each step that has been taken."""
    _of_0002(database_url)
    taken = [
        "ALTER TABLE api_key_state DROP COLUMN next_call_at",
        "ALTER TABLE call_size RENAME COLUMN such TO call_kind",
    ]
    engine = open_engine(database_url)
    with engine.begin() as connection:
        for step in taken[:done]:
            connection.exec_driver_sql(step)
    engine.dispose()
    with State(database_url) as state:
        quota = Quota(state, KEY, Limits(), clock=lambda: NOON)
        assert (quota.spent().total.calls, quota.sizes()) == (90, {KIND: 812_345})
        assert differences(state.engine, STATE_METADATA) == []
