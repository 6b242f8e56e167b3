"""kmaflow: a complete, correct, queryable copy of Korea's surface weather observations in your own database.

>>> import kmaflow as kma
>>> kma.read("aws_minute", "2026-11-22", "2026-11-23", stations="서울", columns=["ta"])  # doctest: +SKIP
>>> kma.weather(37.5, 127.0)  # doctest: +SKIP

The everyday questions are ``read``, ``now``, ``weather``, ``near``, ``latest``, ``series``, ``stations`` and ``gaps``
(:mod:`kmaflow.read.everyday`); ``collect`` asks the hub (:mod:`kmaflow.collect.everyday`). ``help(kma.read)`` tells more.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kmaflow.collect.everyday import collect
    from kmaflow.read.everyday import gaps, latest, near, now, read, series, stations, weather

try:
    __version__ = version("kmaflow")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0+source"

__all__ = ["__version__", "collect", "gaps", "latest", "near", "now", "read", "series", "stations", "weather"]
#: Packages that can be called themselves.
_CALLED = ("collect", "read")


def __getattr__(name: str) -> Any:
    """What is read is loaded when it is first asked for: the command line starts without it."""
    if name in _CALLED:
        return import_module(f"kmaflow.{name}")
    if name in __all__:
        return getattr(import_module("kmaflow.read.everyday"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
