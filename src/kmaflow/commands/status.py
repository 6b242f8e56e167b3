"""``kmaflow status``: freshness, completeness, quota."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kmaflow.commands.output import Json, print_json, print_table, tell, verbose
from kmaflow.commands.sources import database, neighbour_line
from kmaflow.language import say

if TYPE_CHECKING:
    from datetime import datetime

    from kmaflow.quota.limits import Usage
    from kmaflow.settings import Settings


HELP = say(
    """자료별 최신 시각과 지연, 오늘 사용한 한도를 표시합니다.

    예: kmaflow status --json""",
    """Show how recent every dataset is, how many rows it has, and how much of today's quota is used.

    Example: kmaflow status --json""",
)


def status(
    as_json: Json = False,
    prometheus: Annotated[
        bool, typer.Option("--prometheus", help=say("Prometheus 형식으로 출력", "in Prometheus' text format"))
    ] = False,
) -> None:
    """Show freshness and quota."""
    from kmaflow.catalog.time import now_kst
    from kmaflow.settings import load_settings
    from kmaflow.store import Store

    settings = load_settings()
    if prometheus:
        typer.echo(_exposition(settings), nl=False)
        return
    now = now_kst()
    with Store(settings.database_url, must_exist=True) as store:
        found = store.status()
        held = store.held_lists()
        one_by_one = store.asked_one_by_one(settings.window_minutes)
        where = store.shown_url
    rows: list[dict[str, Any]] = [
        {
            "dataset": one.dataset,
            "present": one.present,
            "blank": one.blank,
            "first_hour": _time(one.first_hour),
            "last_stamp": _time(one.last_stamp),
            "lag_minutes": None if one.last_stamp is None else int((now - one.last_stamp).total_seconds() // 60),
            "last_answer": _time(one.last_answer),
            "given_up": one.given_up,
            "note": one.note,
        }
        for one in found
    ]
    quotas = _quotas(settings, now)
    if as_json:
        told: dict[str, Any] = {
            "database": where,
            "database_from": database(settings),
            "now_kst": _time(now),
            "datasets": rows,
        }
        told["asked_one_by_one"] = one_by_one
        told["held_station_lists"] = {name: {"since": _time(since), "why": why} for name, (since, why) in held.items()}
        print_json(told | {"quota_today": quotas[0], "other_keys_today": quotas[1:]})
        return
    heads = {
        "dataset": say("자료", "dataset"),
        "last_stamp": say("최신 시각", "latest"),
        "lag": say("지연", "lag"),
        "present": say("행", "rows"),
        "blank": say("결측", "blank"),
        "first_hour": say("첫 시각", "first hour"),
        "last_answer": say("마지막 응답", "last response"),
        "given_up": say("중단", "abandoned"),
    }
    lags = [_lag(row["lag_minutes"]) for row in rows]
    print_table(
        f"{database(settings)} · {_time(now)} KST",
        list(heads.values()),
        [[(row | {"lag": lag})[name] for name in heads] for row, lag in zip(rows, lags, strict=True)],
        right=[heads[name] for name in ("lag", "present", "blank", "given_up")],
        more=[heads[name] for name in ("blank", "first_hour", "last_answer", "given_up")],
    )
    if not any(row["present"] + row["blank"] for row in rows) and (near := neighbour_line(settings)):
        tell(near)
    for row in rows:
        if row["note"]:
            tell(f"{row['dataset']}: {row['note']}")
    for name, why in one_by_one.items():
        tell(say(f"{name}: 한 시각씩 요청: {why}", f"{name}: requested stamp by stamp: {why}"))
    for name, (since, why) in held.items():
        tell(
            say(
                f"지점 목록 {name} 보류({_time(since)}부터): {why} → kmaflow stations sync --force",
                f"station list {name} held since {_time(since)}: {why} → kmaflow stations sync --force",
            )
        )
    for at, quota in enumerate(quotas):
        _show(quota, ours=quota["key_id"] is None or (at == 0 and settings.api_key is not None))


def _usages(settings: Settings, now: datetime) -> list[Usage]:
    """What every key that was used has spent today, the one of the settings first. Old and new keys are counted apart."""
    from kmaflow.collect.live_need import limits
    from kmaflow.hub.secrecy import key_id
    from kmaflow.quota.quota import Quota, spent_by_all
    from kmaflow.store.errors import StoreMissing, StoreReadOnly
    from kmaflow.store.state import State

    with State(settings.state_url, must_exist=True) as state:
        try:
            used = spent_by_all(state, now)
        except (StoreMissing, StoreReadOnly):
            # The tables are not there and cannot be made: nothing was ever spent.
            return []
        if settings.api_key is None:
            return used
        ours = key_id(settings.api_key)
        usage = Quota(state, ours, limits(settings), clock=lambda: now).spent()
        return [usage, *(one for one in used if one.key_id != ours)]


def _quotas(settings: Settings, now: datetime) -> list[dict[str, Any]]:
    from kmaflow.collect.live_need import limits

    allowed, used = limits(settings), _usages(settings, now)
    bounds = {"daily_calls": allowed.daily_calls, "daily_bytes": allowed.daily_bytes}
    bounds |= {"calls_ceiling": allowed.calls_ceiling, "bytes_ceiling": allowed.bytes_ceiling}
    if not used:
        return [{"key_id": None, "day": f"{now:%Y-%m-%d}", "calls": 0, "bytes": 0, "reserved": 0, **bounds}]
    return [_told(usage) | bounds for usage in used]


def _told(usage: Usage) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "key_id": usage.key_id,
        "day": usage.day,
        **asdict(usage.total),
        "by_class": {name: asdict(spent) for name, spent in usage.by_class.items()},
        "exhausted": usage.exhausted,
        "exhausted_by": usage.exhausted_by,
        "until": _time(usage.until),
    }


def _show(quota: dict[str, Any], *, ours: bool) -> None:
    """What a key has used today, in one line; with -v by kind of call."""
    whose = (
        say("오늘 사용한 한도", "quota used today")
        if ours
        else say(
            f"지금 설정되지 않은 인증키({quota['key_id']})의 오늘 사용",
            f"used today by a key not set now ({quota['key_id']})",
        )
    )
    calls, ceiling = f"{quota['calls']:,}", f"{quota['calls_ceiling']:,}"
    used, room = f"{quota['bytes'] / 1e6:,.1f}", f"{quota['bytes_ceiling'] / 1e6:,.0f}"
    tell(
        say(
            f"{whose}: 호출 {calls} / {ceiling}회, {used} / {room} MB",
            f"{whose}: {calls} of {ceiling} calls, {used} of {room} MB",
        )
    )
    if verbose() and quota.get("by_class"):
        columns = ("", say("호출", "calls"), say("바이트", "bytes"), say("예약", "reserved"))
        rows = [[name, *spent.values()] for name, spent in quota["by_class"].items()]
        print_table("", columns, rows, right=columns[1:])
    if quota.get("exhausted"):
        by = {"hub": say("API허브", "the hub"), "ceiling": "98 %"}[quota["exhausted_by"]]
        tell(
            say(
                f"한도 소진({by}): {quota['until']}(한국시각)까지 요청하지 않습니다",
                f"quota used up ({by}: {quota['exhausted']}): no requests until {quota['until']} KST",
            )
        )


def _lag(minutes: int | None) -> str | None:
    """A length of time in its two largest units."""
    if minutes is None:
        return None
    days, hours = divmod(minutes // 60, 24)
    if days:
        return say(f"{days}일 {hours}시간", f"{days} d {hours} h")
    return (
        say(f"{hours}시간 {minutes % 60}분", f"{hours} h {minutes % 60} min")
        if hours
        else say(f"{minutes}분", f"{minutes} min")
    )


def _exposition(settings: Settings) -> str:
    from kmaflow.catalog.time import now_kst
    from kmaflow.collect.live_need import limits
    from kmaflow.status.health import health, quota_left
    from kmaflow.status.metrics import exposition, samples
    from kmaflow.store import Store
    from kmaflow.store.coverage.gaps import asked
    from kmaflow.store.engines.database import reading
    from kmaflow.store.selection import resolve_stations

    now = now_kst()
    with Store(settings.database_url, must_exist=True) as store:
        store.init()
        with reading(store.engine) as connection:
            names = asked(connection)
            stations = resolve_stations(connection, settings.stations, names).stations if names else None
            found = health(connection, names, now=now, stations=stations, start=settings.start)
    allowed = limits(settings)
    left = [quota_left(usage, allowed) for usage in _usages(settings, now)]
    return exposition(samples(found, left))


def _time(moment: Any) -> str | None:
    return f"{moment:%Y-%m-%d %H:%M}" if moment is not None else None
