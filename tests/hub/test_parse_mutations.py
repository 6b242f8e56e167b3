"""However a real answer is spoilt: every line of it becomes a row or a rejected line, and no value is stored that its line does not hold."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from kmaflow.catalog import DATASETS
from kmaflow.catalog.model import Dataset
from kmaflow.hub.errors import ChangedFormat, HubError
from kmaflow.hub.parse import Parsed, parse

from .answers import head_of, rows_of, simulated
from .test_parse_captures import files

MANY = settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), print_blob=False
)
PIECES = [
    b"", b" ", b",", b"=", b".", b"-", b"#", b"0", b"1", b"9", b"\t", b"\r", b"\n", b"\x00", b"\xa1\xa1", b"\xff", b"x",
    b"-9.0", b"-99.9", b"1e5", b"nan", b",=", b"\n#7777EN", b"# a comment", b"\x0b", b"\x1c", b"\xef\xbb\xbf", b"20261122",
]  # fmt: skip


@cache
def bodies(captures: Path) -> list[tuple[Dataset, bytes, list[bytes]]]:
    """Header and some rows of real answers, and of those that the simulator gives in either form."""
    found = files(captures)[::5]
    for name, dataset in DATASETS.items():
        found += [(dataset, simulated(name, disp=disp)) for disp in ("0", "1")]
    return [(dataset, head_of(content), rows_of(content)[:6]) for dataset, content in found]


def spoilt(rows: list[bytes], data: st.DataObject) -> bytes:
    """The rows with some bytes or lines changed, left out, put in, doubled or moved."""
    block = b"\n".join(rows) + b"\n"
    for _ in range(data.draw(st.integers(1, 4))):
        lines = block.split(b"\n")
        at, other = data.draw(st.integers(0, len(block))), data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["put in", "replace", "leave out", "double", "drop", "swap", "crlf"])):
            case "put in":
                block = block[:at] + data.draw(st.sampled_from(PIECES)) + block[at:]
            case "replace":
                block = block[:at] + data.draw(st.sampled_from(PIECES)) + block[at + 1 :]
            case "leave out":
                block = block[:at] + block[at + data.draw(st.integers(1, 40)) :]
            case "double":
                block = b"\n".join([*lines[:other], lines[other], *lines[other:]])
            case "drop":
                block = b"\n".join(lines[:other] + lines[other + 1 :])
            case "swap":
                block = b"\n".join([lines[other], *lines[:other], *lines[other + 1 :]])
            case "crlf":
                block = block.replace(b"\n", b"\r\n")
    return block


def lines_of(head: bytes, block: bytes) -> dict[int, bytes]:
    """The lines of the body by number: what is not blank and not a line of the header again."""
    known = {line for line in head.split(b"\n") if line.startswith(b"#")}
    first = head.count(b"\n") + 1
    return {
        number: line
        for number, line in enumerate(block.replace(b"\r\n", b"\n").split(b"\n"), start=first)
        if line.decode("cp949", errors="replace").strip()
        and not (line.lstrip().startswith(b"#") and (line in known or line.startswith((b"#START7777", b"#7777END"))))
    }


def numbers(line: str) -> set[object]:
    """The values that a line holds: its words as they are, and as numbers."""
    words = re.split(r"[,\s]+", line)
    found: set[object] = set(words)
    for word in words:
        if re.fullmatch(r"-?\d*\.?\d*", word, re.ASCII) and re.search(r"\d", word, re.ASCII):
            found.add(float(word))
    return found


def check(dataset: Dataset, parsed: Parsed, lines: dict[int, bytes]) -> None:
    assert parsed.lines == len(lines)
    rejected = {line.line for line in parsed.rejected}
    assert len(rejected) == len(parsed.rejected), "no line is rejected twice"
    assert rejected <= lines.keys()
    holds: dict[tuple[datetime, int], set[object]] = defaultdict(set)
    for number, line in lines.items():
        if number not in rejected:
            text = line.decode("cp949", errors="replace").strip()
            stamp, stn, *_ = re.split(r"[,\s]+", text)
            # A 0 before a stamp is read over (see rows.py).
            holds[datetime.strptime(stamp.lstrip("0"), "%Y%m%d%H%M"), int(stn)] |= numbers(text)
    rows = {(row["tm_kst"], row["stn"]): row for row in parsed.rows.iter_rows(named=True)}
    assert len(rows) == parsed.rows.height, "one row for a cell"
    assert {cell for cell in holds if cell[0] not in parsed.not_produced} == rows.keys()
    for cell, row in rows.items():
        for column in dataset.stored:
            value = row[column.name]
            assert value is None or (value if isinstance(value, str) else float(value)) in holds[cell], column.name
    if parsed.pairs is not None:
        for stamp, stn, _, ww, nn in parsed.pairs.iter_rows():
            assert {None if value is None else float(value) for value in (ww, nn)} <= holds[stamp, stn] | {None}


@MANY
@given(st.data())
def test_rows_and_rejected_lines_are_the_lines_of_the_body_and_hold_its_values(
    captures: Path, data: st.DataObject
) -> None:
    dataset, head, rows = data.draw(st.sampled_from(bodies(captures)))
    block = spoilt(rows, data)
    # A first row that became a comment is one of the header's.
    assume(not block.lstrip(b"\xef\xbb\xbf \t\r\n\x0b").startswith(b"#"))
    before = data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    lines = lines_of(head, block)
    end = b"" if block.endswith(b"\n") else b"\n"
    try:
        parsed = parse(dataset, before + head + block + end + b"#7777END\n")
    except ChangedFormat:
        return
    except HubError as error:
        assert b"#7777END" in block or not lines, error  # noqa: PT017 - another end within
        return
    check(dataset, parsed, lines)


@MANY
@given(st.data())
def test_no_value_is_stored_that_its_row_does_not_hold_whatever_the_header_says(
    captures: Path, data: st.DataObject
) -> None:
    dataset, head, rows = data.draw(st.sampled_from(bodies(captures)))
    at = data.draw(st.integers(11, len(head) - 1))
    changed = head[:at] + data.draw(st.sampled_from([b"X", b" ", b"_", b",", b"", b" NEW "])) + head[at + 1 :]
    assume(changed.endswith(b"\n"))
    content = changed + b"\n".join(rows) + b"\n#7777END\n"
    try:
        parsed = parse(dataset, content)
    except HubError:
        return
    assume(parsed.rows.height)
    usual = parse(dataset, head + b"\n".join(rows) + b"\n#7777END\n")
    assert parsed.rows.equals(usual.rows)


def test_the_check_sees_a_value_under_the_wrong_row(captures: Path) -> None:
    dataset, head, rows = bodies(captures)[-1]
    lines = lines_of(head, b"\n".join(rows))
    parsed = parse(dataset, head + b"\n".join(rows[::-1]) + b"\n#7777END\n")
    check(dataset, parsed, lines)
    with pytest.raises(AssertionError):
        check(dataset, parsed, {number: line.replace(b"0", b"1") for number, line in lines.items()})
