"""Observations for users: frames, now or as they were known at an earlier moment, and files.

>>> from kmaflow.read import read
>>> frame = read(store, "aws_minute", Window(start, end), stations=[108], columns=["ta", "hm"])  # doctest: +SKIP
"""

from kmaflow.read.export import Exported, export
from kmaflow.read.frames import count, iter_frames, read
from kmaflow.read.tables import Meaning, Subject, subject, subjects

__all__ = ["Exported", "Meaning", "Subject", "count", "export", "iter_frames", "read", "subject", "subjects"]
