"""How MariaDB loads fastest: LOAD DATA LOCAL; where the server forbids it, INSERTs of many rows and one warning.

Reading back, the server prints each row as one text: the driver is Python, and takes one field much faster than twenty.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence

import polars as pl
import sqlalchemy as sa

from kmaflow.store.engines.loader import Loader, batches
from kmaflow.store.schema.columns import STAMP_TEXT, keys_of, names_of

log = logging.getLogger(__name__)

#: Not allowed: by the server (1148, 4166 and MySQL's 3948), or for want of a privilege.
_LOCAL_FORBIDDEN = (1148, 3948, 4166)
#: Servers that have been complained about.
_slow: set[str] = set()


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
