"""The empty databases that the tests of the store use, on three engines."""

from ..store.conftest import made_databases, store

__all__ = ["made_databases", "store"]
