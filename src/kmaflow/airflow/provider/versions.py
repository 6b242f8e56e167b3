"""What Airflow 3.1 keeps elsewhere than later versions do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import conf
    from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException, AirflowSkipException
    from airflow.sdk.observability.stats import gauge
else:
    try:
        from airflow.sdk import conf
        from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException, AirflowSkipException
    except ImportError:
        from airflow.configuration import conf
        from airflow.exceptions import AirflowFailException, AirflowNotFoundException, AirflowSkipException
    try:
        from airflow.sdk.observability.stats import gauge
    except ImportError:
        from airflow.stats import Stats

        gauge = Stats.gauge

__all__ = ["DOUBLING", "AirflowFailException", "AirflowNotFoundException", "AirflowSkipException", "conf", "gauge"]

#: ``retry_exponential_backoff`` by which each delay is twice the last: a factor, until 3.1 only on or off.
DOUBLING: float = True if BaseOperator.retry_exponential_backoff is False else 2.0
