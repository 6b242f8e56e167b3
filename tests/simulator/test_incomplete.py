"""Answers with a proper end that lack rows, answers with another header, and answers that do not end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from kmaflow.simulator import DEFAULT_KEY, SimulatorSettings, parse_faults, running
from kmaflow.simulator.faults import Drawn
from kmaflow.simulator.hub import Hub

from .asking_hub import CGI, NOW, PHP, getter
from .tiny_parser import NAMES, lines, parse, tokens

TEN = {"tm1": "202611221201", "tm2": "202611221210", "disp": "1"}
QUESTIONS: dict[str, tuple[str, dict[str, str]]] = {
    "aws_minute": (CGI + "nph-aws2_min", TEN),
    "aws_cloud": (CGI + "nph-aws2_min_cloud", TEN),
    "aws_visibility": (CGI + "nph-aws2_min_vis", TEN),
    "aws_ground_temperature": (CGI + "nph-aws2_min_lst", TEN),
    "aws_present_weather": (CGI + "nph-aws2_min_ww1", {**TEN, "itv": "1", "range": "1"}),
    "asos_hourly": (PHP + "kma_sfctm3.php", {"tm1": "202611220100", "tm2": "202611221000"}),
}
Shown = Callable[..., bytes]


@pytest.fixture(params=QUESTIONS)
def show(request: pytest.FixtureRequest, shared_hub: Hub) -> Shown:
    """The answer to ten stamps of a dataset, with a fault or without."""
    path, query = QUESTIONS[request.param]

    def answer(fault: str | None = None, argument: float = 0.0, choice: int = 0) -> bytes:
        asked = {**query, "authKey": DEFAULT_KEY}
        return shared_hub.answer(path, asked, Drawn(fault, argument, choice=choice)).body

    return answer


def _cells(body: bytes) -> list[tuple[str, str]]:
    return [(tokens(line)[0], tokens(line)[1]) for line in lines(body)]


def _stamps(body: bytes) -> list[str]:
    return sorted({stamp for stamp, _ in _cells(body)})


def _header(body: bytes) -> bytes:
    return b"".join(line for line in body.splitlines(keepends=True) if line.startswith(b"#"))


def test_the_last_stamps_are_left_out(show: Shown) -> None:
    whole, partial = show(), show("last_stamps", 3)
    assert len(_stamps(whole)) == 10
    left = _stamps(whole)[:7]
    assert _stamps(partial) == left
    assert _cells(partial) == [cell for cell in _cells(whole) if cell[0] in left]
    assert _header(partial) == _header(whole)
    assert len(_stamps(show("last_stamps", 99))) == 1


def test_one_stamp_in_the_middle_is_left_out(show: Shown) -> None:
    whole = _stamps(show())
    for choice in (0, 7):
        left = _stamps(show("one_stamp", choice=choice))
        assert left == [stamp for stamp in whole if stamp != whole[1 + choice]]


def test_all_rows_are_left_out(show: Shown) -> None:
    assert show("no_rows") == show("empty_station") == _header(show())


def test_a_share_of_the_stations_is_left_out(show: Shown) -> None:
    whole = {stn for _, stn in _cells(show())}
    one, same, other = ({stn for _, stn in _cells(show("few_stations", 0.6, n))} for n in (1, 1, 2))
    assert one == same != other
    assert one < whole
    assert len(one) == len(whole) - int(0.6 * len(whole))


def test_small_answers_lose_no_stamp_in_the_middle_and_no_station(shared_hub: Hub) -> None:
    query = {**TEN, "tm1": TEN["tm2"], "stn": "108", "authKey": DEFAULT_KEY}
    whole = shared_hub.answer(CGI + "nph-aws2_min", query).body
    for fault in ("one_stamp", "last_stamps", "few_stations"):
        assert shared_hub.answer(CGI + "nph-aws2_min", query, Drawn(fault, 0.6)).body == whole
    assert lines(shared_hub.answer(CGI + "nph-aws2_min", query, Drawn("empty_station")).body) == []


@pytest.mark.parametrize("network", ["AWS", "SFC"])
def test_a_station_list_ends_too_early_and_properly(shared_hub: Hub, network: str) -> None:
    query = {"inf": network, "authKey": DEFAULT_KEY}
    whole = shared_hub.answer(PHP + "stn_inf.php", query).body
    short = shared_hub.answer(PHP + "stn_inf.php", query, Drawn("short_list", 0.4)).body
    rows = lines(whole)
    assert lines(short) == rows[: len(rows) - int(0.4 * len(rows))]


def test_another_unit_and_more_comments_change_no_row(show: Shown) -> None:
    whole = show()
    for fault in ("header_unit", "header_comment"):
        changed = show(fault)
        assert _header(changed) != _header(whole)
        assert lines(changed) == lines(whole)
        assert [line for line in changed.splitlines() if b"YYMMDD" in line] == [
            line for line in whole.splitlines() if b"YYMMDD" in line
        ]


@pytest.mark.parametrize("place", [0, 3, 4])
def test_a_new_column_has_a_name_of_its_own_and_a_value_in_every_row(show: Shown, place: int) -> None:
    whole, wider = show(), show("header_column", place)
    names = next(line for line in wider.decode("cp949").split("\n") if "YYMMDD" in line)
    assert names.count("NEW") == 1
    for line, before in zip(lines(wider), lines(whole), strict=True):
        fields, old = tokens(line), tokens(before)
        at = (place or len(old) + 1) - 1 if place != 0 else len(old)
        assert fields == [*old[: at + bool(place)], "7.7", *old[at + bool(place) :]]


def test_the_new_column_of_a_fixed_width_answer_stands_under_its_name(shared_hub: Hub) -> None:
    path, query = QUESTIONS["aws_minute"]
    body = shared_hub.answer(path, {**query, "disp": "0", "authKey": DEFAULT_KEY}, Drawn("header_column", 5)).body
    text = body.decode("cp949").split("\n")
    end = next(line for line in text if "YYMMDD" in line).index("NEW") + 3
    assert {line[end - 3 : end] for line in lines(body)} == {"7.7"}


def test_what_the_hubs_programs_say_of_parameters_they_cannot_read(shared_hub: Hub) -> None:
    path, query = QUESTIONS["aws_minute"]
    answer = shared_hub.answer(path, {**query, "authKey": DEFAULT_KEY}, Drawn("user_input"))
    assert (answer.status, answer.content_type, answer.body) == (200, "text/plain", b"user_input() error\n")


def test_answers_are_cut_at_the_same_length_and_short_ones_are_whole(shared_hub: Hub) -> None:
    path, query = QUESTIONS["aws_minute"]
    cut = shared_hub.answer(path, {**query, "authKey": DEFAULT_KEY}, Drawn("cut_length", 200_000)).body
    assert len(cut) == 200_000
    small = {**query, "tm1": query["tm2"], "authKey": DEFAULT_KEY}
    assert lines(shared_hub.answer(path, small, Drawn("cut_length", 200_000)).body)


def test_an_operation_that_ignores_tm1_answers_the_last_stamp_only() -> None:
    hub = Hub(SimulatorSettings(now=NOW, faults=parse_faults("ignore_tm1")))
    ask = getter(hub)
    weather = ask("nph-aws2_min_ww1", **QUESTIONS["aws_present_weather"][1]).body
    assert _stamps(weather) == [TEN["tm2"]]
    assert len(_stamps(ask("nph-aws2_min_vis", **TEN).body)) == 10
    hub.faults.clear()
    assert len(_stamps(ask("nph-aws2_min_ww1", **QUESTIONS["aws_present_weather"][1]).body)) == 10


def test_the_truth_does_not_know_of_faults() -> None:
    assert set(NAMES) | {"aws_present_weather"} == set(QUESTIONS)
    with running(SimulatorSettings(now=NOW, faults=parse_faults("no_rows=1"))) as hub:
        path, query = QUESTIONS["aws_cloud"]
        assert (
            parse(
                "aws_cloud",
                httpx.get(hub.base_url + path, params={**query, "authKey": DEFAULT_KEY}, timeout=60).content,
            )
            == {}
        )
        asked = {"dataset": "aws_cloud", "tm1": TEN["tm1"], "tm2": TEN["tm2"]}
        cells = httpx.get(f"{hub.base_url}/_sim/truth", params=asked, timeout=60).json()["cells"]
        assert {cell["state"] for cell in cells} >= {"present"}
        assert {entry["fault"] for entry in httpx.get(f"{hub.base_url}/_sim/usage", timeout=60).json()["log"]} == {
            "no_rows"
        }


def _plan(base_url: str, **plan: Any) -> None:
    httpx.post(f"{base_url}/_sim/faults", json={"plan": [plan]}, timeout=60).raise_for_status()


def test_a_byte_at_a_time_ends_when_the_faults_are_cleared_or_nobody_reads() -> None:
    path, query = QUESTIONS["aws_cloud"]
    with running(SimulatorSettings(now=NOW)) as hub:
        whole = httpx.get(hub.base_url + path, params={**query, "authKey": DEFAULT_KEY}, timeout=60).content
        _plan(hub.base_url, fault="drip", argument=0.01, count=2)
        with httpx.stream("GET", hub.base_url + path, params={**query, "authKey": DEFAULT_KEY}, timeout=60) as answer:
            assert next(answer.iter_raw()) == b"#"
        with httpx.stream("GET", hub.base_url + path, params={**query, "authKey": DEFAULT_KEY}, timeout=60) as answer:
            pieces = answer.iter_raw()
            got = [next(pieces) for _ in range(5)]
            httpx.post(f"{hub.base_url}/_sim/faults", json={"clear": True}, timeout=60)
            got += pieces
        assert b"".join(got) == whole
        assert max(map(len, got)) > 1


def test_a_small_answer_becomes_a_huge_one() -> None:
    path, query = QUESTIONS["aws_cloud"]
    asked = {**query, "authKey": DEFAULT_KEY}
    with running(SimulatorSettings(now=NOW)) as hub:
        whole = httpx.get(hub.base_url + path, params=asked, timeout=60).content
        _plan(hub.base_url, fault="bomb", argument=20_000_000, count=2)
        with httpx.stream("GET", hub.base_url + path, params=asked, timeout=60) as answer:
            blown = b"".join(answer.iter_bytes())
            assert answer.num_bytes_downloaded < len(whole) + 30_000
        assert len(blown) == len(whole) + 20_000_000 + 1
        assert blown.replace(b" " * 20_000_000 + b"\n", b"") == whole
        plain = httpx.get(hub.base_url + path, params=asked, headers={"Accept-Encoding": "identity"}, timeout=60)
        assert "content-encoding" not in plain.headers
        assert plain.content == blown


def test_a_cut_after_some_time_has_no_end_mark() -> None:
    path, query = QUESTIONS["aws_cloud"]
    with running(SimulatorSettings(now=NOW)) as hub:
        _plan(hub.base_url, fault="cut_time", argument=0.01)
        answer = httpx.get(hub.base_url + path, params={**query, "authKey": DEFAULT_KEY}, timeout=60)
        assert answer.status_code == 200
        assert b"#7777END" not in answer.content
        assert answer.content.startswith(b"#START7777")
