"""Faults: their syntax, their determinism, and what each of them looks like."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest

from kmaflow.simulator import Faults, FaultSyntaxError, SimulatorSettings, listed, parse_faults
from kmaflow.simulator.answers import Answer
from kmaflow.simulator.control import control
from kmaflow.simulator.faults import ANSWER_FAULTS, DATA_FAULTS, Drawn, FaultDesk, Plan
from kmaflow.simulator.hub import Hub

from .asking_hub import CGI, NOW, getter

QUERY = {"authKey": "simulator-key-000000000", "tm2": "202611221200", "disp": "1"}


def test_parse() -> None:
    faults = parse_faults("truncate=0.05, slow=0.1:2s,late=0.2:8m,correction=1:1h,maintenance=0:503,retry_after=30,")
    assert faults.rates == {"truncate": 0.05, "slow": 0.1, "late": 0.2, "correction": 1.0, "maintenance": 0.0}
    assert faults.arguments == {"slow": 2.0, "late": 480.0, "correction": 3600.0, "maintenance": 503.0}
    assert faults.retry_after == 30
    assert parse_faults(faults.text()).rates == faults.rates
    assert parse_faults("") == Faults()
    assert faults.settled_after() == 480 + 3600
    assert faults.argument("blank") == 900
    traits = parse_faults("ignore_tm1,ignore_tm1=nph-aws2_min,again=same,last_stamps=0.2:9")
    assert traits.ignore_tm1 == {"nph-aws2_min", "nph-aws2_min_ww1"}
    assert traits.same_again
    assert parse_faults(traits.text()) == traits


@pytest.mark.parametrize("text", ["rain=1", "drop", "drop=x", "drop=2", "slow=0.1:1x", "slow=0.5:s", "again=no"])
def test_mistakes_are_named(text: str) -> None:
    with pytest.raises(FaultSyntaxError, match=text.split("=", maxsplit=1)[0]):
        parse_faults(text)


def test_draws_repeat_and_keep_their_rates() -> None:
    faults = parse_faults("http504=0.1,drop=0.2,slow=0.3:1s")
    draws = []
    for _ in range(2):
        desk = FaultDesk(7, faults)
        draws.append([desk.draw("nph-aws2_min", {}) for _ in range(3000)])
    assert draws[0] == draws[1]
    names = [drawn.fault for drawn in draws[0]]
    assert names.count("http504") == pytest.approx(300, rel=0.2)
    assert names.count("drop") == pytest.approx(540, rel=0.2)
    assert sum(drawn.wait_s == 1.0 for drawn in draws[0]) == pytest.approx(900, rel=0.2)


def test_plans_come_first() -> None:
    desk = FaultDesk(7, Faults())
    desk.plan(Plan("http504", "nph-aws2_min", count=2, match={"stn": "0"}))
    desk.plan(Plan("slow", argument=1.5))
    assert desk.draw("nph-aws2_min_vis", {"stn": "0"}) == Drawn(None, 1.5, 1.5)
    assert desk.draw("nph-aws2_min", {"stn": "108"}).fault is None
    assert [desk.draw("nph-aws2_min", {"stn": "0"}).fault for _ in range(3)] == ["http504", "http504", None]
    assert desk.plans == []
    with pytest.raises(FaultSyntaxError, match="late"):
        desk.plan(Plan("late"))


@functools.cache
def shown_hub() -> Hub:
    return Hub(SimulatorSettings(now=NOW))


def _show(fault: str, argument: float = 0.0, faults: str = "") -> tuple[Answer, bytes]:
    hub = shown_hub()
    hub.faults.faults = parse_faults(faults)
    good = hub.answer(CGI + "nph-aws2_min", QUERY).body
    return hub.answer(CGI + "nph-aws2_min", QUERY, Drawn(fault, argument)), good


def test_what_faults_look_like() -> None:
    answer, good = _show("truncate")
    assert answer.status == 200
    assert good.startswith(answer.body)
    assert b"#7777END" not in answer.body
    answer, _ = _show("http504", faults="retry_after=7")
    assert (answer.status, answer.headers) == (504, {"Retry-After": "7"})
    assert b"<html>" in answer.body
    answer, _ = _show("json200")
    assert answer.status == 200
    assert json.loads(answer.body)["result"]["status"] == 401
    answer, _ = _show("maintenance", 200, faults="retry_after=7")
    assert (answer.status, answer.headers) == (200, {})
    assert "시스템 점검" in answer.body.decode()
    answer, _ = _show("maintenance", 503, faults="retry_after=7")
    assert (answer.status, answer.headers) == (503, {"Retry-After": "7"})
    answer, good = _show("drop")
    assert (answer.cut, answer.body) == (True, good)
    answer, good = _show("garbage")
    broken, whole = answer.body.split(b"\n"), good.split(b"\n")
    assert sum(a != b for a, b in zip(broken, whole, strict=True)) == 1
    assert answer.body.endswith(b"#7777END\n")


def test_garbage_needs_rows_and_faults_need_an_answer() -> None:
    hub = Hub(SimulatorSettings(now=NOW))
    query = {**QUERY, "tm2": "199911221200"}
    good = hub.answer(CGI + "nph-aws2_min", query).body
    assert hub.answer(CGI + "nph-aws2_min", query, Drawn("garbage")).body == good
    far = {**QUERY, "tm1": "199911221200"}
    assert hub.answer(CGI + "nph-aws2_min", far, Drawn("garbage")).status == 504


def test_faults_are_counted_but_not_for_bad_keys() -> None:
    hub = Hub(SimulatorSettings(now=NOW))
    for query in (QUERY, {}):
        hub.answer(CGI + "nph-aws2_min", query, Drawn("http504"))
    report = hub.keys.report()
    assert report["operations"]["nph-aws2_min"]["calls"] == 1
    assert [entry["fault"] for entry in report["log"]] == ["http504", None]


def _post(hub: Hub, page: str, value: object) -> tuple[int, dict[str, Any]]:
    answer = control(hub, page, {}, json.dumps(value).encode())
    return answer.status, json.loads(answer.body)


def test_set_at_run_time() -> None:
    hub = Hub(SimulatorSettings(now=NOW, faults=parse_faults("drop=1")))
    status, shown = _post(hub, "faults", {"faults": "truncate=0.5", "plan": [{"fault": "http504", "count": 2}]})
    assert status == 200
    assert shown["rates"] == {"truncate": 0.5}
    assert shown["plans"] == [{"fault": "http504", "endpoint": "*", "count": 2}]
    assert hub.draw(CGI + "nph-aws2_min", QUERY).fault == "http504"
    _, shown = _post(hub, "faults", {"clear": True, "rates": {"slow": "0.5:2s"}})
    assert (shown["rates"], shown["plans"]) == ({"slow": 0.5}, [])
    assert json.loads(control(hub, "faults", {}, b"").body) == shown
    for wrong in (
        {"faults": "rain=1"},
        {"plan": [{"fault": "late"}]},
        {"plan": [{"x": 1}]},
        {"rates": 3},
        [1],
    ):
        assert _post(hub, "faults", wrong)[0] == 400
    assert control(hub, "faults", {}, b"{").status == 400
    # a correction that is switched on is seen, although the bodies before it were kept
    plain = getter(hub)("nph-aws2_min", tm2="202611221257").body
    _post(hub, "faults", {"faults": "correction=0.5:1h"})
    assert getter(hub)("nph-aws2_min", tm2="202611221257").body != plain


def test_clock_at_run_time() -> None:
    hub = Hub(SimulatorSettings(now=NOW))
    assert _post(hub, "clock", {"now": "202611221400"})[1]["now"] == "2026-11-22 14:00:00"
    assert _post(hub, "clock", {"now": "2026-11-22T15:00:30"})[1]["now"] == "2026-11-22 15:00:30"
    assert _post(hub, "clock", {"advance_s": 90})[1]["now"] == "2026-11-22 15:02:00"
    assert _post(hub, "clock", {"now": "202611221400", "speed": 60})[1]["mode"] == "fast"
    moved = _post(hub, "clock", {"advance_s": 3600})[1]
    assert (moved["mode"], moved["speed"]) == ("fast", 60.0)
    assert str(moved["now"]).startswith("2026-11-22 15:0")
    assert _post(hub, "clock", {})[1]["mode"] == "real"
    assert json.loads(control(hub, "clock", {}, b"").body)["mode"] == "real"
    for wrong in ({"now": "soon"}, {"speed": "fast"}, {"advance_s": None}):
        assert _post(hub, "clock", wrong)[0] == 400


def test_other_pages() -> None:
    hub = Hub(SimulatorSettings(now=NOW, seed=5))
    assert json.loads(control(hub, "health", {}, b"").body) == {
        "status": "ok", "seed": 5, "now": "2026-11-22 13:00:00",
    }  # fmt: skip
    assert json.loads(control(hub, "usage", {}, b"").body)["requests"] == 0
    assert control(hub, "secrets", {}, b"").status == 404


def test_every_answer_fault_has_a_rate() -> None:
    for name in ANSWER_FAULTS:
        desk = FaultDesk(1, parse_faults(f"{name}=1"))
        drawn = desk.draw("stn_inf.php" if name == "short_list" else "nph-aws2_min", {"stn": "108"})
        assert (drawn.fault or "slow") == name


def test_a_draw_depends_on_the_question_and_not_on_who_asked_before() -> None:
    questions = [{"tm2": f"2026112212{minute:02d}"} for minute in range(60)]
    desk, other = (FaultDesk(7, parse_faults("no_rows=0.3")) for _ in range(2))
    forwards = [desk.draw("nph-aws2_min", query) for query in questions]
    backwards = [other.draw("nph-aws2_min", {**query, "authKey": "x"}) for query in reversed(questions)]
    assert forwards == backwards[::-1]
    again = [desk.draw("nph-aws2_min", query) for query in questions]
    assert {one.fault for one in forwards} == {"no_rows", None}
    healed = [two.fault for one, two in zip(forwards, again, strict=True) if one.fault]
    assert 0 < healed.count("no_rows") < len(healed), "asked again is drawn again"


def test_a_question_asked_again_may_meet_the_same_fault_for_ever() -> None:
    desk = FaultDesk(7, parse_faults("few_stations=0.5,again=same"))
    for minute in range(20):
        assert len({desk.draw("nph-aws2_min", {"tm2": str(minute)}) for _ in range(5)}) == 1


def test_a_fault_of_one_station_or_of_a_list_meets_no_other_question() -> None:
    desk = FaultDesk(7, parse_faults("empty_station=1,short_list=1"))
    assert desk.draw("nph-aws2_min", {"stn": "0"}).fault is None
    assert desk.draw("nph-aws2_min", {"stn": "108"}).fault == "empty_station"
    assert desk.draw("stn_inf.php", {"stn": "0"}).fault == "short_list"
    desk.faults = parse_faults("no_rows=1,header_column=1")
    assert desk.draw("stn_inf.php", {}).fault is None


def test_the_list_names_every_fault_with_what_it_does() -> None:
    lines = dict(line.split(maxsplit=1) for line in listed().splitlines())
    assert [form.partition("=")[0] for form in lines] == [
        *ANSWER_FAULTS,
        *DATA_FAULTS,
        "retry_after",
        "ignore_tm1",
        "again",
    ]
    assert "last_stamps=P:3" in lines
    for form in lines:
        parse_faults(form.replace("=P", "=0.5").replace("SECONDS", "30").replace("OPERATION", "nph-aws2_min"))


def test_only_an_operation_can_ignore_tm1() -> None:
    with pytest.raises(FaultSyntaxError, match="takes an operation"):
        parse_faults("ignore_tm1=1")
