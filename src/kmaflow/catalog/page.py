"""The catalogue as a page for people, one for each language: ``docs/en/datasets.md`` and ``docs/ko/datasets.md`` (a test compares them).

python -m kmaflow.catalog.page docs
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from kmaflow.catalog import DATASETS, STATION_LISTS
from kmaflow.catalog.model import AtMost, ByteField, Codes, Column, Dash, Dataset, Missing
from kmaflow.catalog.time import in_words

Language = Literal["ko", "en"]
LANGUAGES: tuple[Language, ...] = ("ko", "en")

_TYPES = {"float": "DOUBLE", "int": "INTEGER", "text": "TEXT"}
_INTRODUCTION = {
    "en": """# Datasets and columns

[한국어](../ko/datasets.md) · **English**

This page is generated from the catalogue (`src/kmaflow/catalog`), as are the tables, the parser and the checks. Every observation table
also has `tm_kst` (the stamp: KST, the *end* of the period observed), `stn` (station number) and `request_id` (the request that last changed the row).
Values are stored as printed, in KMA's units; missing is NULL. A plausible range never drops a value: it says beyond which one is suspect.""",
    "ko": """# 자료와 열

**한국어** · [English](../en/datasets.md)

이 페이지는 카탈로그(`src/kmaflow/catalog`)에서 생성됩니다. 테이블, 파서, 검사도 같은 카탈로그에서 나옵니다.
모든 관측 테이블에는 `tm_kst`(관측시각: 한국시각, 관측 구간의 *끝*), `stn`(지점번호), `request_id`(그 행을 마지막으로 바꾼 요청)도 있습니다.
값은 기상청이 제공한 그대로, 기상청의 단위로 저장하며 결측은 NULL입니다. 타당 범위를 벗어난 값도 버리지 않습니다.
타당 범위는 의심스러운 값을 가리는 기준일 뿐입니다.""",
}
_COLUMNS = {
    "en": "| column | KMA | meaning | type | unit | CF standard name | missing | plausible |",
    "ko": "| 열 | KMA | 설명 | 형식 | 단위 | CF 표준명 | 결측 | 타당 범위 |",
}
_FIELDS = {
    "en": "| column | KMA | meaning | type | unit | bytes |",
    "ko": "| 열 | KMA | 설명 | 형식 | 단위 | 바이트 |",
}


def _missing(rule: Missing) -> str:
    match rule:
        case AtMost(limit):
            return f"≤ {limit:g}"
        case Codes(codes):
            return ", ".join(f"{code:g}" for code in sorted(codes))
        case Dash():
            return "`-`"
    return "–"


def _column(column: Column, language: Language) -> str:
    plausible = "" if column.plausible is None else f"{column.plausible[0]:g} … {column.plausible[1]:g}"
    cells = (
        f"`{column.name}`",
        column.kma,
        column.ko if language == "ko" else column.en,
        _TYPES[column.kind],
        column.unit,
        f"`{column.cf}`" if column.cf else "",
        _missing(column.missing),
        plausible,
    )
    return f"| {' | '.join(cells)} |"


def _how_it_is_asked(dataset: Dataset, language: Language) -> str:
    request = dataset.request
    cadence, all_stations, one_station, latency = (
        in_words(span, language)
        for span in (dataset.cadence, request.all_stations, request.one_station, dataset.latency)
    )
    every, dag = in_words(dataset.schedule.every, language), dataset.schedule.dag
    kept = None if dataset.retention is None else in_words(dataset.retention, language)
    if language == "ko":
        return (
            f"`{request.endpoint}` · 관측 주기 {cadence} · 한 번에 요청할 수 있는 최대 구간 {all_stations}(전체 지점), {one_station}(한 지점) · "
            f"관측 {latency} 뒤 제공 · DAG `{dag}`가 {every}마다 수집 · "
            f"보관 기간 {'제한 없음' if kept is None else f'약 {kept}'} · 활용신청: {dataset.operation}"
        )
    return (
        f"`{request.endpoint}` · every {cadence} · at most {all_stations} (all stations) or {one_station} (one station) per request · "
        f"on the hub after {latency} · collected every {every} by the DAG `{dag}` · kept there {'without limit' if kept is None else f'about {kept}'} · "
        f"활용신청 (application for use): {dataset.operation}"
    )


def _dataset(dataset: Dataset, language: Language) -> Iterator[str]:
    korean = language == "ko"
    yield f"\n## `{dataset.name}` · {dataset.ko if korean else dataset.en}\n"
    yield f"{_how_it_is_asked(dataset, language)}\n"
    yield _COLUMNS[language]
    yield "|---|---|---|---|---|---|---|---|"
    yield from (_column(column, language) for column in dataset.stored)
    if dataset.pair_table:
        words = "둘째 이후의 현천코드" if korean else "Second and further codes of a row"
        yield f"\n{words}: `{dataset.pair_table}` (`tm_kst`, `stn`, `k`, `ww`, `nn`)."
    notes = [
        f"- `{column.name}`: {column.note_ko if korean else column.note_en}"
        for column in dataset.stored
        if column.note_en
    ]
    notes += [f"- {note}" for note in (dataset.notes_ko if korean else dataset.notes_en)]
    if notes:
        yield "\n주의:\n" if korean else "\nNote:\n"
        yield from notes
    if dataset.assumptions:
        yield (
            "\n공개된 응답으로 확인하지 못해 가정한 것:\n"
            if korean
            else "\nAssumed, since no public capture proves it:\n"
        )
        yield from (f"- {one}" for one in (dataset.assumptions_ko if korean else dataset.assumptions))
    yield f"\n{'출처' if korean else 'Source'}: {dataset.source}"


def _field(field: ByteField, language: Language) -> str:
    place = f"{field.start}–{field.end}" if field.end else f"{field.start}–"
    meaning = field.ko if language == "ko" else field.en
    return f"| {' | '.join((f'`{field.name}`', field.kma, meaning, _TYPES[field.kind], field.unit, place))} |"


def page(language: Language) -> str:
    """The whole page in one language, as Markdown."""
    lines = [_INTRODUCTION[language]]
    for dataset in DATASETS.values():
        lines += _dataset(dataset, language)
    for stations in STATION_LISTS.values():
        title = f"`{stations.network}` · {stations.ko if language == 'ko' else stations.en}"
        lines += [
            f"\n## `station`, {'지점망' if language == 'ko' else 'network'} {title}\n",
            _FIELDS[language],
            "|---|---|---|---|---|---|",
            *(_field(field, language) for field in (*stations.fields, *stations.since_2026)),
        ]
    return "\n".join(lines) + "\n"


def write(docs: Path) -> None:
    """The page in every language, as ``docs/LANGUAGE/datasets.md``."""
    for language in LANGUAGES:
        (docs / language / "datasets.md").write_text(page(language), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
