"""The client and its meter: every request is let in and settled, and what is not let in is not asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import httpx
import pytest
from pydantic import SecretStr

from kmaflow.catalog import STATION_LISTS
from kmaflow.hub.client import Answer, Failure, HubClient
from kmaflow.hub.errors import ConnectionFailed, HubError, QuotaSpent, ServerFailed, TransientHubError, Truncated
from kmaflow.simulator import DEFAULT_KEY

from .answers import ASOS, MINUTE, NOW, Desk, from_simulator, minutes, simulated

MIDNIGHT = datetime(2026, 11, 23)
TEN = minutes(10)
TOO_OFTEN = '{"result":{"status":403,"message":"일일 최대 호출 건수를 초과하였습니다."}}'.encode()


@dataclass
class FakeTicket:
    """Keeps what it was settled with; ``()`` = never."""

    settled: tuple[object, ...] = ()
    left: bool = False

    def __enter__(self) -> FakeTicket:
        return self

    def __exit__(self, *_: object) -> None:
        self.left = True

    def settle(self, size: int | None, *, typical: bool = True, made: bool = True) -> None:
        assert not self.settled
        self.settled = (size, typical)


@dataclass
class FakeMeter:
    """Lets everything in but the reservations that ``refuse`` numbers (from 0)."""

    refuse: dict[int, HubError] = field(default_factory=dict)
    asked: list[tuple[str, int, int | None]] = field(default_factory=list)
    tickets: list[FakeTicket] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def reserve(self, name: str, stamps: int, stn: int | None) -> FakeTicket:
        self.asked.append((name, stamps, stn))
        if error := self.refuse.get(len(self.asked) - 1):
            raise error
        self.tickets.append(FakeTicket())
        return self.tickets[-1]

    def exhausted(self, kind: Literal["calls", "bytes"]) -> datetime:
        self.told.append(kind)
        return MIDNIGHT

    @property
    def settled(self) -> list[tuple[object, ...]]:
        assert all(ticket.left for ticket in self.tickets), "every place is given back"
        return [ticket.settled for ticket in self.tickets]


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
    assert meter.settled == [(len(answer.content), True) for answer in (ten, one, hour, lists)]


def test_every_try_is_let_in_anew_and_a_refusal_is_no_measure_of_such_calls(meter: FakeMeter) -> None:
    desk = answers(500, 503)
    with desk.client(meter=meter) as client:
        answer = client.ask(MINUTE, TEN)
    assert meter.settled == [(2, False), (2, False), (len(answer.content), True)]
    assert len(desk.asked) == 3


def test_halves_are_calls_of_their_own(meter: FakeMeter) -> None:
    let_in: list[int] = []
    with answers(504).client(meter=meter) as client:
        parts = list(client.ask_in_parts(MINUTE, TEN, let_in=lambda: let_in.append(1)))
    assert [stamps for _, stamps, _ in meter.asked] == [10, 5, 5]
    assert all(isinstance(part, Answer) for part in parts)
    assert len(let_in) == len(meter.settled) == 3


def test_an_answer_that_broke_off_has_no_size(meter: FakeMeter) -> None:
    cut = httpx.RemoteProtocolError("peer closed connection")
    slow = httpx.ReadTimeout("slow")
    with answers(cut, slow).client(meter=meter, tries=2) as client, pytest.raises(HubError):
        client.ask(MINUTE, TEN)
    assert meter.settled == [(None, False), (None, False)]


def test_what_never_reached_the_hub_brought_nothing(meter: FakeMeter) -> None:
    with (
        HubClient(SecretStr(DEFAULT_KEY), "http://127.0.0.1:9", tries=2, meter=meter, sleep=lambda _: None) as client,
        pytest.raises(ConnectionFailed),
    ):
        client.ask(MINUTE, TEN)
    assert meter.settled == [(0, False), (0, False)]


def test_a_body_without_its_end_is_charged_as_it_came(meter: FakeMeter) -> None:
    half = simulated("aws_minute")[:5000]
    with answers(half).client(meter=meter, tries=1) as client, pytest.raises(Truncated):
        client.ask(MINUTE, minutes(1))
    assert meter.settled == [(5000, True)]


def test_the_hubs_word_that_the_quota_is_spent_goes_to_the_meter(meter: FakeMeter) -> None:
    desk = answers(TOO_OFTEN)
    told: list[Failure] = []
    with desk.client(meter=meter, on_failure=told.append) as client, pytest.raises(QuotaSpent) as spent:
        client.ask(MINUTE, TEN)
    assert (meter.told, spent.value.until) == (["calls"], MIDNIGHT)
    assert meter.settled == [(len(TOO_OFTEN), False)]
    assert [(failure.final, failure.error.status) for failure in told] == [(True, 403)]


def test_what_the_meter_refuses_is_not_asked_and_not_tried_again() -> None:
    meter = FakeMeter({0: QuotaSpent("no more today", kind="bytes")})
    desk = answers()
    told: list[Failure] = []
    with desk.client(meter=meter, on_failure=told.append) as client:
        with pytest.raises(QuotaSpent, match="no more today"):
            client.ask(MINUTE, TEN)
        assert (client.requests, client.received) == (0, 0)
    assert (desk.asked, desk.waits, len(meter.asked), meter.told) == ([], [], 1, [])
    assert [(failure.window, failure.final, failure.error.status) for failure in told] == [(TEN, True, None)]


def test_a_place_that_is_not_free_is_waited_for(meter: FakeMeter) -> None:
    meter.refuse[0] = TransientHubError("all places are taken")
    desk = answers()
    with desk.client(meter=meter) as client:
        client.ask(MINUTE, TEN)
        assert client.requests == 1
    assert (len(meter.asked), len(desk.waits)) == (2, 1)


def test_a_quota_spent_between_two_tries_ends_the_tries() -> None:
    meter = FakeMeter({1: QuotaSpent("no more today", kind="calls")})
    desk = answers(500)
    with desk.client(meter=meter) as client, pytest.raises(QuotaSpent):
        client.ask(MINUTE, TEN)
    assert (len(desk.asked), meter.settled) == (1, [(2, False)])


def test_without_a_meter_nothing_is_counted() -> None:
    with answers(500).client(tries=1) as client, pytest.raises(ServerFailed):
        client.ask(MINUTE, TEN)
    assert TEN.end < NOW
