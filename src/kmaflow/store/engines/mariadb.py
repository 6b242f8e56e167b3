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
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import URL

from kmaflow.store import errors
from kmaflow.store.engines import base
from kmaflow.store.engines.database import number_of, shown, translating
from kmaflow.store.engines.loader import STAMP_TEXT, Loader, batches, from_csv, keys_of, names_of
from kmaflow.store.engines.words import FIRST, HOUR, LAST, Period, Words

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
    "completion_type": "'NO_CHAIN'",
    **dict.fromkeys(("autocommit", "sql_auto_is_null", "sql_safe_updates"), 0),
    "sql_select_limit": 2**64 - 1,
    **dict.fromkeys(("sql_big_selects", "unique_checks", "foreign_key_checks"), 1),
    "div_precision_increment": 4,
}
#: How long a statement waits for a row, or a table, that somebody else has.
_WAITS = ("innodb_lock_wait_timeout", "lock_wait_timeout")
#: What making, extending and filling our tables and views takes on MariaDB.
_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "INDEX", "DROP", "CREATE VIEW")
#: Error numbers of MariaDB and MySQL.
_ERRORS: dict[int, type[errors.StoreError]] = {
    **dict.fromkeys((1044, 1045, 1142, 1143, 1227, 1370, 1698), errors.StoreDenied),
    **dict.fromkeys((1049, 2002, 2003, 2005), errors.StoreUnreachable),
    **dict.fromkeys((1036, 1290, 1792), errors.StoreReadOnly),
    **dict.fromkeys((1021, 1114, 3, 28), errors.StoreFull),
    **dict.fromkeys((1040, 1203, 1205), errors.StoreBusy),
    **dict.fromkeys((1020, 1213, 3058), errors.StoreConflict),
    **dict.fromkeys((1969, 3024), errors.StoreSlow),
    **dict.fromkeys((0, 1053, 1152, 1158, 1159, 1160, 1161, 1317, 1927, 2006, 2013, 2014, 2055), errors.StoreLost),
    **dict.fromkeys((1153, 1264, 1265, 1292, 1366, 1406), errors.StoreUnstorable),
    **dict.fromkeys((1054, 1146), errors.StoreForeign),
}
#: TLS in the extras of an Airflow connection, and pymysql's names for it.
_TLS = {"ca": "ssl_ca", "cert": "ssl_cert", "key": "ssl_key", "check_hostname": "ssl_check_hostname"}
#: With the rights of who asks, so that a dump can be restored by another user.
_CREATE_VIEW = "CREATE OR REPLACE SQL SECURITY INVOKER VIEW"
_STORED_VIEW = "SELECT view_definition FROM information_schema.views WHERE table_schema=DATABASE() AND table_name='{}'"


class MariadbWords(Words):
    """SQL of the views."""

    types = {"float": "DOUBLE", "int": "SIGNED", "text": "CHAR(32)"}  # noqa: RUF012
    _integer = "SIGNED"
    _real = "DOUBLE"

    def shifted(self, time: str, minutes: int) -> str:
        """As :meth:`Words.shifted`."""
        return f"{time} {'-' if minutes < 0 else '+'} INTERVAL {abs(minutes)} MINUTE"

    def earlier(self, time: str, minutes: str) -> str:
        """As :meth:`Words.earlier`."""
        return f"{time} - INTERVAL ({minutes}) MINUTE"

    def minutes_left(self, length: int) -> str:  # noqa: ARG002
        """The minutes are joined by their number ``k.k`` already."""
        return "k.k"

    def quotient(self, number: str, by: int) -> str:
        """Integer division."""
        return f"({number}) DIV {by}"

    def _grouped(self, period: Period, keys: str, aggregates: str) -> str:
        # MariaDB joins by key only where keys are equal: so each minute of the period is named. Its recursion stops unsaid at 1000 rows, so
        # digits count. DISTINCT keeps the two small tables as they are, STRAIGHT_JOIN their order.
        digits = "SELECT 0 AS d " + " ".join(f"UNION ALL SELECT {digit}" for digit in range(1, 10))
        days, every_day = _counted("d", 5, "span.days")
        hour, every_hour = _counted("h", 2, "23")
        minute, every_minute = _counted("n", 4, str(period.minutes - 1))
        end, joined = f"span.first_day + INTERVAL ({days} + 1) DAY", every_day
        if period is HOUR:
            end = f"span.first_day + INTERVAL ({days}) DAY + INTERVAL ({hour} + 1) HOUR"
            joined = f"{every_day} {every_hour}"
        return f"""  WITH digit AS ({digits}),
  span AS (
    SELECT CAST(DATE({FIRST} - INTERVAL 1 SECOND) AS DATETIME) AS first_day,
      DATEDIFF({LAST}, {FIRST} - INTERVAL 1 SECOND) AS days
  ),
  p AS (
    SELECT DISTINCT {self._period_columns(period, "DATE(e.tm_kst - INTERVAL 1 DAY)")}
    FROM (SELECT STRAIGHT_JOIN {end} AS tm_kst FROM span {joined}) e
  ),
  k AS (SELECT DISTINCT {minute} AS k FROM (SELECT 1 AS one) o {every_minute})
  SELECT STRAIGHT_JOIN {keys}, m.stn,
    {aggregates}
  FROM k JOIN p JOIN aws_minute m ON m.tm_kst = p.tm_kst - INTERVAL k.k MINUTE
  GROUP BY {keys}, m.stn"""


def _counted(name: str, places: int, last: str) -> tuple[str, str]:
    """A number 0 … last made of digits, and the joins that count it, the lowest digit running fastest."""
    digits = [f"{10**place} * {name}{place}.d" for place in range(places)]
    number = " + ".join(digits)
    joins = [f"JOIN digit {name}{place} ON {digit} <= {last}" for place, digit in enumerate(digits)]
    return number, f"{' '.join(joins)} AND {number} <= {last}"


class Mariadb(base.Engine):
    """MariaDB and MySQL."""

    name = "mariadb"
    drivers = dict.fromkeys(
        ("mysql", "mysql+pymysql", "mysql+mysqldb", "mariadb", "mariadb+pymysql", "mariadb+mariadbconnector"),
        "mysql+pymysql",
    )
    dialects = ("mysql", "mariadb")
    tables_there = "(SELECT t.table_name FROM information_schema.tables t WHERE t.table_schema = DATABASE())"
    words = MariadbWords()
    airflow_types = ("mysql", "mariadb")
    airflow_extras = ("unix_socket", "connect_timeout", "read_timeout", "write_timeout", "init_command")
    url_example = "mariadb://user:password@host/name"
    moment_type = mysql.DATETIME(fsp=6)
    text_type = mysql.MEDIUMTEXT()
    table_options = {  # noqa: RUF012
        f"{name}_{option}": value
        for name in ("mysql", "mariadb")
        for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
    }
    first_database = "mysql"
    duckdb = "mysql"

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
            name, unit = _time_limit(driver)
            with driver.cursor() as cursor:
                cursor.execute("SET SESSION TRANSACTION READ ONLY")
                cursor.execute(f"SET SESSION {name} = {seconds * unit:.9g}, net_write_timeout = {max(60, seconds):.0f}")

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
        if lacking := ", ".join(_lacking_rights(connection)):
            where = shown(connection.engine.url)
            ko = f"{where}: 사용자에게 없는 권한: {lacking}"
            raise errors.StoreDenied(f"{where}: this user lacks the rights {lacking}", ko=ko)

    def holds(self, found: base.ColumnType, wanted: base.ColumnType) -> bool:
        """As :meth:`Engine.holds`; TIMESTAMP depends on the session's time zone."""
        return not isinstance(found, (mysql.TIMESTAMP, mysql.TINYINT, mysql.MEDIUMINT)) and super().holds(found, wanted)

    def error_of(self, error: BaseException) -> type[errors.StoreError]:
        """As :meth:`Engine.error_of`. Without a number the driver found its connection gone ("(0, '')", or InterfaceError)."""
        number = error.args[0] if error.args and isinstance(error.args[0], int) else -1
        return _ERRORS.get(number, errors.StoreLost if type(error).__name__ == "InterfaceError" else errors.StoreError)

    def unfit_for_airflow(self, engine: sa.Engine) -> str | None:
        """As :meth:`Engine.unfit_for_airflow`: the scheduler clears away unused assets with ``WITH … DELETE``, which MySQL 8 knows and
        MariaDB does not.
        """
        with engine.connect() as connection:
            version = str(connection.exec_driver_sql("SELECT VERSION()").scalar_one())
        if "mariadb" not in version.lower():
            return None
        return f"MariaDB ({version})"

    def airflow_query(self, extras: dict[str, Any]) -> dict[str, str]:
        """As :meth:`Engine.airflow_query`; Airflow's own driver takes TLS as ``{"ssl": {"ca": …}}``."""
        tls = extras.pop("ssl", None) or {}
        for name in ("local_infile", "charset"):
            extras.pop(name, None)
        return super().airflow_query(extras) | {_TLS[name]: str(value) for name, value in tls.items() if name in _TLS}

    def make_database(self, connection: sa.Connection, name: str, user: str) -> None:
        """As :meth:`Engine.make_database`."""
        connection.exec_driver_sql(f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4")
        connection.exec_driver_sql(f"GRANT ALL ON {name}.* TO {user}")

    def replace_view(self, connection: sa.Connection, view: View, followers: Sequence[str]) -> bool:  # noqa: ARG002
        """As :meth:`Engine.replace_view`."""
        same = base.reads_so(connection, view, _CREATE_VIEW, _STORED_VIEW)
        if not same:
            base.run(connection, f"{_CREATE_VIEW} {view.name} AS {view.query}")
        return not same


def _connect(dialect: Any, _: Any, given: list[Any], named: dict[str, Any]) -> Any:
    """Connect, and set the session before SQLAlchemy asks it anything: it would believe what it finds (``ANSI_QUOTES``)."""
    connection = dialect.connect(*given, **named)
    session = _SESSION | dict.fromkeys(_WAITS, base.BUSY_SECONDS) | {_time_limit(connection)[0]: 0}
    with connection.cursor() as cursor:
        cursor.execute("SET NAMES utf8mb4 COLLATE utf8mb4_bin")
        cursor.execute(f"SET {', '.join(f'SESSION {name} = {value}' for name, value in session.items())}")
    return connection


def _time_limit(driver: Any) -> tuple[str, int]:
    """What the server calls the longest that a statement may take (0 = as long as it takes), and its units in a second."""
    return ("max_statement_time", 1) if "MariaDB" in driver.get_server_info() else ("max_execution_time", 1000)


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
                    where = shown(engine.url)
                    raise errors.StoreBusy(
                        f"{where}: another process holds {name}", ko=f"{where}: 다른 프로세스가 {name} 사용 중"
                    )
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
                self._insert(table, batch)

    def update(self, table: sa.Table, rows: pl.DataFrame) -> None:
        """Overwrite the rows that have these keys."""
        names, keys = names_of(table), keys_of(table)
        sets = ", ".join(f"{name} = VALUES({name})" for name in names if name not in keys)
        # The keys are there: nothing is inserted. One statement of many rows is far cheaper than many UPDATEs.
        self._insert(table, rows.select(names), f"ON DUPLICATE KEY UPDATE {sets}")

    def _merge(self, table: sa.Table, rows: pl.DataFrame, *, add: bool) -> None:
        keys = keys_of(table)
        merged = "{0} = {0} + VALUES({0})" if add else "{0} = GREATEST({0}, VALUES({0}))"
        sets = ", ".join(merged.format(name) for name in rows.columns if name not in keys)
        self._insert(table, rows, f"ON DUPLICATE KEY UPDATE {sets}")

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
                    f"({', '.join(rows.columns)})",
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

    def _insert(self, table: sa.Table, rows: pl.DataFrame, otherwise: str = "") -> None:
        names, marks = ", ".join(rows.columns), ", ".join(["%s"] * rows.width)
        with self.cursor() as cursor:
            for batch in batches(rows):
                cursor.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({marks}) {otherwise}", batch.rows())


ENGINE = Mariadb()
