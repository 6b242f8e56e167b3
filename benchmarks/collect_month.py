"""Whether memory stays flat: ``kmaflow collect`` of a day and of a month of all stations, as one window each, peak memory and rows/s.

python benchmarks/collect_month.py                                # ASOS: a month is one call
python benchmarks/collect_month.py --dataset aws_minute --engines postgresql    # 31 million rows, 4,320 calls
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from datetime import datetime, timedelta

from collect_hour import run
from load_speed import database
from simulated import simulated_hub

from kmaflow.simulator import DEFAULT_KEY

END = datetime(2026, 11, 22)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="asos_hourly")
    parser.add_argument("--days", type=int, nargs="+", default=[1, 30])
    parser.add_argument("--engines", default="postgresql,mariadb,sqlite")
    options = parser.parse_args()
    now = f"now=datetime.fromisoformat('{END + timedelta(hours=1)}')"
    with (
        simulated_hub(f"{now}, keys=(KeyGrant('{DEFAULT_KEY}', daily_calls=10**9, daily_bytes=10**12),)") as url,
        tempfile.TemporaryDirectory() as folder,
    ):
        variables = {**os.environ, "KMAFLOW_HUB_URL": url, "KMAFLOW_API_KEY": DEFAULT_KEY}
        variables |= {"KMAFLOW_DAILY_CALLS": "1000000000", "KMAFLOW_DAILY_BYTES": "1000000000000"}
        for kind in options.engines.split(","):
            for days in options.days:
                with database(kind, folder) as database_url:
                    variables |= {"KMAFLOW_HOME": f"{folder}/{kind}-{days}", "KMAFLOW_DATABASE_URL": database_url}
                    kmaflow = [sys.executable, "-m", "kmaflow"]
                    run([*kmaflow, "stations", "sync"], variables)
                    ends = ["--from", f"{END - timedelta(days=days):%Y%m%d%H%M}", "--to", f"{END:%Y%m%d%H%M}", "--json"]
                    seconds, peak, told = run([*kmaflow, "collect", options.dataset, *ends], variables)
                    result = json.loads(told)["datasets"][0]
                    print(
                        f"{kind:<11} {options.dataset} {days:>3} days  {result['inserted']:>11,} rows  {result['calls']:>5} calls  {seconds:7.1f} s  "
                        f"{result['inserted'] / seconds:>9,.0f} rows/s  peak {peak:.0f} MB  complete: {result['complete']}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
