"""Observations for users: frames, now or as they were known at an earlier moment, values at a place, series by period, and files.

>>> from kmaflow.read import Place, at_place, read
>>> frame = read(store, "aws_minute", Window(start, end), stations=[108], columns=["ta", "hm"])  # doctest: +SKIP
>>> at_place(store, Place(37.5, 127.0), ["temperature", "rain", "wind"])  # doctest: +SKIP
"""

from kmaflow.callable_package import make_callable
from kmaflow.read.export import Exported, export
from kmaflow.read.frames import count, iter_frames, read
from kmaflow.read.inventory import element_inventory, inventory
from kmaflow.read.latest import Value, at_place, latest, near
from kmaflow.read.place import Listing, Neighbour, Place, listing, stations
from kmaflow.read.series import Series, series
from kmaflow.read.shapes import to_arrow, to_pandas, to_xarray
from kmaflow.read.tables import Meaning, Subject, subject, subjects
from kmaflow.read.views import readable, views

__all__ = [
    "Exported", "Listing", "Meaning", "Neighbour", "Place", "Series", "Subject", "Value", "at_place", "count", "element_inventory", "export",
    "inventory", "iter_frames", "latest", "listing", "near", "read", "readable", "series", "stations", "subject", "subjects", "to_arrow",
    "to_pandas", "to_xarray", "views",
]  # fmt: skip

make_callable(__name__)
