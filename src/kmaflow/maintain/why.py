"""The story of one cell, as far as ledger, tables and archive know it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kmaflow.archive.archive import ArchiveError
from kmaflow.catalog.model import Dataset
from kmaflow.catalog.time import Window, in_words, now_kst
from kmaflow.collect.collector import Collector
from kmaflow.hub.body import open_body
from kmaflow.hub.header import column_order
from kmaflow.hub.lines import tokens_of
from kmaflow.maintain.imports.body import is_import, line_of
from kmaflow.store import ledger
from kmaflow.store.coverage.states import stamps
from kmaflow.store.engines.database import reading
from kmaflow.store.schema.observations import OBSERVATIONS
from kmaflow.store.schema.service import LEDGER, REJECTED_LINE, REVISION

_WHY = {
    "present": ("값이 있습니다", "the row has values"),
    "imported": (
        "이전 테이블이나 파일에서 가져온 값입니다. 허브가 응답하면 그 값을 씁니다",
        "the row was imported from an older table or file; an answer of the hub would count for more",
    ),
    "blank": ("허브가 모든 값을 결측부호로 보냈습니다", "the hub sent missing codes for every value"),
    "absent": (
        "응답은 온전하지만 이 지점의 줄이 없었습니다",
        "the answer was complete, but had no line for this station",
    ),
    "empty": (
        "따로 요청한 온전한 응답에도 어느 지점의 줄도 없었습니다",
        "asked alone, the hub gave a whole answer without a row of any station",
    ),
    "incomplete_answer": (
        "응답은 끝까지 왔지만 이 시각, 또는 이 시각의 지점 대부분이 빠져 있었습니다. 다시 요청합니다",
        "an answer came to its end but left out this stamp, or most of its stations; it is asked again",
    ),
    "rejected": ("읽을 수 없는 줄이어서 따로 두었습니다", "its line cannot be read and was kept aside"),
    "unread": (
        "여러 번 요청해도 읽을 수 없는 줄이 와서 더 요청하지 않습니다 (kmaflow repair --all 은 다시 요청합니다)",
        "its line cannot be read however often it is asked for; it is not asked for any more (kmaflow repair --all does)",
    ),
    "not_yet_produced": (
        "허브가 아직 만들지 않은 시각이었습니다",
        "the hub had not produced this stamp yet when asked",
    ),
    "refused": ("허브가 답을 주지 않았습니다", "the hub refused or failed to answer"),
    "given_up": (
        "여러 번 요청해도 오지 않아 더 요청하지 않습니다 (kmaflow repair --all 은 다시 요청합니다)",
        "asked again and again in vain; it is not asked for any more (kmaflow repair --all does)",
    ),
    "gone": (
        "허브가 그렇게 오래된 자료를 더는 갖고 있지 않습니다",
        "the hub no longer keeps data as old as this",
    ),
    "not_asked": ("아직 요청한 적이 없습니다", "it was never asked for"),
    "quota": (
        "하루 한도 때문에 요청하지 않았습니다: 다음 날 00:00(한국시각)부터 요청합니다",
        "it was not asked for because the day's quota was spent: it will be, from 00:00 KST on",
    ),
    "before_start": ("KMAFLOW_START 이전이어서 요청하지 않습니다", "it lies before KMAFLOW_START and is not asked for"),
    "stations": (
        "그때는 저장할 지점이 아니었습니다 (원문은 보관소에 있습니다: kmaflow rebuild)",
        "the station was not among those stored then; the answer is in the archive: kmaflow rebuild",
    ),
    "future": ("아직 오지 않은 시각입니다", "that time has not come yet"),
    "no_stamp": ("이 자료에는 그런 관측시각이 없습니다", "the dataset has no stamp at that time"),
}

#: What the reason for not asking says in :data:`_WHY`.
_NOT_ASKED = {"quota": "quota", "before_start": "before_start", "stations": "stations"}
#: What :func:`story` calls them by the states of the contract.
_STATE = {
    "imported": "present",
    "given_up": "refused",
    "unread": "rejected",
    "gone": "absent",
    "incomplete_answer": "refused",
    "quota": "not_asked",
    "before_start": "not_asked",
    "stations": "not_asked",
}


def story(collector: Collector, dataset: Dataset, stn: int, stamp: datetime) -> dict[str, Any]:
    """What is known of a cell.

    Returns:
        dataset, stn, tm_kst, state (of design.md §6), expected (whether the station reported within 7 days), why_ko, why_en,
        values (name → stored), raw (name → as printed), lines (raw lines), brought_by (what last changed the row: id, kind, outcome, fetched_at, sha256, dag_id
        and run_id of Airflow), requests and revisions (oldest first).
    """
    store = collector.store
    store.ensure(dataset.name)
    table = OBSERVATIONS[dataset.name]
    with reading(store.engine) as connection:
        row = connection.execute(sa.select(table).where(table.c.tm_kst == stamp, table.c.stn == stn)).mappings().first()
        requests = [dict(found) for found in ledger.covering(connection, dataset.name, stn, stamp)]
        rejected = [
            dict(found)
            for found in connection.execute(
                sa.select(REJECTED_LINE.c.text, REJECTED_LINE.c.reason, REJECTED_LINE.c.request_id).where(
                    REJECTED_LINE.c.dataset == dataset.name,
                    REJECTED_LINE.c.tm_kst == stamp,
                    sa.or_(REJECTED_LINE.c.stn == stn, REJECTED_LINE.c.stn.is_(None)),
                )
            ).mappings()
        ]
        revisions = [
            dict(found)
            for found in connection.execute(
                sa.select(
                    REVISION.c.changed_at, REVISION.c.col, REVISION.c.old_value, REVISION.c.new_value, REVISION.c.cause
                )
                .where(REVISION.c.dataset == dataset.name, REVISION.c.tm_kst == stamp, REVISION.c.stn == stn)
                .order_by(REVISION.c.changed_at, REVISION.c.id)
            ).mappings()
        ]
        source = None
        if row is not None:
            names = ["id", "kind", "outcome", "fetched_at", "sha256", "message", "dag_id", "run_id"]
            writer = sa.select(*(LEDGER.c[name] for name in names)).where(LEDGER.c.id == row["request_id"])
            found = connection.execute(writer).mappings().first()
            source = None if found is None else dict(found)
        state, detail, expected = _state(connection, collector, dataset, stn, stamp, requests, rejected)
    if source is not None and source["outcome"] == ledger.IMPORTED:
        state, detail = "imported", f" ({source['message'].removeprefix('imported from ')})"
    values = {column.name: row[column.name] for column in dataset.stored} if row is not None else {}
    raw, lines = _raw(collector, dataset, stn, stamp, source["sha256"] if source else None)
    ko, en = _WHY[state]
    return {
        "dataset": dataset.name,
        "stn": stn,
        "tm_kst": f"{stamp:%Y-%m-%d %H:%M}",
        "state": _STATE.get(state, state),
        "expected": expected,
        "why_ko": f"{ko}{detail}",
        "why_en": f"{en}{detail}",
        "values": values,
        "raw": raw,
        "lines": lines or [line["text"] for line in rejected],
        "brought_by": source,
        "requests": [
            {
                name: found[name]
                for name in (
                    "id",
                    "fetched_at",
                    "outcome",
                    "http_status",
                    "stn",
                    "tm_from",
                    "tm_to",
                    "sha256",
                    "message",
                    "dag_id",
                    "run_id",
                )
            }
            for found in requests
        ],
        "revisions": revisions,
    }


def _state(
    connection: sa.Connection,
    collector: Collector,
    dataset: Dataset,
    stn: int,
    stamp: datetime,
    requests: list[dict[str, Any]],
    rejected: list[dict[str, Any]],
) -> tuple[str, str, bool]:
    """State, a detail of it, and whether the station is expected to report then."""
    if (stamp - datetime.min) % dataset.cadence:
        return "no_stamp", f" ({in_words(dataset.cadence, 'en')})", False
    window = Window(stamp - dataset.cadence, stamp)
    start = collector.settings.start
    cell = stamps(connection, dataset.name, window, stations=[stn], start=start).row(0, named=True)
    state, why = str(cell["state"]), str(cell["why"])
    detail = ""
    if state == "not_asked":
        state = "future" if stamp > now_kst() else _NOT_ASKED.get(why, state)
        detail = f" ({start:%Y-%m-%d %H:%M})" if why == "before_start" else ""
        if why == "stations":
            chosen = next((one["selection"] for one in reversed(requests) if one["kind"] == ledger.REQUEST), None)
            detail = f" (KMAFLOW_STATIONS: {chosen})" if chosen else ""
    elif state == "rejected":
        state = "unread" if why == ledger.GIVEN_UP else state
        detail = f": {rejected[-1]['reason']}" if rejected else ""
    elif state == "refused":
        state = "given_up" if why == ledger.GIVEN_UP else why if why == "incomplete_answer" else state
        told = next((one for one in reversed(requests) if one["outcome"] == why), None)
        detail = f": {why}: {told['message']}" if told and told["message"] else f": {why}"
    elif state == "empty" or (state == "absent" and any(one["outcome"] == ledger.ABSENT for one in requests)):
        closed = next((one for one in reversed(requests) if one["outcome"] == state), None)
        detail = f": {closed['message']}" if closed else ""
    elif state == "absent" and not _any_row(connection, dataset, window):
        last = next((one for one in reversed(requests) if one["kind"] == ledger.REQUEST), None)
        if (
            last is not None
            and last["row_count"] == 0
            and dataset.retention
            and last["fetched_at"] - stamp > dataset.retention
        ):
            state = "gone"
    elif why == "retired":
        detail = " (kmaflow retention)"
    return state, detail, bool(cell["expected"])


def _any_row(connection: sa.Connection, dataset: Dataset, window: Window) -> bool:
    table = OBSERVATIONS[dataset.name]
    within = (table.c.tm_kst > window.start) & (table.c.tm_kst <= window.end)
    return connection.execute(sa.select(table.c.stn).where(within).limit(1)).first() is not None


def _raw(
    collector: Collector, dataset: Dataset, stn: int, stamp: datetime, digest: str | None
) -> tuple[dict[str, str], list[str]]:
    """The cell's line in the body it came from, and its printed values by column."""
    if digest is None:
        return {}, []
    try:
        content = collector.archive.body(digest)
    except ArchiveError as error:
        return {}, [f"({error})"]
    if is_import(content):
        return line_of(content, stamp, stn)
    body = open_body(content, end_marker=False)
    lines = []
    raw: dict[str, str] = {}
    order = column_order(dataset, body.head, header_expected=False).columns
    for line in body.rows.decode("cp949", errors="replace").split("\n"):
        tokens = tokens_of(line) if line.strip() else []
        if len(tokens) > 1 and tokens[0] == dataset.stamp.printed(stamp) and tokens[1] == str(stn):
            lines.append(line)
            columns = order
            if dataset.layout == "columns" and len(tokens) - 2 < len(order):
                columns = tuple(column for column in order if column.since is None)
            elif dataset.layout == "pairs":
                columns = order + dataset.pair_columns
            raw = {column.name: token for column, token in zip(columns, tokens[2:], strict=False)}
    return raw, lines
