"""``kmaflow init``: make the tables."""

from __future__ import annotations

from typing import Annotated

import typer

from kmaflow.commands.output import Json, print_json, tell
from kmaflow.language import say

HELP = say(
    """테이블을 만듭니다. 관측 테이블은 자료를 처음 저장할 때 만들며, --all이면 지금 모두 만듭니다.

    예: kmaflow init --all""",
    """Make the service tables. An observation table is made when its dataset is first stored, or now with --all.

    Example: kmaflow init --all""",
)


def init(
    all_tables: Annotated[
        bool, typer.Option("--all", help=say("관측 테이블도 모두 생성", "make observation tables too"))
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the tables."""
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
            tell(
                f"{store.shown_url}: {say('생성: ', 'made: ') + ', '.join(made) if made else say('이미 모두 있음', 'all tables exist')}"
            )
