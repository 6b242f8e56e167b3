"""Texts that came from outside, as they may be printed and stored: no database, terminal or log refuses them, and none is endless."""

from __future__ import annotations

import re

#: What PostgreSQL, an encoder or a terminal chokes on: control characters but the tab, halves of surrogate pairs, line breaks of Unicode.
_UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def printable(text: str, most: int) -> str:
    """The text with such characters escaped as Python writes them (``\\x00``, ``\\n``, ``\\udc80``), and at most about ``most`` characters of it.

    What is cut says how much is missing; the archive has it whole.
    """
    kept = _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text[:most])
    more = len(text) - most
    return f"{kept}… ({more:,} characters more)" if more > 0 else kept
