"""Finds the datasets: each module of :mod:`kmaflow.catalog.datasets` may describe one, and so may those of packages that
``KMAFLOW_DATASET_PACKAGES`` names (importable, separated by commas).
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Mapping
from importlib import import_module
from types import MappingProxyType

from kmaflow.catalog.model import Dataset, Schedule
from kmaflow.errors import UsageError

OWN = "kmaflow.catalog.datasets"
VARIABLE = "KMAFLOW_DATASET_PACKAGES"


def discover(packages: Iterable[str]) -> Mapping[str, Dataset]:
    """The datasets that the modules of these packages describe, by name; those asked for most often come first.

    Raises:
        UsageError: a package cannot be imported, or two descriptions do not fit beside each other.
    """
    found: dict[str, Dataset] = {}
    for package in packages:
        for dataset in _described(package):
            if found.setdefault(dataset.name, dataset) is not dataset:
                raise _refused(
                    package, f"a dataset {dataset.name} is described already", f"{dataset.name}: 이미 있는 이름입니다"
                )
            if (why := _clash(dataset, found.values())) is not None:
                raise _refused(package, *(f"{dataset.name}: {words}" for words in why))
    return MappingProxyType({dataset.name: dataset for dataset in sorted(found.values(), key=_order)})


def dags_of(datasets: Mapping[str, Dataset]) -> Mapping[str, tuple[str, ...]]:
    """The DAGs that collect observations, each with the names of its datasets, in their order."""
    found: dict[str, list[str]] = {}
    for name, dataset in datasets.items():
        found.setdefault(dataset.schedule.dag, []).append(name)
    return MappingProxyType({dag: tuple(names) for dag, names in found.items()})


def schedules_of(datasets: Mapping[str, Dataset]) -> Mapping[str, Schedule]:
    """The schedule of each of these DAGs."""
    return MappingProxyType({dataset.schedule.dag: dataset.schedule for dataset in datasets.values()})


def _described(package: str) -> Iterable[Dataset]:
    try:
        folder = import_module(package)
        names = [module.name for module in pkgutil.iter_modules(folder.__path__, f"{package}.")]
        modules = [import_module(name) for name in names]
    except (ImportError, AttributeError, ValueError) as cause:
        raise _refused(package, f"cannot be imported: {cause}", f"불러올 수 없습니다: {cause}") from cause
    return [value for module in modules for value in vars(module).values() if isinstance(value, Dataset)]


def _clash(dataset: Dataset, others: Iterable[Dataset]) -> tuple[str, str] | None:
    """Why it does not fit beside the others, in English and in Korean."""
    for other in others:
        if other is dataset:
            continue
        if other.schedule.dag == dataset.schedule.dag and other.schedule != dataset.schedule:
            dag = dataset.schedule.dag
            return (
                f"the DAG {dag} has another schedule in {other.name}",
                f"DAG {dag}의 일정이 {other.name}에서는 다릅니다",
            )
        if other.latest and dataset.latest and (twice := _shown(other) & _shown(dataset)):
            names = ", ".join(sorted(twice))
            return (
                f"v_latest has {names} of {other.name} already",
                f"v_latest에 {other.name}의 열이 이미 있습니다: {names}",
            )
    return None


def _shown(dataset: Dataset) -> set[str]:
    """Its columns in ``v_latest``."""
    return {f"{dataset.latest.stamp}tm_kst", *dataset.shown_latest} if dataset.latest else set()


def _order(dataset: Dataset) -> tuple[object, ...]:
    return dataset.schedule.every, dataset.schedule.dag, dataset.turn, dataset.name


def _refused(package: str, why: str, ko: str) -> UsageError:
    return UsageError(
        f"datasets of the package {package}: {why}",
        ko=f"패키지 {package}의 자료: {ko}",
        todo_en=f"mend its modules, or {VARIABLE}",
        todo_ko=f"패키지의 모듈이나 {VARIABLE} 값을 고치십시오",
    )
