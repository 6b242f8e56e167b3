"""The timetable of the collecting DAGs: equal steps of KST, each run some minutes after its data interval.

Airflow's data interval [12:00, 12:10) is our window (12:00, 12:10]: the stamps 12:01 … 12:10. The hub has the last of them a while
later, so the run starts ``delay`` after the interval's end. All steps are counted from midnight KST, which is fixed
+09:00 (no tz database zone, no daylight saving).
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.exceptions import AirflowTimetableInvalid
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from pendulum import DateTime, instance, now

from kmaflow.catalog.time import HOUR, KST, in_words
from kmaflow.language import say_in_airflow

if TYPE_CHECKING:
    from airflow.utils.types import DagRunType

_DAY = timedelta(days=1)
#: Steps divide a day, so counting them from any midnight of KST will do; this is how far the one of 1970-01-01 lies before the epoch.
_KST_SECONDS = 9 * 3600


class WindowTimetable(Timetable):
    """Every ``step`` of KST one run, ``delay`` after the end of its data interval.

    Clear and Backfill make runs of the same intervals; a manual run gets the last interval that is complete at its logical date.

    Args:
        step: length of a data interval; it divides a day.
        delay: time from the interval's end until the hub has its last stamp.
    """

    def __init__(self, step: timedelta, delay: timedelta) -> None:
        self.step = step
        self.delay = delay
        (every_ko, late_ko), (every, late) = [[in_words(span, to) for span in (step, delay)] for to in ("ko", "en")]
        self.description = say_in_airflow(
            f"{every_ko}마다, 구간이 끝나고 {late_ko} 뒤에 시작", f"every {every}, {late} after the end of the interval"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WindowTimetable):
            return NotImplemented
        return (self.step, self.delay) == (other.step, other.delay)

    def __hash__(self) -> int:
        return hash((self.step, self.delay))

    def __repr__(self) -> str:
        return f"WindowTimetable(step={self.step!r}, delay={self.delay!r})"

    @property
    def summary(self) -> str:
        """What the list of DAGs shows as schedule."""
        if self.step == _DAY and self.delay < _DAY:
            clock = f"{datetime.min + self.delay:%H:%M}"
            return say_in_airflow(f"매일 {clock}", f"daily at {clock}")
        if self.step == HOUR and self.delay < HOUR:
            minute = int(self.delay.total_seconds() // 60)
            return say_in_airflow(f"매시 {minute}분", f"hourly at :{minute:02}")
        every, late = (in_words(span, say_in_airflow("ko", "en")) for span in (self.step, self.delay))  # type: ignore[arg-type]
        return say_in_airflow(f"{every}마다 ({late} 뒤)", f"every {every} ({late} later)")

    def generate_run_id(
        self, *, run_type: DagRunType, run_after: DateTime, data_interval: DataInterval | None, **extra: Any
    ) -> str:
        """Run ids tell KST, as everything here does."""
        return super().generate_run_id(
            run_type=run_type, run_after=instance(run_after.astimezone(KST)), data_interval=data_interval, **extra
        )

    def serialize(self) -> dict[str, Any]:
        """Seconds, as stored in Airflow's database."""
        return {"step": self.step.total_seconds(), "delay": self.delay.total_seconds()}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Timetable:
        """The inverse of :meth:`serialize`."""
        return cls(timedelta(seconds=data["step"]), timedelta(seconds=data["delay"]))

    def validate(self) -> None:
        """Raises AirflowTimetableInvalid where runs could not tile the day."""
        if self.step <= timedelta(0) or _DAY % self.step or self.step.microseconds:
            raise AirflowTimetableInvalid(f"the step {self.step} does not divide a day into whole seconds")
        if self.delay < timedelta(0):
            raise AirflowTimetableInvalid(f"the delay {self.delay} is negative")

    def last_complete(self, moment: datetime) -> DataInterval:
        """The last interval whose run could have started at ``moment`` (aware)."""
        end = self._floor(moment - self.delay)
        return DataInterval(instance(end - self.step), instance(end))

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """A run by hand without from/to takes the last complete interval, not the running one."""
        return self.last_complete(run_after)

    def next_dagrun_info(
        self,
        *,
        last_automated_data_interval: DataInterval | None,
        restriction: TimeRestriction,
    ) -> DagRunInfo | None:
        """The next interval. Without catchup, intervals older than the last complete one are passed over."""
        earliest = None if restriction.earliest is None else self._ceil(restriction.earliest)
        if not restriction.catchup:
            newest: datetime = self.last_complete(now("UTC")).start
            earliest = newest if earliest is None else max(newest, earliest)
        if last_automated_data_interval is None:
            if earliest is None:
                return None
            start = earliest
        else:
            # A last interval of another step (the schedule was changed) may end between two steps of ours: the interval that
            # holds its end is asked again rather than left half empty; never one that starts where a run exists already.
            start = self._floor(last_automated_data_interval.end)
            if start <= last_automated_data_interval.start:
                start = self._floor(last_automated_data_interval.start) + self.step
            if earliest is not None:
                start = max(start, earliest)
        if restriction.latest is not None and start > restriction.latest:
            return None
        end = start + self.step
        return DagRunInfo(
            run_after=instance(end + self.delay),
            data_interval=DataInterval(instance(start), instance(end)),
        )

    def _floor(self, moment: datetime) -> datetime:
        """The last boundary at or before an aware moment, in UTC."""
        # Integers, not timedeltas: Airflow hands us pendulum's times, whose differences cannot be divided by a timedelta.
        step = int(self.step.total_seconds())
        since = math.floor(moment.timestamp()) + _KST_SECONDS
        return datetime.fromtimestamp(since // step * step - _KST_SECONDS, UTC)

    def _ceil(self, moment: datetime) -> datetime:
        """The first boundary at or after an aware moment, in UTC."""
        floor = self._floor(moment)
        return floor if floor == moment else floor + self.step
