"""The key stays out of logs and kept bytes.

httpx logs every URL at INFO and httpcore at DEBUG; the hub takes the key as a query parameter. So both are filtered, for
everybody in the process, as soon as a client exists.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator
from functools import lru_cache
from html.entities import html5

from pydantic import SecretStr

_PARAMETER = re.compile(r"(authKey(?:=|%3D))[^&\s\"'\]\)>]*", re.IGNORECASE)
#: How the character that begins an escape may itself be escaped; a few times over, so that no page takes long to look through.
_BACKSLASH = rb"(?:\\|%(?:25){0,3}(?i:5c)){1,8}"
_AMPERSAND = rb"(?:&|%(?:25){0,3}26|\\{1,8}u0026)(?:amp;){0,3}"
_PERCENT = rb"(?:%|&#0{0,6}37;|&#[xX]0{0,6}25;|&percnt;|\\{1,8}u0025)(?:25){0,3}"
_NAMED = tuple((text, name) for name, text in html5.items() if name.endswith(";") and len(text) == 1)
#: More bytes than one character takes in any usual escape.
_LONGEST_ESCAPE = 24
_LOGGERS = (
    "httpx",
    "httpcore",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)


def without_key(text: str) -> str:
    """The text with every ``authKey=…`` masked."""
    return _PARAMETER.sub(r"\1***", text)


def key_id(key: SecretStr) -> str:
    """The name under which a key is known in the ledger: the first 12 hex digits of its SHA-256."""
    return hashlib.sha256(key.get_secret_value().encode()).hexdigest()[:12]


def scrub(content: bytes, key: SecretStr) -> bytes:
    """Bytes of an answer without the key in any spelling: as it is, or with some or all of its characters quoted for URLs, JSON or HTML,
    also twice over. A gateway's page may quote the URL.
    """
    plain = key.get_secret_value()
    if not plain:
        return content
    for form in {plain, plain.replace("+", " ")}:
        content = content.replace(form.encode(), b"***")
    # Tables hold next to no character that begins an escape: only what stands around them is looked at.
    spelling, reach = _spellings(plain)
    spans: list[list[int]] = []
    for at in sorted(at for mark in b"%\\&" for at in _places(content, mark)):
        if spans and at - reach <= spans[-1][1]:
            spans[-1][1] = at + reach
        else:
            spans.append([max(at - reach, 0), at + reach])
    for start, end in reversed(spans):
        part = content[start:end]
        if (clean := spelling.sub(b"***", part)) != part:
            content = content[:start] + clean + content[end:]
    return content


def scrub_text(text: str, key: SecretStr) -> str:
    """The same for a text, which may hold characters that no bytes can."""
    return scrub(text.encode("utf-8", "surrogatepass"), key).decode("utf-8", "surrogatepass")


def _places(content: bytes, mark: int) -> Iterator[int]:
    at = content.find(mark)
    while at >= 0:
        yield at
        at = content.find(mark, at + 1)


@lru_cache(maxsize=8)
def _spellings(plain: str) -> tuple[re.Pattern[bytes], int]:
    """What the key may look like, and how long it may be then."""
    parts = []
    for character in plain:
        raw = character.encode()
        forms = [b"[+ ]" if character in "+ " else re.escape(raw), _BACKSLASH + re.escape(raw)]
        forms.append(b"".join(_PERCENT + b"(?i:%02x)" % byte for byte in raw))
        forms.append(_BACKSLASH + b"(?:u\\{?0{0,6}|x)(?i:%x)\\}?" % ord(character))
        forms.append(_AMPERSAND + b"#(?:0{0,6}%d|[xX]0{0,6}(?i:%x));?" % (ord(character), ord(character)))
        forms += [_AMPERSAND + name.encode() for text, name in _NAMED if text == character]
        parts.append(b"(?:" + b"|".join(forms) + b")")
    return re.compile(b"".join(parts)), _LONGEST_ESCAPE * len(plain)


class _KeyFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = without_key(record.getMessage()), None
        return True


_FILTER = _KeyFilter()


def guard_logs() -> None:
    """Mask keys in what httpx and httpcore log (idempotent)."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if _FILTER not in logger.filters:
            logger.addFilter(_FILTER)
