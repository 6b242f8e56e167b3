"""What starts processes: `make run`, `make smoke` and the containers of compose.yaml."""

from __future__ import annotations

import sys


def tell(text: str) -> None:
    """A line on stdout, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """A line on stderr, at once."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
