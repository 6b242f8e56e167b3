"""The observation tables, made from the catalogue.

Each is keyed (``tm_kst``, ``stn``): all stations of one time lie together and loading appends. A second index (``stn``, ``tm_kst``) serves one
station over years. Those of minute data are partitioned by month on servers (:mod:`kmaflow.store.engines.partitions`).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.model import Dataset
from kmaflow.store.engines.types import ID, ON_SERVERS, PARTITIONED, STAMP, TYPES

METADATA = sa.MetaData()


def is_partitioned(table: str) -> bool:
    """Whether the table is cut by month, where the engine can."""
    return any(dataset.partitioned and table in {name, dataset.pair_table} for name, dataset in DATASETS.items())


def _on_servers(name: str) -> dict[str, Any]:
    return ON_SERVERS | (PARTITIONED if is_partitioned(name) else {})


def _observation_table(dataset: Dataset) -> sa.Table:
    columns = [
        sa.Column(
            column.name,
            TYPES[column.kind],
            nullable=True,
            comment=f"{column.ko} / {column.en} [{column.unit}]",
        )
        for column in dataset.stored
    ]
    return sa.Table(
        dataset.name,
        METADATA,
        sa.Column(
            "tm_kst", STAMP, primary_key=True, comment="관측시각, 관측 구간의 끝 / stamp, end of the period [KST]"
        ),
        sa.Column("stn", sa.Integer, primary_key=True, autoincrement=False, comment="지점번호 / station number"),
        *columns,
        sa.Column(
            "request_id", ID, nullable=False, comment="이 행을 마지막으로 바꾼 요청 / request that last changed the row"
        ),
        sa.Index(f"{dataset.name}_stn_tm", "stn", "tm_kst"),
        comment=f"{dataset.ko} / {dataset.en}",
        **_on_servers(dataset.name),
    )


OBSERVATIONS: dict[str, sa.Table] = {name: _observation_table(dataset) for name, dataset in DATASETS.items()}

PRESENT_WEATHER_CODE = sa.Table(
    "aws_present_weather_code",
    METADATA,
    sa.Column("tm_kst", STAMP, primary_key=True, comment="관측시각 / stamp [KST]"),
    sa.Column("stn", sa.Integer, primary_key=True, autoincrement=False, comment="지점번호 / station number"),
    sa.Column("k", sa.Integer, primary_key=True, autoincrement=False, comment="몇째 쌍(2부터) / which pair, from 2"),
    sa.Column("ww", sa.Integer, comment="현천코드 / present weather code (WMO 4680)"),
    sa.Column("nn", sa.Integer, comment="그 코드의 분 수 / minutes with that code"),
    sa.Index("aws_present_weather_code_stn_tm", "stn", "tm_kst"),
    comment="현천 둘째 쌍부터 / present weather, second and further pairs",
    **_on_servers("aws_present_weather_code"),
)


@cache
def tables_of(dataset: str) -> tuple[sa.Table, ...]:
    """The observation tables of one dataset."""
    pair_table = DATASETS[dataset].pair_table
    return (OBSERVATIONS[dataset],) + ((METADATA.tables[pair_table],) if pair_table else ())
