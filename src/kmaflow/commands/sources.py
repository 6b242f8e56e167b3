"""Where home, key, hub and database come from, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmaflow.language import say

if TYPE_CHECKING:
    from kmaflow.settings import Settings


def sources(settings: Settings) -> list[str]:
    """A line for each of them."""
    key = say("설정됨", "set") if settings.api_key else say("없음", "none")
    return [
        f"{say('데이터베이스', 'database')}: {database(settings)}",
        _line(say("폴더", "home"), str(settings.home), "home", settings),
        _line(say("API허브", "hub"), settings.hub_url, "hub_url", settings),
        _line(say("인증키", "key"), key, "api_key", settings),
    ]


def database(settings: Settings) -> str:
    """The database and why it is this one."""
    from kmaflow.settings import source
    from kmaflow.store.engines.database import shown

    named = source("database_url", settings)
    if named == source("", settings):
        # By default it lies in the home, wherever that comes from.
        named = source("home", settings)
    return f"{shown(settings.database_url)} ({named})"


def neighbour_line(settings: Settings) -> str | None:
    """Where a database near an empty one holds rows, how to look into that."""
    from kmaflow.store.engines.database import neighbour_of

    if (near := neighbour_of(settings.database_url)) is None:
        return None
    url, rows = near
    return say(
        f"{url}에 {rows:,}행이 있습니다: KMAFLOW_DATABASE_URL={url} kmaflow status",
        f"{url} holds {rows:,} rows: KMAFLOW_DATABASE_URL={url} kmaflow status",
    )


def _line(name: str, value: str, field: str, settings: Settings) -> str:
    from kmaflow.settings import source

    return f"{name}: {value} ({source(field, settings)})"
