"""What the cluster asks of Airflow itself: its executor, its own database, its login, its intervals."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from werkzeug.security import check_password_hash

from kmaflow.airflow.builders.dag import RETRIES
from kmaflow.airflow.provider.setup import MetadataRefused
from kmaflow.run.preparation import StartFailed, migrate_metadata, prepare_airflow
from kmaflow.run.scale import Machine, scale_rules
from tests.databases import server_url as machine_server

STRONG = "nR4-vT9.kW2_xQ7!zL5"


def test_the_celery_executor_can_be_imported() -> None:
    """Celery 5.7 has moved what the provider imports; the command line then hides the reason."""
    import airflow.providers.celery.executors.celery_executor as module

    assert module.CeleryExecutor.__name__ == "CeleryExecutor"


def test_the_retry_of_a_killed_workers_task_is_due_within_two_minutes() -> None:
    rules = scale_rules(Machine(2, None))
    noticed = int(rules["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"]) + int(
        rules["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL"]
    )
    assert noticed + 2 * RETRIES["retry_delay"].total_seconds() < 110  # Airflow waits once to twice the delay
    assert int(rules["AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"]) >= 24 * 3600


def test_setup_refuses_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow import settings
    from kmaflow.airflow.provider.setup import make_defaults

    engine = sa.create_engine(machine_server("mariadb"))
    monkeypatch.setattr(settings, "engine", engine)
    with pytest.raises(MetadataRefused):
        make_defaults()
    engine.dispose()


def test_the_login_is_made_and_its_password_can_be_changed(airflow_database: Path) -> None:
    def password_hash() -> str:
        with sqlite3.connect(airflow_database) as database:
            (found,) = database.execute("SELECT password FROM ab_user WHERE username = 'admin'").fetchone()
        database.close()
        return str(found)

    fab = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
    environ = {**os.environ, "AIRFLOW__CORE__AUTH_MANAGER": fab}
    assert not prepare_airflow(environ, password=STRONG)
    first = password_hash()
    assert check_password_hash(first, STRONG)
    prepare_airflow(environ, password=STRONG)
    assert password_hash() == first
    prepare_airflow(environ, password=STRONG[::-1])
    assert check_password_hash(password_hash(), STRONG[::-1])


def test_a_preparation_that_fails_stops_the_start(tmp_path: Path) -> None:
    nowhere = {**os.environ, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/none/airflow.db"}
    with pytest.raises(StartFailed, match="setup ended with code"):
        prepare_airflow(nowhere)
    with pytest.raises(StartFailed, match="db-migrate ended with code"):
        migrate_metadata(nowhere)
