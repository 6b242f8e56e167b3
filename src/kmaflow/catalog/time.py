"""KST stamps and windows: the one rule for time everywhere in kmaflow.

A *stamp* is the time printed on a row: Korea Standard Time (fixed +09:00, never a zone of the tz database),
naive ``datetime``, the *end* of the period observed. A *window* is the stretch ``(start, end]``: it holds the stamps after
``start`` up to and including ``end``, so windows tile without overlap and a day holds its own 00:00 total.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Literal

from kmaflow.errors import UsageError

KST = timezone(timedelta(hours=9), "KST")
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

_COMPACT = re.compile(r"\d{12}", re.ASCII)
_DATE = re.compile(r"(\d{4})(-?)(\d{2})\2(\d{2})", re.ASCII)
_FULL = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:00(?:\.0+)?)?(Z|[+-]\d{2}:?\d{2}|\[.*\])?", re.IGNORECASE | re.ASCII
)
_HOURLY = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2})", re.IGNORECASE | re.ASCII)
_SECONDS = re.compile(r"\d{2}:\d{2}:\d{2}", re.ASCII)
#: Words for a moment: so many days back; None is now.
_WORDS = {
    **dict.fromkeys(("now", "지금"), None),
    **dict.fromkeys(("today", "오늘"), 0 * DAY),
    **dict.fromkeys(("yesterday", "어제"), DAY),
}
#: Years that a person can mean: KMA's observations begin in 1904, and no arithmetic leaves the calendar.
_YEARS = range(1900, 2200)
_TODO_EN = "write YYYY-MM-DD HH:MM, YYYYMMDDHHMM or a date, in KST (+09:00)"
_TODO_KO = "YYYY-MM-DD HH:MM, YYYYMMDDHHMM 또는 날짜를 한국시각(+09:00)으로 쓰십시오"


def now_kst() -> datetime:
    """The present moment as naive KST with microseconds."""
    return datetime.now(UTC).astimezone(KST).replace(tzinfo=None)


def to_kst(moment: datetime) -> datetime:
    """An aware moment as naive KST. A naive one is refused: its zone would be a guess."""
    if moment.tzinfo is None:
        raise UsageError(
            f"the time {moment.isoformat()} has no zone",
            ko=f"시간대가 없는 시각입니다: {moment.isoformat()}",
            todo_en=_TODO_EN,
            todo_ko=_TODO_KO,
        )
    return moment.astimezone(KST).replace(tzinfo=None)


def parse_time(text: str) -> datetime:
    """A time as a person types it: naive KST to the minute.

    Accepts ``YYYY-MM-DD HH:MM``, ``YYYY-MM-DDTHH:MM``, ``YYYYMMDDHHMM``, a whole hour as ``YYYY-MM-DD HH``, a date (its 00:00), and ``now``,
    ``today``, ``yesterday`` (지금, 오늘, 어제: the minute, and the 00:00 of the day). ``+09:00`` may follow a time of day.

    Raises:
        UsageError: another form, another offset, seconds other than 0, a day that does not exist, or a year outside of 1900–2199.
    """
    moment = _parsed(text.strip())
    if moment.year not in _YEARS:
        raise UsageError(
            f"no year of KMA's observations: {text.strip()!r}",
            ko=f"기상청 관측 기간을 벗어난 연도입니다: {text.strip()!r}",
            todo_en=f"write a year from {_YEARS[0]} to {_YEARS[-1]}; observations begin in 1904",
            todo_ko=f"{_YEARS[0]}년에서 {_YEARS[-1]}년 사이를 쓰십시오; 관측은 1904년에 시작합니다",
        )
    return moment


def _parsed(text: str) -> datetime:
    if text.casefold() in _WORDS:
        moment = floor_to(now_kst(), MINUTE)
        back = _WORDS[text.casefold()]
        return moment if back is None else start_of(moment.date() - back)
    try:
        if _COMPACT.fullmatch(text):
            return datetime.strptime(text, "%Y%m%d%H%M")
        if date := _DATE.fullmatch(text):
            return datetime(int(date[1]), int(date[3]), int(date[4]))
        if full := _FULL.fullmatch(text):
            offset = full.group(4)
            if offset is not None and offset.replace(":", "") != "+0900":
                raise UsageError(
                    f"the time {text!r} is not in KST",
                    ko=f"한국시각이 아닙니다: {text!r}",
                    todo_en=_TODO_EN,
                    todo_ko=_TODO_KO,
                )
            return datetime.strptime(f"{full.group(1)} {full.group(2)}", "%Y-%m-%d %H:%M")
        if hour := _HOURLY.fullmatch(text):
            return datetime.strptime(f"{hour[1]} {hour[2]}", "%Y-%m-%d %H")
    except ValueError as cause:
        raise UsageError(
            f"no such time: {text!r} ({cause})", ko=f"없는 시각입니다: {text!r}", todo_en=_TODO_EN, todo_ko=_TODO_KO
        ) from None
    if _SECONDS.search(text):
        raise UsageError(
            f"seconds are not taken: {text!r}",
            ko=f"초는 쓸 수 없습니다: {text!r}",
            todo_en=f"{_TODO_EN}, without seconds",
            todo_ko=f"{_TODO_KO}(초 없이)",
        )
    raise UsageError(f"not a time: {text!r}", ko=f"시각이 아닙니다: {text!r}", todo_en=_TODO_EN, todo_ko=_TODO_KO)


def in_words(span: timedelta, language: Literal["ko", "en"]) -> str:
    """A length of time in its largest whole unit: ``10 min``, ``1 h``, ``30 d``."""
    days, hours, minutes = (" d", " h", " min") if language == "en" else ("일", "시간", "분")
    length = int(span.total_seconds() // 60)
    if length % 1440 == 0:
        return f"{length // 1440}{days}"
    return f"{length // 60}{hours}" if length % 60 == 0 else f"{length}{minutes}"


def floor_to(moment: datetime, step: timedelta) -> datetime:
    """The last multiple of ``step`` (counted from midnight) at or before ``moment``."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + ((moment - midnight) // step) * step


def ceil_to(moment: datetime, step: timedelta) -> datetime:
    """The first multiple of ``step`` (counted from midnight) at or after ``moment``: for a stamp and an hour, the end of its hour."""
    floor = floor_to(moment, step)
    return floor if floor == moment else floor + step


def day_of(stamp: datetime) -> date:
    """The day (00:00, 24:00] that holds the stamp."""
    return (stamp - timedelta(microseconds=1)).date()


def start_of(day: date) -> datetime:
    """The 00:00 with which the day begins."""
    return datetime(day.year, day.month, day.day)


def minute_of(stamp: datetime) -> int:
    """The minute of its day, 1 … 1440."""
    return (stamp - start_of(day_of(stamp))) // MINUTE


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The stretch of KST time ``(start, end]``.

    Raises:
        UsageError: ``start`` is not before ``end``.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise UsageError(
                f"the window ({self.start:%Y-%m-%d %H:%M}, {self.end:%Y-%m-%d %H:%M}] is empty",
                ko=f"수집 구간 ({self.start:%Y-%m-%d %H:%M}, {self.end:%Y-%m-%d %H:%M}]에 시각이 없습니다",
                todo_en="let from lie before to; the window holds the stamps after from, up to and including to",
                todo_ko="from은 to보다 앞서야 합니다(수집 구간은 from 다음부터 to까지)",
            )

    @classmethod
    def of_stamps(cls, first: datetime, last: datetime, step: timedelta) -> Window:
        """The window that holds the stamps ``first`` … ``last``, ``step`` apart, both included."""
        return cls(first - step, last)

    def stamps(self, step: timedelta) -> Iterator[datetime]:
        """Every stamp in the window that is a multiple of ``step``."""
        stamp = floor_to(self.start, step) + step
        while stamp <= self.end:
            yield stamp
            stamp += step

    def count(self, step: timedelta) -> int:
        """How many stamps the window holds."""
        return (floor_to(self.end, step) - floor_to(self.start, step)) // step

    def split(self, span: timedelta) -> Iterator[Window]:
        """Windows of at most ``span``, in order, that tile this one."""
        start = self.start
        while start < self.end:
            end = min(start + span, self.end)
            yield Window(start, end)
            start = end

    def halves(self, step: timedelta) -> tuple[Window, Window] | None:
        """Two windows of about half the stamps each; None where there is only one stamp left."""
        count = self.count(step)
        if count < 2:
            return None
        middle = floor_to(self.start, step) + (count // 2) * step
        return Window(self.start, middle), Window(middle, self.end)

    def __contains__(self, stamp: object) -> bool:
        return isinstance(stamp, datetime) and self.start < stamp <= self.end

    def __str__(self) -> str:
        return f"({self.start:%Y-%m-%d %H:%M}, {self.end:%Y-%m-%d %H:%M}]"


#: Longer than KMA has observed.
ANY_TIME = Window(datetime(_YEARS[0], 1, 1), datetime(_YEARS[-1] + 1, 1, 1))


def days_of(window: Window) -> list[date]:
    """The days (00:00, 24:00] that hold the window's stamps, in order."""
    first = window.start.date()
    return [first + timedelta(days=count) for count in range((day_of(window.end) - first).days + 1)]
