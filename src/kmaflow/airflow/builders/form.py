"""The trigger form: what a person may choose for one run by hand. Scheduled runs take the defaults and need no form.

There is no field for the key: a run's conf is stored, and shown, in clear text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

from kmaflow.airflow.provider.provider import CONNECTION_TYPE

if TYPE_CHECKING:
    from kmaflow.catalog.model import Dataset

STORE_CONNECTION = "kma_store"


def observation_form(datasets: Sequence[Dataset], stations: str) -> dict[str, Any]:
    """The params of a collecting DAG.

    Args:
        datasets: what the DAG collects, in its order.
        stations: the default choice, from the settings.
    """
    return _form(
        datasets,
        stations,
        begin="한국시각, 예 2026-11-22 12:00. 창은 이 시각 다음부터 시작합니다. 비우면 이 실행의 자료 구간(수동 실행은 마지막으로 끝난 구간)을 수집합니다. — "
        "*KST (another offset is refused). The window begins after it. Empty: the run's data interval, by hand the last complete one.*",
        end="한국시각, 예 2026-11-22 13:00. 이 시각까지 수집합니다. 시작 시각과 함께 쓰거나 둘 다 비우십시오. — "
        "*KST. Up to and including it. Give both times or none.*",
    )


def repair_form(datasets: Sequence[Dataset], stations: str) -> dict[str, Any]:
    """The params of the DAG that repairs; arguments as :func:`observation_form`. Times bound what is looked at."""
    everything = Param(
        False,
        type="boolean",
        title="모두 다시 (everything)",
        description_md="때가 되지 않은 것과 포기한 것까지 모두 다시 요청합니다. — *Also what is not due yet, or was given up.*",
    )
    return _form(
        datasets,
        stations,
        begin="한국시각. 이 시각 뒤에서 찾습니다. 비우면 KMAFLOW_START부터. — *KST. What is missing after it; empty: since KMAFLOW_START.*",
        end="한국시각. 비우면 지금까지. — *KST. Empty: until now.*",
        everything=everything,
    )


def backfill_form(datasets: Sequence[Dataset], stations: str, share: float) -> dict[str, Any]:
    """The params of the DAG that fills history; arguments as :func:`observation_form`, and the default share of the quota."""
    part = Param(
        share,
        type="number",
        exclusiveMinimum=0,
        maximum=1,
        title="하루 한도 가운데 쓸 몫 (share)",
        description_md="0보다 크고 1 이하. 실시간 수집에 필요한 몫은 언제나 남겨 둡니다. — "
        "*Part of a day's quota, above 0, at most 1. What live data needs is always kept back.*",
    )
    return _form(
        datasets,
        stations,
        begin="한국시각, 예 2025-01-01. 이 시각 다음부터 채웁니다. — *KST (another offset is refused). What lies after it is filled.*",
        end="한국시각, 예 2026-01-01. 이 시각까지 채웁니다. — *KST. Up to and including it.*",
        must=True,
        share=part,
    )


def _form(
    datasets: Sequence[Dataset], stations: str, *, begin: str, end: str, must: bool = False, **others: Param
) -> dict[str, Any]:
    """Stations, datasets, the window (which ``must`` be given), what one DAG alone asks for, and the connections."""
    text: dict[str, Any] = {"type": "string", "minLength": 8} if must else {"default": None, "type": ["null", "string"]}
    return {
        **_choices(datasets, stations),
        "from": Param(**text, title="시작 시각, 제외 (from, exclusive)", description_md=begin),
        "to": Param(**text, title="끝 시각, 포함 (to, inclusive)", description_md=end),
        **others,
        **connection_form(),
    }


def _choices(datasets: Sequence[Dataset], stations: str) -> dict[str, Any]:
    names = [dataset.name for dataset in datasets]
    return {
        "stations": Param(
            stations,
            type="string",
            minLength=1,
            title="지점 (stations)",
            description_md="**all**(전체) 또는 지점 번호·이름을 쉼표로: **108,서울,강릉**. 없는 지점이 있으면 아무것도 수집하지 않습니다. — "
            "*all, or numbers and names with commas. An unknown one stops the run before anything is collected.*",
        ),
        "datasets": Param(
            names,
            type="array",
            minItems=1,
            items={"type": "string", "enum": names},
            examples=names,
            values_display={dataset.name: f"{dataset.ko} ({dataset.en})" for dataset in datasets},
            title="자료 종류 (datasets)",
            description_md="수집할 자료. 고르지 않은 것은 건너뜁니다(skipped). — *What to collect; the others are skipped.*",
        ),
    }


def connection_form() -> dict[str, Any]:
    """The params of every DAG: which database, which hub."""
    return {
        "conn_id": Param(
            STORE_CONNECTION,
            type="string",
            minLength=1,
            title="저장할 데이터베이스 연결 (conn_id)",
            description_md="PostgreSQL, MySQL/MariaDB 또는 SQLite 연결의 id. — *Id of the connection to the observation database.*",
        ),
        "hub_conn_id": Param(
            CONNECTION_TYPE,
            type="string",
            minLength=1,
            title="API허브 연결 (hub_conn_id)",
            description_md="인증키가 든 연결의 id. 인증키를 이 양식에 쓰지 마십시오: 실행 설정은 평문으로 저장됩니다. — "
            "*Id of the connection that holds the key. Never type the key here: a run's conf is stored in clear text.*",
        ),
    }
