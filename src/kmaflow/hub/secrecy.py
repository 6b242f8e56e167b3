"""The key stays out of logs and kept bytes.

httpx logs every URL at INFO and httpcore at DEBUG; the hub takes the key as a query parameter. So both are filtered, for
everybody in the process, as soon as a client exists.
"""

from __future__ import annotations

import hashlib
import logging
import re
from urllib.parse import quote

from pydantic import SecretStr

_PARAMETER = re.compile(r"(authKey(?:=|%3D))[^&\s\"'\]\)>]*", re.IGNORECASE)
_ESCAPE = re.compile("%[0-9A-F]{2}")
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
    """Bytes of an answer without the key: a gateway's page may quote the URL."""
    plain = key.get_secret_value()
    quoted = quote(plain, safe="")
    for form in {plain, quoted, _ESCAPE.sub(lambda found: found[0].lower(), quoted)}:
        secret = form.encode()
        if secret and secret in content:
            content = content.replace(secret, b"***")
    return content


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
