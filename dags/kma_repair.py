"""빠진 관측 복구, 10분마다. What is missing is asked again, every 10 minutes."""

from kmaflow.airflow.builders.repair import repair_dag

dag = repair_dag()
