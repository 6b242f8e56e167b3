"""The quota: what is charged never exceeds the ceiling, however many workers share the key; live data goes before backfill."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from kmaflow.errors import KmaflowError
from kmaflow.hub.errors import QuotaSpent, ServerFailed
from kmaflow.quota import tables
from kmaflow.quota.limits import (
    CallClass,
    DayQuotaSpent,
    Limits,
    LiveWork,
    Need,
    Spent,
    estimate,
    need_until_midnight,
)
from kmaflow.quota.meter import Meter
from kmaflow.quota.pace import Pace
from kmaflow.quota.quota import Quota
from kmaflow.store.engines.database import server_time
from kmaflow.store.errors import StoreLost
from kmaflow.store.schema.service import API_USAGE
from kmaflow.store.state import State

from ..databases import ENGINES, database
from ..store import state_workers as workers
from ..store.state_workers import KEY, NOON

MIDNIGHT = datetime(2026, 11, 23)
ROOMY = Limits(1000, 1_000_000, calls_per_second=10_000.0, concurrent_calls=8)
ROOM_FOR_GUESSES = replace(ROOMY, daily_bytes=5_000_000_000)
TODAY = "2026-11-22"


class Clock:
    """A naive KST clock that stands where it is put."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module", params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with database(request.param, tmp_path_factory.mktemp("quota")) as made:
        yield made


@pytest.fixture
def state(url: str) -> Iterator[State]:
    with State(url) as opened:
        yield opened
    workers.forget(url)


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    with workers.pool(8) as pool:
        yield pool


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limits(calls: int = 1000, size: int = 1_000_000, per_second: float = 10_000.0, at_once: int = 8) -> Limits:
    return Limits(calls, size, per_second, at_once)


def call(quota: Quota, cls: CallClass = "live", size: int = 100, comes: int | None = 10) -> None:
    with quota.reserve(cls, size=size) as ticket:
        ticket.settle(comes)


def charge(state: State, cls: CallClass, calls: int) -> None:
    """So many calls of today, of any worker."""
    with state.engine.begin() as connection:
        tables.add(connection, KEY, cls, TODAY, Spent(calls))


# --- reservations


def test_bytes_that_came_take_the_place_of_those_reserved(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock)
    ticket = quota.reserve("live", size=700)
    assert quota.spent().by_class["live"] == Spent(calls=1, bytes=0, reserved=700)
    assert ticket.day == TODAY
    ticket.settle(300)
    ticket.settle(300)
    call(quota, "repair", comes=20)
    call(quota, "backfill", comes=30)
    usage = quota.spent()
    assert usage.by_class == {"live": Spent(1, 300, 0), "repair": Spent(1, 20, 0), "backfill": Spent(1, 30, 0)}
    assert (usage.total, usage.day, usage.exhausted) == (Spent(3, 350, 0), TODAY, None)
    with state.engine.begin() as connection:
        names = ("key_id", "day_kst", "class", "calls", "bytes", "reserved")
        rows = connection.execute(sa.select(*(API_USAGE.c[name] for name in names)).order_by(API_USAGE.c["class"]))
        assert rows.first() == (KEY, "2026-11-22", "backfill", 1, 30, 0)


@pytest.mark.parametrize("fails", [True, False], ids=["the call fails", "nobody knows its size"])
def test_what_never_settles_stays_charged_until_midnight(state: State, clock: Clock, fails: bool) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock)

    def work() -> None:
        with quota.reserve("live", size=700) as ticket:
            if fails:
                raise KmaflowError("the answer broke off")
            ticket.settle(None)

    if fails:
        with pytest.raises(KmaflowError, match="broke off"):
            work()
    else:
        work()
    assert quota.spent().total == Spent(calls=1, bytes=0, reserved=700)
    clock.now = MIDNIGHT
    assert quota.spent().total == Spent()


def test_a_call_over_midnight_is_charged_to_both_days(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock)
    clock.now = MIDNIGHT - timedelta(seconds=1)
    known, unknown = quota.reserve("live", size=700), quota.reserve("live", size=50)
    clock.now = MIDNIGHT + timedelta(seconds=1)
    known.settle(300)
    unknown.settle(None)
    assert quota.spent().total == Spent(calls=2, bytes=300, reserved=50)
    clock.now = NOON
    assert quota.spent().total == Spent(calls=2, bytes=300, reserved=50)


def test_keys_are_counted_apart(state: State, clock: Clock) -> None:
    old, new = (
        Quota(state, KEY, limits(calls=2), clock=clock),
        Quota(state, "ba9876543210", limits(calls=2), clock=clock),
    )
    call(old)
    with pytest.raises(DayQuotaSpent):
        call(old)
    old.exhausted_by_hub("calls")
    call(new)
    assert (old.spent().total.calls, old.spent().exhausted) == (1, "calls")
    assert (new.spent().total.calls, new.spent().exhausted) == (1, None)


def test_a_settlement_that_cannot_be_written_loses_no_answer(
    state: State, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock)
    quota.reserve("live", size=700).settle(300)
    with state.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE api_usage RENAME TO away")
    quota.flush()
    with state.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO api_usage")
    assert "what was reserved stays charged" in caplog.text
    assert KEY in caplog.text
    assert Quota(state, KEY, ROOMY, clock=clock).spent().total == Spent(1, 0, 700)
    assert quota.spent().total == Spent(1, 300, 0), "the next time it is written"


@pytest.mark.parametrize("reserving", [True, False], ids=["with the next reservation", "by a flush"])
def test_a_connection_lost_while_settling_gives_nothing_back_twice(
    state: State, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, reserving: bool
) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock)
    quota.reserve("live", size=700).settle(300)
    whole = tables.add

    def lost(*_: object) -> None:
        monkeypatch.setattr(tables, "add", whole)
        raise StoreLost("the server went away")

    monkeypatch.setattr(tables, "add", lost)
    if reserving:
        with quota.reserve("live", size=50) as ticket:
            ticket.settle(40)
    quota.flush()
    assert "perhaps not settled" in caplog.text
    assert quota.spent().total == (Spent(2, 40, 700) if reserving else Spent(1, 0, 700)), "the reserve stays charged"


@contextmanager
def statements(state: State) -> Iterator[list[str]]:
    """Those that are sent meanwhile."""
    found: list[str] = []

    def told(_: object, __: object, statement: str, *___: object) -> None:
        if statement != "BEGIN IMMEDIATE":
            found.append(statement)

    sa.event.listen(state.engine, "before_cursor_execute", told)
    try:
        yield found
    finally:
        sa.event.remove(state.engine, "before_cursor_execute", told)


def test_an_undisturbed_call_costs_two_statements(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock)
    call(quota, "backfill")
    with statements(state) as sent:
        for _ in range(5):
            call(quota, "backfill")
    assert len(sent) == 10, sent
    with State(str(state.engine.url.render_as_string(hide_password=False))) as elsewhere:
        others = Quota(elsewhere, KEY, ROOMY, clock=clock)
        assert others.spent().total == Spent(6, 50, 100), "the last one is settled with the next"
        quota.flush()
        assert others.spent().total == Spent(6, 60, 0)
    with statements(state) as sent:
        quota.flush()
    assert sent == []


def test_what_waits_makes_room_for_the_next(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, limits(size=1000), clock=clock)
    quota.reserve("backfill", size=900).settle(20)
    quota.reserve("backfill", size=900).settle(20)
    with pytest.raises(DayQuotaSpent):
        quota.reserve("backfill", size=950)
    assert Quota(state, KEY, ROOMY, clock=clock).spent().total == Spent(2, 40, 0), "a refusal settles what has ended"


def test_a_call_is_charged_to_the_day_on_which_it_ended_however_late_it_is_settled(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock)
    clock.now = MIDNIGHT - timedelta(seconds=1)
    quota.reserve("live", size=700).settle(300)
    clock.now = MIDNIGHT + timedelta(seconds=1)
    call(quota, size=50, comes=40)
    assert quota.spent().total == Spent(calls=1, bytes=40, reserved=0)
    clock.now = NOON
    assert quota.spent().total == Spent(calls=1, bytes=300, reserved=0)


def test_by_default_the_servers_clock_decides_the_day(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    with state.engine.begin() as connection:
        utc = connection.execute(sa.select(server_time(state.engine))).scalar_one()
    assert timedelta(0) <= state.now() - (utc + timedelta(hours=9)) < timedelta(minutes=5), "KST"
    quota = Quota(state, KEY, ROOMY)
    call(quota)
    assert quota.spent().total.calls == 1
    monkeypatch.setattr(state, "now", lambda: datetime(2031, 5, 6, 7, 8))
    later = Quota(state, KEY, ROOMY)
    assert (later.spent().day, later.spent().total.calls) == ("2031-05-06", 0)


def test_who_waits_by_a_clock_that_is_ahead_of_the_servers_does_not_come_back_too_early(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = timedelta(minutes=7)
    monkeypatch.setattr(state, "now", lambda: NOON)
    monkeypatch.setattr("kmaflow.quota.quota.now_kst", lambda: NOON + ahead)
    quota = Quota(state, KEY, limits(calls=1))
    call(quota)
    with pytest.raises(DayQuotaSpent) as spent:
        call(quota)
    assert spent.value.until == quota.closed_until("live") == quota.exhausted_by_hub("calls") == MIDNIGHT + ahead
    assert quota.spent().until == MIDNIGHT, "for all workers it is the server's"


@pytest.mark.parametrize(("cls", "size"), [("history", 1), ("live", -1)])
def test_a_reservation_names_a_class_and_an_amount(state: State, cls: CallClass, size: int) -> None:
    with pytest.raises(ValueError, match="no reservation"):
        Quota(state, KEY, ROOMY).reserve(cls, size=size)


# --- no more today


def test_calls_end_at_98_percent_of_the_limit(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, limits(calls=100), clock=clock)
    charge(state, "repair", 97)
    call(quota)
    with pytest.raises(DayQuotaSpent) as spent:
        call(quota)
    assert (spent.value.kind, spent.value.until, spent.value.by) == ("calls", MIDNIGHT, "ceiling")
    assert isinstance(spent.value, QuotaSpent)
    assert "98 of 98 calls" in spent.value.what
    assert "2026-11-23 00:00" in spent.value.todo_en
    assert "2026-11-23 00:00" in spent.value.todo_ko
    usage = quota.spent()
    assert (usage.total.calls, usage.exhausted, usage.exhausted_by, usage.until) == (98, "calls", "ceiling", MIDNIGHT)
    clock.now = MIDNIGHT
    call(quota)
    assert (quota.spent().total.calls, quota.spent().exhausted) == (1, None)


def test_bytes_end_at_98_percent_of_the_limit_counting_what_is_reserved(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, limits(size=1000), clock=clock)
    under_way = quota.reserve("live", size=900)
    with pytest.raises(DayQuotaSpent, match="900 of 980 bytes") as spent:
        quota.reserve("live", size=81)
    assert spent.value.kind == "bytes"
    under_way.settle(100)
    call(quota, size=880)
    assert quota.spent().exhausted == "bytes", "it was recorded, but only the hub's word stops everybody"


def test_a_higher_limit_counts_at_once(state: State, clock: Clock) -> None:
    call(Quota(state, KEY, limits(calls=2), clock=clock))
    with pytest.raises(DayQuotaSpent):
        call(Quota(state, KEY, limits(calls=2), clock=clock))
    call(Quota(state, KEY, limits(calls=10), clock=clock))


@pytest.mark.parametrize("kind", ["calls", "bytes"])
def test_when_the_hub_says_so_nobody_asks_until_midnight(state: State, clock: Clock, url: str, kind: str) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock)
    assert quota.exhausted_by_hub("calls" if kind == "calls" else "bytes") == MIDNIGHT
    with State(url) as elsewhere:
        other = Quota(elsewhere, KEY, ROOMY, clock=clock)
        for cls in ("live", "repair", "backfill"):
            with pytest.raises(DayQuotaSpent, match="the hub says") as spent:
                other.reserve(cls, size=1)
            assert (spent.value.kind, spent.value.until, spent.value.by) == (kind, MIDNIGHT, "hub")
    assert (quota.spent().exhausted, quota.spent().exhausted_by) == (kind, "hub")
    assert quota.spent().total == Spent()
    clock.now = MIDNIGHT
    call(quota)


def test_right_after_midnight_the_hub_may_mean_the_day_before(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock)
    clock.now = MIDNIGHT + timedelta(minutes=3)
    assert quota.exhausted_by_hub("calls") == MIDNIGHT + timedelta(minutes=10)
    with pytest.raises(DayQuotaSpent):
        call(quota)
    clock.now = MIDNIGHT + timedelta(minutes=10)
    call(quota)
    assert quota.exhausted_by_hub("calls") == MIDNIGHT + timedelta(days=1)


def test_the_ceiling_does_not_take_back_what_the_hub_said(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, limits(calls=2), clock=clock)
    under_way = quota.reserve("live", size=1)
    quota.exhausted_by_hub("bytes")
    under_way.settle(1)
    quota.set_exhausted("calls", "ceiling", MIDNIGHT)
    assert quota.spent().exhausted_by == "hub"


def test_what_live_data_needs_is_kept_back_from_backfill(state: State, clock: Clock) -> None:
    asked: list[datetime] = []

    def need(now: datetime) -> Need:
        asked.append(now)
        return Need(calls=50, bytes=1000)

    quota = Quota(state, KEY, limits(calls=100, size=100_000), clock=clock, live_need=need)
    charge(state, "backfill", 37)
    call(quota, "backfill")
    with pytest.raises(DayQuotaSpent, match="60 are kept for live data") as spent:
        call(quota, "backfill")
    assert (spent.value.kind, spent.value.until, spent.value.by) == ("calls", MIDNIGHT, "live")
    assert quota.spent().exhausted is None
    assert set(asked) == {NOON}
    charge(state, "repair", 10)
    charge(state, "live", 48)
    call(quota, "repair")
    call(quota, "live")
    assert quota.spent().total.calls == 98


def test_bytes_are_kept_back_too(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, limits(size=1000), clock=clock, live_need=lambda _: Need(bytes=400))
    with pytest.raises(DayQuotaSpent, match="480 are kept") as spent:
        call(quota, "backfill", size=501)
    assert spent.value.kind == "bytes"
    call(quota, "backfill", size=500)


# --- sums


def test_backfill_has_a_share_of_the_day_and_the_others_have_the_rest(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, replace(limits(100, 10_000_000), backfill_share=0.1), clock=clock)
    for _ in range(9):
        call(quota, "backfill")
    for _ in range(2):
        with pytest.raises(DayQuotaSpent, match="share") as spent:
            call(quota, "backfill")
        assert (spent.value.kind, spent.value.until, spent.value.by) == ("calls", MIDNIGHT, "share")
    assert quota.spent().exhausted is None, "for the others there is enough"
    for _ in range(20):
        call(quota, "live")
        call(quota, "repair")
    clock.now = MIDNIGHT
    call(quota, "backfill")


def test_the_share_counts_bytes_reserved_too(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, replace(limits(1000, 100_000), backfill_share=0.5), clock=clock)
    with quota.reserve("backfill", size=30_000), pytest.raises(DayQuotaSpent, match="share") as spent:
        quota.reserve("backfill", size=20_000)
    assert spent.value.kind == "bytes"
    call(quota, "live", size=20_000)


@pytest.mark.parametrize("share", [0.0, -0.5, 1.1])
def test_a_share_is_a_part_of_the_day(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        Limits(backfill_share=share)


def test_live_need_is_counted_by_the_runs_until_midnight() -> None:
    works = [LiveWork(timedelta(minutes=10), 5, 1000), LiveWork(timedelta(hours=1), 1, 30)]
    assert need_until_midnight(works, datetime(2026, 11, 22, 22, 0)) == Need(12 * 5 + 2, 12 * 1000 + 2 * 30)
    assert need_until_midnight(works, datetime(2026, 11, 22, 23, 55, 1)) == Need(6, 1030)
    assert need_until_midnight(works, MIDNIGHT) == Need(144 * 5 + 24, 144 * 1000 + 24 * 30)
    assert need_until_midnight([], NOON) == Need()
    assert Need(1, 101).kept == Need(2, 122)


def test_estimates_begin_with_the_rows_asked_for() -> None:
    assert estimate(10, 730, None) == 10 * 730 * 140
    assert estimate(10, 730, 801) == 1002


def test_the_largest_answer_to_each_kind_of_call_is_known_to_all(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock)
    kind = "aws_minute 10 all"
    assert quota.sizes() == {}
    for comes in (1000, 4000, 2000):
        quota.reserve("live", size=1, call_kind=kind).settle(comes)
    quota.reserve("live", size=1, call_kind=kind).settle(9000, typical=False)
    quota.flush()
    assert quota.sizes() == {kind: 4000}
    elsewhere = Quota(state, KEY, ROOMY, clock=clock)
    with elsewhere, elsewhere.reserve("live", size=1, call_kind=kind) as ticket:
        ticket.settle(3000)
    assert elsewhere.sizes() == {kind: 4000}
    assert Quota(state, "ba9876543210", ROOMY, clock=clock).sizes() == {}


def test_a_meter_names_calls_and_guesses_their_size(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, ROOM_FOR_GUESSES, clock=clock)
    meter = Meter(quota, "repair")
    for name, stamps, stn, reserved in (
        ("aws_minute", 10, None, 10 * 760 * 140),
        ("aws_minute", 1440, 108, 1440 * 140),
        ("asos_hourly", 24, None, 24 * 110 * 140),
        ("station_AWS", 1, None, 760 * 140),
        ("station_SFC", 1, None, 110 * 140),
    ):
        with meter.call(name, stamps, stn) as settle:
            assert quota.spent().by_class["repair"].reserved == reserved
            settle(800)
        assert quota.spent().total.reserved == 0
    with meter.call("aws_minute", 10, None) as settle:
        assert quota.spent().total.reserved == 1000
        settle(800)


@pytest.mark.parametrize(
    ("status", "body", "received", "charged"),
    [
        (500, b"no", 2, Spent(1, 2, 0)),
        (204, b"", 0, Spent(1, 0, 0)),
        (None, b"", None, Spent(1, 0, 1400)),
        (None, b"", 1399, Spent(1, 0, 1400)),
        (None, b"", 5000, Spent(1, 5000, 0)),
        (200, b"", 301, Spent(1, 0, 1400)),
        (200, b"", 5000, Spent(1, 5000, 0)),
    ],
    ids=["refused", "empty", "no answer", "broken off", "broken off late", "given up", "given up late"],
)
def test_a_call_that_fails_is_charged_with_what_the_hub_may_count(
    state: State, clock: Clock, status: int | None, body: bytes, received: int | None, charged: Spent
) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock)
    error = ServerFailed("no", status=status, body=body)
    error.received = received
    with pytest.raises(ServerFailed), Meter(quota, "live").call("aws_minute", 10, 108):
        raise error
    assert quota.spent().total == charged
    assert quota.sizes() == {}, "its size is no measure of such calls"


def test_a_call_that_never_reached_the_hub_is_given_back(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock)
    error = ServerFailed("no way")
    error.sent, error.received = False, 0
    with pytest.raises(ServerFailed), Meter(quota, "live").call("aws_minute", 10, 108):
        raise error
    assert quota.spent().total == Spent()


def test_the_hubs_word_inside_a_call_stops_all_until_midnight(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock)
    with pytest.raises(QuotaSpent) as spent, Meter(quota, "live").call("aws_minute", 10, 108):
        raise QuotaSpent("no more today", kind="bytes", status=403, body=b"no")
    assert spent.value.until == MIDNIGHT
    usage = quota.spent()
    assert (usage.total, usage.exhausted, usage.exhausted_by) == (Spent(1, 2, 0), "bytes", "hub")


@pytest.mark.parametrize("wrong", [(0, 1, 1.0, 1), (1, 0, 1.0, 1), (1, 1, 0.0, 1), (1, 1, 1.0, 0)])
def test_limits_are_greater_than_zero(wrong: tuple[int, int, float, int]) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        Limits(*wrong)


def test_the_least_limit_lets_one_call_in() -> None:
    assert (Limits(1, 1).calls_ceiling, Limits(20_000, 5_000_000_000).bytes_ceiling) == (1, 4_900_000_000)


# --- the pace of one process


def test_no_more_calls_of_a_process_are_under_way_than_allowed(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, limits(at_once=2), clock=clock)
    first, second = quota.reserve("live", size=1), quota.reserve("backfill", size=1)
    entered = threading.Event()

    def third() -> None:
        with quota.reserve("live", size=1):
            entered.set()

    waiting = threading.Thread(target=third)
    waiting.start()
    assert not entered.wait(0.2)
    assert Quota(state, KEY, ROOMY, clock=clock).spent().total.calls == 2, "what waits is not charged yet"
    first.settle(1)
    first.settle(1)
    waiting.join()
    assert entered.is_set()
    second.settle(1)


def test_a_refused_reservation_keeps_no_place(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, limits(calls=2, at_once=1), clock=clock)
    call(quota)
    for _ in range(3):
        with pytest.raises(DayQuotaSpent):
            call(quota)


def test_calls_of_a_process_begin_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(round(seconds, 6))
        now[0] += seconds

    monkeypatch.setattr("kmaflow.quota.pace.time.monotonic", lambda: now[0])
    monkeypatch.setattr("kmaflow.quota.pace.time.sleep", sleep)
    pace = Pace(10.0, 1)
    pace.take_turn()
    pace.take_turn()
    now[0] += 0.04
    pace.take_turn()
    now[0] += 5
    pace.take_turn()
    assert slept == [0.0, 0.1, 0.06, 0.0]


# --- many workers


def test_eight_processes_never_make_one_call_too_many(state: State, url: str, processes: ProcessPoolExecutor) -> None:
    shared = limits(calls=41)
    classes: tuple[CallClass, ...] = ("live", "repair", "backfill")
    futures = [processes.submit(workers.spend, url, classes[n % 3], shared, 10, 5) for n in range(8)]
    results = [future.result() for future in futures]
    assert sum(calls for calls, _ in results) == 40
    assert not any(above for _, above in results)
    usage = Quota(state, KEY, shared, clock=Clock()).spent()
    assert usage.total == Spent(calls=40, bytes=200, reserved=0)


@pytest.mark.parametrize("comes", [None, 40, 20])
def test_eight_processes_never_reserve_one_byte_too_many(
    state: State, url: str, processes: ProcessPoolExecutor, comes: int | None
) -> None:
    shared = limits(size=1000)
    futures = [processes.submit(workers.spend, url, "live", shared, 40, comes) for _ in range(8)]
    results = [future.result() for future in futures]
    assert not any(above for _, above in results)
    total = Quota(state, KEY, shared, clock=Clock()).spent().total
    assert sum(made for made, _ in results) == total.calls
    assert total.charged <= 980
    if comes != 20:
        assert (total.calls, total.charged) == (24, 960)


def test_two_workers_of_one_call_at_a_time_both_finish(state: State, url: str, processes: ProcessPoolExecutor) -> None:
    """The first has a call under way until the second has made all of its own: nobody waits for another process."""
    one_call = limits(at_once=1)
    workers.make_witness(state.engine)
    first = processes.submit(workers.call_until, url, one_call)
    second = processes.submit(workers.call_often, url, one_call, 10)
    second.result()
    assert first.result() == 1
    assert Quota(state, KEY, one_call, clock=Clock()).spent().total == Spent(calls=11, bytes=11, reserved=0)


def test_a_worker_that_is_killed_during_its_call_stops_nobody_and_stays_charged(state: State, url: str) -> None:
    ours, theirs = workers.SPAWN.Pipe()
    one_call = limits(calls=10, at_once=1)
    with workers.importable():
        caller = workers.SPAWN.Process(target=workers.call_for_ever, args=(url, one_call, 30, theirs))
        caller.start()
    try:
        assert ours.recv() == "called"
        assert caller.pid is not None
        os.kill(caller.pid, signal.SIGKILL)
        caller.join()
    finally:
        caller.kill()
        caller.join()
        caller.close()
    quota = Quota(state, KEY, one_call, clock=Clock())
    for _ in range(8):
        call(quota, comes=1)
    with pytest.raises(DayQuotaSpent):
        call(quota)
    assert quota.spent().total == Spent(calls=9, bytes=8, reserved=30)
