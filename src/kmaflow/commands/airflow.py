"""``kmaflow airflow``: what Airflow needs to know of us."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, help="Airflow 설정 / settings inside Airflow")


@app.callback()
def _group() -> None:
    """Keep ``setup`` a subcommand even while it is the only one."""


@app.command("setup")
def setup() -> None:
    """풀 kma_apihub와 기본 연결을 만듭니다. / Make the pool kma_apihub and default connections; what you changed stays."""
    from kmaflow.errors import UsageError

    try:
        from kmaflow.airflow.setup import setup_airflow
    except ModuleNotFoundError as missing:
        raise UsageError(
            f"Airflow is not installed here ({missing.name} is missing)",
            todo_en="pip install 'kmaflow[airflow]'",
            todo_ko="pip install 'kmaflow[airflow]'",
        ) from None
    for line in setup_airflow():
        typer.echo(line)
