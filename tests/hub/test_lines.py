"""The careful way: every line is a row in its normal form, or rejected with its reason."""

from __future__ import annotations

from datetime import datetime

import pytest

from kmaflow.catalog.model import DATE, TO_THE_MINUTE, Dataset
from kmaflow.hub.errors import ChangedFormat
from kmaflow.hub.lines import LineReader, read_station, tokens_of
from kmaflow.hub.parse import parse

from .answers import (
    ASOS,
    CLOUD,
    MINUTE,
    WEATHER,
    head_of,
    reasons,
    rows_of,
    simulated,
    with_field,
    with_row,
    with_rows,
)

ONE = with_rows(simulated("aws_minute"), rows_of(simulated("aws_minute"))[:40])


@pytest.mark.parametrize("text", ["202612150549", "190001010000", "202402290000"])
def test_a_stamp_has_twelve_digits(text: str) -> None:
    assert TO_THE_MINUTE.read(text) == datetime.strptime(text, "%Y%m%d%H%M")


@pytest.mark.parametrize(
    "text",
    ["", "2026121505", "2026121505490", "202613150549", "202602290000", "202612152400", "20261215054x", "２02612150549",
     "000112150549", "189912312359", "-02612150549"],
)  # fmt: skip
def test_what_is_no_time_is_no_stamp(text: str) -> None:
    assert TO_THE_MINUTE.read(text) is None


def test_a_date_belongs_to_the_end_of_its_day() -> None:
    assert DATE.read("20241231") == datetime(2025, 1, 1)
    assert DATE.printed(datetime(2025, 1, 1)) == "20241231"
    assert DATE.read("202412310000") is None
    assert DATE.read("99991231") is None


@pytest.mark.parametrize(("text", "stn"), [("90", 90), ("090", 90), ("999999", 999999)])
def test_a_station_is_a_number(text: str, stn: int) -> None:
    assert read_station(text) == stn


@pytest.mark.parametrize("text", ["", "0", "000", "-90", "1234567", "9O", "９０", "90.0", "+90"])
def test_what_is_no_number_of_a_station_is_none(text: str) -> None:
    assert read_station(text) is None


def test_commas_and_blanks_are_told_apart_line_by_line() -> None:
    assert tokens_of(" 202612150549    90  1.0 ") == ["202612150549", "90", "1.0"]
    assert tokens_of("202612150549,   90, 1.0,=") == ["202612150549", "90", "1.0"]
    assert tokens_of("202612150549,90,1.0,,") == ["202612150549", "90", "1.0"]
    assert tokens_of("202612150549,90,,1.0,=") == ["202612150549", "90", "", "1.0"]
    assert tokens_of("") == []


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        (0, b"2026112212", "begin with a time"),
        (0, b"202613221200", "begin with a time"),
        (0, b"002611221200", "begin with a time"),
        (1, b"x", "station number"),
        (1, b"-90", "station number"),
        (1, b"0", "station number"),
        (1, b"", "station number"),
        (2, b"", "wd1: '' is not a number"),
        (2, b"1 2.0", "wd1: '1 2.0'"),
        (2, b"12.0.0", "wd1"),
        (2, b"nan", "wd1"),
        (2, b"inf", "wd1"),
        (2, b"1e2", "wd1"),
        (2, b"--1", "wd1"),
        (2, b"1-2", "wd1"),
        (2, b"+1.0", "wd1"),
        (2, b"-", "wd1"),
        (2, b".", "wd1"),
        (2, b"9" * 400, "wd1"),
        (2, b"9" * 16 + b".0", "wd1"),
        (2, b"\xa3\xb1.0", "wd1: '１.0'"),
        (2, b"\xa4?", "wd1"),
        (2, b"***", "wd1"),
        (2, b"1.0,2.0", "19 columns where 18 belong"),
        (17, b"\x00", "td"),
    ],
)  # fmt: skip
def test_a_garbled_field_rejects_its_row_alone(field: int, value: bytes, reason: str) -> None:
    for index in (0, 7):
        garbled = with_field(ONE, index, field, value)
        found, whole = parse(MINUTE, garbled), parse(MINUTE, ONE)
        (rejected,) = found.rejected
        assert reason in rejected.reason
        assert rejected.text.encode("cp949", errors="replace").startswith(rows_of(garbled)[index][:12])
        kept = whole.rows.with_row_index().filter(~(whole.rows["stn"] == whole.rows["stn"][index])).drop("index")
        assert found.rows.equals(kept)


def test_a_rejected_line_keeps_number_time_and_station() -> None:
    (rejected,) = parse(MINUTE, with_field(ONE, 0, 2, b"?")).rejected
    assert ONE.split(b"\n")[rejected.line - 1] == rows_of(ONE)[0]
    assert rejected.tm == datetime(2026, 11, 22, 12, 0)
    assert rejected.stn == int(rows_of(ONE)[0].split(b",")[1])


def test_a_row_cut_in_its_last_value_is_no_row_with_another_value() -> None:
    (rejected,) = parse(MINUTE, with_row(ONE, 3, lambda row: row[:-4])).rejected
    assert rejected.reason == "no '=' at its end"


def test_a_row_cut_in_its_last_value_is_rejected_where_rows_have_a_fixed_width() -> None:
    plain = simulated("aws_minute", disp="0")
    row = next(index for index, row in enumerate(rows_of(plain)) if b"-" not in row[-4:])
    assert "the row is cut" in reasons(parse(MINUTE, with_row(plain, row, lambda row: row[:-2])))[0]


def test_rows_joined_by_single_blanks_have_no_width_and_none_is_cut() -> None:
    plain = simulated("aws_minute", disp="0")
    joined = with_rows(plain, [b" ".join(row.split()) for row in rows_of(plain)])
    found = parse(MINUTE, joined)
    assert found.rejected == ()
    assert found.rows.equals(parse(MINUTE, plain).rows)


@pytest.mark.parametrize("value", [b"9" * 30, b"9" * 5000, b"5.0", b"7 20", b"\xa3\xb1", b"-"])
def test_what_is_no_whole_number_rejects_its_row(value: bytes) -> None:
    assert "ch_low" in reasons(parse(CLOUD, with_field(simulated("aws_cloud"), 2, 4, value)))[0]


def test_a_blank_within_a_number_does_not_join_its_halves() -> None:
    cloud = simulated("aws_cloud")
    assert "ch_low: '7 20'" in reasons(parse(CLOUD, with_field(cloud, 0, 4, b"  7 20")))[0]
    assert "ch_low: '7    20'" in reasons(parse(CLOUD, with_field(cloud, 0, 4, b" 7    20")))[0]


@pytest.mark.parametrize("value", [b"\xa4\xa1", b"0\xff", b"\xb0\xa1", b"0\x7f"])
def test_text_of_asos_is_plain_or_its_row_is_rejected(value: bytes) -> None:
    body = simulated("asos_hourly")
    index = 24
    fields = rows_of(body)[5].split()
    fields[index] = value
    found = parse(ASOS, with_row(body, 5, b" ".join(fields)))
    assert reasons(found)[0].startswith("ww:")
    assert found.rows.height == len(rows_of(body)) - 1


def test_a_number_of_columns_that_no_year_had_is_rejected() -> None:
    body = simulated("asos_hourly")
    fields = rows_of(body)[5].split()
    shorter = with_row(body, 5, b" ".join(fields[:17] + fields[18:]))
    assert reasons(parse(ASOS, shorter)) == ["45 columns where 46 belong"]


def test_rows_of_2021_may_have_45_columns_below_the_header_of_46() -> None:
    old = rows_of(simulated("asos_hourly", tm1="202112312300"))
    new = simulated("asos_hourly", tm1="202201010100")
    found = parse(ASOS, with_rows(new, old + rows_of(new)))
    assert found.rejected == ()
    assert found.rows.filter(found.rows["tm_kst"].dt.year() == 2021)["rn_jun"].null_count() == len(old)


@pytest.mark.parametrize("dataset", [MINUTE, CLOUD])
def test_every_row_with_one_more_column_is_a_changed_format(dataset: Dataset) -> None:
    body = simulated(dataset.name)
    wider = with_rows(body, [row.replace(b",=", b",1.0,=") for row in rows_of(body)])
    with pytest.raises(ChangedFormat, match=f"rejected: {len(dataset.columns) + 3} columns"):
        parse(dataset, wider)


def test_every_row_with_one_column_less_is_a_changed_format_in_present_weather() -> None:
    body = simulated("aws_present_weather")
    with pytest.raises(ChangedFormat, match="at least 6"):
        parse(WEATHER, with_rows(body, [b",".join(row.split(b",")[:5]) + b",=" for row in rows_of(body)]))


def test_every_row_without_its_end_is_a_changed_format() -> None:
    with pytest.raises(ChangedFormat, match="'=' at its end"):
        parse(MINUTE, with_rows(ONE, [row.removesuffix(b",=") for row in rows_of(ONE)]))


def test_a_body_whose_only_row_has_another_layout_is_a_changed_format() -> None:
    row = rows_of(ONE)[0].replace(b",=", b",1.0,=")
    with pytest.raises(ChangedFormat, match="19 columns where 18 belong"):
        parse(MINUTE, with_rows(ONE, [row]))


def test_rows_that_all_fail_for_different_reasons_are_a_changed_format_with_these_reasons() -> None:
    rows = rows_of(ONE)
    with pytest.raises(ChangedFormat, match=r"3 rows is rejected: 19 columns .* \(2 ×\); .*'words' \(1 ×\)"):
        parse(MINUTE, with_rows(ONE, [rows[0].replace(b",=", b",1,=")] * 2 + [b"words"]))


def test_one_sound_row_keeps_the_others_from_being_a_changed_format() -> None:
    rows = rows_of(ONE)
    found = parse(MINUTE, with_rows(ONE, [rows[0].replace(b",=", b",1,="), b"words", rows[5]]))
    assert (found.rows.height, len(found.rejected)) == (1, 2)


def test_blank_lines_are_no_rows() -> None:
    reader = LineReader(MINUTE, MINUTE.columns)
    reader.read([(1, ""), (2, "  ")], closed=True)
    assert (reader.groups, reader.rejected) == ({}, [])


def test_a_row_that_lost_its_first_byte_is_rejected_not_overlooked() -> None:
    for index in (0, 9):
        (rejected,) = parse(MINUTE, with_row(ONE, index, lambda row: b"#" + row[1:])).rejected
        assert "begin with a time" in rejected.reason


def test_a_head_of_rows_is_no_matter_for_the_careful_way() -> None:
    assert head_of(with_row(ONE, 0, b"x")) == head_of(ONE)
