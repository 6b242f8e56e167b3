"""The day's quota in numbers: what may be spent, what live data still needs, and the word for "no more today".

Limits are kept to 98 %, so that what we cannot know (an answer larger than reserved, a call of another program) stays inside.
A day is a KST day: the quota starts anew at the hub's midnight.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, TypeAlias, get_args

from kmaflow.catalog.time import DAY, floor_to
from kmaflow.hub.errors import QuotaSpent

CallClass: TypeAlias = Literal["live", "repair", "backfill"]
Kind: TypeAlias = Literal["calls", "bytes"]
CLASSES: tuple[CallClass, ...] = get_args(CallClass)

_CEILING_PERCENT = 98
#: Of what live data needs until midnight, so much is kept back from backfill.
_KEPT_PERCENT = 120
#: Reserved: 1.25 x the largest answer seen to such a call; before the first one, bytes per row.
_SPARE_PERCENT = 125
_ROW_BYTES = 140


@dataclass(frozen=True, slots=True)
class Limits:
    """What the hub allows one key, and what we allow ourselves.

    Attributes:
        daily_calls / daily_bytes: the hub's limits of a KST day, for all workers of the key together.
        calls_per_second: calls begun in a second, by one process.
        concurrent_calls: calls under way at a time, of one process.
        backfill_share: the part of a day that backfill may spend, greater than 0, at most 1.
    """

    daily_calls: int = 20_000
    daily_bytes: int = 5_000_000_000
    calls_per_second: float = 20.0
    concurrent_calls: int = 8
    backfill_share: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.backfill_share <= 1:
            raise ValueError(f"a share is greater than 0 and at most 1: {self}")
        if min(self.daily_calls, self.daily_bytes, self.calls_per_second, self.concurrent_calls) <= 0:
            raise ValueError(f"limits must be greater than 0: {self}")

    @property
    def calls_ceiling(self) -> int:
        """Calls that are made in a day."""
        return max(1, self.daily_calls * _CEILING_PERCENT // 100)

    @property
    def bytes_ceiling(self) -> int:
        """Bytes that are asked for in a day."""
        return max(1, self.daily_bytes * _CEILING_PERCENT // 100)


@dataclass(frozen=True, slots=True)
class Need:
    """Calls and bytes that something will cost."""

    calls: int = 0
    bytes: int = 0

    @property
    def kept(self) -> Need:
        """What is kept back for it: 1.2 times as much."""
        return Need(-(-self.calls * _KEPT_PERCENT // 100), -(-self.bytes * _KEPT_PERCENT // 100))


@dataclass(frozen=True, slots=True)
class LiveWork:
    """Live work that comes back: every so often, so many calls, so many bytes in all of them."""

    every: timedelta
    calls: int
    bytes: int


def need_until_midnight(works: Iterable[LiveWork], now: datetime) -> Need:
    """What live work still costs until the next 00:00 KST; ``now`` is naive KST. A run that is due at midnight counts."""
    left = next_midnight(now) - now
    calls = size = 0
    for work in works:
        runs = math.ceil(left / work.every)
        calls += runs * work.calls
        size += runs * work.bytes
    return Need(calls, size)


def estimate(stamps: int, stations: int, most_seen: int | None) -> int:
    """Bytes to reserve for a call: 1.25 x the most seen for such a call, at first stamps x stations x 140."""
    if most_seen is not None:
        return -(-most_seen * _SPARE_PERCENT // 100)
    return stamps * stations * _ROW_BYTES


def next_midnight(now: datetime) -> datetime:
    """The next 00:00 after ``now`` (naive KST)."""
    return floor_to(now, DAY) + DAY


def usage_day(now: datetime) -> str:
    """The KST day of a moment (naive KST), as ``api_usage`` writes it."""
    return f"{now:%Y-%m-%d}"


@dataclass(frozen=True, slots=True)
class Spent:
    """Calls, bytes that came, and bytes reserved for calls that have not settled (also those that never will)."""

    calls: int = 0
    bytes: int = 0
    reserved: int = 0

    @property
    def charged(self) -> int:
        """Bytes that count against the limit."""
        return self.bytes + self.reserved

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.calls + other.calls, self.bytes + other.bytes, self.reserved + other.reserved)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a key has spent of a KST day.

    Attributes:
        by_class: live, repair, backfill.
        exhausted: what is used up, None while calls can be made.
        exhausted_by: ``hub`` where it said so, which stops all workers; ``ceiling`` where a call did not fit any more.
        until: naive KST; when calls are made again, None with ``exhausted`` None.
    """

    key_id: str
    day: str
    by_class: Mapping[CallClass, Spent]
    exhausted: Kind | None = None
    exhausted_by: Literal["hub", "ceiling"] | None = None
    until: datetime | None = None

    @property
    def total(self) -> Spent:
        """All classes together."""
        return sum(self.by_class.values(), Spent())

    def plus(self, more: Mapping[CallClass, Spent]) -> Usage:
        """The same with more spent by some classes."""
        by_class = {cls: self.by_class.get(cls, Spent()) + more.get(cls, Spent()) for cls in {*self.by_class, *more}}
        return replace(self, by_class=by_class)


_KO: dict[Kind, tuple[str, str]] = {"calls": ("건수", "건"), "bytes": ("용량", "바이트")}


class DayQuotaSpent(QuotaSpent):
    """No call is made: the key's quota of the day is spent, or what is left is kept for live data. The hub was not asked.

    Attributes:
        kind: ``calls`` or ``bytes``.
        until: naive KST; asking before is of no use.
        by: ``hub`` (it said so, to any worker), ``ceiling`` (98 % of the limit are charged), ``live`` (kept back) or ``share`` (backfill has had
            its part of the day).
    """

    sent = False
    until: datetime

    def __init__(
        self, what: str, *, ko: str, kind: Kind, until: datetime, by: Literal["hub", "ceiling", "live", "share"]
    ) -> None:
        super().__init__(what, ko=ko, kind=kind)
        self.until = until
        self.by = by
        self.todo_en = f"nothing to do: it goes on after {until:%Y-%m-%d %H:%M} KST, when the day's quota starts anew"
        self.todo_ko = f"조치 불필요: 일일 한도가 초기화되는 {until:%Y-%m-%d %H:%M}(한국시각) 이후 자동으로 재개됩니다"


def refusal(usage: Usage, limits: Limits, cls: CallClass, size: int, now: datetime, need: Need) -> DayQuotaSpent | None:
    """Why one more call of so many bytes may not be made now; None if it may. ``need`` is what live data still needs."""
    key, until, day = usage.key_id, next_midnight(now), usage.day
    if usage.exhausted_by == "hub" and usage.exhausted and usage.until and now < usage.until:
        return DayQuotaSpent(
            f"key {key}: the hub says that the {usage.exhausted} of {day} are used up",
            ko=f"키 {key}: {day} 호출 {_KO[usage.exhausted][0]} 한도를 모두 썼다고 허브가 응답했습니다",
            kind=usage.exhausted,
            until=usage.until,
            by="hub",
        )
    total, mine = usage.total, usage.by_class.get(cls, Spent())
    kept = need.kept if cls == "backfill" else Need()
    kinds: tuple[tuple[Kind, int, int, int, int, int], ...] = (
        ("calls", total.calls, mine.calls, 1, limits.calls_ceiling, kept.calls),
        ("bytes", total.charged, mine.charged, size, limits.bytes_ceiling, kept.bytes),
    )
    for kind, charged, by_class, more, ceiling, back in kinds:
        what, unit = _KO[kind]
        spent = f"key {key}: {charged:,} of {ceiling:,} {kind}"
        limit, used = f"키 {key}: {day} 호출 {what} {ceiling:,}{unit}", f"{charged:,}{unit} 사용"
        part = int(limits.backfill_share * ceiling)
        by: Literal["ceiling", "live", "share"]
        if charged + more > ceiling:
            by, en = "ceiling", f"{spent} (98 % of the limit) are charged to {day}; {more:,} more do not fit"
            ko = f"{limit}(한도의 98 %) 중 {used}. {more:,}{unit} 더 요청할 수 없습니다"
        elif charged + more + back > ceiling:
            by, en = "live", f"{spent} are charged to {day} and {back:,} are kept for live data"
            ko = f"{limit} 중 {used}. 실시간 수집용으로 {back:,}{unit} 남겨 둡니다"
        elif cls == "backfill" and by_class + more > part:
            by, en = "share", f"key {key}: backfill has spent {by_class:,} {kind} of its share of {day}, {part:,}"
            ko = f"키 {key}: {day} 과거자료 수집용 호출 {what} {part:,}{unit} 중 {by_class:,}{unit} 사용"
        else:
            continue
        return DayQuotaSpent(en, ko=ko, kind=kind, until=until, by=by)
    return None
