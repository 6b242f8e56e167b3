"""Whatever one answer holds: its window is refused or its lines are rejected, the ledger says so, and everything else goes on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, HOUR, MINUTE, Window
from kmaflow.collect import ALL, Collector
from kmaflow.collect.backfill.backfill import Backfill
from kmaflow.collect.backfill.chunks import Chunk, fill
from kmaflow.collect.due import MISSING_STEPS
from kmaflow.collect.repair import Repair, Repaired
from kmaflow.collect.watch import Watch
from kmaflow.errors import KmaflowError
from kmaflow.hub import lines
from kmaflow.hub.errors import ChangedFormat
from kmaflow.maintain.rebuild import rebuild
from kmaflow.maintain.why import story
from kmaflow.store.coverage.gaps import gaps
from kmaflow.store.engines.database import reading
from kmaflow.store.errors import StoreBusy, StoreUnstorable
from kmaflow.store.schema.service import LEDGER, REJECTED_LINE

from ..databases import database
from .hub import NOW, window
from .spoilt import spoiling

HALF_HOUR = window("12:00", "12:30")
SECOND = "202501151211"


def told(collector: Collector, *columns: sa.Column[object]) -> list[tuple[object, ...]]:
    with reading(collector.store.engine) as connection:
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(columns[0].table.c.id))]


def in_a_row(body: bytes, junk: bytes) -> bytes:
    """The first row gets junk behind its station number."""
    head, _, rest = body.partition(b"\n2025")
    first, _, others = rest.partition(b"\n")
    return head + b"\n2025" + first.replace(b",", b"," + junk, 1) + b"\n" + others


def test_a_line_that_can_never_be_read_is_given_up_with_a_note(tmp_path: Path, database_url: str) -> None:
    def spoil(operation: str, query: dict[str, str], body: bytes) -> bytes:
        return body.replace(b"202501151203,108,", b"202501151203,108,x", 1)

    asked = window("12:00", "12:10")
    cell = asked.start + 3 * MINUTE
    with spoiling(tmp_path, spoil, database_url=database_url, start=asked.start, revisit_days=0) as collector:

        def mended(after: timedelta, *, everything: bool = False) -> Repaired:
            collector.client.clock = lambda: NOW + after
            return Repair(collector, end=asked.end, everything=everything).mend("aws_minute")

        def told_of_it() -> tuple[str | None, str, int]:
            with reading(collector.store.engine) as connection:
                (gap,) = gaps(connection, ["aws_minute"], asked, now=NOW)
            assert (gap.state, gap.stations, gap.cells) == ("rejected", (108,), 1)
            given_up = {one.dataset: one.given_up for one in collector.store.status()}["aws_minute"]
            return gap.why, story(collector, DATASETS["aws_minute"], 108, cell)["why_en"], given_up

        collector.collect("aws_minute", asked, ALL)
        assert [mended(step + MINUTE).given_up for step in MISSING_STEPS] == [0] * 5
        assert told_of_it()[0::2] == ("", 0)
        assert [mended(MISSING_STEPS[-1] + HOUR).given_up for _ in range(2)] == [1, 0]
        why, words, given_up = told_of_it()
        assert (why, given_up) == ("given_up", 1)
        assert "not asked for any more" in words
        assert "is not a number" in words
        assert mended(20 * DAY).calls == 0
        assert mended(20 * DAY, everything=True).calls > 0
        assert told_of_it()[0::2] == ("given_up", 1)


def test_the_reason_is_told_also_where_the_station_cannot_be_read(tmp_path: Path) -> None:
    asked = window("12:00", "12:10")
    with spoiling(tmp_path, lambda *answer: in_a_row(answer[2], b"x,")) as collector:
        assert collector.collect("aws_cloud", Window(asked.start - 10 * MINUTE, asked.start), ALL).rejected == 1
        assert collector.collect("aws_cloud", asked, ALL).rejected == 1
        with reading(collector.store.engine) as connection:
            (gap,) = gaps(connection, ["aws_cloud"], asked, now=NOW)
        assert (gap.state, gap.error) == ("rejected", "the second column is not a station number")
        assert gap.stations is not None
        told = story(collector, DATASETS["aws_cloud"], gap.stations[0], gap.window.end)
        assert "not a station number" in told["why_en"]


@pytest.mark.parametrize("junk", [b"\x00", b"\x00\x1b[2J\xa4?", b"x" * 20_000_000], ids=["nul", "terminal", "20 MB"])
def test_a_line_that_no_database_takes_is_a_rejected_line_and_the_rest_is_loaded(
    tmp_path: Path, database_url: str, junk: bytes
) -> None:
    def spoil(operation: str, query: dict[str, str], body: bytes) -> bytes:
        return in_a_row(body, junk) if query["tm1"] == SECOND and operation == "nph-aws2_min_cloud" else body

    with spoiling(tmp_path, spoil, database_url=database_url) as collector:
        result = collector.collect("aws_cloud", HALF_HOUR, ALL)
        assert (result.done, result.rejected, result.error) == (3, 1, None)
        assert collector.collect("aws_visibility", HALF_HOUR, ALL).complete
        assert [row[0] for row in told(collector, LEDGER.c.outcome)] == ["ok"] * 6
        ((text, reason),) = told(collector, REJECTED_LINE.c.text, REJECTED_LINE.c.reason)
        assert "\\x00" in str(text) or "characters more)" in str(text)
        assert "\x00" not in f"{text}{reason}"
        assert len(str(text)) < 11_000
        assert len(str(reason)) < 11_000


@pytest.mark.parametrize("value", ["99999999999", "9" * 400], ids=["beyond INTEGER", "endless"])
def test_a_number_that_no_column_holds_is_a_rejected_line(tmp_path: Path, database_url: str, value: str) -> None:
    def spoil(operation: str, _: dict[str, str], body: bytes) -> bytes:
        if operation != "nph-aws2_min_cloud":
            return body
        found = body.split(b"\n")
        at = next(number for number, line in enumerate(found) if line.startswith(b"2025"))
        fields = found[at].split(b",")
        fields[4] = value.encode()
        found[at] = b",".join(fields)
        return b"\n".join(found)

    with spoiling(tmp_path, spoil, database_url=database_url) as collector:
        result = collector.collect("aws_cloud", window("12:00", "12:10"), ALL)
        assert (result.rejected, result.error) == (1, None)
        assert result.rows > 500


def test_words_of_a_refusal_that_no_database_takes_are_escaped(tmp_path: Path, database_url: str) -> None:
    words = '{"result": {"status": 500, "message": "half \\ud83d, \\u0000 and ' + "much " * 600_000 + '"}}'

    def spoil(operation: str, query: dict[str, str], body: bytes) -> bytes | httpx.Response:
        if operation == "nph-aws2_min_cloud" and query["tm1"] == SECOND:
            return httpx.Response(200, content=words.encode())
        return body

    with spoiling(tmp_path, spoil, database_url=database_url) as collector:
        result = collector.collect("aws_cloud", HALF_HOUR, ALL)
        assert (result.done, result.complete) == (3, False)
        assert result.error is not None
        assert "half \\ud83d, \\x00 and much" in str(result.error)
        assert len(str(result.error)) < 1_500
        kept = [message for outcome, message in told(collector, LEDGER.c.outcome, LEDGER.c.message) if outcome != "ok"]
        assert kept
        assert all("half \\ud83d" in str(message) for message in kept)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_what_the_database_cannot_hold_refuses_its_window_and_nothing_else(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the parser let through what it should not: the database has the last word, about one window."""
    monkeypatch.setattr(lines, "TOO_LARGE_WHOLE", 10**15)
    monkeypatch.setattr("kmaflow.hub.rows.TOO_LARGE_WHOLE", 10**15)

    def spoil(operation: str, query: dict[str, str], body: bytes) -> bytes:
        if operation != "nph-aws2_min_cloud" or not query["tm1"] <= SECOND <= query["tm2"]:
            return body
        found = body.split(b"\n")
        at = next(number for number, line in enumerate(found) if line.startswith(SECOND.encode()))
        found[at] = b",".join([*found[at].split(b",")[:4], b"99999999999", *found[at].split(b",")[5:]])
        return b"\n".join(found)

    with (
        database(kind, tmp_path) as url,
        spoiling(tmp_path, spoil, database_url=url, start=HALF_HOUR.start) as collector,
    ):
        result = collector.collect("aws_cloud", HALF_HOUR, ALL)
        assert (result.done, len(result.missing)) == (3, 1)
        assert isinstance(result.error, StoreUnstorable)
        assert [row[0] for row in told(collector, LEDGER.c.outcome)] == ["ok", "unstorable", "ok"]
        repair = Repair(collector, everything=True, begin=HALF_HOUR.start, end=HALF_HOUR.end)
        mended = repair.mend("aws_cloud")
        assert (mended.error or "").startswith("postgresql" if kind == "postgresql" else "mysql")
        assert mended.left > 0
        assert repair.mend("aws_visibility").error is None
        done = fill(collector, Chunk("aws_cloud", HALF_HOUR), ALL)
        assert done.trouble is None or done.trouble.code == "unstorable"
        (found,) = Backfill(collector, ["aws_visibility"], HALF_HOUR, ALL, workers=1).run()
        assert found.left == 0
        made = rebuild(collector)
        assert {name for name, one in made.datasets.items() if one.kept} == {"aws_cloud"}


def test_a_station_list_that_cannot_be_read_is_in_the_ledger(tmp_path: Path) -> None:
    def spoil(operation: str, _: dict[str, str], body: bytes) -> bytes:
        return body.replace(b"STN_KO", b"STN_XX") if operation == "stn_inf.php" else body

    with spoiling(tmp_path, spoil) as collector:
        with pytest.raises(ChangedFormat):
            collector.sync_stations()
        assert told(collector, LEDGER.c.dataset, LEDGER.c.outcome) == [("station_SFC", "changed_format")]


def test_a_dataset_that_fails_every_time_keeps_no_other_from_its_repair_and_is_asked_less_and_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, end = NOW - timedelta(hours=2), NOW

    with spoiling(tmp_path, lambda _, __, body: body, start=NOW - timedelta(hours=3)) as collector:
        collector.client.clock = lambda: now
        load = collector.store.load

        def failing(parsed: object, request: object) -> object:
            if request.dataset == "aws_cloud":  # type: ignore[attr-defined]
                raise StoreBusy("somebody holds it")
            return load(parsed, request)  # type: ignore[arg-type]

        monkeypatch.setattr(collector.store, "load", failing)
        news: list[object] = []
        watch = Watch(collector, ["aws_cloud", "aws_visibility"], ALL, tell=news.append)
        while now < end:
            if not watch.turn():
                now = max(watch.next_time(), now + MINUTE / 60)
        mended = [one for one in news if isinstance(one, Repaired)]
        assert {one.dataset for one in mended} == {"aws_visibility"}
        assert sum(one.left for one in mended[-1:]) == 0
        failures = [one for one in news if isinstance(one, KmaflowError)]
        # Every live window once, and its repair after 30 s, 1, 2, 4, 8 and then every 10 minutes.
        assert 10 < len(failures) < 40
