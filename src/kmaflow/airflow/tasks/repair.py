"""What the tasks of `kma_repair` do: find out which datasets have something due; ask for it, as long as the quota makes it last."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from structlog.contextvars import bound_contextvars

from kmaflow.airflow.provider.versions import AirflowSkipException
from kmaflow.airflow.tasks.ending import ended
from kmaflow.airflow.tasks.form import chosen_stations, given_time, open_for
from kmaflow.airflow.tasks.observations import SUMMARY
from kmaflow.airflow.tasks.quota_operator import UntilQuota
from kmaflow.airflow.tasks.words import collected
from kmaflow.catalog import named
from kmaflow.errors import KmaflowError
from kmaflow.language import say_in_airflow

if TYPE_CHECKING:
    from airflow.sdk import Context

    from kmaflow.collect import Collector
    from kmaflow.collect.repair import Repair

log = logging.getLogger(__name__)

#: A run of repair shall not be busy with history while young cells wait for the next one.
_HISTORY_OF_A_RUN = 100


def due(context: Context, *, names: Sequence[str]) -> list[str]:
    """The tasks that have work: those of the datasets of which something is due. Checks the form before."""
    params = context["params"]
    with open_for(context, work="repair") as collector:
        chosen = named(params["datasets"], names)
        looked = {name: _repair(collector, params, name).look(name) for name in chosen}
    found = [name for name, one in looked.items() if one.anything or one.exhausted]
    log.info("%s: %s", say_in_airflow("다시 요청할 자료", "datasets with something due"), ", ".join(found) or "-")
    return found


class RepairDataset(UntilQuota):
    """Asks for what is due of one dataset.

    Args:
        dataset: its name.
    """

    def __init__(self, *, dataset: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.dataset = dataset

    def work(self, context: Context) -> dict[str, Any]:
        """Ask.

        Raises:
            AirflowSkipException: another worker is at it, or a person must act first.
            AirflowFailException: the hub refused something; it is asked again by a later run, when its next try has come.
            KmaflowError: disk or database failed; the task is retried.
        """
        from kmaflow.airflow.provider import metrics

        name, params = self.dataset, context["params"]
        with bound_contextvars(run_id=context["run_id"], dataset=name, window="repair"):
            with open_for(context, work="repair") as collector:
                found = _repair(collector, params, name).mend(name)
                metrics.report(collector, name)
            summary = found.summary()
            log.info("%s", collected({"dataset": name, **summary}))
            if found.deferred_until is not None:
                return summary
            if found.busy or found.refused:
                why = (
                    say_in_airflow("다른 작업이 복구하고 있습니다", "another worker is repairing it")
                    if found.busy
                    else f"kmaflow doctor: {found.refused}"
                )
                raise AirflowSkipException(f"{name}: {why}")
            if found.error:
                context["ti"].xcom_push(key=SUMMARY, value=summary)
                raise ended(context, KmaflowError(found.error, ko=found.error), for_good=True)
            return summary


def _repair(collector: Collector, params: Any, name: str) -> Repair:
    from kmaflow.collect.repair import Repair

    return Repair(
        collector,
        chosen_stations(collector, params, [name]),
        begin=given_time(params, "from"),
        end=given_time(params, "to"),
        everything=bool(params["everything"]),
        most_old_calls=_HISTORY_OF_A_RUN,
    )
