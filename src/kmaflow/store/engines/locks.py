"""One writer at a time for a stretch of a table: locks by name that the database keeps, gone with the connection that held them.

A load reads what is stored, compares and writes the difference; in between nobody else may write there. So it holds one lock for
every day that its window touches. Days are taken in order, so that two loaders never wait for each other in a circle. SQLite needs none: a
transaction that writes has the whole file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256

import sqlalchemy as sa

from kmaflow.catalog.time import Window, days_of
from kmaflow.store.engines.base import engine_of


def locks_of(table: str, window: Window) -> list[str]:
    """Names of the locks for a window of a table: one for each day (00:00, 24:00] that it touches."""
    return [f"{table} {day}" for day in days_of(window)]


@contextmanager
def writing_alone(engine: sa.Engine, names: Iterable[str]) -> Iterator[sa.Connection]:
    """A transaction that writes while it holds the named locks; they are given back after its end.

    Raises:
        StoreBusy: somebody else held one of them for a minute.
    """
    with engine_of(engine).alone(engine, sorted(set(names))) as connection:
        yield connection


def number_of(name: str) -> int:
    """The name as the signed 63-bit number that PostgreSQL wants."""
    return int.from_bytes(sha256(f"kmaflow {name}".encode()).digest()[:8], "big") >> 1
