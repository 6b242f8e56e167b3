"""The quota: what is charged never exceeds the ceiling, however many workers share the key; live data goes before backfill."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa

from kmaflow.errors import KmaflowError
from kmaflow.hub.errors import QuotaSpent
from kmaflow.store import quota_books
from kmaflow.store.engines.server import server_time
from kmaflow.store.errors import StoreLost
from kmaflow.store.meter import Meter
from kmaflow.store.quota import Quota
from kmaflow.store.quota_books import API_KEY_STATE
from kmaflow.store.quota_limits import (
    CallClass,
    DayQuotaSpent,
    Limits,
    LiveWork,
    Need,
    NoFreeCall,
    Spent,
    estimate,
    need_until_midnight,
)
from kmaflow.store.schema.service import API_USAGE, LEASE
from kmaflow.store.state import State

from ..databases import ENGINES, database
from . import state_workers as workers
from .state_workers import KEY, NOON

MIDNIGHT = datetime(2026, 11, 23)
ROOMY = Limits(1000, 1_000_000, calls_per_second=10_000.0, concurrent_calls=8)


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
        quota.settle(ticket, comes)


def places(state: State) -> int:
    with state.engine.begin() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(LEASE)).scalar_one())


# --- the books


def test_bytes_that_came_take_the_place_of_those_reserved(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock)
    ticket = quota.reserve("live", size=700)
    assert quota.spent().by_class["live"] == Spent(calls=1, bytes=0, reserved=700)
    assert (ticket.day, places(state)) == ("2026-11-22", 1)
    quota.settle(ticket, 300)
    quota.settle(ticket, 300)
    call(quota, "repair", comes=20)
    call(quota, "backfill", comes=30)
    usage = quota.spent()
    assert usage.by_class == {"live": Spent(1, 300, 0), "repair": Spent(1, 20, 0), "backfill": Spent(1, 30, 0)}
    assert (usage.total, usage.day, usage.exhausted) == (Spent(3, 350, 0), "2026-11-22", None)
    assert places(state) == 0
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
    assert places(state) == 0, "others may call"
    clock.now = MIDNIGHT
    assert quota.spent().total == Spent()


def test_a_call_over_midnight_is_charged_to_both_days(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock)
    clock.now = MIDNIGHT - timedelta(seconds=1)
    known, unknown = quota.reserve("live", size=700), quota.reserve("live", size=50)
    clock.now = MIDNIGHT + timedelta(seconds=1)
    quota.settle(known, 300)
    quota.settle(unknown, None)
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


def test_books_that_cannot_be_written_after_the_call_lose_no_answer(
    state: State, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock)
    ticket = quota.reserve("live", size=700)
    with state.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE api_usage RENAME TO away")
    quota.settle(ticket, 300)
    with state.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO api_usage")
    assert "its reserve stays charged" in caplog.text
    assert KEY in caplog.text
    assert quota.spent().total == Spent(1, 0, 700)
    assert places(state) == 0


def test_a_connection_lost_while_settling_gives_nothing_back_twice(
    state: State, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock)
    ticket = quota.reserve("live", size=700)
    tried: list[int] = []

    def lost(*_: object) -> None:
        tried.append(1)
        raise StoreLost("the server went away")

    with monkeypatch.context() as patch:
        patch.setattr(quota_books, "add", lost)
        quota.settle(ticket, 300)
    assert tried == [1]
    assert quota.spent().total == Spent(1, 0, 700)
    assert places(state) == 0


@contextmanager
def statements(state: State) -> Iterator[list[str]]:
    """Those that are sent meanwhile."""
    found: list[str] = []

    def told(_: object, __: object, statement: str, *___: object) -> None:
        found.append(statement)

    sa.event.listen(state.engine, "before_cursor_execute", told)
    try:
        yield found
    finally:
        sa.event.remove(state.engine, "before_cursor_execute", told)


def test_call_after_call_takes_over_what_the_last_one_leaves(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock, with_next=True)
    first = quota.reserve("backfill", size=700)
    first.settle(300)
    assert quota.spent().total == Spent(1, 0, 700), "it waits for the next call"
    with statements(state) as sent:
        second = quota.reserve("backfill", size=500)
    assert len([one for one in sent if one != "BEGIN IMMEDIATE"]) == 4, sent
    assert second.place is first.place
    assert quota.spent().total == Spent(2, 300, 500)
    assert places(state) == 1
    with quota.reserve("backfill", size=1) as third:
        assert third.place is not second.place, "the second is still under way"
        third.settle(1)
    second.settle(200)
    quota.flush()
    assert quota.spent().total == Spent(3, 501, 0)
    assert places(state) == 0


def test_what_waits_makes_room_for_the_next(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, limits(size=1000), clock=clock, with_next=True)
    quota.reserve("backfill", size=900).settle(20)
    quota.reserve("backfill", size=900).settle(20)
    with pytest.raises(DayQuotaSpent):
        quota.reserve("backfill", size=950)
    quota.flush()
    assert quota.spent().total == Spent(2, 40, 0), "the refusal has lost nothing"
    assert places(state) == 0


def test_the_place_of_another_class_is_not_taken_over(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, limits(at_once=2), clock=clock, with_next=True)
    live = [quota.reserve("live", size=1) for _ in range(2)]
    for ticket in live:
        ticket.settle(1)
    with quota.reserve("backfill", size=1) as ticket:
        assert ticket.place not in [one.place for one in live], "the last place is not for backfill"
    assert places(state) == 0


def test_a_settlement_over_midnight_that_waited_is_charged_to_both_days(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock, with_next=True)
    clock.now = MIDNIGHT - timedelta(seconds=1)
    quota.reserve("live", size=700).settle(300)
    clock.now = MIDNIGHT + timedelta(seconds=1)
    call(quota, size=50, comes=40)
    quota.flush()
    assert quota.spent().total == Spent(calls=2, bytes=340, reserved=0)
    clock.now = NOON
    assert quota.spent().total == Spent(calls=1, bytes=300, reserved=0)


def test_a_connection_lost_with_what_waited_gives_nothing_back_twice(
    state: State, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock, with_next=True)
    quota.reserve("live", size=700).settle(300)
    whole = quota_books.set_next_call

    def lost(*_: object) -> None:
        monkeypatch.setattr(quota_books, "set_next_call", whole)
        raise StoreLost("the server went away")

    monkeypatch.setattr(quota_books, "set_next_call", lost)
    with quota.reserve("live", size=50) as ticket:
        ticket.settle(40)
    quota.flush()
    assert "perhaps not settled" in caplog.text
    assert quota.spent().total == Spent(2, 40, 700), "what was reserved stays charged"
    assert places(state) == 0


def test_the_only_place_is_given_back_at_once(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, limits(at_once=1), clock=clock, with_next=True)
    quota.reserve("backfill", size=700).settle(300)
    assert places(state) == 0
    assert quota.spent().total == Spent(1, 300, 0)


@pytest.mark.parametrize(("cls", "calls", "size"), [("history", 1, 1), ("live", 0, 1), ("live", 1, -1)])
def test_a_reservation_names_a_class_and_an_amount(state: State, cls: CallClass, calls: int, size: int) -> None:
    with pytest.raises(ValueError, match="no reservation"):
        Quota(state, KEY, ROOMY).reserve(cls, calls=calls, size=size)


# --- no more today


def test_calls_end_at_98_percent_of_the_limit(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, limits(calls=100), clock=clock)
    quota.reserve("repair", size=1, calls=97).settle(1)
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
    assert places(state) == 0
    clock.now = MIDNIGHT
    call(quota)
    assert (quota.spent().total.calls, quota.spent().exhausted) == (1, None)


def test_bytes_end_at_98_percent_of_the_limit_counting_what_is_reserved(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, limits(size=1000), clock=clock)
    under_way = quota.reserve("live", size=900)
    with pytest.raises(DayQuotaSpent, match="900 of 980 bytes") as spent:
        quota.reserve("live", size=81)
    assert spent.value.kind == "bytes"
    quota.settle(under_way, 100)
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
    quota.settle(under_way, 1)
    quota._exhausted("calls", "ceiling", MIDNIGHT)
    assert quota.spent().exhausted_by == "hub"


def test_what_live_data_needs_is_kept_back_from_backfill(state: State, clock: Clock) -> None:
    asked: list[datetime] = []

    def need(now: datetime) -> Need:
        asked.append(now)
        return Need(calls=50, bytes=1000)

    quota = Quota(state, KEY, limits(calls=100, size=100_000), clock=clock, live_need=need)
    quota.reserve("backfill", calls=38, size=1).settle(1)
    with pytest.raises(DayQuotaSpent, match="60 are kept for live data") as spent:
        call(quota, "backfill")
    assert (spent.value.kind, spent.value.until, spent.value.by) == ("calls", MIDNIGHT, "live")
    assert quota.spent().exhausted is None
    assert set(asked) == {NOON}
    quota.reserve("repair", calls=10, size=1).settle(1)
    quota.reserve("live", calls=50, size=1).settle(1)
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


def test_estimates_follow_the_largest_answer_seen(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, ROOMY, clock=clock)
    such = "aws_minute 10 all"
    assert quota.estimate(such, 10, 2) == 2800
    for comes in (1000, 4000, 2000):
        with quota.reserve("live", size=1, such=such) as ticket:
            ticket.settle(comes)
    assert quota.estimate(such, 10, 2) == 5000
    elsewhere = Quota(state, KEY, ROOMY, clock=clock)
    with elsewhere.reserve("live", size=1, such=such) as ticket:
        ticket.settle(3000)
    assert elsewhere.estimate(such, 10, 2) == 5000
    assert elsewhere.estimate("aws_minute 5 all", 5, 2) == 1400
    assert Quota(state, "ba9876543210", ROOMY, clock=clock).estimate(such, 10, 2) == 2800


def test_a_meter_names_calls_and_guesses_their_size(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, Limits(concurrent_calls=8, calls_per_second=1000), clock=clock)
    meter = Meter(quota, "repair")
    for name, stamps, stn, reserved in (
        ("aws_minute", 10, None, 10 * 760 * 140),
        ("aws_minute", 1440, 108, 1440 * 140),
        ("asos_hourly", 24, None, 24 * 110 * 140),
        ("station_AWS", 1, None, 760 * 140),
        ("station_SFC", 1, None, 110 * 140),
    ):
        with meter.reserve(name, stamps, stn) as ticket:
            assert (ticket.cls, ticket.reserved) == ("repair", reserved)
            ticket.settle(800)
    with meter.reserve("aws_minute", 10, None) as ticket:
        assert ticket.reserved == 1000
    assert meter.exhausted("bytes") == MIDNIGHT


@pytest.mark.parametrize("wrong", [(0, 1, 1.0, 1), (1, 0, 1.0, 1), (1, 1, 0.0, 1), (1, 1, 1.0, 0)])
def test_limits_are_greater_than_zero(wrong: tuple[int, int, float, int]) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        Limits(*wrong)


def test_the_least_limit_lets_one_call_in() -> None:
    assert (Limits(1, 1).calls_ceiling, Limits(20_000, 5_000_000_000).bytes_ceiling) == (1, 4_900_000_000)


# --- places and turns


def test_no_more_calls_are_under_way_than_allowed(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, limits(at_once=2), clock=clock)
    first = quota.reserve("live", size=1)
    second = quota.reserve("live", size=1)
    with pytest.raises(NoFreeCall, match="2 calls were under way"):
        quota.reserve("live", size=1, patience=0)
    assert quota.spent().total.calls == 2
    got: list[int] = []

    def third() -> None:
        with quota.reserve("live", size=1, patience=60) as ticket:
            got.append(ticket.calls)

    waiting = threading.Thread(target=third)
    waiting.start()
    first.settle(1)
    waiting.join()
    assert got == [1]
    second.settle(1)


def test_the_last_place_is_not_for_backfill(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, limits(at_once=2), clock=clock)
    history = quota.reserve("backfill", size=1)
    with pytest.raises(NoFreeCall):
        quota.reserve("backfill", size=1, patience=0)
    with quota.reserve("live", size=1, patience=0):
        pass
    history.settle(1)
    alone = Quota(state, KEY, limits(at_once=1), clock=clock)
    call(alone, "backfill")


def test_the_place_of_a_killed_worker_is_free_when_it_expires(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, limits(at_once=1), clock=clock)
    dead = quota.reserve("live", size=30)
    dead.place._stop.set()
    with state.engine.begin() as connection:
        connection.execute(LEASE.update().values(expires_at=server_time(state.engine.dialect.name, -0.01)))
    with quota.reserve("live", size=1, patience=0) as ticket:
        ticket.settle(1)
    assert quota.spent().total == Spent(calls=2, bytes=1, reserved=30)


def test_turns_are_spaced_by_the_servers_clock(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, limits(per_second=100.0), clock=clock)
    turns = []
    for calls in (1, 5, 1, 1):
        with quota.reserve("live", size=1, calls=calls) as ticket:
            turns.append(ticket.turn)
    gaps = [later - earlier for earlier, later in pairwise(turns)]
    assert all(gap >= timedelta(milliseconds=wait) for gap, wait in zip(gaps, (10, 50, 10), strict=True))


def test_a_clock_set_back_stops_nobody(state: State, clock: Clock) -> None:
    quota = Quota(state, KEY, limits(), clock=clock)
    call(quota)
    with state.engine.begin() as connection:
        connection.execute(API_KEY_STATE.update().values(next_call_at=server_time(state.engine.dialect.name, 7200)))
    with quota.reserve("live", size=1) as ticket, state.engine.begin() as connection:
        assert ticket.turn <= connection.execute(sa.select(server_time(state.engine.dialect.name))).scalar_one()


# --- many workers


def test_eight_processes_never_make_one_call_too_many(state: State, url: str, processes: ProcessPoolExecutor) -> None:
    shared = limits(calls=41, per_second=500.0)
    classes: tuple[CallClass, ...] = ("live", "repair", "backfill")
    futures = [processes.submit(workers.spend, url, classes[n % 3], shared, 10, 5) for n in range(8)]
    results = [future.result() for future in futures]
    assert sum(calls for calls, _, _ in results) == 40
    assert not any(above for _, _, above in results)
    usage = Quota(state, KEY, shared, clock=Clock()).spent()
    assert usage.total == Spent(calls=40, bytes=200, reserved=0)
    turns = sorted(turn for _, mine, _ in results for turn in mine)
    assert all(later - earlier >= timedelta(milliseconds=2) for earlier, later in pairwise(turns))


@pytest.mark.parametrize("comes", [None, 40, 20])
def test_eight_processes_never_reserve_one_byte_too_many(
    state: State, url: str, processes: ProcessPoolExecutor, comes: int | None
) -> None:
    shared = limits(size=1000)
    futures = [processes.submit(workers.spend, url, "live", shared, 40, comes) for _ in range(8)]
    results = [future.result() for future in futures]
    assert not any(above for _, _, above in results)
    total = Quota(state, KEY, shared, clock=Clock()).spent().total
    assert sum(made for made, _, _ in results) == total.calls
    assert total.charged <= 980
    if comes != 20:
        assert (total.calls, total.charged) == (24, 960)


def test_eight_processes_share_the_places(state: State, url: str, processes: ProcessPoolExecutor) -> None:
    workers.make_witness(state.engine)
    futures = [processes.submit(workers.call_often, url, limits(at_once=2), 3) for _ in range(8)]
    for future in futures:
        future.result()
    inside, most, entered = workers.witnessed(state.engine)
    assert (inside, entered) == (0, 24)
    assert most <= 2
