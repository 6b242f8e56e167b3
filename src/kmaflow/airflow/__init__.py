"""kmaflow inside Apache Airflow: the only folder that imports Airflow."""
