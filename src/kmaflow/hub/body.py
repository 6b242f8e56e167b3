"""From the bytes of one answer to its lines, or to the error they really are.

The hub says no in many ways: JSON in UTF-8 (also with HTTP 200), plain words, HTML pages of gateways, a body that stops early. Only a
body from ``#START7777`` to ``#7777END`` is an answer; one with a header or rows but without its end was cut. Source: KMA API Hub
0.3 and 0.6.
"""

from __future__ import annotations

import codecs
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from kmaflow.errors import LONGEST_TEXT
from kmaflow.hub.errors import (
    BadKey,
    EmptyAnswer,
    HubError,
    Maintenance,
    NotApplied,
    NotATable,
    QuotaSpent,
    Refused,
    ServerFailed,
    Truncated,
    UnknownEndpoint,
    UnknownStation,
)

START = b"#START7777"
END = b"#7777END"
BOM = b"\xef\xbb\xbf"
_BLANK = BOM + b" \t\r\n"
_MAINTENANCE = ("점검", "maintenance")
_PASSING = frozenset({408, 425, 429})
#: The hub says that it was asked wrongly: asking the same again is of no use.
_WRONG_QUESTION = re.compile(
    r"user_input|param|argument|invalid|bad request|파라미터|파라메터|매개변수|인자|변수|입력|형식", re.IGNORECASE
)
#: What no refusal has and the smallest piece of a table has: a line of names, or a row's stamp (also quoted) and what follows it.
_TABLE_LINE = re.compile(rb"^[ \t]*(?:#+[ \t]*Y{2,4}MMDD|[\"'#]?\d{8}(?:\d{4})?[\"']?[ ,\t])", re.MULTILINE)
_NUMBER_FIRST = re.compile(rb"^[ \t]*[\"'#]?\d", re.MULTILINE)
_FILLED = re.compile(rb"\S")
_TAG = re.compile(r"<(script|style).*?</\1\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL)
#: So much of a body is looked at for words.
_WORDS_IN = 100_000
#: A first row whose first byte became a ``#``, or that got one: not a line of the header (the ruler has more digits).
_SPOILT_ROW = re.compile(rb"\s*#(?:\d{7,8}|\d{11,12})[ ,]")
_NO_STATION = "입력하신 지점번호가 없습니다"


@dataclass(frozen=True, slots=True)
class Body:
    """One complete answer.

    Attributes:
        head: the ``#`` lines before the first row, decoded, without ``#START7777``.
        content: what the rows stand in, from ``start`` to ``end``; every row has its LF. Lines of the header printed again between
            rows are left out; any other ``#`` line stays, since it may be a row that lost its first byte.
        first_line: number of the first row's line in the body, counted from 1.
        later: the ``#`` lines among the rows.
    """

    head: tuple[str, ...]
    content: bytes
    start: int
    end: int
    first_line: int
    later: tuple[str, ...] = ()

    @property
    def rows(self) -> bytes:
        """The bytes of the rows; empty where there is none."""
        return self.content[self.start : self.end]

    def parts(self, size: int) -> Iterator[tuple[bytes, int]]:
        """The rows in pieces of whole lines of about so many bytes, each with its place in ``content``."""
        start = self.start
        while start < self.end:
            stop = self.content.find(b"\n", min(start + size, self.end - 1), self.end) + 1
            yield self.content[start:stop], start
            start = stop

    def line_at(self, place: int) -> int:
        """Number in the body of the line that begins at this place in ``content``."""
        return self.first_line + self.content.count(b"\n", self.start, place)


def decode(content: bytes) -> str:
    """Text of an answer: JSON is UTF-8, all else CP949, where an unreadable byte becomes U+FFFD."""
    stripped = content.lstrip(_BLANK)
    if stripped[:1] == b"{":
        return content.decode("utf-8", errors="replace")
    return content.decode("cp949", errors="replace")


def words_of(content: bytes) -> str:
    """The words of a refusal in one line: UTF-8 or CP949, whichever it is, without tags."""
    content = content[:_WORDS_IN].removeprefix(BOM)
    try:
        # Not at once: the last letter may be cut.
        text = codecs.getincrementaldecoder("utf-8")().decode(content)
    except UnicodeDecodeError:
        text = content.decode("cp949", errors="replace")
    if content.lstrip()[:1] == b"<":
        text = html.unescape(_TAG.sub(" ", text))
    return " ".join(text.split())


def refusal(content: bytes, status: int = 200) -> HubError | None:
    """The error that these bytes (with this HTTP status) are; None for what looks like an answer, or like a part of one.

    Covers JSON at any status, HTML pages, words, 4xx, 5xx and zero bytes. Completeness is checked by :func:`open_body`.
    """
    stripped = content.lstrip(_BLANK)
    if stripped[:1] == b"{":
        return _from_json(content, status)
    if stripped[:1] == b"<":
        return _from_html(content, status)
    if status >= 400:
        return _by_status(status, words_of(content), content)
    if status != 200:
        return Refused(
            f"the hub answered HTTP {status} where 200 is expected",
            ko=f"허브 응답이 HTTP {status}입니다(정상: 200)",
            status=status,
            body=content,
        )
    if not stripped:
        return EmptyAnswer(
            "the hub answered with no bytes at all", ko="허브 응답이 비어 있습니다", status=status, body=content
        )
    if stripped.startswith(START[: len(stripped)]) or _TABLE_LINE.search(content, 0, _WORDS_IN):
        return None
    return _by_status(200, words_of(content), content)


def _from_json(content: bytes, status: int) -> HubError:
    try:
        answer = json.loads(content.decode("utf-8-sig"))
        result = answer["result"]
        inner, message = int(result["status"]), str(result["message"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return _by_status(status, words_of(content), content)
    return _by_status(inner, message, content, http=status)


def _by_status(status: int, message: str, content: bytes, *, http: int | None = None) -> HubError:
    """The error by the hub's words first, then by the status. ``http``: that of HTTP, where ``status`` stands in the body itself."""
    what = f"the hub says ({status}): {message}" if message else f"the hub answered HTTP {status}"
    ko = f"허브 안내문({status}): {message}" if message else f"허브 응답: HTTP {status}"
    if (kind := _spent(403 if http == 403 else status, message)) is not None:
        return QuotaSpent(what, ko=ko, kind=kind, status=status, body=content)
    return _refused_by(status, message, table=status == 200 and http is None)(what, ko=ko, status=status, body=content)


def _refused_by(status: int, message: str, *, table: bool) -> type[HubError]:
    """``table``: a table belongs where the words stand."""
    if "활용신청" in message:
        return NotApplied
    if status == 401 or "인증키" in message:
        return BadKey
    if status == 404 or "유효하지 않은 API" in message:
        return UnknownEndpoint
    if any(word in message.lower() for word in _MAINTENANCE):
        return Maintenance
    if status >= 500 or status in _PASSING:
        return ServerFailed
    if _NO_STATION in message:
        return UnknownStation
    return _no_table(message) if table else Refused


def _no_table(words: str) -> type[HubError]:
    """HTTP 200 with words where a table belongs."""
    return Refused if _WRONG_QUESTION.search(words, 0, LONGEST_TEXT) else NotATable


def _spent(status: int, message: str) -> Literal["calls", "bytes"] | None:
    """Which quota of the day these words say is used up; None where they do not."""
    if "호출 건수" in message:
        return "calls"
    if "호출 용량" in message:
        return "bytes"
    limit = any(word in message for word in ("한도", "초과"))
    if status == 403 and limit and any(word in message for word in ("호출", "건수", "용량")):
        return "bytes" if "용량" in message and "건수" not in message else "calls"
    return None


def _from_html(content: bytes, status: int) -> HubError:
    # Pages of gateways come in UTF-8, those of KMA's own servers in either encoding.
    words = words_of(content)
    if any(word in words.lower() for word in _MAINTENANCE):
        return Maintenance(
            "the hub shows a maintenance page", ko="허브가 점검 안내 페이지를 보냈습니다", status=status, body=content
        )
    what = f"an HTML page came instead of data (HTTP {status}): {words}"
    ko = f"자료 대신 HTML 페이지가 왔습니다(HTTP {status}): {words}"
    if (spent := _spent(status, words)) is not None:
        return QuotaSpent(what, ko=ko, kind=spent, status=status, body=content)
    kind: type[HubError] = ServerFailed
    if status == 200:
        kind = _no_table(words)
    elif status == 404:
        kind = UnknownEndpoint
    elif 300 <= status < 500 and status not in _PASSING:
        kind = Refused
    return kind(what, ko=ko, status=status, body=content)


def open_body(content: bytes, *, end_marker: bool = True) -> Body:
    """The lines of an answer.

    Args:
        content: the bytes as sent.
        end_marker: False only for answers to ``help=2``, which have neither start nor end line.

    Raises:
        HubError: the bytes are an error (see :func:`refusal`).
        Truncated: there is no ``#7777END``, or neither ``#START7777`` nor any other line of the header.
    """
    if error := refusal(content):
        raise error
    content = content.removeprefix(BOM)
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n")
    whole = content
    end = len(content)
    if end_marker:
        end = content.rfind(END)
        if end < 0 or (end > 0 and content[end - 1 : end] != b"\n") or content.find(START, end) >= 0:
            raise Truncated(
                f"the answer stops after {len(content):,} bytes without #7777END",
                ko=f"응답이 #7777END 없이 {len(content):,}바이트에서 끊겼습니다",
                status=200,
                body=content,
            )
    head: list[str] = []
    position, line_number = 0, 1
    while position < end:
        line_end = content.find(b"\n", position)
        line_end = end if line_end < 0 else line_end
        line = content[position:line_end]
        if line.strip() and (line.lstrip()[:1] != b"#" or _SPOILT_ROW.match(line)):
            break
        if line.strip() and not line.startswith(START):
            head.append(decode(line))
        position, line_number = line_end + 1, line_number + 1
    later: list[str] = []
    if content.find(b"#", position, end) >= 0:
        # A block per minute with its own header has been reported nowhere, but a line beginning with # is never a row.
        lines = content[position:end].split(b"\n")
        for index, line in enumerate(lines):
            if line.lstrip()[:1] == b"#":
                if line.startswith((START, END)) or decode(line) in head:
                    lines[index] = b""
                else:
                    later.append(decode(line))
        content, position = b"\n".join(lines), 0
        end = len(content)
    if not _FILLED.search(content, position, end):
        end = position
    elif content[end - 1 : end] != b"\n":
        content, position = content[position:end] + b"\n", 0
        end = len(content)
    if position < end and not head:
        if not _NUMBER_FIRST.search(content, position, end):
            # Words between the marks.
            raise _by_status(200, words_of(content[position:end]), whole)
        if end_marker and not whole.lstrip(_BLANK).startswith(START):
            raise Truncated(
                "the answer begins in the middle: it has rows but no header",
                ko="응답의 앞부분이 없습니다: 머리줄 없이 행만 있습니다",
                status=200,
                body=whole,
            )
    return Body(tuple(head), content, position, end, line_number, tuple(later))
