"""``kmaflow stations``: keep the station lists, and search them."""

from __future__ import annotations

from typing import Annotated

import typer

from kmaflow.commands.help import Command, Group
from kmaflow.commands.output import Json, print_json, print_table, progress, tell
from kmaflow.language import say

app = typer.Typer(
    cls=Group,
    add_completion=False,
    no_args_is_help=True,
    help=say(
        "지점 목록을 받고 찾습니다.\n\n예: kmaflow stations list 부산",
        "Fetch the station lists, and search them.\n\nExample: kmaflow stations list Busan",
    ),
)


@app.command(
    "sync",
    cls=Command,
    help=say(
        "지점 목록을 받아 바뀐 것을 이력으로 저장합니다.\n\n예: kmaflow stations sync --force",
        "Fetch both station lists and store what changed, with history.\n\nExample: kmaflow stations sync --force",
    ),
)
def sync(
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help=say(
                "24시간이 지나지 않았거나 많은 지점이 폐지되어도 받음",
                "even if younger than 24 hours, and however many stations it closes",
            ),
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Fetch the station lists."""
    from dataclasses import asdict
    from datetime import timedelta

    from kmaflow.collect import Collector
    from kmaflow.settings import load_settings

    with progress(quiet=as_json, rows=False) as bars, Collector.open(load_settings()) as collector:
        bars.add_task(say("지점 목록", "station lists"), total=None)
        result = collector.sync_stations(None if force else timedelta(hours=24), force=force)
    if as_json:
        print_json(asdict(result))
    elif result.synced:
        tell(
            say(
                f"지점 {result.total}개: 신규 {result.added}, 변경 {result.changed}, 폐지 {result.closed}",
                f"{result.total} listed: {result.added} new, {result.changed} changed, {result.closed} closed",
            )
        )
        if result.held:
            tell(
                say(
                    f"목록대로면 지점 {result.held}개가 폐지되므로 반영을 보류했습니다. 다른 날의 목록도 같으면 반영합니다. 지금 반영하려면 --force",
                    f"a list would close {result.held} stations and is held: taken once the list of another day agrees, or now with --force",
                )
            )
    else:
        tell(
            say(
                f"지점 {result.total}개, 24시간 안에 받은 목록입니다 (다시 받기: --force)",
                f"{result.total} stations, fetched within 24 hours (--force fetches them again)",
            )
        )


@app.command(
    "list",
    cls=Command,
    help=say(
        """지점을 번호, 이름, 주소, 거리로 찾습니다.

        예: kmaflow stations list --near 37.5,127.0 --within 10""",
        """Search stations by number, name, address or distance.

        Example: kmaflow stations list --near 37.5,127.0 --within 10""",
    ),
)
def list_stations(
    search: Annotated[
        str | None, typer.Argument(help=say("번호·이름·주소의 일부", "part of number, name or address"))
    ] = None,
    network: Annotated[str | None, typer.Option("--network", help="AWS | ASOS", metavar="NETWORK")] = None,
    near: Annotated[
        str | None,
        typer.Option("--near", help=say("위도,경도에서 가까운 순", "nearest to LAT,LON first"), metavar="LAT,LON"),
    ] = None,
    within: Annotated[
        float | None, typer.Option("--within", help=say("--near에서의 거리(km)", "distance from --near in km"))
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help=say("최대 지점 수", "stations at most"))] = 50,
    as_json: Json = False,
) -> None:
    """Search stations."""
    from dataclasses import asdict

    from kmaflow.settings import load_settings
    from kmaflow.store import Store

    with Store(load_settings().database_url, must_exist=True) as store:
        stations = store.stations()
    if not stations:
        tell(
            say(
                "지점 정보가 없습니다. kmaflow stations sync를 실행하십시오",
                "no station metadata yet: kmaflow stations sync",
            ),
            err=True,
        )
    if network:
        stations = [station for station in stations if _network(network) in station.networks.split(",")]
    if search:
        stations = [
            station
            for station in stations
            if search.casefold()
            in f"{station.stn} {station.name_ko or ''} {station.name_en or ''} {station.address or ''}".casefold()
        ]
    distances: dict[int, float | None] = {}
    if near:
        lat, lon = _position(near)
        distances = {station.stn: station.distance_km(lat, lon) for station in stations}
        stations = sorted(
            (one for one in stations if (km := distances[one.stn]) is not None and (within is None or km <= within)),
            key=lambda one: distances[one.stn] or 0.0,
        )
    shown = stations[:limit]
    if as_json:
        print_json(
            {"total": len(stations), "stations": [asdict(one) | {"km": distances.get(one.stn)} for one in shown]}
        )
        return
    heads = {
        "stn": say("지점", "station"),
        "name_ko": say("이름", "name (Korean)"),
        "name_en": say("영문 이름", "name"),
        "networks": say("관측망", "network"),
        "lat": say("위도", "latitude"),
        "lon": say("경도", "longitude"),
        "km": "km",
        "ht": say("고도 m", "height m"),
        "address": say("주소", "address"),
    }
    rows = [[*(getattr(one, name) for name in heads if name != "km")] for one in shown]
    for row, one in zip(rows, shown, strict=True):
        row[0] = str(one.stn)
        row.insert(list(heads).index("km"), _km(distances.get(one.stn)))
    more = {"ht", "address", say("name_en", ""), "" if near else "km"}
    print_table(
        say(f"{len(stations)}개 지점", f"{len(stations)} stations"),
        list(heads.values()),
        rows,
        right=[heads[name] for name in ("stn", "lat", "lon", "km", "ht")],
        more=[head for name, head in heads.items() if name in more],
    )
    if len(shown) < len(stations):
        tell(
            say(
                f"{len(stations)}개 가운데 {len(shown)}개 (모두: --limit {len(stations)})",
                f"{len(shown)} of {len(stations)} (all: --limit {len(stations)})",
            ),
            err=True,
        )


def _network(text: str) -> str:
    from kmaflow.catalog import STATION_LISTS
    from kmaflow.errors import UsageError

    name = {"ASOS": "SFC"}.get(text.upper(), text.upper())
    if name not in STATION_LISTS:
        raise UsageError(
            f"there is no network {text!r}",
            ko=f"{text!r}(이)라는 관측망은 없습니다",
            todo_en="write --network AWS or --network ASOS",
            todo_ko="--network AWS 또는 --network ASOS로 쓰십시오",
        )
    return name


def _km(distance: float | None) -> str:
    return "" if distance is None else f"{distance:.1f}"


def _position(text: str) -> tuple[float, float]:
    try:
        lat, lon = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            say("위도,경도 형식으로 쓰십시오(예: 37.57,126.97)", "write LAT,LON such as 37.57,126.97")
        ) from None
    return lat, lon
