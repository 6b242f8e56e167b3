"""How an error of ours ends a task: cause and next step, a line of the log each, and no traceback."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog

from kmaflow.airflow.provider.versions import AirflowFailException
from kmaflow.errors import KmaflowError, UsageError
from kmaflow.language import say_in_airflow

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

#: Key of the XCom that holds the cause, for the launcher's line of a failed run.
CAUSE = "cause"


class Stopped(AirflowFailException):
    """Not tried again: only a person, or another run, can mend it."""


@contextmanager
def task_errors(context: Context) -> Iterator[None]:
    """Within, errors of ours end the task."""
    try:
        yield
    except KmaflowError as error:
        raise ended(context, error) from None


def ended(context: Context, error: KmaflowError, *, for_good: bool = False) -> Exception:
    """The exception with which the task ends: no retry where only a person or midnight can help.

    Args:
        for_good: no retry, whatever the error.
    """
    from kmaflow.hub.errors import TerminalHubError
    from kmaflow.store.errors import StoreDenied, StoreForeign, StoreReadOnly

    cause, step = say_in_airflow(error.what_ko, error.what), say_in_airflow(error.todo_ko, error.todo_en)
    log.error("%s: %s", say_in_airflow("원인", "cause"), cause)
    if step:
        log.error("%s: %s", say_in_airflow("조치", "next step"), step)
    context["ti"].xcom_push(key=CAUSE, value=cause)
    leave_out_tracebacks()
    if for_good or isinstance(error, UsageError | TerminalHubError | StoreDenied | StoreForeign | StoreReadOnly):
        return Stopped(in_words(error))
    return error


def in_words(error: BaseException | str | None) -> str:
    """An error in the language of Airflow's pages."""
    if not isinstance(error, KmaflowError):
        return str(error or "")
    parts = say_in_airflow(error.what_ko, error.what), say_in_airflow(error.todo_ko, error.todo_en)
    return " → ".join(filter(None, parts))


def leave_out_tracebacks() -> None:
    """Airflow logs a traceback of whatever ends a task; for what the log has told in words it says nothing."""
    processors = structlog.get_config()["processors"]
    if _without_traceback not in processors:
        processors.insert(0, _without_traceback)


def _without_traceback(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if isinstance(sys.exc_info()[1], KmaflowError | Stopped):
        event.pop("exc_info", None)
    return event
