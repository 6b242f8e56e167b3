"""What KMA publishes, described once: every dataset and both station lists.

>>> dataset("aws_minute").column("ta").unit
'degree_Celsius'
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from kmaflow.catalog.model import Dataset, Schedule
from kmaflow.catalog.registry import OWN, VARIABLE, dags_of, discover, schedules_of
from kmaflow.catalog.stations import STATION_LISTS
from kmaflow.errors import UsageError

__all__ = ["DAGS", "DATASETS", "PUBLIC_HUB", "SCHEDULES", "STATION_LISTS", "dataset", "means_all", "named"]

#: Where KMA answers the public; keys of institutions belong to the same paths on apihub-pub.kma.go.kr.
PUBLIC_HUB = "https://apihub.kma.go.kr/api/typ01"

DATASETS: Mapping[str, Dataset] = discover(
    [OWN, *(name for part in os.environ.get(VARIABLE, "").split(",") if (name := part.strip()))]
)
#: The DAGs that collect observations: the names of their datasets, and their schedules.
DAGS: Mapping[str, tuple[str, ...]] = dags_of(DATASETS)
SCHEDULES: Mapping[str, Schedule] = schedules_of(DATASETS)


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
            ko=f"없는 자료입니다: {', '.join(unknown)}",
            todo_en=(f"did you mean {', '.join(near)}? " if near else "") + f"datasets: {', '.join(names)}",
            todo_ko=(f"혹시 {', '.join(near)}? " if near else "") + f"자료: {', '.join(names)}",
        )
    if not words:
        raise UsageError(
            "no dataset is named",
            ko="자료를 지정하지 않았습니다",
            todo_en=f"datasets: all, {', '.join(names)}",
            todo_ko=f"자료: all, {', '.join(names)}",
        )
    return list(dict.fromkeys(words))
