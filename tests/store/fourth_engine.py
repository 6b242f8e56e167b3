"""A made-up fourth engine: all that another kind of database has to bring, as the one file ``store/engines/fourth.py`` of a copied package.

Its dialect has a name of its own; its words are SQLite's, which is at hand everywhere.
"""

from __future__ import annotations

from alembic.ddl.sqlite import SQLiteImpl
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from kmaflow.store.engines.sqlite import Sqlite


class FourthDialect(SQLiteDialect_pysqlite):
    name = "fourth"
    supports_statement_cache = True


class FourthImpl(SQLiteImpl):
    __dialect__ = "fourth"


class Fourth(Sqlite):
    name = "fourth"
    drivers = {"fourth": "fourth"}  # noqa: RUF012
    dialects = ("fourth",)
    airflow_types = ("fourth",)
    url_example = "fourth:///var/kmaflow.fourth"


registry.register("fourth", __name__, "FourthDialect")
ENGINE = Fourth()
