"""Understanding a request: which rows it asks for, and whether the hub would answer that much.

Where the hub's behaviour is not known the reading is lenient, and the choice is written beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from kmaflow.simulator.clock import minute_of, parse_stamp, stamp_of
from kmaflow.simulator.noise import Ints

MINUTE_DATASETS = {
    "nph-aws2_min": "aws_minute",
    "nph-aws2_min_cloud": "aws_cloud",
    "nph-aws2_min_lst": "aws_ground_temperature",
    "nph-aws2_min_vis": "aws_visibility",
    "nph-aws2_min_ww1": "aws_present_weather",
}
HOUR_ENDPOINTS = ("kma_sfctm2.php", "kma_sfctm3.php")
STATION_ENDPOINT = "stn_inf.php"

PATHS = {
    **{f"/api/typ01/cgi-bin/url/{name}": name for name in MINUTE_DATASETS},
    **{f"/api/typ01/url/{name}": name for name in (*HOUR_ENDPOINTS, STATION_ENDPOINT)},
}
"""Path to endpoint; everything else is answered 404."""

ALL_LIMIT, ONE_LIMIT, ASOS_LIMIT = 10, 1440, 31 * 1440
"""Largest tm2 - tm1 in minutes: all stations, one station, ASOS. Both ends are included."""

FAR = 3
"""Up to this many times the limit an answer is cut off, beyond it the gateway gives up (our choice)."""


@dataclass(frozen=True)
class Ask:
    """A request understood. minutes: stamps asked for, ascending, minutes since 1970-01-01 KST.

    numbers: stations, None for all. verdict: `ok`, `cut` (minutes hold what comes before the cut) or
        `gateway`.
    year: of tm2, which decides the era of the header. span: minutes that ww1 counts codes over.
    """

    endpoint: str
    dataset: str
    minutes: Ints
    numbers: tuple[int, ...] | None
    disp: int
    help_: int
    year: int
    verdict: str = "ok"
    span: int = 1


def whole_number(text: str | None, default: int) -> int:
    """A parameter read as C's atoi does: digits up to the first other character; none: the default."""
    digits = ""
    for letter in (text or "").strip():
        if not ("0" <= letter <= "9"):
            break
        digits += letter
    return int(digits[:9]) if digits else default


def read_stations(text: str | None, *, lists: bool) -> tuple[int, ...] | None:
    """Station numbers; None for all (absent, empty, 0 or not a number).

    Without `lists` only the first one counts.
    """
    numbers = [whole_number(part, 0) for part in (text or "").split(":")]
    if not lists:
        numbers = numbers[:1]
    wanted = tuple(number for number in numbers if number)
    return wanted or None


def _verdict(start: int, end: int, limit: int, enforce: bool) -> tuple[str, int]:
    """Whether the window is answered, and the last minute that is."""
    length = end - start
    if not enforce:
        # even a hub without limits gives up some day: one day of all stations, as measured
        return ("gateway", start) if length > limit * 144 else ("ok", end)
    if length <= limit:
        return "ok", end
    return ("cut", start + limit) if length <= limit * FAR else ("gateway", start)


def read_minutes(endpoint: str, query: Mapping[str, str], now: datetime, *, enforce: bool) -> Ask:
    """A request to a cgi-bin endpoint.

    Assumed: `tm` stands for tm2 where tm2 is absent; a malformed time counts as absent; tm1 after tm2 gives
    no rows; itv steps back from tm2 (cloud: 1 by default, ww1: 60, with a range of 60); help other than 0, 1,
    2 is 0.
    """
    end = parse_stamp(query.get("tm2"))
    if end is None:
        end = parse_stamp(query.get("tm"))
    if end is None:
        end = minute_of(now)
    start = parse_stamp(query.get("tm1"))
    if start is None:
        start = end
    numbers = read_stations(query.get("stn"), lists=False)
    verdict, last = _verdict(start, end, ALL_LIMIT if numbers is None else ONE_LIMIT, enforce)
    step, span = 1, 1
    if endpoint == "nph-aws2_min_cloud":
        step = max(whole_number(query.get("itv"), 1), 1)
    elif endpoint == "nph-aws2_min_ww1":
        step = max(whole_number(query.get("itv"), 60), 1)
        span = min(max(whole_number(query.get("range"), 60), 1), 1440)
    # a window of centuries must not be listed only to be refused
    first = end + 1 if verdict == "gateway" else start
    minutes = np.arange(end, first - 1, -step, dtype=np.int64)[::-1]
    help_ = whole_number(query.get("help"), 0)
    return Ask(
        endpoint=endpoint, dataset=MINUTE_DATASETS[endpoint], minutes=minutes[minutes <= last],
        numbers=numbers,
        disp=1 if whole_number(query.get("disp"), 0) == 1 else 0, help_=help_ if help_ in (1, 2) else 0,
        year=stamp_of(end).year, verdict=verdict, span=span,
    )  # fmt: skip


def read_hours(endpoint: str, query: Mapping[str, str], latest: int, *, enforce: bool) -> Ask:
    """A request to kma_sfctm2.php (`tm`) or kma_sfctm3.php (`tm1`, `tm2`).

    latest: minute of the latest hour that can be had.

    Assumed: an 8-digit time is its 00:00; minutes within the hour are dropped by sfctm2, and sfctm3 gives the
    whole hours between; help=2 is help=0.
    """
    if endpoint == "kma_sfctm2.php":
        asked = parse_stamp(query.get("tm"))
        start = end = (latest if asked is None else asked) // 60 * 60
    else:
        given = parse_stamp(query.get("tm2"))
        end = latest if given is None else given
        first = parse_stamp(query.get("tm1"))
        start = end if first is None else first
    verdict, last = _verdict(start, end, ASOS_LIMIT, enforce)
    minutes = np.arange(-(-start // 60) * 60, last + 1, 60, dtype=np.int64)
    return Ask(
        endpoint=endpoint, dataset="asos_hourly", minutes=minutes,
        numbers=read_stations(query.get("stn"), lists=True), disp=0,
        help_=1 if whole_number(query.get("help"), 0) == 1 else 0, year=stamp_of(end).year, verdict=verdict,
    )  # fmt: skip
