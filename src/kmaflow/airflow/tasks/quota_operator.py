"""Tasks that outlive the day's quota: they wait for the next one in the triggerer, where they hold no worker slot, and go on by themselves."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator

from kmaflow.catalog.time import KST, parse_time
from kmaflow.language import say_in_airflow

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

#: What is added up over all sittings; of the rest the last sitting tells.
_ADDED = ("calls", "bytes", "rows", "inserted", "updated", "revised", "given_up")
#: As in :data:`kmaflow.airflow.tasks.observations.SUMMARY`: seen while the task waits, and replaced at its end.
_SUMMARY = "return_value"


class UntilQuota(BaseOperator):
    """Works until it is done; whenever the quota is spent it waits, without a worker slot, until asking is of use again.

    A subclass says in :meth:`work` what is to be done. It must be work that can be taken up again at any point.
    """

    @abstractmethod
    def work(self, context: Context) -> dict[str, Any]:
        """One sitting.

        Returns:
            A small summary for XCom. ``deferred_until`` in it (KST text ``YYYY-MM-DD HH:MM``) means that the quota left something undone: the
            same work is called again then. None or nothing ends the task.
        """

    def execute(self, context: Context) -> dict[str, Any]:
        """Called by Airflow at the beginning of every try."""
        return self._sit(context, {})

    def resume(self, context: Context, event: Any = None, so_far: Mapping[str, Any] | None = None) -> dict[str, Any]:  # noqa: ARG002
        """Called by Airflow when the time has come."""
        return self._sit(context, so_far or {})

    def _sit(self, context: Context, so_far: Mapping[str, Any]) -> dict[str, Any]:
        summary = self.work(context)
        summary |= {name: summary[name] + so_far.get(name, 0) for name in _ADDED if name in summary}
        until = summary.get("deferred_until")
        if until is not None:
            context["ti"].xcom_push(key=_SUMMARY, value=summary)
            log.info(
                say_in_airflow(
                    f"하루 한도를 다 썼습니다: {until}(한국시각)에 자동으로 재개합니다",
                    f"the day's quota is used up: resumes automatically at {until} KST",
                )
            )
            self._wait(str(until), {name: summary[name] for name in _ADDED if name in summary})
        return summary

    def _wait(self, until: str, so_far: Mapping[str, Any]) -> NoReturn:
        # Imported here: DAG files are parsed often, and few tasks ever wait.
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger

        moment = parse_time(until).replace(tzinfo=KST).astimezone(UTC)
        self.defer(trigger=DateTimeTrigger(moment=moment), method_name="resume", kwargs={"so_far": so_far})
