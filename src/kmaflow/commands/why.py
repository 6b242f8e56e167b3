"""``kmaflow why``: the story of one cell."""

from __future__ import annotations

from typing import Annotated

import typer

from kmaflow.commands.output import Json, print_json, print_table
from kmaflow.language import say
from kmaflow.printable import printable

#: Characters of a raw line that are shown; KMA prints some 400.
_LONGEST_LINE = 2_000


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

    with Collector.open(load_settings(), needs_hub=False) as collector:
        collector.store.init()
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
        told = story(collector, described(dataset), number, parse_time(time))
    if as_json:
        print_json(told)
        return
    typer.echo(f"{told['dataset']} {told['stn']} {told['tm_kst']} KST: {told['state']}")
    typer.echo(f"  {say(told['why_ko'], told['why_en'])}")
    if told["values"]:
        values = [(name, value, told["raw"].get(name)) for name, value in told["values"].items()]
        print_table(say("값", "values"), ("column", "stored", "as printed"), values)
    for line in told["lines"]:
        typer.echo(say(f"  원문: {printable(line, _LONGEST_LINE)}", f"  raw: {printable(line, _LONGEST_LINE)}"))
    if told["requests"]:
        columns = tuple(told["requests"][0])
        print_table(say("요청", "requests"), columns, [list(request.values()) for request in told["requests"]])
    if told["revisions"]:
        columns = tuple(told["revisions"][0])
        print_table(say("정정", "revisions"), columns, [list(revision.values()) for revision in told["revisions"]])
