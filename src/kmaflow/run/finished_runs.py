"""One line per finished run: which DAG, which window, how it ended, how many rows, how long after the window's end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kmaflow.catalog import DAGS
from kmaflow.catalog.time import parse_time, to_kst
from kmaflow.language import say, say_in_airflow
from kmaflow.run.api import FINISHED, AirflowApi


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that has ended. Times are naive KST.

    ``window`` is None for DAGs that collect none, and where `check` failed; ``unasked`` are the datasets that the day's
    quota stopped; ``causes`` say why a failed task has failed, where it left that.
    """

    dag_id: str
    run_id: str
    state: str
    end: datetime
    window: tuple[datetime, datetime] | None
    rows: int | None
    failed: tuple[str, ...]
    unasked: tuple[str, ...] = ()
    causes: Mapping[str, str] = field(default_factory=dict)
    scheduled: bool = True

    @property
    def lag(self) -> timedelta | None:
        """From the window's end until everything was stored; None for a run by hand, whose window may lie anywhere."""
        return self.end - self.window[1] if self.window and self.scheduled else None

    @property
    def note(self) -> str:
        """What the run's note in Airflow says."""
        found = [] if self.rows is None else [f"{self.rows:,}" + say_in_airflow("행", " rows")]
        if self.lag is not None:
            found.append(say_in_airflow("지연 ", "lag ") + _short(self.lag))
        return ", ".join(found)

    def __str__(self) -> str:
        parts = [f"{self.end:%m-%d %H:%M:%S}", f"{self.dag_id:12}", f"{self.state:7}"]
        if self.window is not None:
            parts.append(f"({self.window[0]:%m-%d %H:%M}, {self.window[1]:%m-%d %H:%M}]")
        if self.rows is not None:
            parts.append(f"{self.rows:>7,}" + say("행", " rows"))
        if self.lag is not None:
            parts.append(say("지연 ", "lag ") + _short(self.lag))
        if self.unasked:
            parts.append(say("한도: ", "quota: ") + ", ".join(self.unasked))
        if self.failed:
            reasons = (f"{name} ({self.causes[name]})" if name in self.causes else name for name in self.failed)
            parts.append(say("실패: ", "failed: ") + ", ".join(reasons))
        return "  ".join(parts)


class RunWatch:
    """Tells each finished run once.

    Args:
        since: aware; runs that ended before are not told.
    """

    def __init__(self, api: AirflowApi, since: datetime) -> None:
        self._api = api
        self._since = since
        self._told: set[tuple[str, str, str]] = set()

    def new(self) -> Iterator[FinishedRun]:
        """Runs that ended since the last call, oldest first. A cleared run that ends again is told again."""
        for run in self._api.runs(end_date_gte=self._since.isoformat(), state=list(FINISHED)):
            mark = (run["dag_id"], run["dag_run_id"], run["end_date"])
            if mark in self._told:
                continue
            done = finished_run(self._api, run)
            if done.note and not run.get("note"):  # a person's stays
                self._api.note(done.dag_id, done.run_id, done.note)
            self._told.add(mark)
            yield done


def finished_run(api: AirflowApi, run: dict[str, str]) -> FinishedRun:
    """A run of the REST API with what its tasks left behind."""
    dag_id, run_id = run["dag_id"], run["dag_run_id"]
    names = DAGS.get(dag_id, ())
    plan = api.xcom(dag_id, run_id, "check") if names else None
    summaries = [summary for name in names if (summary := api.xcom(dag_id, run_id, name))]
    failed = []
    if run["state"] != "success":
        failed = [str(one["task_id"]) for one in api.tasks(dag_id, run_id) if one["state"] == "failed"]
    return FinishedRun(
        dag_id=dag_id,
        run_id=run_id,
        state=run["state"],
        end=to_kst(datetime.fromisoformat(run["end_date"])),
        window=(parse_time(plan["from"]), parse_time(plan["to"])) if plan else None,
        rows=sum(int(summary["rows"]) for summary in summaries) if names else None,
        failed=tuple(failed),
        causes={name: cause for name in failed if (cause := api.left(dag_id, run_id, name, "cause"))},
        scheduled=run.get("run_type") != "manual",
        unasked=tuple(str(summary["dataset"]) for summary in summaries if summary.get("deferred_until")),
    )


def _short(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    hours, rest = divmod(seconds, 3600)
    return f"{hours}h{rest // 60:02}m" if hours else f"{rest // 60}m{rest % 60:02}s"
