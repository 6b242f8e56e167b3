"""The client and its meter: every request is let in and settled, and what is not let in is not asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from pydantic import SecretStr

from kmaflow.catalog import STATION_LISTS
from kmaflow.hub.client import Answer, Failure, HubClient
from kmaflow.hub.errors import ConnectionFailed, HubError, HubTimeout, QuotaSpent, ServerFailed, Truncated
from kmaflow.simulator import DEFAULT_KEY

from .answers import ASOS, MINUTE, NOW, Desk, from_simulator, minutes, simulated

TEN = minutes(10)
TOO_OFTEN = '{"result":{"status":403,"message":"일일 최대 호출 건수를 초과하였습니다."}}'.encode()


#: What came of a call: the bytes of an answer, or the error with what it brought.
Ended = int | tuple[type[HubError], bytes, bool]


@dataclass
class FakeMeter:
    """Lets every call be made but those that ``refuse`` numbers (from 0), and keeps what it is told."""

    refuse: dict[int, HubError] = field(default_factory=dict)
    asked: list[tuple[str, int, int | None]] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)

    @contextmanager
    def call(self, name: str, stamps: int, stn: int | None) -> Iterator[Callable[[int], None]]:
        self.asked.append((name, stamps, stn))
        if error := self.refuse.get(len(self.asked) - 1):
            raise error
        try:
            yield self.ended.append
        except HubError as error:
            self.ended.append((type(error), error.body, error.sent))
            raise


@pytest.fixture
def meter() -> FakeMeter:
    return FakeMeter()


def answers(*contents: bytes | int | Exception) -> Desk:
    """A hub that gives these in turn (a number: that HTTP status), then what the simulator says."""

    def answer(request: httpx.Request, number: int) -> httpx.Response:
        if number > len(contents):
            return from_simulator(request)
        content = contents[number - 1]
        if isinstance(content, Exception):
            raise content
        return (
            httpx.Response(content, content=b"no") if isinstance(content, int) else httpx.Response(200, content=content)
        )

    return Desk(answer)


def test_a_call_is_let_in_by_what_it_asks_and_settled_with_the_bytes_that_came(meter: FakeMeter) -> None:
    with answers().client(meter=meter) as client:
        ten = client.ask(MINUTE, TEN)
        one = client.ask(MINUTE, TEN, 108)
        hour = client.ask(ASOS, minutes(60))
        lists = client.ask_stations(STATION_LISTS["SFC"])
    assert meter.asked == [
        ("aws_minute", 10, None),
        ("aws_minute", 10, 108),
        ("asos_hourly", 1, None),
        ("station_SFC", 1, None),
    ]
    assert meter.ended == [len(answer.content) for answer in (ten, one, hour, lists)]


def test_every_try_is_a_call_of_its_own_and_a_refusal_is_told(meter: FakeMeter) -> None:
    desk = answers(500, 503)
    with desk.client(meter=meter) as client:
        answer = client.ask(MINUTE, TEN)
    assert meter.ended == [(ServerFailed, b"no", True), (ServerFailed, b"no", True), len(answer.content)]
    assert len(desk.asked) == 3


def test_halves_are_calls_of_their_own(meter: FakeMeter) -> None:
    let_in: list[int] = []
    with answers(504).client(meter=meter) as client:
        parts = list(client.ask_in_parts(MINUTE, TEN, let_in=lambda: let_in.append(1)))
    assert [stamps for _, stamps, _ in meter.asked] == [10, 5, 5]
    assert all(isinstance(part, Answer) for part in parts)
    assert len(let_in) == len(meter.ended) == 3


def test_an_answer_that_broke_off_has_no_size(meter: FakeMeter) -> None:
    cut = httpx.RemoteProtocolError("peer closed connection")
    slow = httpx.ReadTimeout("slow")
    with answers(cut, slow).client(meter=meter, tries=2) as client, pytest.raises(HubError):
        client.ask(MINUTE, TEN)
    assert meter.ended == [(Truncated, b"", True), (HubTimeout, b"", True)]


def test_what_never_reached_the_hub_brought_nothing(meter: FakeMeter) -> None:
    with (
        HubClient(SecretStr(DEFAULT_KEY), "http://127.0.0.1:9", tries=2, meter=meter, sleep=lambda _: None) as client,
        pytest.raises(ConnectionFailed),
    ):
        client.ask(MINUTE, TEN)
    assert meter.ended == [(ConnectionFailed, b"", False)] * 2


def test_a_body_without_its_end_is_charged_as_it_came(meter: FakeMeter) -> None:
    half = simulated("aws_minute")[:5000]
    with answers(half).client(meter=meter, tries=1) as client, pytest.raises(Truncated):
        client.ask(MINUTE, minutes(1))
    assert meter.ended == [5000]


def test_the_hubs_word_that_the_quota_is_spent_goes_to_the_meter(meter: FakeMeter) -> None:
    desk = answers(TOO_OFTEN)
    told: list[Failure] = []
    with desk.client(meter=meter, on_failure=told.append) as client, pytest.raises(QuotaSpent) as spent:
        client.ask(MINUTE, TEN)
    assert spent.value.kind == "calls"
    assert meter.ended == [(QuotaSpent, TOO_OFTEN, True)]
    assert [(failure.final, failure.error.status) for failure in told] == [(True, 403)]


def test_what_the_meter_refuses_is_not_asked_and_not_tried_again() -> None:
    meter = FakeMeter({0: QuotaSpent("no more today", kind="bytes")})
    desk = answers()
    told: list[Failure] = []
    with desk.client(meter=meter, on_failure=told.append) as client:
        with pytest.raises(QuotaSpent, match="no more today"):
            client.ask(MINUTE, TEN)
        assert (client.requests, client.received) == (0, 0)
    assert (desk.asked, desk.waits, len(meter.asked), meter.ended) == ([], [], 1, [])
    assert [(failure.window, failure.final, failure.error.status) for failure in told] == [(TEN, True, None)]


def test_a_quota_spent_between_two_tries_ends_the_tries() -> None:
    meter = FakeMeter({1: QuotaSpent("no more today", kind="calls")})
    desk = answers(500)
    with desk.client(meter=meter) as client, pytest.raises(QuotaSpent):
        client.ask(MINUTE, TEN)
    assert (len(desk.asked), meter.ended) == (1, [(ServerFailed, b"no", True)])


def test_without_a_meter_nothing_is_counted() -> None:
    with answers(500).client(tries=1) as client, pytest.raises(ServerFailed):
        client.ask(MINUTE, TEN)
    assert TEN.end < NOW
