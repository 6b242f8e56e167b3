"""Files that appear whole or not at all, below a folder on this machine or at any fsspec URL; Parquet and CSV in bounded memory."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from kmaflow.archive.storage import driver_errors, place
from kmaflow.errors import KmaflowError
from kmaflow.read.sheets import write_xlsx

#: Under this key a Parquet file tells about itself, as JSON.
METADATA_KEY = "kmaflow"
#: By this mark Excel knows a CSV as UTF-8.
BOM = "\ufeff".encode()


class ExportError(KmaflowError):
    """A file could not be written or read again; what was there before is untouched."""

    todo_en = "check the place, its free space and rights, then run the same command again"
    todo_ko = "위치와 여유 공간, 권한을 확인하고 같은 명령을 다시 실행하십시오"


class Folder:
    """A folder at a path or fsspec URL.

    Raises (all methods):
        ExportError: it cannot be used.
    """

    def __init__(self, url: str) -> None:
        # Neither people nor the ledger need to see a password.
        self.url = re.sub(r"//[^/@]*@", "//***@", url.rstrip("/") or url)
        try:
            with driver_errors():
                self._place = place(url)
        except (ValueError, ImportError, OSError) as cause:
            raise ExportError(f"{self.url}: {cause}") from None

    def shown(self, name: str) -> str:
        """The file's path or URL, for people."""
        return f"{self.url}/{name}"

    def size(self, name: str) -> int | None:
        """Bytes of a file, None where there is none."""
        with _told(self.shown(name)):
            return self._place.size(name)

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """A local path to write to; when the block ends well, the file is in its place and on the disk, else nothing has changed."""
        with _told(self.shown(name)), self._place.writing(name) as path:
            yield path

    @contextmanager
    def reading(self, name: str) -> Iterator[Path]:
        """A local path with the file's content."""
        with _told(self.shown(name)), self._place.reading(name) as path:
            yield path

    def about(self, name: str) -> dict[str, Any] | None:
        """What a Parquet file of ours tells about itself, and its ``rows``; None for any other file."""
        with self.reading(name) as path:
            try:
                told = pl.read_parquet_metadata(path).get(METADATA_KEY)
                rows = pl.scan_parquet(path).select(pl.len()).collect().item()
            except pl.exceptions.PolarsError:
                return None
            return None if told is None else {**json.loads(told), "rows": rows}


@contextmanager
def _told(where: str) -> Iterator[None]:
    try:
        yield
    except OSError as cause:
        raise ExportError(f"{where}: {cause.strerror or cause}") from None


def write_parquet(
    path: Path, frames: Iterable[pl.DataFrame], schema: dict[str, pl.DataType], about: dict[str, Any]
) -> None:
    """A Parquet file (zstd, with statistics) of frames that follow one another; one row group for each.

    ``about`` goes into the file's own metadata as JSON under ``kmaflow``.
    """
    from polars.io.plugins import register_io_source

    failures: list[BaseException] = []

    def source(*_: object) -> Iterator[pl.DataFrame]:
        try:
            yield from frames
        except BaseException as error:
            failures.append(error)
            raise

    told = {METADATA_KEY: json.dumps(about, ensure_ascii=False)}
    try:
        register_io_source(source, schema=schema).sink_parquet(path, compression="zstd", metadata=told)
    except pl.exceptions.ComputeError:
        # Older versions of polars wrap what went wrong in the source.
        if failures:
            raise failures[0] from None
        raise


def write_csv(
    path: Path, frames: Iterable[pl.DataFrame], schema: dict[str, pl.DataType], about: dict[str, Any]
) -> None:
    """A CSV file, UTF-8, times as ``YYYY-MM-DD HH:MM:SS``, missing as nothing between the commas."""
    with path.open("wb") as file:
        for part in csv_parts(frames, schema, bom=about.get("bom", False)):
            file.write(part)


def csv_parts(frames: Iterable[pl.DataFrame], schema: Mapping[str, pl.DataType], *, bom: bool) -> Iterator[bytes]:
    """A CSV as it is made."""
    head = pl.DataFrame(schema=schema).write_csv().encode()
    yield BOM + head if bom else head
    for frame in frames:
        yield csv_of(frame)


def csv_of(rows: pl.DataFrame) -> bytes:
    """The rows as CSV without a header."""
    return rows.write_csv(include_header=False, datetime_format="%Y-%m-%d %H:%M:%S").encode()


Writer = Callable[[Path, Iterable[pl.DataFrame], dict[str, pl.DataType], dict[str, Any]], None]
WRITERS: dict[str, Writer] = {"parquet": write_parquet, "csv": write_csv, "xlsx": write_xlsx}
