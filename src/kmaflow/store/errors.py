"""What can go wrong with the database, in words that help; the transaction has been rolled back when one of these is seen.

StoreError
├── StoreUnreachable     no such file, folder, server or database
├── StoreReadOnly        it may not be written
├── StoreFull            no room on the disk
├── StoreBusy            another writer held it for too long
└── StoreForeign         a table of ours has another shape: somebody else's, or of another version
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from kmaflow.errors import KmaflowError, UsageError


class StoreError(KmaflowError):
    """The database could not be used; nothing was written."""

    todo_en = "run: kmaflow doctor"
    todo_ko = "kmaflow doctor 를 실행하십시오"


class StoreUnreachable(StoreError):
    """The database cannot be opened."""

    todo_en = "check KMAFLOW_DATABASE_URL and that its folder or server exists and may be entered"
    todo_ko = "KMAFLOW_DATABASE_URL과 그 폴더(서버)가 있는지, 들어갈 권한이 있는지 확인하십시오"


class StoreReadOnly(StoreError):
    """The database may not be written."""

    todo_en = "give this user the right to write the file and its folder, or choose another KMAFLOW_DATABASE_URL"
    todo_ko = "파일과 폴더의 쓰기 권한을 주거나 KMAFLOW_DATABASE_URL을 바꾸십시오"


class StoreFull(StoreError):
    """No room is left."""

    todo_en = "free disk space, then run the same command again: nothing is half-written"
    todo_ko = "디스크를 비우고 같은 명령을 다시 하십시오: 쓰다 만 것은 없습니다"


class StoreBusy(StoreError):
    """Another process is writing."""

    todo_en = "end the other writer or wait, then run the same command again"
    todo_ko = "다른 쓰기 작업이 끝난 뒤 같은 명령을 다시 하십시오"


class StoreForeign(StoreError):
    """A table with our name is not ours."""

    todo_en = "use a database (or schema) of its own for kmaflow, or rename the other table"
    todo_ko = "kmaflow 전용 데이터베이스를 쓰거나 다른 표의 이름을 바꾸십시오"


_SQLITE: tuple[tuple[str, type[StoreError]], ...] = (
    ("readonly database", StoreReadOnly),
    ("attempt to write a readonly", StoreReadOnly),
    ("disk is full", StoreFull),
    ("disk i/o error", StoreFull),
    ("database is locked", StoreBusy),
    ("unable to open", StoreUnreachable),
    ("not a database", StoreForeign),
    ("has no column", StoreForeign),
    ("no such column", StoreForeign),
)


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn the driver's errors into ours. ``where`` names the database without its password."""
    try:
        yield
    except sa.exc.ArgumentError as cause:
        raise UsageError(
            f"KMAFLOW_DATABASE_URL is no SQLAlchemy URL ({type(cause).__name__})",
            todo_en="write for example sqlite:///var/kmaflow.db",
            todo_ko="예: sqlite:///var/kmaflow.db",
        ) from None
    except (sa.exc.DBAPIError, sqlite3.Error) as cause:
        original = cause.orig if isinstance(cause, sa.exc.DBAPIError) else cause
        text = str(original)
        for sign, error in _SQLITE:
            if sign in text.lower():
                raise error(f"{where}: {text}") from None
        raise StoreError(f"{where}: {text}") from cause
    except OSError as cause:
        raise StoreUnreachable(f"{where}: {cause.strerror or cause}") from None
