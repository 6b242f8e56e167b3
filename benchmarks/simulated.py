"""A simulated hub in a process of its own: in the benchmark's it would share the interpreter and count as its memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SERVE = """
import sys
from datetime import datetime
from kmaflow.simulator import KeyGrant, SimulatorSettings, running
with running(SimulatorSettings({settings})) as hub:
    print(hub.url, flush=True)
    sys.stdin.read()
"""


@contextmanager
def simulated_hub(settings: str) -> Iterator[str]:
    """The URL of a hub with these settings, written as keyword arguments."""
    command = [sys.executable, "-c", SERVE.format(settings=settings)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as hub:
        assert hub.stdout is not None
        assert hub.stdin is not None
        try:
            yield hub.stdout.readline().strip()
        finally:
            hub.stdin.close()
