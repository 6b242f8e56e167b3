"""The service tables by Alembic, run on our own connection: no configuration file, no name that another program in the same database uses.

Two histories: ``books`` (the ledger and what belongs to it) and ``state`` (``STATE_URL``: quota and leases). Their scripts are frozen
descriptions. Each step looks before it acts, so that a history that was cut off anywhere (MariaDB commits every DDL statement by itself) goes on
where it stopped, and tables of 0.1.0, which had no version, are taken over.

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
    """The folder of a history's scripts, the table that keeps its version, and its last revision."""

    name: str
    version_table: str
    head: str


BOOKS = History("books", "kmaflow_version", "0007")
STATE = History("state", "kmaflow_state_version", "0003")


def upgrade(connection: sa.Connection, history: History, to: str = "head", *, only_look: bool = False) -> list[str]:
    """Bring the tables of a history up to date; gives the names of those that were made. The caller holds the schema lock.

    Raises:
        StoreForeign: a table with the name of one of ours is another, or a newer kmaflow made these. Nothing has been changed then.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("version_locations", str(Path(__file__).parent / history.name).replace("%", "%%"))
    config.attributes.update(connection=connection, version_table=history.version_table)
    script = ScriptDirectory.from_config(config)
    with _ONE_AT_A_TIME:
        now = MigrationContext.configure(connection, opts={"version_table": history.version_table})
        current = now.get_current_revision()
        if current is not None and current not in {step.revision for step in script.walk_revisions()}:
            raise StoreForeign(
                f"{where(connection)}: made by a newer kmaflow ({history.version_table} {current}, known here: {history.head})",
                todo_en="install that kmaflow, or a newer one: pip install --upgrade kmaflow",
                todo_ko="같거나 더 새로운 kmaflow를 설치하십시오: pip install --upgrade kmaflow",
            )
        pending = [step.module for step in script.iterate_revisions(to, current or "base")]
        tables = [table for module in pending for table in module.TABLES.tables.values()]
        refuse_unlike(connection, tables)
        inspector = sa.inspect(connection)
        made = [table.name for table in reversed(tables) if not inspector.has_table(table.name)]
        if not only_look:
            command.upgrade(config, to)
    return made
