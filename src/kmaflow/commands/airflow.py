"""``kmaflow airflow``: what Airflow needs to know of us."""

from __future__ import annotations

import typer

from kmaflow.commands.help import Command, Group
from kmaflow.commands.output import tell
from kmaflow.language import say

app = typer.Typer(
    cls=Group,
    add_completion=False,
    no_args_is_help=True,
    help=say("Airflow 설정\n\n예: kmaflow airflow setup", "Settings inside Airflow.\n\nExample: kmaflow airflow setup"),
)


@app.callback()
def _group() -> None:
    """Keep ``setup`` a subcommand even while it is the only one."""


@app.command(
    "setup",
    cls=Command,
    help=say(
        """풀 kma_apihub와 기본 연결을 만듭니다. 이미 바꾼 설정은 유지합니다.

        예: airflow db migrate && kmaflow airflow setup""",
        """Make the pool kma_apihub and the default connections; what you changed is kept.

        Example: airflow db migrate && kmaflow airflow setup""",
    ),
)
def setup() -> None:
    """Prepare Airflow."""
    from importlib.util import find_spec

    from kmaflow.errors import UsageError

    if find_spec("airflow") is None:
        raise UsageError(
            "Airflow is not installed here",
            ko="Airflow가 설치되어 있지 않습니다",
            todo_en="pip install 'kmaflow[airflow]'",
            todo_ko="pip install 'kmaflow[airflow]'로 설치하십시오",
        )
    from kmaflow.airflow.provider.setup import setup_airflow

    for line in setup_airflow():
        tell(line)
