"""What is not as it should be: datasets that stand still, stretches that are missing, a quota that is used up, lists that are held."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from kmaflow.collect.due import Due
from kmaflow.status.overview import Freshness
from kmaflow.status.quota_use import QuotaUse
from kmaflow.store.coverage.gaps import Gap
from kmaflow.store.coverage.retries import FOR_A_PERSON, standing_refusal
from kmaflow.store.ledger import GIVEN_UP


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing.

    Attributes:
        kind: ``stopped``, ``late``, ``not_yet_produced``, ``refused``, ``rejected``, ``not_asked``, ``given_up``, ``person`` (a refusal that only a person
            can mend), ``quota``.
        until: naive KST; None = still so.
        count: cells.
        cause, next_step: Korean and English.
    """

    kind: str
    dataset: str | None
    since: datetime | None
    until: datetime | None
    count: int
    cause: tuple[str, str]
    next_step: tuple[str, str]


_REPAIR = (
    "할 일은 없습니다: kma_repair(또는 kmaflow repair)가 다시 요청합니다",
    "nothing to do: kma_repair (or kmaflow repair) requests it again",
)
_DOCTOR = ("kmaflow doctor 를 실행하고 안내대로 하십시오", "run kmaflow doctor and do as it says")
_MISSING: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "not_yet_produced": (("API허브에 아직 없는 시각이었습니다", "the hub had not produced it yet"), _REPAIR),
    "refused": (("API허브가 거부했거나 응답하지 않았습니다", "the hub refused or failed to answer"), _REPAIR),
    "rejected": (("해석할 수 없는 줄입니다", "lines that cannot be read"), _REPAIR),
    "not_asked": (("요청하지 않은 구간입니다", "never requested"), _REPAIR),
    "given_up": (
        ("여러 번 요청해도 받지 못해 더는 요청하지 않습니다", "requested in vain often enough; not requested any more"),
        ("kmaflow repair --all 로 한 번 더 요청할 수 있습니다", "kmaflow repair --all requests it once more"),
    ),
    "person": (
        ("사람이 조치해야 하는 거부입니다", "a refusal that only a person can resolve"),
        _DOCTOR,
    ),
    "quota": (
        ("일일 한도 때문에 요청하지 못했습니다", "left unrequested because the day's quota was spent"),
        ("할 일은 없습니다: 00:00(한국시각)부터 요청합니다", "nothing to do: requested from 00:00 KST on"),
    ),
}  # fmt: skip


def incidents(
    connection: sa.Connection, fresh: Iterable[Freshness], due: dict[str, Due], quota: QuotaUse
) -> list[Incident]:
    """What is not as it should be, by dataset; first what concerns them all.

    Args:
        due: by dataset, what is missing of its last days.
    """
    found = []
    usage = quota.usage
    if usage.exhausted_by == "hub" and usage.exhausted:
        what = {"calls": ("호출 수", "calls"), "bytes": ("용량", "bytes")}[usage.exhausted]
        cause = (
            f"API허브가 오늘의 {what[0]} 한도를 다 썼다고 답했습니다",
            f"the hub says that today's {what[1]} are used up",
        )
        found.append(Incident("quota", None, None, usage.until, 0, cause, _MISSING["quota"][1]))
    elif not quota.enough:
        cause = (
            "이대로면 자정 전에 일일 한도를 다 씁니다",
            "at this pace the day's quota is used up before midnight",
        )
        step = (
            "KMAFLOW_WINDOW_MINUTES를 늘리거나 자료를 줄이십시오",
            "raise KMAFLOW_WINDOW_MINUTES or collect fewer datasets",
        )
        found.append(Incident("quota", None, None, None, 0, cause, step))
    for one in fresh:
        found += _still(connection, one)
        found += _missing(one.dataset, due[one.dataset])
    return found


def _still(connection: sa.Connection, one: Freshness) -> list[Incident]:
    """A dataset of which nothing comes any more."""
    standing = standing_refusal(connection, one.dataset)
    if standing is not None:
        (ko, en), step = _MISSING["person"]
        cause = (f"{ko}: {standing[0]}", f"{en}: {standing[0]}")
        return [Incident("person", one.dataset, standing[1], None, 0, cause, step)]
    if one.state not in ("late", "stopped"):
        return []
    cause = ("새 관측시각이 들어오지 않습니다", "no new stamp has come")
    step = (
        "Airflow의 DAG가 켜져 있고 실행 중인지 확인하고, kmaflow doctor 를 실행하십시오",
        "see that the DAG in Airflow is on and running, and run kmaflow doctor",
    )
    return [Incident(one.state, one.dataset, one.last, None, 0, cause, step)]


def _missing(dataset: str, due: Due) -> list[Incident]:
    by_kind: dict[str, list[Gap]] = {}
    for gap in (*due.missing, *due.exhausted, *due.later):
        by_kind.setdefault(_kind(gap), []).append(gap)
    found = []
    for kind, gaps in sorted(by_kind.items()):
        (ko, en), step = _MISSING[kind]
        said = next((gap.error or gap.why for gap in reversed(gaps) if gap.error or kind == "refused"), "")
        cause = (f"{ko}: {said}", f"{en}: {said}") if said else (ko, en)
        since, until = min(gap.window.start for gap in gaps), max(gap.window.end for gap in gaps)
        found.append(Incident(kind, dataset, since, until, sum(gap.cells for gap in gaps), cause, step))
    return found


def _kind(gap: Gap) -> str:
    if gap.why == GIVEN_UP:
        return GIVEN_UP
    if gap.why in FOR_A_PERSON:
        return "person"
    return "quota" if gap.why == "quota" else gap.state
