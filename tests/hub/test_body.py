"""From bytes to lines, or to the error that they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from kmaflow.hub.body import decode, open_body, refusal
from kmaflow.hub.errors import (
    BadKey,
    EmptyAnswer,
    HubError,
    Maintenance,
    NotApplied,
    NotATable,
    QuotaSpent,
    Refused,
    ServerFailed,
    Truncated,
    UnknownEndpoint,
    UnknownStation,
)
from kmaflow.simulator import answers

from .answers import head_of, rows_of, simulated, with_row

ONE = simulated("aws_minute")


def json_of(status: int, message: str) -> bytes:
    return answers.json_error(status, message).body


@pytest.mark.parametrize("http", [200, 401, 403, 500])
def test_a_json_error_is_read_at_any_http_status(http: int) -> None:
    assert isinstance(refusal(json_of(401, answers.BAD_KEY), http), BadKey)


@pytest.mark.parametrize(
    ("body", "error", "status"),
    [
        (json_of(401, answers.BAD_KEY), BadKey, 401),
        (json_of(403, answers.OTHER_HOST), BadKey, 403),
        (json_of(403, answers.NOT_APPLIED), NotApplied, 403),
        (json_of(403, answers.TOO_MUCH), QuotaSpent, 403),
        (json_of(403, answers.TOO_OFTEN), QuotaSpent, 403),
        (json_of(404, answers.NO_SUCH_API), UnknownEndpoint, 404),
        (json_of(400, answers.NO_SUCH_API), UnknownEndpoint, 400),
        (json_of(403, "다른 말"), Refused, 403),
        (json_of(503, "시스템 점검 중입니다"), Maintenance, 503),
        (json_of(500, "오류"), ServerFailed, 500),
        (json_of(429, "천천히"), ServerFailed, 429),
        (json_of(200, "OK"), Refused, 200),
    ],
)
def test_the_hubs_words_decide_which_error_it_is(body: bytes, error: type[HubError], status: int) -> None:
    found = refusal(body, 200)
    assert type(found) is error
    assert found.status == status
    assert found.body == body


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("error_401_invalid_key.json", BadKey),
        ("error_403_daily_volume.json", QuotaSpent),
        ("error_403_not_subscribed.json", NotApplied),
    ],
)
def test_the_retyped_errors_are_known(retyped: Path, name: str, error: type[HubError]) -> None:
    assert type(refusal((retyped / name).read_bytes(), 200)) is error


def test_the_two_quotas_are_told_apart() -> None:
    calls, volume = refusal(json_of(403, answers.TOO_OFTEN)), refusal(json_of(403, answers.TOO_MUCH))
    assert isinstance(calls, QuotaSpent)
    assert isinstance(volume, QuotaSpent)
    assert (calls.kind, volume.kind) == ("calls", "bytes")


def test_a_json_error_keeps_its_korean_words() -> None:
    assert "유효한 인증키가 아닙니다." in str(refusal(json_of(401, answers.BAD_KEY)))


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{}",
        b'{"result": 3}',
        b'{"result": {"status": null, "message": ""}}',
        b'{"result": {"status": 1e999, "message": ""}}',
        b'{"a":' * 100_000,
        b'\xef\xbb\xbf {"error": "\xff"}',
    ],
)
def test_json_of_an_unknown_form_is_a_refusal_and_no_table(body: bytes) -> None:
    assert type(refusal(body)) is NotATable
    assert type(refusal(body, 400)) is Refused
    assert type(refusal(body, 500)) is ServerFailed


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("일일 호출 한도를 초과하였습니다", "calls"),
        ("일일 호출건수를 초과", "calls"),
        ("하루 건수 한도", "calls"),
        ("용량 초과", "bytes"),
        ("일일 최대 호출용량 한도를 넘었습니다", "bytes"),
    ],
)
@pytest.mark.parametrize("form", ["json", "other json", "words", "cp949", "page"])
def test_a_403_that_speaks_of_a_limit_of_calls_or_volume_is_the_spent_quota(message: str, kind: str, form: str) -> None:
    bodies = {
        "json": json_of(403, message),
        "other json": f'{{"error": "{message}"}}'.encode(),
        "words": message.encode(),
        "cp949": message.encode("cp949"),
        "page": f"<html><p>{message}</p></html>".encode(),
    }
    found = refusal(bodies[form], 403)
    assert isinstance(found, QuotaSpent)
    assert found.kind == kind


@pytest.mark.parametrize("message", ["호출할 수 없습니다", "한도를 넘는 기간입니다", "접근 금지"])
def test_a_403_with_half_of_these_words_is_another_refusal(message: str) -> None:
    assert type(refusal(json_of(403, message), 403)) is Refused
    assert type(refusal(json_of(400, "호출 한도 초과"), 400)) is Refused


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        (b"user_input() error\n", Refused, "user_input() error"),
        ("요청 파라미터가 잘못되었습니다".encode("cp949"), Refused, "요청 파라미터가 잘못되었습니다"),
        ("요청 파라미터가 잘못되었습니다".encode(), Refused, "요청 파라미터가 잘못되었습니다"),
        (b'["invalid tm1"]', Refused, "invalid tm1"),
        (b'{"message": "invalid tm1"}', Refused, "invalid tm1"),
        (b"<html><title>Error</title><body>Bad request: &lt;tm1&gt;</body>", Refused, "Error Bad request: <tm1>"),
        (b"#START7777\nuser_input() error\n#7777END\n", Refused, "user_input() error"),
        (b"cannot connect to the database\n", NotATable, "cannot connect to the database"),
        (b"2026-11-28 03:00 job failed\n", NotATable, "job failed"),
        (b"# file is not exist\n", NotATable, "file is not exist"),
        (b'{"error": "later"}', NotATable, "later"),
        (b"<html><title>hello</title></html>", NotATable, "hello"),
        (b"#START7777\nno data\n#7777END\n", NotATable, "no data"),
        (b"\x00\xff\xfe", NotATable, r"\x00"),
        ("인증키가 유효하지 않습니다".encode("cp949"), BadKey, "인증키"),
        ("시스템 점검 중".encode("cp949"), Maintenance, "점검"),
        ("일일 최대 호출 건수 제한".encode(), QuotaSpent, "제한"),
    ],
)
def test_words_where_a_table_belongs_are_a_refusal_with_these_words(
    body: bytes, error: type[HubError], words: str
) -> None:
    with pytest.raises(error) as caught:
        open_body(body)
    assert type(caught.value) is error
    assert words in caught.value.what
    assert caught.value.status == 200


def test_a_refusal_of_three_megabytes_is_told_in_one_short_line() -> None:
    found = refusal(b"no! " * 750_000)
    assert type(found) is NotATable
    assert len(str(found)) < 1000


@pytest.mark.parametrize("http", [200, 403, 503])
@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_a_maintenance_page_is_known_in_either_encoding(http: int, encoding: str) -> None:
    page = answers.maintenance(200).body.decode().encode(encoding)
    assert type(refusal(page, http)) is Maintenance


@pytest.mark.parametrize(
    ("http", "error"),
    [
        (200, NotATable),
        (502, ServerFailed),
        (504, ServerFailed),
        (429, ServerFailed),
        (404, UnknownEndpoint),
        (401, Refused),
        (403, Refused),
        (302, Refused),
        (400, Refused),
    ],
)
def test_a_page_of_a_gateway_is_judged_by_its_status(http: int, error: type[HubError]) -> None:
    assert type(refusal(answers.gateway_timeout().body, http)) is error


@pytest.mark.parametrize(
    ("http", "error"),
    [
        (500, ServerFailed),
        (408, ServerFailed),
        (429, ServerFailed),
        (401, BadKey),
        (403, Refused),
        (404, UnknownEndpoint),
        (302, Refused),
        (204, Refused),
    ],
)
def test_a_status_without_a_page_is_judged_alone(http: int, error: type[HubError]) -> None:
    assert type(refusal(b"", http)) is error


def test_504_is_the_gateways() -> None:
    many, other = refusal(b"", 504), refusal(b"", 500)
    assert isinstance(many, ServerFailed)
    assert isinstance(other, ServerFailed)
    assert (many.gateway, other.gateway) == (True, False)


@pytest.mark.parametrize("body", [b"", b"\n", b"\xef\xbb\xbf \r\n"])
def test_nothing_at_all_is_an_empty_answer(body: bytes) -> None:
    assert type(refusal(body)) is EmptyAnswer


def test_the_words_for_an_unknown_station_are_known() -> None:
    assert type(refusal("입력하신 지점번호가 없습니다\n".encode("cp949"))) is UnknownStation


def test_an_answer_is_no_refusal() -> None:
    assert refusal(ONE) is None


def test_korean_is_cp949_and_json_is_utf8() -> None:
    assert decode("기온".encode("cp949")) == "기온"
    assert decode('{"기": 1}'.encode()) == '{"기": 1}'
    assert decode(b"\xa4?") == "\ufffd?"


def test_the_rows_come_as_they_were_sent() -> None:
    assert open_body(ONE).rows == b"\n".join(rows_of(ONE)) + b"\n"


def test_the_first_row_is_found_again_by_its_line_number() -> None:
    body = open_body(ONE)
    assert ONE.split(b"\n")[body.first_line - 1] == rows_of(ONE)[0]


def test_crlf_is_lf() -> None:
    assert open_body(ONE.replace(b"\n", b"\r\n")) == open_body(ONE)


def test_a_byte_order_mark_is_none_of_the_answer() -> None:
    assert open_body(b"\xef\xbb\xbf" + ONE) == open_body(ONE)
    assert open_body(b"\xef\xbb\xbf" + ONE.replace(b"\n", b"\r\n")) == open_body(ONE)


def test_the_last_line_needs_no_line_end() -> None:
    assert open_body(ONE.rstrip(b"\n")).rows == open_body(ONE).rows


@pytest.mark.parametrize("body", [ONE[:-2], ONE[: len(ONE) // 2], ONE[:5], b"#START7777\n", rows_of(ONE)[0][:30]])
def test_an_answer_without_its_end_is_truncated(body: bytes) -> None:
    with pytest.raises(Truncated, match="7777END"):
        open_body(body)


def test_an_end_mark_within_a_line_is_none() -> None:
    with pytest.raises(Truncated):
        open_body(ONE.replace(b"\n#7777END", b"#7777END"))


def test_a_second_answer_that_is_cut_is_truncated() -> None:
    with pytest.raises(Truncated):
        open_body(ONE + ONE[:-20])


def test_an_answer_that_begins_in_the_middle_is_truncated() -> None:
    with pytest.raises(Truncated, match="begins in the middle"):
        open_body(ONE[len(head_of(ONE)) + 3 :])


def test_only_an_answer_to_help_2_needs_no_end() -> None:
    values = simulated("aws_minute", help="2")
    assert values == open_body(values, end_marker=False).rows
    with pytest.raises(Truncated):
        open_body(values)


def test_an_answer_without_rows_has_none() -> None:
    body = open_body(head_of(ONE) + b"\n \n#7777END\n")
    assert (body.rows, body.later) == (b"", ())


def test_the_header_printed_again_between_rows_is_left_out() -> None:
    head = head_of(ONE)
    twice = with_row(ONE, 5, lambda row: row + b"\n#7777END\n" + head.rstrip(b"\n"))
    body = open_body(twice)
    assert [row for row in body.rows.split(b"\n") if row] == rows_of(ONE)
    assert body.later == ()


def test_another_line_with_a_hash_between_rows_stays_for_the_reader() -> None:
    body = open_body(with_row(ONE, 5, lambda row: b"#" + row[1:]))
    assert body.later == ("#" + rows_of(ONE)[5][1:].decode(),)
    assert body.rows.count(b"\n") == len(rows_of(ONE))


def test_a_first_row_with_a_hash_is_no_line_of_the_header() -> None:
    body = open_body(ONE.replace(b"\n2026", b"\n#026", 1))
    assert body.head == open_body(ONE).head
    assert body.rows.startswith(b"#026")


def test_the_last_row_of_an_answer_to_help_2_needs_no_line_end() -> None:
    values = simulated("aws_minute", help="2")
    assert open_body(values.rstrip(b"\n"), end_marker=False).rows == values
