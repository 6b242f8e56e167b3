"""Four processes share a key whose quota is enough for half of the work: not one call too many, live data first, the rest after midnight."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from kmaflow.catalog.time import DAY, HOUR, MINUTE, Window
from kmaflow.collect import ALL
from kmaflow.simulator import DEFAULT_KEY, KeyGrant
from kmaflow.simulator.server import Running

from .hub import collecting, post, requests_seen, simulated, truth

MIDNIGHT = datetime(2025, 1, 16)
EVENING = MIDNIGHT - HOUR + 5 * MINUTE
WORK = Window(MIDNIGHT - 4 * HOUR, MIDNIGHT - HOUR)
NAMES = ("aws_cloud", "aws_visibility")
#: Half of the 36 calls of history, and what live data needs of the last hour.
DAILY_CALLS = 66

WORKER = """
import json, sys
from datetime import datetime
import httpx

from kmaflow.catalog.time import Window
from kmaflow.collect import ALL, Collector
from kmaflow.collect.backfill.backfill import Backfill
from kmaflow.settings import load_settings
hub, begin, end, *names = sys.argv[1:]
def clock():
    return datetime.fromisoformat(httpx.get(f"{hub}/_sim/clock", timeout=60).json()["now"])
with Collector.open(load_settings(), work="backfill", clock=clock) as collector:
    job = Backfill(collector, names, Window(datetime.fromisoformat(begin), datetime.fromisoformat(end)), ALL, workers=1, patient=False)
    left = sum(found.left for found in job.run())
print(json.dumps({"until": job.deferred_until and job.deferred_until.isoformat(), "left": left}))
"""


def backfill_by_four(hub: Running, environment: dict[str, str]) -> list[dict[str, Any]]:
    ends = (WORK.start.isoformat(), WORK.end.isoformat())
    orders = [NAMES, NAMES[::-1]] * 2
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, hub.base_url, *ends, *names],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for names in orders
    ]
    told = []
    for worker in workers:
        said, _ = worker.communicate()
        assert worker.returncode == 0
        told.append(json.loads(said.splitlines()[-1]))
    return told


def test_half_of_the_work_today_the_rest_after_midnight(tmp_path: Path, database_url: str) -> None:
    grant = KeyGrant(DEFAULT_KEY, daily_calls=DAILY_CALLS)
    with simulated(EVENING, keys=(grant,), log_length=10_000) as hub:
        environment = os.environ | {
            "KMAFLOW_HUB_URL": hub.url,
            "KMAFLOW_API_KEY": DEFAULT_KEY,
            "KMAFLOW_HOME": str(tmp_path),
            "KMAFLOW_DATABASE_URL": database_url,
            "KMAFLOW_DAILY_CALLS": str(DAILY_CALLS),
        }
        told = backfill_by_four(hub, environment)
        assert {one["until"] for one in told} == {MIDNIGHT.isoformat()}
        assert all(one["left"] for one in told)
        # What was kept back for it lets live data in at any time until midnight.
        settings = {"database_url": database_url, "daily_calls": DAILY_CALLS}
        with collecting(hub, tmp_path, now=EVENING, **settings) as collector:
            for name in NAMES:
                live = collector.collect(name, Window(MIDNIGHT - 70 * MINUTE, MIDNIGHT - HOUR), ALL)
                assert live.complete
        used = _used(hub)
        assert used == [min(used[0], DAILY_CALLS * 98 // 100)]
        assert not [entry for entry in requests_seen(hub) if entry["status"] == 403]

        post(hub, "clock", {"now": f"{MIDNIGHT + DAY - 20 * MINUTE:%Y-%m-%dT%H:%M:%S}"})
        told = backfill_by_four(hub, environment)
        assert {(one["until"], one["left"]) for one in told} == {(None, 0)}
        assert max(_used(hub)) <= DAILY_CALLS * 98 // 100
        assert not [entry for entry in requests_seen(hub) if entry["status"] == 403]
        with collecting(hub, tmp_path, now=MIDNIGHT, **settings) as collector:
            for name in NAMES:
                _require_equal(collector, hub, name)


def _used(hub: Running) -> list[int]:
    """Calls of each day, as the hub counts them."""
    return [day["calls"] for day in httpx.get(f"{hub.base_url}/_sim/usage", timeout=60).json()["keys"]]


def _require_equal(collector: Any, hub: Running, name: str) -> None:
    cells = truth(hub, name, WORK.start + MINUTE, WORK.end)
    expected = {
        (f"{datetime.strptime(cell['tm'], '%Y%m%d%H%M')}", cell["stn"])
        for cell in cells
        if cell["state"] in ("present", "blank")
    }
    with collector.store.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            f"SELECT tm_kst, stn FROM {name} WHERE tm_kst > '{WORK.start}' AND tm_kst <= '{WORK.end}'"
        ).all()
    found = [(str(stamp), stn) for stamp, stn in rows]
    assert len(found) == len(set(found))
    assert set(found) == expected
