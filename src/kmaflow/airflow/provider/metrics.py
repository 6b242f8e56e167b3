"""The product's metrics through Airflow's own ``[metrics]`` setting: StatsD, Datadog or OpenTelemetry, whichever it names.

A dataset's task reports its dataset when it ends, green or red. Where Airflow sends no metrics, nothing is read.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from kmaflow.airflow.provider.versions import conf, gauge
from kmaflow.errors import KmaflowError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kmaflow.collect import Collector
    from kmaflow.status.metrics import Sample

log = logging.getLogger(__name__)


def on() -> bool:
    """Whether Airflow sends metrics anywhere."""
    return any(conf.getboolean("metrics", name) for name in ("statsd_on", "statsd_datadog_enabled", "otel_on"))


def report(collector: Collector, dataset: str) -> None:
    """Send how a dataset is, and what is left of the quota. A failure is logged: the observations are there all the same."""
    if not on():
        return
    try:
        send(_measured(collector, dataset))
    except KmaflowError as error:
        log.warning("%s: metrics were not sent: %s", dataset, error)


def send(samples: Iterable[Sample]) -> None:
    """Hand samples to Airflow. Plain StatsD knows no tags: there the labels end the name, lest datasets overwrite each other."""
    tagless = _drops_tags()
    for sample in samples:
        if tagless:
            gauge(".".join((sample.metric.airflow, *sample.labels.values())), sample.value)
        else:
            gauge(sample.metric.airflow, sample.value, tags=dict(sample.labels))


def _drops_tags() -> bool:
    if conf.getboolean("metrics", "statsd_datadog_enabled") or not conf.getboolean("metrics", "statsd_on"):
        return False
    return not conf.getboolean("metrics", "statsd_influxdb_enabled")


def _measured(collector: Collector, dataset: str) -> list[Sample]:
    from kmaflow.catalog.time import now_kst
    from kmaflow.status.health import health, quota_left
    from kmaflow.status.metrics import samples
    from kmaflow.store.engines.database import reading

    stations, start = collector.choose_stations().stations, collector.settings.start
    with reading(collector.store.engine) as connection:
        found = health(connection, [dataset], now=now_kst(), stations=stations, start=start)
    quota = collector.quota
    if quota is None:
        return samples(found, [])
    return samples(found, [quota_left(quota.spent(), quota.limits)])
