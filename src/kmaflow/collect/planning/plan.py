"""Which calls to make for gaps, so that they take a small share of the day's quota. Nothing is asked here, and nothing is read.

The share is ``max(calls / DAILY_CALLS, bytes / DAILY_BYTES)``; of equal shares fewer calls win. A call asks for all stations and a few stamps, or for
one station and a day or more (lists of stations, ``a:b``, are not used: ledger and archive know one station or all). The rule:

1. Time is cut into blocks as long as one call for one station reaches. In each, the stamps that most stations lack are asked for all stations, the
   rest station by station. How many of the stamps is decided by the block's cost at a given weight of bytes against calls.
2. Gaps are joined into one call where what lies between them weighs less than a call. Calls for single stations that lie close together become one for all.
3. This is done for a few weights, and the cheapest plan is taken; where there are few gaps, each is then tried the other way.

Example: a station is dead all day, and all others lack 12:00 to 12:30. The half hour becomes three calls for all stations, the rest of the day one call
for the dead station.

An outage (all stations lack a stretch) is tiled, and one group of stations that lack one stretch is tried with every possible split between the two kinds
of calls: these plans are the cheapest there are, which :attr:`Plan.proven` says. How close the others come: docs/completeness.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heapify, heappop, heappush
from itertools import chain, combinations, islice, pairwise, takewhile
from operator import attrgetter
from typing import TypeAlias

from kmaflow.catalog.time import Window
from kmaflow.collect.planning.calls import Call, Rules

#: Numbers of stamps, from the first to before the last.
Interval: TypeAlias = tuple[int, int]
#: Apart, and in the order of time.
Intervals: TypeAlias = tuple[Interval, ...]

#: From here stamps are counted. It is a midnight, as every dataset's first stamp of a day is.
_EPOCH = datetime(1900, 1, 1)
#: So many weights of bytes against calls are tried.
_STEPS = 8
#: So many parts of a stretch are tried as that which is asked for all stations.
_PARTS = 6
#: So many gaps may all be looked at one by one.
_FEW = 24
#: So many intervals may become one run of calls.
_RUN = 60


@dataclass(frozen=True, slots=True)
class Want:
    """Cells to be asked for: a window, of these stations; None = of all, whoever they are, which only a call for all can answer."""

    window: Window
    stations: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """Calls and bytes."""

    calls: int = 0
    bytes: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.calls + other.calls, self.bytes + other.bytes)


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

    def share(self, cost: Cost) -> int:
        """The share of a day, as a number that can only be compared with others of this budget."""
        return max(cost.calls * self.bytes, cost.bytes * self.calls)

    def days(self, cost: Cost) -> float:
        """The share of a day: 1.0 is a whole day's quota."""
        return max(cost.calls / self.calls, cost.bytes / self.bytes)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask.

    Attributes:
        calls: by time, or the latest first.
        cost: of all of them; the bytes are estimated. Retries, halves and asking again are not among them.
        proven: no other plan takes a smaller share of the day.
    """

    calls: tuple[Call, ...]
    cost: Cost
    proven: bool

    @property
    def calls_for_all(self) -> int:
        """How many of the calls ask for all stations."""
        return sum(call.stn is None for call in self.calls)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of call: stamps that one may ask for, stations that are asked one by one, bytes of one stamp of one of them."""

    reach: int
    stations: int
    bytes: int

    def cost(self, runs: Iterable[Interval]) -> Cost:
        lengths = [high - low for low, high in runs]
        calls = sum(-(-length // self.reach) for length in lengths)
        return Cost(calls * self.stations, sum(lengths) * self.bytes * self.stations)


@dataclass(frozen=True, slots=True)
class _Weight:
    """What a call and a byte weigh."""

    call: float
    byte: float

    def of(self, cost: Cost) -> float:
        return cost.calls * self.call + cost.bytes * self.byte


@dataclass(frozen=True, slots=True)
class _Runs:
    """A candidate: the runs of calls for all stations, and those of each group."""

    together: Intervals
    single: tuple[Intervals, ...]
    cost: Cost
    weight: _Weight


def plan_calls(
    wants: Iterable[Want], rules: Rules, price: Price, budget: Budget, *, newest_first: bool = False
) -> Plan:
    """Calls that cover all that is wanted of one dataset with a small share of a day's quota."""
    everyone, groups = _wanted(wants, rules)
    rows = list(groups)
    together = _Kind(rules.all_stations, 1, price.all_stations)
    singles = [_Kind(rules.one_station, len(stations), price.one_station) for stations in groups.values()]
    work = _Work(everyone, rows, together, singles, budget)
    if not everyone and len(rows) == 1 and len(rows[0]) == 1:
        best = work.best(work.splits(rows[0][0]))
        proven = singles[0].bytes * singles[0].stations <= price.all_stations
    else:
        best = work.improved(work.best(work.candidates()))
        proven = not rows and all(two[0] - one[1] >= rules.all_stations for one, two in pairwise(everyone))
    calls = list(_calls(best.together, None, rules))
    for stations, runs in zip(groups.values(), best.single, strict=True):
        for stn in stations:
            calls += _calls(runs, stn, rules)
    calls.sort(key=lambda call: (call.window.start, call.window.end, call.stn or 0))
    if newest_first:
        calls.sort(key=attrgetter("window.end"), reverse=True)
    return Plan(tuple(calls), best.cost, proven)


def _calls(runs: Intervals, stn: int | None, rules: Rules) -> Iterator[Call]:
    for low, high in runs:
        window = Window(_EPOCH + (low - 1) * rules.step, _EPOCH + (high - 1) * rules.step)
        for part in window.split(rules.span(one_station=stn is not None)):
            yield Call(part, stn)


def _wanted(wants: Iterable[Want], rules: Rules) -> tuple[Intervals, dict[Intervals, tuple[int, ...]]]:
    """What is wanted of all stations; and of groups of stations that want the same beside it."""
    everyone: list[Interval] = []
    single: dict[int, list[Interval]] = {}
    for want in wants:
        low, high = ((moment - _EPOCH) // rules.step + 1 for moment in (want.window.start, want.window.end))
        if low < high:
            for found in [everyone] if want.stations is None else [single.setdefault(stn, []) for stn in want.stations]:
                found.append((low, high))
    together = _union(everyone)
    groups: dict[Intervals, tuple[int, ...]] = {}
    for stn, intervals in sorted(single.items()):
        if rest := _without(_union(intervals), together):
            groups[rest] = (*groups.get(rest, ()), stn)
    return together, groups


@dataclass(frozen=True, slots=True)
class _Work:
    """What is wanted of all stations and of each group, the kinds of calls for that, and what a day allows."""

    everyone: Intervals
    rows: Sequence[Intervals]
    together: _Kind
    singles: Sequence[_Kind]
    budget: Budget

    def best(self, found: Iterable[_Runs]) -> _Runs:
        """The cheapest of some candidates."""
        return min(found, key=self._order)

    def _order(self, one: _Runs) -> tuple[int, int]:
        return self.budget.share(one.cost), one.cost.calls

    def splits(self, interval: Interval) -> Iterator[_Runs]:
        """One group in one interval: its first part by so many rounds of its own calls, the rest for all."""
        (low, high), single = interval, self.singles[0]
        for rounds in range(-(-(high - low) // single.reach) + 1):
            middle = min(high, low + rounds * single.reach)
            first = ((low, middle),) if low < middle else ()
            rest = ((middle, high),) if middle < high else ()
            yield _Runs(rest, (first,), self.together.cost(rest) + single.cost(first), self._weight(1))

    def candidates(self) -> Iterator[_Runs]:
        """Plans by the rule: with everything for all, with as little as can be, with each block as cheap as it can be by itself, and for
        weights that come closer to the one at which calls and bytes take the same share."""
        reach = max((kind.reach for kind in self.singles), default=1)
        blocks = [_options(block, self.together, self.singles, self._weight(1)) for block in _blocks(self.rows, reach)]
        for place in (0, -1):
            yield self._made((options[place][0] for options in blocks), self._weight(1))
        yield self._made(
            (min(options, key=lambda one: self.budget.share(one[1]))[0] for options in blocks), self._weight(1)
        )
        exponent, step = 0.0, _STEPS / 4
        for _ in range(_STEPS):
            weight = self._weight(2.0**exponent)
            chosen = [min(options, key=lambda one: weight.of(one[1]))[0] for options in blocks]
            found = self._made(chosen, weight)
            yield found
            bytes_are_dear = found.cost.bytes * self.budget.calls > found.cost.calls * self.budget.bytes
            exponent, step = exponent + (step if bytes_are_dear else -step), step / 2

    def improved(self, best: _Runs) -> _Runs:
        """Of few gaps each, and each two, are tried the other way, for all or by themselves, as long as that is cheaper."""
        gaps = sorted({interval for row in self.rows for interval in row})
        if not 0 < len(gaps) <= _FEW:
            return best
        for_all = {gap for gap in gaps if not _without((gap,), best.together)}
        better = True
        while better:
            better = False
            for few in chain(combinations(gaps, 1), combinations(gaps, 2)):
                part = tuple(sorted(for_all.symmetric_difference(few)))
                found = self.best(self._made([part], weight) for weight in (best.weight, self._weight(1 / 8)))
                if self._order(found) < self._order(best):
                    best, for_all, better = found, for_all.symmetric_difference(few), True
        return best

    def _weight(self, byte: float) -> _Weight:
        return _Weight(self.budget.bytes, self.budget.calls * byte)

    def _made(self, parts: Iterable[Intervals], weight: _Weight) -> _Runs:
        """The runs, once it is known what is asked for all; the rest is asked station by station, gathered where that is cheaper."""
        plain = self._arranged([*self.everyone, *(interval for part in parts for interval in part)], weight)
        gathered = list(_gathered(plain.single, self.together, self.singles, weight))
        return self.best([plain, self._arranged([*plain.together, *gathered], weight)]) if gathered else plain

    def _arranged(self, wanted: Iterable[Interval], weight: _Weight) -> _Runs:
        together = _joined(_union(wanted), self.together, weight)
        rows = list(zip(self.rows, self.singles, strict=True))
        single = tuple(_joined(_without(row, together), kind, weight) for row, kind in rows)
        costs = (kind.cost(runs) for runs, kind in zip(single, self.singles, strict=True))
        return _Runs(together, single, sum(costs, self.together.cost(together)), weight)


def _gathered(
    single: Sequence[Intervals], together: _Kind, singles: Sequence[_Kind], weight: _Weight
) -> Iterator[Interval]:
    """Where one call for all weighs less than the calls for single stations that lie wholly within it."""
    short = sorted(
        (low, high, weight.of(singles[number].cost([(low, high)])))
        for number, runs in enumerate(single)
        for low, high in runs
        if high - low <= together.reach
    )
    at = 0
    while at < len(short):
        begin = short[at][0]
        within = takewhile(lambda one, end=begin + together.reach: one[0] < end, islice(short, at, None))  # type: ignore[misc]
        saved, best, last = 0.0, 0.0, begin
        for _, high, apart in sorted(within, key=lambda one: one[1]):
            saved += apart
            if high <= begin + together.reach and saved - weight.of(together.cost([(begin, high)])) > best:
                best, last = saved - weight.of(together.cost([(begin, high)])), high
        if last > begin:
            yield begin, last
        at += 1
        while at < len(short) and short[at][0] < last:
            at += 1


def _blocks(rows: Sequence[Intervals], length: int) -> Iterator[dict[int, list[Interval]]]:
    """What the groups want, by their numbers, in stretches of time as long as a call for one station reaches."""
    queue = [(low, high, number) for number, row in enumerate(rows) for low, high in row]
    heapify(queue)
    while queue:
        end = queue[0][0] + length
        block: dict[int, list[Interval]] = {}
        while queue and queue[0][0] < end:
            low, high, number = heappop(queue)
            block.setdefault(number, []).append((low, min(high, end)))
            if high > end:
                heappush(queue, (end, high, number))
        yield block


def _options(
    block: dict[int, list[Interval]], together: _Kind, singles: Sequence[_Kind], weight: _Weight
) -> list[tuple[Intervals, Cost]]:
    """What to ask of a block for all stations: everything, less and less, nothing; each with the cost of the whole block."""
    lacking = _lacking((low, high, singles[number].stations) for number, row in block.items() for low, high in row)
    lacking.sort(key=lambda one: (-one[2], one[1] - one[0]))
    found = []
    for count in (*range(len(lacking), 0, -(-len(lacking) // _PARTS)), 0):
        part = _union((low, high) for low, high, _ in lacking[:count])
        cost = together.cost(_joined(part, together, weight))
        for number, intervals in block.items():
            if rest := _without(tuple(intervals), part):
                cost += singles[number].cost([(rest[0][0], rest[-1][1])])
        found.append((part, cost))
    return found


def _lacking(counted: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """How many stations lack the same stamps: (low, high, stations)."""
    changes: dict[int, int] = {}
    for low, high, stations in counted:
        changes[low] = changes.get(low, 0) + stations
        changes[high] = changes.get(high, 0) - stations
    found, count = [], 0
    for low, high in pairwise(sorted(changes)):
        count += changes[low]
        if count:
            found.append((low, high, count))
    return found


def _joined(intervals: Intervals, kind: _Kind, weight: _Weight) -> Intervals:
    """Runs of calls that cover the intervals: neighbours are joined where what lies between them weighs less than the calls that it saves."""
    lightest, joined = [0.0], [0]
    for last, (_, high) in enumerate(intervals):
        best, begin = None, last
        for first in range(last, max(-1, last - _RUN), -1):
            if first < last and intervals[first + 1][0] - intervals[first][1] >= kind.reach:
                break
            found = lightest[first] + weight.of(kind.cost([(intervals[first][0], high)]))
            if best is None or found < best:
                best, begin = found, first
        assert best is not None
        lightest.append(best)
        joined.append(begin)
    runs, at = [], len(intervals)
    while at:
        runs.append((intervals[joined[at]][0], intervals[at - 1][1]))
        at = joined[at]
    return tuple(reversed(runs))


def _union(intervals: Iterable[Interval]) -> Intervals:
    found: list[Interval] = []
    for low, high in sorted(intervals):
        if found and low <= found[-1][1]:
            found[-1] = found[-1][0], max(high, found[-1][1])
        else:
            found.append((low, high))
    return tuple(found)


def _without(intervals: Intervals, other: Intervals) -> Intervals:
    """What of some intervals lies in none of the others."""
    found: list[Interval] = []
    at = 0
    for low, high in intervals:
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
