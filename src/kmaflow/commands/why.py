"""``kmaflow why``: the story of one cell."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from kmaflow.commands.output import Json, print_json, print_table, tell
from kmaflow.language import say
from kmaflow.printable import printable

#: Characters of a raw line that are shown; KMA prints some 400.
_LONGEST_LINE = 2_000
#: In Korean; in English the columns' own names.
_HEADINGS = {
    "fetched_at": "요청 시각",
    "outcome": "결과",
    "stn": "지점",
    "tm_from": "시작",
    "tm_to": "끝",
    "message": "설명",
    "changed_at": "정정 시각",
    "col": "열",
    "old_value": "이전 값",
    "new_value": "새 값",
    "cause": "원인",
}


HELP = say(
    """한 지점·시각의 값, 원문, 수집 경위, 정정 이력을 표시합니다.

    예: kmaflow why aws_minute 108 "2026-11-22 12:00\"""",
    """Show the history of one value: its state and why, the raw line, requests, corrections.

    Example: kmaflow why aws_minute 108 "2026-11-22 12:00\"""",
)


def why(
    dataset: Annotated[str, typer.Argument(help=say("자료", "dataset"), metavar="DATASET")],
    stn: Annotated[str, typer.Argument(help=say("지점번호나 지점명", "station number or name"), metavar="STN")],
    time: Annotated[
        str, typer.Argument(help=say("관측시각, 한국시각", "time of the observation, KST"), metavar="TIME")
    ],
    as_json: Json = False,
) -> None:
    """Show the history of one value."""
    from kmaflow.catalog import dataset as described
    from kmaflow.catalog.time import parse_time
    from kmaflow.collect import Collector
    from kmaflow.errors import UsageError
    from kmaflow.hub.lines import read_station
    from kmaflow.maintain.why import story
    from kmaflow.settings import load_settings
    from kmaflow.store import Store

    what, moment, settings = described(dataset), parse_time(time), load_settings()
    with Store(settings.database_url, must_exist=True) as there:
        there.init()
    with Collector.open(settings, needs_hub=False) as collector:
        number = read_station(stn)
        if number is None:
            stations = collector.choose_stations(stn).stations
            if stations is None or len(stations) != 1:
                raise UsageError(
                    f"{stn!r} is not one station",
                    ko=f"지점 하나가 아닙니다: {stn!r}",
                    todo_en="give its number",
                    todo_ko="지점번호를 쓰십시오",
                )
            number = stations[0]
        told = story(collector, what, number, moment)
    if as_json:
        print_json(told)
        return
    tell(f"{told['dataset']} {told['stn']} {told['tm_kst']} KST: {told['state']}")
    tell(f"  {say(told['why_ko'], told['why_en'])}")
    if told["values"]:
        values = [(name, value, told["raw"].get(name)) for name, value in told["values"].items()]
        print_table(say("값", "values"), say("열 저장값 원문", "column stored raw").split(), values)
    for line in told["lines"]:
        tell(say(f"  원문: {printable(line, _LONGEST_LINE)}", f"  raw: {printable(line, _LONGEST_LINE)}"))
    # Who does not use Airflow sees nothing of it.
    unused = () if any(one["run_id"] for one in told["requests"]) else ("dag_id", "run_id")
    requests = [{name: value for name, value in one.items() if name not in unused} for one in told["requests"]]
    _print_list(say("요청", "requests"), requests, more="id http_status tm_from tm_to sha256")
    _print_list(say("정정", "revisions"), told["revisions"])


def _print_list(title: str, found: list[dict[str, Any]], *, more: str = "") -> None:
    """Rows of service tables, under the words for their columns."""
    if found:
        heads = {name: say(_HEADINGS.get(name, name), name) for name in found[0]}
        rows = [[_shown(value) for value in one.values()] for one in found]
        print_table(title, list(heads.values()), rows, more=[heads[name] for name in more.split()])


def _shown(value: Any) -> Any:
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else value
