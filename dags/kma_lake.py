"""Parquet 레이크, 새 값이 있을 때마다. The Parquet lake, whenever there are new values."""

from kmaflow.airflow.builders.lake import lake_dag

dag = lake_dag()
