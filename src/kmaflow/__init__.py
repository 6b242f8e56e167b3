"""kmaflow: a complete, correct, queryable copy of Korea's surface weather observations in your own database."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("kmaflow")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0+source"

__all__ = ["__version__"]
