"""What can go wrong with the database, in words that help; the transaction has been rolled back when one of these is seen.

StoreError
├── StoreUnreachable     no such folder, server or database
├── StoreMissing         no such file yet: nothing was ever stored there
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

from kmaflow.errors import KmaflowError


class StoreError(KmaflowError):
    """The database could not be used; nothing was written."""

    todo_en = "run: kmaflow doctor"
    todo_ko = "kmaflow doctor를 실행하십시오"


class StoreUnreachable(StoreError):
    """The database cannot be opened."""

    todo_en = "check KMAFLOW_DATABASE_URL (or the connection) and that its folder, server and database exist"
    todo_ko = "KMAFLOW_DATABASE_URL(또는 연결)과 그 폴더·서버·데이터베이스가 있는지 확인하십시오"


class StoreMissing(StoreError):
    """The file of the database is not there, and who only reads makes none."""

    todo_en = "kmaflow collect makes it; if it is elsewhere, set KMAFLOW_HOME or KMAFLOW_DATABASE_URL"
    todo_ko = (
        "kmaflow collect로 수집하면 생깁니다. 다른 곳에 있으면 KMAFLOW_HOME이나 KMAFLOW_DATABASE_URL을 설정하십시오"
    )


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
    todo_ko = "디스크 공간을 확보하고 같은 명령을 다시 실행하십시오(일부만 저장된 것은 없습니다)"


class StoreBusy(StoreError):
    """Another process is writing, or the server has no connection to give."""

    todo_en = "end the other writer or wait, then run the same command again"
    todo_ko = "다른 쓰기 작업이 끝난 뒤 같은 명령을 다시 실행하십시오"


class StoreConflict(StoreError):
    """A deadlock or a serialization failure: the server ended this transaction in favour of another."""

    todo_en = "run the same command again: nothing is half-written"
    todo_ko = "같은 명령을 다시 실행하십시오(일부만 저장된 것은 없습니다)"


class StoreLost(StoreConflict):
    """The server went away in the middle of a transaction."""

    todo_en = "see that the server runs, then run the same command again: nothing is half-written"
    todo_ko = "서버가 실행 중인지 확인하고 같은 명령을 다시 실행하십시오(일부만 저장된 것은 없습니다)"


class StoreMonthGone(StoreConflict):
    """Retention has dropped the month in this moment; it is made again."""


class StoreUnstorable(StoreError):
    """The database cannot hold a value of this answer (too large, too long, no text). The answer is refused as a whole; others are not."""

    code = "unstorable"
    todo_en = "the body is kept in the archive; report it, and load it with a newer kmaflow: kmaflow rebuild"
    todo_ko = "원문은 보관했습니다. 개발자에게 알리고, 새 버전에서 kmaflow rebuild로 다시 적재하십시오"


class StoreForeign(StoreError):
    """A table with our name is not ours, or the database cannot hold what we write."""

    todo_en = "use a database (or schema) of its own for kmaflow, or rename the other table"
    todo_ko = "kmaflow 전용 데이터베이스를 쓰거나 다른 테이블의 이름을 바꾸십시오"


class StoreSlow(StoreError):
    """The database took longer than is allowed to who only reads."""

    todo_en = "ask for less at once: a shorter window, fewer stations or elements"
    todo_ko = "한 번에 덜 요청하십시오: 더 짧은 기간, 더 적은 지점이나 요소"
