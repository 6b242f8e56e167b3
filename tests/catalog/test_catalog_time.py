"""KST stamps and windows: one rule, (start, end], under which windows tile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kmaflow.catalog.time import DAY, HOUR, KST, MINUTE, Window, floor_to, now_kst, parse_time, to_kst
from kmaflow.errors import UsageError

STEPS = st.sampled_from([MINUTE, timedelta(minutes=10), HOUR, timedelta(hours=3), DAY])
MOMENTS = st.datetimes(datetime(1904, 1, 1), datetime(2100, 1, 1))
MINUTES = MOMENTS.map(lambda moment: moment.replace(second=0, microsecond=0))


@st.composite
def windows(draw: st.DrawFn, step: timedelta) -> Window:
    """A window of up to about 150 steps whose ends need not be stamps."""
    start = draw(MINUTES)
    length = draw(st.integers(1, int(150 * step / MINUTE)))
    return Window(start, start + length * MINUTE)


STEPPED = STEPS.flatmap(lambda step: st.tuples(windows(step), st.just(step)))


class TestWindow:
    @given(STEPPED, st.integers(1, 300), st.sampled_from([MINUTE, HOUR]))
    def test_split_tiles_without_overlap_and_without_loss(
        self, stepped: tuple[Window, timedelta], length: int, unit: timedelta
    ) -> None:
        window, step = stepped
        span = length * unit
        assume((window.end - window.start) / span < 400)
        parts = list(window.split(span))
        assert parts[0].start == window.start
        assert parts[-1].end == window.end
        assert all(left.end == right.start for left, right in pairwise(parts))
        assert all(part.end - part.start <= span for part in parts)
        assert all(part.end - part.start == span for part in parts[:-1])
        stamps = [stamp for part in parts for stamp in part.stamps(step)]
        assert stamps == list(window.stamps(step))
        assert len(set(stamps)) == len(stamps)

    @given(STEPPED)
    def test_count_is_the_number_of_stamps(self, stepped: tuple[Window, timedelta]) -> None:
        window, step = stepped
        stamps = list(window.stamps(step))
        assert window.count(step) == len(stamps)
        assert all(stamp in window and floor_to(stamp, step) == stamp for stamp in stamps)

    @given(STEPPED)
    def test_halves_tile_and_are_alike(self, stepped: tuple[Window, timedelta]) -> None:
        window, step = stepped
        halves = window.halves(step)
        if halves is None:
            assert window.count(step) < 2
            return
        left, right = halves
        assert (left.start, left.end, right.end) == (window.start, right.start, window.end)
        assert left.count(step) + right.count(step) == window.count(step)
        assert 0 <= right.count(step) - left.count(step) <= 1
        assert left.count(step) > 0

    @given(MINUTES, st.integers(1, 100), STEPS)
    def test_of_stamps_holds_exactly_these_stamps(self, moment: datetime, count: int, step: timedelta) -> None:
        first = floor_to(moment, step)
        last = first + (count - 1) * step
        window = Window.of_stamps(first, last, step)
        assert list(window.stamps(step)) == [first + number * step for number in range(count)]

    def test_a_day_holds_its_own_total(self) -> None:
        day = Window(datetime(2024, 12, 15), datetime(2024, 12, 16))
        stamps = list(day.stamps(HOUR))
        assert (stamps[0], stamps[-1], len(stamps)) == (datetime(2024, 12, 15, 1), datetime(2024, 12, 16), 24)
        assert list(day.stamps(DAY)) == [datetime(2024, 12, 16)]
        assert datetime(2024, 12, 16) in day
        assert datetime(2024, 12, 15) not in day
        assert "2024-12-16" not in day
        assert str(day) == "(2024-12-15 00:00, 2024-12-16 00:00]"

    @given(MINUTES, st.integers(0, 1000))
    def test_an_empty_window_is_refused(self, moment: datetime, back: int) -> None:
        with pytest.raises(UsageError, match="is empty"):
            Window(moment, moment - back * MINUTE)

    @pytest.mark.parametrize("span", [timedelta(0), -HOUR])
    def test_a_span_that_leads_nowhere_is_refused(self, span: timedelta) -> None:
        with pytest.raises(UsageError):
            list(Window(datetime(2024, 1, 1), datetime(2024, 1, 2)).split(span))

    def test_windows_sort_by_time(self) -> None:
        early, late = (Window(datetime(2024, 1, day), datetime(2024, 1, day + 1)) for day in (1, 2))
        assert sorted([late, early]) == [early, late]


class TestFloor:
    @given(MOMENTS, STEPS)
    def test_is_the_last_multiple(self, moment: datetime, step: timedelta) -> None:
        floor = floor_to(moment, step)
        assert timedelta(0) <= moment - floor < step
        assert floor_to(floor, step) == floor


class TestParseTime:
    @given(MINUTES)
    def test_every_form_means_the_same(self, moment: datetime) -> None:
        for form in (
            "%Y-%m-%d %H:%M",
            "%Y-%m-%dT%H:%M",
            "%Y%m%d%H%M",
            "%Y-%m-%d %H:%M:00",
            "%Y-%m-%dT%H:%M+09:00",
        ):
            assert parse_time(f" {moment.strftime(form)} ") == moment
        for form in ("%Y-%m-%d", "%Y%m%d"):
            assert parse_time(moment.strftime(form)) == datetime(moment.year, moment.month, moment.day)

    @given(MINUTES, st.integers(-14 * 60, 14 * 60).filter(lambda minutes: minutes != 9 * 60))
    def test_another_offset_is_refused(self, moment: datetime, minutes: int) -> None:
        offset = moment.replace(tzinfo=timezone(timedelta(minutes=minutes))).isoformat(timespec="minutes")
        for text in (offset, offset.replace("T", " "), offset[:-3] + offset[-2:]):
            with pytest.raises(UsageError, match="not in KST"):
                parse_time(text)

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("2024-12-15T00:00Z", "not in KST"),
            ("2024-12-15 00:00[Asia/Seoul]", "not in KST"),
            ("2024-12-15 00:00:30", "seconds are not taken"),
            ("2024-02-30", "no such time"),
            ("202413010000", "no such time"),
            ("2024-12-15 24:00", "no such time"),
            ("2024121500", "not a time"),
            ("yestreday", "not a time"),
            ("", "not a time"),
        ],
    )
    def test_what_is_no_time_is_refused(self, text: str, reason: str) -> None:
        with pytest.raises(UsageError, match=reason) as caught:
            parse_time(text)
        assert "YYYYMMDDHHMM" in caught.value.todo_en
        assert "한국시각" in caught.value.todo_ko


class TestKst:
    def test_is_fixed(self) -> None:
        assert KST.utcoffset(datetime(1987, 7, 1)) == KST.utcoffset(None) == timedelta(hours=9)

    @given(MINUTES)
    def test_to_kst_is_nine_hours_ahead(self, moment: datetime) -> None:
        assert to_kst(moment.replace(tzinfo=UTC)) == moment + 9 * HOUR
        assert to_kst(moment.replace(tzinfo=KST)) == moment

    def test_a_moment_without_a_zone_is_refused(self) -> None:
        with pytest.raises(UsageError, match="has no zone"):
            to_kst(datetime(2024, 12, 15))

    def test_now_is_naive_kst(self) -> None:
        now = now_kst()
        assert now.tzinfo is None
        assert abs(now.replace(tzinfo=KST) - datetime.now(UTC)) < MINUTE


@pytest.mark.parametrize(("text", "back"), [("today", 0), ("오늘", 0), ("Yesterday", 1), ("어제", 1)])
def test_words_for_days(text: str, back: int) -> None:
    before, found, after = now_kst(), parse_time(text), now_kst()
    assert found in {floor_to(moment, DAY) - timedelta(days=back) for moment in (before, after)}


def test_now_and_a_whole_hour() -> None:
    before, found, after = now_kst(), parse_time("지금"), now_kst()
    assert before - MINUTE < found <= after
    assert parse_time("2026-11-22 12") == parse_time("2026-11-22T12") == datetime(2026, 11, 22, 12)
