"""From a request understood to the bytes of its answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from kmaflow.simulator import headers
from kmaflow.simulator.asking import Ask
from kmaflow.simulator.clock import stamp_of, stamp_text
from kmaflow.simulator.faults import Faults
from kmaflow.simulator.layouts import LAYOUTS, Place, present_rows, rows
from kmaflow.simulator.noise import Bools, Ints
from kmaflow.simulator.published import Source
from kmaflow.simulator.sky import code_pairs

_CHUNK_ROWS = 60_000


def places(source: Source, idx: Ints) -> list[Place]:
    """(stn, lon, lat) of stations; lon and lat with the noise of 32-bit numbers, as the hub prints them."""
    net = source.world.net
    lon, lat = net.lon[idx].astype(np.float32), net.lat[idx].astype(np.float32)
    return list(zip(net.stn[idx].tolist(), lon.tolist(), lat.tolist(), strict=True))


def _chunks(minutes: Ints, stations: int) -> Iterator[Ints]:
    """Pieces of at most some 60,000 rows, so that a long window needs no more memory than a short one."""
    size = max(_CHUNK_ROWS // max(stations, 1), 1)
    for begin in range(0, len(minutes), size):
        yield minutes[begin : begin + size]


def before_jun(minutes: Ints) -> Bools:
    """Which stamps have ASOS rows of 45 columns, without RN_JUN: those up to the end of 2021."""
    return np.array([stamp_of(minute).year <= 2021 for minute in minutes.tolist()], dtype=np.bool_)


def present_counts(
    source: Source,
    minutes: Ints,
    idx: Ints,
    span: int,
    moment: datetime,
    faults: Faults,
    *,
    final: bool = False,
) -> tuple[NDArray[np.int32], list[list[list[tuple[int, int]]]], Bools, Bools]:
    """Kinds (S), code pairs, printed rows and produced stamps of aws_present_weather.

    The codes are those of aws_visibility in the `span` minutes that end at each stamp, ascending (assumed).
    """
    needed = np.unique((minutes[:, None] - np.arange(span)[None, :]).ravel())
    grid = source.grid("aws_visibility", needed, idx, moment, faults, final=final)
    where = np.searchsorted(needed, minutes)
    codes = np.where(grid.printed, grid.columns["ww1"], -999)
    if span == 1:
        pairs = [[[(code, 1)] if code >= 0 else [] for code in row] for row in codes[where].tolist()]
    else:
        pairs = [[code_pairs(codes[max(i - span + 1, 0) : i + 1, j]) for j in range(len(idx))] for i in where.tolist()]
    return grid.columns["s"][where], pairs, grid.printed[where], grid.produced[where]


def data_lines(source: Source, ask: Ask, moment: datetime, faults: Faults) -> bytes:
    """The data lines of an answer, without header and end."""
    idx = source.members(ask.dataset, ask.numbers)
    if not len(idx) or not len(ask.minutes):
        return b""
    where = places(source, idx)
    parts = []
    for minutes in _chunks(ask.minutes, len(idx)):
        stamps = [stamp_text(minute) for minute in minutes.tolist()]
        if ask.dataset == "aws_present_weather":
            kinds, pairs, printed, _ = present_counts(source, minutes, idx, ask.span, moment, faults)
            parts.append(present_rows(stamps, where, kinds, pairs, printed))
            continue
        layout = LAYOUTS[ask.dataset, ask.disp]
        if source.settings.leading_blank and ask.disp == 0 and ask.dataset != "asos_hourly":
            layout = layout.shifted()
        grid = source.grid(ask.dataset, minutes, idx, moment, faults)
        if ask.dataset != "asos_hourly":
            parts.append(rows(layout, stamps, where, grid.columns, grid.printed))
            continue
        old = before_jun(minutes)[:, None]
        parts.append(rows(layout.without("rn_jun"), stamps, where, grid.columns, grid.printed & old))
        parts.append(rows(layout, stamps, where, grid.columns, grid.printed & ~old))
    return b"".join(parts)


def body(source: Source, ask: Ask, moment: datetime, faults: Faults) -> bytes:
    """The whole text answer, CP949.

    A window somewhat too long ends in the middle of a line, without the end mark.
    """
    data = data_lines(source, ask, moment, faults)
    if ask.dataset == "asos_hourly":
        head = headers.asos_header(help_=ask.help_, with_jun=ask.year > 2021)
    else:
        new = ask.year >= source.settings.wd10_header_from
        head = headers.minute_header(ask.endpoint, help_=ask.help_, disp=ask.disp, new_names=new)
    if ask.verdict == "cut":
        return (head + data)[:-17]
    return head + data + (b"" if ask.help_ == 2 else headers.END)
