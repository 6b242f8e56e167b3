"""The byte fields of the station lists cover the captured rows and stand under the names of the header."""

from __future__ import annotations

from pathlib import Path

import pytest

from kmaflow.catalog import STATION_LISTS
from kmaflow.catalog.model import ByteField, StationList

FIELDS = {
    "SFC": "stn lon lat stn_sp ht ht_pa ht_ta ht_wd ht_rn stn_ad stn_ko stn_en fct_id law_id basin",
    "AWS": "stn lon lat stn_sp ht ht_wd lau_id stn_ad stn_ko stn_en fct_id law_id basin",
}
ROWS = {"SFC": 97, "AWS": 727}
WIDTH = {"SFC": 163, "AWS": 138}
ADDRESS = "서울특별시 종로구 송월동"

LISTS = pytest.mark.parametrize("network", FIELDS)


def cut(row: bytes, field: ByteField) -> str:
    """The text of a field, by its 1-based bytes, both included."""
    return row[field.start - 1 : field.end].decode("cp949").strip()


def bytes_of(captures: Path, network: str) -> tuple[bytes, list[bytes]]:
    """The name line and the rows of a captured list."""
    lines = (captures / f"stn_inf.{network}.help1.txt").read_bytes().split(b"\n")
    (header,) = (line for line in lines if line.startswith(b"# STN    "))
    return header, [line for line in lines if line and not line.startswith(b"#")]


@LISTS
def test_fields_are_those_of_the_specification(network: str) -> None:
    described = STATION_LISTS[network]
    assert described.network == network
    assert described.endpoint == "url/stn_inf.php"
    assert described.parameters["inf"] == network
    assert [field.name for field in described.fields] == FIELDS[network].split()
    assert len(described.notes_en) == len(described.notes_ko) > 0


@LISTS
def test_fields_are_fully_described_and_do_not_overlap(network: str) -> None:
    described = STATION_LISTS[network]
    last = 0
    for field in (*described.fields, *described.since_2026):
        assert all((field.ko, field.en, field.unit, field.source, field.header))
        assert field.start > last
        last = field.end or field.start
        assert (field.missing_at_most == -90.0) == field.name.startswith("ht")
    assert described.fields[-1].end == WIDTH[network]


@LISTS
def test_fields_cover_every_captured_row(captures: Path, network: str) -> None:
    described = STATION_LISTS[network]
    _, rows = bytes_of(captures, network)
    assert len(rows) == ROWS[network]
    for row in rows:
        assert len(row) == WIDTH[network]
        covered = {at for field in described.fields for at in range(field.start - 1, field.end or len(row))}
        assert {row[at : at + 1] for at in range(len(row)) if at not in covered} == {b" "}
        check_row(described, row)


def check_row(described: StationList, row: bytes) -> None:
    for field in described.fields:
        text = cut(row, field)
        assert text, field.name
        if text in field.missing:
            continue
        match field.kind:
            case "int":
                int(text)
            case "float":
                value = float(text)
                assert field.missing_at_most is None or value > field.missing_at_most
            case "text":
                assert text not in ("----", "*")


@LISTS
def test_fields_stand_under_their_names(captures: Path, network: str) -> None:
    header, _ = bytes_of(captures, network)
    described = STATION_LISTS[network]
    tokens = header.removeprefix(b"#").split()
    assert [field.header for field in described.fields] == [token.decode() for token in tokens]
    for field in described.fields:
        assert field.header is not None
        # Texts begin and numbers end with their name; a name may begin one byte before its field.
        assert field.header in header[max(field.start - 2, 0) : field.end].decode().split(), field.name


@pytest.mark.parametrize(
    ("network", "stn", "name", "expected"),
    [
        ("SFC", "90", "stn_ko", "속초"),
        ("SFC", "90", "ht_pa", "18.73"),
        ("SFC", "133", "ht_wd", "23.70"),
        ("AWS", "128", "stn_ko", "청주(공) *"),
        ("AWS", "119", "stn_sp", "X1211111"),
        ("AWS", "996", "law_id", "4725040029"),
    ],
)
def test_known_cells(captures: Path, network: str, stn: str, name: str, expected: str) -> None:
    fields = {field.name: field for field in STATION_LISTS[network].fields}
    _, rows = bytes_of(captures, network)
    (row,) = (row for row in rows if cut(row, fields["stn"]) == stn)
    assert cut(row, fields[name]) == expected


def test_names_with_blanks_stay_whole(captures: Path) -> None:
    for network, count in (("SFC", 2), ("AWS", 20)):
        fields = {field.name: field for field in STATION_LISTS[network].fields}
        _, rows = bytes_of(captures, network)
        assert sum(" " in cut(row, fields["stn_ko"]) or " " in cut(row, fields["stn_en"]) for row in rows) == count


@LISTS
def test_the_address_follows_one_blank_after_the_rest(captures: Path, network: str) -> None:
    described = STATION_LISTS[network]
    (address,) = described.since_2026
    _, rows = bytes_of(captures, network)
    longer = rows[0] + b" " + ADDRESS.encode("cp949")
    assert cut(longer, address) == ADDRESS
    assert cut(rows[0], address) == ""
