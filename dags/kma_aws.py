"""방재기상관측(AWS): 다섯 자료를 10분마다. AWS: five datasets, every 10 minutes, 3 minutes after the interval's end."""

from datetime import timedelta

from kmaflow.airflow.builders.observations import observation_dag
from kmaflow.airflow.provider.timetable import WindowTimetable
from kmaflow.catalog import DATASETS

dag = observation_dag(
    "kma_aws",
    title="기상청 방재기상관측 (AWS)",
    timetable=WindowTimetable(step=timedelta(minutes=10), delay=timedelta(minutes=3)),
    waves=[
        [DATASETS["aws_minute"], DATASETS["aws_cloud"]],
        [DATASETS["aws_visibility"], DATASETS["aws_ground_temperature"]],
        [DATASETS["aws_present_weather"]],
    ],
    tags=["aws", "minute"],
)
