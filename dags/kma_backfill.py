"""과거 채우기: 양식이 말하는 기간에서 빠진 관측을 한도 안에서. Fill history: what is missing of the form's stretch of time, within the quota."""

from kmaflow.airflow.builders.backfill import backfill_dag

dag = backfill_dag()
