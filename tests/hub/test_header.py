"""Names and units of the header against the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from kmaflow.catalog import DATASETS
from kmaflow.catalog.model import Dataset
from kmaflow.hub.body import open_body
from kmaflow.hub.errors import ChangedFormat
from kmaflow.hub.header import column_order, refuse_second_header
from kmaflow.hub.parse import parse

from .answers import (
    ASOS,
    CLOUD,
    GROUND,
    MINUTE,
    VISIBILITY,
    WEATHER,
    head_of,
    hub,
    is_row,
    rows_of,
    simulated,
    with_field,
)

EXACT = [MINUTE, CLOUD, VISIBILITY, ASOS]


def head(content: bytes) -> tuple[str, ...]:
    return open_body(content).head


def changed(content: bytes, old: bytes, new: bytes) -> bytes:
    before = head_of(content)
    assert old in before
    return before.replace(old, new, 1) + content[len(before) :]


def refused(dataset: Dataset, content: bytes, match: str) -> None:
    """The header is refused, and with it every row of the body."""
    with pytest.raises(ChangedFormat, match=match):
        column_order(dataset, head(content))
    with pytest.raises(ChangedFormat, match=match):
        parse(dataset, content)


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
@pytest.mark.parametrize("disp", ["0", "1"])
@pytest.mark.parametrize("help_", ["0", "1"])
def test_the_known_header_gives_the_columns_in_order(dataset: Dataset, disp: str, help_: str) -> None:
    order = column_order(dataset, head(simulated(dataset.name, disp=disp, help=help_)))
    assert order.columns == dataset.columns
    assert order.notes == ()


def test_ws10_twice_means_wd10_and_ws10() -> None:
    old = changed(simulated("aws_minute"), b"WD10", b"WS10")
    assert [column.name for column in column_order(MINUTE, head(old)).columns[4:6]] == ["wd10", "ws10"]


def test_a_name_line_without_a_unit_line_is_enough() -> None:
    content = simulated("aws_minute")
    lines = [line for line in content.split(b"\n") if b"KST" not in line]
    assert column_order(MINUTE, head(b"\n".join(lines))).columns == MINUTE.columns


def test_the_45_columns_of_old_asos_answers_lack_rn_jun() -> None:
    order = column_order(ASOS, head(simulated("asos_hourly", tm1="202111301200")))
    assert [column.name for column in ASOS.columns if column not in order.columns] == ["rn_jun"]


def test_rows_without_a_name_line_are_refused() -> None:
    content = simulated("aws_minute")
    names = next(line for line in content.split(b"\n") if b"YYMM" in line)
    refused(MINUTE, changed(content, names + b"\n", b""), "no line of column names")


@pytest.mark.parametrize(
    ("dataset", "old", "new"),
    [
        (MINUTE, b"    TD", b"    TW"),
        (MINUTE, b"    TD\n", b"    TW  SNOW\n"),
        (MINUTE, b"    HM     PA", b"    PA     HM"),
        (MINUTE, b"    HM", b"      "),
        (MINUTE, b"  WD10   WS10", b"  WS10   WD10"),
        (MINUTE, b"   STN", b"    ID"),
        (CLOUD, b"CH_LOW,CH_MID", b"CH_MID,CH_LOW"),
        (CLOUD, b"CA_TOT,=", b"CA_TOT,CA_TOT,="),
        (VISIBILITY, b"VIS1,VIS10", b"VIS10,VIS1"),
        (VISIBILITY, b"WW1,WW15", b"WW1"),
        (ASOS, b" PA     PS", b" PS     PA"),
        (ASOS, b" WC WP WW", b" WP WC WW"),
    ],
)
def test_a_column_that_is_new_moved_gone_or_renamed_is_a_changed_format(
    dataset: Dataset, old: bytes, new: bytes
) -> None:
    refused(dataset, changed(simulated(dataset.name), old, new), dataset.name)


@pytest.mark.parametrize(
    ("dataset", "old", "new"),
    [
        (MINUTE, b"m/s", b" kt"),
        (MINUTE, b"     C ", b"     K "),
        (MINUTE, b"      1 ", b"      - "),
        (CLOUD, b"(m)", b"(ft)"),
        (CLOUD, b"1/8", b"  %"),
        (VISIBILITY, b"(m)", b"(km)"),
        (VISIBILITY, b"(m)", b"   "),
        (ASOS, b"    hPa", b"   mmHg"),
        (ASOS, b"     mm    DAY", b"     cm    DAY"),
        (ASOS, b" -- --", b"  -  -"),
        (ASOS, b" -- -- ----", b"  - ----"),
        (ASOS, b"                  GD", b"    10m   hr    MJ GD"),
    ],
)
def test_a_changed_unit_or_dash_is_noted_and_read_on(dataset: Dataset, old: bytes, new: bytes) -> None:
    content = simulated(dataset.name)
    units = next(line for line in content.split(b"\n") if b"KST" in line)
    found = parse(dataset, changed(content, units, units.replace(old, new, 1)))
    assert found.rows.equals(parse(dataset, content).rows)
    assert ["below the names" in note for note in found.notes] == [True]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"DAY    JUN", b"JUN    DAY"),
        (b"     5    10", b"    10     5"),
        (b"mm    DAY", b"DAY     mm"),
        (b" WD   WS   TM", b" TM   WS   WD"),
        (b"HR3    DAY", b"   DAY"),
        (b"-------- TOP", b"TOP --------"),
        (b"JUN", b"NEW"),
    ],
)
def test_a_changed_half_of_a_name_that_stands_twice_is_a_changed_format(old: bytes, new: bytes) -> None:
    content = simulated("asos_hourly")
    units = next(line for line in content.split(b"\n") if b"KST" in line)
    assert old in units
    refused(ASOS, changed(content, units, units.replace(old, new, 1)), "below the names")


@pytest.mark.parametrize(
    ("dataset", "old", "new"),
    [
        (MINUTE, b"RN-15m", b"RN_15m"),
        (MINUTE, b"RN-15m", b" RN15M"),
        (CLOUD, b"CH_LOW", b"CH-LOW"),
        (MINUTE, b"     TD\n", b"     TD  (2027)\n"),
        (MINUTE, b"     TD\n", b"     TD  --\n"),
    ],
)
def test_a_name_spelt_with_another_dash_or_a_comment_behind_it_is_noted(
    dataset: Dataset, old: bytes, new: bytes
) -> None:
    content = simulated(dataset.name)
    found = parse(dataset, changed(content, old, new))
    assert found.rows.equals(parse(dataset, content).rows)
    assert ["spelt otherwise" in note for note in found.notes] == [True]


def test_other_blanks_and_other_comments_in_the_header_change_nothing() -> None:
    content = simulated("aws_minute")
    wider = changed(content, b"#START7777\n", b"#START7777\n# KMA, 2027: a new comment\n").replace(b"     TA", b"  TA")
    found = parse(MINUTE, wider)
    assert found.rows.equals(parse(MINUTE, content).rows)
    assert found.notes == ()


def with_column(dataset: Dataset, place: int, name: bytes, value: bytes, **more: str) -> bytes:
    """The simulator's answer with one more column behind the first ``place`` ones (0: behind the station's), in the header and in the rows."""
    content = simulated(dataset.name, **more)
    lines = content.split(b"\n")
    at = next(index for index, line in enumerate(lines) if b"YYMMDDHHMI" in line)
    comma = b"," if b"," in lines[at] else b" "
    names = lines[at].lstrip(b"# ").replace(b",", b" ").replace(b"=", b" ").split()
    names.insert(2 + place, name)
    lines[at] = b"# " + comma.join(names)
    for index, line in enumerate(lines):
        if is_row(line):
            comma = b"," if b"," in line else b" "
            fields = line.split(b",") if comma == b"," else line.split()
            fields.insert(2 + place, value)
            lines[index] = comma.join(fields)
    return b"\n".join(lines)


NEW = [(MINUTE, place) for place in (0, 7, 16)] + [(CLOUD, 6), (VISIBILITY, 3), (GROUND, 0), (GROUND, 16), (WEATHER, 3)]


@pytest.mark.parametrize(("dataset", "place"), NEW, ids=lambda value: getattr(value, "name", value))
@pytest.mark.parametrize("value", [b"1.5", b"-99.9", b"A7", b"\xb1\xe2"])
@pytest.mark.parametrize("disp", ["0", "1"])
def test_a_new_column_with_a_name_of_its_own_is_read_past(
    dataset: Dataset, place: int, value: bytes, disp: str
) -> None:
    found = parse(dataset, with_column(dataset, place, b"SNOW", value, disp=disp))
    usual = parse(dataset, simulated(dataset.name))
    assert found.rows.equals(usual.rows)
    assert found.rejected == ()
    assert found.notes == ("new in the header, kept in the archive only: SNOW",)
    if usual.pairs is not None:
        assert found.pairs is not None
        assert found.pairs.equals(usual.pairs)


def test_two_new_columns_are_read_past() -> None:
    content = with_column(CLOUD, 0, b"ONE", b"1")
    lines = [line.replace(b"CA_TOT", b"CA_TOT,TWO") if b"CA_TOT" in line else line for line in content.split(b"\n")]
    both = b"\n".join(line.replace(b",=", b",2,=") if is_row(line) else line for line in lines)
    assert parse(CLOUD, both).rows.equals(parse(CLOUD, simulated("aws_cloud")).rows)
    assert "ONE TWO" in parse(CLOUD, both).notes[0]


def test_a_garbled_row_among_rows_with_a_new_column_is_rejected_alone() -> None:
    content = with_column(MINUTE, 7, b"SNOW", b"1.5")
    spoilt = with_field(content, 3, 2, b"?")
    found = parse(MINUTE, spoilt)
    assert len(found.rejected) == 1
    assert found.rows.height == len(rows_of(content)) - 1


@pytest.mark.parametrize(
    ("dataset", "place", "name"), [(MINUTE, 16, b"TA"), (MINUTE, 0, b"WS-10"), (ASOS, 44, b"SNOW"), (ASOS, 3, b"SNOW")]
)
def test_a_new_column_among_names_that_stand_twice_is_a_changed_format(
    dataset: Dataset, place: int, name: bytes
) -> None:
    refused(dataset, with_column(dataset, place, name, b"1"), dataset.name)


def test_a_new_column_beside_the_ws10_that_stood_twice_until_2024_is_a_changed_format() -> None:
    refused(MINUTE, with_column(MINUTE, 16, b"SNOW", b"1").replace(b"WD10", b"WS10"), "aws_minute")


def test_a_new_name_without_a_column_is_a_changed_format() -> None:
    content = changed(simulated("aws_minute"), b"     TD\n", b"     TD   SNOW\n")
    with pytest.raises(ChangedFormat, match="18 columns where 19 belong"):
        parse(MINUTE, content)


def test_columns_that_changed_places_are_read_by_name_where_the_names_decide(shared_inputs: Path) -> None:
    found = parse(GROUND, (shared_inputs / "swap_aws_ground_temperature_10_11.txt").read_bytes())
    assert found.rejected == ()
    assert found.notes == ()
    first = found.rows.row(0, named=True)
    assert (first["te02"], first["te05"], first["te03"], first["te10"]) == (1.4, 3.4, 2.1, 6.3)


def test_the_answer_to_help_2_has_no_names_and_says_so() -> None:
    order = column_order(MINUTE, (), header_expected=False)
    assert order.columns == MINUTE.columns
    assert "help=2" in order.notes[0]


def test_ground_temperatures_are_found_by_their_names() -> None:
    content = changed(simulated("aws_ground_temperature"), b"    TG     TS", b"    TS     TG")
    assert [column.name for column in column_order(GROUND, head(content)).columns[3:5]] == ["ts", "tg"]


def test_ground_columns_that_moved_keep_their_values() -> None:
    content = simulated("aws_ground_temperature")
    moved = changed(content, b"    TG     TS", b"    TS     TG")
    straight, crossed = parse(GROUND, content).rows, parse(GROUND, moved).rows
    assert crossed["ts"].equals(straight["tg"])
    assert crossed["tg"].equals(straight["ts"])


@pytest.mark.parametrize("name", [b"TE_005", b"TE-005", b" te005", b"TE0.05"])
def test_ground_names_may_be_spelt_in_other_ways(name: bytes) -> None:
    content = changed(simulated("aws_ground_temperature"), b" TE005", name)
    order = column_order(GROUND, head(content))
    assert (order.columns, order.notes) == (GROUND.columns, ())


def test_an_unknown_ground_name_falls_back_to_the_order_and_says_so() -> None:
    order = column_order(GROUND, head(changed(simulated("aws_ground_temperature"), b" TE005", b" SOIL5")))
    assert order.columns == GROUND.columns
    assert "SOIL5" in order.notes[0]


def test_no_name_line_falls_back_to_the_order_where_none_was_ever_seen() -> None:
    assert "no name line" in column_order(GROUND, ()).notes[0]


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        (b"    TG", b"  GRAS  WET", "GRAS"),
        (b"    TG", b"", "lacks"),
        (b"    TG     TS", b"    TS   GRAS", "another order"),
        (b"    TG", b"    TS", "twice"),
        (b"   STN     TA", b"    TA    STN", "time and station"),
    ],
)
def test_ground_names_that_contradict_the_order_are_refused(old: bytes, new: bytes, match: str) -> None:
    refused(GROUND, changed(simulated("aws_ground_temperature"), old, new), match)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        (b"S,N,", b"N,S,", ""),
        (b"S,N,", b"S,HT,HT,N,", "lacks"),
        (b"WW1,NN1", b"NN1,WW1", "code and count"),
        (b"S,N,WW1,NN1,WW2,NN2,...,", b"S,", "lacks"),
    ],
)
def test_present_weather_in_another_order_is_never_read_in_the_old_one(old: bytes, new: bytes, match: str) -> None:
    content = changed(simulated("aws_present_weather"), old, new)
    if match:
        refused(WEATHER, content, match)
    else:
        assert [column.name for column in column_order(WEATHER, head(content)).columns[2:4]] == ["n", "s"]


def test_names_of_further_pairs_need_not_be_known() -> None:
    content = changed(simulated("aws_present_weather"), b"WW1,NN1", b"CODE,CNT")
    assert column_order(WEATHER, head(content)).columns == WEATHER.columns


def test_a_second_header_with_other_names_is_refused() -> None:
    content = simulated("aws_minute", tm1="202611221159", tm2="202611221200")
    second = simulated("aws_minute").replace(b"    HM     PA", b"    PA     HM")
    with pytest.raises(ChangedFormat, match="second line of column names"):
        parse(MINUTE, content.replace(b"#7777END\n", b"") + second)


def test_other_lines_between_rows_name_no_columns() -> None:
    refuse_second_header(MINUTE.name, ("#" + "-" * 20, "# 026 words"))


def test_the_header_of_another_dataset_is_refused() -> None:
    for dataset in EXACT:
        for other in EXACT:
            if other is not dataset:
                refused(dataset, simulated(other.name), dataset.name)


def test_the_leading_blank_of_2026_changes_no_header() -> None:
    answer = hub(leading_blank=True).answer(
        "/api/typ01/cgi-bin/url/nph-aws2_min",
        {"authKey": "simulator-key-000000000", "tm2": "202611221200", "disp": "0"},
    )
    assert parse(MINUTE, answer.body).rows.equals(parse(MINUTE, simulated("aws_minute")).rows)
