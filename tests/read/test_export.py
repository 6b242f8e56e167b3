"""Files: whole or not at all, never less than before, and they tell what they hold."""

from __future__ import annotations

import json
import os
import sys
import types
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import fsspec
import polars as pl
import pyarrow.parquet
import pytest

from kmaflow.catalog.time import MINUTE, Window
from kmaflow.errors import UsageError
from kmaflow.read import Exported, export, read
from kmaflow.read import frames as reading_frames
from kmaflow.read.files import ExportError, Folder
from kmaflow.store import Store
from kmaflow.store.errors import StoreBusy

from ..store.bodies import at, load, minute_body

FIRST = datetime(2025, 1, 31, 23, 58)
WINDOW = Window(FIRST, FIRST + 4 * MINUTE)
JANUARY = Window(datetime(2025, 1, 1), datetime(2025, 2, 1))
BOTH = Window(datetime(2025, 1, 1), datetime(2025, 3, 1))


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path}/k.db") as store:
        cells = {(FIRST + minute * MINUTE, stn): {"ta": minute + 0.1} for minute in range(1, 5) for stn in (90, 108)}
        load(store, minute_body(cells, witness=False), at(15), window=WINDOW)
        yield store


def _rows(files: Iterable[Exported]) -> int:
    return sum(file.rows for file in files)


def _parts(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_month_is_a_file_and_holds_its_last_midnight(filled: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = list(export(filled, "aws_minute", BOTH, str(out)))
    assert [(one.path, one.rows) for one in done] == [
        (f"{out}/aws_minute/{name}.parquet", 4) for name in ("2025-01", "2025-02")
    ]
    assert [one.bytes for one in done] == [Path(one.path).stat().st_size for one in done]
    assert _parts(out) == ["aws_minute/2025-01.parquet", "aws_minute/2025-02.parquet"]
    whole = pl.read_parquet(out / "aws_minute" / "*.parquet")
    assert whole.equals(read(filled, "aws_minute", BOTH))
    days = list(export(filled, "aws_minute", WINDOW, str(out / "days"), by="day", stations=[108], columns=["ta"]))
    assert [Path(one.path).name for one in days] == ["2025-01-31.parquet", "2025-02-01.parquet"]
    assert pl.read_parquet(days[0].path)["ta"].to_list() == [1.1, 2.1]


def test_a_parquet_file_tells_what_it_holds(filled: Store, tmp_path: Path) -> None:
    (done,) = export(filled, "aws_minute", JANUARY, str(tmp_path), as_of=at(20))
    about = json.loads(pl.read_parquet_metadata(done.path)["kmaflow"])
    assert (about["dataset"], about["from"], about["to"]) == ("aws_minute", "2025-01-01 00:00", "2025-02-01 00:00")
    assert about["as_of"] == "2025-01-15 12:20:00"
    assert about["columns"]["ta"]["unit"] == "degree_Celsius"
    assert about["columns"]["ta"]["cf"] == "air_temperature"
    assert about["columns"]["ta"]["ko"] == "1분 평균 기온"
    assert "KST" in about["zone"]
    file = pyarrow.parquet.ParquetFile(done.path)
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert b"kmaflow" in file.metadata.metadata


def test_csv(filled: Store, tmp_path: Path) -> None:
    (done,) = export(filled, "aws_minute", JANUARY, str(tmp_path), format="csv", columns=["ta", "hm"])
    assert Path(done.path).read_text() == (
        "tm_kst,stn,ta,hm\n2025-01-31 23:59:00,90,1.1,\n2025-01-31 23:59:00,108,1.1,\n"
        "2025-02-01 00:00:00,90,2.1,\n2025-02-01 00:00:00,108,2.1,\n"
    )
    with pytest.raises(UsageError, match="does not say what it holds"):
        list(export(filled, "aws_minute", JANUARY, str(tmp_path), format="csv"))
    assert _rows(export(filled, "aws_minute", JANUARY, str(tmp_path), format="csv", overwrite=True)) == 4


def test_nothing_stored_makes_no_file(filled: Store, tmp_path: Path) -> None:
    (done,) = export(filled, "aws_cloud", JANUARY, str(tmp_path / "out"))
    assert (done.rows, done.bytes) == (0, 0)
    assert _parts(tmp_path / "out") == []


@pytest.mark.parametrize(
    ("window", "arguments", "words"),
    [
        (Window(FIRST, JANUARY.end), {}, "it holds .2025-01-01 00:00, 2025-02-01 00:00"),
        (JANUARY, {"stations": [90]}, "other stations"),
        (JANUARY, {"columns": ["ta"]}, "it has the columns wd1"),
        (JANUARY, {"as_of": at(15)}, "as of its making"),
    ],
)
def test_a_file_is_only_replaced_by_one_that_holds_as_much(
    filled: Store, tmp_path: Path, window: Window, arguments: dict[str, object], words: str
) -> None:
    out = str(tmp_path / "out")
    (done,) = export(filled, "aws_minute", JANUARY, out)
    before = Path(done.path).read_bytes()
    with pytest.raises(UsageError, match=words):
        list(export(filled, "aws_minute", window, out, **arguments))  # type: ignore[arg-type]
    assert Path(done.path).read_bytes() == before
    assert _rows(export(filled, "aws_minute", JANUARY, out)) == 4
    assert _rows(export(filled, "aws_minute", window, out, overwrite=True, **arguments)) in (2, 4)  # type: ignore[arg-type]


def test_a_file_with_rows_that_the_database_has_no_more_stays(filled: Store, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    list(export(filled, "aws_minute", JANUARY, out))
    with filled.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM aws_minute WHERE stn = 90")
    with pytest.raises(UsageError, match="it holds 4 rows, the database now 2"):
        list(export(filled, "aws_minute", JANUARY, out))
    with filled.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM aws_minute")
    assert _rows(export(filled, "aws_minute", JANUARY, out)) == 0
    assert _parts(tmp_path / "out") == ["aws_minute/2025-01.parquet"]
    assert pl.read_parquet(tmp_path / "out" / "aws_minute" / "2025-01.parquet").height == 4


def test_a_failure_in_the_middle_leaves_what_was_there(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    first = Window(JANUARY.start, JANUARY.start + MINUTE)
    cells = {(first.end, stn): {"ta": 0.5} for stn in (90, 108)}
    load(filled, minute_body(cells, witness=False), at(15), window=first)
    (done,) = export(filled, "aws_minute", JANUARY, str(out))
    before = Path(done.path).read_bytes()
    monkeypatch.setattr(reading_frames, "_ROWS", 60 * 760)
    seen = []

    def fail(window: Window, rows: int) -> None:
        seen.append((window, rows))
        if rows > 2:
            raise StoreBusy("in the middle")

    with pytest.raises(StoreBusy, match="in the middle"):
        list(export(filled, "aws_minute", JANUARY, str(out), on_progress=fail))
    assert len(seen) == 31 * 24
    assert Path(done.path).read_bytes() == before
    assert _parts(out) == ["aws_minute/2025-01.parquet"]


def test_what_a_killed_writer_left_goes_with_the_next_one(filled: Store, tmp_path: Path) -> None:
    folder = tmp_path / "aws_minute"
    folder.mkdir()
    dead, alive = folder / "2025-01.parquet.dead.part", folder / "2025-01.parquet.alive.part"
    for part in (dead, alive):
        part.write_text("half")
    os.utime(dead, (0, 0))
    list(export(filled, "aws_minute", JANUARY, str(tmp_path)))
    assert sorted(path.name for path in folder.iterdir()) == ["2025-01.parquet", alive.name]


def test_any_fsspec_url(filled: Store) -> None:
    fsspec.filesystem("memory").store.clear()
    url = "memory://bucket/kma"
    for _ in range(2):
        (done,) = export(filled, "aws_minute", JANUARY, url)
        assert (done.path, done.rows) == ("memory://bucket/kma/aws_minute/2025-01.parquet", 4)
        assert done.bytes > 0
    with fsspec.open(done.path) as file:
        assert pl.read_parquet(file.read()).height == 4
    assert [path for path in fsspec.filesystem("memory").store if path.endswith(".part")] == []


def test_a_store_of_files_that_fails_leaves_nothing(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = fsspec.filesystem("memory")
    memory.store.clear()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(memory), "put_file", full)
    with pytest.raises(ExportError, match="No space left"):
        list(export(filled, "aws_minute", JANUARY, "memory://bucket"))
    assert list(memory.store) == []


@pytest.mark.parametrize("step", ["put_file", "info", "get_file"])
def test_errors_of_drivers_are_errors_of_the_export(filled: Store, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    class NoCredentialsError(Exception):
        pass

    driver = types.ModuleType("botocore.exceptions")
    driver.BotoCoreError = NoCredentialsError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "botocore.exceptions", driver)
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    if step == "get_file":
        list(export(filled, "aws_minute", JANUARY, "memory://bucket"))
    kept = set(memory.store)

    def away(*_: object, **__: object) -> None:
        raise NoCredentialsError("Unable to locate credentials")

    monkeypatch.setattr(type(memory), step, away)
    with pytest.raises(ExportError, match="Unable to locate credentials"):
        list(export(filled, "aws_minute", JANUARY, "memory://bucket"))
    assert set(memory.store) == kept


def test_places_that_cannot_be_written(filled: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for url in ("nosuch://x", str(tmp_path / "file")):
        with pytest.raises(ExportError) as caught:
            list(export(filled, "aws_minute", JANUARY, url))
        assert " → " in str(caught.value)
    with pytest.raises(UsageError, match="no format"):
        list(export(filled, "aws_minute", JANUARY, str(tmp_path), format="txt"))
    other = tmp_path / "aws_minute" / "2025-01.parquet"
    other.parent.mkdir()
    other.write_text("no parquet")
    with pytest.raises(UsageError, match="does not say what it holds"):
        list(export(filled, "aws_minute", JANUARY, str(tmp_path)))


def test_no_password_is_shown() -> None:
    assert Folder("memory://user:secret@host/kma").shown("x") == "memory://***@host/kma/x"
