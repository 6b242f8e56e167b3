"""PostgreSQL 13 and later by psycopg 3. COPY in both directions; small writes as one statement over arrays; minute tables by month."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL

from kmaflow.store.engines import base
from kmaflow.store.engines.database import number_of, shown, writing
from kmaflow.store.engines.loader import STAMP_TEXT, Loader, batches, from_csv, keys_of, names_of, on_conflict
from kmaflow.store.engines.words import FIRST, LAST, Period, Words
from kmaflow.store.errors import (
    StoreBusy,
    StoreConflict,
    StoreDenied,
    StoreError,
    StoreForeign,
    StoreFull,
    StoreLost,
    StoreMonthGone,
    StoreReadOnly,
    StoreSlow,
    StoreUnreachable,
    StoreUnstorable,
)

if TYPE_CHECKING:
    from kmaflow.store.views.definition import View

#: Every setting of a session on PostgreSQL 13+ that changes what we read or write, or ends our work in the middle, besides ``lock_timeout``.
_SESSION = {
    "DateStyle": "ISO,MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "default_transaction_isolation": "read\\ committed",
    "default_transaction_deferrable": "off",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    # Over many partitions the planner expects far more rows than come and would compile for seconds.
    "jit": "off",
}
_PIECE = 4_000
_TYPES: dict[type[sa.types.TypeEngine[Any]], str] = {
    sa.DateTime: "timestamp",
    sa.Double: "double precision",
    sa.BigInteger: "bigint",
    sa.Integer: "integer",
}
#: SQLSTATE, or its class (appendix A).
_ERRORS: dict[str, type[StoreError]] = {
    **dict.fromkeys(("28", "42501"), StoreDenied),
    "3D": StoreUnreachable,
    "25006": StoreReadOnly,
    "53100": StoreFull,
    **dict.fromkeys(("53300", "55P03"), StoreBusy),
    "40": StoreConflict,
    **dict.fromkeys(("08", "57P"), StoreLost),
    "57014": StoreSlow,
    "23514": StoreMonthGone,
    **dict.fromkeys(("22001", "22003", "22007", "22008", "22021", "22P02", "22P03", "22P04"), StoreUnstorable),
    **dict.fromkeys(("42P01", "42703", "42804", "22P05"), StoreForeign),
}
#: While connecting, psycopg has no SQLSTATE: words of its errors, the first that fits.
_ERROR_WORDS: dict[str, type[StoreError]] = {
    "cannot contain nul": StoreUnstorable,
    **dict.fromkeys(("password", "no pg_hba.conf entry", "role "), StoreDenied),
    **dict.fromkeys(("too many clients", "remaining connection slots"), StoreBusy),
    **dict.fromkeys(("server closed the connection", "terminating connection", "ssl syscall error"), StoreLost),
    **dict.fromkeys(("the connection is closed", "connection is lost", "consuming input failed"), StoreLost),
    **dict.fromkeys(("sending query failed", "starting up", "shutting down"), StoreLost),
    **dict.fromkeys(("connect", "resolve", "does not exist"), StoreUnreachable),
}
#: Extras that libpq knows by these names; everything else in an Airflow connection's extras is for Airflow's own hook.
_LIBPQ = (
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl", "sslsni", "ssl_min_protocol_version"),
    *("channel_binding", "gssencmode", "connect_timeout", "options", "application_name", "target_session_attrs"),
    *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "service", "passfile", "hostaddr"),
)
#: A view is replaced only by one with the same columns.
_OTHER_COLUMNS = "42P16"


class PostgresqlWords(Words):
    """SQL of the views."""

    lateral = True

    def sine(self, degrees: str) -> str:
        """As :meth:`Words.sine`."""
        return f"SIND({degrees})"

    def cosine(self, degrees: str) -> str:
        """As :meth:`Words.cosine`."""
        return f"COSD({degrees})"

    def bearing(self, east: str, north: str) -> str:
        """As :meth:`Words.bearing`."""
        return f"ATAN2D({east}, {north})"

    def _grouped(self, period: Period, keys: str, aggregates: str) -> str:
        # LATERAL: each period reads its own minutes and nothing else; which partitions hold them is decided as it runs. Of an array the planner
        # expects ten periods, of generate_series a thousand: then it would take half a second to compile what runs in ten milliseconds.
        first = f"(SELECT date_trunc('{period.name}', {FIRST} - INTERVAL '1 second') + INTERVAL '1 {period.name}')"
        last = f"(SELECT {LAST} + INTERVAL '{period.minutes - 1} minutes')"
        return f"""  SELECT {keys}, g.*
  FROM (
    SELECT {self._period_columns(period, "CAST(e.tm_kst - INTERVAL '1 day' AS DATE)")}
    FROM unnest(ARRAY(SELECT generate_series({first}, {last}, INTERVAL '1 {period.name}'))) e(tm_kst)
  ) p CROSS JOIN LATERAL (
    SELECT m.stn,
    {aggregates}
    FROM aws_minute m WHERE m.tm_kst > p.opened AND m.tm_kst <= p.tm_kst
    GROUP BY m.stn
  ) g"""


class Postgresql(base.Engine):
    """PostgreSQL."""

    name = "postgresql"
    drivers = dict.fromkeys(
        ("postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"), "postgresql+psycopg"
    )
    dialects = ("postgresql",)
    inserts_partitions = True
    tables_there = "(SELECT table_name WHERE to_regclass(table_name) IS NOT NULL)"
    words = PostgresqlWords()
    airflow_types = ("postgres", "postgresql")
    airflow_extras = _LIBPQ
    url_example = "postgresql://user:password@host/name"
    partition_options = {"postgresql_partition_by": "RANGE (tm_kst)"}  # noqa: RUF012
    first_database = "postgres"
    duckdb, duckdb_database = "postgres", "dbname"

    def open(self, url: URL) -> sa.Engine:
        """As :meth:`Engine.open`."""
        session = _SESSION | {"lock_timeout": f"{base.BUSY_SECONDS}s"}
        options = " ".join(f"-c {name}={value}" for name, value in session.items())
        given = url.query.get("options", ())
        if given:
            options = f"{options} {given if isinstance(given, str) else ' '.join(given)}"
            url = url.difference_update_query(["options"])
        arguments: dict[str, Any] = {"options": options, "client_encoding": "utf8"}
        if "connect_timeout" not in url.query:
            arguments["connect_timeout"] = base.CONNECT_SECONDS
        if "application_name" not in url.query:
            arguments["application_name"] = "kmaflow"
        return sa.create_engine(url, connect_args=arguments, pool_pre_ping=True, pool_size=4)

    def only_read(self, engine: sa.Engine, seconds: float) -> None:
        """As :meth:`Engine.only_read`."""

        def prepare(driver: Any, _: Any) -> None:
            with driver.cursor() as cursor:
                cursor.execute("SET default_transaction_read_only = on")
                cursor.execute(f"SET statement_timeout = {round(seconds * 1000)}")
            driver.commit()

        sa.event.listen(engine, "connect", prepare)

    def loader(self, connection: sa.Connection) -> Loader:
        """As :meth:`Engine.loader`."""
        return PostgresqlLoader(connection)

    def rows(self, driver: Any, schema: dict[str, pl.DataType], query: str) -> pl.DataFrame:
        """As :meth:`Engine.rows`, by COPY."""
        buffer = BytesIO()
        statement = f"COPY (SELECT {', '.join(schema)} {query}) TO STDOUT (FORMAT csv)"
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for part in copy:
                buffer.write(part)
        return from_csv(schema, buffer.getvalue())

    @contextmanager
    def alone(self, engine: sa.Engine, names: Sequence[str]) -> Iterator[sa.Connection]:
        """As :meth:`Engine.alone`: advisory locks of the transaction."""
        with writing(engine) as connection:
            for name in names:
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (number_of(name),))
            yield connection

    def now(self, ahead: float) -> str:
        """As :meth:`Engine.now`."""
        return f"(clock_timestamp() AT TIME ZONE 'UTC' + interval '{round(ahead * 1e6)} microseconds')"

    def insert_if_absent(self, table: sa.Table, values: Mapping[str, Any]) -> sa.Insert:
        """As :meth:`Engine.insert_if_absent`."""
        return postgresql.insert(table).values(values).on_conflict_do_nothing()

    def partitions_of(self, connection: sa.Connection, table: str) -> list[str]:
        """As :meth:`Engine.partitions_of`."""
        found = connection.exec_driver_sql(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass(%s)",
            (table,),
        )
        return [str(name).removeprefix(f"{table}_") for name in found.scalars()]

    def add_partitions(
        self,
        connection: sa.Connection,
        table: str,
        there: Sequence[str],  # noqa: ARG002
        missing: Mapping[str, tuple[str, str]],
    ) -> None:
        """As :meth:`Engine.add_partitions`. Made beside the table and then attached: that locks out no writer, as CREATE TABLE … PARTITION OF
        would.
        """
        key = connection.exec_driver_sql("SELECT pg_get_partkeydef(to_regclass(%s))", (table,)).scalar()
        if key != "RANGE (tm_kst)":
            raise StoreForeign(
                f"{shown(connection.engine.url)}: the table {table} is not partitioned by tm_kst",
                ko=f"{shown(connection.engine.url)}: 테이블 {table}: tm_kst로 파티션되어 있지 않습니다",
                todo_en="rename it, let kmaflow make its own, and copy the rows: INSERT INTO … SELECT",
                todo_ko="이름을 바꾸고 kmaflow가 테이블을 만들게 한 뒤 INSERT INTO … SELECT로 행을 옮기십시오",
            )
        _refuse_detached(connection, table, missing)
        for name, (start, end) in missing.items():
            part = f"{table}_{name}"
            connection.exec_driver_sql(f"CREATE TABLE {part} (LIKE {table} INCLUDING ALL EXCLUDING COMMENTS)")
            connection.exec_driver_sql(
                f"ALTER TABLE {table} ATTACH PARTITION {part} FOR VALUES FROM ({start}) TO ({end})"
            )

    def drop_partition(self, connection: sa.Connection, table: str, name: str, month: datetime) -> None:  # noqa: ARG002
        """As :meth:`Engine.drop_partition`: a partition holds its own month only."""
        connection.exec_driver_sql(f"ALTER TABLE {table} DETACH PARTITION {table}_{name}")
        connection.exec_driver_sql(f"DROP TABLE {table}_{name}")

    @contextmanager
    def patience(self, connection: sa.Connection, seconds: int) -> Iterator[None]:
        """As :meth:`Engine.patience`, until the transaction ends."""
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{seconds}s'")
        yield

    def refuse_unfit(self, connection: sa.Connection) -> None:
        """As :meth:`Engine.refuse_unfit`: another encoding than UTF8. A missing right the transaction itself shows, and leaves nothing."""
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            raise StoreForeign(
                f"{shown(connection.engine.url)}: the encoding of this database is {encoding}, which cannot hold Korean text",
                ko=f"{shown(connection.engine.url)}: 인코딩이 {encoding}인 데이터베이스에는 한글을 저장할 수 없습니다",
                todo_en="make one that can, and name it in KMAFLOW_DATABASE_URL: CREATE DATABASE kmaflow ENCODING 'UTF8' TEMPLATE template0",
                todo_ko="UTF8 데이터베이스를 만들어 KMAFLOW_DATABASE_URL에 쓰십시오: CREATE DATABASE kmaflow ENCODING 'UTF8' TEMPLATE template0",
            )

    def error_of(self, error: BaseException) -> type[StoreError]:
        """As :meth:`Engine.error_of`."""
        if state := getattr(error, "sqlstate", None):
            return next((_ERRORS[state[:length]] for length in (5, 3, 2) if state[:length] in _ERRORS), StoreError)
        return next((kind for words, kind in _ERROR_WORDS.items() if words in str(error).lower()), StoreError)

    def make_database(self, connection: sa.Connection, name: str, user: str) -> None:  # noqa: ARG002
        """As :meth:`Engine.make_database`; whoever makes it owns it."""
        if connection.scalar(sa.text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}) is None:
            connection.exec_driver_sql(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")

    def grant(self, user: str, database: str) -> str:  # noqa: ARG002
        """As :meth:`Engine.grant`."""
        return f'GRANT ALL ON SCHEMA public TO "{user}"'

    def replace_view(self, connection: sa.Connection, view: View, followers: Sequence[str]) -> bool:
        """As :meth:`Engine.replace_view`, with comments on the view and its columns."""
        stored = "SELECT pg_get_viewdef(to_regclass('{}'))"
        same = base.reads_so(connection, view, "CREATE OR REPLACE VIEW", stored)
        if not same:
            _replace(connection, view, followers)
        return _comment(connection, view) or not same


def _replace(connection: sa.Connection, view: View, followers: Sequence[str]) -> None:
    statement = f"VIEW {view.name} AS {view.query}"
    try:
        with connection.begin_nested():
            base.run(connection, f"CREATE OR REPLACE {statement}")
    except sa.exc.ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _OTHER_COLUMNS:
            raise
        # Those of ours that read it go first and are made again after it. A user's own view that reads it stops this.
        for name in reversed(followers):
            base.run(connection, f"DROP VIEW IF EXISTS {name}")
        base.run(connection, f"CREATE {statement}")


def _comment(connection: sa.Connection, view: View) -> bool:
    """Say in PostgreSQL what the view and its columns are; whether anything was to be said."""
    wanted = {"": view.comment} | {column.name: column.comment for column in view.columns}
    said = base.run(
        connection,
        f"SELECT '', obj_description('{view.name}'::regclass) UNION ALL SELECT attname, col_description(attrelid, attnum) "
        f"FROM pg_attribute WHERE attrelid = '{view.name}'::regclass AND attnum > 0",
    )
    differing = wanted.items() - {(str(row[0]), row[1]) for row in said}
    for name, comment in differing:
        what = f"COLUMN {view.name}.{name}" if name else f"VIEW {view.name}"
        quoted = comment.replace("'", "''")
        base.run(connection, f"COMMENT ON {what} IS '{quoted}'")
    return bool(differing)


def _refuse_detached(connection: sa.Connection, table: str, names: Iterable[str]) -> None:
    """A month that somebody has detached still has its rows: what becomes of them is not ours to say."""
    parts = [f"{table}_{name}" for name in names]
    found = connection.exec_driver_sql(
        "SELECT min(relname) FROM pg_class WHERE relname = ANY(%s) AND pg_table_is_visible(oid)", (parts,)
    ).scalar()
    if found is not None:
        raise StoreForeign(
            f"{shown(connection.engine.url)}: the table {found} is there but is no partition of {table}",
            ko=f"{shown(connection.engine.url)}: 테이블 {found}: {table}의 파티션이 아닙니다",
            todo_en=f"attach it again, rename it or drop it: ALTER TABLE {table} ATTACH PARTITION …",
            todo_ko=f"다시 붙이거나 이름을 바꾸거나 지우십시오: ALTER TABLE {table} ATTACH PARTITION …",
        )


class PostgresqlLoader(Loader):
    """Loads into PostgreSQL with psycopg 3."""

    def insert(self, table: sa.Table, rows: pl.DataFrame) -> None:
        """Rows whose keys are new, straight into the table."""
        names = names_of(table)
        with (
            self.cursor() as cursor,
            cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN (FORMAT csv)") as copy,
        ):
            # In small pieces: the server reads one while the next is printed.
            for batch in rows.select(names).iter_slices(_PIECE):
                copy.write(_csv(batch))

    def update(self, table: sa.Table, rows: pl.DataFrame) -> None:
        """Overwrite the rows that have these keys."""
        keys = keys_of(table)
        values = [name for name in names_of(table) if name not in keys]
        sets = ", ".join(f"{name} = s.{name}" for name in values)
        where = " AND ".join(f"t.{name} = s.{name}" for name in keys)
        # The planner must see which partition is meant.
        low, high = rows.select(low=pl.col("tm_kst").min(), high=pl.col("tm_kst").max()).row(0)
        within = f"t.tm_kst BETWEEN '{low:{STAMP_TEXT}}' AND '{high:{STAMP_TEXT}}'"
        self._arrays(
            table,
            rows.select(names_of(table)),
            lambda source: f"UPDATE {table.name} t SET {sets} FROM {source} WHERE {where} AND {within}",
        )

    def _merge(self, table: sa.Table, rows: pl.DataFrame, *, add: bool) -> None:
        names, conflict = ", ".join(rows.columns), on_conflict(table, add=add)
        self._arrays(
            table,
            rows,
            lambda source: f"INSERT INTO {table.name} AS t ({names}) SELECT {names} FROM {source} {conflict}",
        )

    def _arrays(self, table: sa.Table, rows: pl.DataFrame, statement: Callable[[str], str]) -> None:
        """A statement over the rows, given as one array for each column: one round trip, planned once."""
        kinds = [
            next((kind for one, kind in _TYPES.items() if isinstance(table.c[name].type, one)), "text")
            for name in rows.columns
        ]
        source = f"unnest({', '.join(f'%s::{kind}[]' for kind in kinds)}) AS s({', '.join(rows.columns)})"
        with self.cursor() as cursor:
            for batch in batches(rows):
                cursor.execute(statement(source), [_array(column) for column in batch.iter_columns()])


def _array(column: pl.Series) -> str | list[Any]:
    """A column as the server reads an array: printed by polars at once, where the driver prints element by element."""
    if column.dtype.is_float():
        return column.to_list()
    if column.dtype == pl.String:
        escaped = column.str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
        printed = '"' + escaped + '"'
    elif column.dtype == pl.Datetime:
        printed = column.dt.to_string("%Y-%m-%d %H:%M:%S%.6f")
    else:
        printed = column.cast(pl.String)
    return "{" + (printed.fill_null("NULL").str.join(",").item() or "") + "}"


def _csv(rows: pl.DataFrame) -> memoryview:
    buffer = BytesIO()
    rows.write_csv(buffer, include_header=False, datetime_format=STAMP_TEXT)
    return buffer.getbuffer()


ENGINE = Postgresql()
