"""Arguments and options that several commands have: datasets, a window, stations."""

from __future__ import annotations

from typing import Annotated

import typer

#: Of commands that look at what is there.
Datasets = Annotated[
    list[str] | None,
    typer.Argument(
        help="자료 (기본: 받은 적 있는 것), all / datasets (default: those ever asked for)", metavar="[DATASET…]"
    ),
]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="T", help="창의 시작(제외), KST (기본: START) / start, excluded (default: START)"),
]
To = Annotated[
    str | None, typer.Option("--to", metavar="T", help="창의 끝(포함), KST (기본: 지금) / end, included (default: now)")
]
Stations = Annotated[
    str | None, typer.Option("--stations", help="all, 번호, 이름 / all, numbers, names (default: KMAFLOW_STATIONS)")
]

#: Of commands that ask the hub for what somebody names.
NamedDatasets = Annotated[
    list[str],
    typer.Argument(
        help="all, 또는 자료 이름(kmaflow status) / all, or names (kmaflow status lists them)", metavar="DATASET…"
    ),
]
NamedFrom = Annotated[
    str, typer.Option("--from", help="창의 시작(제외), KST / start of the window, excluded", metavar="T")
]
NamedTo = Annotated[str, typer.Option("--to", help="창의 끝(포함), KST / end of the window, included", metavar="T")]
