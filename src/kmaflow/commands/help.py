"""Help in the reader's language, whole at the width of the terminal: usage, text, example, arguments, options, commands, exit codes."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from kmaflow.commands.output import folded
from kmaflow.language import say

#: Text is no wider than this, and names of options take no more than that.
_WIDEST, _NAMES = 100, 28
_EXAMPLE = ("예: ", "Example: ")
_SAYS_DEFAULT = re.compile("기본:|default:")
#: What typer has texts of its own for, in English.
_OWN = {
    "help": ("도움말", "this help"),
    "install_completion": ("지금 쓰는 셸에 자동 완성을 설치", "install completion for this shell"),
    "show_completion": ("자동 완성 스크립트를 출력", "print the completion script of this shell"),
}


class Helped:
    """Mixed into typer's commands and groups."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The whole help."""
        formatter.write("\n".join(_lines(self, ctx)) + "\n")


class Command(Helped, TyperCommand):
    """A command."""


class Group(Helped, TyperGroup):
    """A group of commands."""


def _lines(command: Any, ctx: Any) -> Iterator[str]:
    from kmaflow.commands.output import width

    # Two columns are left: some terminals break a line that fills them.
    columns = min(width(sys.stdout.fileno()) if sys.stdout.isatty() else int(os.environ.get("COLUMNS") or 80), _WIDEST)
    parameters = [one for one in command.get_params(ctx) if not getattr(one, "hidden", False)]
    arguments = [one for one in parameters if one.param_type_name == "argument"]
    options = [one for one in parameters if one.param_type_name != "argument"]
    names = command.list_commands(ctx) if hasattr(command, "list_commands") else []
    usage = [ctx.command_path, say("[옵션]", "[OPTIONS]"), *(_metavar(one) for one in arguments)]
    usage += [say("명령 …", "COMMAND …")] if names else []
    yield folded(f"{_bold(say('사용법:', 'Usage:'))} {' '.join(usage)}", columns, " " * 4)
    yield ""
    for paragraph in (command.help or "").split("\n\n"):
        text = " ".join(paragraph.split())
        example = next((mark for mark in _EXAMPLE if text.startswith(mark)), None)
        if example:
            yield _bold(example.strip())
            for line in text.removeprefix(example).split(" → "):
                yield folded(f"  {line}", columns, " " * 6, " \\")
        else:
            yield folded(text, columns)
        yield ""
    yield from _section(say("인자", "Arguments"), ((_metavar(one), one.help or "") for one in arguments), columns)
    yield from _section(say("옵션", "Options"), ((_names(one), _told(one)) for one in options), columns)
    commands = [(name, command.get_command(ctx, name)) for name in names]
    yield from _section(say("명령", "Commands"), ((name, _first(one.help)) for name, one in commands), columns)
    codes = say(
        "종료 코드: 0 완료 · 1 실패 · 2 사용법 오류 · 3 완료했으나 누락 있음",
        "Exit codes: 0 complete · 1 failed · 2 wrong usage · 3 done but data are still missing",
    )
    yield folded(codes, columns)


def _section(title: str, rows: Iterable[tuple[str, str]], columns: int) -> Iterator[str]:
    """Names and what they are for, side by side; a name that is long has a line of its own."""
    from rich.cells import cell_len

    found = list(rows)
    if not found:
        return
    yield _bold(title)
    wide = min(_NAMES, max(cell_len(name) for name, _ in found))
    indent = " " * (wide + 4)
    for name, told in found:
        if cell_len(name) > wide:
            yield f"  {name}"
            name = ""
        head = f"  {name}{' ' * (wide - cell_len(name))}  "
        yield head + folded(indent + told, columns, indent)[len(indent) :]
    yield ""


def _bold(text: str) -> str:
    return text if "NO_COLOR" in os.environ else typer.style(text, bold=True)


def _metavar(one: Any) -> str:
    name = one.metavar or one.name.upper()
    return name if one.required or name.startswith("[") else f"[{name}]"


def _names(option: Any) -> str:
    names = ", ".join(sorted(option.opts, key=len)) + "".join(f" / {name}" for name in option.secondary_opts)
    return names if option.is_flag or option.count else f"{names} {option.metavar or option.name.upper()}"


def _told(option: Any) -> str:
    """What an option is for, that it is needed, which variable stands for it."""
    told = say(*_OWN[option.name]) if option.name in _OWN else option.help or ""
    if option.required:
        told += say(" [필수]", " [required]")
    if (default := _default(option)) and not _SAYS_DEFAULT.search(told):
        told += say(f" (기본: {default})", f" (default: {default})")
    if option.envvar:
        told += say(f" [환경변수 {option.envvar}]", f" [variable {option.envvar}]")
    return told


def _default(option: Any) -> str:
    value = getattr(option.default, "value", option.default)
    if isinstance(value, bool):
        return str(option.opts[0] if value else option.secondary_opts[0]) if option.secondary_opts else ""
    return str(value) if isinstance(value, (str, int, float)) else ""


def _first(text: str | None) -> str:
    """The first paragraph."""
    return " ".join((text or "").split("\n\n")[0].split())
