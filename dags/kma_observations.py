"""관측 수집: 자료 설명(kmaflow.catalog)의 일정마다 DAG 하나 (kma_aws, kma_asos). Collects observations: one DAG for each schedule of the catalogue."""

from kmaflow.airflow.builders.observations import observation_dags

globals().update(observation_dags())
