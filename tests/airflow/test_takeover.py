"""A backfill's slots are all taken and more wait; a worker dies. The scheduler's own code decides who goes on in the free slot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.executors.executor_loader import ExecutorLoader
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.dag import DagModel
from airflow.models.dagbag import DBDagBag
from airflow.models.dagrun import DagRun
from airflow.models.pool import Pool
from airflow.models.taskinstance import TaskInstance
from airflow.models.taskmap import TaskMap
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import update
from sqlalchemy.orm import Session

from kmaflow.airflow.provider.setup import POOL, POOL_SLOTS
from kmaflow.airflow.tasks.observations import CHECK

PERIODS = 4
BEGUN = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def session(airflow_database: object) -> Iterator[Session]:
    with create_session() as session:
        yield session


@pytest.fixture
def run(dagbag: DagBag, session: Session) -> Iterator[DagRun]:
    """A run of `kma_backfill` with all its periods known and none begun."""
    DagBundlesManager().sync_bundles_to_db(session=session)  # type: ignore[no-untyped-call]
    session.flush()
    sync_bag_to_db(dagbag, "dags-folder", None, session=session)
    dag = DBDagBag().get_latest_version_of_dag("kma_backfill", session=session)
    assert dag is not None
    Pool.create_or_update_pool(POOL, slots=POOL_SLOTS, description="", include_deferred=False, session=session)
    run = dag.create_dagrun(
        run_id="manual__takeover",
        logical_date=None,
        run_after=BEGUN,
        conf={"from": "2026-03-01", "to": "2026-03-02"},
        run_type=DagRunType.MANUAL,
        triggered_by=DagRunTriggeredByType.TEST,
        state=DagRunState.RUNNING,
        session=session,
    )
    for task in run.get_task_instances(session=session):
        if task.task_id in {"start", "stations", CHECK}:
            task.state = TaskInstanceState.SUCCESS
    session.execute(update(DagModel).values(is_paused=False))
    session.add(TaskMap("kma_backfill", CHECK, run.run_id, -1, PERIODS, None))
    session.flush()
    yield run
    session.delete(run)


def look(run: DagRun, session: Session) -> list[TaskInstance]:
    """One round of the scheduler: what is due is scheduled, and what the slots allow is begun."""
    due, _ = run.update_state(session=session, execute_callbacks=False)
    run.schedule_tis(due, session=session)
    session.flush()
    session.expire_all()
    job = Job()  # type: ignore[no-untyped-call]
    scheduler = SchedulerJobRunner(job, executors=ExecutorLoader.init_executors())
    chosen = {task.id for task in scheduler._executable_task_instances_to_queued(max_tis=32, session=session)}
    begun = [task for task in run.get_task_instances(session=session) if task.id in chosen]
    for task in begun:
        task.state = TaskInstanceState.RUNNING
        task.start_date = datetime.now(UTC) - timedelta(minutes=2)
    session.flush()
    return begun


def die(task: TaskInstance, run: DagRun, session: Session) -> None:
    """As the scheduler writes down a task whose worker is gone."""
    session.flush()
    task.task = run.get_dag().get_task(task.task_id)
    task.handle_failure("no heartbeat", session=session)
    session.flush()


def places(tasks: list[TaskInstance]) -> set[tuple[str, int]]:
    return {(task.task_id, task.map_index) for task in tasks}


def test_a_dead_workers_tasks_keep_their_slots_before_all_that_wait(run: DagRun, session: Session) -> None:
    first = look(run, session)
    assert len(first) == 2
    assert look(run, session) == [], "all slots are taken"
    died = places(first)
    for task in first:
        die(task, run, session)
    again = look(run, session)
    assert places(again) == died
    assert {task.try_number for task in again} == {2}
    # And once more: its priority does not depend on which try it was.
    die(again[0], run, session)
    assert places(look(run, session)) == places(again[:1])


def test_who_dies_young_waits_and_who_failed_by_itself_goes_back_into_the_queue(run: DagRun, session: Session) -> None:
    young, failed = look(run, session)
    young.start_date = datetime.now(UTC)
    gone = places([young, failed])
    die(young, run, session)
    # A living worker reports its failure through the API, which asks no listener.
    failed.end_date, failed.state = datetime.now(UTC), TaskInstanceState.UP_FOR_RETRY
    session.flush()
    fresh = look(run, session)
    assert len(fresh) == 2
    assert not places(fresh) & gone


def test_the_dead_of_other_pools_are_left_to_airflow(run: DagRun, session: Session) -> None:
    task = look(run, session)[0]
    task.pool = "default_pool"
    weight = task.priority_weight
    die(task, run, session)
    assert (task.priority_weight, task.retry_delay_override) == (weight, None)
