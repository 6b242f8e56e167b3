"""``kmaflow token``: who may ask the HTTP API."""

from __future__ import annotations

from typing import Annotated

import typer

from kmaflow.commands.help import Command, Group
from kmaflow.commands.output import Json, print_json, print_table
from kmaflow.language import say

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    add_completion=False,
    help=say(
        "HTTP API의 토큰\n\n예: kmaflow token add grafana",
        "Tokens of the HTTP API.\n\nExample: kmaflow token add grafana",
    ),
)


@app.command(
    "add",
    cls=Command,
    help=say(
        "토큰을 만들어 한 번만 표시합니다. SHA-256만 저장합니다.\n\n예: kmaflow token add grafana --expires 2027-01-01",
        "Make a token and show it, once: only its SHA-256 is stored.\n\nExample: kmaflow token add grafana --expires 2027-01-01",
    ),
)
def add(
    name: Annotated[str, typer.Argument(help=say("누구의 것인지", "whose it is"), metavar="NAME")],
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="T", help=say("끝나는 시각, KST", "until when, KST"))
    ] = None,
    per_minute: Annotated[
        int, typer.Option("--per-minute", min=1, help=say("1분 요청 한도", "requests a minute, at most"))
    ] = 600,
) -> None:
    """Make a token."""
    from kmaflow.catalog.time import parse_time
    from kmaflow.settings import load_settings
    from kmaflow.store import Store, tokens

    with Store(load_settings().database_url) as store:
        made = tokens.add(store, name, expires_at=parse_time(expires) if expires else None, per_minute=per_minute)
    typer.echo(made)


@app.command(
    "list",
    cls=Command,
    help=say(
        "토큰의 이름과 유효 기간을 표시합니다.\n\n예: kmaflow token list",
        "Show the name and expiry of every token; the tokens themselves are not stored.\n\nExample: kmaflow token list",
    ),
)
def list_(as_json: Json = False) -> None:
    """List the tokens."""
    from kmaflow.catalog.time import now_kst
    from kmaflow.settings import load_settings
    from kmaflow.store import Store, tokens

    now = now_kst()
    with Store(load_settings().database_url, must_exist=True) as store:
        found = tokens.listed(store)
    rows = [
        {
            "name": one.name,
            "valid": one.valid(now),
            "per_minute": one.per_minute,
            **{part: _time(getattr(one, part)) for part in ("created_at", "expires_at", "revoked_at")},
        }
        for one in found
    ]
    if as_json:
        print_json(rows)
    else:
        columns = ("name", "valid", "per_minute", "created_at", "expires_at", "revoked_at")
        print_table(say("토큰", "tokens"), columns, [[row[column] for column in columns] for row in rows])


@app.command(
    "revoke",
    cls=Command,
    help=say(
        "토큰을 취소합니다.\n\n예: kmaflow token revoke grafana",
        "Revoke a token (a running server notices within two seconds).\n\nExample: kmaflow token revoke grafana",
    ),
)
def revoke(name: Annotated[str, typer.Argument(help=say("이름", "name"), metavar="NAME")]) -> None:
    """Revoke a token."""
    from kmaflow.settings import load_settings
    from kmaflow.store import Store, tokens

    with Store(load_settings().database_url) as store:
        tokens.revoke(store, name)
    typer.echo(say(f"취소했습니다: {name}", f"revoked: {name}"))


def _time(moment: object) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M}"
