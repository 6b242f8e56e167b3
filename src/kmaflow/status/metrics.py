"""The product's metrics by name, and as Prometheus reads them.

All are gauges whose values come from the database (:mod:`kmaflow.status.health`): a worker that starts anew, a lost packet or two workers at once
cannot make them wrong. Airflow sends the same ones as ``kmaflow.NAME``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC

from kmaflow.catalog.time import KST
from kmaflow.status.health import DatasetHealth, QuotaLeft

PREFIX = "kmaflow"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: without the prefix.
        meaning: in English, for Prometheus' HELP line.
        labels: names of its labels.
    """

    name: str
    meaning: str
    labels: tuple[str, ...] = ("dataset",)

    @property
    def prometheus(self) -> str:
        """Its name in Prometheus' text format."""
        return f"{PREFIX}_{self.name}"

    @property
    def airflow(self) -> str:
        """Its name among Airflow's metrics, which have a prefix of their own before it."""
        return f"{PREFIX}.{self.name}"


LAST_STAMP = Metric("last_stamp_seconds", "Last stamp with a value, as Unix time.")
LAG = Metric("lag_seconds", "Seconds since the last stamp with a value.")
ROWS = Metric("rows_today", "Rows loaded from the answers of this KST day.")
REVISIONS = Metric("revisions_today", "Values that the hub gave differently this KST day.")
MISSING = Metric(
    "missing_cells", "Cells of the last 24 hours that should be here and are not, by state.", ("dataset", "state")
)
CALLS_LEFT = Metric("calls_left", "Calls of the key's quota left this KST day.", ("key_id",))
BYTES_LEFT = Metric("bytes_left", "Bytes of the key's quota left this KST day.", ("key_id",))
METRICS = (LAST_STAMP, LAG, ROWS, REVISIONS, MISSING, CALLS_LEFT, BYTES_LEFT)


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric."""

    metric: Metric
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def samples(found: Iterable[DatasetHealth], left: Iterable[QuotaLeft]) -> list[Sample]:
    """The values of all metrics: of these datasets and these keys."""
    values = []
    for one in found:
        dataset = {"dataset": one.dataset}
        if one.last_stamp is not None and one.lag is not None:
            moment = one.last_stamp.replace(tzinfo=KST).astimezone(UTC)
            values.append(Sample(LAST_STAMP, moment.timestamp(), dataset))
            values.append(Sample(LAG, one.lag.total_seconds(), dataset))
        values.append(Sample(ROWS, one.rows_today, dataset))
        values.append(Sample(REVISIONS, one.revisions_today, dataset))
        values += [Sample(MISSING, cells, {**dataset, "state": state}) for state, cells in sorted(one.missing.items())]
    for quota in left:
        key = {"key_id": quota.key_id}
        values += [Sample(CALLS_LEFT, quota.calls, key), Sample(BYTES_LEFT, quota.bytes, key)]
    return values


def exposition(values: Iterable[Sample]) -> str:
    """Samples in Prometheus' text format (version 0.0.4): metrics in their order, each with HELP and TYPE."""
    by_metric: dict[str, list[Sample]] = {}
    for sample in values:
        by_metric.setdefault(sample.metric.name, []).append(sample)
    lines = []
    for metric in METRICS:
        if metric.name in by_metric:
            lines += [f"# HELP {metric.prometheus} {metric.meaning}", f"# TYPE {metric.prometheus} gauge"]
            lines += [
                f"{metric.prometheus}{_labels(one.labels)} {_number(one.value)}" for one in by_metric[metric.name]
            ]
    return "".join(f"{line}\n" for line in lines)


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
