"""The command line. People get tables and progress bars, ``--json`` gives one object on stdout, logs go to stderr.

Exit codes: 0 done and complete · 1 failed · 2 wrong usage · 3 done, but cells are still missing. Importing this module must stay light:
``kmaflow --help`` is read more often than anything else.
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import sys
from types import TracebackType
from typing import Annotated, Any

import typer

from kmaflow import __version__
from kmaflow.commands import Commands
from kmaflow.commands.log_lines import LogFormat, set_up
from kmaflow.errors import KmaflowError
from kmaflow.printable import printable

# Imports make a hundred thousand objects that all stay: looking for garbage among them is a twentieth of the start.
gc.set_threshold(300_000, 20, 20)

app = typer.Typer(
    name="kmaflow",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    help=(
        "기상청 API허브의 AWS·ASOS 관측자료를 내 데이터베이스에 빠짐없이. / A complete copy of KMA's surface observations in your own database.\n\n"
        "Start:  kmaflow doctor  →  kmaflow collect aws_minute --from 2026-11-22T12:00 --to 2026-11-22T13:00  →  kmaflow status\n\n"
        "Without a key:  kmaflow simulate  (then KMAFLOW_HUB_URL and KMAFLOW_API_KEY as it prints them)\n\n"
        "Times are KST (+09:00): YYYY-MM-DD HH:MM, YYYYMMDDHHMM or a date. A window holds the stamps after --from up to and including --to.\n\n"
        "Exit codes: 0 done and complete, 1 failed, 2 wrong usage, 3 done but cells are still missing."
    ),
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kmaflow {__version__}")
        raise typer.Exit


@app.callback()
def _global(
    debug: Annotated[bool, typer.Option("--debug", help="오류의 자취까지 / show tracebacks and debug logs")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="하는 일을 적습니다 / log what is done")] = False,
    log_format: Annotated[
        LogFormat,
        typer.Option(
            "--log-format", envvar="KMAFLOW_LOG_FORMAT", help="로그 줄의 꼴 / text, or one JSON object a line"
        ),
    ] = LogFormat.TEXT,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="판 번호 / version")
    ] = False,
) -> None:
    level = logging.DEBUG if debug else logging.INFO if verbose else logging.WARNING
    set_up(level, log_format)
    if not debug:
        sys.excepthook = _one_line


#: What a shell gives a command that Ctrl-C ended; typer turns the interrupt into this code.
_STOPPED = 130
#: Newer versions of typer carry a click of their own, older ones use the one installed: take whichever typer raises.
_Complaint: type[Any] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def _one_line(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    """What nobody foresaw, still in one line."""
    sys.stderr.write(
        f"kmaflow: unforeseen {kind.__name__}: {printable(str(error), 1_000)} → 같은 명령을 kmaflow --debug 로 다시 해서 보고해 주십시오 / "
        "run it again with kmaflow --debug and report what it prints\n"
    )


def main() -> None:
    """Run the command line and leave with its exit code."""
    # What the imports made is no garbage: without this the interpreter looks through all of it at the end, a fifth of the time of a collect.
    atexit.register(gc.freeze)
    # pydantic asks every installed package for plugins, of which validating settings needs none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        code = app(standalone_mode=False)
    except KmaflowError as error:
        if "--debug" in sys.argv:
            raise
        sys.stderr.write(f"kmaflow: {error}\n")
        sys.exit(error.exit_code)
    except _Complaint as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
        else:
            context = getattr(error, "ctx", None)
            command = context.command_path if context else "kmaflow"
            told = " ".join(error.format_message().split())
            sys.stderr.write(f"kmaflow: {told} → {command} --help\n")
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = _STOPPED
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    if code == _STOPPED:
        sys.stderr.write("kmaflow: 멈추었습니다; 저장된 것은 그대로입니다 / stopped; what is stored stays\n")
    sys.exit(code if isinstance(code, int) else 0)
