"""The frame that ``kma.read`` gives: a polars frame that knows what its columns mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from kmaflow.errors import not_installed
from kmaflow.read.place import listing
from kmaflow.read.shapes import to_xarray
from kmaflow.read.tables import Subject
from kmaflow.store import Store

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


class Observations(pl.DataFrame):
    """A polars frame, with ``.to_xarray()`` beside ``.to_pandas()``. What polars makes of it is a plain frame.

    >>> frame = kma.read("v_hourly", "2026-11-22", "2026-11-23", stations="서울, 부산", columns="ta_mean")  # doctest: +SKIP
    >>> frame.pivot("stn", index="tm_kst").to_pandas().set_index("tm_kst").plot()  # doctest: +SKIP
    """

    def __init__(self, frame: pl.DataFrame, what: Subject, database: str) -> None:
        super().__init__(frame)
        self._what, self._database = what, database

    def to_pandas(self, **options: Any) -> pd.DataFrame:
        """As polars does it, ``tm_kst`` and ``stn`` as columns.

        Raises:
            UsageError: pandas or pyarrow is not installed.
        """
        try:
            return super().to_pandas(**options)
        except ImportError:
            raise not_installed("pandas", "pandas") from None

    def to_xarray(self) -> xr.Dataset:
        """As xarray with dimensions ``time`` (UTC) and ``station``, attributes by the CF conventions, names and positions as coordinates.

        Raises:
            UsageError: xarray is not installed, or a column is text.
        """
        with Store(self._database) as store:
            known = listing(store)
        return to_xarray(self, self._what.columns, known=known)
