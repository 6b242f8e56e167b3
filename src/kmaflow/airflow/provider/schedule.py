"""From the settings START and CATCHUP to a DAG's start date and catchup."""

from __future__ import annotations

from datetime import datetime

from kmaflow.catalog.time import KST
from kmaflow.errors import UsageError
from kmaflow.settings import Settings

#: Without catchup a start date decides nothing but how far back Backfill and cleared runs may lie; KMA keeps minutes for about two years.
_LONG_AGO = datetime(2020, 1, 1, tzinfo=KST)


def start_date(settings: Settings) -> datetime:
    """The DAG's start date, aware (KST)."""
    return _LONG_AGO if settings.start is None else settings.start.replace(tzinfo=KST)


def catchup(settings: Settings) -> bool:
    """Whether the scheduler makes every run since START.

    Raises:
        UsageError: CATCHUP without START: nobody has said since when.
    """
    if settings.catchup and settings.start is None:
        raise UsageError(
            "KMAFLOW_CATCHUP is on, but KMAFLOW_START is not set",
            ko="KMAFLOW_CATCHUP이 켜져 있으나 KMAFLOW_START가 없습니다",
            todo_en="set KMAFLOW_START to the first stamp to keep complete (KST)",
            todo_ko="KMAFLOW_START에 빠짐없이 보관할 첫 시각(한국시각)을 정하십시오",
        )
    return settings.catchup
