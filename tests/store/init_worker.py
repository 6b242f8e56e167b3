"""A process that makes the tables when it is told to: each line on standard input is a database, each line on standard output what it made."""

from __future__ import annotations

import json
import sys

from kmaflow.errors import KmaflowError
from kmaflow.store import Store
from kmaflow.store.schema import upgrade

print("ready", flush=True)
for line in sys.stdin:
    with Store(line.strip()) as store:
        try:
            made = [*store.init(), *upgrade.make_state(store.engine)]
            store.ensure("aws_cloud")
        except KmaflowError as error:
            made = [str(error)]
    print(json.dumps(made), flush=True)
