"""What the task of `kma_lake` does: bring the lake to what the database holds."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from kmaflow.airflow.tasks.ending import task_errors
from kmaflow.language import say_in_airflow

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)


def keep(context: Context) -> dict[str, Any]:
    """Write what has changed into ``KMAFLOW_LAKE_URL``.

    Returns:
        ``files`` (all that were looked at), ``written``, ``rows`` (written), ``fewer`` (files that stay because the database holds fewer rows).

    Raises:
        KmaflowError: the lake cannot be written, or the database not be read; the task is retried.
    """
    from kmaflow.airflow.provider.connections import store_url
    from kmaflow.read.lake import keep as keep_lake
    from kmaflow.settings import load_settings
    from kmaflow.store import Store

    settings = load_settings()
    with task_errors(context), Store(store_url(context["params"]["conn_id"], settings)) as store:
        kept = list(keep_lake(store, settings.lake_url))
    for one in kept:
        if one.fewer is not None:
            log.warning("%s keeps its %d rows; the database holds %d of them", one.path, one.rows, one.fewer)
    summary = {
        "files": len(kept),
        "written": sum(one.written for one in kept),
        "rows": sum(one.rows for one in kept if one.written),
        "fewer": sum(one.fewer is not None for one in kept),
    }
    log.info(
        say_in_airflow(
            f"레이크: 파일 {summary['written']:,}개, {summary['rows']:,}행 저장",
            f"lake: {summary['written']:,} files with {summary['rows']:,} rows written",
        )
    )
    return summary
