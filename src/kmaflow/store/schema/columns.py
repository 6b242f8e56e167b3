"""How a table's columns look in a frame."""

from __future__ import annotations

import polars as pl
import sqlalchemy as sa

#: How a stamp is written as text: what SQLite stores, and what servers print and read.
STAMP_TEXT = "%Y-%m-%d %H:%M:%S"


def names_of(table: sa.Table) -> list[str]:
    """The columns in the table's order."""
    return [column.name for column in table.columns]


def keys_of(table: sa.Table) -> list[str]:
    """The columns of the primary key."""
    return [column.name for column in table.primary_key.columns]


def schema_of(table: sa.Table) -> dict[str, pl.DataType]:
    """The polars types of a table's rows."""
    schema: dict[str, pl.DataType] = {}
    for column in table.columns:
        if isinstance(column.type, sa.Double):
            schema[column.name] = pl.Float64()
        elif isinstance(column.type, sa.DateTime):
            schema[column.name] = pl.Datetime("us")
        elif isinstance(column.type, sa.Integer):
            schema[column.name] = pl.Int32() if column.name == "stn" else pl.Int64()
        else:
            schema[column.name] = pl.String()
    return schema
