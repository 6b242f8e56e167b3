"""What the tasks do. The DAG builders wire them; the core does the work; XCom carries small summaries only.

An error becomes a red task: terminal ones (a wrong key, a missing 활용신청, a wrong form) at once, everything else after retries. A spent
quota is no error: the task is skipped, and the ledger says what was not asked. What a task could store before the error stays stored.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from structlog.contextvars import bound_contextvars

from kmaflow.airflow.provider.versions import AirflowSkipException
from kmaflow.airflow.tasks.ending import ended, task_errors
from kmaflow.airflow.tasks.form import as_texts, chosen_stations, from_texts, open_for, run_window
from kmaflow.airflow.tasks.words import collected, unasked
from kmaflow.catalog import named
from kmaflow.catalog.time import now_kst
from kmaflow.errors import KmaflowError
from kmaflow.language import say_in_airflow

if TYPE_CHECKING:
    from airflow.sdk import Context

    from kmaflow.catalog.time import Window

log = logging.getLogger(__name__)

CHECK = "check"
#: Key of the XCom that a dataset's task leaves, also when it fails; the launcher and the next reader find counts under it.
SUMMARY = "return_value"
#: XCom is read by the UI: of a long list of missing stretches it gets the first ones, the task's log has all.
_MISSING_SHOWN = 20


class WindowIncomplete(KmaflowError):
    """Part of the window was not answered: asked again by the task's retries."""

    todo_en = "the task asks again; if it stays red: kmaflow gaps"
    todo_ko = "태스크가 다시 요청합니다. 계속 실패하면 kmaflow gaps로 확인하십시오"


def sync_stations(context: Context, *, max_age: timedelta) -> dict[str, Any]:
    """Fetch the station lists, unless that was done within ``max_age``.

    Raises:
        AirflowSkipException: the day's quota is spent.
        AirflowFailException, KmaflowError: as :func:`collect`.
    """
    from kmaflow.hub.errors import QuotaSpent

    with open_for(context) as collector:
        try:
            sync = collector.sync_stations(max_age=max_age)
        except QuotaSpent as error:
            context["ti"].xcom_push(key=SUMMARY, value={"synced": False, "deferred_until": _time(error.until)})
            raise _not_asked("stations", error.until) from None
    summary = {name: getattr(sync, name) for name in ("synced", "added", "changed", "closed", "total", "held")}
    log.info(
        say_in_airflow(
            f"지점 {sync.held:,}곳: 추가 {sync.added}, 변경 {sync.changed}, 폐지 {sync.closed}"
            if sync.synced
            else f"지점 목록을 최근에 받았습니다({sync.held:,}곳)",
            f"{sync.held:,} stations: {sync.added} added, {sync.changed} changed, {sync.closed} closed"
            if sync.synced
            else f"the station lists were fetched recently ({sync.held:,} stations)",
        )
    )
    return summary


def check(context: Context, *, names: Sequence[str]) -> dict[str, Any]:
    """Check the form before anything is collected, and fix the run's window.

    Returns what the dataset tasks read: ``from``, ``to`` (KST texts), ``stations`` (the choice as written), ``chosen`` (the choice in words),
    ``datasets``.
    """
    params = context["params"]
    with task_errors(context):
        window = _window(context)
        chosen = named(params["datasets"], names)
    with open_for(context, needs_hub=False) as collector:
        choice = chosen_stations(collector, params, names)
    plan = {
        **as_texts(window),
        "stations": str(params["stations"]).strip(),
        "chosen": choice.describe(),
        "datasets": chosen,
    }
    log.info(
        "%s %s, %s %s, %s %s",
        say_in_airflow("구간", "window"),
        window,
        say_in_airflow("지점", "stations"),
        plan["chosen"],
        say_in_airflow("자료", "datasets"),
        ", ".join(chosen),
    )
    return plan


def collect(context: Context, *, dataset: str) -> dict[str, Any]:
    """Collect one dataset for the run's window.

    Raises:
        AirflowSkipException: the dataset was not chosen, or the day's quota left part of the window unasked: the run is not held up, and
            the ledger says what is to be asked later.
        AirflowFailException: an error that retries cannot mend.
        KmaflowError: any other error, or part of the window unanswered; the task is retried.
    """
    plan: Mapping[str, Any] = context["ti"].xcom_pull(task_ids=CHECK)
    if dataset not in plan["datasets"]:
        raise AirflowSkipException(f"{dataset}: " + say_in_airflow("선택하지 않은 자료입니다", "not chosen"))
    window = from_texts(plan)
    with bound_contextvars(run_id=context["run_id"], dataset=dataset, window=str(window)):
        return _collect(context, dataset, window, plan)


def _collect(context: Context, dataset: str, window: Window, plan: Mapping[str, Any]) -> dict[str, Any]:
    """As :func:`collect`, with a log whose lines say for what they are."""
    from kmaflow.airflow.provider import metrics

    with open_for(context) as collector:
        result = collector.collect(dataset, window, chosen_stations(collector, plan, [dataset]))
        metrics.report(collector, dataset)
    summary = dict(result.summary())
    summary["missing"] = list(result.missing)[:_MISSING_SHOWN]
    log.info("%s", collected(summary))
    if result.complete:
        return summary
    context["ti"].xcom_push(key=SUMMARY, value=summary)
    for missing in result.missing:
        log.warning("%s: %s", dataset, missing)
    if result.deferred_until is not None:
        raise _not_asked(dataset, result.deferred_until)
    raise ended(
        context,
        result.error
        or WindowIncomplete(
            f"{dataset} {window}: {len(result.missing)} part(s) missing, {result.rejected} line(s) rejected",
            ko=f"{dataset} {window}: 누락 {len(result.missing)}건, 해석 불가 {result.rejected}줄",
        ),
    ) from None


def _window(context: Context) -> Any:
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    run_after = context["dag_run"].run_after
    return run_window(
        context["params"],
        interval=(start, end) if start is not None and end is not None else None,
        by_hand=context["dag_run"].run_type == "manual",
        run_after=run_after,
        timetable=context["dag"].timetable,  # type: ignore[arg-type]
        now=now_kst(),
    )


def _not_asked(what: str, until: datetime | None) -> AirflowSkipException:
    """How a live task ends that the quota stopped: neither red nor tried again, so that the next run starts on time."""
    sentence = f"{what}: {unasked(_time(until))}"
    log.warning("%s", sentence)
    return AirflowSkipException(sentence)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M}"
