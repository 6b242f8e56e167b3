"""What docs/en/databases.md tells people to type on their server makes a database that kmaflow can use with the URL of the page."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from kmaflow.store import Store

from ..databases import server_url
from .bodies import at, load, minute_body, stamp

ROOT = Path(__file__).parents[2]
SECRET = "no-word-of-a-dictionary"


def _statements(kind: str, name: str) -> list[str]:
    page = (ROOT / "docs" / "en" / "databases.md").read_text(encoding="utf-8")
    (block,) = (
        block for block in re.findall(r"```sql\n(.*?)```", page, re.DOTALL) if block.lower().startswith(f"-- {kind}")
    )
    text = re.sub(r"--.*", "", block).replace("…", SECRET)
    return [statement.strip() for statement in re.sub(r"\bkma\b", name, text).split(";") if statement.strip()]


@pytest.fixture(params=["postgresql", "mariadb"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of the page, with the user and the database that the page's statements have made."""
    name = f"kmaflow_page_{uuid.uuid4().hex[:8]}"
    server = sa.create_engine(server_url(request.param), isolation_level="AUTOCOMMIT")
    (line,) = re.findall(
        rf"^export KMAFLOW_DATABASE_URL=({request.param}://.*)$",
        (ROOT / "docs" / "en" / "databases.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    admin = make_url(server_url(request.param))
    try:
        with server.connect() as connection:
            for statement in _statements(request.param, name):
                connection.exec_driver_sql(statement)
        written = make_url(line).set(username=name, password=SECRET, database=name, host=admin.host, port=admin.port)
        yield written.render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")
            connection.exec_driver_sql(f"DROP USER IF EXISTS {name}")
        server.dispose()


def test_a_database_made_as_the_page_says_can_be_used(url: str) -> None:
    with Store(url) as store:
        assert load(store, minute_body({(stamp(1), 108): {"ta": -9.3}}), at(15)).inserted == 2
        assert SECRET not in store.shown_url
