"""Which calls to make for what is wanted: those that spend the smallest share of the day's quota. Nothing is asked here, and nothing is read.

The share is ``max(calls / DAILY_CALLS, bytes / DAILY_BYTES)`` of one dataset's calls; of equal shares fewer calls win. A call asks for all stations and
``WINDOW_MINUTES`` stamps, or for one station and a day (ASOS: 30 days for either). Lists of stations (``a:b``) are not used: ledger and archive know
one station or all.

What is wanted falls apart into components that no call can touch two of; each has its ways (:mod:`kmaflow.collect.cheapest`), and of these the
combination of the smallest share is taken. It is exact where every component's ways are proven, which :attr:`Plan.proven` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from operator import attrgetter

import numpy as np

from kmaflow.catalog.model import Dataset
from kmaflow.catalog.time import HOUR, MINUTE, Window
from kmaflow.collect.cheapest import fronts
from kmaflow.collect.covering import Front, Kind, Row, Stretch, union
from kmaflow.collect.planning.calls import Call

#: From here stamps are counted. It is a midnight, as every dataset's first stamp of a day is.
_EPOCH = datetime(1900, 1, 1)
#: So many combinations are looked at; beyond them the calls that save the most bytes come first.
_COMBINATIONS = 30_000_000


@dataclass(frozen=True, slots=True)
class Want:
    """Cells to be asked for: a window, of these stations; None = of all, whoever they are, which only a call for all can answer."""

    window: Window
    stations: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What one call may ask for, in stamps; ``step`` lies between them."""

    step: timedelta
    all_stations: int
    one_station: int

    @classmethod
    def of(cls, dataset: Dataset, window_minutes: int) -> Rules:
        """The rules of a dataset; ``window_minutes`` bounds what is asked for all stations of the minute datasets."""
        together = dataset.asking.all_stations
        if dataset.cadence < HOUR:
            together = window_minutes * MINUTE
        return cls(dataset.cadence, together // dataset.cadence, dataset.asking.one_station // dataset.cadence)


@dataclass(frozen=True, slots=True)
class Price:
    """Bytes of one stamp: of all stations, of one station."""

    all_stations: int
    one_station: int


@dataclass(frozen=True, slots=True)
class Budget:
    """Calls and bytes of a day."""

    calls: int
    bytes: int

    def share(self, calls: int, size: int) -> int:
        """The share of a day, as a number that can only be compared with others of this budget."""
        return max(calls * self.bytes, size * self.calls)

    def days(self, calls: int, size: int) -> float:
        """The share of a day: 1.0 is a whole day's quota."""
        return max(calls / self.calls, size / self.bytes)


@dataclass(frozen=True, slots=True)
class Stroke:
    """Calls in a row: the window is tiled from its start by windows of at most ``span``, for each of the stations (None: for all at once)."""

    window: Window
    stations: tuple[int, ...] | None
    span: timedelta

    def calls(self) -> Iterator[Call]:
        """Its calls, by time and station."""
        for part in self.window.split(self.span):
            for stn in self.stations or (None,):
                yield Call(part, stn)

    @property
    def count(self) -> int:
        """How many calls."""
        return -((self.window.start - self.window.end) // self.span) * (
            1 if self.stations is None else len(self.stations)
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask.

    Attributes:
        strokes: in the order of time.
        calls / bytes: in all; the bytes are estimated. Retries, halves and asking again are not among them.
        proven: no other plan spends a smaller share of the day.
        newest_first: in which order the calls come.
    """

    strokes: tuple[Stroke, ...]
    calls: int
    bytes: int
    proven: bool
    newest_first: bool = False

    @property
    def calls_for_all(self) -> int:
        """How many of the calls ask for all stations."""
        return sum(stroke.count for stroke in self.strokes if stroke.stations is None)

    def __iter__(self) -> Iterator[Call]:
        calls = [call for stroke in self.strokes for call in stroke.calls()]
        calls.sort(key=lambda call: (call.window.start, call.window.end, call.stn or 0))
        if self.newest_first:
            calls.sort(key=attrgetter("window.end"), reverse=True)
        return iter(calls)


def plan_calls(
    wants: Iterable[Want], rules: Rules, price: Price, budget: Budget, *, newest_first: bool = False
) -> Plan:
    """The calls that cover all that is wanted of one dataset with the smallest share of a day's quota."""
    rows, groups = _rows(wants, rules)
    kinds = [Kind(frozenset(range(len(rows))), rules.all_stations, 1, price.all_stations)]
    kinds += [
        Kind(frozenset({number}), rules.one_station, len(stations), len(stations) * price.one_station)
        for number, stations in enumerate(groups)
        if stations is not None
    ]
    members = [None, *(stations for stations in groups if stations is not None)]
    found = _fronts(rows, kinds, rules)
    taken, proven = _combined(found, budget)
    strokes = []
    for front, place in zip(found, taken, strict=True):
        for kind, low, high in front.trace(place):
            window = Window(_EPOCH + (low - 1) * rules.step, _EPOCH + (high - 1) * rules.step)
            strokes.append(Stroke(window, members[kind], kinds[kind].reach * rules.step))
    strokes.sort(key=lambda stroke: (stroke.window, stroke.stations or ()))
    prices = [front.prices[place] for front, place in zip(found, taken, strict=True)]
    return Plan(
        tuple(strokes), sum(calls for calls, _ in prices), sum(size for _, size in prices), proven, newest_first
    )


def _rows(wants: Iterable[Want], rules: Rules) -> tuple[list[Row], list[tuple[int, ...] | None]]:
    """The stretches wanted of each group of stations that want the same; the group None first, if there is one."""
    everyone: list[Stretch] = []
    single: dict[int, list[Stretch]] = {}
    for want in wants:
        low, high = ((moment - _EPOCH) // rules.step + 1 for moment in (want.window.start, want.window.end))
        if low < high:
            for found in [everyone] if want.stations is None else [single.setdefault(stn, []) for stn in want.stations]:
                found.append((low, high))
    together = union([tuple(everyone)])
    alike: dict[Row, list[int]] = {}
    for stn, stretches in sorted(single.items()):
        if rest := _without(union([tuple(stretches)]), together):
            alike.setdefault(rest, []).append(stn)
    rows: list[Row] = [together] if together else []
    groups: list[tuple[int, ...] | None] = [None] if together else []
    return rows + list(alike), groups + [tuple(stations) for stations in alike.values()]


def _without(row: Row, other: Row) -> Row:
    """What of a row the other one does not want."""
    found: list[Stretch] = []
    at = 0
    for low, high in row:
        while at < len(other) and other[at][1] <= low:
            at += 1
        here = at
        while here < len(other) and other[here][0] < high:
            if low < other[here][0]:
                found.append((low, other[here][0]))
            low = other[here][1]
            here += 1
        if low < high:
            found.append((low, high))
    return tuple(found)


def _fronts(rows: Sequence[Row], kinds: Sequence[Kind], rules: Rules) -> list[Front]:
    """The ways of each component. Components that look alike are thought about once."""
    known: dict[tuple[tuple[int, ...], tuple[Row, ...]], list[Front]] = {}
    own = {next(iter(kind.covers)): number for number, kind in enumerate(kinds) if number}
    found = []
    for numbers, parts in _components(rows, rules):
        base = min(part[0][0] for part in parts)
        moved = tuple(tuple((low - base, high - base) for low, high in part) for part in parts)
        used = [0, *(own[number] for number in numbers if number in own)]
        # Groups of as many stations cost the same.
        key = tuple(kinds[own[number]].calls if number in own else 0 for number in numbers), moved
        if key not in known:
            local = [Kind(frozenset(range(len(numbers))), kinds[0].reach, kinds[0].calls, kinds[0].bytes)]
            for place, number in enumerate(numbers):
                if number in own:
                    kind = kinds[own[number]]
                    local.append(Kind(frozenset({place}), kind.reach, kind.calls, kind.bytes))
            known[key] = fronts(moved, local)
        found += [Front(one.prices, partial(_moved, one, used, base), one.proven) for one in known[key]]
    return found


def _moved(front: Front, kinds: Sequence[int], base: int, place: int) -> tuple[tuple[int, int, int], ...]:
    return tuple((kinds[kind], low + base, high + base) for kind, low, high in front.trace(place))


def _components(rows: Sequence[Row], rules: Rules) -> Iterator[tuple[list[int], list[Row]]]:
    """(rows, their stretches) that no call touches two of: within reach of a call for all, or in one row within reach of a call for one station."""
    stretches = sorted((low, high, number) for number, row in enumerate(rows) for low, high in row)
    parents = list(range(len(stretches)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    ends: dict[int, tuple[int, int]] = {}
    latest = (0, -1)
    for index, (low, high, number) in enumerate(stretches):
        if latest[1] >= 0 and low - latest[0] < rules.all_stations - 1:
            parents[root(index)] = root(latest[1])
        if number in ends and low - ends[number][0] < rules.one_station - 1:
            parents[root(index)] = root(ends[number][1])
        ends[number] = (high, index)
        latest = max(latest, (high, index))
    members: dict[int, dict[int, list[Stretch]]] = {}
    for index, (low, high, number) in enumerate(stretches):
        members.setdefault(root(index), {}).setdefault(number, []).append((low, high))
    for component in members.values():
        numbers = sorted(component)
        yield numbers, [tuple(component[number]) for number in numbers]


def _combined(fronts: Sequence[Front], budget: Budget) -> tuple[list[int], bool]:
    """The place of one way in each front, so that all together spend the smallest share."""
    proven = all(one.proven for one in fronts)
    taken = [0] * len(fronts)
    calls, size = (sum(one.prices[0][part] for one in fronts) for part in (0, 1))
    # Further ways take more calls for fewer bytes: of no use where calls weigh more, and too dear where they would.
    room = size * budget.calls // budget.bytes - calls
    room = min(room, sum(one.prices[-1][0] - one.prices[0][0] for one in fronts))
    if room <= 0:
        return taken, proven
    choices = [index for index, one in enumerate(fronts) if len(one.prices) > 1]
    if room * sum(len(fronts[index].prices) for index in choices) > _COMBINATIONS:
        return _greedy(fronts, budget), False
    # For so many more calls, the bytes that can be saved, and by which way of each front.
    saved = np.zeros(room + 1, np.int64)
    by = np.zeros((len(choices), room + 1), np.int32)
    for place, index in enumerate(choices):
        before, (first, most) = saved.copy(), fronts[index].prices[0]
        for number, (price, less) in enumerate(fronts[index].prices[1:], start=1):
            more = price - first
            if more > room:
                break
            better = before[: room + 1 - more] + most - less
            wins = better > saved[more:]
            saved[more:][wins] = better[wins]
            by[place, more:][wins] = number
    extra = min(range(room + 1), key=lambda more: (budget.share(calls + more, size - int(saved[more])), more))
    for place in reversed(range(len(choices))):
        prices = fronts[choices[place]].prices
        taken[choices[place]] = int(by[place, extra])
        extra -= prices[taken[choices[place]]][0] - prices[0][0]
    return taken, proven


def _greedy(fronts: Sequence[Front], budget: Budget) -> list[int]:
    """More calls where each saves the most bytes, as long as the share falls."""
    steps = sorted(
        ((one[1] - two[1]) / (two[0] - one[0]), index, number)
        for index, front in enumerate(fronts)
        for number, (one, two) in enumerate(pairwise(front.prices), start=1)
    )
    taken = [0] * len(fronts)
    calls, size = (sum(one.prices[0][part] for one in fronts) for part in (0, 1))
    for _, index, number in reversed(steps):
        way, before = fronts[index].prices[number], fronts[index].prices[taken[index]]
        more, less = calls + way[0] - before[0], size + way[1] - before[1]
        if number > taken[index] and budget.share(more, less) < budget.share(calls, size):
            taken[index], calls, size = number, more, less
    return taken
