"""Every stored cell against the simulator's truth, table by table, in both directions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

import httpx

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import HOUR, MINUTE, Window

if TYPE_CHECKING:
    import polars as pl
    import sqlalchemy as sa

_KEY = ["tm_kst", "stn"]
_PAIRS = "aws_present_weather_code"
_PAIR_KEY = [*_KEY, "k"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One table. ``rows``: of the truth; ``cells``: its rows × compared columns; ``missing``, ``extra``: rows."""

    table: str
    rows: int
    cells: int
    differing: int
    missing: int
    extra: int

    @property
    def equal(self) -> bool:
        """Whether the table is exactly the truth."""
        return not (self.differing or self.missing or self.extra)

    def __str__(self) -> str:
        return (
            f"{self.table:25} {self.rows:>9,} rows {self.cells:>11,} cells: {self.differing} differing, "
            f"{self.missing} rows missing, {self.extra} rows too many"
        )


class TruthCheck:
    """Compares a database with a simulator.

    Args:
        simulator_url: ``http://127.0.0.1:8765``.
        engine: of the observation database; read only.
    """

    def __init__(self, simulator_url: str, engine: sa.Engine) -> None:
        self._url = f"{simulator_url}/_sim/truth"
        self._engine = engine

    def compare(self, dataset: str, windows: Iterable[Window]) -> list[Comparison]:
        """Compare a dataset's table (and that of further weather codes) with the truth of windows that may overlap.

        A row outside of all windows is one too many.
        """
        hours = sorted({hour for window in windows for hour in window.split(HOUR)}, key=lambda one: one.start)
        columns = [column.name for column in DATASETS[dataset].stored]
        truth = self._truth(dataset, hours).select(*_KEY, *columns)
        found = [_compare(dataset, truth, self._table(dataset).select(*_KEY, *columns), _KEY, columns)]
        if dataset == "aws_present_weather":
            found.append(_compare(_PAIRS, self._pairs(hours), self._table(_PAIRS), _PAIR_KEY, ["ww", "nn"]))
        return found

    def _truth(self, dataset: str, hours: Iterable[Window]) -> pl.DataFrame:
        import polars as pl

        frames = [pl.read_parquet(BytesIO(self._ask(dataset, hour, format="parquet"))) for hour in hours]
        return pl.concat(frames).with_columns(pl.col("stn").cast(pl.Int64)).unique(_KEY)

    def _pairs(self, hours: Iterable[Window]) -> pl.DataFrame:
        """The second and further codes of every cell."""
        import json

        import polars as pl

        rows: set[tuple[datetime, int, int, int, int]] = set()
        for hour in hours:
            for cell in json.loads(self._ask("aws_present_weather", hour))["cells"]:
                tm = datetime.strptime(cell["tm"], "%Y%m%d%H%M")
                rows |= {(tm, cell["stn"], k, ww, nn) for k, (ww, nn) in enumerate(cell["codes"], 1) if k > 1}
        kinds: dict[str, Any] = {
            "tm_kst": pl.Datetime("ms"),
            "stn": pl.Int64,
            "k": pl.Int64,
            "ww": pl.Int64,
            "nn": pl.Int64,
        }
        return pl.DataFrame(sorted(rows), schema=kinds, orient="row")

    def _table(self, table: str) -> pl.DataFrame:
        """A whole table."""
        import polars as pl
        import sqlalchemy as sa

        with self._engine.connect() as connection:
            reflected = sa.Table(table, sa.MetaData(), autoload_with=connection)
            kinds: dict[str, Any] = {column.name: _kind(column.type) for column in reflected.columns}
            rows = [tuple(row) for row in connection.execute(sa.text(f"SELECT * FROM {table}"))]
        if rows and isinstance(rows[0][0], datetime):
            kinds["tm_kst"] = pl.Datetime("ms")
        frame = pl.DataFrame(rows, schema=kinds, orient="row")
        if frame["tm_kst"].dtype == pl.String:
            frame = frame.with_columns(pl.col("tm_kst").str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="ms"))
        return frame.with_columns(pl.col("tm_kst").dt.cast_time_unit("ms"))

    def _ask(self, dataset: str, window: Window, **more: str) -> bytes:
        """The truth of a window; the simulator, like the hub, counts both ends in."""
        ends = {"tm1": _text(window.start + MINUTE), "tm2": _text(window.end)}
        answer = httpx.get(
            self._url, params={"dataset": dataset, "stn": "0", **ends, **more}, timeout=60.0, trust_env=False
        )
        answer.raise_for_status()
        return answer.content


def _compare(table: str, truth: pl.DataFrame, stored: pl.DataFrame, key: list[str], columns: list[str]) -> Comparison:
    import polars as pl

    both = truth.join(stored, on=key, how="inner", suffix="_stored")
    differing = sum(both.select(pl.col(name).ne_missing(pl.col(f"{name}_stored")).sum()).item() for name in columns)
    return Comparison(
        table=table,
        rows=truth.height,
        cells=truth.height * len(columns),
        differing=differing,
        missing=truth.height - both.height,
        extra=stored.height - both.height,
    )


def _kind(declared: object) -> Any:
    import polars as pl
    import sqlalchemy as sa

    if isinstance(declared, sa.Integer):
        return pl.Int64
    return pl.Float64 if isinstance(declared, sa.Float) else pl.String


def _text(stamp: datetime) -> str:
    return f"{stamp:%Y%m%d%H%M}"
