"""What the DAGs need in Airflow's own database: the pool and the default connections (`kmaflow airflow setup`).

Written through Airflow's models in one process, as the commands `airflow pools set` and `airflow connections add` do it: those would cost six
imports of Airflow, would overwrite what a user changed, and would show a key to everybody who runs `ps`. There is no key here at
all: the default connections are empty, and what they leave empty comes from the settings (`connections.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kmaflow.errors import UsageError
from kmaflow.language import say, say_in_airflow
from kmaflow.settings import load_settings

if TYPE_CHECKING:
    import sqlalchemy as sa

POOL = "kma_apihub"
#: At least; as many as ``KMAFLOW_MAX_ACTIVE_TASKS`` where that is more.
POOL_SLOTS = 4
POOL_DESCRIPTION = say_in_airflow(
    "API허브를 호출하는 태스크의 동시 실행 한도", "tasks that may call the hub at the same time"
)

#: As Airflow's form sends an empty port: it tests only a connection that equals the stored one.
_NO_PORT = 0
#: Type (None: that of the first engine) and description.
_CONNECTIONS: dict[str, tuple[str | None, str]] = {
    "kma_apihub": (
        "kma_apihub",
        say_in_airflow(
            "기상청 API허브. 인증키와 주소를 비우면 KMAFLOW_API_KEY와 KMAFLOW_HUB_URL을 씁니다. "
            "넣은 인증키를 지우려면 이 연결을 삭제하고 kmaflow airflow setup을 실행하십시오",
            "KMA API Hub. Empty key and address: KMAFLOW_API_KEY and KMAFLOW_HUB_URL. "
            "To remove a key, delete this connection and run kmaflow airflow setup",
        ),
    ),
    "kma_store": (
        None,
        say_in_airflow(
            "관측 데이터베이스. 비우면 KMAFLOW_DATABASE_URL을 씁니다",
            "Observation database; empty: KMAFLOW_DATABASE_URL",
        ),
    ),
}


class MetadataRefused(UsageError):
    """Airflow's own database is on MariaDB, which is refused before it is touched.

    ``airflow db migrate`` succeeds there and runs work, until the scheduler clears away unused assets with a statement that MariaDB does not know,
    and dies. No setting leaves that out without leaving assets uncared for, and Airflow does not support MariaDB.
    """

    todo_en = (
        "set AIRFLOW__DATABASE__SQL_ALCHEMY_CONN to PostgreSQL (or leave it out: compose.yaml brings one); "
        "observations and Celery's results may stay in MariaDB"
    )
    todo_ko = (
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN을 PostgreSQL로 정하십시오(비우면 compose.yaml의 것을 씁니다). "
        "관측 자료와 Celery 결과는 MariaDB에 두어도 됩니다"
    )


def require_usable_metadata(engine: sa.Engine) -> None:
    """Ask the server what it is.

    Raises:
        MetadataRefused: a MariaDB server.
    """
    from kmaflow.store.engines.base import engine_of

    if found := engine_of(engine).unfit_for_airflow(engine):
        raise MetadataRefused(
            f"Airflow's own database is on {found}: the scheduler of Airflow 3.3 dies there with error 1064",
            ko=f"Airflow의 메타데이터 데이터베이스가 {found}입니다: Airflow 3.3 스케줄러가 오류 1064로 종료됩니다",
        )


def pool_slots(max_active_tasks: int) -> int:
    """Slots of the pool, when it is made."""
    return max(POOL_SLOTS, max_active_tasks)


@dataclass(frozen=True, slots=True)
class SetupResult:
    """What was made, what was there already, and whether the default hub connection holds a key (never which)."""

    made: tuple[str, ...]
    kept: tuple[str, ...]
    has_key: bool


def setup_airflow() -> list[str]:
    """What `kmaflow airflow setup` says: one line for each thing that was made or was there. See :func:`make_defaults`."""
    result = make_defaults()
    return [say(f"만듦: {name}", f"made: {name}") for name in result.made] + [
        say(f"이미 있음: {name}", f"already there: {name}") for name in result.kept
    ]


def make_defaults() -> SetupResult:
    """Make the pool `kma_apihub` and the connections `kma_apihub` and `kma_store` where they are missing. Keeps what is set.

    Needs a migrated Airflow database (`airflow db migrate`) and write access to it.

    Raises:
        MetadataRefused: Airflow's own database is on MariaDB.
        UsageError: a setting cannot be used, or Airflow's own database has no tables yet.
    """
    from airflow.models import Connection, Pool
    from airflow.utils.session import create_session
    from sqlalchemy import inspect, select

    from airflow import settings
    from kmaflow.store.engines.base import engines

    if settings.engine is not None:
        require_usable_metadata(settings.engine)
        if not inspect(settings.engine).has_table(Pool.__tablename__):
            raise UsageError(
                "Airflow's own database has no tables yet",
                ko="Airflow 데이터베이스에 아직 테이블이 없습니다",
                todo_en="first airflow db migrate, then kmaflow airflow setup",
                todo_ko="먼저 airflow db migrate를 실행한 뒤 kmaflow airflow setup을 실행하십시오",
            )
    made, kept = [], []
    with create_session() as session:
        if session.scalar(select(Pool).where(Pool.pool == POOL)) is None:
            slots = pool_slots(load_settings().max_active_tasks)
            session.add(Pool(pool=POOL, slots=slots, description=POOL_DESCRIPTION, include_deferred=False))
            made.append(f"pool {POOL}")
        else:
            kept.append(f"pool {POOL}")
        has_key = False
        for conn_id, (conn_type, description) in _CONNECTIONS.items():
            existing = session.scalar(select(Connection).where(Connection.conn_id == conn_id))
            if existing is None:
                conn_type = conn_type or engines()[0].airflow_types[0]
                session.add(Connection(conn_id=conn_id, conn_type=conn_type, description=description, port=_NO_PORT))
                made.append(f"connection {conn_id}")
                continue
            kept.append(f"connection {conn_id}")
            if existing.port is None:
                existing.port = _NO_PORT
            if conn_id == "kma_apihub":
                has_key = bool((existing.password or "").strip())
    return SetupResult(tuple(made), tuple(kept), has_key)
