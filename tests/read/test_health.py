"""What is told of a copy's health is what the books say, on every engine; and Prometheus can read it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from kmaflow.catalog.time import HOUR, MINUTE, Window
from kmaflow.quota.limits import Limits, Spent, Usage
from kmaflow.status.health import DatasetHealth, QuotaLeft, health, quota_left
from kmaflow.status.metrics import METRICS, PREFIX, exposition, samples
from kmaflow.store import Store
from kmaflow.store.engines.database import reading

from ..store.bodies import NOON, WINDOW, at, load, minute_body, request_of, stamp

LIMITS = Limits(100, 1000)
_LINE = re.compile(r'kmaflow_[a-z_]+(?:\{[a-z_]+="[^"]*"(?:,[a-z]+="[^"]*")*\})? -?[0-9.e+]+')


def _of(
    store: Store, now: datetime, *, stations: tuple[int, ...] | None = None, start: datetime | None = NOON
) -> list[DatasetHealth]:
    with reading(store.engine) as connection:
        return health(connection, now=now, stations=stations, start=start)


def _minutes(*stations: int) -> bytes:
    return minute_body(
        {(stamp(minute), stn): {"ta": -9.3} for minute in range(1, 11) for stn in stations}, witness=False
    )


def test_a_database_that_never_asked_has_nothing_to_tell(store: Store) -> None:
    assert _of(store, NOON) == []


def test_lag_rows_and_revisions(store: Store) -> None:
    load(store, _minutes(90, 108), at(13))
    load(store, _minutes(90, 108), at(15))  # unchanged: touches no row
    load(store, minute_body({(stamp(1), 90): {"ta": -9.4}}, witness=False), at(20), window=Window(NOON, stamp(1)))
    (found,) = _of(store, stamp(25))
    assert (found.dataset, found.last_stamp, found.lag) == ("aws_minute", stamp(10), 15 * MINUTE)
    assert (found.rows_today, found.revisions_today) == (21, 1)
    (tomorrow,) = _of(store, stamp(25) + timedelta(days=1))
    assert (tomorrow.rows_today, tomorrow.revisions_today) == (0, 0)


def test_missing_are_the_cells_that_should_be_here(store: Store) -> None:
    load(store, _minutes(90, 108), at(13))
    refused = Window(WINDOW.end, WINDOW.end + 10 * MINUTE)
    store.note(replace(request_of(b"", at(23), window=refused), outcome="maintenance", http_status=503, sha256=None))
    (now,) = _of(store, stamp(23))
    assert sum(now.missing.values()) == 0, "ten minutes' grace for the run that brings them"
    (later,) = _of(store, NOON + HOUR)
    # Expected by 12:47: three minutes' latency and ten of grace. Ten minutes were refused, seventeen not asked, by two stations each.
    assert later.missing == {"not_yet_produced": 0, "refused": 20, "rejected": 0, "not_asked": 54}
    (mine,) = _of(store, NOON + HOUR, stations=(108, 4711))
    assert mine.missing["refused"] == 10, "a station that never reported here is not expected"
    (young,) = _of(store, NOON + HOUR, start=stamp(40))
    assert sum(young.missing.values()) == 2 * 7, "before START nothing is missing"
    (started,) = _of(store, NOON + HOUR, start=None)
    assert started.missing["not_asked"] == 54, "without START it begins when the hub was first asked"


def test_what_is_left_of_the_quota() -> None:
    usage = Usage("k", "2025-01-15", {"live": Spent(8, 100, 50), "repair": Spent(), "backfill": Spent(2, 30, 0)})
    assert quota_left(usage, LIMITS) == QuotaLeft("k", 88, 800)
    spent = replace(usage, by_class={**usage.by_class, "live": Spent(98, 1000, 0)})
    assert quota_left(spent, LIMITS) == QuotaLeft("k", 0, 0)
    told = replace(usage, exhausted="calls", exhausted_by="hub", until=NOON)
    assert quota_left(told, LIMITS) == QuotaLeft("k", 0, 800)
    assert quota_left(replace(told, exhausted="bytes"), LIMITS) == QuotaLeft("k", 88, 0)
    assert quota_left(replace(told, exhausted_by="ceiling"), LIMITS) == QuotaLeft("k", 88, 800)


def test_the_text_format() -> None:
    one = DatasetHealth("aws_minute", datetime(1970, 1, 1, 9, 1), timedelta(seconds=90.5), 3, 0, {"refused": 2})
    none = DatasetHealth("aws_cloud", None, None, 0, 0, {"refused": 0})
    text = exposition(samples([one, none], [QuotaLeft("0123456789ab", 5, 6_000_000_000)]))
    assert text.startswith(
        "# HELP kmaflow_last_stamp_seconds Last stamp with a value, as Unix time.\n"
        "# TYPE kmaflow_last_stamp_seconds gauge\n"
        'kmaflow_last_stamp_seconds{dataset="aws_minute"} 60\n'
        "# HELP kmaflow_lag_seconds"
    )
    assert 'kmaflow_lag_seconds{dataset="aws_minute"} 90.5\n' in text
    assert 'kmaflow_missing_cells{dataset="aws_minute",state="refused"} 2\n' in text
    assert text.endswith('kmaflow_bytes_left{key_id="0123456789ab"} 6000000000\n')
    lines = text.splitlines()
    assert all(line.startswith("# ") or _LINE.fullmatch(line) for line in lines)
    for metric in METRICS:
        assert lines.count(f"# TYPE {metric.prometheus} gauge") == 1, "one block for each metric"
        assert metric.prometheus.startswith(f"{PREFIX}_")
    assert "calls_left" not in exposition(samples([one], [])), "without a key nobody knows"
    assert exposition([]) == ""


@pytest.mark.parametrize(("value", "written"), [('a"b', r"a\"b"), ("a\\b", r"a\\b"), ("a\nb", r"a\nb")])
def test_label_values_are_escaped(value: str, written: str) -> None:
    assert f'dataset="{written}"' in exposition(samples([DatasetHealth(value, None, None, 0, 0, {})], []))
