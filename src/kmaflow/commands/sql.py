"""``kmaflow sql``: DuckDB over a lake, and over the database beside it."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from kmaflow.commands.output import Json, print_json, print_table
from kmaflow.language import say

HELP = say(
    """레이크를 DuckDB SQL로 조회합니다. 자료와 지점이 테이블입니다.

    예: kmaflow sql --lake archive/lake "SELECT stn, max(ta) FROM aws_minute WHERE year = 2026 AND month = 11 GROUP BY stn ORDER BY 2 DESC LIMIT 5\"""",
    """Query a lake with SQL, by DuckDB: its datasets and stations are tables.

    Example: kmaflow sql --lake archive/lake "SELECT stn, max(ta) FROM aws_minute WHERE year = 2026 AND month = 11 GROUP BY stn ORDER BY 2 DESC LIMIT 5\"""",
)


def sql(
    query: Annotated[str, typer.Argument(help="SELECT …", metavar="SQL")],
    lake: Annotated[
        str,
        typer.Option(
            "--lake",
            help=say("kmaflow export --lake 가 만든 곳", "where kmaflow export --lake made it"),
            metavar="PATH_OR_URL",
        ),
    ],
    database: Annotated[
        bool, typer.Option("--database", help=say("관측 DB도 db.표 로", "the observation database too, as db.TABLE"))
    ] = False,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help=say("표 대신 CSV", "CSV instead of a table"))] = False,
) -> None:
    """Query a lake with SQL."""
    from fsspec.core import url_to_fs
    from fsspec.implementations.local import LocalFileSystem

    from kmaflow.errors import UsageError
    from kmaflow.read.lake import views_of

    try:
        import duckdb
    except ModuleNotFoundError:
        raise UsageError(
            "DuckDB is not installed",
            ko="DuckDB가 설치되어 있지 않습니다",
            todo_en="pip install 'kmaflow[lake]'",
            todo_ko="pip install 'kmaflow[lake]'",
        ) from None
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        files, _ = url_to_fs(lake)
        if not isinstance(files, LocalFileSystem):
            connection.register_filesystem(files)
        views = views_of(lake)
        for name, source in views.items():
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {source}")
        if database:
            _attach(connection)
        try:
            _only_reads(connection, query)
            found = connection.execute(query)
            columns = [column[0] for column in found.description or ()]
            rows: list[tuple[Any, ...]] = found.fetchall()
        except duckdb.Error as cause:
            first = str(cause).splitlines()[0]
            raise UsageError(
                first,
                ko=first,
                todo_en="correct the statement; tables: " + ", ".join(views),
                todo_ko="SQL을 고치십시오. 테이블: " + ", ".join(views),
            ) from None
    if as_json:
        print_json({"columns": columns, "rows": [dict(zip(columns, row, strict=True)) for row in rows]})
    elif as_csv:
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    else:
        print_table("", columns, rows)


def _only_reads(connection: Any, query: str) -> None:
    """One statement that only reads.

    Raises:
        UsageError: it is another one, or there are several.
    """
    import duckdb

    from kmaflow.errors import UsageError

    statements = connection.extract_statements(query)
    if [one.type for one in statements] != [duckdb.StatementType.SELECT]:
        raise UsageError(
            "kmaflow sql takes one statement that only reads",
            ko="kmaflow sql은 읽기만 하는 문장 하나를 받습니다",
            todo_en="write one SELECT (or WITH, FROM, DESCRIBE, SHOW TABLES, SUMMARIZE); files are written by kmaflow export",
            todo_ko="SELECT 하나를 쓰십시오(WITH, FROM, DESCRIBE, SHOW TABLES, SUMMARIZE도 됩니다). 파일은 kmaflow export로 만듭니다",
        )


def _attach(connection: Any) -> None:
    """The observation database as ``db``, read only.

    Raises:
        UsageError: DuckDB lacks the extension that reads it.
    """
    import duckdb

    from kmaflow.errors import UsageError
    from kmaflow.settings import load_settings
    from kmaflow.store.engines.database import kind_of

    engine, url = kind_of(load_settings().database_url)
    extension, quoted = engine.duckdb, engine.duckdb_source(url).replace("'", "''")
    try:
        connection.execute(f"ATTACH '{quoted}' AS db (TYPE {extension}, READ_ONLY)")
    except duckdb.Error:
        # Its words may hold the password.
        raise UsageError(
            f"DuckDB cannot open the database with its extension {extension}",
            ko=f"DuckDB 확장 {extension}에서 데이터베이스를 열지 못합니다",
            todo_en=f"install it once, with internet: duckdb -c 'INSTALL {extension}'; or leave --database out",
            todo_ko=f"인터넷이 될 때 한 번 설치하십시오: duckdb -c 'INSTALL {extension}'. 아니면 --database를 빼십시오",
        ) from None
