"""The command line on a terminal of so many columns."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_DRIVER = """
import json, logging, sys
from kmaflow.cli import main
for arguments in json.loads(sys.argv[1]):
    logging.root.handlers.clear()
    sys.argv = ["kmaflow", *arguments]
    try:
        main()
    except SystemExit as left:
        print(f"== {left.code}", flush=True)
"""
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(
    commands: Sequence[Sequence[str]], folder: Path, *, columns: int = 80, plain: bool = True, **environment: str
) -> list[tuple[str, int]]:
    """What each command shows on a terminal, both outputs together, and its exit code.

    Args:
        plain: without escape sequences.
    """
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    with subprocess.Popen(
        [sys.executable, "-c", _DRIVER, json.dumps(commands)],
        cwd=folder,
        env={**kept, "TERM": "xterm-256color", **environment},
        stdin=follower,
        stdout=follower,
        stderr=follower,
    ):
        os.close(follower)
        seen = b""
        # Linux says that the other end is gone by an error.
        with suppress(OSError):
            while part := os.read(leader, 65_536):
                seen += part
    os.close(leader)
    text = seen.decode().replace("\r\n", "\n")
    parts = re.split(r"^== (\d+)\n", _ESCAPE.sub("", text) if plain else text, flags=re.MULTILINE)
    assert len(parts) == 2 * len(commands) + 1, text
    return [(shown, int(code)) for shown, code in zip(parts[:-1:2], parts[1::2], strict=True)]
