"""Arguments and options that several commands have: datasets, a window, stations."""

from __future__ import annotations

from typing import Annotated

import typer

from kmaflow.language import say

_FROM = say("구간의 시작(미포함), 한국시각", "start of the window, excluded, KST")
_TO = say("구간의 끝(포함), 한국시각", "end of the window, included, KST")


def datasets_like(incomplete: str) -> list[str]:
    """For a shell that completes the name of a dataset."""
    from kmaflow.catalog import DATASETS

    return [name for name in ("all", *DATASETS) if name.startswith(incomplete)]


#: Of commands that look at what is there.
Datasets = Annotated[
    list[str] | None,
    typer.Argument(
        help=say(
            "자료 이름 또는 all (기본: 수집한 적이 있는 자료)", "datasets, or all (default: those ever requested)"
        ),
        metavar="[DATASET…]",
        autocompletion=datasets_like,
    ),
]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="T", help=_FROM + say(" (기본: KMAFLOW_START)", " (default: KMAFLOW_START)")),
]
To = Annotated[str | None, typer.Option("--to", metavar="T", help=_TO + say(" (기본: 지금)", " (default: now)"))]
Stations = Annotated[
    str | None,
    typer.Option(
        "--stations",
        help=say("all, 지점번호, 지점명 (기본: KMAFLOW_STATIONS)", "all, numbers or names (default: KMAFLOW_STATIONS)"),
    ),
]

#: Of commands that ask the hub for what somebody names.
NamedDatasets = Annotated[
    list[str],
    typer.Argument(
        help=say("all 또는 자료 이름(kmaflow status)", "all, or names (kmaflow status lists them)"),
        metavar="DATASET…",
        autocompletion=datasets_like,
    ),
]
NamedFrom = Annotated[str, typer.Option("--from", help=_FROM, metavar="T")]
NamedTo = Annotated[str, typer.Option("--to", help=_TO, metavar="T")]

DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help=say("실행하지 않고 계획만 표시", "only show what would be done")),
]
Yes = Annotated[bool, typer.Option("--yes", help=say("확인 없이 실행", "skip confirmation"))]
