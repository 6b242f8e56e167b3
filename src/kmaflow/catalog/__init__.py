"""What KMA publishes, described once: every dataset and both station lists.

>>> dataset("aws_minute").column("ta").unit
'degree_Celsius'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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

__all__ = ["ASOS_DATASETS", "AWS_DATASETS", "DATASETS", "PUBLIC_HUB", "STATION_LISTS", "dataset", "means_all", "named"]

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
        UsageError: there is none; the nearest names and all names are in the advice.
    """
    (found,) = named([name], DATASETS)
    return DATASETS[found]


def means_all(words: Iterable[str]) -> bool:
    """Whether one of the words asks for all: datasets or stations."""
    return any(word.strip().lower() == "all" or word.strip() == "전체" for word in words)


def named(words: Iterable[str], among: Iterable[str] = DATASETS) -> list[str]:
    """The names that a person means by ``all`` (전체) or by single names, each once.

    Args:
        words: as they were written.
        among: the names that there are; ``all`` gives them in this order.

    Raises:
        UsageError: there is no dataset of a name, or none is named; the nearest names and all names are in the advice.
    """
    names, words = list(among), [word.strip() for word in words]
    if means_all(words):
        return names
    if unknown := [word for word in words if word not in names]:
        near = dict.fromkeys(name for word in unknown for name in get_close_matches(word, names, n=3, cutoff=0.5))
        raise UsageError(
            f"there is no dataset {', '.join(map(repr, unknown))}",
            todo_en=(f"did you mean {', '.join(near)}? " if near else "") + f"datasets: {', '.join(names)}",
            todo_ko=(f"혹시 {', '.join(near)}? " if near else "") + f"자료: {', '.join(names)}",
        )
    if not words:
        raise UsageError(
            "no dataset is named",
            todo_en=f"datasets: all, {', '.join(names)}",
            todo_ko=f"자료: all, {', '.join(names)}",
        )
    return list(dict.fromkeys(words))
