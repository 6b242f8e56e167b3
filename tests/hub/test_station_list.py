"""Station lists by byte offset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmaflow.catalog import STATION_LISTS
from kmaflow.hub.body import open_body
from kmaflow.hub.errors import ChangedFormat, HubError, Truncated
from kmaflow.hub.station_list import announced_fields, parse_stations

from .answers import head_of, rows_of, station_list, with_row, with_rows

AWS, SFC = STATION_LISTS["AWS"], STATION_LISTS["SFC"]
LIST = station_list("AWS", law_addr_aws=False)
BOTH = pytest.mark.parametrize("network", ["AWS", "SFC"])


def put(start: int, value: bytes) -> Callable[[bytes], bytes]:
    """Other bytes from a place (1-based) on."""
    return lambda row: row[: start - 1] + value + row[start - 1 + len(value) :]


@pytest.mark.parametrize(("network", "count"), [("AWS", 727), ("SFC", 97)])
def test_every_captured_station_is_read(captures: Path, network: str, count: int) -> None:
    content = (captures / f"stn_inf.{network}.help1.txt").read_bytes()
    found = parse_stations(STATION_LISTS[network], content)
    assert (found.network, found.rows.height, found.rejected) == (network, count, ())
    assert found.rows["stn"].to_list() == [int(line[:5]) for line in rows_of(content)]
    assert found.rows["lat"].to_list() == [float(line[19:33]) for line in rows_of(content)]
    shift = 25 if network == "SFC" else 0
    names = [line[72 + shift : 92 + shift].decode("cp949").strip() for line in rows_of(content)]
    assert found.rows["stn_ko"].to_list() == names


def test_names_with_blanks_and_stars_are_whole(captures: Path) -> None:
    sfc = parse_stations(SFC, (captures / "stn_inf.SFC.help1.txt").read_bytes()).rows
    aws = parse_stations(AWS, (captures / "stn_inf.AWS.help1.txt").read_bytes()).rows
    assert {"Jeongseon Gun", "Gangjin Gun"} <= set(sfc["stn_en"])
    assert {"송파 *", "청주(공) *"} <= set(aws["stn_ko"])
    assert sfc["basin"].null_count() == sfc.height
    assert aws["stn_en"].null_count() == 695


@BOTH
@pytest.mark.parametrize("law", [False, True])
def test_the_simulated_lists_are_read(network: str, law: bool) -> None:
    content = station_list(network, law_addr_aws=law, law_addr_sfc=law)
    found = parse_stations(STATION_LISTS[network], content)
    assert (found.rows.height, found.rejected) == (len(rows_of(content)), ())
    assert ("law_addr" in found.rows.columns) is law


def test_an_address_keeps_its_blanks() -> None:
    found = parse_stations(AWS, station_list("AWS"))
    assert any(" " in address for address in found.rows["law_addr"].drop_nulls())


def test_the_retyped_row_with_other_offsets_is_refused_not_misread(retyped: Path) -> None:
    with pytest.raises(ChangedFormat, match="no line can be read"):
        parse_stations(AWS, (retyped / "stn_inf_AWS_2026-08_with_LAW_ADDR_excerpt.txt").read_bytes())


@pytest.mark.parametrize("place", [1, 5, 12, 25, 36, 45, 60, 66, 70, 80, 100])
def test_a_list_shifted_by_a_byte_is_refused_or_reads_the_same(place: int) -> None:
    """From some place on every row stands one byte further to the right, as if a field had become wider."""
    shifted = with_rows(LIST, [row[:place] + b" " + row[place:] for row in rows_of(LIST)])
    with pytest.raises(ChangedFormat):
        parse_stations(AWS, shifted)


def test_the_list_of_the_other_network_is_refused() -> None:
    with pytest.raises(ChangedFormat, match="column names"):
        parse_stations(SFC, LIST)
    with pytest.raises(ChangedFormat, match="column names"):
        parse_stations(AWS, station_list("SFC"))


def test_a_list_without_names_is_refused() -> None:
    with pytest.raises(ChangedFormat, match="missing"):
        parse_stations(AWS, b"#START7777\n# words\n" + b"\n".join(rows_of(LIST)) + b"\n#7777END\n")


def test_a_renamed_column_is_refused() -> None:
    head = head_of(LIST)
    with pytest.raises(ChangedFormat, match="HT_XX"):
        parse_stations(AWS, head.replace(b"  HT_WD  LAU", b"  HT_XX  LAU") + LIST[len(head) :])


def test_the_name_line_announces_the_fields() -> None:
    assert announced_fields(AWS, open_body(LIST).head) == AWS.fields
    assert announced_fields(AWS, open_body(station_list("AWS")).head) == AWS.fields + AWS.since_2026
    assert announced_fields(AWS, ()) is None


@pytest.mark.parametrize(
    ("start", "value", "reason"),
    [
        (1, b"     ", "no station number"),
        (1, b"    0", "no station number"),
        (1, b"  -90", "no station number"),
        (1, b"  9_0", "stn: '9_0' is not a number"),
        (6, b"           nan", "lon: 'nan'"),
        (6, b"           inf", "lon: 'inf'"),
        (20, b"  38.25 085000", "lat"),
        (34, b"x", "bytes 34–34 before stn_sp are not blank"),
        (43, b"     17,53", "ht: '17,53'"),
        (73, b"\xff\xff", "stn_ko"),
        (73, b"\x00\x01", "stn_ko"),
        (139, b"more", "behind basin"),
    ],
)
def test_a_garbled_line_is_rejected_with_its_reason_and_the_others_stay(start: int, value: bytes, reason: str) -> None:
    content = with_row(LIST, 4, put(start, value))
    found = parse_stations(AWS, content)
    (rejected,) = found.rejected
    assert reason in rejected.reason
    assert content.split(b"\n")[rejected.line - 1] == rows_of(content)[4]
    whole = parse_stations(AWS, LIST).rows
    assert found.rows.equals(pl.concat([whole[:4], whole[5:]]))


@pytest.mark.parametrize("size", [60, 110, 137])
def test_a_line_that_is_cut_is_no_station_with_half_its_fields(size: int) -> None:
    (rejected,) = parse_stations(AWS, with_row(LIST, 4, lambda row: row[:size])).rejected
    assert "the line is cut" in rejected.reason


def test_a_station_that_stands_there_twice_counts_once() -> None:
    found = parse_stations(AWS, with_rows(LIST, [*rows_of(LIST), rows_of(LIST)[0]]))
    assert found.rows.height == len(rows_of(LIST))
    assert found.rejected[0].reason == "the station stands in the list twice"


@pytest.mark.parametrize("value", [b"    -99.00", b"    -90.00", b"   -999.00", b"          "])
def test_a_height_that_none_has_is_missing(value: bytes) -> None:
    assert parse_stations(AWS, with_row(LIST, 4, put(43, value))).rows["ht"][4] is None


def test_a_height_below_the_sea_is_a_height() -> None:
    assert parse_stations(AWS, with_row(LIST, 4, put(43, b"     -2.50"))).rows["ht"][4] == -2.5


def test_blank_lines_and_crlf_change_nothing() -> None:
    spaced = LIST.replace(b"#7777END", b"  \n#7777END").replace(b"\n", b"\r\n")
    assert parse_stations(AWS, spaced).rows.equals(parse_stations(AWS, LIST).rows)


def test_a_list_without_stations_is_empty() -> None:
    found = parse_stations(AWS, with_rows(LIST, [])) if rows_of(LIST) else None
    assert found is not None
    assert (found.rows.height, found.rejected) == (0, ())


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, len(LIST) - 2))
def test_any_cut_is_truncated(size: int) -> None:
    with pytest.raises(Truncated):
        parse_stations(AWS, LIST[:size])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(0, 19), st.binary(min_size=1, max_size=3).filter(lambda junk: b"\n" not in junk), st.integers(0, 130)
)
def test_junk_in_a_line_harms_no_other(index: int, junk: bytes, place: int) -> None:
    short = with_rows(LIST, rows_of(LIST)[:20])
    spoilt = with_row(short, index, put(place + 1, junk))
    try:
        found = parse_stations(AWS, spoilt)
    except HubError:
        pytest.fail("one garbled line is no reason to refuse a list")
    whole = parse_stations(AWS, short).rows
    others = pl.concat([whole[:index], whole[index + 1 :]])
    assert found.rows.join(others, on=others.columns, how="semi", nulls_equal=True).height >= 18
