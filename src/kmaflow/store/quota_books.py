"""What the quota writes: ``api_usage``, and two tables beside it. Every function is a part of its caller's transaction."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from kmaflow.store.books import API_USAGE, STATE_METADATA
from kmaflow.store.quota_limits import CLASSES, CallClass, Kind, Spent, Usage, day_of, next_midnight
from kmaflow.store.server import insert_if_absent, server_time
from kmaflow.store.types import MOMENT, ON_SERVERS, STAMP

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


def usage(connection: sa.Connection, key_id: str, now: datetime) -> Usage:
    """What is charged to the day of ``now`` (naive KST)."""
    table, key = API_USAGE.c, API_KEY_STATE.c
    rows = sa.select(table["class"], table.calls, table.bytes, table.reserved)
    found = connection.execute(rows.where(table.key_id == key_id, table.day_kst == day_of(now))).all()
    ended = sa.select(key.exhausted, key.exhausted_by, key.exhausted_until)
    # What lies further ahead was written by a clock that went wrong.
    soon = (key.exhausted_until > now) & (key.exhausted_until <= next_midnight(now))
    how = connection.execute(ended.where(key.key_id == key_id, soon)).first()
    by_class = dict.fromkeys(CLASSES, Spent()) | {row[0]: Spent(*row[1:]) for row in found}
    return Usage(key_id, day_of(now), by_class, *(how or ()))


def lock_key(connection: sa.Connection, key_id: str) -> datetime:
    """Hold the key's row until the transaction ends (on SQLite the whole file is held); gives when its next call may be, naive UTC."""
    row = sa.select(API_KEY_STATE.c.next_call_at).where(API_KEY_STATE.c.key_id == key_id).with_for_update()
    following: datetime | None = connection.execute(row).scalar()
    if following is None:
        insert_if_absent(connection, API_KEY_STATE, {"key_id": key_id, "next_call_at": server_time(connection.engine)})
        following = connection.execute(row).scalar_one()
    return following


def set_next_call(connection: sa.Connection, key_id: str, moment: datetime) -> None:
    """No call begins before ``moment``: naive UTC by the server's clock."""
    connection.execute(API_KEY_STATE.update().where(API_KEY_STATE.c.key_id == key_id).values(next_call_at=moment))


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
    table = API_USAGE.c
    changed = (
        API_USAGE.update()
        .where(table.key_id == key_id, table.day_kst == day, table["class"] == cls)
        .values(calls=table.calls + more.calls, bytes=table.bytes + more.bytes, reserved=table.reserved + more.reserved)
    )
    if not connection.execute(changed).rowcount:
        row = {"key_id": key_id, "day_kst": day, "class": cls, **asdict(more)}
        connection.execute(API_USAGE.insert().values(row))


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
