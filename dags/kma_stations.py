"""AWS·ASOS 지점 목록, 하루 한 번. The station lists, once a day."""

from kmaflow.airflow.builders.stations import stations_dag

dag = stations_dag()
