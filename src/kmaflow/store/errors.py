"""What can go wrong with the database, in words that help; the transaction has been rolled back when one of these is seen.

StoreError
├── StoreUnreachable     no such file, folder, server or database
├── StoreDenied          wrong user or password, or a right is missing
├── StoreReadOnly        it may not be written
├── StoreFull            no room on the disk
├── StoreBusy            another writer held it for too long
├── StoreConflict        two transactions met; the same transaction may succeed when run again
│   ├── StoreLost        the connection went away in the middle
│   └── StoreMonthGone   a month was dropped in this moment
├── StoreUnstorable      a value that the database cannot hold
└── StoreForeign         a table of ours has another shape, or the database is not set up for Korean text
"""

from __future__ import annotations

import re
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

    todo_en = "check KMAFLOW_DATABASE_URL (or the connection) and that its folder, server and database exist"
    todo_ko = "KMAFLOW_DATABASE_URL(또는 연결)과 그 폴더·서버·데이터베이스가 있는지 확인하십시오"


class StoreDenied(StoreError):
    """The server knows this user not, or not with this password, or does not let it do this."""

    todo_en = "check user and password, and grant the user all rights on a database of its own"
    todo_ko = "사용자와 암호를 확인하고, 전용 데이터베이스의 모든 권한을 주십시오"


class StoreReadOnly(StoreError):
    """The database may not be written."""

    todo_en = "give this user the right to write, or choose another KMAFLOW_DATABASE_URL"
    todo_ko = "쓰기 권한을 주거나 KMAFLOW_DATABASE_URL을 바꾸십시오"


class StoreFull(StoreError):
    """No room is left."""

    todo_en = "free disk space, then run the same command again: nothing is half-written"
    todo_ko = "디스크를 비우고 같은 명령을 다시 하십시오: 쓰다 만 것은 없습니다"


class StoreBusy(StoreError):
    """Another process is writing, or the server has no connection to give."""

    todo_en = "end the other writer or wait, then run the same command again"
    todo_ko = "다른 쓰기 작업이 끝난 뒤 같은 명령을 다시 하십시오"


class StoreConflict(StoreError):
    """A deadlock or a serialization failure: the server ended this transaction in favour of another."""

    todo_en = "run the same command again: nothing is half-written"
    todo_ko = "같은 명령을 다시 하십시오: 쓰다 만 것은 없습니다"


class StoreLost(StoreConflict):
    """The server went away in the middle of a transaction."""

    todo_en = "see that the server runs, then run the same command again: nothing is half-written"
    todo_ko = "서버가 도는지 확인하고 같은 명령을 다시 하십시오: 쓰다 만 것은 없습니다"


class StoreMonthGone(StoreConflict):
    """Retention has dropped the month in this moment; it is made again."""


class StoreUnstorable(StoreError):
    """The database cannot hold a value of this answer (too large, too long, no text). The answer is refused as a whole; others are not."""

    code = "unstorable"
    todo_en = "the body is kept in the archive; report it, and load it with a newer kmaflow: kmaflow rebuild"
    todo_ko = "원문은 보관되었습니다; 알려 주시고, 새 kmaflow에서 kmaflow rebuild 로 다시 적재하십시오"


class StoreForeign(StoreError):
    """A table with our name is not ours, or the database cannot hold what we write."""

    todo_en = "use a database (or schema) of its own for kmaflow, or rename the other table"
    todo_ko = "kmaflow 전용 데이터베이스를 쓰거나 다른 표의 이름을 바꾸십시오"


class StoreSlow(StoreError):
    """The database took longer than is allowed to who only reads."""

    todo_en = "ask for less at once: a shorter window, fewer stations or elements"
    todo_ko = "한 번에 덜 요청하십시오: 더 짧은 기간, 더 적은 지점이나 요소"


#: Words of SQLite's errors, which have no codes of use.
_SQLITE: tuple[tuple[str, type[StoreError]], ...] = (
    ("interrupted", StoreSlow),
    ("readonly database", StoreReadOnly),
    ("attempt to write a readonly", StoreReadOnly),
    ("disk is full", StoreFull),
    ("disk i/o error", StoreFull),
    ("database is locked", StoreBusy),
    ("unable to open", StoreUnreachable),
    ("string or blob too big", StoreUnstorable),
    ("not a database", StoreForeign),
    ("has no column", StoreForeign),
    ("no such column", StoreForeign),
)
#: SQLSTATE, or its class; PostgreSQL, appendix A.
_POSTGRESQL: dict[str, type[StoreError]] = {
    "28": StoreDenied,
    "42501": StoreDenied,
    "3D": StoreUnreachable,
    "25006": StoreReadOnly,
    "53100": StoreFull,
    "53300": StoreBusy,
    "55P03": StoreBusy,
    "40": StoreConflict,
    "08": StoreLost,
    "57014": StoreSlow,
    "57P": StoreLost,
    "23514": StoreMonthGone,
    "42P01": StoreForeign,
    "42703": StoreForeign,
    "42804": StoreForeign,
    **dict.fromkeys(("22001", "22003", "22007", "22008", "22021", "22P02", "22P03", "22P04"), StoreUnstorable),
    "22P05": StoreForeign,
}
#: While connecting, psycopg has no SQLSTATE.
_POSTGRESQL_WORDS: tuple[tuple[str, type[StoreError]], ...] = (
    ("cannot contain nul", StoreUnstorable),
    ("password", StoreDenied),
    ("no pg_hba.conf entry", StoreDenied),
    ("role ", StoreDenied),
    ("too many clients", StoreBusy),
    ("remaining connection slots", StoreBusy),
    ("server closed the connection", StoreLost),
    ("terminating connection", StoreLost),
    ("ssl syscall error", StoreLost),
    ("the connection is closed", StoreLost),
    ("connection is lost", StoreLost),
    ("consuming input failed", StoreLost),
    ("sending query failed", StoreLost),
    ("starting up", StoreLost),
    ("shutting down", StoreLost),
)
#: Error numbers of MariaDB and MySQL.
_MYSQL: dict[int, type[StoreError]] = {
    **dict.fromkeys((1044, 1045, 1142, 1143, 1227, 1370, 1698), StoreDenied),
    **dict.fromkeys((1049, 2002, 2003, 2005), StoreUnreachable),
    **dict.fromkeys((1036, 1290, 1792), StoreReadOnly),
    **dict.fromkeys((1021, 1114, 3, 28), StoreFull),
    **dict.fromkeys((1040, 1203, 1205), StoreBusy),
    **dict.fromkeys((1020, 1213, 3058), StoreConflict),
    **dict.fromkeys((1969, 3024), StoreSlow),
    **dict.fromkeys((0, 1053, 1152, 1158, 1159, 1160, 1161, 1317, 1927, 2006, 2013, 2014, 2055), StoreLost),
    **dict.fromkeys((1153, 1264, 1265, 1292, 1366, 1406), StoreUnstorable),
    **dict.fromkeys((1054, 1146), StoreForeign),
}


def _kind(error: BaseException) -> type[StoreError]:
    """Which of ours a driver's error is."""
    module = type(error).__module__.partition(".")[0]
    text = str(error).lower()
    if module == "psycopg":
        state = getattr(error, "sqlstate", None) or ""
        for length in (5, 3, 2):
            if found := _POSTGRESQL.get(state[:length]):
                return found
        if state:
            return StoreError
        unreachable = StoreUnreachable if "connect" in text or "resolve" in text or "does not exist" in text else None
        return next((kind for words, kind in _POSTGRESQL_WORDS if words in text), unreachable or StoreError)
    if module == "pymysql":
        number = error.args[0] if error.args and isinstance(error.args[0], int) else -1
        # Without a number the driver found its connection gone ("(0, '')", or InterfaceError).
        return _MYSQL.get(number, StoreLost if type(error).__name__ == "InterfaceError" else StoreError)
    return next((kind for words, kind in _SQLITE if words in text), StoreError)


def _words(error: BaseException) -> str:
    """A driver's message in one line, without the number tuple of pymysql."""
    if len(error.args) == 2 and isinstance(error.args[0], int):
        return f"{error.args[1] or type(error).__name__} ({error.args[0]})"
    return re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__


@contextmanager
def translated(where: str, driver: type[Exception] = sqlite3.Error) -> Iterator[None]:
    """Turn the errors of SQLAlchemy and of the driver itself into ours. ``where`` names the database without its password."""
    try:
        yield
    except sa.exc.ArgumentError as cause:
        raise UsageError(
            f"KMAFLOW_DATABASE_URL is no SQLAlchemy URL ({type(cause).__name__})",
            todo_en="write for example sqlite:///var/kmaflow.db or postgresql://user:password@host/name",
            todo_ko="예: sqlite:///var/kmaflow.db, postgresql://사용자:암호@서버/이름",
        ) from None
    except (sa.exc.DBAPIError, driver) as cause:
        original = (cause.orig if isinstance(cause, sa.exc.DBAPIError) else cause) or cause
        kind = _kind(original)
        raise kind(f"{where}: {_words(original)}") from (cause if kind is StoreError else None)
    except (UnicodeError, OverflowError) as cause:
        # Met by the driver before anything was sent.
        raise StoreUnstorable(f"{where}: {cause}") from None
    except (ConnectionError, TimeoutError) as cause:
        raise StoreLost(f"{where}: {cause.strerror or cause}") from None
    except OSError as cause:
        raise StoreUnreachable(f"{where}: {cause.strerror or cause}") from None
