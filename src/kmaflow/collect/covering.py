"""What is wanted, calls that cover it, and the ways that are simple enough to be written down at once.

Stamps are numbers. What is wanted comes as rows, each with the stretches [low, high) in which a group of stations is wanted. What is cheapest depends
on two prices, calls and bytes, so an answer is a *front*: every pair of them that no other way beats in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Stretch: TypeAlias = tuple[int, int]
Row: TypeAlias = tuple[Stretch, ...]
#: A kind of call (its number) from one stamp to before another; longer than a call it is tiled.
Stroke: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of call.

    Attributes:
        covers: numbers of the rows that it covers.
        reach: stamps that one may ask for.
        calls: how many it takes (one for each station of a group).
        bytes: for each stamp, all of them together.
    """

    covers: frozenset[int]
    reach: int
    calls: int
    bytes: int

    def price(self, low: int, high: int) -> tuple[int, int]:
        """Calls and bytes from one stamp to before another."""
        return -(-(high - low) // self.reach) * self.calls, (high - low) * self.bytes


@dataclass(frozen=True, slots=True)
class Way:
    """One way to cover everything."""

    calls: int
    bytes: int
    strokes: tuple[Stroke, ...]


@dataclass(frozen=True, slots=True)
class Front:
    """Ways by rising calls and falling bytes.

    Attributes:
        prices: calls and bytes of each.
        trace: gives the strokes of one of them by its place.
        proven: there are no better ones.
    """

    prices: tuple[tuple[int, int], ...]
    trace: Callable[[int], tuple[Stroke, ...]]
    proven: bool

    @classmethod
    def of(cls, ways: Iterable[Way], *, proven: bool) -> Front:
        """The best of these ways."""
        found = best(ways)
        return cls(tuple((way.calls, way.bytes) for way in found), lambda place: found[place].strokes, proven)


def best(ways: Iterable[Way]) -> tuple[Way, ...]:
    """Those that no other one beats, by rising calls."""
    found: list[Way] = []
    for way in sorted(ways, key=lambda way: (way.calls, way.bytes, way.strokes)):
        if not found or way.bytes < found[-1].bytes:
            found.append(way)
    return tuple(found)


def union(rows: Iterable[Row]) -> Row:
    """What any of the rows wants."""
    found: list[Stretch] = []
    for low, high in sorted(stretch for row in rows for stretch in row):
        if found and low <= found[-1][1]:
            found[-1] = found[-1][0], max(high, found[-1][1])
        else:
            found.append((low, high))
    return tuple(found)


def strip(row: Row, number: int, kind: Kind) -> tuple[Way, ...]:
    """One kind of call for one row. What is left over of the last call decides whether it may go on into the next stretch."""
    #: What is left of the last call → ways up to here.
    states: dict[int, tuple[Way, ...]] = {-1: (Way(0, 0, ()),)}
    for low, high in row:
        following: dict[int, list[Way]] = {}
        for left, ways in states.items():
            for way in ways:
                for stroke, before in _onward(way, left, low, high, number):
                    calls, size = kind.price(stroke[1], stroke[2])
                    paid = kind.price(stroke[1], before) if before else (0, 0)
                    strokes = (*(way.strokes[:-1] if before else way.strokes), stroke)
                    rest = -(stroke[2] - stroke[1]) % kind.reach
                    more = Way(way.calls + calls - paid[0], way.bytes + size - paid[1], strokes)
                    following.setdefault(rest, []).append(more)
        states = {left: best(ways) for left, ways in following.items()}
    return best(way for ways in states.values() for way in ways)


def _onward(way: Way, left: int, low: int, high: int, number: int) -> Iterator[tuple[Stroke, int]]:
    """The next stroke: a new one, or the last one longer (then with its end before)."""
    yield (number, low, high), 0
    if way.strokes and left > low - way.strokes[-1][2]:
        yield (number, way.strokes[-1][1], high), way.strokes[-1][2]


def rounds(stretch: Stretch, kinds: Sequence[Kind], together: int, single: int) -> tuple[Way, ...]:
    """One group in one stretch: so many rounds of single calls, the rest for all."""
    low, high = stretch
    everyone, one = kinds[together], kinds[single]
    ways = []
    for count in range(-(-(high - low) // one.reach) + 1):
        least = max(0, high - low - count * one.reach)
        # If a stamp for all costs fewer bytes than for the group, more of them may be better than need be, up to a round.
        most = least if everyone.bytes >= one.bytes else min(high - low, least + one.reach + everyone.reach)
        for calls in range(-(-least // everyone.reach), -(-most // everyone.reach) + 1):
            split = high - max(least, min(calls * everyone.reach, most))
            strokes = tuple(
                stroke for stroke in ((single, low, split), (together, split, high)) if stroke[1] < stroke[2]
            )
            ways.append(_paid(strokes, kinds))
    return best(ways)


def _paid(strokes: tuple[Stroke, ...], kinds: Sequence[Kind]) -> Way:
    prices = [kinds[kind].price(low, high) for kind, low, high in strokes]
    return Way(sum(calls for calls, _ in prices), sum(size for _, size in prices), strokes)


def simple(rows: Sequence[Row], kinds: Sequence[Kind]) -> Iterator[Way]:
    """Everything for all; and every group by itself, as far as it has a call of its own."""
    yield from strip(union(rows), 0, kinds[0])
    parts = []
    for number, row in enumerate(rows):
        own = next((at for at, kind in enumerate(kinds) if at and kind.covers == {number}), 0)
        if row:
            parts.append(strip(row, own, kinds[own]))
    for place in (0, -1):
        strokes = tuple(stroke for ways in parts for stroke in ways[place].strokes)
        yield _paid(strokes, kinds)
