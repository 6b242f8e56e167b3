"""What a database says, without surrogate ids: equal for equal databases, whatever the engine and the order of ids."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from kmaflow.store import Store

from ..store.bodies import columns, rows

_TABLES = {
    "station": ("network", "stn", "valid_from"),
    "completeness_hour": ("dataset", "hour_kst", "stn"),
    "latest": ("dataset", "stn"),
    "aws_present_weather_code": ("tm_kst", "stn", "k"),
}
_OBSERVED = (
    "aws_minute", "aws_cloud", "aws_visibility", "aws_ground_temperature", "aws_present_weather", "asos_hourly",
)  # fmt: skip
_FETCH = "f.dataset, f.stn, f.tm_from, f.tm_to, f.fetched_at, f.sha256"


def snapshot(store: Store) -> dict[str, Any]:
    """Observations, stations, revisions, rejected lines, counts and last stamps; each reference to a request as (sha256, fetched_at)."""
    there = set(sa.inspect(store.engine).get_table_names())
    found: dict[str, Any] = {}
    for table, keys in _TABLES.items():
        if table in there:
            named = ", ".join(columns(store, table))
            found[table] = rows(store, f"SELECT {named} FROM {table} ORDER BY {', '.join(keys)}")
    for table in _OBSERVED:
        if table in there:
            named = ", ".join(f"o.{name}" for name in columns(store, table) if name != "request_id")
            found[table] = rows(
                store,
                f"SELECT {named}, f.sha256, f.fetched_at FROM {table} o JOIN request f ON f.id = o.request_id ORDER BY o.tm_kst, o.stn",
            )
            assert len(found[table]) == rows(store, f"SELECT COUNT(*) FROM {table}")[0][0], "a row without its request"
    found["revision"] = sorted(
        rows(
            store,
            "SELECT r.dataset, r.tm_kst, r.stn, r.col, r.old_value, r.new_value, r.cause, r.changed_at, "
            "n.sha256, n.fetched_at, o.sha256, o.fetched_at FROM revision r JOIN request n ON n.id = r.new_request "
            "LEFT JOIN request o ON o.id = r.old_request",
        ),
        key=str,
    )
    assert len(found["revision"]) == rows(store, "SELECT COUNT(*) FROM revision")[0][0]
    found["rejected_line"] = sorted(
        rows(
            store,
            "SELECT l.dataset, l.tm_kst, l.stn, l.line, l.text, l.reason, f.sha256, f.fetched_at "
            "FROM rejected_line l JOIN request f ON f.id = l.request_id",
        ),
        key=str,
    )
    assert len(found["rejected_line"]) == rows(store, "SELECT COUNT(*) FROM rejected_line")[0][0]
    return found


def ledger(store: Store) -> list[tuple[object, ...]]:
    """Every answer with bytes and what became of it."""
    return sorted(
        rows(
            store,
            f"SELECT {_FETCH}, f.http_status, f.outcome, f.bytes, f.row_count, f.rejected, f.parser_version, f.message, f.lacking "
            "FROM request f WHERE f.sha256 IS NOT NULL",
        ),
        key=str,
    )
