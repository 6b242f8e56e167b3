"""종관기상관측(ASOS): 매시 자료. ASOS: hourly, 20 minutes after the hour."""

from datetime import timedelta

from kmaflow.airflow.builders.observations import observation_dag
from kmaflow.airflow.provider.timetable import WindowTimetable
from kmaflow.catalog import DATASETS

dag = observation_dag(
    "kma_asos",
    title="기상청 종관기상관측 (ASOS)",
    timetable=WindowTimetable(step=timedelta(hours=1), delay=timedelta(minutes=20)),
    waves=[[DATASETS["asos_hourly"]]],
    tags=["asos", "hourly"],
)
