"""The service tables by Alembic, run on our own connection: no configuration file, no name that another program in the same database uses.

Two histories: ``service`` (the ledger and what belongs to it) and ``state`` (``STATE_URL``: quota and leases). Each begins with the tables as
:mod:`kmaflow.store.schema.service` describes them; a later script changes what an existing database has. Each step looks before it acts, so that a
history that was cut off anywhere (MariaDB commits every DDL statement by itself) goes on where it stopped. What versions before 0.2.0 made is brought
to the beginning by :mod:`kmaflow.store.schema.migrations.earlier`.

Alembic is imported only when there is something to do: whoever starts compares the stored version with ``head``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import sqlalchemy as sa

from kmaflow.store.errors import StoreForeign
from kmaflow.store.schema.preflight import refuse_unlike, where

#: Alembic's ``context`` and ``op`` belong to the process.
_ONE_AT_A_TIME = Lock()


@dataclass(frozen=True, slots=True)
class History:
    """The folder of a history's scripts, the table that keeps its version, its last revision, and those before 0.2.0."""

    name: str
    version_table: str
    head: str
    earlier: tuple[str, ...]


SERVICE = History("service", "kmaflow_version", "0009", ("0004", "0005", "0006", "0007"))
STATE = History("state", "kmaflow_state_version", "0004", ("0002", "0003"))


def take_over(connection: sa.Connection, history: History) -> None:
    """Bring what versions before 0.2.0 made to where the history begins. The caller holds the schema lock."""
    from kmaflow.store.schema.migrations import earlier

    current = _current(connection, history)
    if current in history.earlier:
        earlier.STEPS[history.name](connection, current)
        connection.exec_driver_sql(f"DELETE FROM {history.version_table}")


def _current(connection: sa.Connection, history: History) -> str | None:
    from alembic.migration import MigrationContext

    options = {"version_table": history.version_table}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def upgrade(connection: sa.Connection, history: History, *, only_look: bool = False) -> list[str]:
    """Bring the tables of a history up to date; gives the names of those that were made. The caller holds the schema lock.

    Raises:
        StoreForeign: a table with the name of one of ours is another, or a newer kmaflow made these. Nothing has been changed then.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("version_locations", str(Path(__file__).parent / history.name).replace("%", "%%"))
    config.attributes.update(connection=connection, version_table=history.version_table)
    script = ScriptDirectory.from_config(config)
    with _ONE_AT_A_TIME:
        current = _current(connection, history)
        if only_look and current in history.earlier:
            return []
        if current is not None and current not in {step.revision for step in script.walk_revisions()}:
            raise StoreForeign(
                f"{where(connection)}: made by a newer kmaflow ({history.version_table} {current}, known here: {history.head})",
                ko=f"{where(connection)}: 더 새로운 kmaflow가 만든 데이터베이스입니다({history.version_table} {current}, 이 버전: {history.head})",
                todo_en="install that kmaflow, or a newer one: pip install --upgrade kmaflow",
                todo_ko="같거나 더 새로운 kmaflow를 설치하십시오: pip install --upgrade kmaflow",
            )
        pending = [step.module for step in script.iterate_revisions("head", current or "base")]
        tables = [table for module in pending for table in module.TABLES.tables.values()]
        refuse_unlike(connection, tables)
        inspector = sa.inspect(connection)
        made = [table.name for table in reversed(tables) if not inspector.has_table(table.name)]
        if not only_look:
            command.upgrade(config, "head")
    return made
