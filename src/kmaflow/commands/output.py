"""How commands speak: tables and progress for people on a terminal, tabs and one JSON object for programs."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from kmaflow.language import say

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID
    from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help=say("JSON으로 출력", "one JSON object instead of tables"))]

#: A text that is wider than this, and holds blanks, may be folded; nothing else is.
_SENTENCE = 26
_WORD = re.compile(r"(\s*)(\d{4}-\d\d-\d\d \d\d:\d\d\S*|\S+)")


def verbose() -> bool:
    """Whether ``-v`` was given: then tables have all their columns."""
    return logging.getLogger("kmaflow").isEnabledFor(logging.INFO)


def print_json(value: Any) -> None:
    """One object on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")


def tell(text: str, *, err: bool = False) -> None:
    """A sentence, folded between words on a terminal."""
    out = sys.stderr if err else sys.stdout
    out.write((folded(text, width(out.fileno())) if out.isatty() else text) + "\n")


def complain(text: str) -> None:
    """What went wrong, on stderr; its beginning is red on a terminal."""
    line = f"kmaflow: {text}"
    if not sys.stderr.isatty():
        sys.stderr.write(f"{line}\n")
        return
    line = folded(line, width(sys.stderr.fileno()))
    if "NO_COLOR" not in os.environ:
        line = typer.style("kmaflow:", fg="red", bold=True) + line.removeprefix("kmaflow:")
    sys.stderr.write(f"{line}\n")


def width(descriptor: int) -> int:
    """Columns of a terminal."""
    return int(os.environ.get("COLUMNS") or 0) or os.get_terminal_size(descriptor).columns or 80


def folded(text: str, columns: int, indent: str = "", end: str = "") -> str:
    """The text in lines of so many columns at most. Words are not cut, nor is a time between date and hour.

    Args:
        indent: stands before all lines but the first.
        end: stands behind all lines but the last.
    """
    from rich.cells import cell_len

    lines: list[str] = []
    for part in text.split("\n"):
        line = ""
        for gap, word in _WORD.findall(part):
            longer = f"{line}{gap}{word}"
            if line.strip() and cell_len(longer + end) > columns:
                lines.append(line + end)
                longer = indent + word
            line = longer
        lines.append(line)
    return "\n".join(lines)


def terminal() -> Console:
    """Stdout as rich sees it. ``NO_COLOR`` leaves no escape sequence at all."""
    from rich.console import Console

    plain: Any = {"color_system": None} if "NO_COLOR" in os.environ else {}
    return Console(highlight=False, markup=False, emoji=False, **plain)


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Collection[str] = (),
    more: Collection[str] = (),
) -> None:
    """A table on stdout: on a terminal that it does not fit a block for each row, in a pipe columns parted by tabs.

    Args:
        right: columns of numbers.
        more: columns that are shown with ``-v`` only.
    """
    shown = [at for at, name in enumerate(columns) if name not in more or verbose()]
    heads = [columns[at] for at in shown]
    if sys.stdout.isatty():
        cells = [[_text(row[at], ",") for at in shown] for row in rows]
        _print_for_people(title, heads, cells, right)
        return
    lines = [heads, *([_text(row[at]) for at in shown] for row in rows)]
    told = ["\t".join(" ".join(cell.split()) for cell in line) for line in lines]
    sys.stdout.write("".join(f"{line}\n" for line in ([title, *told] if title else told)))


def _text(cell: object, thousands: str = "") -> str:
    return "" if cell is None else f"{cell:{thousands}}" if type(cell) is int else str(cell)


def _print_for_people(title: str, heads: Sequence[str], cells: Sequence[Sequence[str]], right: Collection[str]) -> None:
    from rich.cells import cell_len
    from rich.table import Table

    console = terminal()
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    least = -2
    for at, head in enumerate(heads):
        texts = [row[at] for row in cells]
        width = max(cell_len(line) for text in (head, *texts) for line in text.split("\n"))
        sentence = head not in right and any(cell_len(text) > _SENTENCE and " " in text for text in texts)
        least += 2 + (_SENTENCE if sentence else width)
        table.add_column(
            head,
            justify="right" if head in right else "left",
            no_wrap=not sentence,
            min_width=_SENTENCE if sentence else None,
            overflow="fold",
        )
    for row in cells:
        table.add_row(*row)
    if title:
        console.print(f"\n{title}", style="bold")
    console.print(table if least <= console.width else _records(heads, cells))


def _records(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> Table:
    """A block for each row, a line for each cell that is not empty."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for row in cells:
        grid.add_row()
        for head, cell in zip(heads, row, strict=True):
            if cell:
                grid.add_row(head.replace("\n", " "), cell)
    return grid


#: Of what is counted: Korean and English.
_HEADINGS = {
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


#: Counts that are shown where they are not 0; else, like what is named as ``more``, with ``-v``.
_ALARMS = {"rejected", "refused", "lost", "given_up", "revised"}


def print_counts(title: str, items: Sequence[Any], names: str, *, more: str = "", **headings: str) -> None:
    """A table of one line for each dataset.

    Args:
        items: what the datasets came to.
        names: attributes that are counts, or lists of which the length counts, with blanks between.
        more: those of them that are shown with ``-v`` only.
        headings: of attributes that are called otherwise here.
    """
    words = {name: say(ko, en) for name, (ko, en) in _HEADINGS.items()} | headings
    wanted = names.split()
    counts = [[_count(getattr(item, name)) for name in wanted] for item in items]
    quiet = set(more.split()) | {
        name for at, name in enumerate(wanted) if name in _ALARMS and not any(row[at] for row in counts)
    }
    columns = (say("자료", "dataset"), *(words[name] for name in wanted))
    rows = [[item.dataset, *row] for item, row in zip(items, counts, strict=True)]
    print_table(title, columns, rows, right=columns[1:], more={words[name] for name in quiet})


def _count(value: Any) -> Any:
    return len(value) if isinstance(value, list) else value


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


def progress(*, quiet: bool, rows: bool = True) -> Progress | _NoProgress:
    """Progress bars on stderr, shown only to a person; tasks say how many ``rows`` they have where these are counted."""
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
        *([TextColumn("{task.fields[rows]:,}" + say("행", " rows"))] if rows else []),
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
