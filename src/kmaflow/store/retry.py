"""A transaction that met another one, or lost its connection, is run again as a whole: it has left nothing behind."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, before_sleep_log, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from kmaflow.store.errors import StoreConflict

T = TypeVar("T")
log = logging.getLogger(__name__)

#: A server that restarts is back within this many tries (about a minute).
TRIES = 9


def again(work: Callable[[], T]) -> T:
    """Run ``work``, which is one whole transaction, until no other transaction and no lost connection ends it.

    Raises:
        StoreConflict, StoreLost: it happened too often.
    """
    attempts = Retrying(
        retry=retry_if_exception_type(StoreConflict),
        stop=stop_after_attempt(TRIES),
        wait=wait_random_exponential(multiplier=0.1, max=15),
        before_sleep=before_sleep_log(log, logging.INFO),
        reraise=True,
    )
    return attempts(work)
