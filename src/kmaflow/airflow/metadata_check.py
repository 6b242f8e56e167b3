"""Airflow's own database on MariaDB: refused before it is touched.

``airflow db migrate`` succeeds there and runs work, until the scheduler clears away unused assets with ``WITH … DELETE``, which MariaDB does not
know (error 1064), and dies. No setting leaves that out without leaving assets uncared for, and Airflow does not support MariaDB. PostgreSQL and
MySQL 8 know the statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmaflow.errors import UsageError

if TYPE_CHECKING:
    import sqlalchemy as sa


class MetadataRefused(UsageError):
    """Airflow's own database is of a kind that its scheduler cannot live with."""

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

    if why := engine_of(engine).unfit_for_airflow(engine):
        raise MetadataRefused(f"Airflow's own database is {why}")
