"""An answer has a deadline as a whole and a largest size, on the wire and unpacked."""

from __future__ import annotations

import gzip
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress

import httpx
import pytest
from pydantic import SecretStr

from kmaflow.catalog import DATASETS
from kmaflow.hub import incoming
from kmaflow.hub.client import Failure, HubClient
from kmaflow.hub.errors import HubError, TooLarge, TooSlow, Truncated

from .answers import MINUTE, Desk, minutes, rows_of, simulated

TEN = minutes(10)
BODY = simulated("aws_minute", tm1="202611221151", tm2="202611221200")
MEGABYTE = 1_000_000


class Wire(httpx.SyncByteStream):
    """Bytes as they come from a network, piece by piece."""

    def __init__(self, pieces: Callable[[], Iterator[bytes]]) -> None:
        self._pieces = pieces
        self.taken = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces():
            self.taken += 1
            yield piece


def sending(pieces: Callable[[], Iterator[bytes]], **headers: str) -> tuple[Desk, list[Wire]]:
    wires: list[Wire] = []

    def answer(request: httpx.Request, _: int) -> httpx.Response:
        wires.append(Wire(pieces))
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Response(200, stream=wires[-1], headers=sent)

    return Desk(answer), wires


def in_pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    zeros = bytes(MEGABYTE)
    return b"".join(packer.compress(zeros) for _ in range(megabytes)) + packer.flush()


@pytest.mark.parametrize("size", [1, 1000, 10_000_000])
@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, lambda content: content], ids=["gzip", "zlib", "plain"])
def test_an_answer_is_whole_however_it_is_packed_and_cut_into_pieces(size: int, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(BODY[:20_000] + b"\n#7777END\n" if size == 1 else BODY)
    name = {b"\x1f\x8b": "gzip", b"x\x9c": "deflate"}.get(packed[:2], "identity")
    desk, _ = sending(lambda: in_pieces(packed, size), Content_Encoding=name)
    with desk.client() as client:
        answer = client.ask(MINUTE, TEN)
        assert client.received == len(answer.content)
    assert rows_of(answer.content)[:100] == rows_of(BODY)[:100]
    assert size == 1 or answer.content == BODY


def test_an_answer_packed_in_several_members_is_one() -> None:
    packed = gzip.compress(BODY[:9999]) + gzip.compress(BODY[9999:])
    desk, _ = sending(lambda: in_pieces(packed, 777), Content_Encoding="gzip")
    with desk.client() as client:
        assert client.ask(MINUTE, TEN).content == BODY


def test_a_packed_answer_that_is_cut_is_truncated() -> None:
    packed = gzip.compress(BODY)
    desk, _ = sending(lambda: in_pieces(packed[: len(packed) // 2], 777), Content_Encoding="gzip")
    with desk.client(tries=1) as client, pytest.raises(Truncated):
        client.ask(MINUTE, TEN)


def test_an_answer_of_one_byte_a_second_is_given_up_at_its_deadline_and_not_asked_again_at_once() -> None:
    now = [0.0]

    def dripping() -> Iterator[bytes]:
        for byte in in_pieces(BODY, 1):
            now[0] += 1.0
            yield byte

    desk, wires = sending(dripping)
    told: list[Failure] = []
    with desk.client(timer=lambda: now[0], on_failure=told.append) as client:
        (part,) = client.ask_in_parts(MINUTE, TEN)
        assert isinstance(part, Failure)
        assert client.received == 301
    assert type(part.error) is TooSlow
    assert part.error.transient
    assert "300 s" in part.error.what
    assert (len(desk.asked), wires[0].taken, len(told)) == (1, 301, 1)
    assert part.error.came == 301


def refused_as_too_large(desk: Desk) -> HubError:
    with desk.client() as client:
        (part,) = client.ask_in_parts(MINUTE, TEN)
        assert isinstance(part, Failure)
        assert part.error.came == client.received
    assert type(part.error) is TooLarge
    assert not part.error.transient
    assert part.error.body == b""
    assert len(desk.asked) == 1
    return part.error


def test_an_answer_without_end_is_given_up_at_the_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "MOST_BYTES", 5 * MEGABYTE)

    def endless() -> Iterator[bytes]:
        while True:
            yield BODY

    desk, wires = sending(endless)
    assert "5 MB" in refused_as_too_large(desk).what
    assert wires[0].taken == 5 * MEGABYTE // len(BODY) + 1


def test_a_packed_answer_is_never_unpacked_beyond_the_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "MOST_BYTES", 5 * MEGABYTE)
    packed = bomb(100)
    desk, _ = sending(lambda: iter([packed]), Content_Encoding="gzip")
    tracemalloc.start()
    try:
        refused_as_too_large(desk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(packed) < MEGABYTE
    assert peak < 15 * MEGABYTE


def test_packed_bytes_that_unpack_to_nothing_are_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "MOST_BYTES", MEGABYTE)
    empty = gzip.compress(b"")

    def endless() -> Iterator[bytes]:
        while True:
            yield empty * 1000

    desk, _ = sending(endless, Content_Encoding="gzip")
    refused_as_too_large(desk)


def test_headers_that_come_byte_by_byte_have_the_deadline_of_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "LONGEST_ANSWER", 0.2)
    monkeypatch.setattr(incoming, "_GRACE", 0.0)
    ended = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.recv(10_000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not ended.wait(0.02):
                connection.sendall(b"a")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with HubClient(SecretStr("k" * 22), url, tries=1) as client, pytest.raises(TooSlow):
            client.ask(DATASETS["aws_minute"], TEN)
        ended.set()
        thread.join()
