"""Asking: what is sent, what is asked again, what is halved, what is believed when nothing comes."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from kmaflow.catalog import STATION_LISTS
from kmaflow.catalog.time import Window
from kmaflow.hub.client import Answer, Failure, HubClient
from kmaflow.hub.errors import (
    BadKey,
    ConnectionFailed,
    EmptyAnswer,
    HubError,
    HubTimeout,
    Maintenance,
    NotApplied,
    NotATable,
    NotYetProduced,
    QuotaSpent,
    Refused,
    ServerFailed,
    Truncated,
    UnknownEndpoint,
)
from kmaflow.hub.parse import parse
from kmaflow.simulator import DEFAULT_KEY, KeyGrant, Running, SimulatorSettings, answers, running

from .answers import ASOS, BASE, MINUTE, NOW, Desk, from_simulator, hub, minutes, rows_of, simulated, with_rows

TEN = minutes(10)
ONE = minutes(1)
EMPTY = with_rows(simulated("aws_minute"), [])


def always(status: int = 200, content: bytes = b"", **headers: str) -> Desk:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Desk(lambda request, _: httpx.Response(status, content=content, headers=sent))


def first(count: int, status: int, content: bytes = b"", **headers: str) -> Desk:
    """That many failures, then the simulator."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(request: httpx.Request, number: int) -> httpx.Response:
        return httpx.Response(status, content=content, headers=sent) if number <= count else from_simulator(request)

    return Desk(answer)


def breaking(error: Callable[[httpx.Request], Exception]) -> Desk:
    def answer(request: httpx.Request, _: int) -> httpx.Response:
        raise error(request)

    return Desk(answer)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(SimulatorSettings(now=NOW)) as handle:
        yield handle


# --- what is sent


def test_a_window_becomes_its_first_and_its_last_stamp() -> None:
    desk = Desk(lambda request, _: from_simulator(request))
    with desk.client() as client:
        answer = client.ask(MINUTE, TEN)
    assert desk.asked == [
        {"disp": "1", "help": "0", "tm1": "202611221151", "tm2": "202611221200", "stn": "0", "authKey": DEFAULT_KEY}
    ]
    assert desk.urls[0].path == "/api/typ01/cgi-bin/url/nph-aws2_min"
    assert (answer.window, answer.stn, answer.name, answer.status, answer.fetched_at) == (
        TEN,
        None,
        "aws_minute",
        200,
        NOW,
    )
    assert parse(MINUTE, answer.content, window=TEN).rejected == ()


@pytest.mark.parametrize(
    ("start", "end", "tm1", "tm2"),
    [
        ("2026-11-22 09:00", "2026-11-22 12:00", "202611221000", "202611221200"),
        ("2026-11-22 09:30", "2026-11-22 12:59", "202611221000", "202611221200"),
        ("2026-11-21 23:00", "2026-11-22 00:00", "202611220000", "202611220000"),
    ],
)
def test_hours_are_asked_by_the_stamps_in_the_window(start: str, end: str, tm1: str, tm2: str) -> None:
    desk = Desk(lambda request, _: from_simulator(request))
    with desk.client() as client:
        client.ask(ASOS, Window(datetime.fromisoformat(start), datetime.fromisoformat(end)))
    assert (desk.asked[0]["tm1"], desk.asked[0]["tm2"]) == (tm1, tm2)


def test_neighbouring_windows_share_no_stamp_and_miss_none() -> None:
    desk = Desk(lambda request, _: from_simulator(request))
    with desk.client() as client:
        bodies = [client.ask(MINUTE, part).content for part in minutes(20).split(timedelta(minutes=5))]
    stamps = [row[:12] for body in bodies for row in rows_of(body)]
    assert len(set(stamps)) == 20
    assert len({(row[:12], row.split(b",")[1]) for body in bodies for row in rows_of(body)}) == len(stamps)


def test_one_station_is_asked_by_its_number() -> None:
    desk = Desk(lambda request, _: from_simulator(request))
    with desk.client() as client:
        answer = client.ask(MINUTE, ONE, 108)
    assert desk.asked[0]["stn"] == "108"
    assert answer.stn == 108
    assert len(rows_of(answer.content)) == 1


def test_a_station_list_is_asked_as_of_a_time() -> None:
    desk = Desk(lambda request, _: from_simulator(request))
    with desk.client() as client:
        answer = client.ask_stations(STATION_LISTS["AWS"], datetime(2026, 1, 2, 3, 4))
        client.ask_stations(STATION_LISTS["SFC"])
    assert (answer.name, answer.window, answer.stn) == ("station_AWS", None, None)
    assert (desk.asked[0]["inf"], desk.asked[0]["tm"]) == ("AWS", "202601020304")
    assert "tm" not in desk.asked[1]


def test_calls_and_bytes_are_counted_as_they_come_out_of_the_wire() -> None:
    body = simulated("aws_minute")
    desk = always(200, gzip.compress(body), Content_Encoding="gzip")
    with desk.client(url=BASE + "/") as client:
        assert client.ask(MINUTE, ONE).content == body
        assert (client.requests, client.received) == (1, len(body))
    assert str(desk.urls[0]).startswith(f"{BASE}/cgi-bin")


def test_gzip_is_asked_for() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request, _: int) -> httpx.Response:
        seen.extend((request.headers["accept-encoding"], request.headers["user-agent"]))
        return from_simulator(request)

    with Desk(answer).client() as client:
        client.ask(MINUTE, ONE)
    assert seen[0] == "gzip"
    assert seen[1].startswith("kmaflow/")


def test_the_clock_of_the_hub_is_compared_with_ours() -> None:
    with always(200, simulated("aws_minute"), Date="Sun, 22 Nov 2026 04:00:07 GMT").client() as client:
        assert client.clock_ahead is None
        client.ask(MINUTE, ONE)
        assert client.clock_ahead == 7.0


@pytest.mark.parametrize("date", ["", "yesterday", "Sun, 22 Nov 2026 04:00:07 -0000", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_date_that_is_none_says_nothing_about_the_clock(date: str) -> None:
    with always(200, simulated("aws_minute"), Date=date).client() as client:
        client.ask(MINUTE, ONE)
        assert client.clock_ahead is None


# --- what is asked again


@pytest.mark.parametrize(
    ("desk", "error"),
    [
        (always(500), ServerFailed),
        (always(504), ServerFailed),
        (always(429), ServerFailed),
        (always(200), EmptyAnswer),
        (always(200, simulated("aws_minute")[:-9]), Truncated),
        (always(502, b"<html>"), ServerFailed),
        (always(200, b"no gzip", Content_Encoding="gzip"), ConnectionFailed),
        (breaking(lambda request: httpx.ReadTimeout("slow", request=request)), HubTimeout),
        (breaking(lambda request: httpx.ConnectTimeout("slow", request=request)), HubTimeout),
        (breaking(lambda request: httpx.ConnectError("", request=request)), ConnectionFailed),
        (breaking(lambda request: httpx.ReadError("reset", request=request)), ConnectionFailed),
        (breaking(lambda request: httpx.RemoteProtocolError("closed", request=request)), Truncated),
    ],
    ids=lambda value: getattr(value, "__name__", "desk"),
)
def test_what_may_pass_is_asked_again_as_often_as_allowed(desk: Desk, error: type[HubError]) -> None:
    desk.asked.clear()
    desk.waits.clear()
    told: list[Failure] = []
    with desk.client(tries=3, on_failure=told.append) as client, pytest.raises(error):
        client.ask(MINUTE, ONE)
    assert len(desk.asked) == 3
    assert len(desk.waits) == 2
    assert [failure.final for failure in told] == [False, False, True]
    assert {(failure.name, failure.window, failure.stn, failure.fetched_at) for failure in told} == {
        ("aws_minute", ONE, None, NOW)
    }


@pytest.mark.parametrize(
    ("desk", "error"),
    [
        (always(401, answers.json_error(401, answers.BAD_KEY).body), BadKey),
        (always(200, answers.json_error(401, answers.BAD_KEY).body), BadKey),
        (always(403, answers.json_error(403, answers.NOT_APPLIED).body), NotApplied),
        (always(403, answers.json_error(403, answers.TOO_MUCH).body), QuotaSpent),
        (always(403, answers.json_error(403, answers.TOO_OFTEN).body), QuotaSpent),
        (always(404, answers.json_error(404, answers.NO_SUCH_API).body), UnknownEndpoint),
        (always(302, b"", Location="https://elsewhere.test/"), Refused),
        (always(302, b"<html>302 Found</html>", Location="https://elsewhere.test/"), Refused),
        (always(418), Refused),
        (always(200, b"user_input() error\n"), Refused),
        (always(200, b"some words\n"), NotATable),
        (always(200, b"<html>"), NotATable),
        (always(200, b'{"error": 1}'), NotATable),
        (always(200, answers.maintenance(200).body), Maintenance),
        (always(503, answers.maintenance(503).body), Maintenance),
    ],
    ids=lambda value: getattr(value, "__name__", "desk"),
)
def test_what_will_not_pass_is_asked_once(desk: Desk, error: type[HubError]) -> None:
    desk.asked.clear()
    told: list[Failure] = []
    with desk.client(on_failure=told.append) as client, pytest.raises(error):
        client.ask(MINUTE, TEN)
    assert (len(desk.asked), desk.waits) == (1, [])
    assert [failure.final for failure in told] == [True]


@pytest.mark.parametrize("url", ["apihub.kma.go.kr/api", "", "ftp://hub.test", "http://127.0.0.1:port"])
def test_an_address_that_is_none_is_said_at_once(url: str) -> None:
    waits: list[float] = []
    with (
        HubClient(SecretStr(DEFAULT_KEY), url, sleep=waits.append) as client,
        pytest.raises(UnknownEndpoint, match="no address of a hub") as caught,
    ):
        client.ask(MINUTE, ONE)
    assert waits == []
    assert "KMAFLOW_HUB_URL" in str(caught.value)


def test_a_port_where_nobody_listens_is_a_failed_connection() -> None:
    waits: list[float] = []
    with (
        HubClient(SecretStr(DEFAULT_KEY), "http://127.0.0.1:9", tries=2, sleep=waits.append) as client,
        pytest.raises(ConnectionFailed, match=r"127\.0\.0\.1"),
    ):
        client.ask(MINUTE, ONE)
    assert len(waits) == 1


@pytest.mark.parametrize("failures", [1, 2, 3])
def test_an_answer_that_comes_in_the_end_is_taken(failures: int) -> None:
    desk = first(failures, 500)
    with desk.client() as client:
        assert rows_of(client.ask(MINUTE, ONE).content)
        assert client.requests == failures + 1


def test_waits_grow_and_are_bounded_and_differ() -> None:
    desk = always(500)
    with desk.client(tries=12) as client, pytest.raises(ServerFailed):
        client.ask(MINUTE, ONE)
    assert all(0 < wait <= 60 for wait in desk.waits)
    assert all(wait >= 2**number for number, wait in enumerate(desk.waits[:5]))
    assert desk.waits[-1] == 60
    assert len(set(desk.waits[:5])) == 5


@pytest.mark.parametrize(
    ("named", "low", "high"),
    [
        ("30", 30, 30),
        ("2.5", 2.5, 2.5),
        ("Sun, 22 Nov 2026 04:00:40 GMT", 40, 40),
        ("100000000", 60, 60),
        ("Sun, 22 Nov 2099 04:00:40 GMT", 60, 60),
        ("0", 1, 2),
        ("-5", 1, 2),
        ("inf", 1, 2),
        ("nan", 1, 2),
        ("soon", 1, 2),
        ("Sun, 22 Nov 2026 03:00:00 GMT", 1, 2),
        ("Sun, 22 Nov 2026 04:00:40 -0000", 1, 2),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 1, 2),
    ],
)
def test_retry_after_is_honoured_within_bounds(named: str, low: float, high: float) -> None:
    desk = first(1, 503, Retry_After=named)
    with desk.client() as client:
        client.ask(MINUTE, ONE)
    assert low <= desk.waits[0] <= high


# --- what is halved


def test_a_window_that_was_too_much_is_halved_until_the_answers_tile_it() -> None:
    def answer(request: httpx.Request, _: int) -> httpx.Response:
        asked = request.url.params
        stamps = int(asked["tm2"][-2:]) % 60 - int(asked["tm1"][-2:]) % 60
        return httpx.Response(504) if stamps % 60 > 2 else from_simulator(request)

    desk = Desk(answer)
    window = minutes(10, datetime(2026, 11, 22, 11, 50))
    with desk.client() as client:
        parts = list(client.ask_in_parts(MINUTE, window))
    assert all(isinstance(part, Answer) for part in parts)
    assert_tiles(window, parts)
    assert desk.waits == []


def assert_tiles(window: Window, parts: list[Answer | Failure]) -> None:
    windows = [part.window for part in parts]
    assert all(isinstance(one, Window) for one in windows)
    whole = [one for one in windows if one is not None]
    assert (whole[0].start, whole[-1].end) == (window.start, window.end)
    assert all(one.end == other.start for one, other in itertools.pairwise(whole))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(1, 12), st.sets(st.integers(0, 59)), st.sampled_from([504, 200]))
def test_parts_tile_the_window_whatever_fails(count: int, bad: set[int], status: int) -> None:
    """Any answer that holds a bad minute comes back as 504 or cut; at last only these minutes are missing."""
    window = minutes(count, datetime(2026, 11, 22, 11, 50))

    def answer(request: httpx.Request, _: int) -> httpx.Response:
        asked = request.url.params
        if bad & set(range(int(asked["tm1"][-2:]), int(asked["tm2"][-2:]) + 1)):
            # Cut at another length for every window: nothing says that asking for less is of no use.
            cut = b"#START7777\n# cut" + b"-" * 2 ** (int(asked["tm1"][-2:]) - 30)
            return httpx.Response(status, content=b"" if status == 504 else cut)
        return httpx.Response(200, content=simulated("aws_minute"))

    with Desk(answer).client(tries=2) as client:
        parts = list(client.ask_in_parts(MINUTE, window))
    assert_tiles(window, parts)
    failed = [part for part in parts if isinstance(part, Failure)]
    stamps = [stamp for part in failed if part.window for stamp in part.window.stamps(MINUTE.cadence)]
    assert [stamp.minute for stamp in stamps] == [
        stamp.minute for stamp in window.stamps(MINUTE.cadence) if stamp.minute in bad
    ]
    assert all(part.final for part in failed)


def cut_at(length: int, took: Callable[[int], float] = lambda _: 0.0) -> tuple[Desk, Callable[[], float]]:
    """A hub that ends every answer after so many bytes, and the timer of its client."""
    now = [0.0]

    def answer(request: httpx.Request, number: int) -> httpx.Response:
        now[0] += took(number)
        return httpx.Response(200, content=from_simulator(request).content[:length])

    return Desk(answer), lambda: now[0]


@pytest.mark.parametrize("count", [2, 10])
def test_answers_cut_at_one_length_are_not_asked_in_ever_smaller_parts(count: int) -> None:
    desk, timer = cut_at(5000)
    with desk.client(timer=timer) as client:
        parts = list(client.ask_in_parts(MINUTE, minutes(count)))
    assert_tiles(minutes(count), parts)
    assert (len(parts), len(desk.asked), desk.waits) == (2, 3, [])
    for part in parts:
        assert isinstance(part, Failure)
        assert type(part.error) is Truncated
        assert "KMAFLOW_WINDOW_MINUTES" in part.error.todo_en
        assert "KMAFLOW_WINDOW_MINUTES" in part.error.todo_ko
        assert "asked again in halves" not in str(part.error)


def test_answers_cut_after_thirty_seconds_are_not_asked_in_ever_smaller_parts() -> None:
    now = [0.0]

    def answer(request: httpx.Request, number: int) -> httpx.Response:
        now[0] += 30.0 + number / 10
        whole = from_simulator(request).content
        return httpx.Response(200, content=whole[: len(whole) // 2])

    desk = Desk(answer)
    with desk.client(timer=lambda: now[0]) as client:
        parts = list(client.ask_in_parts(MINUTE, TEN))
    assert (len(parts), len(desk.asked)) == (2, 3)


def test_one_half_that_is_cut_where_the_whole_was_does_not_stop_the_other() -> None:
    """Only the first minute is bad: its bytes end at the same place in every answer that holds it."""

    def answer(request: httpx.Request, _: int) -> httpx.Response:
        whole = from_simulator(request).content
        return httpx.Response(200, content=whole[:5000] if request.url.params["tm1"].endswith("51") else whole)

    with Desk(answer).client(tries=1) as client:
        parts = list(client.ask_in_parts(MINUTE, TEN))
    assert_tiles(TEN, parts)
    assert [part.window for part in parts if isinstance(part, Failure)] == [minutes(1, datetime(2026, 11, 22, 11, 51))]


@pytest.mark.parametrize("words", [b"user_input() error\n", b"some words\n", b"<html>no</html>", b'["no"]'])
def test_a_refusal_in_words_costs_one_call_and_is_not_halved(words: bytes) -> None:
    desk = always(200, words)
    with desk.client() as client:
        (part,) = client.ask_in_parts(MINUTE, TEN)
    assert isinstance(part, Failure)
    assert not isinstance(part.error, Truncated)
    assert (part.window, len(desk.asked)) == (TEN, 1)


def test_a_single_stamp_is_not_halved_but_asked_again() -> None:
    desk = always(504)
    with desk.client(tries=3) as client:
        (part,) = client.ask_in_parts(MINUTE, ONE)
    assert isinstance(part, Failure)
    assert len(desk.asked) == 3


@pytest.mark.parametrize(("status", "calls"), [(500, 4), (401, 1)])
def test_other_failures_are_not_halved(status: int, calls: int) -> None:
    desk = always(status)
    with desk.client() as client:
        (part,) = client.ask_in_parts(MINUTE, TEN)
    assert isinstance(part, Failure)
    assert (part.window, len(desk.asked)) == (TEN, calls)


# --- what is believed when no row comes


@pytest.mark.parametrize(
    ("age", "error"),
    [
        (timedelta(minutes=-5), NotYetProduced),
        (timedelta(minutes=1), NotYetProduced),
        (timedelta(hours=2, minutes=59), NotYetProduced),
        (timedelta(hours=3), EmptyAnswer),
        (timedelta(days=547), EmptyAnswer),
    ],
)
def test_no_row_for_all_stations_is_too_young_or_a_fault(age: timedelta, error: type[HubError]) -> None:
    desk = always(200, EMPTY)
    with desk.client(tries=2) as client, pytest.raises(error):
        client.ask(MINUTE, minutes(1, NOW - age))
    assert len(desk.asked) == 1, (
        "the same question a second later brings nothing: who collects asks for one stamp alone"
    )


def test_no_row_of_what_the_hub_no_longer_keeps_is_an_answer() -> None:
    with always(200, EMPTY).client() as client:
        assert client.ask(MINUTE, minutes(1, NOW - timedelta(days=600))).content == EMPTY


def test_no_hour_is_too_old() -> None:
    empty = with_rows(simulated("asos_hourly"), [])
    window = Window(datetime(1990, 1, 1, 11), datetime(1990, 1, 1, 12))
    with always(200, empty).client(tries=1) as client, pytest.raises(EmptyAnswer):
        client.ask(ASOS, window)


def test_no_row_for_one_station_is_an_answer() -> None:
    with always(200, EMPTY).client() as client:
        assert client.ask(MINUTE, ONE, 108).content == EMPTY


def test_a_list_without_stations_is_a_fault() -> None:
    with always(200, b"#START7777\n#7777END\n").client(tries=2) as client, pytest.raises(EmptyAnswer):
        client.ask_stations(STATION_LISTS["AWS"])


# --- the real wire


def over_wire(server: Running, **more: object) -> HubClient:
    return HubClient(SecretStr(DEFAULT_KEY), server.url, clock=lambda: NOW, sleep=lambda _: None, **more)  # type: ignore[arg-type]


def test_a_real_server_is_read_through_gzip(server: Running) -> None:
    with over_wire(server) as client:
        answer = client.ask(MINUTE, TEN)
    assert answer.content == simulated("aws_minute", tm1="202611221151", tm2="202611221200")


@pytest.mark.parametrize("fault", ["http504", "truncate", "drop"])
def test_a_cut_answer_of_a_real_server_is_asked_again_in_halves(server: Running, fault: str) -> None:
    from kmaflow.simulator.faults import Plan

    server.simulator.hub.faults.plan(Plan(fault, count=2))
    with over_wire(server) as client:
        parts = list(client.ask_in_parts(MINUTE, TEN))
    assert_tiles(TEN, parts)
    assert all(isinstance(part, Answer) for part in parts)
    rows = [row for part in parts if isinstance(part, Answer) for row in rows_of(part.content)]
    assert rows == rows_of(simulated("aws_minute", tm1="202611221151", tm2="202611221200"))


def test_a_real_server_that_is_slow_is_a_timeout(server: Running) -> None:
    from kmaflow.simulator.faults import Plan

    server.simulator.hub.faults.plan(Plan("slow", argument=0.3))
    with over_wire(server, timeout=httpx.Timeout(0.05), tries=1) as client, pytest.raises(HubTimeout):
        client.ask(MINUTE, ONE)


def test_a_spent_quota_is_known() -> None:
    keys = (KeyGrant(DEFAULT_KEY, daily_calls=0),)
    desk = Desk(lambda request, _: from_simulator(request, keys=keys))
    with desk.client() as client, pytest.raises(QuotaSpent):
        client.ask(MINUTE, ONE)


def test_a_garbled_answer_of_the_simulator_loses_one_row() -> None:
    from kmaflow.simulator.faults import Drawn

    path = "/api/typ01/cgi-bin/url/nph-aws2_min"
    query = {"authKey": DEFAULT_KEY, "tm2": "202611221200", "disp": "1"}
    body = hub().answer(path, query, Drawn("garbage")).body
    found = parse(MINUTE, body)
    assert (len(found.rejected), found.rows.height) == (1, len(rows_of(simulated("aws_minute"))) - 1)
