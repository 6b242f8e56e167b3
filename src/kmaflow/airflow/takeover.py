"""What a dead worker left goes on in its own place: at once, and before whatever has not begun.

The scheduler learns of a worker's death by the silence of its tasks. Airflow would then let such a task wait as after any failure, and meanwhile give its
place among the DAG's active tasks to the next one in the queue, behind which it would wait for as long as that one works: hours, in a backfill. The
scheduler asks its listeners before it writes the task down for its retry, so it is told here what it should write.

Airflow evaluates no priority strategy and no policy between two tries of a task that ended without a word, so there is no quieter way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.listeners import hookimpl

from kmaflow.airflow.provider.setup import POOL

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

#: More than any task of ours weighs that did not die.
AHEAD = 1000
#: Who was silent for so long, in seconds, has waited as long as the first retry would; who dies young waits, so that no task kills one worker after another.
_SILENCE = 30.0


@hookimpl
def on_task_instance_failed(task_instance: RuntimeTaskInstance | TaskInstance) -> None:
    """Told by the scheduler of a task whose worker is gone. (A worker that lives tells of its own failures, with a task that knows of no pool.)"""
    if getattr(task_instance, "pool", None) != POOL or task_instance.state != "up_for_retry":
        return
    found: TaskInstance = task_instance  # type: ignore[assignment]
    found.priority_weight = (found.priority_weight or 0) + AHEAD
    if (found.duration or 0.0) > _SILENCE:
        found.retry_delay_override = 0.0
