"""Plan and run: what brings the hub's answers into the database."""

from kmaflow.callable_package import make_callable
from kmaflow.collect.collector import Collector, StationSync
from kmaflow.collect.result import DatasetResult
from kmaflow.store.selection import ALL, StationChoice, UnknownStations

__all__ = ["ALL", "Collector", "DatasetResult", "StationChoice", "StationSync", "UnknownStations"]

make_callable(__name__)
