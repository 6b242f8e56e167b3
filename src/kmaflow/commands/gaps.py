"""``kmaflow gaps``: what is missing, and why."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kmaflow.commands.options import Datasets, From, Stations, To
from kmaflow.commands.output import Json, exit_with, print_json, print_table, tell
from kmaflow.commands.selection import datasets_and_stations, nothing_left
from kmaflow.language import say

if TYPE_CHECKING:
    import sqlalchemy as sa

    from kmaflow.catalog.time import Window
    from kmaflow.collect import StationChoice
    from kmaflow.settings import Settings
    from kmaflow.store.coverage.gaps import Gap

#: Stretches that a person sees.
_SHOWN = 200
_STATES = {
    "present": say("값 있음", "present"),
    "blank": say("결측", "blank"),
    "absent": say("응답에 없음", "absent"),
    "empty": say("자료 없음", "empty"),
    "not_yet_produced": say("미생산", "not yet produced"),
    "refused": say("거부", "refused"),
    "rejected": say("해석 불가", "rejected"),
    "not_asked": say("미요청", "not requested"),
}
_REASONS = {
    "before_start": say("KMAFLOW_START 이전", "before KMAFLOW_START"),
    "quota": say("일일 한도", "quota"),
    "stations": say("저장 지점 밖", "not among KMAFLOW_STATIONS then"),
    "planned": say("수집 예정", "planned"),
    "gone": say("API허브에 없음", "no longer on the hub"),
    "given_up": say("재시도 중단", "abandoned"),
    "unknown_endpoint": say("설정 KMAFLOW_HUB_URL 확인", "check the setting KMAFLOW_HUB_URL"),
    "bad_key": say("인증키 확인", "check the key"),
    "not_applied": say("활용신청 필요", "application (활용신청) needed"),
}


HELP = say(
    """누락된 자료와 그 원인을 표시합니다. 누락이 있으면 종료 코드는 3입니다. API 호출은 없습니다.

    예: kmaflow gaps aws_minute --from 2026-11-01 --to 2026-11-08

    미생산, 거부, 해석 불가, 미요청이 누락입니다. 결측부호만 있는 행과 온전한 응답에 행이 없는 경우는 누락이 아닙니다. 전후 7일 안에 보고한 지점을
    기대 지점으로 봅니다.
    값 하나의 수집 경위는 kmaflow why, 수집에 드는 호출 수는 kmaflow plan으로 확인하십시오.""",
    """Show what is missing and why. Exit code 3 if anything is. Makes no API calls.

    Example: kmaflow gaps aws_minute --from 2026-11-01 --to 2026-11-08

    Missing means not yet produced, refused, rejected or not requested. Blank rows (missing codes only) and absent ones (no row in a complete response)
    are not gaps. Stations that reported within 7 days are expected. For the history of one value see kmaflow why, for the cost of the gaps kmaflow plan.""",
)


def gaps(
    datasets: Datasets = None,
    from_: From = None,
    to: To = None,
    stations: Stations = None,
    all_states: Annotated[
        bool,
        typer.Option(
            "--all-states",
            help=say("결측과 응답에 없는 값도 시간별로 표시", "show blank and absent values too, by hours"),
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what is missing and why."""
    from kmaflow.catalog import named
    from kmaflow.catalog.time import now_kst, parse_time
    from kmaflow.collect.planning.estimate import usual_windows
    from kmaflow.settings import load_settings
    from kmaflow.store import Store
    from kmaflow.store.coverage.gaps import spanned
    from kmaflow.store.engines.database import reading

    settings, now = load_settings(), now_kst()
    begin, end = (None if text is None else parse_time(text) for text in (from_, to))
    if datasets:
        datasets = named(datasets)
    with Store(settings.database_url, must_exist=True) as store:
        store.init()
        with reading(store.engine) as connection:
            names, choice = datasets_and_stations(connection, settings, datasets, stations)
            windows = usual_windows(connection, names, begin, end, settings.start, now, held=True)
            found = _found(connection, windows, choice, settings, all_states=all_states)
            totals = _totals(connection, windows, choice, found) if all_states else None
            gone = nothing_left(connection, windows, now, choice.stations)
            spans = {name: spanned(connection, name) for name in windows if begin is None}
    missing = [gap for gap in found if gap.state not in ("blank", "absent", "empty")]
    if as_json:
        print_json(_json(windows, choice, found, totals) | {"no_longer_on_hub": gone})
    else:
        _print(windows, choice, found, totals, gone)
        for name, span in spans.items():
            if span is not None and span.start < windows[name].start:
                tell(
                    say(
                        f"{name}: {_time(span.start)}부터 받은 자료가 있습니다: --from",
                        f"{name}: stored data reach back to {_time(span.start)}: --from",
                    ),
                    err=True,
                )
    exit_with(3 if missing or gone else 0)


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
    windows: dict[str, Window],
    choice: StationChoice,
    found: list[Gap],
    totals: dict[str, dict[str, int]] | None,
    gone: list[str],
) -> None:
    if not windows:
        tell(
            say(
                "아직 요청한 자료가 없습니다. --from으로 기간을 지정하거나 kmaflow collect로 시작하십시오",
                "nothing was requested yet: give --from, or begin with kmaflow collect",
            ),
            err=True,
        )
        return
    for name, window in windows.items():
        if found or totals is not None or gone:
            tell(f"{name} {window} KST · {choice.describe()}")
    for line in gone:
        tell(line)
    if totals is not None:
        columns = (say("자료", "dataset"), *_STATES.values())
        print_table(
            say("자료 수", "values"),
            columns,
            [(name, *counts.values()) for name, counts in totals.items()],
            right=columns[1:],
        )
    if not found:
        if not gone:
            told = ", ".join(f"{name} {window}" for name, window in windows.items())
            tell(say(f"누락 없음: {told}", f"nothing is missing: {told}"))
        return
    last, error, dataset = say("마지막 요청", "last request"), say("오류", "error"), say("자료", "dataset")
    columns = (
        dataset,
        "from",
        "to",
        say("상태", "state"),
        say("지점", "stations"),
        say("자료 수", "values"),
        last,
        error,
    )
    rows = [
        (
            gap.dataset,
            _time(gap.window.start),
            _time(gap.window.end),
            _STATES[gap.state] + (f" · {_REASONS.get(gap.why, gap.why)}" if gap.why else ""),
            _stations(gap),
            gap.cells,
            None if gap.last is None else _time(gap.last),
            None if gap.error is None else gap.error[:80],
        )
        for gap in found[:_SHOWN]
    ]
    more = {last, error} if len(windows) > 1 else {last, error, dataset}
    print_table(say("누락 구간", "gaps"), columns, rows, right=columns[5:6], more=more)
    if len(found) > _SHOWN:
        tell(say(f"{len(found):,}개 가운데 {_SHOWN}개 (전체: --json)", f"{_SHOWN} of {len(found):,}: --json"))
    if any(not gap.known for gap in found):
        tell(
            say(
                "? 그 무렵 보고한 지점을 알 수 없어 시각마다 하나로 셉니다",
                "? it is unknown which stations reported then: each stamp counts as one",
            )
        )


def _stations(gap: Gap) -> str:
    if gap.stations is None:
        return say("전체", "all") if gap.known else say("전체 ?", "all ?")
    shown = " ".join(map(str, gap.stations[:8]))
    return shown if len(gap.stations) <= 8 else f"{shown} … ({len(gap.stations)})"


def _time(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
