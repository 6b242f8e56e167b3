"""One answer as a whole: cells, sentinels, pairs, placeholders, windows."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from kmaflow.catalog import DATASETS
from kmaflow.catalog.model import Dataset
from kmaflow.hub.errors import BadKey, ChangedFormat, Maintenance, Truncated
from kmaflow.hub.parse import PARSER_VERSION, Parsed, empty_rows, parse
from kmaflow.simulator import answers

from .answers import (
    ASOS,
    CLOUD,
    GROUND,
    MINUTE,
    VISIBILITY,
    WEATHER,
    head_of,
    minutes,
    reasons,
    rows_of,
    simulated,
    with_field,
    with_row,
    with_rows,
)

ALL = pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
ONE = simulated("aws_minute")
TEN = simulated("aws_minute", tm1="202611221151", tm2="202611221200")
PAIR = simulated("aws_present_weather")


def same(one: Parsed, other: Parsed) -> bool:
    pairs = one.pairs is None and other.pairs is None
    if one.pairs is not None and other.pairs is not None:
        pairs = one.pairs.equals(other.pairs)
    return one.rows.equals(other.rows) and pairs


def station(row: bytes) -> int:
    return int(row.split(b",")[1])


def cell(parsed: Parsed, stn: int) -> dict[str, object]:
    return parsed.rows.filter(pl.col("stn") == stn).row(0, named=True)


@ALL
def test_every_row_becomes_one_row(dataset: Dataset) -> None:
    content = simulated(dataset.name)
    found = parse(dataset, content)
    assert (found.rows.height, found.rejected, found.lines) == (len(rows_of(content)), (), len(rows_of(content)))
    assert found.dataset is dataset


@ALL
def test_frames_have_the_types_of_the_catalogue(dataset: Dataset) -> None:
    found = parse(dataset, simulated(dataset.name))
    assert found.rows.schema == empty_rows(dataset).schema
    types = {"float": pl.Float64, "int": pl.Int64, "text": pl.String}
    assert dict(found.rows.schema) == {
        "tm_kst": pl.Datetime("us"),
        "stn": pl.Int32,
        **{column.name: types[column.kind] for column in dataset.stored},
        "blank": pl.Boolean,
    }


@ALL
@pytest.mark.parametrize(("disp", "help_"), [("0", "0"), ("0", "1"), ("1", "0"), ("1", "1")])
def test_disp_and_help_change_nothing(dataset: Dataset, disp: str, help_: str) -> None:
    usual = parse(dataset, simulated(dataset.name))
    assert same(parse(dataset, simulated(dataset.name, disp=disp, help=help_)), usual)


@pytest.mark.parametrize("name", [name for name in DATASETS if name != "asos_hourly"])
@pytest.mark.parametrize("disp", ["0", "1"])
def test_the_answer_to_help_2_is_read_only_when_it_was_asked_for(name: str, disp: str) -> None:
    dataset, content = DATASETS[name], simulated(name, help="2", disp=disp)
    assert same(parse(dataset, content, end_marker=False), parse(dataset, simulated(name)))
    with pytest.raises(Truncated):
        parse(dataset, content)


@ALL
def test_an_answer_cut_short_gives_no_frame(dataset: Dataset) -> None:
    content = simulated(dataset.name)
    with pytest.raises(Truncated):
        parse(dataset, content[: len(content) * 2 // 3])


def test_errors_and_pages_give_no_frame() -> None:
    with pytest.raises(BadKey):
        parse(MINUTE, answers.json_error(401, answers.BAD_KEY).body)
    with pytest.raises(Maintenance):
        parse(MINUTE, answers.maintenance(200).body)


@ALL
def test_an_answer_without_rows_is_an_empty_frame(dataset: Dataset) -> None:
    found = parse(dataset, with_rows(simulated(dataset.name), []))
    assert found.rows.equals(empty_rows(dataset))
    assert (found.lines, found.not_produced, found.rejected) == (0, (), ())
    assert (found.pairs is None) is (dataset.pair_table is None)


@ALL
def test_start_and_end_alone_are_an_empty_frame(dataset: Dataset) -> None:
    found = parse(dataset, b"#START7777\n#7777END\n")
    assert (found.rows.height, found.lines) == (0, 0)


def test_crlf_changes_nothing() -> None:
    assert same(parse(MINUTE, ONE.replace(b"\n", b"\r\n")), parse(MINUTE, ONE))


def test_leading_blanks_change_nothing() -> None:
    plain = simulated("aws_minute", disp="0")
    assert same(parse(MINUTE, with_rows(plain, [b" " + row for row in rows_of(plain)])), parse(MINUTE, ONE))


def test_a_header_for_every_minute_changes_nothing() -> None:
    rows, head = rows_of(TEN), head_of(TEN)
    block = len(rows) // 2
    twice = head + b"\n".join(rows[:block]) + b"\n#7777END\n" + head + b"\n".join(rows[block:]) + b"\n#7777END\n"
    assert same(parse(MINUTE, twice), parse(MINUTE, TEN))


def test_values_at_or_below_50_below_zero_are_null_and_cold_ones_stay() -> None:
    spoilt = with_field(with_field(ONE, 0, 8, b"-49.9"), 0, 17, b"-50.0")
    row = cell(parse(MINUTE, spoilt), station(rows_of(ONE)[0]))
    assert (row["ta"], row["td"]) == (-49.9, None)


@pytest.mark.parametrize("value", [b"-9.0", b"-9.3", b"-9.9", b"-25.4"])
def test_nine_below_zero_is_a_temperature(value: bytes) -> None:
    assert cell(parse(MINUTE, with_field(ONE, 0, 8, value)), station(rows_of(ONE)[0]))["ta"] == float(value)


@pytest.mark.parametrize("value", [b"-99.9", b"-99.7", b"-99.2", b"-999.0"])
def test_no_sentinel_becomes_a_number(value: bytes) -> None:
    assert cell(parse(MINUTE, with_field(ONE, 0, 15, value)), station(rows_of(ONE)[0]))["pa"] is None


def test_7620_is_a_value_and_minus_991_is_none() -> None:
    cloud = with_field(with_field(simulated("aws_cloud"), 0, 4, b"  7620"), 0, 5, b"  -991")
    row = cell(parse(CLOUD, cloud), station(rows_of(cloud)[0]))
    assert (row["ch_low"], row["ch_mid"]) == (7620, None)


@pytest.mark.parametrize("disp", ["0", "1"])
def test_minus_zero_is_stored_as_zero(disp: str) -> None:
    content = simulated("aws_minute", disp=disp)
    row = rows_of(content)[0]
    last = (row.removesuffix(b",=").split(b",") if disp == "1" else row.split())[-1]
    spoilt = with_row(
        content, 0, row[: row.rindex(last)] + b"-0.0".rjust(len(last)) + row[row.rindex(last) + len(last) :]
    )
    zero = parse(MINUTE, spoilt).rows["td"][0]
    assert (zero, math.copysign(1.0, zero)) == (0.0, 1.0)


def asos_with(name: str, value: bytes) -> object:
    content = simulated("asos_hourly")
    fields = rows_of(content)[0].split()
    fields[2 + [column.name for column in ASOS.columns].index(name)] = value
    found = parse(ASOS, with_rows(content, [b" ".join(fields)]))
    assert found.rejected == ()
    return found.rows[name][0]


@pytest.mark.parametrize("name", ["ta", "td", "ts", "te_005", "te_03"])
def test_asos_temperatures_miss_at_99_below_zero_only(name: str) -> None:
    assert asos_with(name, b"-9.0") == -9.0
    assert asos_with(name, b"-99.0") is None


@pytest.mark.parametrize("name", ["ws", "pa", "ps", "pr", "hm", "pv", "rn", "rn_day", "sd_tot", "ss", "wh"])
def test_other_asos_numbers_miss_at_nine_below_zero(name: str) -> None:
    assert asos_with(name, b"-9.0") is None
    assert asos_with(name, b"0.0") == 0.0


def test_asos_counts_and_texts_have_their_own_codes() -> None:
    assert asos_with("wd", b"-9") is None
    assert asos_with("si", b"-9.00") is None
    assert asos_with("ww", b"-") is None
    assert asos_with("ww", b"05") == "05"
    assert asos_with("ct", b"ScAs") == "ScAs"


def test_old_asos_rows_have_no_rn_jun() -> None:
    found = parse(ASOS, simulated("asos_hourly", tm1="202111301200"))
    assert found.rows["rn_jun"].null_count() == found.rows.height > 90
    assert found.rows["ix"].null_count() < found.rows.height


def test_a_row_of_sentinels_is_blank_and_stays() -> None:
    row = rows_of(ONE)[0]
    blank = b",".join(row.split(b",")[:2] + [b"-99.9"] * 16 + [b"="])
    found = parse(MINUTE, with_row(ONE, 0, blank))
    assert cell(found, station(row))["blank"] is True
    assert found.rows.height == len(rows_of(ONE))


def test_the_kind_of_instrument_does_not_make_a_row_present() -> None:
    vis = simulated("aws_visibility")
    fields = rows_of(vis)[0].split(b",")
    fields[5:9] = [b"  -999"] * 4
    found = parse(VISIBILITY, with_row(vis, 0, b",".join(fields)))
    row = cell(found, station(rows_of(vis)[0]))
    assert (row["blank"], row["s"] is None) == (True, False)


# --- one row per cell


def test_equal_duplicates_are_one_row() -> None:
    rows = rows_of(ONE)
    assert same(parse(MINUTE, with_rows(ONE, rows + rows[3:9])), parse(MINUTE, ONE))


def test_rows_that_disagree_are_all_rejected_and_nothing_else() -> None:
    rows = rows_of(ONE)
    other = with_field(ONE, 3, 8, b"-12.3")
    found = parse(MINUTE, with_rows(ONE, [*rows, rows_of(other)[3]]))
    assert [line.stn for line in found.rejected] == [station(rows[3])] * 2
    assert {line.text.encode() for line in found.rejected} == {rows[3], rows_of(other)[3]}
    assert "disagree" in found.rejected[0].reason
    assert found.rows["stn"].to_list() == [station(row) for row in rows if row != rows[3]]


def test_a_number_of_a_station_with_zeros_before_it_is_the_same_station() -> None:
    rows = rows_of(ONE)
    other = rows_of(with_field(with_field(ONE, 3, 8, b"-12.3"), 3, 1, b"0" + rows[3].split(b",")[1]))[3]
    assert len(parse(MINUTE, with_rows(ONE, [*rows, other])).rejected) == 2


def test_a_garbled_copy_is_rejected_once_and_for_what_it_is() -> None:
    rows = rows_of(ONE)
    other = rows_of(with_field(ONE, 3, 8, b"-12.3"))[3]
    garbled = rows_of(with_field(ONE, 3, 8, b"?"))[3]
    found = parse(MINUTE, with_rows(ONE, [*rows, other, garbled]))
    assert [line.line for line in found.rejected] == sorted({line.line for line in found.rejected})
    assert len([reason for reason in reasons(found) if "not a number" in reason]) == 1


def test_a_garbled_row_does_not_spoil_its_sound_copy() -> None:
    rows = rows_of(ONE)
    garbled = rows_of(with_field(ONE, 3, 8, b"?"))[3]
    found = parse(MINUTE, with_rows(ONE, [*rows, garbled]))
    assert same(found, parse(MINUTE, ONE))
    assert len(found.rejected) == 1


def test_swapped_rows_come_in_order() -> None:
    assert same(parse(MINUTE, with_rows(TEN, rows_of(TEN)[::-1])), parse(MINUTE, TEN))


# --- windows


def test_rows_outside_of_the_window_are_rejected() -> None:
    found = parse(MINUTE, TEN, window=minutes(9))
    assert found.rows["tm_kst"].unique().len() == 9
    assert {line.tm for line in found.rejected} == {datetime(2026, 11, 22, 11, 51)}
    assert len(found.rejected) + found.rows.height == len(rows_of(TEN))
    assert "outside of the window" in found.rejected[0].reason


def test_the_window_leaves_out_its_start_and_holds_its_end() -> None:
    window = minutes(1)
    assert parse(MINUTE, ONE, window=window).rejected == ()
    both = simulated("aws_minute", tm1="202611221159", tm2="202611221200")
    assert parse(MINUTE, both, window=window).rows["tm_kst"].unique().to_list() == [datetime(2026, 11, 22, 12, 0)]


def test_rows_that_are_all_outside_of_the_window_are_a_changed_format() -> None:
    with pytest.raises(ChangedFormat, match="outside of the window asked"):
        parse(MINUTE, simulated("aws_minute", tm1="202611221159"), window=minutes(1))


def test_rows_that_all_disagree_are_a_changed_format() -> None:
    with pytest.raises(ChangedFormat, match="disagree"):
        parse(MINUTE, with_rows(ONE, [rows_of(ONE)[3], rows_of(with_field(ONE, 3, 8, b"-12.3"))[3]]))


# --- placeholders


def test_a_minute_of_sentinels_for_all_stations_is_not_yet_produced() -> None:
    body = simulated("aws_minute", tm1="202611221257", tm2="202611221300")
    found = parse(MINUTE, body)
    assert found.not_produced == (datetime(2026, 11, 22, 12, 59), datetime(2026, 11, 22, 13, 0))
    assert found.rows["tm_kst"].max() == datetime(2026, 11, 22, 12, 58)


def test_the_retyped_placeholders_are_never_stored(retyped: Path) -> None:
    name = "aws2_min_disp1_help0_placeholder-future-minute_202608211810_excerpt.txt"
    found = parse(MINUTE, (retyped / name).read_bytes())
    assert (found.rows.height, found.not_produced) == (0, (datetime(2026, 8, 21, 18, 10),))


def test_one_station_alone_cannot_tell_young_from_blank() -> None:
    stn = station(rows_of(ONE)[0])
    body = simulated("aws_minute", tm1="202611221257", tm2="202611221300", stn=stn)
    found = parse(MINUTE, body, one_station=True)
    assert (found.rows.height, found.rows["blank"].sum(), found.not_produced) == (4, 2, ())


def test_a_minute_with_a_single_row_is_not_called_young() -> None:
    row = rows_of(simulated("aws_minute", tm1="202611221300"))[0]
    assert parse(MINUTE, with_rows(ONE, [row])).rows["blank"].to_list() == [True]


def test_a_minute_with_one_value_is_produced() -> None:
    young = simulated("aws_minute", tm1="202611221300")
    found = parse(MINUTE, with_field(young, 0, 8, b"-9.3"))
    assert (found.rows.height, found.not_produced) == (len(rows_of(young)), ())


def test_asos_has_no_placeholders() -> None:
    content = simulated("asos_hourly")
    blank = [b" ".join([row[:16], *_nothing()]) for row in rows_of(content)]
    found = parse(ASOS, with_rows(content, blank))
    assert (found.rows.height, found.rows["blank"].all(), found.not_produced) == (len(blank), True, ())


def _nothing() -> list[bytes]:
    codes = {"text": b"-", "int": b"-9", "float": b"-9.0"}
    cold = {"ta", "td", "ts", "te_005", "te_01", "te_02", "te_03"}
    return [b"-99.0" if column.name in cold else codes[column.kind] for column in ASOS.columns]


# --- pairs


def paired(index: int, *numbers: int) -> bytes:
    """The answer with a row of that many codes."""
    tail = b"".join(b",%3d" % number for number in numbers)

    def change(row: bytes) -> bytes:
        return b",".join(row.split(b",")[:5]) + b",%3d" % (len(numbers) // 2) + tail + b",="

    return with_row(PAIR, index, change)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_the_first_pair_is_in_the_row_and_the_others_beside_it(count: int) -> None:
    numbers = [10, 1, 61, 2, 71, 3][: 2 * count]
    content = paired(4, *numbers)
    found = parse(WEATHER, content)
    stn = station(rows_of(PAIR)[4])
    row = cell(found, stn)
    assert (row["n"], row["ww1"], row["nn1"]) == (count, *(tuple(numbers[:2]) or (None, None)))
    assert found.pairs is not None
    mine = found.pairs.filter(pl.col("stn") == stn).select("k", "ww", "nn").rows()
    assert mine == [(2, 61, 2), (3, 71, 3)][: max(count - 1, 0)]
    assert found.rejected == ()
    assert found.rows.height == len(rows_of(PAIR))


def test_a_count_below_zero_means_no_pair() -> None:
    content = with_row(PAIR, 4, b",".join(rows_of(PAIR)[4].split(b",")[:5]) + b", -9,=")
    row = cell(parse(WEATHER, content), station(rows_of(PAIR)[4]))
    assert (row["n"], row["ww1"], row["blank"]) == (-9, None, True)


@pytest.mark.parametrize("says", [b"  0", b"  2", b"  3", b"9" * 10, b"9" * 5000, b" x", b"1.0", b""])
def test_a_count_that_disagrees_with_what_follows_rejects_the_row(says: bytes) -> None:
    with_codes = next(index for index, row in enumerate(rows_of(PAIR)) if row.count(b",") == 8)
    found = parse(WEATHER, with_field(PAIR, with_codes, 5, says))
    assert len(found.rejected) == 1
    assert found.rows.height == len(rows_of(PAIR)) - 1


def test_a_row_with_half_a_pair_is_rejected() -> None:
    content = paired(4, 10, 1, 61)
    assert reasons(parse(WEATHER, content)) == ["n says 1 pairs, 3 values follow"]


def test_a_row_too_short_for_its_count_is_rejected() -> None:
    assert "at least" in reasons(parse(WEATHER, with_row(PAIR, 4, lambda row: row[:30] + b",=")))[0]


def test_a_tail_that_no_row_has_is_not_missed() -> None:
    bare = with_rows(PAIR, [row.removesuffix(b",=") for row in rows_of(PAIR)])
    assert same(parse(WEATHER, bare), parse(WEATHER, PAIR))


def test_one_row_without_the_tail_of_all_others_is_rejected() -> None:
    assert reasons(parse(WEATHER, with_row(PAIR, 4, lambda row: row.removesuffix(b",=")))) == ["no '=' at its end"]


@pytest.mark.parametrize("stn", [b"  -90", b"    0", b"1234567"])
def test_a_number_that_no_station_has_is_rejected_in_pairs_too(stn: bytes) -> None:
    only = [row for row in rows_of(PAIR) if row.count(b",") == 8]
    found = parse(WEATHER, with_field(with_rows(PAIR, only), 2, 1, stn))
    assert reasons(found) == ["the second column is not a station number"]


def test_rows_with_one_pair_only_go_the_fast_way_with_the_same_result() -> None:
    only = [row for row in rows_of(PAIR) if row.count(b",") == 8]
    found = parse(WEATHER, with_rows(PAIR, only))
    mixed = parse(WEATHER, PAIR).rows.filter(pl.col("n") == 1)
    assert found.rows.equals(mixed)
    assert found.pairs is not None
    assert found.pairs.is_empty()


def test_rows_that_disagree_in_a_further_pair_are_rejected() -> None:
    one, other = rows_of(paired(4, 10, 1, 61, 1))[4], rows_of(paired(4, 10, 1, 71, 1))[4]
    found = parse(WEATHER, with_rows(PAIR, [*rows_of(PAIR)[:4], one, *rows_of(PAIR)[5:], other]))
    assert [line.text.encode() for line in found.rejected] == [one, other]
    assert found.rows.height == len(rows_of(PAIR)) - 1
    assert found.pairs is not None
    assert found.pairs.is_empty()


def test_equal_rows_with_further_pairs_are_one() -> None:
    content = paired(4, 10, 1, 61, 1)
    twice = parse(WEATHER, with_rows(content, rows_of(content) * 2))
    assert same(twice, parse(WEATHER, content))


def test_pairs_of_rejected_rows_are_not_kept() -> None:
    content = paired(4, 10, 1, 61, 1)
    rows = [row.replace(b"202611221200", b"202611221159", 1) for row in rows_of(content)]
    kept = with_rows(content, [*rows[:4], rows_of(content)[4], *rows[5:]])
    found = parse(WEATHER, kept, window=minutes(1, datetime(2026, 11, 22, 11, 59)))
    assert found.pairs is not None
    assert (found.rows.height, found.pairs.height) == (len(rows) - 1, 0)


def test_pairs_come_sorted() -> None:
    content = paired(4, 10, 1, 61, 1, 71, 1)
    found = parse(WEATHER, with_rows(content, rows_of(content)[::-1]))
    assert found.pairs is not None
    assert found.pairs["k"].to_list() == [2, 3]


def test_what_was_assumed_is_noted() -> None:
    lst = simulated("aws_ground_temperature").replace(b" TE005", b" SOIL5", 1)
    assert "SOIL5" in parse(GROUND, lst).notes[0]
    assert parse(MINUTE, ONE).notes == ()


def test_a_changed_header_is_refused_even_without_rows() -> None:
    with pytest.raises(ChangedFormat):
        parse(MINUTE, with_rows(ONE.replace(b"    TD", b"    TW"), []))


def test_the_version_is_a_number_that_grows() -> None:
    assert PARSER_VERSION >= 1


@pytest.mark.parametrize(
    ("name", "first"),
    [("asos_hourly", "202611220700"), ("aws_minute", "202611221158"), ("aws_present_weather", "202611221155")],
)
def test_a_long_answer_read_in_pieces_says_the_same(name: str, first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = simulated(name, first, "202611221200")
    rows = rows_of(content)
    spoiled = content.replace(rows[-2], rows[-2].replace(b"2026112", b"2026x12", 1))
    whole = parse(DATASETS[name], spoiled)
    for size in (500, 20_000):
        monkeypatch.setattr("kmaflow.hub.parse._PART", size)
        monkeypatch.setattr("kmaflow.hub.parse._PART_WITH_TEXT", size)
        pieces = parse(DATASETS[name], spoiled)
        assert pieces.rows.equals(whole.rows)
        assert (pieces.rejected, pieces.lines, pieces.notes) == (whole.rejected, whole.lines, whole.notes)
        assert len(whole.rejected) == 1
