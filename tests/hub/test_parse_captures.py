"""The parser on real answers, against an independent reading of the same bytes."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from kmaflow.catalog.model import Dataset
from kmaflow.hub import rows as fast
from kmaflow.hub.errors import Truncated
from kmaflow.hub.parse import parse

from .answers import ASOS, BY_ENDPOINT, CLOUD, MINUTE, VISIBILITY, rows_of

COUNTS = {MINUTE.name: 10_773, CLOUD.name: 1_421, VISIBILITY.name: 4_091, ASOS.name: 193}


def files(folder: Path) -> list[tuple[Dataset, bytes]]:
    found = [
        (BY_ENDPOINT[path.name.split(".")[0]], path.read_bytes())
        for path in sorted(folder.glob("*.txt"))
        if not path.name.startswith("stn_inf")
    ]
    assert len(found) >= 28
    return found


def by_hand(dataset: Dataset, line: bytes) -> dict[str, object]:
    """A row read with nothing but split, float and the words of the hub's own header."""
    tokens = [token.strip() for token in line.decode().split(",")][:-1] if b"," in line else line.decode().split()
    row: dict[str, object] = {"tm_kst": datetime.strptime(tokens[0], "%Y%m%d%H%M"), "stn": int(tokens[1])}
    cold = {"ta", "td", "ts", "te_005", "te_01", "te_02", "te_03"}
    for token, column in zip(tokens[2:], dataset.columns, strict=True):
        if column.name in {"lon", "lat"}:
            continue
        if column.kind == "text":
            row[column.name] = None if token == "-" else token
            continue
        number = float(token)
        if dataset is ASOS:
            missing = number == (-99.0 if column.name in cold else -9.0)
        else:
            missing = number <= -50
        row[column.name] = None if missing else abs(number) if number == 0 else number
    return row


def test_every_captured_cell_is_read_as_by_hand(captures: Path) -> None:
    for dataset, content in files(captures):
        found = parse(dataset, content)
        expected = [by_hand(dataset, line) for line in rows_of(content)]
        assert found.rejected == ()
        assert found.not_produced == ()
        assert found.notes == ()
        assert found.rows.drop("blank").rows(named=True) == expected


def test_no_captured_sentinel_becomes_a_number_and_no_zero_is_negative(captures: Path) -> None:
    for dataset, content in files(captures):
        numbers = parse(dataset, content).rows.select(pl.col(pl.Float64, pl.Int64))
        for column in numbers:
            assert all(value > -50 for value in column.drop_nulls())
            assert all(math.copysign(1.0, value) > 0 for value in column.drop_nulls() if value == 0)


def test_captured_temperatures_of_nine_below_zero_are_there(captures: Path) -> None:
    for name in ("ta", "td"):
        expected, stored = Counter[float](), Counter[float]()
        for dataset, content in files(captures):
            if dataset is MINUTE:
                place = 2 + [column.name for column in MINUTE.columns].index(name)
                values = [float(line.split(b",")[place]) for line in rows_of(content)]
                expected.update(value for value in values if -10 < value <= -9)
                stored.update(
                    value for value in parse(dataset, content).rows[name] if value is not None and -10 < value <= -9
                )
        assert stored == expected
        assert stored.total() > 0


def test_stations_that_no_list_names_are_there(captures: Path) -> None:
    seen = {
        stn for dataset, content in files(captures) if dataset is MINUTE for stn in parse(dataset, content).rows["stn"]
    }
    assert {693, 884} <= seen


def test_the_careful_way_reads_the_captures_alike(captures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = [parse(dataset, content).rows for dataset, content in files(captures)]
    monkeypatch.setattr(fast, "_usual_rows", lambda *_: None)
    for (dataset, content), rows in zip(files(captures), quick, strict=True):
        assert parse(dataset, content).rows.equals(rows)


def test_a_captured_answer_that_is_cut_gives_nothing(captures: Path) -> None:
    for dataset, content in files(captures):
        for size in (len(content) - 2, len(content) // 2, 12):
            with pytest.raises(Truncated):
                parse(dataset, content[:size])


@pytest.mark.parametrize(
    ("name", "dataset", "height"),
    [
        ("aws2_min_disp0_help0_202609011532_excerpt.txt", MINUTE, 4),
        ("aws2_min_disp0_help1_stn548_202302010900.txt", MINUTE, 1),
        ("aws2_min_cloud_disp0_help0_202609011532_excerpt.txt", CLOUD, 2),
        ("aws2_min_vis_disp0_help0_202609011532_excerpt.txt", VISIBILITY, 2),
        ("aws2_min_vis_disp0_help1_stn548_202304141510.txt", VISIBILITY, 1),
        ("aws2_min_disp1_help1_202608211810_excerpt.txt", MINUTE, 3),
        ("kma_sfctm2_help0_rows_202608031500_202511130800_excerpt.txt", ASOS, 3),
        ("kma_sfctm2_help0_stn156_202608181500_notm-latest.txt", ASOS, 1),
    ],
)
def test_the_retyped_answers_are_read(retyped: Path, name: str, dataset: Dataset, height: int) -> None:
    content = (retyped / name).read_bytes()
    found = parse(dataset, content)
    assert found.rejected == ()
    assert found.rows.height == height == len(rows_of(content))


def test_the_cold_station_of_the_retyped_minute_stays_cold(retyped: Path) -> None:
    found = parse(MINUTE, (retyped / "aws2_min_disp0_help0_202609011532_excerpt.txt").read_bytes())
    row = found.rows.filter(pl.col("stn") == 921).row(0, named=True)
    assert (row["ta"], row["td"], row["re"]) == (-9.5, -15.2, 0.0)
