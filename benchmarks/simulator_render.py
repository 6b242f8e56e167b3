"""How fast the simulator makes nph-aws2_min: values and disp=1 bytes of all stations, on one core.

Prints rows per second and the ratio to a named floor measured in the same run: polars writing the same rows
as CSV from a frame that is there already. Run: python benchmarks/simulator_render.py [--hours 6] [--window
10]
"""

from __future__ import annotations

import argparse
import os

# one core for everything, the floor included; must be set before numpy and polars are loaded
for _name in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import time  # noqa: E402
from datetime import datetime  # noqa: E402

import numpy as np  # noqa: E402
import polars as pl  # noqa: E402

from kmaflow.simulator import Faults, SimulatorSettings  # noqa: E402
from kmaflow.simulator.asking import Ask  # noqa: E402
from kmaflow.simulator.bodies import body  # noqa: E402
from kmaflow.simulator.clock import minute_of  # noqa: E402
from kmaflow.simulator.published import Source  # noqa: E402

NOW = datetime(2026, 11, 22, 13, 0)
DAY = datetime(2026, 7, 2)


def main() -> None:
    """Measures and prints."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--hours", type=int, default=6, help="hours of all stations to render")
    arguments.add_argument("--window", type=int, default=10, help="stamps per answer")
    options = arguments.parse_args()
    source = Source(SimulatorSettings(now=NOW))

    def render(day: datetime, hours: int) -> tuple[int, list[bytes]]:
        first = minute_of(day) + 1
        made, count = [], 0
        for start in range(first, first + hours * 60, options.window):
            minutes = np.arange(start, start + options.window, dtype=np.int64)
            ask = Ask("nph-aws2_min", "aws_minute", minutes, None, disp=1, help_=0, year=2026)
            made.append(body(source, ask, NOW, Faults()))
            count += made[-1].count(b",=\n")
        return count, made

    # the tables of texts are made once per process, so they are not part of the rate
    render(datetime(2026, 7, 1), 1)
    begin = time.perf_counter()
    rows, bodies = render(DAY, options.hours)
    cold = time.perf_counter() - begin
    begin = time.perf_counter()
    rows, bodies = render(DAY, options.hours)
    warm = time.perf_counter() - begin

    text = b"".join(line + b"\n" for part in bodies for line in part.split(b"\n") if line and line[:1] != b"#")
    frame = pl.read_csv(text, has_header=False)
    # the stamp is text to the hub, and the last field is the `=` that ends each row
    frame = frame.drop(frame.columns[-1]).with_columns(pl.col(frame.columns[0]).cast(pl.String))
    begin = time.perf_counter()
    written = frame.write_csv(float_precision=1, include_header=False, line_terminator=",=\n")
    floor = time.perf_counter() - begin

    size = sum(map(len, bodies)) / 1e6
    print(f"rows {rows}, {size:.0f} MB, answers of {options.window} minutes, one core")
    print(f"simulator, a day not seen before  {rows / cold:12,.0f} rows/s")
    print(f"simulator, the day's weather kept {rows / warm:12,.0f} rows/s")
    print(f"floor: polars write_csv           {rows / floor:12,.0f} rows/s ({len(written) / 1e6:.0f} MB)")
    print(f"ratio to the floor                {floor / cold:12.2f} (new day), {floor / warm:.2f} (kept)")


if __name__ == "__main__":
    main()
