"""The command line's log on stderr: text for people, one JSON object a line for programs."""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from enum import StrEnum

from kmaflow.log_fields import current

_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class LogFormat(StrEnum):
    """How a line is written."""

    TEXT = "text"
    JSON = "json"


class JsonLines(logging.Formatter):
    """A line as one object: when (UTC), level, logger, event, the run of this command, and for what the line is."""

    def __init__(self) -> None:
        super().__init__()
        self._run = os.urandom(4).hex()

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        from kmaflow.hub.secrecy import without_key

        line = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            "run_id": self._run,
            **current(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return without_key(json.dumps(line, ensure_ascii=False))


def set_up(level: int, log_format: LogFormat) -> None:
    """Write the log to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if log_format is LogFormat.JSON else logging.Formatter(_TEXT))
    logging.basicConfig(level=level, handlers=[handler])
