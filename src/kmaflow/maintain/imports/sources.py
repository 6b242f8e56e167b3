"""Where rows come from: tables of a database, which is only read, or a CSV file. Both give pieces of bounded size, every value as text."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.sql.elements import quoted_name

from kmaflow.errors import KmaflowError
from kmaflow.maintain.imports.mapping import MapError, TableMap
from kmaflow.store.engines.base import engines
from kmaflow.store.engines.database import kind_of, reading, shown
from kmaflow.store.errors import StoreError

#: Rows that are read at once: bounds the memory.
PIECE = 100_000
#: Seconds in which a server may read a table.
_PATIENCE = 7 * 86_400
#: Bytes of a file by which its encoding is told.
_HEAD = 1 << 20


class SourceError(KmaflowError):
    """The older tables, or the file, cannot be read."""

    todo_en = "check the URL of the older database (user, password, host, name), then run the same command again"
    todo_ko = "이전 데이터베이스의 URL(사용자, 암호, 호스트, 이름)을 확인하고 같은 명령을 다시 하십시오"


class TableMissing(SourceError):
    """The database has no such table."""

    todo_en = "check the name of the database in the URL and of the table in the map"
    todo_ko = "URL의 데이터베이스 이름과 맵의 테이블 이름을 확인하십시오"


class Source(Protocol):
    """What the importer needs of a source."""

    def fitted(self, rules: TableMap) -> TableMap:
        """The map with the names as this source writes them."""

    def count(self, rules: TableMap) -> int | None:
        """How many rows there are, where that is quickly told."""

    def name(self, rules: TableMap) -> str:
        """What is read, for people: never with a password, user or host."""

    def pieces(self, rules: TableMap) -> Iterator[pl.DataFrame]:
        """The columns of a fitted map as text, in the order in which rows came in."""


class Database:
    """Tables of a database.

    Raises (all methods):
        SourceError: the database cannot be read.
        MapError: a table is not shaped as the map says.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
        except sa.exc.ArgumentError:
            raise SourceError(
                "the URL of the older database cannot be read",
                ko="이전 데이터베이스의 URL을 읽을 수 없습니다",
                todo_en=f"write for example {' or '.join(engine.url_example for engine in engines())}",
                todo_ko=f"예: {', '.join(engine.url_example for engine in engines())}",
            ) from None
        if not parsed.database:
            raise SourceError(
                "the URL of the older database names no database",
                ko="이전 데이터베이스의 URL에 데이터베이스 이름이 없습니다",
            )
        with _told():
            kind, understood = kind_of(url)
            self._engine = kind.open_foreign(understood, _PATIENCE)

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    def name(self, rules: TableMap) -> str:
        """As :meth:`Source.name`."""
        return str(rules.table)

    def fitted(self, rules: TableMap) -> TableMap:
        """As :meth:`Source.fitted`; the table's name too is found whatever its letters.

        Raises:
            TableMissing: the database has no such table.
        """
        if rules.table is None:
            raise MapError(f"[{rules.name}] names no table", ko=f"[{rules.name}]에 table이 없습니다")
        schema, _, wanted = rules.table.rpartition(".")
        with self._reading() as connection:
            inspector = sa.inspect(connection)
            try:
                there = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]
            except sa.exc.NoSuchTableError:
                there = []
            table = next(
                (one for one in sorted(there, key=lambda one: one != wanted) if one.lower() == wanted.lower()), None
            )
            if table is None:
                raise TableMissing(
                    f"{shown(self._engine.url)} has no table {rules.table}",
                    ko=f"{shown(self._engine.url)}에 {rules.table} 테이블이 없습니다",
                )
            names = [column["name"] for column in inspector.get_columns(table, schema or None)]
        fitted = rules.fitted(names, rules.table)
        return fitted.model_copy(update={"table": f"{schema}.{table}" if schema else table})

    def count(self, rules: TableMap) -> int | None:
        """As :meth:`Source.count`."""
        with self._reading() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(_table(rules))).scalar_one()

    def pieces(self, rules: TableMap) -> Iterator[pl.DataFrame]:
        """As :meth:`Source.pieces`; without an order, by time and station."""
        table = _table(rules)
        order = [rules.order] if rules.order else [name for name in (rules.time, rules.stn) if isinstance(name, str)]
        query = sa.select(*(table.c[name] for name in rules.sources)).order_by(*(table.c[name] for name in order))
        with self._reading() as connection:
            streamed = connection.execution_options(stream_results=True, max_row_buffer=PIECE)
            with closing(streamed.execute(query)) as result:
                for rows in result.partitions(PIECE):
                    yield _frame(rules.sources, rows)

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with _told(), reading(self._engine) as connection:
            yield connection


def _table(rules: TableMap) -> sa.Table:
    """The table as far as the map knows it; columns without a type give what the driver gives."""
    schema, _, name = str(rules.table).rpartition(".")
    names = dict.fromkeys([*rules.sources, *([rules.order] if rules.order else [])])
    columns = [sa.Column(quoted_name(one, quote=True), sa.types.NullType()) for one in names]
    return sa.Table(quoted_name(name, quote=True), sa.MetaData(), *columns, schema=schema or None)


@contextmanager
def _told() -> Iterator[None]:
    """Errors of the older database, whose next step is not that of ours."""
    try:
        yield
    except StoreError as error:
        raise SourceError(error.what, ko=error.what_ko) from None


def _frame(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    columns = zip(names, zip(*rows, strict=True), strict=True)
    return pl.DataFrame(
        {name: pl.Series(name, [None if v is None else str(v) for v in values], pl.String) for name, values in columns}
    )


class CsvFile:
    """A file of values between commas, with a line of names.

    Raises (all methods):
        SourceError: it cannot be read.
        MapError: it is not shaped as the map says.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> CsvFile:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def name(self, rules: TableMap) -> str:  # noqa: ARG002
        """As :meth:`Source.name`."""
        return self.path.name

    def count(self, rules: TableMap) -> int | None:  # noqa: ARG002
        """As :meth:`Source.count`."""
        return None

    def fitted(self, rules: TableMap) -> TableMap:
        """As :meth:`Source.fitted`."""
        with self._lines(rules) as lines:
            names = [name.strip() for name in next(lines, [])]
        # The order of a file is that of its lines.
        return rules.fitted(names, self.path.name)

    def pieces(self, rules: TableMap) -> Iterator[pl.DataFrame]:
        """As :meth:`Source.pieces`. A line of too many or too few cells stands whole where its time belongs, which it is not."""
        with self._lines(rules) as lines:
            names = [name.strip() for name in next(lines, [])]
            places = [names.index(name) for name in rules.sources]
            broken = [None] * (len(places) - 1)
            while chunk := list(islice(lines, PIECE)):
                rows = [
                    [row[place] for place in places] if len(row) == len(names) else [",".join(row), *broken]
                    for row in chunk
                    if row
                ]
                yield (
                    _frame(rules.sources, rows)
                    if rows
                    else pl.DataFrame(schema=dict.fromkeys(rules.sources, pl.String))
                )

    @contextmanager
    def _lines(self, rules: TableMap) -> Iterator[Iterator[list[str]]]:
        try:
            encoding = rules.encoding or _encoding(self.path)
            with self.path.open(encoding=encoding, errors="replace", newline="") as file:
                yield csv.reader(file, delimiter=rules.delimiter)
        except OSError as cause:
            raise SourceError(
                f"{self.path}: {cause.strerror}", ko=f"{self.path}: 읽을 수 없습니다({cause.strerror})", **_FILE
            ) from None
        except LookupError:
            raise MapError(f"{rules.encoding} is no encoding", ko=f"{rules.encoding}은(는) 인코딩이 아닙니다") from None
        except csv.Error as cause:
            raise SourceError(
                f"{self.path}: {cause}", ko=f"{self.path}: CSV로 읽을 수 없습니다({cause})", **_FILE
            ) from None


_FILE = {
    "todo_en": "give a CSV file with a line of column names",
    "todo_ko": "열 이름 행이 있는 CSV 파일을 지정하십시오",
}


def _encoding(path: Path) -> str:
    """UTF-8, or CP949 as Korean spreadsheets save."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp949"
    return "utf-8-sig"
