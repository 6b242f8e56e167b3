"""How commands speak: tables and progress for people on a terminal, one JSON object for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from kmaflow.language import say

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Json = Annotated[bool, typer.Option("--json", help=say("JSON으로 출력", "one JSON object instead of tables"))]


def print_json(value: Any) -> None:
    """One object on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()
) -> None:
    """A table on stdout; plain enough to be cut and pasted."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(
            say(*_HEADINGS.get(column, (column, column))),
            justify="right" if column in right else "left",
            overflow="fold",
        )
    for row in rows:
        table.add_row(*("" if cell is None else f"{cell:,}" if type(cell) is int else str(cell) for cell in row))
    console = Console()
    if not console.is_terminal:
        console.width = 200
    console.print(table)


#: Of columns: Korean and English.
_HEADINGS = {
    "dataset": ("자료", "dataset"),
    "present": ("값 있음", "present"),
    "first_hour": ("첫 시각", "first_hour"),
    "last_stamp": ("최신 시각", "last_stamp"),
    "lag_minutes": ("지연(분)", "lag_minutes"),
    "last_answer": ("최근 응답", "last_answer"),
    "reserved": ("예약", "reserved"),
    "file": ("파일", "file"),
    "from": ("시작", "from"),
    "to": ("끝", "to"),
    "not_produced": ("미생산", "not_produced"),
    "outcome": ("결과", "outcome"),
    "planned": ("계획", "planned"),
    "calls": ("호출", "calls"),
    "bytes": ("바이트", "bytes"),
    "rows": ("행", "rows"),
    "inserted": ("추가", "inserted"),
    "updated": ("변경", "updated"),
    "unchanged": ("같음", "unchanged"),
    "revised": ("정정", "revised"),
    "blank": ("빈 값", "blank"),
    "rejected": ("해석 불가", "rejected"),
    "refused": ("거부", "refused"),
    "missing": ("누락 구간", "missing parts"),
    "left": ("남은 누락", "still missing"),
    "due": ("누락", "due"),
    "revisits": ("정정 확인", "revisits"),
    "given_up": ("중단", "abandoned"),
    "stretches": ("구간", "ranges"),
    "answers": ("응답", "responses"),
    "lost": ("원문 없음", "lost"),
    "kept": ("그대로 둠", "kept"),
}


def print_counts(title: str, items: Sequence[Any], names: str, **headings: str) -> None:
    """A table of one line for each dataset.

    Args:
        items: what the datasets came to.
        names: attributes that are counts, or lists of which the length counts, with blanks between.
        headings: of attributes that are called otherwise here.
    """
    words = {name: say(ko, en) for name, (ko, en) in _HEADINGS.items()} | headings
    columns = (say("자료", "dataset"), *(words[name] for name in names.split()))
    rows: list[list[object]] = []
    for item in items:
        values = [getattr(item, name) for name in names.split()]
        rows.append([item.dataset, *(len(value) if isinstance(value, list) else value for value in values)])
    print_table(title, columns, rows, right=columns[1:])


class _NoProgress:
    """Stands in for the bars where nobody looks: rich stays unloaded."""

    def __enter__(self) -> _NoProgress:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def add_task(self, *_: object, **__: object) -> TaskID:
        return cast("TaskID", 0)

    def update(self, *_: object, **__: object) -> None:
        return


def progress(*, quiet: bool) -> Progress | _NoProgress:
    """Progress bars on stderr, shown only to a person."""
    if quiet or not sys.stderr.isatty():
        return _NoProgress()
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rows]:,}" + say("행", " rows")),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def confirm(question: str, *, consequence: str, consequence_ko: str) -> None:
    """Ask a person before something goes for good.

    Raises:
        UsageError: nobody is there to answer; it says the consequence.
        typer.Abort: the answer was no.
    """
    from kmaflow.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError(
            consequence,
            ko=consequence_ko,
            todo_en="add --yes, or look first with --dry-run",
            todo_ko="--yes를 붙이거나 먼저 --dry-run으로 확인하십시오",
        )
    typer.confirm(question, abort=True, err=True)


def exit_with(code: int) -> None:
    """Leave with this code (0 falls through)."""
    if code:
        raise typer.Exit(code)
