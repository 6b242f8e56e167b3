"""What KMA publishes, described once: every dataset and both station lists.

>>> dataset("aws_minute").column("ta").unit
'degree_Celsius'
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

from kmaflow.catalog.datasets.asos_hourly import ASOS_HOURLY
from kmaflow.catalog.datasets.aws_cloud import AWS_CLOUD
from kmaflow.catalog.datasets.aws_ground_temperature import AWS_GROUND_TEMPERATURE
from kmaflow.catalog.datasets.aws_minute import AWS_MINUTE
from kmaflow.catalog.datasets.aws_present_weather import AWS_PRESENT_WEATHER
from kmaflow.catalog.datasets.aws_visibility import AWS_VISIBILITY
from kmaflow.catalog.model import Dataset
from kmaflow.catalog.stations import STATION_LISTS
from kmaflow.errors import UsageError

__all__ = ["ASOS_DATASETS", "AWS_DATASETS", "DATASETS", "PUBLIC_HUB", "STATION_LISTS", "dataset"]

#: Where KMA answers the public; keys of institutions belong to the same paths on apihub-pub.kma.go.kr.
PUBLIC_HUB = "https://apihub.kma.go.kr/api/typ01"

DATASETS: Mapping[str, Dataset] = MappingProxyType(
    {
        described.name: described
        for described in (
            AWS_MINUTE,
            AWS_CLOUD,
            AWS_VISIBILITY,
            AWS_GROUND_TEMPERATURE,
            AWS_PRESENT_WEATHER,
            ASOS_HOURLY,
        )
    }
)
AWS_DATASETS: tuple[str, ...] = tuple(name for name, one in DATASETS.items() if one.network == "AWS")
ASOS_DATASETS: tuple[str, ...] = tuple(name for name, one in DATASETS.items() if one.network == "SFC")


def dataset(name: str) -> Dataset:
    """The dataset of that name.

    Raises:
        UsageError: there is none; the nearest names are in the advice, or all where none is near.
    """
    try:
        return DATASETS[name]
    except KeyError:
        nearest = ", ".join(get_close_matches(name, DATASETS, n=3, cutoff=0.5) or DATASETS)
        raise UsageError(
            f"there is no dataset {name!r}",
            todo_en=f"use {nearest}",
            todo_ko=f"다음 가운데 하나를 쓰십시오: {nearest}",
        ) from None
