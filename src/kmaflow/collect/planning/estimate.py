"""From what the database knows to what would be asked and what it would cost: gaps, plans, prices. The hub is not asked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from kmaflow.catalog import DATASETS, STATION_LISTS
from kmaflow.catalog.time import DAY, Window, floor_to
from kmaflow.collect.due import meant_gaps
from kmaflow.collect.live_need import live_works
from kmaflow.collect.planning.calls import ONE_STAMP, Rules
from kmaflow.collect.planning.plan import Budget, Cost, Plan, Price, Want, plan_calls
from kmaflow.quota.limits import Limits, estimate, need_until_midnight
from kmaflow.quota.meter import kind_of_call
from kmaflow.store.coverage.gaps import GRACE, Gap, ever_reported, first_start, spanned
from kmaflow.store.coverage.overhead import Beside, beside, most_bytes_per_stamp
from kmaflow.store.ledger import asked_one_by_one
from kmaflow.store.selection import StationChoice

_SEEN = 7 * DAY
_A_MIDNIGHT = datetime(2026, 1, 1)


@dataclass(frozen=True, slots=True)
class Prospect:
    """What would be asked of one dataset.

    Attributes:
        window: what was looked at.
        cells: that are missing in it; where nobody knows the stations, a stamp counts as one.
        beside: what the requests of the last 7 days took beyond their plans.
    """

    dataset: str
    window: Window
    cells: int
    plan: Plan
    beside: Beside = field(default_factory=Beside)


def settled(dataset: str, now: datetime) -> datetime:
    """The last stamp that should be in the database by now (naive KST), with ten minutes' grace for the run that brings it."""
    described = DATASETS[dataset]
    return floor_to(now - described.latency - GRACE, max(described.cadence, GRACE))


def usual_windows(
    connection: sa.Connection,
    names: Sequence[str],
    begin: datetime | None,
    end: datetime | None,
    start: datetime | None,
    now: datetime,
    *,
    held: bool = False,
) -> dict[str, Window]:
    """For each dataset what is looked at: from ``begin`` (default: ``START``, or when the hub was first asked) to ``end`` (default: what should be
    there by now). Datasets are left out for which that is nothing. All times naive KST.

    Args:
        held: where nothing says what is to be kept complete, look at the stretch that requests and files span.
    """
    held &= begin is None and start is None
    if begin is None:
        begin = start or first_start(connection)
    found: dict[str, Window] = {}
    for name in names:
        first, last = begin, end or settled(name, now)
        if held and (first is None or first >= last) and (span := spanned(connection, name)) is not None:
            first, last = span.start, min(span.end, end or span.end)
        if first is not None and first < last and Window(first, last).count(DATASETS[name].cadence):
            found[name] = Window(first, last)
    return found


def wants_of(found: Iterable[Gap]) -> list[Want]:
    """What is missing, as wishes."""
    return [Want(gap.window, gap.stations) for gap in found]


def usual_stations(connection: sa.Connection, dataset: str) -> int:
    """How many stations report: as many as ever did, before the first answer as the network has."""
    return len(ever_reported(connection, [dataset])) or STATION_LISTS[DATASETS[dataset].network].stations


def price_of(connection: sa.Connection, dataset: str, stations: int | None = None) -> Price:
    """Bytes to expect for each stamp: the most seen in the ledger, before the first answer 140 for each station.

    Args:
        stations: how many there are; None = :func:`usual_stations`.
    """
    count = stations or usual_stations(connection, dataset)
    together, single = most_bytes_per_stamp(connection, dataset)
    return Price(
        estimate(1, count, None) if together is None else math.ceil(together),
        estimate(1, 1, None) if single is None else math.ceil(single),
    )


def plan_gaps(
    connection: sa.Connection,
    dataset: str,
    wants: Iterable[Want],
    budget: Budget,
    *,
    window_minutes: int,
    newest_first: bool = False,
) -> Plan:
    """Cheap calls for what is wanted of a dataset, at the prices that the ledger knows."""
    if asked_one_by_one(connection, dataset, window_minutes):
        window_minutes = ONE_STAMP
    rules = Rules.of(DATASETS[dataset], window_minutes)
    return plan_calls(wants, rules, price_of(connection, dataset), budget, newest_first=newest_first)


def prospects(
    connection: sa.Connection,
    windows: dict[str, Window],
    choice: StationChoice,
    limits: Limits,
    *,
    window_minutes: int,
    now: datetime,
    start: datetime | None = None,
) -> list[Prospect]:
    """What would be asked for all that is missing within the windows, dataset by dataset."""
    seen = beside(connection, now - _SEEN)
    budget = Budget(limits.calls_ceiling, limits.bytes_ceiling)
    found = []
    for name, window in windows.items():
        missing = meant_gaps(connection, name, window, now=now, stations=choice.stations, start=start)
        plan = plan_gaps(connection, name, wants_of(missing), budget, window_minutes=window_minutes)
        found.append(Prospect(name, window, sum(gap.cells for gap in missing), plan, seen.get(name, Beside())))
    return found


def quota_days(connection: sa.Connection, limits: Limits, cost: Cost, *, window_minutes: int) -> float:
    """How many days' quota a backfill takes: its share of each day, less what is kept back for live data.

    Infinite where nothing is left for it.
    """
    prices = {name: price_of(connection, name).all_stations for name in DATASETS}
    seen = {
        kind_of_call(name, stamps, None): prices[name] * stamps
        for name, dataset in DATASETS.items()
        for stamps in range(1, dataset.schedule.every // dataset.cadence + 1)
    }
    one_by_one = [name for name in DATASETS if asked_one_by_one(connection, name, window_minutes)]
    kept = need_until_midnight(live_works(window_minutes, seen, one_by_one), _A_MIDNIGHT).kept
    part = limits.backfill_share
    room = [
        min(int(part * ceiling), ceiling - back)
        for ceiling, back in ((limits.calls_ceiling, kept.calls), (limits.bytes_ceiling, kept.bytes))
    ]
    return Budget(*room).days(cost) if min(room) > 0 else math.inf


def share(limits: Limits, cost: Cost) -> float:
    """The share of a day's quota that is used (98 % of the limit): 1.0 is a whole day."""
    return Budget(limits.calls_ceiling, limits.bytes_ceiling).days(cost)
