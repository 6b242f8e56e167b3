"""``kmaflow stations``: keep the station lists, and search them."""

from __future__ import annotations

from typing import Annotated

import typer

from kmaflow.commands.output import Json, print_json, print_table

app = typer.Typer(add_completion=False, no_args_is_help=True, help="지점 정보 / station metadata: sync, list")


@app.command("sync")
def sync(
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="24시간이 안 지났어도, 많은 지점이 닫혀도 / even if younger than 24 hours, and however many stations it closes",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """지점 목록을 받아 바뀐 것을 이력으로 남깁니다. / Fetch both station lists and keep what changed, with history."""
    from dataclasses import asdict
    from datetime import timedelta

    from kmaflow.collect import Collector
    from kmaflow.settings import load_settings

    with Collector.open(load_settings()) as collector:
        result = collector.sync_stations(None if force else timedelta(hours=24), force=force)
    if as_json:
        print_json(asdict(result))
    elif result.synced:
        typer.echo(f"{result.total} listed: {result.added} new, {result.changed} changed, {result.closed} closed")
        if result.held:
            typer.echo(
                f"목록 하나가 {result.held}개 지점을 닫게 되어 보류했습니다: 다른 날의 목록도 같으면 받아들이며, 지금 받아들이려면 --force / "
                f"a list would close {result.held} stations and is held: taken once the list of another day agrees, or now with --force"
            )
    else:
        typer.echo(f"{result.total} stations, synchronised within 24 hours (--force asks again)")


@app.command("list")
def list_stations(
    search: Annotated[
        str | None, typer.Argument(help="번호·이름·주소의 일부 / part of number, name or address")
    ] = None,
    network: Annotated[str | None, typer.Option("--network", help="AWS | SFC (ASOS)")] = None,
    near: Annotated[
        str | None, typer.Option("--near", help="위도,경도 / LAT,LON: nearest first", metavar="LAT,LON")
    ] = None,
    within: Annotated[float | None, typer.Option("--within", help="--near에서 km / km around --near")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="몇 개까지 / at most")] = 50,
    as_json: Json = False,
) -> None:
    """지점을 찾습니다. / Search stations by number, name, address (region) or distance."""
    from dataclasses import asdict

    from kmaflow.settings import load_settings
    from kmaflow.store import Store

    with Store(load_settings().database_url) as store:
        stations = store.stations()
    if not stations:
        typer.echo(
            "지점 정보가 없습니다: kmaflow stations sync / no station metadata yet: kmaflow stations sync", err=True
        )
    if network:
        stations = [station for station in stations if network.upper() in station.networks.split(",")]
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
    rows = [
        (
            str(one.stn),
            one.networks,
            one.name_ko,
            one.name_en,
            one.lat,
            one.lon,
            one.ht,
            _km(distances.get(one.stn)),
            one.address,
        )
        for one in shown
    ]
    columns = ("지점", "관측망", "이름", "name", "위도", "경도", "고도 m", "km", "주소")
    print_table(f"{len(stations)}개 지점 / stations", columns, rows)


def _km(distance: float | None) -> str:
    return "" if distance is None else f"{distance:.1f}"


def _position(text: str) -> tuple[float, float]:
    try:
        lat, lon = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter("위도,경도처럼 / write LAT,LON such as 37.57,126.97") from None
    return lat, lon
