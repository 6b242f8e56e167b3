"""What a collector should have stored: the expected value of every cell, in kmaflow's names.

This is the other side of the simulator: computed from the same numbers as the printed rows, but never from
the bytes. Missing is null; -0.0 is 0.0; the text `-` is null. Times are KST.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kmaflow.simulator.asos_values import COLD, TEXT, WHOLE
from kmaflow.simulator.bodies import before_jun, present_counts
from kmaflow.simulator.clock import stamp_text
from kmaflow.simulator.faults import Faults
from kmaflow.simulator.noise import Bools, Ints
from kmaflow.simulator.published import COLUMNS, DATASETS, Source
from kmaflow.simulator.tables import NEGATIVE_ZERO

if TYPE_CHECKING:
    import polars as pl

PRESENT, BLANK, ABSENT, NOT_PRODUCED = "present", "blank", "absent", "not_produced"
_WHOLE_MINUTE = ("ch_low", "ch_mid", "ch_top", "s", "vis1", "vis10", "ww1", "ww15", "n", "nn1")


class TruthError(ValueError):
    """A question the truth cannot answer; the message says which parameter and what is possible."""


@dataclass(frozen=True)
class Truth:
    """Expected cells: minutes (T,), stn (S,), columns and missing (T, S) each, printed (T, S), produced (T,).

    codes: only for aws_present_weather, all (code, minutes) pairs of a cell.
    """

    dataset: str
    minutes: Ints
    stn: Ints
    columns: dict[str, NDArray[Any]]
    missing: dict[str, Bools]
    printed: Bools
    produced: Bools
    codes: list[list[list[tuple[int, int]]]] | None = None


def _missing(dataset: str, name: str, values: NDArray[Any]) -> Bools:
    """The rule of the hub's own header (-50 and below), and the per-field rules of ASOS."""
    if dataset != "asos_hourly":
        limit = -50 if name in _WHOLE_MINUTE else -500
        return np.asarray((values <= limit) & (values != NEGATIVE_ZERO))
    if name in TEXT:
        return np.asarray(values == b"-")
    if name in COLD:
        return np.asarray(values == -990)
    return np.asarray(values == (-9 if name in WHOLE else -900 if name == "si" else -90))


def _scaled(dataset: str, name: str, values: NDArray[Any]) -> NDArray[Any]:
    if name in TEXT and dataset == "asos_hourly":
        return values
    if name in (WHOLE if dataset == "asos_hourly" else _WHOLE_MINUTE):
        return values
    return np.where(values == NEGATIVE_ZERO, 0, values) / (100 if name == "si" else 10)


def truth(
    source: Source,
    dataset: str,
    minutes: Ints,
    numbers: tuple[int, ...] | None,
    now: datetime,
    faults: Faults,
    as_of: datetime | None = None,
) -> Truth:
    """Final values of a dataset, or with `as_of` what was published then. minutes: ascending stamps."""
    if dataset not in DATASETS:
        raise TruthError(f"dataset: {dataset!r} is none of {', '.join(DATASETS)}")
    idx = source.members(dataset, numbers)
    moment, final = (now, True) if as_of is None else (as_of, False)
    codes = None
    if dataset == "aws_present_weather":
        kinds, codes, printed, produced = present_counts(source, minutes, idx, 1, moment, faults, final=final)
        first = [[pairs[0] if pairs else (-999, -999) for pairs in row] for row in codes]
        shape = (*printed.shape, 2)
        pairs = np.array(first, dtype=np.int32).reshape(shape)
        columns = {
            "s": kinds,
            "n": (pairs[:, :, 0] >= 0).astype(np.int32),
            "ww1": pairs[:, :, 0],
            "nn1": pairs[:, :, 1],
        }
    else:
        grid = source.grid(dataset, minutes, idx, moment, faults, final=final)
        columns, printed, produced = grid.columns, grid.printed, grid.produced
        columns = {name: columns[name] for name in COLUMNS[dataset]}
    missing = {name: _missing(dataset, name, values) for name, values in columns.items()}
    if dataset == "asos_hourly":
        # a column that is not printed cannot be known
        missing["rn_jun"] = missing["rn_jun"] | before_jun(minutes)[:, None]
    scaled = {name: _scaled(dataset, name, values) for name, values in columns.items()}
    return Truth(dataset, minutes, source.world.net.stn[idx], scaled, missing, printed, produced, codes)


def cells(found: Truth, *, everything: bool) -> list[dict[str, Any]]:
    """One object per cell, by stamp and station; unproduced stamps only with `everything`."""
    listed: dict[str, list[list[Any]]] = {}
    for name, values in found.columns.items():
        plain = (np.char.decode(values, "ascii") if values.dtype.kind == "S" else values).astype(object)
        plain[found.missing[name]] = None
        listed[name] = plain.tolist()
    stn = found.stn.tolist()
    out: list[dict[str, Any]] = []
    for i, minute in enumerate(found.minutes.tolist()):
        produced = bool(found.produced[i])
        if not produced and not everything:
            continue
        text = stamp_text(minute)
        for j, number in enumerate(stn):
            shown = produced and bool(found.printed[i, j])
            row = {name: column[i][j] if shown else None for name, column in listed.items()}
            if not produced:
                state = NOT_PRODUCED
            elif not shown:
                state = ABSENT
            else:
                state = BLANK if all(value is None for value in row.values()) else PRESENT
            cell: dict[str, Any] = {"tm": text, "stn": number, "state": state, "values": row}
            if found.codes is not None:
                cell["codes"] = [list(pair) for pair in found.codes[i][j]] if shown else []
            out.append(cell)
    return out


def frame(found: Truth, *, everything: bool) -> pl.DataFrame:
    """The rows the hub prints: tm_kst (KST, no zone), stn, state, then the value columns."""
    # only this page needs polars, which takes long to load
    import polars as pl

    shown = found.printed & found.produced[:, None]
    if everything:
        shown = found.printed
    i, j = np.nonzero(shown)
    data: dict[str, Any] = {
        "tm_kst": (found.minutes[i] * 60).astype("datetime64[s]").astype("datetime64[ms]"),
        "stn": found.stn[j],
    }
    empty = np.ones(len(i), dtype=np.bool_)
    series = []
    for name, values in found.columns.items():
        lost = found.missing[name][i, j]
        empty &= lost
        if values.dtype.kind == "S":
            column = pl.Series(name, [text.decode("ascii") for text in values[i, j].tolist()], dtype=pl.String)
        else:
            kind = pl.Float64 if values.dtype.kind == "f" else pl.Int64
            column = pl.Series(name, np.ascontiguousarray(values[i, j]), dtype=kind)
        series.append(column.set(pl.Series(lost), None))
    state = np.where(found.produced[i], np.where(empty, BLANK, PRESENT), NOT_PRODUCED)
    return pl.DataFrame(data | {"state": pl.Series(state.tolist(), dtype=pl.String)}).with_columns(series)


def parquet(found: Truth, *, everything: bool) -> bytes:
    """`frame` as a Parquet file."""
    out = io.BytesIO()
    frame(found, everything=everything).write_parquet(out, compression="zstd", compression_level=1)
    return out.getvalue()
