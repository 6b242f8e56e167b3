"""The command line. People get tables and progress bars, ``--json`` gives one object on stdout, logs go to stderr.

Exit codes: 0 done and complete · 1 failed · 2 wrong usage · 3 done, but data are still missing. Importing this module must stay light:
``kmaflow --help`` is read more often than anything else.
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, NoReturn

import typer

from kmaflow import __version__
from kmaflow.commands import Commands
from kmaflow.commands.log_lines import LogFormat, set_up
from kmaflow.commands.output import complain, print_json, tell
from kmaflow.errors import KmaflowError, UsageError
from kmaflow.language import LANGUAGES, VARIABLE, say, setting
from kmaflow.printable import printable

# Imports make a hundred thousand objects that all stay: looking for garbage among them is a twentieth of the start.
gc.set_threshold(300_000, 20, 20)

app = typer.Typer(
    name="kmaflow",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=say(
        "기상청 API허브의 AWS·ASOS 관측자료를 빠짐없이 수집해 내 데이터베이스에 유지합니다.\n\n"
        "예: kmaflow collect aws_minute --from 2026-11-22T12:00 --to 2026-11-22T13:00\n\n"
        "먼저 kmaflow doctor로 점검하고, 수집한 뒤에는 kmaflow status로 확인하십시오.\n\n"
        "인증키 없이 써 보기: kmaflow simulate (출력되는 KMAFLOW_HUB_URL과 KMAFLOW_API_KEY를 설정하십시오)\n\n"
        "시각은 한국시각(+09:00)입니다: YYYY-MM-DD HH:MM, YYYYMMDDHHMM, 날짜, 어제, 오늘, 지금. 구간은 --from 다음 시각부터 --to까지입니다.",
        "A complete copy of KMA's surface observations (AWS, ASOS) in your own database.\n\n"
        "Example: kmaflow collect aws_minute --from 2026-11-22T12:00 --to 2026-11-22T13:00\n\n"
        "Begin with kmaflow doctor; after collecting, look at kmaflow status.\n\n"
        "Without a key: kmaflow simulate (then set KMAFLOW_HUB_URL and KMAFLOW_API_KEY as it prints them)\n\n"
        "Times are KST (+09:00): YYYY-MM-DD HH:MM, YYYYMMDDHHMM, a date, yesterday, today, now. A window starts after --from and ends with --to.",
    ),
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from kmaflow.hub.parse import PARSER_VERSION
        from kmaflow.store.schema.migrations import SERVICE, STATE

        typer.echo(f"kmaflow {__version__} (parser {PARSER_VERSION}, schema {SERVICE.head}, state schema {STATE.head})")
        raise typer.Exit


@app.callback()
def _global(
    debug: Annotated[
        bool,
        typer.Option("--debug", help=say("상세 오류(traceback)와 디버그 로그 표시", "show tracebacks and debug logs")),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help=say("진행 상황을 로그로 표시", "log what is being done"))
    ] = False,
    log_format: Annotated[
        LogFormat,
        typer.Option(
            "--log-format",
            metavar="text|json",
            envvar="KMAFLOW_LOG_FORMAT",
            help=say("로그 형식", "text, or one JSON object per line"),
        ),
    ] = LogFormat.TEXT,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help=say("버전", "show the version"))
    ] = False,
) -> None:
    level = logging.DEBUG if debug else logging.INFO if verbose else logging.WARNING
    set_up(level, log_format)
    if not debug:
        sys.excepthook = _one_line
    if {"-h", "--help"}.isdisjoint(sys.argv):
        _say_settings(aloud=verbose, as_log=log_format is LogFormat.JSON)


def _say_settings(*, aloud: bool, as_log: bool) -> None:
    """Name misspelt settings, and with -v where home, key and databases come from."""
    if not aloud and not Path(".env").exists() and not any(name.upper().startswith("KMAFLOW_") for name in os.environ):
        return
    from kmaflow.settings import load_settings, misspelt

    said = [f"kmaflow: {line}" for line in misspelt()]
    if aloud:
        from kmaflow.commands.sources import sources

        said += sources(load_settings())
    for line in said:
        if as_log:
            logging.getLogger(__name__).warning(line)
        else:
            tell(line, err=True)


#: What a shell gives a command that Ctrl-C ended; typer turns the interrupt into this code.
_STOPPED = 130
#: And one whose output nobody reads any more.
_NOBODY_READS = 141
#: Newer versions of typer carry a click of their own, older ones use the one installed: take whichever typer raises.
_Complaint: type[Any] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def _one_line(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    """An unexpected error, still in one line."""
    what = f"{kind.__name__}: {printable(str(error), 1_000)}"
    told = say(
        f"예상하지 못한 오류 {what} → kmaflow --debug로 다시 실행해 출력을 알려 주십시오",
        f"unexpected {what} → run it again with kmaflow --debug and report what it prints",
    )
    if "--json" in sys.argv:
        print_json({"error": {"what": what, "todo": "", "exit_code": 1}})
    complain(told)


def _refuse(told: str, what: str, todo: str, code: int) -> NoReturn:
    """Leave with an error: a line on stderr, and for a program that asked for JSON one object on stdout."""
    if "--json" in sys.argv:
        print_json({"error": {"what": what, "todo": todo, "exit_code": code}})
    complain(told)
    sys.exit(code)


def _check_language() -> None:
    """The settings check it too, but help is shown without loading them."""
    if (name := setting()) and name not in LANGUAGES:
        raise UsageError(
            f"a setting is wrong: {VARIABLE}: {name!r} is no language of kmaflow",
            ko=f"설정이 잘못되었습니다: {VARIABLE}: 지원하지 않는 언어 {name!r}",
            todo_en="write ko or en",
            todo_ko="ko 또는 en을 쓰십시오",
        )


def main() -> None:
    """Run the command line and leave with its exit code."""
    # What the imports made is no garbage: without this the interpreter looks through all of it at the end, a fifth of the time of a collect.
    atexit.register(gc.freeze)
    # pydantic asks every installed package for plugins, of which validating settings needs none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        _check_language()
        code = app(prog_name="kmaflow", standalone_mode=False)
    except KmaflowError as error:
        if "--debug" in sys.argv:
            raise
        _refuse(str(error), say(error.what_ko, error.what), say(error.todo_ko, error.todo_en), error.exit_code)
    except _Complaint as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
            sys.exit(error.exit_code)
        from kmaflow.commands.complaints import explained

        what, todo = explained(error)
        _refuse(f"{what} → {todo}", what, todo, error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = _STOPPED
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(_NOBODY_READS)
    if code == _STOPPED:
        told = say("중단했습니다. 저장된 자료는 유지됩니다", "stopped; stored data are kept")
        tell(f"kmaflow: {told}", err=True)
    sys.exit(code if isinstance(code, int) else 0)
