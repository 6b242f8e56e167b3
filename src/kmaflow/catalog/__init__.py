"""What KMA publishes, described once: every dataset and both station lists.

>>> dataset("aws_minute").column("ta").unit
'degree_Celsius'
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from kmaflow.catalog.model import Dataset, Schedule
from kmaflow.catalog.registry import OWN, VARIABLE, dags_of, discover, schedules_of
from kmaflow.catalog.stations import STATION_LISTS
from kmaflow.errors import UsageError

__all__ = ["DAGS", "DATASETS", "PUBLIC_HUB", "SCHEDULES", "STATION_LISTS", "dataset", "means_all", "named"]

#: Where KMA answers the public; keys of institutions belong to the same paths on apihub-pub.kma.go.kr.
PUBLIC_HUB = "https://apihub.kma.go.kr/api/typ01"

#: What is left of an unquoted time.
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")

DATASETS: Mapping[str, Dataset] = discover(
    [OWN, *(name for part in os.environ.get(VARIABLE, "").split(",") if (name := part.strip()))]
)
#: The DAGs that collect observations: the names of their datasets, and their schedules.
DAGS: Mapping[str, tuple[str, ...]] = dags_of(DATASETS)
SCHEDULES: Mapping[str, Schedule] = schedules_of(DATASETS)


def dataset(name: str) -> Dataset:
    """The dataset of that name.

    Raises:
        UsageError: there is none, or several are named; the nearest names and all names are in the advice.
    """
    if len(found := named([name], DATASETS)) > 1:
        raise UsageError(
            f"one dataset is wanted, not {name!r}",
            ko=f"자료 하나만 쓸 수 있습니다: {name!r}",
            todo_en=f"name one of {', '.join(DATASETS)}",
            todo_ko=f"하나만 쓰십시오: {', '.join(DATASETS)}",
        )
    return DATASETS[found[0]]


def means_all(words: Iterable[str]) -> bool:
    """Whether one of the words asks for all: datasets or stations."""
    return any(word.strip().lower() == "all" or word.strip() == "전체" for word in words)


def named(words: Iterable[str], among: Iterable[str] = DATASETS) -> list[str]:
    """The names that a person means by ``all`` (전체) or by single names, each once.

    Args:
        words: as they were written: names in small or capital letters or Korean ones (매분자료), several with commas between.
        among: the names that there are; ``all`` gives them in this order.

    Raises:
        UsageError: there is no dataset of a name, or none is named; the nearest names and all names are in the advice.
    """
    names, words = list(among), [part.strip() for word in words for part in word.split(",") if part.strip()]
    if means_all(words):
        return names
    meant = {_plain(alias): name for name in names for alias in _aliases(name)}
    if unknown := [word for word in words if _plain(word) not in meant]:
        near = dict.fromkeys(name for name in names if any(name.startswith(_plain(word)) for word in unknown))
        near = near or dict.fromkeys(
            meant[alias] for word in unknown for alias in get_close_matches(_plain(word), meant, n=2, cutoff=0.6)
        )
        advice_en = (f"did you mean {', '.join(near)}? " if near else "") + f"datasets: {', '.join(names)}, all"
        advice_ko = (f"혹시 {', '.join(near)}? " if near else "") + f"사용할 수 있는 자료: {', '.join(names)}, all"
        if any(_CLOCK.fullmatch(word) for word in unknown):
            advice_en = 'quote a time that holds a blank: "2026-11-22 12:00"'
            advice_ko = '시각에 공백이 있으면 따옴표로 묶으십시오: "2026-11-22 12:00"'
        raise UsageError(
            f"there is no dataset {', '.join(map(repr, unknown))}",
            ko=f"없는 자료입니다: {', '.join(unknown)}",
            todo_en=advice_en,
            todo_ko=advice_ko,
        )
    if not words:
        raise UsageError(
            "no dataset is named",
            ko="자료를 지정하지 않았습니다",
            todo_en=f"datasets: {', '.join(names)}, all",
            todo_ko=f"사용할 수 있는 자료: {', '.join(names)}, all",
        )
    return list(dict.fromkeys(meant[_plain(word)] for word in words))


def _aliases(name: str) -> Iterable[str]:
    """What a dataset is called: its name, and the Korean one with and without its network."""
    described = DATASETS.get(name)
    return (name, described.ko, described.ko.partition(" ")[2] or described.ko) if described else (name,)


def _plain(text: str) -> str:
    return re.sub(r"[\W_]", "", text.casefold())
