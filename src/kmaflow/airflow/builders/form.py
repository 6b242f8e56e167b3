"""The trigger form: what a person may choose for one run by hand. Scheduled runs take the defaults and need no form.

There is no field for the key: a run's conf is stored, and shown, in clear text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

from kmaflow.airflow.provider.provider import CONNECTION_TYPE
from kmaflow.language import say_in_airflow

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
        begin=say_in_airflow(
            "한국시각, 예 2026-11-22 12:00. 이 시각 다음부터 수집합니다. 비우면 마지막으로 끝난 구간을 수집합니다. "
            "수동 실행에만 적용되며 Airflow의 Backfill에는 적용되지 않습니다.",
            "KST, e.g. 2026-11-22 12:00. The window starts after it. Empty: the last complete interval. "
            "For runs by hand only: a run of Airflow's Backfill collects its own interval.",
        ),
        end=say_in_airflow(
            "한국시각, 예 2026-11-22 13:00. 이 시각까지 수집합니다. 시작 시각과 함께 쓰거나 둘 다 비우십시오.",
            "KST, e.g. 2026-11-22 13:00. The window ends with it. Give both times or neither.",
        ),
    )


def repair_form(datasets: Sequence[Dataset], stations: str) -> dict[str, Any]:
    """The params of the DAG that repairs; arguments as :func:`observation_form`. Times bound what is looked at."""
    everything = Param(
        False,
        type="boolean",
        title=say_in_airflow("모두 다시 요청(everything)", "Everything"),
        description_md=say_in_airflow(
            "아직 차례가 아닌 것과 더 요청하지 않기로 한 것도 모두 다시 요청합니다.",
            "Also requests what is not due yet or is no longer requested.",
        ),
    )
    return _form(
        datasets,
        stations,
        begin=say_in_airflow(
            "한국시각. 이 시각 다음부터 찾습니다. 비우면 KMAFLOW_START부터 찾습니다.",
            "KST. Looks for what is missing after it; empty: since KMAFLOW_START.",
        ),
        end=say_in_airflow("한국시각. 비우면 지금까지 찾습니다.", "KST. Empty: until now."),
        everything=everything,
    )


def backfill_form(datasets: Sequence[Dataset], stations: str, share: float) -> dict[str, Any]:
    """The params of the DAG that fills history; arguments as :func:`observation_form`, and the default share of the quota."""
    part = Param(
        share,
        type="number",
        exclusiveMinimum=0,
        maximum=1,
        title=say_in_airflow("하루 한도에서 쓸 비율(share)", "Share of the day's quota (share)"),
        description_md=say_in_airflow(
            "0보다 크고 1 이하. 실시간 수집에 필요한 양은 항상 남겨 둡니다.",
            "Above 0, at most 1. What live data need is always kept in reserve.",
        ),
    )
    return _form(
        datasets,
        stations,
        begin=say_in_airflow(
            "한국시각, 예 2025-01-01. 이 시각 다음부터 채웁니다.", "KST, e.g. 2025-01-01. Fills what lies after it."
        ),
        end=say_in_airflow(
            "한국시각, 예 2026-01-01. 이 시각까지 채웁니다.", "KST, e.g. 2026-01-01. Up to and including it."
        ),
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
        "from": Param(
            **text, title=say_in_airflow("시작 시각, 미포함(from)", "From, exclusive (from)"), description_md=begin
        ),
        "to": Param(**text, title=say_in_airflow("끝 시각, 포함(to)", "To, inclusive (to)"), description_md=end),
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
            title=say_in_airflow("지점(stations)", "Stations (stations)"),
            description_md=say_in_airflow(
                "**all**(전체), 또는 지점번호나 지점명을 쉼표로 구분: **108,서울,강릉**. 없는 지점이 있으면 아무것도 수집하지 않습니다.",
                "**all**, or numbers and names separated by commas: **108,서울,강릉**. If one is unknown, nothing is collected.",
            ),
        ),
        "datasets": Param(
            names,
            type="array",
            minItems=1,
            items={"type": "string", "enum": names},
            examples=names,
            values_display={
                dataset.name: say_in_airflow(f"{dataset.ko} ({dataset.name})", f"{dataset.en} ({dataset.name})")
                for dataset in datasets
            },
            title=say_in_airflow("자료(datasets)", "Datasets (datasets)"),
            description_md=say_in_airflow(
                "수집할 자료. 고르지 않은 자료는 건너뜁니다(skipped).", "What to collect; the others are skipped."
            ),
        ),
    }


def connection_form() -> dict[str, Any]:
    """The params of every DAG: which database, which hub."""
    return {
        "conn_id": Param(
            STORE_CONNECTION,
            type="string",
            minLength=1,
            title=say_in_airflow("저장할 데이터베이스 연결(conn_id)", "Database connection (conn_id)"),
            description_md=say_in_airflow(
                "PostgreSQL, MySQL/MariaDB 또는 SQLite 연결의 id.",
                "Id of a PostgreSQL, MySQL/MariaDB or SQLite connection.",
            ),
        ),
        "hub_conn_id": Param(
            CONNECTION_TYPE,
            type="string",
            minLength=1,
            title=say_in_airflow("API허브 연결(hub_conn_id)", "API Hub connection (hub_conn_id)"),
            description_md=say_in_airflow(
                "인증키가 든 연결의 id. 인증키를 이 양식에 쓰지 마십시오. 실행 설정은 평문으로 저장됩니다.",
                "Id of the connection that holds the key. Never enter the key here: a run's conf is stored in clear text.",
            ),
        ),
    }
