"""kmaflow: a complete, correct, queryable copy of Korea's surface weather observations in your own database.

>>> import kmaflow as kma
>>> kma.read("aws_minute", "2026-11-22", "2026-11-23", stations="서울", columns=["ta"])  # doctest: +SKIP
>>> kma.weather(37.5, 127.0)  # doctest: +SKIP

The everyday questions are ``read``, ``weather``, ``near``, ``latest``, ``series``, ``stations`` and ``gaps`` (:mod:`kmaflow.read.everyday`).
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kmaflow.read.everyday import gaps, latest, near, series, stations, weather

try:
    __version__ = version("kmaflow")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0+source"

__all__ = ["__version__", "gaps", "latest", "near", "series", "stations", "weather"]


def __getattr__(name: str) -> Any:
    """What is read is loaded when it is first asked for: the command line starts without it."""
    if name == "read":
        # The package itself can be called.
        return import_module("kmaflow.read")
    if name in __all__:
        return getattr(import_module("kmaflow.read.everyday"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
