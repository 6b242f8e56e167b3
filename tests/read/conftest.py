"""The empty databases that the tests of the store use, and one with the simulator's weather in it, on three engines."""

from ..store.conftest import made_databases, store
from .filled import filled

__all__ = ["filled", "made_databases", "store"]
