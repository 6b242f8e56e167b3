"""For what a log line is: the run, the dataset and the window at work, wherever below the line is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_FIELDS: ContextVar[Mapping[str, str] | None] = ContextVar("kmaflow_log_fields", default=None)


@contextmanager
def log_fields(**fields: str) -> Iterator[None]:
    """Inside of it log lines carry these fields too. A thread carries those of the context in which it runs."""
    token = _FIELDS.set({**current(), **fields})
    try:
        yield
    finally:
        _FIELDS.reset(token)


def current() -> Mapping[str, str]:
    """The fields of a line written here."""
    return _FIELDS.get() or {}
