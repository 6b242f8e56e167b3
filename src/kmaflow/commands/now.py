"""``kmaflow now``: the weather at a place, from what is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kmaflow.commands.output import Json, exit_with, print_json, print_table, tell
from kmaflow.language import say

if TYPE_CHECKING:
    from kmaflow.read.latest import Value
    from kmaflow.read.now import Now

HELP = say(
    """지금 그곳의 날씨를 표시합니다. 저장된 최신 관측값으로 답하며 API 호출은 없습니다.

    예: kmaflow now 서울 → kmaflow now --near 37.5,127.0 --json

    값은 가장 가까운 지점의 관측값이며(보간하지 않음) 지점, 거리, 경과 시간을 함께 표시합니다.

    강수 여부는 10 km 안의 강수감지기나 현천계가 알려 줍니다. 없으면 알 수 없음(null)입니다.""",
    """Show the weather at a place now, from the newest stored values. Makes no API calls.

    Example: kmaflow now Seoul → kmaflow now --near 37.5,127.0 --json

    Each value is the reading of one station, the nearest that has it (nothing is interpolated), with its distance and age. Whether it rains is said by
    a rain detector or present weather sensor within 10 km; without one it is unknown (null).""",
)
_WHY = {
    "too_far": ("가까운 지점 없음", "no station near enough"),
    "too_high": ("고도 차이가 큼", "stations stand too high or low"),
    "calm": ("무풍", "calm"),
    "obscured": ("하늘을 볼 수 없음", "sky obscured"),
    "no_station": ("최근 관측값 없음", "no recent value"),
}
_NOTES = {
    "ceiling": ("이상", "or more"),
    "none_below": ("아래로 구름 없음", "no cloud below"),
}
_COMPASS = ["N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"]


def now(
    place: Annotated[
        str | None,
        typer.Argument(
            help=say("지점명, 지점번호 또는 주소의 일부", "station name, number, or part of an address"),
            metavar="PLACE",
        ),
    ] = None,
    near: Annotated[str | None, typer.Option("--near", help=say("위도,경도", "a position"), metavar="LAT,LON")] = None,
    elements: Annotated[
        str | None,
        typer.Option(
            "--elements",
            help=say("요소(쉼표로 구분): 기온,비,바람", "elements: temperature,rain,wind"),
            metavar="ta,rain,…",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the weather at a place now."""
    from kmaflow.read.now import weather_now
    from kmaflow.settings import load_settings
    from kmaflow.store import Store

    if (place is None) == (near is None):
        raise typer.BadParameter(say("PLACE와 --near 가운데 하나를 쓰십시오", "give either PLACE or --near"))
    words = None if elements is None else elements.split(",")
    with Store(load_settings().database_url) as store:
        found = weather_now(store, place or near or "", words)
    if as_json:
        print_json(found.as_json())
    else:
        _print(found)
    exit_with(3 if all(one.station is None for one in found.values) else 0)


def _print(found: Now) -> None:
    place, station = found.found.place, found.found.station
    name = f"{station.name_ko} {station.stn} · " if station else ""
    title = f"{name}{place.lat:.4f}, {place.lon:.4f} · {found.at:%Y-%m-%d %H:%M} KST"
    heads = (
        say("요소", "element"),
        say("값", "value"),
        say("지점", "station"),
        say("거리 km", "km"),
        say("경과(분)", "age (min)"),
    )
    print_table(title, heads, [_line(one) for one in found.values], right=(heads[1], *heads[3:]))
    answer = {True: say("내리고 있음", "yes"), False: say("없음", "no"), None: say("알 수 없음", "unknown")}[
        found.raining
    ]
    by = "" if found.told_by is None else f" ({found.told_by.element.name}, {_station(found.told_by)})"
    tell(say(f"강수: {answer}{by}", f"rain or snow now: {answer}{by}"))
    if all(one.station is None for one in found.values):
        tell(say("최근 자료가 없습니다. kmaflow status로 확인하십시오", "no recent data: see kmaflow status"), err=True)


def _line(one: Value) -> tuple[object, ...]:
    meaning = one.element.meaning
    label = f"{say(meaning.ko, meaning.en)} ({one.element.name})"
    if one.value is None:
        return label, say(*_WHY[one.reason or "no_station"]), *_beside(one)
    return label, _shown(one), *_beside(one)


def _shown(one: Value) -> str:
    from kmaflow.read.units import DIRECTIONS, direction, is_direction, sign_of

    told = f"{one.value} {sign_of(one.unit)}".strip()
    if is_direction(one.unit) and isinstance(one.value, float):
        word = direction(one.value)
        told += f" {say(word, _COMPASS[DIRECTIONS.index(word)])}"
    return told + (f" {say(*_NOTES[one.note])}" if one.note else "")


def _station(one: Value) -> str:
    if one.station is None:
        return "–"
    of = one.station.station
    return f"{of.name_ko or of.name_en or ''} {of.stn}".strip()


def _beside(one: Value) -> tuple[str, str, str]:
    if one.station is None or one.age is None:
        return "–", "–", "–"
    return _station(one), f"{one.station.distance_km:.1f}", f"{one.age.total_seconds() / 60:.0f}"
