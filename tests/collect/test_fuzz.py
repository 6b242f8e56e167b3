"""The whole way of an answer, bytes → client → archive → parser → database, with answers that were spoilt in every way we could think of.

Whatever came: no error that nobody foresaw, every request in the ledger, and of every body that was taken each line is a stored row or a rejected
line. One good answer later the table is that of the good answer.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import polars as pl
import pytest
import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import MINUTE, Window
from kmaflow.collect import ALL, Collector
from kmaflow.hub.errors import HubError
from kmaflow.hub.parse import parse
from kmaflow.store.engines.database import reading
from kmaflow.store.engines.loader import select
from kmaflow.store.ledger import LOADED
from kmaflow.store.schema.observations import OBSERVATIONS
from kmaflow.store.schema.service import LEDGER, REJECTED_LINE

from ..databases import ENGINES, database
from .hub import NOW
from .spoilt import spoiling

#: Rows of a stamp in an answer that is spoilt: few, so that many answers can be.
ROWS = 12
ROW = re.compile(rb"\s*(\d{12})[\s,]+0*(\d+)[\s,]")
TOKENS = (
    b"\x00", b"\xff", b"\xa4\xa1", b"\xef\xbc\x91", b"\x1b[2J", b"\r", b"\r\n", b"\n", b"\t", b" ", b",", b",=", b"=", b"#", b'"', b"\\", b"'",
    b"-", b"--", b"-9", b"-99.9", b"1e9", b"NaN", b"inf", b"NULL", b"\\N", b"9" * 5, b"9" * 19, b"9" * 400, b"x" * 20_000, b"0x1F", b"+1",
    b"#START7777\n", b"#7777END\n", b"# 7777END", b"000000000000", b"999912312359", b"202501151260", b"\xed\xa0\xbd",
)  # fmt: skip
ANSWERS_OF_ANOTHER_KIND = (
    b"", b"\n", b"#7777END\n", b"#START7777\n#7777END\n", b"user_input() error", b"<html>504 Gateway</html>", b"{", b"[]", b'"x"', b"{}" * 50_000,
    b'{"result": {"status": 403, "message": "\\ud83d\\u0000"}}', b'{"result": {"status": "NaN", "message": null}}', b"\x00" * 4_096,
    '{"result": {"status": 500, "message": "점검"}}'.encode(), "한도를 초과하였습니다".encode("utf-16"), b"\xef\xbb\xbf#START7777\n", b"PK\x03\x04",
)  # fmt: skip


def spoilt(chance: random.Random, body: bytes) -> bytes:
    """The body after one to four accidents."""
    if chance.random() < 0.06:
        return chance.choice(ANSWERS_OF_ANOTHER_KIND)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        body = chance.choice(ACCIDENTS)(chance, body)
    return body


def _place(chance: random.Random, body: bytes) -> int:
    return chance.randrange(len(body) + 1)


def _span(chance: random.Random, body: bytes) -> tuple[int, int]:
    start = _place(chance, body)
    return start, min(len(body), start + chance.choice((1, 1, 2, 5, 13, 80, 500)))


def changed(chance: random.Random, body: bytes) -> bytes:
    start, end = _span(chance, body)
    return body[:start] + chance.randbytes(end - start) + body[end:]


def inserted(chance: random.Random, body: bytes) -> bytes:
    start = _place(chance, body)
    return body[:start] + chance.choice(TOKENS) + body[start:]


def lost(chance: random.Random, body: bytes) -> bytes:
    start, end = _span(chance, body)
    return body[:start] + body[end:]


def repeated(chance: random.Random, body: bytes) -> bytes:
    start, end = _span(chance, body)
    return body[:end] + body[start:end] + body[end:]


def moved_lines(chance: random.Random, body: bytes) -> bytes:
    lines = body.split(b"\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def another_field(chance: random.Random, body: bytes) -> bytes:
    lines = body.split(b"\n")
    at = chance.randrange(len(lines))
    fields = lines[at].split(b",")
    fields[chance.randrange(len(fields))] = chance.choice(TOKENS)
    lines[at] = b",".join(fields)
    return b"\n".join(lines)


def another_digit(chance: random.Random, body: bytes) -> bytes:
    digits = [match.start() for match in re.finditer(rb"\d", body)]
    if not digits:
        return body
    at = chance.choice(digits)
    return body[:at] + str(chance.randrange(10)).encode() + body[at + 1 :]


def cut(chance: random.Random, body: bytes) -> bytes:
    return body[: _place(chance, body)]


def cut_and_closed(chance: random.Random, body: bytes) -> bytes:
    return cut(chance, body) + b"\n#7777END\n"


def with_other_line_ends(chance: random.Random, body: bytes) -> bytes:
    return body.replace(b"\n", chance.choice((b"\r\n", b"\r", b"\n\n", b" \n")))


ACCIDENTS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    changed, changed, inserted, inserted, inserted, lost, repeated, moved_lines, another_field, another_field, another_digit, another_digit,
    cut, cut_and_closed, with_other_line_ends,
)  # fmt: skip


def shortened(body: bytes) -> bytes:
    """Of every stamp the first rows."""
    count: Counter[bytes] = Counter()

    def kept(line: bytes) -> bool:
        if not line.strip() or line.startswith(b"#"):
            return True
        count[line.lstrip()[:12]] += 1
        return count[line.lstrip()[:12]] <= ROWS

    return b"\n".join(line for line in body.split(b"\n") if kept(line))


class Fuzz:
    """So many spoilt answers for windows of all datasets, and what must hold after each window."""

    def __init__(self, seed: str, wanted: int) -> None:
        self.chance = random.Random(seed)
        self.wanted = wanted
        self.given = 0
        self.good = False
        self.seen = 0

    def spoil(self, _: str, __: dict[str, str], body: bytes) -> bytes | httpx.Response:
        self.given += 1
        return shortened(body) if self.good else spoilt(self.chance, shortened(body))

    def run(self, collector: Collector) -> None:
        collector.client._meter = None
        collector.client.clock = lambda: NOW + self.given * timedelta(seconds=1)
        while self.given < self.wanted:
            name = self.chance.choice(sorted(DATASETS))
            dataset = DATASETS[name]
            end = datetime(2025, 1, 15, 9) + self.chance.randrange(3) * max(dataset.cadence, 10 * MINUTE)
            window = Window(end - dataset.cadence * self.chance.choice((1, 2)), end)
            self.window(collector, name, window)
            if self.chance.random() < 0.1:
                self.stations(collector)

    def window(self, collector: Collector, name: str, window: Window) -> None:
        before = self.given
        for _ in range(3):
            collector.collect(name, window, ALL)
        self.account(collector, before)
        self.good = True
        assert collector.collect(name, window, ALL).error is None
        self.good = False
        good = self.account(collector, self.given - 1)[-1]
        expected = parse(DATASETS[name], good, window=window).rows
        with reading(collector.store.engine) as connection:
            columns = [column.name for column in DATASETS[name].stored]
            found = select(connection, OBSERVATIONS[name], ["tm_kst", "stn", *columns], window)
        valued = expected.filter(~pl.col("blank")).drop("blank")
        assert valued.join(found, on=valued.columns, how="anti", nulls_equal=True).is_empty()

    def stations(self, collector: Collector) -> None:
        before = self.given
        try:
            collector.sync_stations()
        except HubError as error:
            assert error.code  # noqa: PT017 - whether it raises is open, what it raises is not
        self.account(collector, before)

    def bodies(self, collector: Collector) -> list[tuple[sa.Row[tuple[object, ...]], bytes]]:
        """The ledger's rows since the last look, with their bodies."""
        with reading(collector.store.engine) as connection:
            rows = connection.execute(sa.select(LEDGER).where(LEDGER.c.id > self.seen).order_by(LEDGER.c.id)).all()
        return [(row, collector.archive.body(str(row.sha256)) if row.sha256 else b"") for row in rows]

    def account(self, collector: Collector, before: int) -> list[bytes]:
        """Every answer is in the ledger, and of those that were taken every line; gives the bodies."""
        found = self.bodies(collector)
        assert len(found) >= self.given - before, [row.outcome for row, _ in found]
        for row, body in found:
            if row.outcome in LOADED and row.dataset in DATASETS:
                self.lines(collector, row, body)
        self.seen = max([self.seen, *(row.id for row, _ in found)])
        return [body for _, body in found]

    def lines(self, collector: Collector, row: sa.Row[tuple[object, ...]], body: bytes) -> None:
        table = OBSERVATIONS[row.dataset].c
        with reading(collector.store.engine) as connection:
            kept = sa.select(REJECTED_LINE.c.line)
            # Bytes that come again are not taken apart again.
            same = sa.select(LEDGER.c.id).where(LEDGER.c.sha256 == row.sha256, LEDGER.c.dataset == row.dataset)
            rejected = set(connection.execute(kept.where(REJECTED_LINE.c.request_id.in_(same))).scalars())
            window = Window(row.tm_from, row.tm_to)
            cells = sa.select(table.tm_kst, table.stn).where(table.tm_kst > window.start, table.tm_kst <= window.end)
            stored = {(tm, stn) for tm, stn in connection.execute(cells)}
        young = parse(DATASETS[row.dataset], body, window=window, one_station=row.stn != 0).not_produced
        text = body.replace(b"\r\n", b"\n")
        for number, line in enumerate(text[: text.rfind(b"#7777END")].split(b"\n"), start=1):
            if not line.strip() or line.lstrip().startswith(b"#") or number in rejected:
                continue
            match = ROW.match(line)
            assert match, f"line {number} is neither a row nor rejected: {line[:80]!r}"
            stamp = datetime.strptime(match[1].decode(), "%Y%m%d%H%M")
            assert (stamp, int(match[2])) in stored or stamp in young, f"line {number} is lost: {line[:80]!r}"


@pytest.mark.parametrize("kind", ENGINES)
@pytest.mark.parametrize("answers", [150, pytest.param(2_000, marks=pytest.mark.long)])
def test_no_spoilt_answer_is_unforeseen_and_no_line_is_lost_in_silence(tmp_path: Path, kind: str, answers: int) -> None:
    fuzz = Fuzz(f"{kind} {answers}", answers)
    with database(kind, tmp_path) as url, spoiling(tmp_path, fuzz.spoil, database_url=url) as collector:
        fuzz.run(collector)
    assert fuzz.given >= answers
