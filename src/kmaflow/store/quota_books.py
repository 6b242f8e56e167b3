"""What the quota writes: ``api_usage``, and two tables beside it. Every function is a part of its caller's transaction."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

import sqlalchemy as sa

from kmaflow.store.engines.server import insert_if_absent, server_time
from kmaflow.store.engines.types import MOMENT, ON_SERVERS, STAMP
from kmaflow.store.quota_limits import CLASSES, CallClass, Kind, Spent, Usage, day_of, next_midnight
from kmaflow.store.schema.service import API_USAGE, STATE_METADATA

API_KEY_STATE = sa.Table(
    "api_key_state",
    STATE_METADATA,
    sa.Column("key_id", sa.String(12), primary_key=True),
    sa.Column(
        "next_call_at", MOMENT, nullable=False, comment="UTC, 서버 시계: 다음 호출 / earliest next call, server's clock"
    ),
    sa.Column("exhausted", sa.String(8), comment="calls | bytes: 다 쓴 한도 / what is used up"),
    sa.Column("exhausted_by", sa.String(8), comment="hub | ceiling: 누가 말했는지 / who says so"),
    sa.Column("exhausted_until", STAMP, comment="이때까지 요청하지 않음 / nobody asks until then [KST]"),
    comment="인증키의 상태: 예약은 이 행을 잠그고 한다 / state of a key; reservations lock this row",
    **ON_SERVERS,
)

CALL_SIZE = sa.Table(
    "call_size",
    STATE_METADATA,
    sa.Column("key_id", sa.String(12), primary_key=True),
    sa.Column("such", sa.String(64), primary_key=True, comment="어떤 호출인지 / what such calls ask for"),
    sa.Column("bytes", sa.BigInteger, nullable=False, comment="가장 컸던 응답 / largest answer seen"),
    comment="호출 종류별 가장 큰 응답 / the largest answer to calls of one kind",
    **ON_SERVERS,
)


@dataclass(frozen=True, slots=True)
class Books:
    """What is written of a key at a moment.

    Attributes:
        usage: of the KST day at hand.
        following: when its next call may begin; ``now``: the server's moment; both naive UTC.
    """

    usage: Usage
    following: datetime
    now: datetime


@lru_cache
def _books_of_a_day(kind: str) -> sa.Select[Any]:
    """The key's row, once for each class that has spent something on a day. Made once for each kind of engine: it is asked for every call."""
    key, spent = API_KEY_STATE.c, API_USAGE.c
    of_day = (spent.key_id == key.key_id) & (spent.day_kst == sa.bindparam("day"))
    return (
        sa.select(
            key.next_call_at, key.exhausted, key.exhausted_by, key.exhausted_until, server_time(kind).label("now")
        )
        .add_columns(spent["class"].label("cls"), spent.calls, spent.bytes, spent.reserved)
        .select_from(API_KEY_STATE.outerjoin(API_USAGE, of_day))
        .where(key.key_id == sa.bindparam("key"))
    )


_LOCK = sa.select(API_KEY_STATE.c.key_id).where(API_KEY_STATE.c.key_id == sa.bindparam("key")).with_for_update()
_NEXT_CALL = (
    API_KEY_STATE.update().where(API_KEY_STATE.c.key_id == sa.bindparam("key")).values(next_call_at=sa.bindparam("at"))
)
_ADD = (
    API_USAGE.update()
    .where(API_USAGE.c.key_id == sa.bindparam("key"), API_USAGE.c.day_kst == sa.bindparam("day"))
    .where(API_USAGE.c["class"] == sa.bindparam("cls"))
    .values({name: API_USAGE.c[name] + sa.bindparam(f"more_{name}") for name in ("calls", "bytes", "reserved")})
)


def look(connection: sa.Connection, key_id: str, now: datetime) -> Books | None:
    """What is written of a key and the day of ``now`` (naive KST); None for a key that was never used."""
    day = day_of(now)
    rows = connection.execute(_books_of_a_day(connection.dialect.name), {"key": key_id, "day": day}).all()
    if not rows:
        return None
    key = rows[0]
    by_class = dict.fromkeys(CLASSES, Spent())
    by_class |= {row.cls: Spent(row.calls, row.bytes, row.reserved) for row in rows if row.cls is not None}
    # What lies further ahead was written by a clock that went wrong.
    ended = key.exhausted_until is not None and now < key.exhausted_until <= next_midnight(now)
    how = (key.exhausted, key.exhausted_by, key.exhausted_until) if ended else ()
    return Books(Usage(key_id, day, by_class, *how), key.next_call_at, key.now)


def usage(connection: sa.Connection, key_id: str, now: datetime) -> Usage:
    """What is charged to the day of ``now`` (naive KST)."""
    books = look(connection, key_id, now)
    return books.usage if books is not None else Usage(key_id, day_of(now), dict.fromkeys(CLASSES, Spent()))


def lock_key(connection: sa.Connection, key_id: str) -> None:
    """Hold the key's row, which is made if need be, until the transaction ends (on SQLite the whole file is held)."""
    if connection.execute(_LOCK, {"key": key_id}).first() is None:
        now = server_time(connection.dialect.name)
        insert_if_absent(connection, API_KEY_STATE, {"key_id": key_id, "next_call_at": now})
        connection.execute(_LOCK, {"key": key_id})


def books_held(connection: sa.Connection, key_id: str, now: datetime) -> Books:
    """As :func:`look`, after :func:`lock_key`: what it says stays true until the transaction ends."""
    lock_key(connection, key_id)
    books = look(connection, key_id, now)
    assert books is not None
    return books


def set_next_call(connection: sa.Connection, key_id: str, moment: datetime) -> None:
    """No call begins before ``moment``: naive UTC by the server's clock."""
    connection.execute(_NEXT_CALL, {"key": key_id, "at": moment})


def set_exhausted(
    connection: sa.Connection, key_id: str, kind: Kind, by: Literal["hub", "ceiling"], until: datetime
) -> None:
    """Calls or bytes are used up until then (naive KST). What the hub said is not replaced by what our books say."""
    key = API_KEY_STATE.c
    change = API_KEY_STATE.update().where(key.key_id == key_id)
    if by == "ceiling":
        change = change.where(sa.or_(key.exhausted_until.is_(None), key.exhausted_until < until))
    connection.execute(change.values(exhausted=kind, exhausted_by=by, exhausted_until=until))


def add(connection: sa.Connection, key_id: str, cls: CallClass, day: str, more: Spent) -> None:
    """Add to what a class has spent of a day. Who adds to a day that may be new holds the key's row."""
    amounts = asdict(more)
    mine = {"key": key_id, "day": day, "cls": cls}
    if not connection.execute(_ADD, {**mine, **{f"more_{name}": amount for name, amount in amounts.items()}}).rowcount:
        connection.execute(API_USAGE.insert().values({"key_id": key_id, "day_kst": day, "class": cls, **amounts}))


def most_seen(connection: sa.Connection, key_id: str, such: str) -> int | None:
    """Bytes of the largest answer to such a call, None before the first."""
    row = CALL_SIZE.c
    return connection.execute(sa.select(row.bytes).where(row.key_id == key_id, row.such == such)).scalar()


def all_seen(connection: sa.Connection, key_id: str) -> dict[str, int]:
    """Bytes of the largest answer to every kind of call of a key."""
    row = CALL_SIZE.c
    return {
        found.such: found.bytes
        for found in connection.execute(sa.select(row.such, row.bytes).where(row.key_id == key_id))
    }


def keys_of(connection: sa.Connection, day: str) -> list[str]:
    """The keys to which calls of a day are charged."""
    row = API_USAGE.c
    found = sa.select(row.key_id).where(row.day_kst == day).distinct().order_by(row.key_id)
    return list(connection.execute(found).scalars())


def remember(connection: sa.Connection, key_id: str, such: str, size: int) -> None:
    """Keep the size of an answer to such a call if none was larger."""
    row = CALL_SIZE.c
    larger = CALL_SIZE.update().where(row.key_id == key_id, row.such == such, row.bytes < size).values(bytes=size)
    if not connection.execute(larger).rowcount:
        insert_if_absent(connection, CALL_SIZE, {"key_id": key_id, "such": such, "bytes": size})
