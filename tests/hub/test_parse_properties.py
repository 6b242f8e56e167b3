"""What holds for every answer, however it was spoilt on the way."""

from __future__ import annotations

from functools import cache

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kmaflow.catalog import DATASETS
from kmaflow.hub import rows as fast
from kmaflow.hub.errors import ChangedFormat, HubError, Truncated
from kmaflow.hub.parse import Parsed, parse

from .answers import is_row, rows_of, simulated, with_rows

QUICK = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
NAMES = st.sampled_from(sorted(DATASETS))
DIGITS = frozenset(b"0123456789")


@cache
def small(name: str) -> bytes:
    """Some twenty rows of one answer."""
    content = simulated(name)
    return with_rows(content, rows_of(content)[:20])


def keys(parsed: Parsed) -> pl.DataFrame:
    return parsed.rows.select("tm_kst", "stn")


def careful(name: str, content: bytes) -> Parsed:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast, "_usual_rows", lambda *_: None)
        return parse(DATASETS[name], content)


@QUICK
@given(NAMES, st.data())
def test_any_cut_is_truncated_and_never_a_short_frame(name: str, data: st.DataObject) -> None:
    content = small(name)
    size = data.draw(st.integers(1, len(content) - 2))
    with pytest.raises(Truncated):
        parse(DATASETS[name], content[:size])


@QUICK
@given(NAMES, st.data())
def test_what_lacks_its_beginning_is_never_a_short_frame(name: str, data: st.DataObject) -> None:
    content = small(name)
    start = data.draw(st.integers(1, len(content) - 10))
    try:
        found = parse(DATASETS[name], content[start:])
    except HubError:
        return
    whole = parse(DATASETS[name], content)
    assert found.rows.height + len(found.rejected) in {0, whole.rows.height}


@settings(QUICK, max_examples=100)
@given(NAMES, st.integers(0, 19), st.data())
def test_a_garbled_row_is_rejected_and_all_others_survive(name: str, index: int, data: st.DataObject) -> None:
    """One byte of one row becomes something that is neither digit nor separator."""
    rows = rows_of(small(name))
    place = data.draw(st.integers(0, len(rows[index]) - 1))
    byte = data.draw(
        st.integers(0, 255).filter(lambda value: value not in b"0123456789.,-+= \t\r\n\v\f\x1c\x1d\x1e\x1f")
    )
    spoilt = bytearray(rows[index])
    if spoilt[place] in b" =" or (name == "asos_hourly" and chr(byte).isascii() and chr(byte).isprintable()):
        spoilt[place : place + 1] = b"?" + bytes([byte]) + b"\xff"
    else:
        spoilt[place] = byte
    content = with_rows(small(name), [*rows[:index], bytes(spoilt), *rows[index + 1 :]])
    found, whole = parse(DATASETS[name], content), parse(DATASETS[name], small(name))
    (rejected,) = found.rejected
    assert rejected.reason
    assert content.split(b"\n")[rejected.line - 1] == bytes(spoilt)
    others = with_rows(small(name), [*rows[:index], *rows[index + 1 :]])
    assert found.rows.equals(parse(DATASETS[name], others).rows)
    assert found.rows.height == whole.rows.height - 1


@settings(QUICK, max_examples=100)
@given(st.sampled_from(sorted(set(DATASETS) - {"aws_present_weather"})), st.integers(0, 19), st.data())
def test_a_row_cut_anywhere_never_becomes_another_value(name: str, index: int, data: st.DataObject) -> None:
    rows = rows_of(small(name))
    size = data.draw(st.integers(1, len(rows[index].removesuffix(b",=").rstrip()) - 1))
    found = parse(DATASETS[name], with_rows(small(name), [*rows[:index], rows[index][:size], *rows[index + 1 :]]))
    assert len(found.rejected) == 1
    assert keys(found).equals(keys(parse(DATASETS[name], with_rows(small(name), [*rows[:index], *rows[index + 1 :]]))))


@settings(QUICK, max_examples=80)
@given(NAMES, st.integers(0, 19), st.binary(min_size=1, max_size=6).filter(lambda junk: b"\n" not in junk), st.data())
def test_junk_anywhere_in_a_row_harms_no_other_row(name: str, index: int, junk: bytes, data: st.DataObject) -> None:
    rows = rows_of(small(name))
    place = data.draw(st.integers(0, len(rows[index])))
    spoilt = rows[index][:place] + junk + rows[index][place:]
    content = with_rows(small(name), [*rows[:index], spoilt, *rows[index + 1 :]])
    found = parse(DATASETS[name], content)
    others = parse(DATASETS[name], with_rows(small(name), [*rows[:index], *rows[index + 1 :]])).rows
    kept = found.rows.join(keys(parse(DATASETS[name], small(name))), on=["tm_kst", "stn"], how="semi")
    assert others.join(kept, on=["tm_kst", "stn"], how="anti").height <= 1
    assert kept.join(others, on=others.columns, how="semi", nulls_equal=True).height >= others.height - 1
    lost = len(rows) - found.rows.height
    assert len(found.rejected) >= lost


@settings(QUICK, max_examples=120)
@given(NAMES, st.integers(0, 19), st.data())
def test_the_fast_and_the_careful_way_agree_on_spoilt_rows_too(name: str, index: int, data: st.DataObject) -> None:
    rows = rows_of(small(name))
    place = data.draw(st.integers(0, len(rows[index]) - 1))
    byte = data.draw(st.sampled_from(list(b"0129.,-= \r#x\xa3")))
    spoilt = bytearray(rows[index])
    if data.draw(st.booleans()):
        spoilt[place] = byte
    else:
        # A 0 before the stamp is the one thing that the fast way reads over (see rows.py).
        spoilt.insert(place or 1, byte)
    content = with_rows(small(name), [*rows[:index], bytes(spoilt), *rows[index + 1 :]])
    one, other = parse(DATASETS[name], content), careful(name, content)
    assert one.rows.equals(other.rows)
    assert one.rejected == other.rejected


@QUICK
@given(NAMES, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(name: str, random: object) -> None:
    rows = rows_of(small(name))
    random.shuffle(rows)  # type: ignore[attr-defined]
    found, straight = parse(DATASETS[name], with_rows(small(name), rows)), parse(DATASETS[name], small(name))
    assert found.rows.equals(straight.rows)
    assert found.rejected == ()


@QUICK
@given(NAMES, st.lists(st.integers(0, 19), max_size=8))
def test_rows_sent_twice_count_once(name: str, again: list[int]) -> None:
    rows = rows_of(small(name))
    found = parse(DATASETS[name], with_rows(small(name), rows + [rows[index] for index in again]))
    assert found.rows.equals(parse(DATASETS[name], small(name)).rows)
    assert found.rejected == ()


@settings(QUICK, max_examples=8)
@given(st.integers(0, 40_000), st.sampled_from(sorted(set(DATASETS) - {"asos_hourly"})))
def test_no_minute_of_any_season_holds_a_sentinel(back: int, name: str) -> None:
    stamp = f"2026{1 + back % 10:02d}{1 + back % 28:02d}{back % 24:02d}{back % 60:02d}"
    comma, blank = (simulated(name, tm1=stamp, disp=disp) for disp in ("1", "0"))
    found = parse(DATASETS[name], comma)
    for column in found.rows.select(pl.col(pl.Float64, pl.Int64)):
        assert (column.drop_nulls() > -50).all()
    assert found.rows.equals(parse(DATASETS[name], blank).rows)
    printed = sum(
        1 for row in rows_of(comma) for token in row.split(b",")[2:] if token.startswith(b"-9.") and token != b"-9."
    )
    if name == "aws_minute":
        stored = sum(int(((column > -10) & (column <= -9)).sum()) for column in found.rows.select(pl.col(pl.Float64)))
        assert stored == printed


@QUICK
@given(st.sampled_from(sorted(set(DATASETS) - {"aws_ground_temperature", "aws_present_weather"})), st.data())
def test_a_letter_more_in_the_name_line_is_a_changed_format(name: str, data: st.DataObject) -> None:
    lines = small(name).split(b"\n")
    at = next(index for index, line in enumerate(lines) if b"YYMMDDHHMI" in line)
    place = data.draw(st.sampled_from([i for i, byte in enumerate(lines[at]) if chr(byte).isalnum() and i > 13]))
    lines[at] = lines[at][:place] + b"Q" + lines[at][place:]
    with pytest.raises(ChangedFormat):
        parse(DATASETS[name], b"\n".join(lines))


@settings(QUICK, max_examples=100)
@given(st.binary(max_size=300))
def test_bytes_of_any_kind_raise_a_hub_error_or_give_a_frame(content: bytes) -> None:
    for body in (content, b"#START7777\n" + content + b"\n#7777END\n"):
        try:
            parse(DATASETS["aws_present_weather"], body)
        except HubError as error:
            assert error.code  # noqa: PT017 - whether it raises is open, what it raises is not


def test_the_small_answers_have_rows_of_values() -> None:
    for name in DATASETS:
        assert sum(is_row(line) for line in small(name).split(b"\n")) == 20
        assert not parse(DATASETS[name], small(name)).rows["blank"].all()
