"""One group of stations that want the same in several stretches: calls for all and calls of their own, alone or taking turns.

As in a search, each call begins at the first stamp that is not covered yet. A call of their own costs the fewest bytes for each stamp, so it goes on
to its full length or to the end of a stretch: the stamps in between are wanted, and whatever comes next for them is no cheaper. A call for all may also
end where calls of their own, one abutting on the other, just reach the end of a stretch. So there are few states, and for each of them one list: the
fewest bytes by the number of calls.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from kmaflow.collect.covering import Front, Kind, Row, Stroke

#: States times calls: bounds memory (64 MB) and time.
_SIZE = 8_000_000
_DEAR = np.iinfo(np.int64).max // 4
_END = 1 << 60

Step = tuple[int, int, int]


class _Chain:
    def __init__(self, row: Row, together: Kind, own: Kind) -> None:
        self.kinds = (together, own)
        self.row = row
        self.lows = [low for low, _ in row]
        self.highs = [high for _, high in row]
        #: Where calls of their own, abutting, would have to begin to end with a stretch.
        self.starts = sorted(
            {
                high - rounds * own.reach
                for high in self.highs
                for rounds in range(1, (high - row[0][0]) // own.reach + 1)
            }
        )

    def following(self, stamp: int) -> int:
        """The first wanted stamp at or after one."""
        at = bisect_right(self.highs, stamp)
        return max(stamp, self.lows[at]) if at < len(self.lows) else _END

    def steps(self, stamp: int) -> Iterator[Step]:
        """(kind, end, next open stamp) of the calls that may begin at an open stamp."""
        for number, kind in enumerate(self.kinds):
            limit = stamp + kind.reach
            ends = set(self.highs[bisect_right(self.highs, stamp) : bisect_right(self.highs, limit)])
            # The last wanted stamp within reach.
            at = bisect_left(self.lows, limit)
            ends.add(min(limit, self.highs[at - 1]))
            if number == 0:
                low, high = bisect_right(self.starts, stamp), bisect_right(self.starts, limit)
                ends.update(start for start in self.starts[low:high] if self.following(start - 1) == start - 1)
            for end in sorted(ends):
                yield number, end, self.following(end)

    def states(self, most: int) -> list[int] | None:
        """All open stamps at which a call may begin, in order; None if there are more than so many."""
        found = {self.lows[0]}
        queue = [self.lows[0]]
        while queue:
            for _, _, stamp in self.steps(queue.pop()):
                if stamp != _END and stamp not in found:
                    if len(found) >= most:
                        return None
                    found.add(stamp)
                    queue.append(stamp)
        return sorted(found)

    def tables(self, states: list[int], calls: int) -> dict[int, NDArray[np.int64]]:
        """For every state, and for the end, the fewest bytes before it by the number of calls."""
        found = {stamp: np.full(calls + 1, _DEAR, np.int64) for stamp in (*states, _END)}
        found[states[0]][0] = 0
        for stamp in states:
            here = found[stamp]
            for number, end, then in self.steps(stamp):
                kind = self.kinds[number]
                if kind.calls <= calls:
                    there = found[then][kind.calls :]
                    np.minimum(there, here[: calls + 1 - kind.calls] + (end - stamp) * kind.bytes, out=there)
        return found

    def trace(self, states: list[int], calls: int, size: int) -> tuple[Stroke, ...]:
        """The strokes of a way of this price."""
        tables = self.tables(states, calls)
        came: dict[int, list[tuple[int, int, int]]] = {}
        for stamp in states:
            for number, end, then in self.steps(stamp):
                came.setdefault(then, []).append((stamp, number, end))
        strokes: list[Stroke] = []
        here = _END
        while here != states[0] or calls:
            for stamp, number, end in came[here]:
                kind = self.kinds[number]
                before = calls - kind.calls, size - (end - stamp) * kind.bytes
                if before[0] >= 0 and tables[stamp][before[0]] == before[1]:
                    strokes.append((number, stamp, end))
                    here, (calls, size) = stamp, before
                    break
            else:  # pragma: no cover - every price in a table has come from somewhere
                raise AssertionError(f"no step leads to {here}")
        return tuple(reversed(strokes))


def chain(row: Row, kinds: tuple[Kind, Kind]) -> Front | None:
    """The ways for one group: kinds are a call for all and the group's own. None where that is too much work, or its own calls cost more bytes."""
    together, own = kinds
    if own.bytes > together.bytes:
        return None
    # More calls than these save nothing: each stretch by the group's own calls, and no stamp in between.
    calls = sum(-(-(high - low) // own.reach) for low, high in row) * own.calls
    chained = _Chain(row, together, own)
    states = chained.states(_SIZE // (calls + 1))
    if states is None:
        return None
    table = chained.tables(states, calls)[_END]
    least = np.minimum.accumulate(table)
    better = np.flatnonzero((table < _DEAR) & (np.concatenate([[_DEAR], least[:-1]]) > table))
    prices = tuple((int(place), int(table[place])) for place in better)
    return Front(prices, lambda place: chained.trace(states, *prices[place]), True)
