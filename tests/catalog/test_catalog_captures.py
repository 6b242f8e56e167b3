"""The catalogue agrees with the name lines, the unit lines and the rows of the hub's real answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kmaflow.catalog import DATASETS
from kmaflow.catalog.model import Dataset

# The ASOS capture has fixed widths: those of the printf pattern that regenerates all of its rows.
ASOS_WIDTHS = (
    *(
        12,
        4,
        4,
        5,
        4,
        5,
        5,
        7,
        7,
        3,
        6,
        6,
        6,
        6,
        6,
        7,
        7,
        7,
        7,
        7,
        7,
        7,
        3,
        3,
        23,
        4,
        4,
        5,
        9,
        4,
        4,
        4,
        6,
        5,
        6,
        3,
    ),
    *(6, 6, 6, 6, 6, 4, 5, 3, 3, 3),
)
MINUTE_FILES = {
    "aws_minute": "nph-aws2_min.*",
    "aws_cloud": "nph-aws2_min_cloud.*",
    "aws_visibility": "nph-aws2_min_vis.*",
}


def lines_of(file: Path) -> list[str]:
    return file.read_bytes().decode("cp949").split("\n")


def head_of(lines: list[str]) -> tuple[str, str]:
    """The name line and the line below it."""
    at = next(index for index, line in enumerate(lines) if line.startswith("# YYMMDDHHMI"))
    return lines[at], lines[at + 1]


def rows_of(lines: list[str]) -> Iterator[str]:
    return (line for line in lines if line and not line.startswith("#"))


def cells(line: str) -> list[str]:
    """The cells of a line, split at commas or blanks, without the "#" in front and the "=" at the end."""
    line = line.removeprefix("#").strip()
    parts = line.removesuffix("=").removesuffix(",").split(",") if "," in line else line.split()
    return [part.strip().strip("()") for part in parts]


def cut(line: str, widths: tuple[int, ...]) -> list[str]:
    found, start = [], 0
    for width in widths:
        found.append(line[start : start + width].strip())
        start += width
    assert start == len(line)
    return found


def agree(described: Dataset, header: list[str], units: list[str]) -> None:
    assert len(header) == len(units) == len(described.columns)
    for column, head, unit in zip(described.columns, header, units, strict=True):
        assert head in column.header_names
        assert unit == column.unit_header, column.name


@pytest.mark.parametrize("name", MINUTE_FILES)
def test_minute_columns_stand_as_the_name_line_says(captures: Path, name: str) -> None:
    files = sorted(captures.glob(MINUTE_FILES[name]))
    assert len(files) == 9
    for file in files:
        header, units = head_of(lines_of(file))
        agree(DATASETS[name], cells(header)[2:], cells(units)[2:])


def test_asos_columns_stand_as_the_two_header_lines_say(captures: Path) -> None:
    (file,) = captures.glob("kma_sfctm2.*")
    header, units = head_of(lines_of(file))
    agree(DATASETS["asos_hourly"], cut(header, ASOS_WIDTHS)[2:], cut(units, ASOS_WIDTHS)[2:])


@pytest.mark.parametrize("name", MINUTE_FILES)
def test_minute_rows_hold_the_kinds_described(captures: Path, name: str) -> None:
    rows = [cells(row)[2:] for file in captures.glob(MINUTE_FILES[name]) for row in rows_of(lines_of(file))]
    check_kinds(DATASETS[name], rows)


def test_asos_rows_hold_the_kinds_described(captures: Path) -> None:
    (file,) = captures.glob("kma_sfctm2.*")
    check_kinds(DATASETS["asos_hourly"], [row.split()[2:] for row in rows_of(lines_of(file))])


def check_kinds(described: Dataset, rows: list[list[str]]) -> None:
    assert rows
    for row in rows:
        for column, text in zip(described.columns, row, strict=True):
            match column.kind:
                case "int":
                    int(text)
                case "float":
                    assert "." in text, column.name
                    float(text)
                case "text":
                    assert text
