"""The catalogue as a page for people: ``docs/datasets.md`` is exactly what this makes (a test compares them).

python -m kmaflow.catalog.page > docs/datasets.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta

from kmaflow.catalog import DATASETS, STATION_LISTS
from kmaflow.catalog.model import AtMost, ByteField, Codes, Column, Dash, Dataset, Missing

_TYPES = {"float": "DOUBLE", "int": "INTEGER", "text": "TEXT"}
_INTRODUCTION = """# 자료와 열 / Datasets and columns

This page is made from the catalogue (`src/kmaflow/catalog`), from which the tables, the parser and the checks are made too. Every observation table
also has `tm_kst` (the stamp: KST, the *end* of the period observed), `stn` (지점번호) and `fetch_id` (the request that last changed the row).
Values are stored as printed, in KMA's units; missing is NULL. A plausible range never drops a value: it says beyond which one is suspect."""


def _missing(rule: Missing) -> str:
    match rule:
        case AtMost(limit):
            return f"≤ {limit:g}"
        case Codes(codes):
            return ", ".join(f"{code:g}" for code in sorted(codes))
        case Dash():
            return "`-`"
    return "–"


def _span(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes % 1440 == 0:
        return f"{minutes // 1440} d"
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


def _column(column: Column) -> str:
    plausible = "" if column.plausible is None else f"{column.plausible[0]:g} … {column.plausible[1]:g}"
    cells = (
        f"`{column.name}`",
        column.kma,
        f"{column.ko} / {column.en}",
        _TYPES[column.kind],
        column.unit,
        f"`{column.cf}`" if column.cf else "",
        _missing(column.missing),
        plausible,
    )
    return f"| {' | '.join(cells)} |"


def _dataset(dataset: Dataset) -> Iterator[str]:
    asking = dataset.asking
    yield f"\n## `{dataset.name}` · {dataset.ko} / {dataset.en}\n"
    yield (
        f"`{asking.endpoint}` · every {_span(dataset.cadence)} · asked for at most {_span(asking.all_stations)} (all stations) or "
        f"{_span(asking.one_station)} (one station) · on the hub after {_span(dataset.latency)} · "
        f"kept there {'for good' if dataset.retention is None else f'about {_span(dataset.retention)}'} · 활용신청: {dataset.operation}\n"
    )
    yield "| column | KMA | 뜻 / meaning | type | unit | CF standard name | missing | plausible |"
    yield "|---|---|---|---|---|---|---|---|"
    yield from (_column(column) for column in dataset.stored)
    if dataset.pair_table:
        yield f"\nSecond and further codes of a row: `{dataset.pair_table}` (`tm_kst`, `stn`, `k`, `ww`, `nn`)."
    notes = [f"- `{column.name}`: {column.note_ko} / {column.note_en}" for column in dataset.stored if column.note_en]
    notes += [f"- {ko} / {en}" for ko, en in zip(dataset.notes_ko, dataset.notes_en, strict=True)]
    if notes:
        yield "\nMind / 주의:\n"
        yield from notes
    if dataset.assumptions:
        yield "\nAssumed, since no public capture proves it:\n"
        yield from (f"- {assumption}" for assumption in dataset.assumptions)
    yield f"\nSource: {dataset.source}"


def _field(field: ByteField) -> str:
    place = f"{field.start}–{field.end}" if field.end else f"{field.start}–"
    cells = (f"`{field.name}`", field.kma, f"{field.ko} / {field.en}", _TYPES[field.kind], field.unit, place)
    return f"| {' | '.join(cells)} |"


def page() -> str:
    """The whole page as Markdown."""
    lines = [_INTRODUCTION]
    for dataset in DATASETS.values():
        lines += _dataset(dataset)
    for stations in STATION_LISTS.values():
        lines += [
            f"\n## `station`, network `{stations.network}` · {stations.ko} / {stations.en}\n",
            "| column | KMA | 뜻 / meaning | type | unit | bytes |",
            "|---|---|---|---|---|---|",
            *(_field(field) for field in (*stations.fields, *stations.since_2026)),
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
