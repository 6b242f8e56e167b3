"""When the minute data of AWS are collected, and by which DAG."""

from __future__ import annotations

from kmaflow.catalog.model import Schedule
from kmaflow.catalog.time import MINUTE

AWS_SCHEDULE = Schedule(
    dag="kma_aws",
    ko="기상청 방재기상관측 AWS",
    en="KMA automatic weather stations (AWS)",
    every=10 * MINUTE,
    delay=3 * MINUTE,
    tags=("aws", "minute", "방재기상관측"),
)
