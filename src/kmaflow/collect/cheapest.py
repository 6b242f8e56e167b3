"""The cheapest ways to cover what is wanted with two kinds of calls: some stamps of all stations, or more stamps of one station.

In general this is hard (with calls of one length it is the constrained vertex cover of a bipartite graph), but what occurs is small or simple:

* *One kind of call only.* A way is a partition of the stretches into runs, each tiled from its first stamp to its last: ``strip``, exact.
* *One group.* In one stretch, so many rounds of its own calls and the rest for all: ``rounds``, exact. In several: ``chain``, exact.
* *Anything else.* :func:`search`, exact too: the first stamp that is not covered yet must be covered by some call, and that call may as well begin
  there, since all before it is covered. It may end where a stretch ends, or a whole number of call lengths away from such an end: else it could be moved,
  with all calls that abut on it, until one of these holds, without costing more. So every way that matters is a path through few states.
* Where that is too much work: the same for each part of the time; then nothing is proven.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from kmaflow.collect.chain import chain
from kmaflow.collect.covering import Front, Kind, Row, Way, best, rounds, simple, strip, union

_NEVER = 1 << 60
#: Steps of one search; a hundred thousand take a second or two.
_STEPS = 60_000
#: Stretches of one strip.
_RUNS = 400
#: So many stamps may all be looked at one by one.
_FEW = 48


def fronts(rows: Sequence[Row], kinds: Sequence[Kind]) -> list[Front]:
    """The ways to cover all rows. Every row is covered by the first kind, and may have one of its own.

    One front; several where it was too much work to look at everything together: then each is for a part.
    """
    filled = [number for number, row in enumerate(rows) if row]
    useful = [number for number, kind in enumerate(kinds) if not kind.covers.isdisjoint(filled)]
    if len(useful) == 1:
        row = union(rows)
        parts = [row[at : at + _RUNS] for at in range(0, len(row), _RUNS)]
        return [Front.of(strip(part, useful[0], kinds[useful[0]]), proven=len(parts) == 1) for part in parts]
    if len(filled) == 1:
        (together, own), row = useful, rows[filled[0]]
        if len(row) == 1:
            return [Front.of(rounds(row[0], kinds, together, own), proven=True)]
        if own == 1 and (found := chain(row, (kinds[0], kinds[1]))):
            return [found]
    if found := search(rows, kinds):
        return [found]
    return list(_parts(rows, kinds))


@dataclass(frozen=True)
class _Ground:
    """A row, to be asked about quickly."""

    row: Row

    @cached_property
    def lows(self) -> list[int]:
        return [low for low, _ in self.row]

    def following(self, stamp: int) -> int:
        """The first wanted stamp at or after one."""
        index = bisect_right(self.lows, stamp) - 1
        if index >= 0 and stamp < self.row[index][1]:
            return stamp
        return self.row[index + 1][0] if index + 1 < len(self.row) else _NEVER

    def wanted(self, stamp: int) -> bool:
        """Whether the stamp is wanted."""
        return self.following(stamp) == stamp

    def left(self, stamp: int) -> int:
        """How many stamps are wanted from one on."""
        return sum(high - max(low, stamp) for low, high in self.row if high > stamp)


def search(rows: Sequence[Row], kinds: Sequence[Kind], steps: int = _STEPS) -> Front | None:
    """All ways that matter, call by call from the first stamp on; None where that takes more than so many steps."""
    grounds = [_Ground(row) for row in rows]
    cuts = _cuts(rows, kinds)
    if cuts is None:
        return None
    least = [
        (
            min(kind.calls / kind.reach for kind in kinds if row in kind.covers),
            min(kind.bytes for kind in kinds if row in kind.covers),
        )
        for row in range(len(rows))
    ]
    whole = list(best(simple(rows, kinds)))
    start = tuple(ground.following(-_NEVER) for ground in grounds)
    labels: dict[tuple[int, ...], list[Way]] = {start: [Way(0, 0, ())]}
    queue = [(*_rank(start), start)]
    while queue:
        *_, state = heapq.heappop(queue)
        if state not in labels:
            continue
        ways = best(labels.pop(state))
        stamp = min(state)
        if stamp == _NEVER:
            whole.extend(ways)
            continue
        bounds = [(grounds[row].left(state[row]), *least[row]) for row in range(len(rows)) if state[row] != _NEVER]
        calls_left = max(math.ceil(count * calls - 1e-9) for count, calls, _ in bounds)
        bytes_left = max(count * size for count, _, size in bounds)
        ways = tuple(way for way in ways if not _beaten(whole, way.calls + calls_left, way.bytes + bytes_left))
        for number, end, then in _steps(state, stamp, grounds, kinds, cuts) if ways else ():
            steps -= len(ways)
            if steps < 0:
                return None
            if then not in labels:
                heapq.heappush(queue, (*_rank(then), then))
            kind = kinds[number]
            labels.setdefault(then, []).extend(
                Way(
                    way.calls + kind.calls, way.bytes + (end - stamp) * kind.bytes, (*way.strokes, (number, stamp, end))
                )
                for way in ways
            )
    return Front.of(whole, proven=True)


def _rank(state: tuple[int, ...]) -> tuple[int, int]:
    """No step leads to a state of lower rank: every state is complete when its turn comes."""
    stamp = min(state)
    return stamp, -state.count(stamp)


def _beaten(ways: Iterable[Way], calls: int, size: int) -> bool:
    return any(way.calls <= calls and way.bytes <= size for way in ways)


def _steps(
    state: tuple[int, ...], stamp: int, grounds: Sequence[_Ground], kinds: Sequence[Kind], cuts: Sequence[int]
) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """(kind, end, state after it) of every call that may cover the first open stamp."""
    first = state.index(stamp)
    for number, kind in enumerate(kinds):
        if first not in kind.covers:
            continue
        for at in range(bisect_right(cuts, stamp), bisect_right(cuts, stamp + kind.reach)):
            end = cuts[at]
            if any(state[row] < end and grounds[row].wanted(end - 1) for row in kind.covers):
                after = tuple(
                    grounds[row].following(max(end, open_)) if row in kind.covers and open_ < end else open_
                    for row, open_ in enumerate(state)
                )
                yield number, end, after


def _cuts(rows: Sequence[Row], kinds: Sequence[Kind]) -> list[int] | None:
    """Where calls may begin and end; None where there are too many such places."""
    edges = sorted({edge for row in rows for stretch in row for edge in stretch})
    if edges[-1] - edges[0] <= _FEW:
        return list(range(edges[0], edges[-1] + 1))
    step = math.gcd(*(kind.reach for kind in kinds))
    remainders = {edge % step for edge in edges}
    if (edges[-1] - edges[0]) // step * len(remainders) > _STEPS // 4:
        return None
    begin = edges[0] // step * step
    places = sorted(remainders)
    return [base + place for base in range(begin, edges[-1] + 1, step) for place in places]


def _parts(rows: Sequence[Row], kinds: Sequence[Kind]) -> Iterator[Front]:
    """The ways for parts of the time, each of the length of a call for one station (a long stretch of one group alone stays whole)."""
    edges = [edge for row in rows for stretch in row for edge in stretch]
    span = max(kind.reach for kind in kinds)
    begin, last = min(edges), max(edges)
    while begin < last:
        end = _next(rows, begin, span)
        part = [_within(row, begin, end) for row in rows]
        begin = end
        filled = [row for row in part if row]
        if not filled:
            continue
        if len(rows) == 1 and len(filled[0]) == 1:
            yield Front.of(rounds(filled[0][0], kinds, 0, 1), proven=False)
        elif (len(rows) == 1 and (found := chain(filled[0], (kinds[0], kinds[1])))) or (
            found := search(part, kinds, _STEPS // 20)
        ):
            yield Front(found.prices, found.trace, False)
        else:
            yield Front.of(simple(part, kinds), proven=False)


def _next(rows: Sequence[Row], begin: int, span: int) -> int:
    """Where the part that begins here should end."""
    if len(rows) > 1:
        return begin + span
    # Seven spans together; but a stretch that goes on for longer is a part of its own, in whole spans.
    for low, high in rows[0]:
        if high > begin and high - max(low, begin) > 3 * span:
            low = max(low, begin)
            return low + span if low > begin else begin + (high - begin) // span * span - span
        if low > begin + 7 * span:
            break
    return begin + 7 * span


def _within(row: Row, begin: int, end: int) -> Row:
    at = bisect_left([high for _, high in row], begin + 1)
    return tuple((max(low, begin), min(high, end)) for low, high in row[at:] if low < end)
