"""The commands, one module each. Modules are light; what a command needs is imported when it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Hang every command on the application."""
    from kmaflow.commands import airflow, collect, doctor, init, load, simulate, stations, status, why

    app.command("init")(init.init)
    app.command("doctor")(doctor.doctor)
    app.add_typer(stations.app, name="stations")
    app.command("collect")(collect.collect)
    app.command("load")(load.load)
    app.command("status")(status.status)
    app.command("why")(why.why)
    app.command("simulate")(simulate.simulate)
    app.add_typer(airflow.app, name="airflow")
