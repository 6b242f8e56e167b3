"""MariaDB, and MySQL 8, by pymysql. LOAD DATA LOCAL; where the server forbids it, INSERTs of many rows and one warning.

Reading back, the server prints each row as one text: the driver is Python, and takes one field much faster than twenty.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import URL

from kmaflow.store.engines import base
from kmaflow.store.engines.database import shown, translating
from kmaflow.store.engines.loader import Loader, batches
from kmaflow.store.engines.locks import number_of
from kmaflow.store.engines.select import from_csv
from kmaflow.store.errors import StoreBusy, StoreDenied
from kmaflow.store.schema.columns import STAMP_TEXT, keys_of, names_of

if TYPE_CHECKING:
    from kmaflow.store.views.definition import View

log = logging.getLogger(__name__)

#: Not allowed: by the server (1148, 4166 and MySQL's 3948), or for want of a privilege.
_LOCAL_FORBIDDEN = (1148, 3948, 4166)
#: Servers that have been complained about.
_slow: set[str] = set()
#: Every setting of a session that changes what we read or write; ``SET NAMES`` and the isolation level are set beside them.
_SESSION = {
    "time_zone": "'+00:00'",
    "sql_mode": "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
    "autocommit": 0,
    "completion_type": "'NO_CHAIN'",
    "sql_auto_is_null": 0,
    "sql_safe_updates": 0,
    "sql_select_limit": 2**64 - 1,
    "sql_big_selects": 1,
    "unique_checks": 1,
    "foreign_key_checks": 1,
    "div_precision_increment": 4,
}
#: How long a statement may take, 0 = as long as it takes: MariaDB's name for it, and MySQL's.
_TIMEOUTS = ("max_statement_time", "max_execution_time")
#: How long a statement waits for a row, or a table, that somebody else has.
_WAITS = ("innodb_lock_wait_timeout", "lock_wait_timeout")
#: What making, extending and filling our tables and views takes on MariaDB.
_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "INDEX", "DROP", "CREATE VIEW")
#: With the rights of who asks, so that a dump can be restored by another user.
_CREATE_VIEW = "CREATE OR REPLACE SQL SECURITY INVOKER VIEW"


class Mariadb(base.Engine):
    """MariaDB and MySQL."""

    name = "mariadb"
    drivers = dict.fromkeys(
        ("mysql", "mysql+pymysql", "mysql+mysqldb", "mariadb", "mariadb+pymysql", "mariadb+mariadbconnector"),
        "mysql+pymysql",
    )
    dialects = ("mysql", "mariadb")
    tables_there = "(SELECT t.table_name FROM information_schema.tables t WHERE t.table_schema = DATABASE())"

    def open(self, url: URL) -> sa.Engine:
        """As :meth:`Engine.open`."""
        url = url.difference_update_query(["charset", "local_infile"])
        arguments: dict[str, Any] = {"charset": "utf8mb4", "local_infile": True}
        if "connect_timeout" not in url.query:
            arguments["connect_timeout"] = base.CONNECT_SECONDS
        engine = sa.create_engine(
            url, connect_args=arguments, isolation_level="READ COMMITTED", pool_pre_ping=True, pool_size=4
        )
        sa.event.listen(engine, "do_connect", _connect)
        return engine

    def only_read(self, engine: sa.Engine, seconds: float) -> None:
        """As :meth:`Engine.only_read`."""

        def prepare(driver: Any, _: Any) -> None:
            with driver.cursor() as cursor:
                cursor.execute("SET SESSION TRANSACTION READ ONLY")
                is_mariadb = "MariaDB" in driver.get_server_info()
                cursor.execute(
                    f"SET SESSION max_statement_time = {seconds}"
                    if is_mariadb
                    else f"SET SESSION max_execution_time = {round(seconds * 1000)}"
                )

        sa.event.listen(engine, "connect", prepare)

    def loader(self, connection: sa.Connection) -> Loader:
        """As :meth:`Engine.loader`."""
        return MariadbLoader(connection)

    def rows(self, driver: Any, schema: dict[str, pl.DataType], query: str) -> pl.DataFrame:
        """As :meth:`Engine.rows`, each row as one text."""
        fields = ", ".join(
            f"""IFNULL(CONCAT('"', REPLACE({name}, '"', '""'), '"'), '')"""
            if kind == pl.String()
            else f"IFNULL({name}, '')"
            for name, kind in schema.items()
        )
        with driver.cursor() as cursor:
            cursor.execute(f"SELECT CONCAT_WS(',', {fields}) {query}")
            return from_csv(schema, "\n".join([row[0] for row in cursor.fetchall()]).encode())

    @contextmanager
    def alone(self, engine: sa.Engine, names: Sequence[str]) -> Iterator[sa.Connection]:
        """As :meth:`Engine.alone`: locks by name belong to the connection, taken before the transaction and given back after it."""
        with _named_locks(engine, names) as connection, connection.begin():
            yield connection

    def now(self, ahead: float) -> str:
        """As :meth:`Engine.now`."""
        return f"(UTC_TIMESTAMP(6) + INTERVAL {round(ahead * 1e6)} MICROSECOND)"

    def insert_if_absent(self, table: sa.Table, values: Mapping[str, Any]) -> sa.Insert:
        """As :meth:`Engine.insert_if_absent`."""
        return table.insert().prefix_with("IGNORE").values(values)

    def partitions_of(self, connection: sa.Connection, table: str) -> list[str]:
        """As :meth:`Engine.partitions_of`."""
        found = connection.exec_driver_sql(
            "SELECT partition_name FROM information_schema.partitions WHERE table_schema = DATABASE() AND table_name = %s "
            "AND partition_name IS NOT NULL",
            (table,),
        )
        return [str(name) for name in found.scalars()]

    def add_partitions(
        self, connection: sa.Connection, table: str, there: Sequence[str], missing: Mapping[str, tuple[str, str]]
    ) -> None:
        """As :meth:`Engine.add_partitions`; each begins where the one before it ends."""
        parts = ", ".join(f"PARTITION {name} VALUES LESS THAN ({end})" for name, (_, end) in missing.items())
        if not there:
            connection.exec_driver_sql(f"ALTER TABLE {table} PARTITION BY RANGE COLUMNS (tm_kst) ({parts})")
        elif missing:
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD PARTITION ({parts})")

    def drop_partition(self, connection: sa.Connection, table: str, name: str, month: datetime) -> None:
        """As :meth:`Engine.drop_partition`: rows of a month that was dropped before came back into the month after it."""
        older = f"SELECT 1 FROM {table} PARTITION ({name}) WHERE tm_kst <= %s LIMIT 1"
        if connection.exec_driver_sql(older, (month,)).first() is None:
            connection.exec_driver_sql(f"ALTER TABLE {table} DROP PARTITION {name}")

    @contextmanager
    def patience(self, connection: sa.Connection, seconds: int) -> Iterator[None]:
        """As :meth:`Engine.patience`; the session's own is put back."""
        connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {seconds}")
        try:
            yield
        finally:
            connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {base.BUSY_SECONDS}")

    def refuse_unfit(self, connection: sa.Connection) -> None:
        """As :meth:`Engine.refuse_unfit`: a missing right. (Our tables say utf8mb4 themselves.)"""
        if lacking := _lacking_rights(connection):
            raise StoreDenied(f"{shown(connection.engine.url)}: this user lacks the rights {', '.join(lacking)}")

    def version(self, engine: sa.Engine) -> str:
        """As :meth:`Engine.version`: tells MariaDB from MySQL."""
        with engine.connect() as connection:
            return str(connection.exec_driver_sql("SELECT VERSION()").scalar_one())

    def replace_view(self, connection: sa.Connection, view: View, followers: Sequence[str]) -> bool:  # noqa: ARG002
        """As :meth:`Engine.replace_view`."""
        with base.candidate(connection, _CREATE_VIEW, view.query) as other:
            same = _as_stored(connection, other) == _as_stored(connection, view.name)
        if not same:
            base.run(connection, f"{_CREATE_VIEW} {view.name} AS {view.query}")
        return not same


def _as_stored(connection: sa.Connection, name: str) -> object:
    return base.run(
        connection,
        f"SELECT view_definition FROM information_schema.views WHERE table_schema = DATABASE() AND table_name = '{name}'",
    ).scalar()


def _connect(dialect: Any, _: Any, given: list[Any], named: dict[str, Any]) -> Any:
    """Connect, and set the session before SQLAlchemy asks it anything: it would believe what it finds (``ANSI_QUOTES``)."""
    connection = dialect.connect(*given, **named)
    endless = _TIMEOUTS["mariadb" not in connection.get_server_info().lower()]
    session = _SESSION | dict.fromkeys(_WAITS, base.BUSY_SECONDS) | {endless: 0}
    with connection.cursor() as cursor:
        cursor.execute("SET NAMES utf8mb4 COLLATE utf8mb4_bin")
        cursor.execute(f"SET {', '.join(f'SESSION {name} = {value}' for name, value in session.items())}")
    return connection


@contextmanager
def _named_locks(engine: sa.Engine, names: Sequence[str]) -> Iterator[sa.Connection]:
    """A connection that holds the locks; no transaction is open."""
    with translating(engine), engine.connect() as connection:
        try:
            for name in names:
                # Locks are the server's, not the database's: its name is part of theirs.
                digest = f"kmaflow {number_of(f'{engine.url.database} {name}'):x}"
                got = connection.exec_driver_sql("SELECT GET_LOCK(%s, %s)", (digest, base.BUSY_SECONDS)).scalar()
                if got != 1:
                    raise StoreBusy(f"{shown(engine.url)}: another process holds {name}")
            connection.commit()
            yield connection
        finally:
            if not connection.invalidated and not connection.closed:
                connection.rollback()
                connection.exec_driver_sql("SELECT RELEASE_ALL_LOCKS()")
                connection.commit()


def _lacking_rights(connection: sa.Connection) -> list[str]:
    """Rights on the whole database that the user lacks; none where they come from a role, which the server alone can judge."""
    if connection.exec_driver_sql("SELECT CURRENT_ROLE()").scalar() not in (None, "", "NONE"):
        return []
    me = "CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')"
    found = connection.exec_driver_sql(
        f"SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = {me} UNION "
        f"SELECT privilege_type FROM information_schema.schema_privileges WHERE grantee = {me} AND DATABASE() LIKE table_schema"
    )
    rights = set(found.scalars())
    return [right for right in _RIGHTS if right not in rights]


class MariadbLoader(Loader):
    """Loads into MariaDB or MySQL with pymysql."""

    def insert(self, table: sa.Table, rows: pl.DataFrame) -> None:
        """Rows whose keys are new, straight into the table."""
        names = names_of(table)
        for batch in batches(rows.select(names)):
            if not self._load_local(table.name, batch):
                self._many(f"INSERT INTO {table.name} ({_listed(names)}) VALUES ({_marks(names)})", batch)

    def update(self, table: sa.Table, rows: pl.DataFrame) -> None:
        """Overwrite the rows that have these keys."""
        names, keys = names_of(table), keys_of(table)
        sets = ", ".join(f"{name} = VALUES({name})" for name in names if name not in keys)
        # The keys are there: nothing is inserted. One statement of many rows is far cheaper than many UPDATEs.
        self._many(
            f"INSERT INTO {table.name} ({_listed(names)}) VALUES ({_marks(names)}) ON DUPLICATE KEY UPDATE {sets}",
            rows.select(names),
        )

    def _add_counts(self, counts: pl.DataFrame) -> None:
        self._many(
            f"INSERT INTO completeness_hour ({_listed(counts.columns)}) VALUES ({_marks(counts.columns)}) "
            "ON DUPLICATE KEY UPDATE present = present + VALUES(present), blank = blank + VALUES(blank)",
            counts,
        )

    def _advance(self, latest: pl.DataFrame) -> None:
        self._many(
            f"INSERT INTO latest ({_listed(latest.columns)}) VALUES ({_marks(latest.columns)}) "
            "ON DUPLICATE KEY UPDATE tm_kst = GREATEST(tm_kst, VALUES(tm_kst))",
            latest,
        )

    def _load_local(self, table: str, rows: pl.DataFrame) -> bool:
        """LOAD DATA LOCAL; False where the server does not allow it."""
        import pymysql

        server = str(self.connection.engine.url.set(query={}))
        if server in _slow:
            return False
        text = [name for name, kind in rows.schema.items() if kind == pl.String]
        rows = rows.with_columns(pl.col(text).str.replace_all("\\", "\\\\", literal=True))
        with tempfile.NamedTemporaryFile(prefix="kmaflow-", suffix=".csv") as file, self.cursor() as cursor:
            rows.write_csv(file, include_header=False, null_value="\\N", datetime_format=STAMP_TEXT)
            file.flush()
            try:
                cursor.execute(
                    f"LOAD DATA LOCAL INFILE %s INTO TABLE {table} CHARACTER SET utf8mb4 "
                    "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' "
                    f"({_listed(rows.columns)})",
                    (file.name,),
                )
            except (pymysql.err.OperationalError, pymysql.err.NotSupportedError) as error:
                if error.args[0] not in _LOCAL_FORBIDDEN:
                    raise
                _slow.add(server)
                log.warning(
                    "이 서버는 LOAD DATA LOCAL을 허용하지 않아 느리게 저장합니다 / this server forbids LOAD DATA LOCAL, so loading takes several "
                    "times as long → SET GLOBAL local_infile = ON (my.cnf: [mysqld] local_infile = 1)"
                )
                return False
            if cursor.rowcount != rows.height or cursor.warning_count:
                # LOCAL turns errors into warnings, and a value that does not fit into one that does: none may pass.
                loaded = cursor.rowcount
                cursor.execute("SHOW WARNINGS LIMIT 3")
                raise pymysql.err.DataError(1406, f"{loaded} of {rows.height} rows loaded: {cursor.fetchall()}")
        return True

    def _many(self, statement: str, rows: pl.DataFrame) -> None:
        with self.cursor() as cursor:
            for batch in batches(rows):
                cursor.executemany(statement, batch.rows())


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _marks(names: Sequence[str]) -> str:
    return ", ".join(["%s"] * len(names))
