"""A lake: a Hive-partitioned Parquet copy of the observations at any fsspec URL, kept up to date by what has changed, corrections included.

    dataset=aws_minute/year=2026/month=11/2026-11-22.parquet    a day of minutes: its stamps from 00:01 to 24:00
    dataset=asos_hourly/year=2026/month=11/2026-11.parquet      a month of hours
    stations.parquet                                            the stations now (GeoParquet)
    lake.json                                                   for each file the last answer that it holds, and its rows

A file appears whole or not at all; ``lake.json`` names it after it is there, so that whoever is killed writes it once more. What retention took out of the
database stays in the lake.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import polars as pl
import sqlalchemy as sa

from kmaflow.catalog.time import ANY_TIME, DAY, HOUR, Window, floor_to
from kmaflow.errors import UsageError
from kmaflow.read.export import about_of
from kmaflow.read.files import ExportError, Folder, write_parquet
from kmaflow.read.frames import Question, ask, held_in, read_at
from kmaflow.read.place import listing
from kmaflow.read.tables import Subject, subject, subjects
from kmaflow.store import Store
from kmaflow.store.engines.database import reading
from kmaflow.store.engines.partitions import add_months, month_of
from kmaflow.store.ledger import LOADED, touching
from kmaflow.store.schema.service import LEDGER
from kmaflow.store.stations import Station

MANIFEST, STATIONS = "lake.json", "stations.parquet"
_VERSION = 1
#: Outcomes of answers that may have changed rows.
_CHANGING = tuple(outcome for outcome in LOADED if outcome != "unchanged")
_SORT = ["stn", "tm_kst"]


@dataclass(frozen=True, slots=True)
class Kept:
    """One file of the lake; ``written`` False: nothing has changed. ``fewer``: so many of its rows are still in the database."""

    name: str
    path: str
    rows: int
    written: bool
    fewer: int | None = None


def file_of(what: Subject, window: Window) -> str:
    """The place of a stretch in the lake: a day of minutes, a month of hours."""
    first = window.start + what.dataset.cadence
    stem = f"{first:%Y-%m}" if what.dataset.cadence >= HOUR else f"{first:%Y-%m-%d}"
    return f"dataset={what.name}/year={first:%Y}/month={first:%m}/{stem}.parquet"


def keep(
    store: Store,
    url: str,
    names: Iterable[str] | None = None,
    *,
    window: Window | None = None,
    on_progress: Callable[[str, Window], None] | None = None,
) -> Iterator[Kept]:
    """Bring the lake to what the database holds; gives each file as it is done or found unchanged.

    Args:
        url: a folder, or any fsspec URL.
        names: datasets, and the table of further weather codes; None = all.
        window: only files that touch it, None = all; each is written whole.
        on_progress: told what is looked at.

    Raises:
        ExportError: a file cannot be written or read.
        StoreError: the database cannot be read.
    """
    folder = Folder(url)
    manifest = _read(folder)
    for name in list(subjects()) if names is None else list(names):
        what = subject(name)
        there = held_in(store, what, window or ANY_TIME)
        for part in _parts(what, there) if there is not None else ():
            if on_progress is not None:
                on_progress(name, part)
            kept = _kept(store, folder, manifest, what, part)
            if kept is not None:
                yield kept
    yield _stations(store, folder, manifest)


def _parts(what: Subject, there: Window) -> Iterator[Window]:
    """The whole days, or months of a dataset by the hour, that a stretch touches."""
    monthly = what.dataset.cadence >= HOUR
    start = month_of(there.start) if monthly else floor_to(there.start, DAY)
    while start < there.end:
        end = add_months(start, 1) if monthly else start + DAY
        yield Window(start, end)
        start = end


def _kept(
    store: Store, folder: Folder, manifest: dict[str, dict[str, Any]], what: Subject, part: Window
) -> Kept | None:
    name, mark = file_of(what, part), _mark(store, what.dataset.name, part)
    known = manifest.get(name)
    if known is not None and known["mark"] == mark:
        return Kept(what.name, folder.shown(name), known["rows"], written=False)
    question = ask(what.name, part)
    rows = _sorted(read_at(store, question, part))
    if rows.is_empty() and known is None:
        return None
    fewer = None
    if known is not None and rows.height < known["rows"]:
        fewer = rows.height
        with folder.reading(name) as path:
            there = pl.read_parquet(path, hive_partitioning=False)
        rows = _over(rows, there)
        if rows.equals(there):
            return Kept(what.name, folder.shown(name), known["rows"], written=False, fewer=fewer)
    _write(folder, name, rows, question, part)
    manifest[name] = {"mark": mark, "rows": rows.height}
    _note(folder, manifest)
    return Kept(what.name, folder.shown(name), rows.height, written=True, fewer=fewer)


def _over(rows: pl.DataFrame, there: pl.DataFrame) -> pl.DataFrame:
    """The database's rows, and those of the file that retention took out of the database."""
    gone = there.join(rows, on=_keys(rows), how="anti")
    return _sorted(pl.concat([rows, gone], how="diagonal"))


def _keys(rows: pl.DataFrame) -> list[str]:
    """Station and time, and of the table of further weather codes the number of the code."""
    return [*_SORT, *(["k"] if "k" in rows.columns else [])]


def _sorted(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.sort(_keys(rows))


def _write(folder: Folder, name: str, rows: pl.DataFrame, question: Question, part: Window) -> None:
    with folder.writing(name) as path:
        write_parquet(path, [rows], question.schema, about_of(question, part) | {"sorted_by": _SORT})


def _mark(store: Store, dataset: str, window: Window) -> str:
    """How many answers may have changed rows of the window, and the last of them: one of a lower number may be committed later."""
    table = LEDGER.c
    answers = sa.select(sa.func.count(), sa.func.max(table.id)).where(
        table.dataset == dataset, table.outcome.in_(_CHANGING), touching(window)
    )
    with reading(store.engine) as connection:
        count, last = connection.execute(answers).one()
    return f"{count}:{last or 0}"


def _read(folder: Folder) -> dict[str, dict[str, Any]]:
    if folder.size(MANIFEST) is None:
        return {}
    with folder.reading(MANIFEST) as path:
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            if told["version"] == _VERSION:
                files: dict[str, dict[str, Any]] = told["files"]
                return files
        except (ValueError, KeyError, TypeError):
            pass
    raise ExportError(
        f"{folder.shown(MANIFEST)} is none of ours",
        ko=f"{folder.shown(MANIFEST)}: kmaflow의 파일이 아닙니다",
        todo_en="choose another folder for the lake, or remove that file: everything is then written once more",
        todo_ko="다른 폴더를 고르거나 그 파일을 지우십시오. 그러면 모두 다시 씁니다",
    )


def _note(folder: Folder, manifest: dict[str, dict[str, Any]]) -> None:
    with folder.writing(MANIFEST) as path:
        path.write_text(json.dumps({"version": _VERSION, "files": manifest}, indent=0), encoding="utf-8")


def _stations(store: Store, folder: Folder, manifest: dict[str, dict[str, Any]]) -> Kept:
    """The stations as GeoParquet, where they have changed."""
    frame = geo_frame(listing(store).stations)
    mark = sha256(frame.drop("geometry").write_json().encode()).hexdigest()[:12]
    known = manifest.get(STATIONS)
    if known is None or known["mark"] != mark:
        with folder.writing(STATIONS) as path:
            frame.write_parquet(path, compression="zstd", metadata={"geo": json.dumps(_GEO)})
        manifest[STATIONS] = {"mark": mark, "rows": frame.height}
        _note(folder, manifest)
        return Kept("stations", folder.shown(STATIONS), frame.height, written=True)
    return Kept("stations", folder.shown(STATIONS), frame.height, written=False)


_GEO = {
    "version": "1.1.0",
    "primary_column": "geometry",
    "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Point"]}},
}


def geo_frame(stations: Iterable[Station]) -> pl.DataFrame:
    """Stations with ``geometry``: a point as WKB (longitude, latitude), null without a position."""
    rows = [
        (
            one.stn, one.name_ko, one.name_en, one.networks, one.lat, one.lon, one.ht, one.address,
            None if one.lat is None or one.lon is None else struct.pack("<BIdd", 1, 1, one.lon, one.lat),
        )
        for one in stations
    ]  # fmt: skip
    schema: dict[str, pl.DataType] = {
        "stn": pl.Int32(), "name_ko": pl.String(), "name_en": pl.String(), "networks": pl.String(), "lat": pl.Float64(), "lon": pl.Float64(),
        "height_m": pl.Float64(), "address": pl.String(), "geometry": pl.Binary(),
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def views_of(url: str) -> dict[str, str]:
    """For each table of the lake the SQL of DuckDB that reads it; ``stations`` among them.

    Raises:
        UsageError: there is no lake.
    """
    folder = Folder(url)
    files = _read(folder)
    if not files:
        raise UsageError(
            f"there is no lake at {folder.url}",
            ko=f"{folder.url}에 레이크가 없습니다",
            todo_en="make one: kmaflow export all --lake URL",
            todo_ko="먼저 만드십시오: kmaflow export all --lake URL",
        )
    root = url.rstrip("/").replace("'", "''")
    names = sorted({name.split("/")[0].removeprefix("dataset=") for name in files if name.startswith("dataset=")})
    hive = "hive_partitioning = true, union_by_name = true"
    found = {name: f"read_parquet('{root}/dataset={name}/*/*/*.parquet', {hive})" for name in names}
    return found | ({"stations": f"read_parquet('{root}/{STATIONS}')"} if STATIONS in files else {})
