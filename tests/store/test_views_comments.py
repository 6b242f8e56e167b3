"""Whoever opens the database with a client of their own finds what each column means beside it: in Korean, in English, with the unit."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from kmaflow.store import Store, views
from kmaflow.store.engines.database import writing
from kmaflow.store.schema.observations import METADATA, OBSERVATIONS
from kmaflow.store.schema.service import SERVICE_TABLES

_KOREAN = re.compile("[가-힣]")
_ENGLISH = re.compile("[A-Za-z]{2}")
_UNIT = re.compile(r"\[[^\[\]]+\]$")


def _bilingual(comment: str) -> bool:
    korean, _, english = comment.partition(" / ")
    return bool(_KOREAN.search(korean)) and bool(_ENGLISH.search(english))


#: SQLite keeps no comments: there the pages in ``docs`` have to do. Views of MariaDB have none either.
on_servers = pytest.mark.parametrize("store", ["postgresql", "mariadb"], indirect=True)
on_postgresql = pytest.mark.parametrize("store", ["postgresql"], indirect=True)


@on_servers
def test_observation_columns_have_meaning_and_unit(store: Store) -> None:
    inspector = sa.inspect(store.engine)
    for name in OBSERVATIONS:
        assert _bilingual(str(inspector.get_table_comment(name)["text"]))
        for column in inspector.get_columns(name):
            comment = column["comment"] or ""
            assert _bilingual(comment), f"{name}.{column['name']}: {comment!r}"
            assert _UNIT.search(comment) or column["name"] in {"stn", "request_id"}, (
                f"{name}.{column['name']}: {comment!r}"
            )


@on_servers
def test_service_columns_have_meaning(store: Store) -> None:
    inspector = sa.inspect(store.engine)
    lacking = set()
    for table in (*SERVICE_TABLES, *(METADATA.tables[name] for name in METADATA.tables.keys() - OBSERVATIONS.keys())):
        assert _bilingual(str(inspector.get_table_comment(table.name)["text"])), table.name
        lacking |= {
            f"{table.name}.{column['name']}"
            for column in inspector.get_columns(table.name)
            if not _bilingual(column["comment"] or "")
        }
    assert lacking == set()


@on_postgresql
def test_view_columns_have_meaning_and_unit_on_postgresql(store: Store) -> None:
    with writing(store.engine) as connection:
        views.make(connection)
        # Also where the view was there already.
        found = connection.exec_driver_sql(
            "SELECT c.relname, a.attname, col_description(c.oid, a.attnum), obj_description(c.oid) FROM pg_class c "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE c.relkind = 'v' AND c.relname = ANY(%s)",
            (list(views.NAMES),),
        ).all()
    assert {row[0] for row in found} == set(views.NAMES)
    for view, column, comment, whole in found:
        assert _bilingual(whole or ""), view
        assert _bilingual(comment or ""), f"{view}.{column}: {comment!r}"
        if view != "v_station":
            assert _UNIT.search(comment), f"{view}.{column}: {comment!r}"
    assert {f"{view}.{column}": comment for view, column, comment, _ in found}["v_hourly.hm_mean"].endswith("[%]")
