"""The fast way: what it takes is what the careful way takes; what it cannot take it leaves alone."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime

import polars as pl
import pytest

from kmaflow.catalog import DATASETS
from kmaflow.catalog.model import AtMost, Codes, Column, Dash, Never
from kmaflow.hub import rows as fast
from kmaflow.hub.body import open_body
from kmaflow.hub.parse import parse
from kmaflow.hub.rows import clean, read_blocks, stamps

from .answers import CLOUD, MINUTE, WEATHER, simulated, with_field, with_row

TA = MINUTE.column("ta")
S = CLOUD.column("ch_low")


def cleaned(column: Column, *values: object) -> list[object]:
    return pl.DataFrame({"c": list(values)}, strict=False).select(clean("c", column))["c"].to_list()


def test_at_most_50_below_zero_is_missing() -> None:
    assert cleaned(replace(TA, missing=AtMost(-50.0)), -49.9, -50.0, -99.9, -999.0, -9.0) == [
        -49.9,
        None,
        None,
        None,
        -9.0,
    ]


def test_only_its_codes_are_missing() -> None:
    assert cleaned(replace(TA, missing=Codes.of(-9.0)), -9.0, -9.1, -8.9, -99.0) == [None, -9.1, -8.9, -99.0]
    assert cleaned(replace(TA, missing=Codes.of(-9.0, -99.0)), -9.0, -99.0, -9.9) == [None, None, -9.9]
    assert cleaned(replace(S, missing=Codes.of(-9.0)), -9, 0, 9) == [None, 0, 9]
    assert cleaned(replace(S, missing=AtMost(-50.0)), -50, 0, 7620) == [None, 0, 7620]


def test_a_dash_is_missing_text() -> None:
    assert cleaned(replace(TA, kind="text", missing=Dash()), "-", "05", "--") == [None, "05", "--"]


def test_a_column_may_never_be_missing() -> None:
    assert cleaned(replace(TA, kind="text", missing=Never()), "-") == ["-"]


@pytest.mark.parametrize("rule", [AtMost(-50.0), Codes.of(-9.0), Codes.of(-9.0, -99.0)])
def test_minus_zero_is_zero(rule: AtMost | Codes) -> None:
    zeros = cleaned(replace(TA, missing=rule), -0.0, 0.0, -0.0)
    assert [math.copysign(1.0, zero) for zero in zeros] == [1.0] * 3  # type: ignore[arg-type]


def test_printed_stamps_are_naive_times() -> None:
    found = stamps(pl.Series([202611221200, 202611221159, 202611221200]))
    assert found.to_list() == [
        datetime(2026, 11, 22, 12, 0),
        datetime(2026, 11, 22, 11, 59),
        datetime(2026, 11, 22, 12, 0),
    ]
    assert found.dtype == pl.Datetime("us")


def test_a_stamp_that_is_no_time_is_null() -> None:
    assert stamps(pl.Series([202611221200, 202613221200, None])).to_list() == [datetime(2026, 11, 22, 12), None, None]


def odd_rows(content: bytes, columns: tuple[Column, ...] = MINUTE.columns) -> list[int] | None:
    """Indices of the lines that are left to the careful way; None: all of them."""
    usual = fast._usual_rows(MINUTE, columns, open_body(content).rows)
    return None if usual is None else usual[1]


@pytest.mark.parametrize("name", ["aws_minute", "aws_cloud", "aws_visibility", "aws_ground_temperature"])
def test_whole_answers_go_the_fast_way(name: str) -> None:
    assert odd_rows(simulated(name), DATASETS[name].columns) == []


def test_crlf_does_not_slow_it_down() -> None:
    assert odd_rows(simulated("aws_minute").replace(b"\n", b"\r\n")) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (0, b"202613221200"),
        (1, b"-90"),
        (1, b"0"),
        (1, b"1234567"),
        (2, b"9" * 400),
        (2, b"1e5"),
        (2, b"+1"),
        (2, b"nan"),
        (2, b"NaN"),
        (2, b"inf"),
        (2, b"-INF"),
        (2, "１".encode("cp949")),
        (2, b"1,2"),
        (2, b"9" * 16),
        (2, b"1 2"),
        (2, b""),
        (2, b"1.2.3"),
        (2, b"x"),
        (18, b"1"),
        (18, b""),
    ],
)
@pytest.mark.parametrize("index", [0, 5])
def test_a_doubtful_row_goes_the_careful_way_alone(field: int, value: bytes, index: int) -> None:
    assert odd_rows(with_field(simulated("aws_minute"), index, field, value)) == [index]


@pytest.mark.parametrize("index", [0, 5])
def test_rows_too_short_or_too_long_go_the_careful_way_alone(index: int) -> None:
    content = simulated("aws_minute")
    assert odd_rows(with_row(content, index, lambda row: row[:20])) == [index]
    assert odd_rows(with_row(content, index, lambda row: row + b"1,=")) == [index]


@pytest.mark.parametrize("index", [0, 5])
def test_a_blank_line_is_read_past_and_counted(index: int) -> None:
    content = with_row(simulated("aws_minute"), index, b"   ")
    (odd,) = set(odd_rows(with_field(content, 7, 2, b"x")) or ()) - {index}
    assert odd == 7
    assert parse(MINUTE, content).rejected == ()


def test_a_zero_before_a_stamp_changes_nothing_but_the_way() -> None:
    content = simulated("aws_minute")
    spoilt = with_field(content, 3, 0, b"0202611221200")
    assert parse(MINUTE, spoilt).rows.equals(parse(MINUTE, content).rows)


def test_rows_without_commas_go_the_careful_way() -> None:
    assert odd_rows(simulated("aws_minute", disp="0")) is None


@pytest.mark.parametrize(
    "name", ["aws_minute", "aws_cloud", "aws_visibility", "aws_ground_temperature", "aws_present_weather"]
)
def test_both_ways_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, body = DATASETS[name], open_body(simulated(name, tm1="202611221151", tm2="202611221200"))
    quick, _ = read_blocks(dataset, dataset.columns, body.rows)
    monkeypatch.setattr(fast, "_usual_rows", lambda *_: None)
    careful, rejected = read_blocks(dataset, dataset.columns, body.rows)
    assert rejected == []
    assert {layout: frame.height for layout, frame in quick} == {layout: frame.height for layout, frame in careful}
    for (_, one), (_, other) in zip(quick, careful, strict=True):
        assert one.equals(other)


def test_no_rows_are_no_blocks() -> None:
    assert read_blocks(WEATHER, WEATHER.columns, b"") == ([], [])
