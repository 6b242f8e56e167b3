"""What the hub answers: parameters, limits, eras, keys, quotas."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import numpy as np
import pytest

from kmaflow.simulator import KeyGrant, SimulatorSettings
from kmaflow.simulator.asking import read_hours, read_stations, whole_number
from kmaflow.simulator.clock import KST, Clock, months_before, parse_stamp
from kmaflow.simulator.hub import BodyCache, Hub
from kmaflow.simulator.layouts import LAYOUTS, rows
from kmaflow.simulator.tables import Field, OutOfTable, field_words

from .asking_hub import NOW, Get, getter
from .tiny_parser import lines, parse, tokens

MINUTE_PATH = "/api/typ01/cgi-bin/url/nph-aws2_min"


def _stamps(body: bytes) -> list[str]:
    return sorted({tokens(line)[0] for line in lines(body)})


def test_both_ends_are_included(get: Get) -> None:
    body = get("nph-aws2_min", tm1="202611221200", tm2="202611221210", disp=1).body
    assert _stamps(body) == [f"2026112212{minute:02d}" for minute in range(11)]
    rows_ = [(row[0], int(row[1])) for row in map(tokens, lines(body))]
    assert rows_ == sorted(rows_)


def test_defaults(get: Get) -> None:
    assert _stamps(get("nph-aws2_min", tm2="202611221200").body) == ["202611221200"]
    assert _stamps(get("nph-aws2_min_lst", tm="202611221200").body) == ["202611221200"]
    assert _stamps(get("nph-aws2_min", stn=108).body) == ["202611221300"]
    assert _stamps(get("nph-aws2_min", tm2="oops", stn=108).body) == ["202611221300"]
    assert _stamps(get("kma_sfctm2.php").body) == ["202611221200"]
    assert _stamps(get("kma_sfctm3.php").body) == ["202611221200"]
    assert _stamps(get("kma_sfctm2.php", tm="202611220930").body) == ["202611220900"]
    assert _stamps(get("kma_sfctm3.php", tm1="20261121", tm2="20261122", stn=108).body)[::24] == [
        "202611210000",
        "202611220000",
    ]
    assert lines(get("nph-aws2_min", tm1="202611221200", tm2="202611221100").body) == []


def test_itv_steps_back_from_the_end(get: Get) -> None:
    body = get("nph-aws2_min_cloud", tm1="202611221200", tm2="202611221210", itv=4, stn=108).body
    assert _stamps(body) == ["202611221202", "202611221206", "202611221210"]
    body = get("nph-aws2_min_ww1", tm1="202611220900", tm2="202611221200", itv=60, range=60, stn=108).body
    assert _stamps(body) == [f"20261122{hour:02d}00" for hour in range(9, 13)]


@pytest.mark.parametrize(
    ("endpoint", "stn", "found"),
    [
        ("nph-aws2_min", "108", [108]),
        ("nph-aws2_min", "108:159", [108]),
        ("nph-aws2_min", "1", []),
        ("kma_sfctm2.php", "159:108", [108, 159]),
        ("kma_sfctm2.php", "108:0", [108]),
    ],
)
def test_stn(get: Get, endpoint: str, stn: str, found: list[int]) -> None:
    body = get(endpoint, stn=stn, tm="202611221200").body
    assert [int(tokens(line)[1]) for line in lines(body)] == found


def test_reading_numbers() -> None:
    assert whole_number(" 12ab", 3) == 12
    assert whole_number("x", 3) == 3
    assert whole_number(None, 3) == 3
    assert read_stations("abc", lists=True) is None
    assert read_stations("0:108", lists=False) is None
    assert parse_stamp("202613010000") is None
    assert parse_stamp("2026110109") == parse_stamp("202611010900")


def test_help_2_prints_rows_only(get: Get) -> None:
    body = get("nph-aws2_min", tm2="202611221200", help=2, disp=1).body
    assert body.startswith(b"202611221200,90,")
    assert b"#" not in body
    assert get("nph-aws2_min", tm2="202611221200", help=7).body.startswith(b"#START7777\n# YYMMDDHHMI")


def test_eras() -> None:
    hub = Hub(SimulatorSettings(now=datetime(2025, 6, 1), retention_months=None))
    get = getter(hub)
    assert b"  WS10   WS10 " in get("nph-aws2_min", tm2="202412310000", stn=108).body
    assert b"  WD10   WS10 " in get("nph-aws2_min", tm2="202501010000", stn=108).body
    assert len(lines(get("nph-aws2_min", tm2="202001010000", stn=108).body)) == 1
    old = get("kma_sfctm2.php", tm="202112312300", stn=108).body
    new = get("kma_sfctm2.php", tm="202201010000", stn=108).body
    assert [len(line.split()) for line in lines(old) + lines(new)] == [45, 46]
    header_old, header_new = (body.split(b"\n")[2] for body in (old, new))
    assert len(header_new) - len(header_old) == 7
    assert header_old.count(b" RN") == 3
    # a window across the change has rows of both kinds
    both = get("kma_sfctm3.php", tm1="202112312300", tm2="202201010000", stn=108).body
    assert [len(line.split()) for line in lines(both)] == [45, 46]


def test_retention(get: Get) -> None:
    assert lines(get("nph-aws2_min", tm1="202411221259", tm2="202411221300", stn=108).body) == lines(
        get("nph-aws2_min", tm2="202411221300", stn=108).body
    )
    assert lines(get("nph-aws2_min", tm2="202411221259").body) == []
    assert 93 <= len(lines(get("kma_sfctm2.php", tm="190801010000").body)) <= 96


def test_unproduced_minutes(get: Get) -> None:
    rows_ = parse("aws_minute", get("nph-aws2_min", tm2="202611221259", disp=1).body)
    assert len(rows_) == 720
    assert {value for row in rows_.values() for value in row.values()} == {None}
    raw = lines(get("nph-aws2_min", tm2="202611221259", disp=1, stn=108).body)
    assert raw == ["202611221259,108," + "-99.9," * 13 + "-999.0,-999.0,-99.9,="]
    assert lines(get("nph-aws2_min_cloud", tm2="202611221259").body) == []
    assert lines(get("kma_sfctm2.php", tm="202611221300").body) == []
    none = getter(Hub(SimulatorSettings(now=NOW, placeholder_minutes=False)))
    assert lines(none("nph-aws2_min", tm2="202611221259").body) == []


def test_a_minute_appears_after_its_latency() -> None:
    hub = Hub(SimulatorSettings(now=NOW, minute_latency_s=90))
    get = getter(hub)
    for second, shown in ((29, False), (31, True)):
        hub.clock.set(datetime(2026, 11, 22, 13, 1, second))
        rows_ = parse("aws_minute", get("nph-aws2_min", tm2="202611221300", disp=1).body)
        assert any(value is not None for row in rows_.values() for value in row.values()) is shown


@pytest.mark.parametrize(
    ("endpoint", "query", "minutes"),
    [
        ("nph-aws2_min", {"stn": 0}, 10),
        ("nph-aws2_min_vis", {"stn": 108}, 1440),
    ],
)
def test_limits(get: Get, endpoint: str, query: dict[str, object], minutes: int) -> None:
    start = datetime(2026, 10, 1)

    def ask(length: int) -> tuple[int, bytes]:
        ends = {"tm1": start.strftime("%Y%m%d%H%M"), "tm2": f"{start + timedelta(minutes=length):%Y%m%d%H%M}"}
        answer = get(endpoint, **query, **ends)
        return answer.status, answer.body

    status, body = ask(minutes)
    assert status == 200
    assert lines(body)
    status, body = ask(minutes + 1)
    assert status == 200
    assert b"#7777END" not in body
    assert not body.endswith(b"\n")
    assert ask(minutes * 4)[0] == 504
    assert b"504 Gateway" in ask(minutes * 4)[1]


@pytest.mark.parametrize(("days", "verdict"), [(31, "ok"), (32, "cut"), (93, "cut"), (94, "gateway")])
def test_asos_limit(days: int, verdict: str) -> None:
    end = datetime(2026, 8, 1) + timedelta(days=days)
    ask = read_hours("kma_sfctm3.php", {"tm1": "20260801", "tm2": f"{end:%Y%m%d%H}"}, 0, enforce=True)
    assert ask.verdict == verdict
    assert len(ask.minutes) == (1 if verdict == "gateway" else 31 * 24 + 1)


def test_limits_may_be_off() -> None:
    get = getter(Hub(SimulatorSettings(now=NOW, enforce_limits=False)))
    body = get("nph-aws2_min", tm1="202611220900", tm2="202611221030", disp=1).body
    assert len(_stamps(body)) == 91
    assert get("nph-aws2_min", tm1="202610220900", tm2="202611221030", disp=1).status == 504


def test_station_lists(get: Get) -> None:
    for network, count in (("SFC", 97), ("AWS", 727)):
        body = get("stn_inf.php", inf=network, help=1).body
        data = [line for line in body.split(b"\n") if line and not line.startswith(b"#")]
        assert len(data) == count
        assert (b"LAW_ADDR" in body) is (network == "AWS")
        assert all(line[97:117] if network == "SFC" else line[72:92] for line in data)
        assert {len(line) >= (163 if network == "SFC" else 139) for line in data} == {True}
    one = get("stn_inf.php", inf="AWS", stn=108, tm="202601010000").body
    assert [line.split()[0] for line in one.split(b"\n") if line and not line.startswith(b"#")] == [b"108"]
    assert "서울특별시".encode("cp949") in one
    other = getter(Hub(SimulatorSettings(now=NOW, law_addr_aws=False, law_addr_sfc=True)))
    assert b"LAW_ADDR" in other("stn_inf.php", inf="SFC").body
    rows_ = other("stn_inf.php", inf="AWS").body.split(b"\n")
    assert {len(row) for row in rows_ if row and not row.startswith(b"#")} == {138}


def test_leading_blank() -> None:
    get = getter(Hub(SimulatorSettings(now=NOW, leading_blank=True)))
    assert all(line.startswith(" 2026") for line in lines(get("nph-aws2_min", tm2="202611221200").body))
    assert all(line.startswith("2026") for line in lines(get("nph-aws2_min", tm2="202611221200", disp=1).body))


def test_content_type(get: Get) -> None:
    assert get("nph-aws2_min", stn=108).content_type == "text/plain; charset=EUC-KR"
    bare = getter(Hub(SimulatorSettings(now=NOW, charset=None)))
    assert bare("nph-aws2_min", stn=108).content_type == "text/plain"


def _message(body: bytes) -> str:
    message: str = json.loads(body)["result"]["message"]
    return message


def test_keys() -> None:
    keys = (
        KeyGrant("good", operations=frozenset({"nph-aws2_min"}), daily_calls=3),
        KeyGrant("far", other_host=True),
        KeyGrant("thirsty", daily_bytes=1000),
    )
    hub = Hub(SimulatorSettings(now=NOW, keys=keys))
    get = getter(hub)
    wrong = get("nph-aws2_min", key="wrong")
    assert wrong.status == 401
    assert wrong.body.decode() == (
        '{\n  "result" : {\n    "status" : 401,\n    "message" : "유효한 인증키가 아닙니다."\n  }\n}'
    )
    assert hub.answer(MINUTE_PATH, {}).status == 401
    assert get("nph-aws2_min", key="far").status == 403
    refused = get("nph-aws2_min_vis", key="good")
    assert (refused.status, _message(refused.body)) == (403, "활용신청이 필요한 API 입니다.")
    assert [get("nph-aws2_min", key="good", stn=108).status for _ in range(4)] == [200, 200, 200, 403]
    assert "일일 최대 호출 건수 제한" in _message(get("nph-aws2_min", key="good").body)
    assert get("nph-aws2_min", key="thirsty").status == 200
    dry = get("nph-aws2_min", key="thirsty")
    assert (dry.status, _message(dry.body)) == (403, "일일 최대 호출 용량 제한으로 사용할 수 없습니다.")
    # quotas start again at 00:00 KST
    hub.clock.set(datetime(2026, 11, 23, 0, 0))
    assert get("nph-aws2_min", key="thirsty").status == 200
    report = hub.keys.report()
    assert {(row["key"], row["day"], row["calls"]) for row in report["keys"]} == {
        ("good", "2026-11-22", 3),
        ("thirsty", "2026-11-22", 1),
        ("thirsty", "2026-11-23", 1),
    }
    assert report["operations"]["nph-aws2_min"]["calls"] == 5
    assert report["requests"] == 12
    assert "authKey" not in json.dumps(report["log"])


def test_unknown_endpoint(shared_hub: Hub) -> None:
    answer = shared_hub.answer("/api/typ01/url/awsdd.php", {})
    assert answer.status == 404
    assert "유효하지 않은 API 입니다" in _message(answer.body)


def test_finished_bodies_are_kept() -> None:
    hub = Hub(SimulatorSettings(now=NOW))
    get = getter(hub)
    first = get("nph-aws2_min", tm2="202611221200").body
    assert get("nph-aws2_min", tm2="202611221200").body is first
    assert get("nph-aws2_min", tm2="202611221200", disp=1).body is not first


def test_the_body_cache_is_bounded() -> None:
    cache = BodyCache(10)
    cache.put(("large",), b"x" * 11)
    assert cache.get(("large",)) is None
    cache.put(("a",), b"aaaa")
    cache.put(("b",), b"bbbb")
    assert cache.get(("a",)) == b"aaaa"
    cache.put(("c",), b"cccc")
    assert cache.get(("b",)) is None
    assert cache.get(("c",)) == b"cccc"


def test_clock() -> None:
    clock = Clock(datetime(2026, 11, 22, 4, 0, tzinfo=KST))
    assert (clock.now(), clock.mode, clock.speed) == (datetime(2026, 11, 22, 4, 0), "fixed", 0.0)
    clock.set(datetime(2026, 1, 1), 3600.0)
    assert clock.mode == "fast"
    assert datetime(2026, 1, 1) <= clock.now() < datetime(2026, 1, 2)
    clock.set()
    assert (clock.mode, clock.speed) == ("real", 1.0)
    assert abs(clock.now() - datetime.now(KST).replace(tzinfo=None)) < timedelta(seconds=5)
    clock.set(None, 2.0)
    assert abs(clock.now() - datetime.now(KST).replace(tzinfo=None)) < timedelta(seconds=5)
    assert months_before(datetime(2026, 1, 31), 2) == datetime(2025, 11, 28)


def test_values_without_a_text_are_refused() -> None:
    with pytest.raises(OutOfTable, match=r"ta: 99999\.\.99999"):
        field_words(Field("ta", "%.1f"), np.array([[99999]]))
    nothing = np.zeros((0, 0), dtype=np.bool_)
    assert rows(LAYOUTS["aws_minute", 1], [], [], {}, nothing) == b""
