"""The commands, one module each. Modules are light; what a command needs is imported when it runs."""

from __future__ import annotations

from importlib import import_module
from keyword import iskeyword
from typing import Any

import typer
from typer.main import get_command

from kmaflow.commands.help import Command, Group

#: Modules of this package in the order of the help; each holds a function of its own name and
#: ``HELP``, or ``app`` for a group of commands.
NAMES = (
    "init",
    "doctor",
    "collect",
    "backfill",
    "load",
    "import",
    "status",
    "why",
    "gaps",
    "plan",
    "repair",
    "watch",
    "read",
    "now",
    "export",
    "rebuild",
    "archive",
    "retention",
    "simulate",
    "stations",
    "serve",
    "token",
    "mcp",
    "sql",
    "airflow",
)


_ANYWHERE = ("-v", "--verbose", "--debug")


class Commands(Group):
    """Every command, made when it is asked for: each takes typer a millisecond, and only the help needs all of them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """``-v`` and ``--debug`` are understood after the command too."""
        end = args.index("--") if "--" in args else len(args)
        front = [one for one in args[:end] if one in _ANYWHERE]
        rest = [one for one in args[:end] if one not in _ANYWHERE]
        return super().parse_args(ctx, [*front, *rest, *args[end:]])

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """All names, in the order of the help."""
        return list(NAMES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, None if there is none."""
        if cmd_name not in NAMES:
            # For a slip of the pen typer proposes the nearest of the commands that are made.
            for name in NAMES:
                self.get_command(ctx, name)
        elif cmd_name not in self.commands:
            # A module cannot be called as a word of Python.
            cmd_module = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
            module = import_module(f"{__name__}.{cmd_module}")
            app = getattr(module, "app", None)
            if app is None:
                app = typer.Typer(add_completion=False)
                app.command(cmd_name, cls=Command, help=getattr(module, "HELP", None))(getattr(module, cmd_module))
            self.commands[cmd_name] = get_command(app)
            self.commands[cmd_name].name = cmd_name  # a group does not know its own
        return self.commands.get(cmd_name)
