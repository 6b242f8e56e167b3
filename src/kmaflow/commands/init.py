"""``kmaflow init``: make the tables."""

from __future__ import annotations

from typing import Annotated

import typer

from kmaflow.commands.output import Json, print_json


def init(
    all_tables: Annotated[bool, typer.Option("--all", help="관측 표도 모두 / observation tables too")] = False,
    as_json: Json = False,
) -> None:
    """표를 만듭니다. / Make the service tables; an observation table is made when its dataset is first loaded, or now with --all."""
    from kmaflow.settings import load_settings
    from kmaflow.store import Store
    from kmaflow.store.state import State

    settings = load_settings()
    with Store(settings.database_url) as store, State(settings.state_url) as state:
        state.look()
        made = store.init(all_tables=all_tables) + state.init()
        if as_json:
            print_json({"database": store.shown_url, "made": made})
        else:
            typer.echo(f"{store.shown_url}: {', '.join(made) + ' 만듦 / made' if made else '이미 다 있음 / all there'}")
