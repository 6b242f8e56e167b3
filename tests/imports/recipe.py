"""Tables as airflow_with_dag makes and fills them, written from its documented columns: with the unique key of its last version and without.

Values come from :func:`printed`, what the hub would have printed; :func:`kept` is what the recipe makes of them. What an import must give is told by
:func:`expected`, by its own arithmetic, from the printed values alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle

import sqlalchemy as sa

AWS = "WD1 WS1 WDS WSS WD10 WS10 TA RE RN_15m RN_60m RN_12H RN_DAY HM PA PS TD"
CLOUD = "LON LAT CH_LOW CH_MID CH_TOP CA_TOT"
TEMPERATURE = "TA HM TD TG TS TE005 TE01 TE02 TE03 TE05 TE10 TE15 TE30 TE50 PA PS"
VISIBLE = "LON LAT S VIS1 VIS10 WW1 WW15"
WEATHER = "LON LAT S N WW1 NN1"
ASOS = (
    "WD WS GST_WD GST_WS GST_TM PA PS PT PR TA TD HM PV RN RN_DAY RN_JUN RN_INT SD_HR3 SD_DAY SD_TOT WC WP WW CA_TOT CA_MID CH_MIN CT "
    "CT_TOP CT_MID CT_LOW VS SS SI ST_GD TS TE_005 TE_01 TE_02 TE_03 ST_SEA WH BF IR IX"
)
_WHOLE = frozenset(
    [
        *("CH_LOW", "CH_MID", "CH_TOP", "S", "VIS1", "VIS10", "WW1", "WW15", "N", "NN1"),
        *("WD", "GST_WD", "PT", "WC", "WP", "CA_MID", "CH_MIN", "CT_TOP", "CT_MID", "CT_LOW"),
        *("VS", "ST_GD", "ST_SEA", "BF", "IR", "IX"),
    ]
)
#: ASOS columns in which -9.0 is a temperature.
_COLD = frozenset(["TA", "TD", "TS", "TE_005", "TE_01", "TE_02", "TE_03"])


@dataclass(frozen=True)
class Kind:
    """One kind of observation: its table there, its dataset here."""

    table: str
    dataset: str
    names: tuple[str, ...]
    step: timedelta


KINDS = {
    "aws": Kind("AWS_DATA", "aws_minute", tuple(AWS.split()), timedelta(minutes=1)),
    "cloud": Kind("AWS_CLOUD_DATA", "aws_cloud", tuple(CLOUD.split()), timedelta(minutes=1)),
    "temperature": Kind(
        "AWS_TEMPERATURE_DATA", "aws_ground_temperature", tuple(TEMPERATURE.split()), timedelta(minutes=1)
    ),
    "visible": Kind("AWS_VISIBLE_DATA", "aws_visibility", tuple(VISIBLE.split()), timedelta(minutes=1)),
    "ww": Kind("AWS_WW_DATA", "aws_present_weather", tuple(WEATHER.split()), timedelta(minutes=1)),
    "asos": Kind("ASOS_DATA", "asos_hourly", tuple(ASOS.split()), timedelta(hours=1)),
}
Row = dict[str, str]


def table_of(kind: Kind, *, unique: bool) -> sa.Table:
    """The table. ``Float(3, 1)`` of the recipe is FLOAT(3): single precision."""

    def column(name: str) -> sa.Column[object]:
        if name in ("WW", "CT") and kind.table == "ASOS_DATA":
            return sa.Column(name, sa.String(22 if name == "WW" else 8))
        if name in _WHOLE or (name == "CA_TOT" and kind.table == "ASOS_DATA"):
            return sa.Column(name, sa.Integer)
        return sa.Column(name, sa.Float if kind.table == "AWS_DATA" else sa.Float(3))

    key = [sa.UniqueConstraint("STN_ID", "CR_YMD", name=f"uix_{kind.table.lower()}")] if unique else []
    return sa.Table(
        kind.table,
        sa.MetaData(),
        sa.Column("ID", sa.Integer, primary_key=True),
        sa.Column("CR_YMD", sa.DateTime),
        sa.Column("STN_ID", sa.Integer),
        *(column(name) for name in kind.names),
        *key,
    )


def printed(kind: Kind, dice: random.Random) -> Row:
    """One row as the hub prints it: winter, with missing values of every kind."""
    if kind.table == "ASOS_DATA":
        return {name: _asos(name, dice) for name in kind.names}
    return {name: _aws(kind, name, dice) for name in kind.names}


def _aws(kind: Kind, name: str, dice: random.Random) -> str:
    missing = dice.random() < 0.1
    if name in ("LON", "LAT"):
        return "128.56472778" if name == "LON" else "38.25085068"
    if kind.table == "AWS_WW_DATA":
        return {"S": "1", "N": "1", "WW1": dice.choice(["0", "4", "61", "71"]), "NN1": "1"}[name]
    if name in ("WW1", "WW15", "VIS1", "VIS10"):
        if missing or name in ("WW15", "VIS10"):
            return "-999"
        return str(dice.randint(100, 50_000)) if name == "VIS1" else dice.choice(["0", "10", "71", "-997"])
    if name == "S":
        return "2"
    if name.startswith("CH_"):
        return "-991" if missing else dice.choice(["7620", str(dice.randint(33, 7000))])
    if missing:
        return dice.choice(["-99.9", "-99.7", "-99.2"]) if name != "CA_TOT" else "-992.0"
    low, high = {"PA": (9800, 10300), "PS": (9900, 10400), "HM": (100, 1000), "CA_TOT": (0, 90)}.get(name, (0, 3600))
    if name in ("TA", "TD", "TG", "TS") or name.startswith("TE"):
        return dice.choice(["-9.0", "-9.9", f"{dice.randint(-250, 150) / 10:.1f}"])
    return f"{dice.randint(low, high) / 10:.1f}"


def _asos(name: str, dice: random.Random) -> str:
    missing = dice.random() < 0.3
    if name == "WW":
        return "-" if missing else dice.choice(["05", "08", "0508", "61", "056105", "0561050201"])
    if name == "CT":
        return "-" if missing else dice.choice(["Sc", "ScAs", "CiScAs"])
    if name in _COLD:
        return "-99.0" if missing else dice.choice(["-9.0", f"{dice.randint(-250, 150) / 10:.1f}"])
    if name in _WHOLE or name in ("GST_TM", "CA_TOT"):
        return "-9" if missing else str(dice.randint(0, 36))
    if name == "SI":
        return "-9.00" if missing else f"{dice.randint(0, 400) / 100:.2f}"
    low = 9800 if name in ("PA", "PS") else 0
    return "-9.0" if missing else f"{dice.randint(low, low + 500) / 10:.1f}"


def kept(kind: Kind, rows: Sequence[Row]) -> list[dict[str, object]]:
    """What the recipe makes of the rows of one window: numbers where a whole column is such, NULL at or below -50."""
    columns: dict[str, list[object]] = {}
    for name in kind.names:
        try:
            numbers = [float(row[name]) for row in rows]
        except ValueError:
            columns[name] = [row[name] for row in rows]
        else:
            columns[name] = [None if number <= -50 else number for number in numbers]
    return [{name: values[index] for name, values in columns.items()} for index in range(len(rows))]


def expected(kind: Kind, row: Row) -> dict[str, float | int | str | None]:
    """What the hub's row means, by the catalogue's names; for nothing but missing values: None."""
    return {name.lower(): _meaning(kind, name, text) for name, text in row.items() if name not in ("LON", "LAT")}


def _meaning(kind: Kind, name: str, text: str) -> float | int | str | None:
    if kind.table == "ASOS_DATA":
        if name in ("WW", "CT"):
            return None if text == "-" else text
        if float(text) == (-99.0 if name in _COLD else -9.0):
            return None
    elif float(text) <= -50:
        return None
    return float(text) if "." in text else int(text)


def windows(kind: Kind, count: int, stations: Sequence[int], first: datetime) -> Iterator[tuple[int, list[datetime]]]:
    """Station and stamps of the recipe's runs, station by station and hour by hour, until there are ``count`` rows."""
    left, begin = count, first
    while left > 0:
        for stn in stations:
            stamps = [begin + kind.step * number for number in range(1, timedelta(hours=1) // kind.step + 1)][:left]
            left -= len(stamps)
            if stamps:
                yield stn, stamps
        begin += timedelta(hours=1)


Cells = dict[tuple[datetime, int], Mapping[str, float | int | str | None]]


def fill(
    url: str,
    kind: Kind,
    count: int,
    *,
    unique: bool,
    stations: Sequence[int] = (712, 174),
    first: datetime,
    seed: int = 1,
) -> Cells:
    """Make a table with ``count`` different cells and give what an import must make of them. Without a unique key every row is there several times."""
    dice = random.Random(f"{seed} {kind.table}")
    engine = sa.create_engine(url)
    table = table_of(kind, unique=unique)
    # A prime number of different rows, so that hours are made of ever other ones.
    pool = [printed(kind, dice) for _ in range(1_999)]
    meant = [expected(kind, row) for row in pool]
    numbers = cycle(range(len(pool)))
    cells: Cells = {}
    with engine.begin() as connection:
        table.create(connection)
        batch: list[dict[str, object]] = []
        for stn, stamps in windows(kind, count, stations, first):
            chosen = [next(numbers) for _ in stamps]
            stored = kept(kind, [pool[number] for number in chosen])
            for stamp, number, values in zip(stamps, chosen, stored, strict=True):
                cells[stamp, stn] = meant[number]
                copies = 1 if unique else dice.choice([1, 1, 1, 2, 3])
                batch += [{"CR_YMD": stamp, "STN_ID": stn, **values}] * copies
            if len(batch) > 5_000:
                connection.execute(table.insert(), batch)
                batch = []
        if batch:
            connection.execute(table.insert(), batch)
    engine.dispose()
    return cells
