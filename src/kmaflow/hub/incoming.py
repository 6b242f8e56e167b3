"""The bytes of one answer as they come: unpacked and counted on the way, and given up when they are too many or take too long."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from kmaflow.hub.errors import TooLarge, TooSlow

#: On the wire, and unpacked: five times the largest answer that was ever reported (six hours of all stations, 25 MB).
MOST_BYTES = 125_000_000
#: Seconds from the question to the last byte; the slowest answers reported took 30 to 75.
LONGEST_ANSWER = 300.0
#: Seconds more until the connection itself is closed: the body looks at the time with every piece.
_GRACE = 5.0
#: Unpacked at a time.
_STEP = 1_000_000
_GZIP = b"\x1f\x8b"
_EITHER_FORMAT = 32 + zlib.MAX_WBITS


class Incoming:
    """What has come of one answer.

    Args:
        timer: seconds that go on evenly.

    Attributes:
        size: bytes so far, unpacked.
    """

    def __init__(self, timer: Callable[[], float]) -> None:
        self.size = 0
        self._timer = timer
        self._begun = timer()
        self._pieces: list[bytes] = []

    @property
    def seconds(self) -> float:
        """Seconds since the question."""
        return self._timer() - self._begun

    @contextmanager
    def watched(self, give_up: Callable[[], None]) -> Iterator[None]:
        """Whatever is done inside ends by ``give_up`` (called from another thread) when the answer has taken too long. Headers that come
        byte by byte end by nothing else: each byte begins the time-out of the connection anew.

        Raises:
            TooSlow: it was given up.
        """
        overdue = threading.Event()

        def end() -> None:
            overdue.set()
            give_up()

        watch = threading.Timer(LONGEST_ANSWER + _GRACE, end)
        watch.daemon = True
        watch.start()
        try:
            yield
        except httpx.TransportError:
            if not overdue.is_set():
                raise
        finally:
            watch.cancel()
        if overdue.is_set():
            raise TooSlow(
                f"the answer has not come to its end after {LONGEST_ANSWER:.0f} s ({self.size:,} bytes had come)",
                ko=f"응답이 {LONGEST_ANSWER:.0f}초 안에 끝나지 않았습니다({self.size:,}바이트 수신)",
            )

    def read(self, response: httpx.Response) -> bytes:
        """The whole body, unpacked.

        Raises:
            TooLarge: more than :data:`MOST_BYTES`; no more than that is ever held.
            TooSlow: not at its end after :data:`LONGEST_ANSWER` seconds.
            httpx.HTTPError: the connection broke, or the bytes cannot be unpacked.
        """
        wire = 0
        packed = response.headers.get("Content-Encoding", "").strip().lower() in {"gzip", "x-gzip", "deflate"}
        unpack = _Unpacker(response.request) if packed and not response.is_stream_consumed else None
        for chunk in self._chunks(response):
            wire += len(chunk)
            for piece in unpack(chunk) if unpack else (chunk,):
                self.size += len(piece)
                self._pieces.append(piece)
                if max(self.size, wire) > MOST_BYTES:
                    raise self._given_up(TooLarge, response, f"is larger than {MOST_BYTES / 1e6:.0f} MB")
            if self.seconds > LONGEST_ANSWER:
                raise self._given_up(TooSlow, response, f"has not come to its end after {LONGEST_ANSWER:.0f} s")
        return b"".join(self._pieces)

    def _chunks(self, response: httpx.Response) -> Iterator[bytes]:
        # A transport that gives whole answers has unpacked them.
        return iter((response.content,)) if response.is_stream_consumed else response.iter_raw()

    def _given_up(self, kind: type[TooLarge | TooSlow], response: httpx.Response, why: str) -> TooLarge | TooSlow:
        self._pieces.clear()
        return kind(f"the answer {why} ({self.size:,} bytes had come)", status=response.status_code)


class _Unpacker:
    """Unpacks gzip and zlib in small steps: a few packed bytes may hold a thousand times as many."""

    def __init__(self, request: httpx.Request) -> None:
        self._request = request
        self._stream = zlib.decompressobj(_EITHER_FORMAT)

    def __call__(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._stream.eof:
                if not data.startswith(_GZIP):
                    return
                self._stream = zlib.decompressobj(_EITHER_FORMAT)
            try:
                piece = self._stream.decompress(data, _STEP)
            except zlib.error as cause:
                raise httpx.DecodingError(str(cause), request=self._request) from cause
            yield piece
            while len(piece) == _STEP and not self._stream.unconsumed_tail and not self._stream.eof:
                piece = self._stream.decompress(b"", _STEP)
                yield piece
            data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
