"""What must be there before a cluster's first component starts: databases, Airflow's tables, the login, pool and connections.

Run by the service ``init`` at every start; whatever is there already stays.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from kmaflow.run.environment import USER
from kmaflow.run.preparation import StartFailed, airflow_command
from kmaflow.run.terminal import say


def migrate_metadata(env: Mapping[str, str]) -> None:
    """Check Airflow's own database and make or migrate its tables.

    Raises:
        MetadataRefused: it is on MariaDB.
        StartFailed: the migration failed; its output has been shown.
    """
    import sqlalchemy as sa

    from kmaflow.airflow.metadata_check import require_usable_metadata

    engine = sa.create_engine(env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    try:
        require_usable_metadata(engine)
    finally:
        engine.dispose()
    say("Airflow 데이터베이스를 준비합니다 · preparing Airflow's own database …")
    done = subprocess.run(airflow_command("db", "migrate"), env=dict(env), stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise StartFailed(f"airflow db migrate ended with code {done.returncode}")


def prepare_airflow(env: Mapping[str, str]) -> bool:
    """Make login, pool and connections in a process that has the environment; tells whether the connection `kma_apihub` holds a key.

    Raises:
        StartFailed: it failed; its output has been shown.
    """
    quiet = {**env, "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING"}
    done = subprocess.run(
        [sys.executable, "-m", __name__], env=quiet, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False
    )
    if done.returncode:
        raise StartFailed(f"preparing login, pool and connections ended with code {done.returncode}")
    return done.stdout.decode().strip().endswith("has key")


def set_admin_password(password: str) -> None:
    """The user ``admin`` with the role Admin and this password; made, or its password set anew where it differs."""
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
    from werkzeug.security import check_password_hash

    with get_application_builder() as builder:
        manager = builder.sm
        user = manager.find_user(username=USER)
        if user is None:
            made = manager.add_user(
                USER, "kmaflow", "admin", "admin@localhost.localdomain", manager.find_role("Admin"), password
            )
            if not made:
                raise StartFailed("the user admin could not be made")
        elif not check_password_hash(user.password, password):
            manager.reset_password(user.id, password)


def main() -> int:
    """In a process of its own: Airflow reads its environment while it is imported."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # Airflow logs to stdout while it is imported
    set_admin_password(os.environ.pop("KMAFLOW_ADMIN_PASSWORD"))
    from kmaflow.airflow.provider.setup import make_defaults

    result = make_defaults()
    answer.write("has key" if result.has_key else "no key")
    answer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
