"""The story of one cell, as far as ledger, tables and archive know it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kmaflow.archive import ArchiveError
from kmaflow.catalog.model import Dataset
from kmaflow.catalog.time import now_kst
from kmaflow.collect.session import Collector
from kmaflow.hub.body import open_body
from kmaflow.hub.header import column_order
from kmaflow.hub.lines import tokens_of
from kmaflow.store import ledger
from kmaflow.store.books import FETCH, REJECTED_LINE, REVISION
from kmaflow.store.engine import reading
from kmaflow.store.ledger import LOADED
from kmaflow.store.tables import OBSERVATIONS

_WHY = {
    "present": ("값이 있습니다", "the row has values"),
    "blank": ("허브가 모든 값을 결측부호로 보냈습니다", "the hub sent missing codes for every value"),
    "absent": (
        "응답은 온전하지만 이 지점의 줄이 없었습니다",
        "the answer was complete, but had no line for this station",
    ),
    "rejected": ("읽을 수 없는 줄이어서 따로 두었습니다", "its line cannot be read and was kept aside"),
    "not_yet_produced": (
        "허브가 아직 만들지 않은 시각이었습니다",
        "the hub had not produced this stamp yet when asked",
    ),
    "refused": ("허브가 답을 주지 않았습니다", "the hub refused or failed to answer"),
    "not_asked": ("아직 요청한 적이 없습니다", "it was never asked for"),
    "future": ("아직 오지 않은 시각입니다", "that time has not come yet"),
    "no_stamp": ("이 자료에는 그런 관측시각이 없습니다", "the dataset has no stamp at that time"),
}


def story(collector: Collector, dataset: Dataset, stn: int, stamp: datetime) -> dict[str, Any]:
    """What is known of a cell.

    Returns:
        dataset, stn, tm_kst, state, why_ko, why_en, values (name → stored), raw (name → as printed), lines (raw lines), fetches and
        revisions (oldest first).
    """
    store = collector.store
    store.ensure(dataset.name)
    table = OBSERVATIONS[dataset.name]
    with reading(store.engine) as connection:
        row = connection.execute(sa.select(table).where(table.c.tm_kst == stamp, table.c.stn == stn)).mappings().first()
        fetches = [dict(found) for found in ledger.covering(connection, dataset.name, stn, stamp)]
        rejected = [
            dict(found)
            for found in connection.execute(
                sa.select(REJECTED_LINE.c.text, REJECTED_LINE.c.reason, REJECTED_LINE.c.fetch_id).where(
                    REJECTED_LINE.c.dataset == dataset.name, REJECTED_LINE.c.tm_kst == stamp, REJECTED_LINE.c.stn == stn
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
        others = connection.execute(sa.select(table.c.stn).where(table.c.tm_kst == stamp).limit(1)).first() is not None
        source = None
        if row is not None:
            source = connection.execute(sa.select(FETCH.c.sha256).where(FETCH.c.id == row["fetch_id"])).scalar()
    values = {column.name: row[column.name] for column in dataset.stored} if row is not None else {}
    state, detail = _state(dataset, stn, stamp, values, fetches, rejected, others=others)
    raw, lines = _raw(collector, dataset, stn, stamp, source)
    ko, en = _WHY[state]
    return {
        "dataset": dataset.name,
        "stn": stn,
        "tm_kst": f"{stamp:%Y-%m-%d %H:%M}",
        "state": state,
        "why_ko": f"{ko}{detail}",
        "why_en": f"{en}{detail}",
        "values": values,
        "raw": raw,
        "lines": lines or [line["text"] for line in rejected],
        "fetches": [
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
                )
            }
            for found in fetches
        ],
        "revisions": revisions,
    }


def _state(
    dataset: Dataset,
    stn: int,
    stamp: datetime,
    values: dict[str, Any],
    fetches: list[dict[str, Any]],
    rejected: list[dict[str, Any]],
    *,
    others: bool,
) -> tuple[str, str]:
    """The state and a detail of it. ``others``: whether any station has a row at that time, so that the hub has produced it."""
    if values:
        present = any(values[column.name] is not None for column in dataset.values)
        return ("present", "") if present else ("blank", "")
    if (stamp - datetime.min) % dataset.cadence:
        return "no_stamp", f" ({dataset.cadence})"
    if rejected:
        return "rejected", f": {rejected[-1]['reason']}"
    if not fetches:
        return ("future", "") if stamp > now_kst() else ("not_asked", "")
    # A refusal takes nothing back that a complete answer said before.
    last = next((fetch for fetch in reversed(fetches) if fetch["outcome"] in LOADED), fetches[-1])
    if last["selection"] != "all" and str(stn) not in last["selection"].split(","):
        return "not_asked", f" (KMAFLOW_STATIONS: {last['selection']})"
    if (last["outcome"] == "partial" and not others) or last["outcome"] == "not_yet_produced":
        return "not_yet_produced", ""
    if last["outcome"] in LOADED:
        return "absent", ""
    if last["outcome"] == "quota" and last["http_status"] is None:
        return "not_asked", f": {last['message']}"
    return "refused", f": {last['outcome']}: {last['message']}"


def _raw(
    collector: Collector, dataset: Dataset, stn: int, stamp: datetime, digest: str | None
) -> tuple[dict[str, str], list[str]]:
    """The cell's line in the body it came from, and its printed values by column."""
    if digest is None:
        return {}, []
    try:
        body = open_body(collector.archive.body(digest), end_marker=False)
    except ArchiveError as error:
        return {}, [f"({error})"]
    lines = []
    raw: dict[str, str] = {}
    order = column_order(dataset, body.head, header_expected=False).columns
    for line in body.rows.decode("cp949", errors="replace").split("\n"):
        tokens = tokens_of(line) if line.strip() else []
        if len(tokens) > 1 and tokens[0] == f"{stamp:%Y%m%d%H%M}" and tokens[1] == str(stn):
            lines.append(line)
            columns = order
            if dataset.layout == "columns" and len(tokens) - 2 < len(order):
                columns = tuple(column for column in order if column.since is None)
            elif dataset.layout == "pairs":
                columns = order + dataset.pair_columns
            raw = {column.name: token for column, token in zip(columns, tokens[2:], strict=False)}
    return raw, lines
