"""What logs and lists say in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pendulum
import pytest
from airflow.utils.types import DagRunType

from kmaflow.airflow.provider.timetable import WindowTimetable
from kmaflow.airflow.tasks.words import collected

SUMMARY: dict[str, Any] = {
    "dataset": "aws_minute",
    "from": "2026-11-29 02:00",
    "to": "2026-11-29 02:10",
    "rows": 7300,
    "blank": 119,
    "missing": [],
    "rejected": 0,
    "calls": 1,
    "bytes": 700_000,
}


@pytest.mark.parametrize(
    ("language", "changes", "sentence"),
    [
        ("ko", {}, "aws_minute 2026-11-29 02:00–02:10: 7,300행 저장, 결측 119, 누락 없음 · API 호출 1회, 0.7 MB"),
        ("en", {}, "aws_minute 2026-11-29 02:00–02:10: 7,300 rows stored, 119 blank, nothing missing · 1 call, 0.7 MB"),
        (
            "en",
            {"missing": ["one"], "rejected": 2, "calls": 2, "blank": 0},
            "aws_minute 2026-11-29 02:00–02:10: 7,300 rows stored, 3 missing · 2 calls, 0.7 MB",
        ),
        (
            "ko",
            {"to": "2026-11-30 00:00", "left": 4},
            "aws_minute 2026-11-29 02:00–2026-11-30 00:00: 7,300행 저장, 결측 119, 누락 4건 · API 호출 1회, 0.7 MB",
        ),
        ("ko", {"from": None, "to": None}, "aws_minute: 7,300행 저장, 결측 119, 누락 없음 · API 호출 1회, 0.7 MB"),
    ],
)
def test_one_sentence_tells_what_a_task_stored(
    language: str, changes: dict[str, Any], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KMAFLOW_LANG", language)
    assert collected(SUMMARY | changes) == sentence


@pytest.mark.parametrize(
    ("step", "delay", "ko", "en"),
    [
        (timedelta(minutes=10), timedelta(minutes=3), "10분마다 (3분 뒤)", "every 10 min (3 min later)"),
        (timedelta(hours=1), timedelta(minutes=20), "매시 20분", "hourly at :20"),
        (timedelta(days=1), timedelta(hours=3), "매일 03:00", "daily at 03:00"),
    ],
)
def test_a_schedule_is_told_in_words(
    step: timedelta, delay: timedelta, ko: str, en: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for language, words in (("ko", ko), ("en", en)):
        monkeypatch.setenv("KMAFLOW_LANG", language)
        assert WindowTimetable(step, delay).summary == words


def test_a_run_id_tells_kst() -> None:
    moment = pendulum.instance(datetime(2026, 11, 28, 17, 13, tzinfo=UTC))
    timetable = WindowTimetable(timedelta(minutes=10), timedelta(minutes=3))
    run_id = timetable.generate_run_id(run_type=DagRunType.SCHEDULED, run_after=moment, data_interval=None)
    assert run_id == "scheduled__2026-11-29T02:13:00+09:00"
