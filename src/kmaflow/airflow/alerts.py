"""Somebody is told when observations are missing: by a webhook, or by a function of one's own.

A task that has failed for good tells, and so does one that the day's quota has stopped, although its run is green.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.request import Request, urlopen

from kmaflow.airflow.tasks.ending import in_words
from kmaflow.airflow.tasks.words import stretch, unasked

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

#: Is told the context of the task and one sentence.
Tell: TypeAlias = Callable[["Context", str], None]


def callbacks(tell: Tell) -> dict[str, Callable[[Context], None]]:
    """For ``default_args``: callbacks of Airflow's that tell what is missing, and why."""

    def failed(context: Context) -> None:
        tell(context, _sentence(context, {}, in_words(context.get("exception"))))

    def skipped(context: Context) -> None:
        ti = context["ti"]
        summary: Any = ti.xcom_pull(task_ids=ti.task_id, key="return_value")
        if isinstance(summary, Mapping) and summary.get("deferred_until"):
            tell(context, _sentence(context, summary, unasked(summary["deferred_until"])))

    return {"on_failure_callback": failed, "on_skipped_callback": skipped}


def webhook(url: str) -> Tell:
    """Posts ``{"text": …}``, as Slack, Mattermost, Google Chat and others want it.

    Args:
        url: is a secret; no log shows it.
    """

    def tell(_: Context, sentence: str) -> None:
        body = json.dumps({"text": sentence}).encode()
        try:
            with urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=10):
                log.info("told the webhook: %s", sentence)
        except OSError as error:
            log.warning("the webhook was not told: %s", type(error).__name__)

    return tell


def _sentence(context: Context, summary: Mapping[str, Any], why: str) -> str:
    ti = context["ti"]
    return f"{' '.join(filter(None, (ti.dag_id, ti.task_id, stretch(summary))))}: {why}"
