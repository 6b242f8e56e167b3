"""``kmaflow status``: freshness, completeness, quota."""

from __future__ import annotations

from typing import Any

from kmaflow.commands.output import Json, print_json, print_table


def status(as_json: Json = False) -> None:
    """자료별 신선도와 오늘 쓴 한도. / Freshness of every dataset, rows, and what of the day's quota is spent."""
    from kmaflow.catalog.time import DAY, floor_to, now_kst
    from kmaflow.settings import load_settings
    from kmaflow.store import Store

    settings = load_settings()
    now = now_kst()
    with Store(settings.database_url) as store:
        found = store.status()
        calls, size = store.spent_since(floor_to(now, DAY))
        where = store.shown_url
    rows: list[dict[str, Any]] = [
        {
            "dataset": one.dataset,
            "present": one.present,
            "blank": one.blank,
            "first_hour": _time(one.first_hour),
            "last_stamp": _time(one.last_stamp),
            "lag_minutes": None if one.last_stamp is None else int((now - one.last_stamp).total_seconds() // 60),
            "last_fetch": _time(one.last_fetch),
        }
        for one in found
    ]
    spent = {"calls": calls, "daily_calls": settings.daily_calls, "bytes": size, "daily_bytes": settings.daily_bytes}
    if as_json:
        print_json({"database": where, "now_kst": _time(now), "datasets": rows, "quota_today": spent})
        return
    columns = tuple(rows[0])
    print_table(
        f"{where} · {_time(now)} KST",
        columns,
        [list(row.values()) for row in rows],
        right=("present", "blank", "lag_minutes"),
    )
    print_table("오늘 쓴 한도 / spent today (KST)", tuple(spent), [list(spent.values())], right=tuple(spent))


def _time(moment: Any) -> str | None:
    return f"{moment:%Y-%m-%d %H:%M}" if moment is not None else None
