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
                raise _refused(package, f"a dataset {dataset.name} is described already")
            if (why := _clash(dataset, found.values())) is not None:
                raise _refused(package, f"{dataset.name}: {why}")
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
        raise _refused(package, f"cannot be imported: {cause}") from cause
    return [value for module in modules for value in vars(module).values() if isinstance(value, Dataset)]


def _clash(dataset: Dataset, others: Iterable[Dataset]) -> str | None:
    """Why it does not fit beside the others."""
    for other in others:
        if other is dataset:
            continue
        if other.schedule.dag == dataset.schedule.dag and other.schedule != dataset.schedule:
            return f"the DAG {dataset.schedule.dag} has another schedule in {other.name}"
        if other.latest and dataset.latest and (twice := _shown(other) & _shown(dataset)):
            return f"v_latest has {', '.join(sorted(twice))} of {other.name} already"
    return None


def _shown(dataset: Dataset) -> set[str]:
    """Its columns in ``v_latest``."""
    return {f"{dataset.latest.stamp}tm_kst", *dataset.shown_latest} if dataset.latest else set()


def _order(dataset: Dataset) -> tuple[object, ...]:
    return dataset.schedule.every, dataset.schedule.dag, dataset.turn, dataset.name


def _refused(package: str, why: str) -> UsageError:
    return UsageError(
        f"datasets of the package {package}: {why}",
        todo_en=f"mend its modules, or {VARIABLE}",
        todo_ko=f"그 모듈이나 {VARIABLE} 을 고치십시오",
    )
