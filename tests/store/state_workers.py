"""What the tests of leases and quota let other processes do. Nothing here may need pytest: every process imports this module."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import sqlalchemy as sa

from kmaflow.quota.limits import CallClass, DayQuotaSpent, Limits
from kmaflow.quota.quota import Quota
from kmaflow.store.engines.database import again, writing
from kmaflow.store.schema.service import STATE_METADATA
from kmaflow.store.state import State

KEY = "0123456789ab"
NOON = datetime(2026, 11, 22, 12, 0)
SPAWN = get_context("spawn")

#: Counts who is inside at the same time, and the most that ever were.
WITNESS = sa.Table(
    "witness",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    *(sa.Column(n, sa.Integer) for n in ("inside", "most", "entered")),
)


@contextmanager
def importable() -> Iterator[None]:
    """New processes find this module by its name."""
    root = str(Path(__file__).resolve().parents[2])
    sys.path.insert(0, root)
    try:
        yield
    finally:
        sys.path.remove(root)


@contextmanager
def pool(count: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that share nothing with this one."""
    with importable(), ProcessPoolExecutor(count, mp_context=SPAWN) as executor:
        yield executor


def forget(url: str) -> None:
    """All rows of the state tables and the witness away."""
    with State(url) as state, state.engine.begin() as connection:
        WITNESS.drop(connection, checkfirst=True)
        for table in STATE_METADATA.sorted_tables:
            connection.execute(table.delete())


def make_witness(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        WITNESS.create(connection)
        connection.execute(WITNESS.insert().values(id=1, inside=0, most=0, entered=0))


def witnessed(engine: sa.Engine) -> tuple[int, int, int]:
    """(inside now, the most at a time, how often somebody entered)."""
    with engine.begin() as connection:
        row = connection.execute(sa.select(WITNESS.c.inside, WITNESS.c.most, WITNESS.c.entered)).one()
        return row[0], row[1], row[2]


def _step(engine: sa.Engine, by: int) -> None:
    def work() -> None:
        with writing(engine) as connection:
            seen = connection.execute(sa.select(WITNESS).with_for_update()).one()
            inside = seen.inside + by
            values = {"inside": inside, "most": max(seen.most, inside), "entered": seen.entered + (by > 0)}
            connection.execute(WITNESS.update().values(values))

    again(work)


def enter_often(url: str, name: str, times: int) -> None:
    """Take the lease, be seen inside, leave; so many times."""
    with State(url) as state:
        for _ in range(times):
            with state.lease(name, ttl=30) as lease:
                assert lease.take(wait=True, timeout=600)
                _step(state.engine, +1)
                _step(state.engine, -1)


def do_once(url: str, name: str) -> bool:
    """Under the lease: do the work unless it is done."""
    with State(url) as state, state.lease(name, ttl=30) as lease:
        assert lease.take(wait=True, timeout=600)
        if witnessed(state.engine)[2]:
            return False
        _step(state.engine, +1)
        _step(state.engine, -1)
        return True


def hold(url: str, name: str, ttl: float, told: Connection) -> None:
    """Hold a lease until killed."""
    with State(url) as state:
        told.send(state.lease(name, ttl=ttl).take())
        while True:
            time.sleep(60)


def _at_noon() -> datetime:
    return NOON


def spend(url: str, cls: CallClass, limits: Limits, size: int, comes: int | None) -> tuple[int, bool]:
    """Call until the quota is spent. Gives the calls made, and whether more was ever charged than the ceiling allows."""
    calls = 0
    above = False
    with State(url) as state, Quota(state, KEY, limits, clock=_at_noon) as quota:
        while True:
            try:
                with quota.reserve(cls, size=size) as ticket:
                    calls += 1
                    total = quota.spent().total
                    above |= total.calls > limits.calls_ceiling or total.charged > limits.bytes_ceiling
                    ticket.settle(comes)
            except DayQuotaSpent:
                return calls, above


def call_often(url: str, limits: Limits, times: int) -> None:
    """Make so many calls, then be seen to have finished."""
    with State(url) as state, Quota(state, KEY, limits, clock=_at_noon) as quota:
        for _ in range(times):
            with quota.reserve("live", size=1) as ticket:
                ticket.settle(1)
        _step(state.engine, +1)


def call_until(url: str, limits: Limits) -> int:
    """Call, and hold the call open until somebody else has finished; gives the calls made."""
    calls = 0
    with State(url) as state, Quota(state, KEY, limits, clock=_at_noon) as quota:
        while not calls or not witnessed(state.engine)[2]:
            with quota.reserve("backfill", size=1) as ticket:
                calls += 1
                while not witnessed(state.engine)[2]:
                    time.sleep(0.01)
                ticket.settle(1)
        return calls


def call_for_ever(url: str, limits: Limits, size: int, told: Connection) -> None:
    """Begin a call that never ends."""
    with State(url) as state:
        ticket = Quota(state, KEY, limits, clock=_at_noon).reserve("live", size=size)
        told.send("called")
        while ticket.ended is None:
            time.sleep(60)
