"""The statements of the quota. Every function is a part of its caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from kmaflow.quota.limits import CLASSES, CallClass, Kind, Spent, Usage, next_midnight, usage_day
from kmaflow.store.engines.database import insert_if_absent
from kmaflow.store.schema.service import API_KEY_STATE, API_USAGE, CALL_SIZE

_KEY, _SPENT = API_KEY_STATE.c, API_USAGE.c
#: The key's row beside the row of each class, of one day.
_DAY = (
    sa.select(_KEY.exhausted, _KEY.exhausted_by, _KEY.exhausted_until)
    .add_columns(_SPENT["class"].label("cls"), _SPENT.calls, _SPENT.bytes, _SPENT.reserved)
    .select_from(API_KEY_STATE.join(API_USAGE, _SPENT.key_id == _KEY.key_id))
    .where(_KEY.key_id == sa.bindparam("key"), _SPENT.day_kst == sa.bindparam("day"))
)
#: The same, held until the transaction ends. What a server gives is then the newest version of each row, however long it waited.
_DAY_LOCKED = _DAY.with_for_update()
_KEY_LOCKED = sa.select(_KEY.key_id).where(_KEY.key_id == sa.bindparam("key")).with_for_update()
_ADD = (
    API_USAGE.update()
    .where(_SPENT.key_id == sa.bindparam("key"), _SPENT.day_kst == sa.bindparam("day"))
    .where(_SPENT["class"] == sa.bindparam("cls"))
    .values({name: API_USAGE.c[name] + sa.bindparam(f"more_{name}") for name in ("calls", "bytes", "reserved")})
)


def usage(connection: sa.Connection, key_id: str, now: datetime) -> Usage:
    """What is charged to the day of ``now`` (naive KST)."""
    return _usage(connection.execute(_DAY, {"key": key_id, "day": usage_day(now)}).all(), key_id, now)


def usage_locked(connection: sa.Connection, key_id: str, now: datetime) -> Usage:
    """As :func:`usage`; it stays true until the transaction ends. The day's rows are made if need be."""
    asked = {"key": key_id, "day": usage_day(now)}
    rows = connection.execute(_DAY_LOCKED, asked).all()
    if len(rows) < len(CLASSES):
        _make_day(connection, key_id, usage_day(now))
        rows = connection.execute(_DAY_LOCKED, asked).all()
    return _usage(rows, key_id, now)


def _usage(rows: Sequence[sa.Row[Any]], key_id: str, now: datetime) -> Usage:
    by_class = dict.fromkeys(CLASSES, Spent())
    by_class |= {row.cls: Spent(row.calls, row.bytes, row.reserved) for row in rows}
    until = rows[0].exhausted_until if rows else None
    # What lies further ahead was written by a clock that went wrong.
    if until is None or not now < until <= next_midnight(now):
        return Usage(key_id, usage_day(now), by_class)
    return Usage(key_id, usage_day(now), by_class, rows[0].exhausted, rows[0].exhausted_by, until)


def _make_day(connection: sa.Connection, key_id: str, day: str) -> None:
    """Hold the key's row, and make those of a day's classes: nobody makes them at the same time."""
    if connection.execute(_KEY_LOCKED, {"key": key_id}).first() is None:
        insert_if_absent(connection, API_KEY_STATE, {"key_id": key_id})
        connection.execute(_KEY_LOCKED, {"key": key_id})
    for cls in CLASSES:
        insert_if_absent(connection, API_USAGE, {"key_id": key_id, "day_kst": day, "class": cls, **asdict(Spent())})


def set_exhausted(
    connection: sa.Connection, key_id: str, kind: Kind, by: Literal["hub", "ceiling"], until: datetime
) -> None:
    """Calls or bytes are used up until then (naive KST). What the hub said is not replaced by what our own sum says."""
    change = API_KEY_STATE.update().where(_KEY.key_id == key_id)
    if by == "ceiling":
        change = change.where(sa.or_(_KEY.exhausted_until.is_(None), _KEY.exhausted_until < until))
    connection.execute(change.values(exhausted=kind, exhausted_by=by, exhausted_until=until))


def add(connection: sa.Connection, key_id: str, cls: CallClass, day: str, more: Spent) -> None:
    """Add to what a class has spent of a day."""
    what = {"key": key_id, "day": day, "cls": cls, **{f"more_{name}": amount for name, amount in asdict(more).items()}}
    if not connection.execute(_ADD, what).rowcount:
        _make_day(connection, key_id, day)
        connection.execute(_ADD, what)


def sizes(connection: sa.Connection, key_id: str) -> dict[str, int]:
    """Bytes of the largest answer to every kind of call of a key."""
    row = CALL_SIZE.c
    found = connection.execute(sa.select(row.call_kind, row.bytes).where(row.key_id == key_id))
    return {size.call_kind: size.bytes for size in found}


def remember(connection: sa.Connection, key_id: str, call_kind: str, size: int) -> None:
    """Keep the size of an answer to such a call if none was larger."""
    row = CALL_SIZE.c
    larger = CALL_SIZE.update().where(row.key_id == key_id, row.call_kind == call_kind, row.bytes < size)
    if not connection.execute(larger.values(bytes=size)).rowcount:
        insert_if_absent(connection, CALL_SIZE, {"key_id": key_id, "call_kind": call_kind, "bytes": size})


def keys_of(connection: sa.Connection, day: str) -> list[str]:
    """The keys to which calls of a day are charged."""
    row = API_USAGE.c
    found = sa.select(row.key_id).where(row.day_kst == day).distinct().order_by(row.key_id)
    return list(connection.execute(found).scalars())
