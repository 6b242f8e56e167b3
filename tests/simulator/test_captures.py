"""The simulator's own headers and formatters give every captured line back, byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kmaflow.simulator.headers import END, asos_header, minute_header, station_header
from kmaflow.simulator.layouts import LAYOUTS, Layout, rows
from kmaflow.simulator.station_list import ListRow, listed, station_rows
from kmaflow.simulator.tables import NEGATIVE_ZERO


def _split(path: Path) -> tuple[bytes, list[bytes], bytes]:
    """Header bytes, data lines without LF, and what follows them."""
    lines = path.read_bytes().split(b"\n")
    data = [line for line in lines if line and not line.startswith(b"#")]
    first = next(number for number, line in enumerate(lines) if line in data)
    head = b"\n".join(lines[:first]) + b"\n"
    tail = b"\n".join(lines[first + len(data) :])
    return head, data, tail


def _scaled(text: str, scale: int) -> Any:
    if scale == 0:
        return text.encode()
    if float(text) == 0 and text.startswith("-"):
        return NEGATIVE_ZERO
    return round(float(text) * scale)


def _again(layout: Layout, tokens: list[list[str]], skip: int) -> bytes:
    """Formats parsed rows of one stamp with the simulator's formatter."""
    columns = {}
    for number, field in enumerate(layout.fields):
        values = [_scaled(row[skip + number], field.scale) for row in tokens]
        columns[field.name] = np.array([values], dtype="S22" if field.is_text else np.int32)
    places = [(int(row[1]), *((float(row[2]), float(row[3])) if layout.placed else (0.0, 0.0))) for row in tokens]
    return rows(layout, [tokens[0][0]], places, columns, np.ones((1, len(tokens)), dtype=np.bool_))


MINUTES = ["202410241450", "202411130348", "202412150549", "202412150609", "202412150636", "202412151725"]
MINUTES += ["202412151741", "202412151919", "202412152005"]


@pytest.mark.parametrize("minute", MINUTES)
@pytest.mark.parametrize(
    ("endpoint", "dataset", "skip"),
    [
        ("nph-aws2_min", "aws_minute", 2),
        ("nph-aws2_min_cloud", "aws_cloud", 4),
        ("nph-aws2_min_vis", "aws_visibility", 4),
    ],
)
def test_minute_answers(captures: Path, endpoint: str, dataset: str, skip: int, minute: str) -> None:
    path = captures / f"{endpoint}.disp1.help1.{minute}.txt"
    head, data, tail = _split(path)
    assert minute_header(endpoint, help_=1, disp=1, new_names=False) == head
    assert tail == END
    tokens = [[part.strip() for part in line.decode().split(",")] for line in data]
    assert _again(LAYOUTS[dataset, 1], tokens, skip) == b"\n".join(data) + b"\n"


def test_asos_answer(captures: Path) -> None:
    head, data, tail = _split(captures / "kma_sfctm2.help0.202211300900.txt")
    assert asos_header(help_=0) == head
    assert tail == END
    tokens = [line.decode().split() for line in data]
    assert _again(LAYOUTS["asos_hourly", 0], tokens, 2) == b"\n".join(data) + b"\n"


SFC = {
    "stn": (0, 5), "lon": (5, 19), "lat": (19, 33), "stn_sp": (34, 42), "ht": (42, 52), "ht_pa": (52, 62),
    "ht_ta": (62, 72), "ht_wd": (72, 82), "ht_rn": (82, 92), "stn_ad": (92, 96), "stn_ko": (97, 117),
    "stn_en": (118, 138), "fct_id": (139, 147), "law_id": (148, 158), "basin": (159, 163),
}  # fmt: skip
AWS = {
    "stn": (0, 5), "lon": (5, 19), "lat": (19, 33), "stn_sp": (34, 42), "ht": (42, 52), "ht_wd": (52, 62),
    "lau_id": (62, 67), "stn_ad": (67, 71), "stn_ko": (72, 92), "stn_en": (93, 113), "fct_id": (114, 122),
    "law_id": (123, 133), "basin": (134, 138),
}  # fmt: skip
TEXTS = ("stn_sp", "stn_ko", "stn_en", "fct_id", "law_id", "basin")


def _listed(line: bytes, cuts: dict[str, tuple[int, int]]) -> ListRow:
    values: dict[str, Any] = {name: line[a:b].decode("cp949").strip() for name, (a, b) in cuts.items()}
    for name, text in values.items():
        if name not in TEXTS:
            values[name] = int(text) if name in ("stn", "stn_ad", "lau_id") else float(text)
    return ListRow(**values)


@pytest.mark.parametrize(("network", "cuts", "count"), [("SFC", SFC, 97), ("AWS", AWS, 727)])
def test_station_lists(captures: Path, network: str, cuts: dict[str, tuple[int, int]], count: int) -> None:
    head, data, tail = _split(captures / f"stn_inf.{network}.help1.txt")
    assert station_header(network, help_=1, law_addr=False) == head
    assert tail == END
    assert len(data) == count
    again = station_rows((_listed(line, cuts) for line in data), network, law_addr=False)
    assert again == b"\n".join(data) + b"\n"
    assert station_rows(listed(network), network, law_addr=False) == again


QUOTED = [
    ("nph-aws2_min", 0, "aws2_min_disp0_help1_stn548_202302010900.txt"),
    ("nph-aws2_min_vis", 0, "aws2_min_vis_disp0_help1_stn548_202304141510.txt"),
]


@pytest.mark.parametrize(("endpoint", "disp", "name"), QUOTED)
def test_quoted_fixed_width(captures: Path, endpoint: str, disp: int, name: str) -> None:
    """Excerpts with disp=0: the row and the name line (their help texts were retyped and are shorter)."""
    _, data, _ = _split(captures.parent / "retyped" / name)
    text = (captures.parent / "retyped" / name).read_bytes()
    names = [line for line in text.split(b"\n") if line.startswith((b"# YYMMDD", b"#        KST"))]
    ours = minute_header(endpoint, help_=0, disp=disp, new_names=False).split(b"\n")
    assert [line.rstrip() for line in names] == [line.rstrip() for line in ours[1:3]]
    dataset = {"nph-aws2_min": "aws_minute", "nph-aws2_min_vis": "aws_visibility"}[endpoint]
    tokens = [line.decode().split() for line in data]
    skip = 4 if LAYOUTS[dataset, 0].placed else 2
    assert _again(LAYOUTS[dataset, 0], tokens, skip) == b"\n".join(data) + b"\n"


def test_quoted_cloud_row(captures: Path) -> None:
    """The 2026 excerpt has a leading blank, which `leading_blank` gives."""
    _, data, _ = _split(captures.parent / "retyped" / "aws2_min_cloud_disp0_help0_202609011532_excerpt.txt")
    layout = LAYOUTS["aws_cloud", 0].shifted()
    assert _again(layout, [line.decode().split() for line in data], 4) == b"\n".join(data) + b"\n"
