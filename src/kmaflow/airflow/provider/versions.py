"""What Airflow 3.1 keeps elsewhere than later versions do."""

from __future__ import annotations

from airflow.sdk import BaseOperator

try:
    from airflow.sdk import conf
    from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException, AirflowSkipException
except ImportError:  # Airflow 3.1
    from airflow.configuration import conf
    from airflow.exceptions import AirflowFailException, AirflowNotFoundException, AirflowSkipException

__all__ = ["DOUBLING", "AirflowFailException", "AirflowNotFoundException", "AirflowSkipException", "conf", "gauge"]

#: ``retry_exponential_backoff`` by which each delay is twice the last: a factor, until 3.1 only on or off.
DOUBLING: float = True if BaseOperator.retry_exponential_backoff is False else 2.0


def gauge(name: str, value: float, tags: dict[str, str] | None = None) -> None:
    """Send one metric."""
    try:
        from airflow.sdk.observability import stats
    except ImportError:
        from airflow.stats import Stats as stats  # noqa: N813
    stats.gauge(name, value, tags=tags)
