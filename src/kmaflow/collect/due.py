"""What should be asked again now: what is missing, what came blank, what KMA may have corrected since.

* Missing cells are asked again 10 minutes, 1 hour, 6 hours, 1 day and 3 days after they were first asked for, then given up. What was never asked, or
  was kept back by the quota, is due at once.
* A blank row, or none, is asked again 10 minutes and 1 hour after the first answer, if that station reported within the last 24 hours.
* The last days are visited again once a day, for corrections.

It is all told from ledger and tables, so that nothing is forgotten when a worker dies, and nothing is asked twice because two of them live.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, HOUR, MINUTE, Window
from kmaflow.collect.planning.plan import Want
from kmaflow.store.coverage.gaps import GONE, Gap, gaps, runs, unanswered, unread
from kmaflow.store.coverage.gaps import due as had_by_hub
from kmaflow.store.coverage.retries import (
    FOR_A_PERSON,
    Attempts,
    answers,
    due,
    failures,
    moment_of,
    next_try,
    seconds,
    stamps_of,
)
from kmaflow.store.coverage.states import stored_rows
from kmaflow.store.coverage.timeline import ANSWERED, StationGroup, TimeAxis, Timeline
from kmaflow.store.ledger import GIVEN_UP
from kmaflow.store.schema.service import COMPLETENESS_HOUR

MISSING_STEPS = (10 * MINUTE, HOUR, 6 * HOUR, DAY, 3 * DAY)
QUIET_STEPS = (10 * MINUTE, HOUR)


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be asked of one dataset now, and what is not.

    Attributes:
        missing: stretches whose next try has come.
        exhausted: stretches that were tried as often as they will be, not yet noted as given up.
        later: stretches whose next try is still to come, or that are given up.
        tries: for each of ``later`` when it is asked for again, naive KST; None = not any more.
        quiet: blank or absent cells to be asked again.
        revisits: stretches to be visited for corrections.
    """

    dataset: str
    missing: tuple[Gap, ...] = ()
    exhausted: tuple[Gap, ...] = ()
    later: tuple[Gap, ...] = ()
    tries: tuple[datetime | None, ...] = ()
    quiet: tuple[Want, ...] = ()
    revisits: tuple[Want, ...] = ()

    @property
    def anything(self) -> bool:
        """Whether there is something to ask."""
        return bool(self.missing or self.quiet or self.revisits)


def due_now(
    connection: sa.Connection,
    dataset: str,
    window: Window,
    *,
    now: datetime,
    stations: Iterable[int] | None = None,
    start: datetime | None = None,
    revisit_days: int = 0,
    everything: bool = False,
    widened: bool = False,
    only_missing: bool = False,
) -> Due:
    """What is due of one dataset.

    Args:
        window: what is looked at, naive KST. Stamps that the hub cannot have yet are left out.
        now: naive KST.
        stations: only these; None = all.
        start: ``START``, naive KST: what lies before was not meant to be kept.
        revisit_days: how many days back corrections are looked for.
        everything: all that is missing, due or given up.
        widened: also what was answered when other stations were to be stored. The archive has it: ``kmaflow rebuild`` needs no call.
        only_missing: neither blank cells nor corrections are looked for: no observation is read.
    """
    window_end = min(window.end, had_by_hub(dataset, now))
    begin = max(window.start, DATASETS[dataset].given_since(now))
    if window_end <= begin or not Window(begin, window_end).count(DATASETS[dataset].cadence):
        return Due(dataset)
    window = Window(begin, window_end)
    chosen = None if stations is None else frozenset(stations)
    timeline = Timeline(connection, dataset, Window(window.start, window_end), stations=chosen, start=start)
    missing, exhausted, later, tries = _missing(connection, timeline, now, everything=everything, widened=widened)
    quiet: tuple[Want, ...] = ()
    revisits: tuple[Want, ...] = ()
    recent = max(window.start, now - (revisit_days + 2) * DAY)
    if not only_missing and recent < window_end and Window(recent, window_end).count(timeline.axis.step):
        axis = TimeAxis(Window(recent, window_end), timeline.axis.step)
        answered = answers(connection, dataset, axis, chosen or ())
        quiet = _quiet(connection, dataset, axis, answered, chosen, now)
        revisits = _revisits(axis, answered, now, revisit_days)
    return Due(dataset, missing, exhausted, later, tries, quiet, revisits)


def meant_gaps(
    connection: sa.Connection,
    dataset: str,
    window: Window,
    *,
    now: datetime,
    stations: Iterable[int] | None = None,
    start: datetime | None = None,
    widened: bool = False,
) -> list[Gap]:
    """What is missing, due or not, of what is meant to be there; arguments as :func:`due_now`."""
    found = gaps(connection, [dataset], window, now=now, stations=stations, start=start)
    return [gap for gap in found if gap.why not in _not_meant(widened)]


def _not_meant(widened: bool) -> tuple[str, ...]:
    """States that only a start further back, or a rebuild from the archive, can change, or nothing."""
    return ("before_start", GONE) if widened else ("before_start", GONE, "stations")


def _missing(
    connection: sa.Connection, timeline: Timeline, now: datetime, *, everything: bool, widened: bool
) -> tuple[tuple[Gap, ...], tuple[Gap, ...], tuple[Gap, ...], tuple[datetime | None, ...]]:
    """(due, exhausted, later, when each of the last is tried again)."""
    meanings = timeline.meanings
    unmeant = [code for code, (_, why) in enumerate(meanings) if why in _not_meant(widened)]
    # These are never given up: once a person has acted, they come with the next day's try.
    for_a_person = [code for code, (_, why) in enumerate(meanings) if why in FOR_A_PERSON]
    given_up = [code for code, (_, why) in enumerate(meanings) if why == GIVEN_UP]
    sorted_out: tuple[list[StationGroup], list[StationGroup], list[StationGroup]] = ([], [], [])
    again: list[tuple[StationGroup, NDArray[np.int64]]] = []
    for group in timeline.groups:
        tried = failures(timeline, group)
        meant = timeline.unanswered(group.codes) & ~np.isin(group.codes, unmeant)
        fresh = tried.count == 0
        barred = np.isin(group.codes, for_a_person)
        daily = barred & (tried.last <= seconds(now) - int(DAY.total_seconds()))
        ready = meant if everything else meant & (fresh | daily | due(tried, MISSING_STEPS, now))
        spent = meant & ~ready & ~barred & (tried.count > len(MISSING_STEPS)) & ~np.isin(group.codes, given_up)
        for kept, mask in zip(sorted_out, (ready, spent, meant & ~ready & ~spent), strict=True):
            kept.append(replace(group, codes=np.where(mask, group.codes, ANSWERED)))
        day = int(DAY.total_seconds())
        again.append((sorted_out[2][-1], np.where(barred, tried.last + day, next_try(tried, MISSING_STEPS))))
    found = [unanswered(connection, timeline, groups) for groups in sorted_out]
    tries = [None if gap.why == GIVEN_UP else _first(timeline.axis, gap, again) for gap in found[2]]
    for gap in unread(connection, timeline):
        came = answers(connection, timeline.dataset, TimeAxis(gap.window, timeline.axis.step), gap.stations or ())
        if everything or due(came, MISSING_STEPS, now).any():
            found[0].append(gap)
        else:
            often_enough = gap.why != GIVEN_UP and bool((came.count > len(MISSING_STEPS)).all())
            found[1 if often_enough else 2].append(gap)
            if not often_enough:
                tries.append(None if gap.why == GIVEN_UP else moment_of(next_try(came, MISSING_STEPS).min()))
    return tuple(found[0]), tuple(found[1]), tuple(found[2]), tuple(tries)


def _first(axis: TimeAxis, gap: Gap, again: Iterable[tuple[StationGroup, NDArray[np.int64]]]) -> datetime:
    """When the first stamp of a gap is tried again."""
    part = slice(axis.before(gap.window.start), axis.before(gap.window.end))
    about = set(gap.stations or ())
    times = [
        at[part][group.codes[part] != ANSWERED]
        for group, at in again
        if gap.stations is None or group.stations is None or about & group.stations
    ]
    return moment_of(np.concatenate(times).min())


def _quiet(
    connection: sa.Connection,
    dataset: str,
    axis: TimeAxis,
    answered: Attempts,
    chosen: frozenset[int] | None,
    now: datetime,
) -> tuple[Want, ...]:
    """Stretches with blank or absent cells of stations that reported lately. Answers of history are final.

    They are asked for all stations: so the ledger shows how often it was done.
    """
    silence = DATASETS[dataset].lately
    live = answered.first - stamps_of(axis) < silence.total_seconds()
    mask = live & _passed(answered, answered.first, QUIET_STEPS, now)
    if not mask.any():
        return ()
    hours = COMPLETENESS_HOUR.c
    query = sa.select(hours.stn).where(hours.dataset == dataset, hours.hour_kst > now - silence, hours.present > 0)
    roster = frozenset(connection.execute(query.distinct()).scalars())
    roster = roster if chosen is None else roster & chosen
    found = []
    for low, high in runs(mask, mask.astype(np.int64)):
        window = axis.window(low, high)
        rows = stored_rows(connection, dataset, window, chosen)
        if sum(not blank and stn in roster for _, stn, blank in rows) < len(roster) * (high - low):
            found.append(Want(window))
    return tuple(found)


def _revisits(axis: TimeAxis, answered: Attempts, now: datetime, days: int) -> tuple[Want, ...]:
    """Whole hours that have become a day, two days, … old since they were last answered: so they are asked as they were before."""
    hour = int(HOUR.total_seconds())
    mask = _passed(answered, -(-stamps_of(axis) // hour) * hour, [count * DAY for count in range(1, days + 1)], now)
    return tuple(Want(axis.window(low, high)) for low, high in runs(mask, mask.astype(np.int64)))


def _passed(
    answered: Attempts, since: NDArray[np.int64], steps: Iterable[timedelta], now: datetime
) -> NDArray[np.bool_]:
    """Where a step after ``since`` lies between the last answer and now."""
    mask = np.zeros(len(since), np.bool_)
    for step in steps:
        mark = since + int(step.total_seconds())
        mask |= (answered.last < mark) & (mark <= seconds(now))
    return mask & (answered.count > 0)
