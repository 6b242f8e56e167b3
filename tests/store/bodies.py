"""Small answers of the hub, made by hand, and ways to load and look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256

import sqlalchemy as sa

from kmaflow.catalog import DATASETS, STATION_LISTS
from kmaflow.catalog.model import ByteField, StationList
from kmaflow.catalog.time import MINUTE, Window
from kmaflow.hub.parse import PARSER_VERSION, Parsed, parse
from kmaflow.hub.station_list import parse_stations
from kmaflow.store import Store
from kmaflow.store.ledger import LedgerRow
from kmaflow.store.load import Loaded
from kmaflow.store.stations import StationChanges

NOON = datetime(2025, 1, 15, 12, 0)
WINDOW = Window(NOON, NOON + 10 * MINUTE)
#: Reports in every body, so that no minute looks unproduced.
WITNESS = 999

_MINUTE_NAMES = (
    "wd1", "ws1", "wds", "wss", "wd10", "ws10", "ta", "re", "rn_15m", "rn_60m", "rn_12h", "rn_day", "hm", "pa", "ps", "td",
)  # fmt: skip
_MINUTE_HEAD = (
    "# YYMMDDHHMI   STN    WD1    WS1    WDS    WSS   WD10   WS10     TA     RE RN-15m RN-60m RN-12H RN-DAY     HM     PA"
    "     PS     TD"
)
Cell = tuple[datetime, int]


def at(minutes: float) -> datetime:
    """So many minutes after the windows' start: when a body was fetched."""
    return NOON + timedelta(minutes=minutes)


def stamp(minute: int) -> datetime:
    return NOON + minute * MINUTE


def _body(head: str, lines: Iterable[str]) -> bytes:
    return "\n".join(["#START7777", head, *lines, "#7777END", ""]).encode("cp949")


def minute_body(cells: Mapping[Cell, Mapping[str, float]], *, extra: Iterable[str] = (), witness: bool = True) -> bytes:
    """An ``aws_minute`` answer; values not named are missing, a cell without values is blank."""
    rows = dict(cells)
    if witness:
        rows |= {(tm, WITNESS): {"ta": 1.0} for tm in {tm for tm, _ in cells}}
    lines = [
        ",".join([f"{tm:%Y%m%d%H%M}", str(stn), *(f"{values.get(name, -99.9):.1f}" for name in _MINUTE_NAMES), "="])
        for (tm, stn), values in sorted(rows.items(), key=lambda item: item[0])
    ]
    return _body(_MINUTE_HEAD, [*lines, *extra])


def weather_body(cells: Mapping[Cell, Iterable[tuple[int, int]]]) -> bytes:
    """An ``aws_present_weather`` answer: (code, minutes) pairs of each cell."""
    lines = []
    for (tm, stn), pairs in sorted({**cells, **{(tm, WITNESS): [(0, 1)] for tm, _ in cells}}.items()):
        listed = list(pairs)
        printed = "".join(f",{code},{count}" for code, count in listed)
        lines.append(f"{tm:%Y%m%d%H%M},{stn},127.0,37.0,2,{len(listed)}{printed},=")
    return _body("# YYMMDDHHMI,STN,LON.,LAT.,S,N,WW,NN,=", lines)


def parsed_of(dataset: str, body: bytes, window: Window | None = WINDOW) -> Parsed:
    return parse(DATASETS[dataset], body, window=window)


def request_of(
    body: bytes,
    fetched_at: datetime,
    *,
    dataset: str = "aws_minute",
    window: Window | None = WINDOW,
    stn: int = 0,
    parser_version: int = PARSER_VERSION,
    selection: str = "all",
) -> LedgerRow:
    return LedgerRow(
        dataset=dataset,
        window=window,
        stn=stn,
        fetched_at=fetched_at,
        http_status=200,
        outcome="ok",
        sha256=sha256(body).hexdigest(),
        bytes=len(body),
        row_count=0,
        rejected=0,
        parser_version=parser_version,
        key_id="0123456789ab",
        selection=selection,
    )


def load(
    store: Store,
    body: bytes,
    fetched_at: datetime,
    *,
    dataset: str = "aws_minute",
    window: Window = WINDOW,
    stn: int = 0,
    parser_version: int = PARSER_VERSION,
    selection: str = "all",
) -> Loaded:
    """Load a body as if it had just come."""
    request = request_of(
        body, fetched_at, dataset=dataset, window=window, stn=stn, parser_version=parser_version, selection=selection
    )
    return store.load(parsed_of(dataset, body, window), request)


def load_list(store: Store, network: str, body: bytes, fetched_at: datetime, *, force: bool = False) -> StationChanges:
    parsed = parse_stations(dict[str, StationList](STATION_LISTS)[network], body)
    request = request_of(body, fetched_at, dataset=f"station_{network}", window=None)
    return store.load_stations(parsed, request, force=force)


def station_body(network: str, stations: Mapping[int, str], *, address: str | None = None, extra: str = "") -> bytes:
    """A station list by byte offsets: number → Korean name."""
    described = dict[str, StationList](STATION_LISTS)[network]
    fields: tuple[ByteField, ...] = described.fields + (described.since_2026 if address is not None else ())
    head = "# " + " ".join(field.header or field.kma for field in fields)
    lines = []
    for stn, name in stations.items():
        line = bytearray(b" " * 164)
        given = {"stn": str(stn), "lon": "127.0", "lat": "37.5", "ht": "10.00", "stn_ko": name, "stn_en": f"Name {stn}"}
        given |= {"law_addr": address or ""}
        for field in fields:
            text = given.get(field.name, "")
            if not text:
                text = "----" if field.kind == "text" else "1"
            raw = text.encode("cp949")
            line[field.start - 1 : field.start - 1 + len(raw)] = raw
        lines.append(bytes(line).rstrip().decode("cp949"))
    return _body(head, [*lines, *([extra] if extra else [])])


def rows(store: Store, sql: str, *parameters: object) -> list[tuple[object, ...]]:
    """What the database itself says, times as text and counts as numbers on every engine. Reserved words stand in double quotes."""
    if store.engine.dialect.name == "mysql":
        sql = sql.replace('"', "`")
    names = [f"p{index}" for index in range(len(parameters))]
    for name in names:
        sql = sql.replace("?", f":{name}", 1)
    with store.engine.begin() as connection:
        found = connection.execute(sa.text(sql), dict(zip(names, parameters, strict=True)))
        return [tuple(map(_plain, row)) for row in found] if found.returns_rows else []


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return str(value)
    if isinstance(value, Decimal):
        return int(value)
    return value.removesuffix(".000000") if isinstance(value, str) else value


def columns(store: Store, table: str) -> list[str]:
    """The columns as the database has them."""
    return [column["name"] for column in sa.inspect(store.engine).get_columns(table)]


def observations(store: Store, table: str = "aws_minute") -> list[tuple[object, ...]]:
    """All rows without ``request_id``."""
    names = [name for name in columns(store, table) if name != "request_id"]
    return rows(store, f'SELECT {", ".join(names)} FROM "{table}" ORDER BY 1, 2, 3')


def value(store: Store, column: str, cell: Cell, table: str = "aws_minute") -> object:
    found = rows(store, f"SELECT {column} FROM {table} WHERE tm_kst = ? AND stn = ?", str(cell[0]), cell[1])
    assert len(found) == 1, found
    return found[0][0]


def revisions(store: Store) -> list[tuple[object, ...]]:
    """(tm, stn, col, old, new, old_request, new_request, cause, changed_at) in the order of writing."""
    return rows(
        store,
        "SELECT tm_kst, stn, col, old_value, new_value, old_request, new_request, cause, changed_at FROM revision ORDER BY id",
    )
