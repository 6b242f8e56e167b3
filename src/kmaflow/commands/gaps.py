"""``kmaflow gaps``: what is missing, and why."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kmaflow.commands.options import Datasets, From, Stations, To
from kmaflow.commands.output import Json, exit_with, print_json, print_table
from kmaflow.commands.selection import datasets_and_stations

if TYPE_CHECKING:
    import sqlalchemy as sa

    from kmaflow.catalog.time import Window
    from kmaflow.collect import StationChoice
    from kmaflow.settings import Settings
    from kmaflow.store.coverage.gaps import Gap

#: Stretches that a person sees.
_SHOWN = 200
_STATES = {
    "present": "있음 / present",
    "blank": "결측부호뿐 / blank",
    "absent": "없음 / absent",
    "empty": "자료 없음 / empty",
    "not_yet_produced": "미생산 / not yet produced",
    "refused": "거절 / refused",
    "rejected": "해독 불가 / rejected",
    "not_asked": "미요청 / not asked",
}
_REASONS = {
    "before_start": "KMAFLOW_START 이전 / before START",
    "quota": "한도 / quota",
    "stations": "저장 지점 밖 / not among KMAFLOW_STATIONS then",
    "planned": "예정 / planned",
    "given_up": "더 요청하지 않음 / given up",
}


def gaps(
    datasets: Datasets = None,
    from_: From = None,
    to: To = None,
    stations: Stations = None,
    all_states: Annotated[
        bool,
        typer.Option("--all-states", help="결측(blank)과 없음(absent)도 / show blank and absent cells too, by hours"),
    ] = False,
    as_json: Json = False,
) -> None:
    """빠진 관측과 그 까닭. / What is missing and why; exit code 3 if anything is. The hub is not asked.

    Example: kmaflow gaps aws_minute --from 2026-11-01 --to 2026-11-08

    Missing is what was not yet produced, refused, rejected or not asked. Blank rows (missing codes only) and absent ones (no row in a complete answer)
    are answers, not gaps. Expected are the stations that reported within 7 days. The story of one cell: kmaflow why; its price: kmaflow plan.
    """
    from kmaflow.catalog.time import now_kst, parse_time
    from kmaflow.collect.planning.estimate import usual_windows
    from kmaflow.settings import load_settings
    from kmaflow.store import Store
    from kmaflow.store.coverage.gaps import spanned
    from kmaflow.store.engines.database import reading

    settings, now = load_settings(), now_kst()
    begin, end = (None if text is None else parse_time(text) for text in (from_, to))
    with Store(settings.database_url) as store:
        store.init()
        with reading(store.engine) as connection:
            names, choice = datasets_and_stations(connection, settings, datasets, stations)
            windows = usual_windows(connection, names, begin, end, settings.start, now, held=True)
            found = _found(connection, windows, choice, settings, all_states=all_states)
            totals = _totals(connection, windows, choice, found) if all_states else None
            spans = {name: spanned(connection, name) for name in windows if begin is None}
    missing = [gap for gap in found if gap.state not in ("blank", "absent", "empty")]
    if as_json:
        print_json(_json(windows, choice, found, totals))
    else:
        _print(windows, choice, found, totals)
        for name, span in spans.items():
            if span is not None and span.start < windows[name].start:
                typer.echo(
                    f"{name}: {_time(span.start)}부터 받은 것이 있습니다: --from / what came reaches back to {_time(span.start)}: --from",
                    err=True,
                )
    exit_with(3 if missing else 0)


def _found(
    connection: sa.Connection,
    windows: dict[str, Window],
    choice: StationChoice,
    settings: Settings,
    *,
    all_states: bool,
) -> list[Gap]:
    from kmaflow.catalog.time import now_kst
    from kmaflow.store.coverage.gaps import gaps as gaps_in
    from kmaflow.store.coverage.states import hours, quiet

    now = now_kst()
    found: list[Gap] = []
    for name, window in windows.items():
        found += gaps_in(connection, [name], window, now=now, stations=choice.stations, start=settings.start)
        if all_states:
            frames = hours(connection, name, window, now=now, stations=choice.stations, uneven=True)
            found += quiet(frames)
    return found


def _totals(
    connection: sa.Connection, windows: dict[str, Window], choice: StationChoice, found: list[Gap]
) -> dict[str, dict[str, int]]:
    """For each dataset how many cells are in each state."""
    from kmaflow.store.coverage.states import rows_in

    totals = {}
    for name, window in windows.items():
        counts: Counter[str] = Counter()
        for gap in found:
            if gap.dataset == name and gap.state != "blank":
                counts[gap.state] += gap.cells
        counts["present"], counts["blank"] = rows_in(connection, name, window, choice.stations)
        totals[name] = {state: counts[state] for state in _STATES}
    return totals


def _json(
    windows: dict[str, Window], choice: StationChoice, found: list[Gap], totals: dict[str, dict[str, int]] | None
) -> dict[str, Any]:
    from kmaflow.store.coverage.timeline import MISSING

    return {
        "stations": choice.selection,
        "windows": {name: {"from": _time(window.start), "to": _time(window.end)} for name, window in windows.items()},
        "missing": sum(gap.cells for gap in found if gap.state in MISSING),
        **({"totals": totals} if totals is not None else {}),
        "gaps": [
            {
                "dataset": gap.dataset,
                "from": _time(gap.window.start),
                "to": _time(gap.window.end),
                "state": gap.state,
                "why": gap.why or None,
                "stations": "all" if gap.stations is None else list(gap.stations),
                "stations_known": gap.known,
                "cells": gap.cells,
                "error": gap.error,
                "last": None if gap.last is None else _time(gap.last),
            }
            for gap in found
        ],
    }


def _print(
    windows: dict[str, Window], choice: StationChoice, found: list[Gap], totals: dict[str, dict[str, int]] | None
) -> None:
    if not windows:
        typer.echo(
            "아직 요청한 것이 없습니다: --from 으로 기간을 주거나 kmaflow collect 로 시작하십시오 / nothing was asked for yet: give --from, or begin with "
            "kmaflow collect",
            err=True,
        )
        return
    for name, window in windows.items():
        typer.echo(f"{name} {window} KST · {choice.describe()}")
    if totals is not None:
        columns = ("자료 / dataset", *_STATES.values())
        print_table(
            "칸 / cells", columns, [(name, *counts.values()) for name, counts in totals.items()], right=columns[1:]
        )
    if not found:
        typer.echo("빠진 것이 없습니다 / nothing is missing")
        return
    columns = (
        "자료",
        "from",
        "to",
        "상태 / state",
        "까닭 / why",
        "지점 / stations",
        "칸 / cells",
        "마지막 요청 / last",
        "오류 / error",
    )
    rows = [
        (
            gap.dataset,
            _time(gap.window.start),
            _time(gap.window.end),
            _STATES[gap.state],
            _REASONS.get(gap.why, gap.why),
            _stations(gap),
            gap.cells,
            None if gap.last is None else _time(gap.last),
            None if gap.error is None else gap.error[:80],
        )
        for gap in found[:_SHOWN]
    ]
    print_table("빠진 구간 / gaps", columns, rows, right=("칸 / cells",))
    if len(found) > _SHOWN:
        typer.echo(f"{len(found):,}개 가운데 {_SHOWN}개 / {_SHOWN} of {len(found):,}: --json")
    if any(not gap.known for gap in found):
        typer.echo(
            "? 그 무렵 보고한 지점을 알 수 없어 시각마다 한 칸으로 셉니다 / nobody knows which stations reported then: a stamp counts as one cell"
        )


def _stations(gap: Gap) -> str:
    if gap.stations is None:
        return "전체 / all" if gap.known else "전체 / all ?"
    shown = " ".join(map(str, gap.stations[:8]))
    return shown if len(gap.stations) <= 8 else f"{shown} … ({len(gap.stations)})"


def _time(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
