"""The DAG `kma_stations`: both station lists, once a day, with their history."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from kmaflow.airflow.builders import docs
from kmaflow.airflow.builders.dag import kma_dag
from kmaflow.airflow.builders.form import connection_form
from kmaflow.airflow.provider.timetable import WindowTimetable
from kmaflow.language import say_in_airflow

#: Half a day: this DAG is what keeps the lists young, so it must not be stopped by its own run of the day before.
_MAX_AGE = timedelta(hours=12)


def stations_dag() -> DAG:
    """start → stations → end, at 03:00 KST. Never catches up: a list tells what is, not what was."""
    with kma_dag(
        "kma_stations",
        title=say_in_airflow("기상청 지점 정보", "KMA stations"),
        description=say_in_airflow("AWS와 ASOS 지점 목록", "AWS and ASOS station lists"),
        page=docs.STATIONS_DAG,
        schedule=WindowTimetable(timedelta(days=1), timedelta(hours=3)),
        params=connection_form(),
        tags=["stations", "지점"],
        station_list_age=_MAX_AGE,
    ) as frame:
        return frame.dag
