"""How often stamps were asked for, and when: what repair has to know beside the state of a cell.

Times are seconds since 1970 (naive KST), one for each stamp of an axis; :data:`NEVER` where there was no request.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from kmaflow.catalog.time import MINUTE, Window
from kmaflow.hub.errors import TerminalHubError
from kmaflow.store.coverage.timeline import StationGroup, TimeAxis, Timeline, concerns, moment, plain
from kmaflow.store.ledger import LOADED, REQUEST, touching
from kmaflow.store.schema.service import LEDGER

Seconds: TypeAlias = NDArray[np.int64]
NEVER = np.iinfo(np.int64).min
#: Requests within so short a time are one attempt: the client's own retries and halves.
_ONE_ATTEMPT = (5 * MINUTE).total_seconds()
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Attempts:
    """For each stamp when it was first and last asked for, and how often; requests close together count once."""

    first: Seconds
    last: Seconds
    count: NDArray[np.int32]

    @classmethod
    def of(cls, axis: TimeAxis, requests: Iterable[tuple[Window, datetime]]) -> Attempts:
        """From requests in the order of time."""
        first, last = np.full(axis.count, NEVER, np.int64), np.full(axis.count, NEVER, np.int64)
        count = np.zeros(axis.count, np.int32)
        for window, at in requests:
            part = slice(axis.before(window.start), axis.before(window.end))
            now = seconds(at)
            new = (last[part] == NEVER) | (now - np.maximum(last[part], 0) > _ONE_ATTEMPT)
            count[part] += new
            first[part] = np.where(first[part] == NEVER, now, first[part])
            last[part] = now
        return cls(first, last, count)


def seconds(at: datetime) -> int:
    """A time (naive KST) in seconds since 1970."""
    return int((at - _EPOCH).total_seconds())


def moment_of(at: np.int64) -> datetime:
    """What :func:`seconds` made a number of."""
    return _EPOCH + timedelta(seconds=int(at))


def stamps_of(axis: TimeAxis) -> Seconds:
    """The stamps themselves, in seconds."""
    step = int(axis.step.total_seconds())
    return seconds(axis.first) + step * np.arange(1, axis.count + 1, dtype=np.int64)


def failures(timeline: Timeline, group: StationGroup) -> Attempts:
    """The requests that left stamps of a group without an answer. What the quota kept from being asked is none of them."""
    return Attempts.of(
        timeline.axis,
        [(one.window, one.fetched_at) for one in timeline.failed if one.was_asked and concerns(one, group)],
    )


def answers(connection: sa.Connection, dataset: str, axis: TimeAxis, stations: Iterable[int] = ()) -> Attempts:
    """The hub's answers for all stations, and those for one of ``stations``."""
    table = LEDGER.c
    window = axis.window(0, axis.count)
    columns = [plain(connection, column) for column in (table.tm_from, table.tm_to, table.fetched_at)]
    query = sa.select(*columns).where(
        table.dataset == dataset, table.stn.in_([0, *stations]), table.outcome.in_(LOADED), touching(window)
    )
    query = query.where(table.kind == REQUEST)
    found = connection.execute(query.order_by(table.fetched_at, table.id))
    return Attempts.of(axis, [(Window(moment(low), moment(high)), moment(at)) for low, high, at in found])


def standing_refusal(connection: sa.Connection, dataset: str) -> tuple[str, datetime] | None:
    """Code and time of the last request, if it was refused for a reason that only a person can mend; else None."""
    table = LEDGER.c
    query = sa.select(table.outcome, table.fetched_at).where(table.dataset == dataset, table.http_status.is_not(None))
    last = connection.execute(query.order_by(table.fetched_at.desc(), table.id.desc()).limit(1)).first()
    return (last.outcome, last.fetched_at) if last is not None and last.outcome in FOR_A_PERSON else None


def _codes(kind: type[TerminalHubError]) -> set[str]:
    return {kind.code}.union(*(_codes(one) for one in kind.__subclasses__()))


#: Codes of refusals that only a person can mend. The quota mends itself at midnight.
FOR_A_PERSON = _codes(TerminalHubError) - {"quota"}


def due(attempts: Attempts, steps: Sequence[timedelta], now: datetime) -> NDArray[np.bool_]:
    """Where the next step of a ladder of waits has come: after the first request, ``steps`` are counted from it, and no two of them come
    closer to each other than they lie apart there."""
    return (attempts.count > 0) & (attempts.count <= len(steps)) & (next_try(attempts, steps) <= seconds(now))


def next_try(attempts: Attempts, steps: Sequence[timedelta]) -> Seconds:
    """When the next step comes; of what was tried as often as there are steps, after the last wait once more."""
    ladder = [int(step.total_seconds()) for step in steps]
    waits = np.diff(np.array([0, *ladder], np.int64))
    return np.add(attempts.last, waits[np.clip(attempts.count - 1, 0, len(waits) - 1)], dtype=np.int64)
