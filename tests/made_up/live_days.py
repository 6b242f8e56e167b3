"""Three days of the daily dataset as they come, at chosen moments, in a process whose environment names its package.

Argument: the midnight at which the first day ends. Prints what is asked for again, and what the ledger says of a day that is late.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta

from kmaflow.catalog.time import DAY, HOUR, Window
from kmaflow.collect import Collector
from kmaflow.collect.due import due_now
from kmaflow.settings import load_settings
from kmaflow.store.engines.database import reading

NAME = "daily_extremes"
first = datetime.fromisoformat(sys.argv[1])
clock = first


def at(moment: datetime) -> None:
    global clock
    clock = moment


with Collector.open(load_settings(), clock=lambda: clock) as collector:
    for end in (first, first + DAY):
        at(end + 6 * HOUR)
        collector.collect(NAME, Window(end - DAY, end))
    at(clock + timedelta(minutes=15))
    with reading(collector.store.engine) as connection:
        quiet = due_now(connection, NAME, Window(first, first + DAY), now=clock).quiet
    at(first + 2 * DAY + 6 * HOUR)
    late = collector.collect(NAME, Window(first + DAY, first + 2 * DAY))
print(
    json.dumps(
        {
            "again": [[f"{want.window.start:%Y-%m-%d %H:%M}", f"{want.window.end:%Y-%m-%d %H:%M}"] for want in quiet],
            "late": late.error.code if late.error else None,
        }
    )
)
