"""Frames as pandas, xarray and Arrow have them; missing stays missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from kmaflow.errors import UsageError, not_installed
from kmaflow.read.place import Listing
from kmaflow.read.tables import Meaning
from kmaflow.read.units import System, unit_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import xarray as xr


def to_pandas(frame: pl.DataFrame) -> pd.DataFrame:
    """As pandas, with ``tm_kst`` (and ``stn``) as the index where they are columns. Whole numbers with gaps become ``Int64``, so that a missing one
    stays ``<NA>``.

    Raises:
        UsageError: pandas is not installed.
    """
    try:
        made = frame.to_pandas()
    except ImportError:
        raise not_installed("pandas", "pandas") from None
    for name, kind in frame.schema.items():
        if kind.is_integer():
            made[name] = frame[name].to_pandas(use_pyarrow_extension_array=False).astype("Int64")
    keys = [name for name in ("tm_kst", "stn") if name in frame.columns]
    return made.set_index(keys) if keys else made


def to_arrow(frame: pl.DataFrame) -> pa.Table:
    """As an Arrow table.

    Raises:
        UsageError: pyarrow is not installed.
    """
    try:
        return frame.to_arrow()
    except ImportError:
        raise not_installed("pyarrow", "pandas") from None


def to_xarray(
    frame: pl.DataFrame, columns: Mapping[str, Meaning], *, units: System = "kma", known: Listing | None = None
) -> xr.Dataset:
    """As xarray: dimensions ``time`` and ``station``, attributes by the CF conventions, NaN where a value is missing.

    ``time`` is UTC (``tm_kst`` less nine hours), since CF has no naive local time. With ``known``, names and positions of the stations are coordinates.

    Args:
        frame: ``tm_kst``, ``stn`` and columns of numbers or times.
        columns: their meanings.
        units: the system that the frame is in.

    Raises:
        UsageError: xarray is not installed, or a column is no number.
    """
    try:
        import numpy as np
        import xarray as xr
    except ImportError:
        raise not_installed("xarray", "xarray") from None
    values = [name for name in columns if name in frame.columns and name not in ("tm_kst", "tm_utc", "day", "stn")]
    if wordy := [name for name in values if not (frame.schema[name].is_numeric() or frame.schema[name].is_temporal())]:
        raise UsageError(
            f"{', '.join(wordy)}: no numbers",
            ko=f"{', '.join(wordy)}: 숫자가 아닙니다",
            todo_en="leave them out, or ask for units kma or si",
            todo_ko="빼거나 단위를 kma나 si로 요청하십시오",
        )
    times = frame["tm_kst"].unique().sort()
    stations = frame["stn"].unique().sort()
    whole = pl.DataFrame({"tm_kst": times}).join(pl.DataFrame({"stn": stations}), how="cross")
    whole = whole.join(frame, on=["tm_kst", "stn"], how="left", maintain_order="left")
    shape = (len(times), len(stations))
    data: dict[str, Any] = {}
    for name in values:
        meaning = columns[name]
        about = {"units": unit_of(meaning.unit, units).sign, "long_name": meaning.en, "long_name_ko": meaning.ko}
        if meaning.cf:
            about["standard_name"] = meaning.cf
        if frame.schema[name].is_temporal():
            cells, about = whole[name].dt.cast_time_unit("ns").to_numpy(), {"long_name": f"{meaning.en}, KST"}
        else:
            cells = whole[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        data[name] = (("time", "station"), cells.reshape(shape), about)
    utc = times.dt.offset_by("-9h").dt.cast_time_unit("ns").to_numpy()
    coordinates: dict[str, Any] = {
        "time": ("time", utc, {"standard_name": "time", "long_name": "end of the period observed, UTC"}),
        "station": ("station", stations.to_numpy(), {"long_name": "station number", "cf_role": "timeseries_id"}),
    }
    if known is not None:
        listed = [known.by_number.get(stn) for stn in stations]
        for name, of, about in (
            ("lat", "lat", {"standard_name": "latitude", "units": "degrees_north"}),
            ("lon", "lon", {"standard_name": "longitude", "units": "degrees_east"}),
            ("height", "ht", {"standard_name": "altitude", "units": "m"}),
        ):
            told = [None if one is None else getattr(one, of) for one in listed]
            coordinates[name] = ("station", np.array([np.nan if one is None else one for one in told]), about)
        coordinates["name"] = ("station", np.array([(one and one.name_ko) or "" for one in listed], dtype=object), {})
    about = {"Conventions": "CF-1.11", "featureType": "timeSeries", "source": "KMA API Hub, kept by kmaflow"}
    return xr.Dataset(data, coords=coordinates, attrs=about)
