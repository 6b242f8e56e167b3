"""What must exist before Airflow's first component starts: its tables, the login, pool and connections."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

from kmaflow.errors import KmaflowError
from kmaflow.language import say
from kmaflow.run import complain, tell
from kmaflow.run.secrets import USER, variable

_PASSWORD = variable("admin_password")


class StartFailed(KmaflowError):
    """A component did not start, or ended by itself."""

    todo_en = "read the lines above and the whole log; then start again"
    todo_ko = "위의 줄과 로그 전체를 읽고 다시 시작하십시오"


def airflow_command(*arguments: str) -> list[str]:
    """The command line of Airflow in this Python."""
    return [sys.executable, "-m", "airflow", *arguments]


def kmaflow_command(*arguments: str) -> list[str]:
    """The command line of kmaflow in this Python."""
    return [sys.executable, "-m", "kmaflow", *arguments]


def migrate_metadata(env: Mapping[str, str], logs: Path | None = None) -> None:
    """Check Airflow's own database and make or migrate its tables.

    Args:
        logs: folder for what the migration prints; without it, it prints where this process does.

    Raises:
        MetadataRefused: it is on MariaDB.
        StartFailed: the migration failed.
    """
    import sqlalchemy as sa

    from kmaflow.airflow.provider.setup import require_usable_metadata

    engine = sa.create_engine(env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    try:
        require_usable_metadata(engine)
    finally:
        engine.dispose()
    tell(say("Airflow 데이터베이스를 준비합니다 …", "preparing Airflow's own database …"))
    _completed("db-migrate", airflow_command("db", "migrate"), env, logs)


def prepare_airflow(env: Mapping[str, str], logs: Path | None = None, password: str | None = None) -> bool:
    """Make pool and connections where they are missing, and the login ``admin`` where Airflow's database holds users.

    Args:
        logs: as for :func:`migrate_metadata`.
        password: of the login; None where a file holds it.

    Returns:
        Whether the connection `kma_apihub` holds a key.

    Raises:
        StartFailed: it failed.
    """
    # Airflow reads its environment while it is imported: a process of its own.
    quiet = {**env, "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING", **({_PASSWORD: password} if password else {})}
    output = _completed("setup", [sys.executable, "-m", __name__], quiet, logs)
    return bool(json.loads(output.splitlines()[-1])["has_key"])


def _completed(name: str, command: list[str], env: Mapping[str, str], logs: Path | None) -> str:
    """Run a command to its end; its stdout.

    Raises:
        StartFailed: it failed; the end of its log has been printed.
    """
    log = None if logs is None else logs / f"{name}.log"
    with nullcontext() if log is None else log.open("ab") as errors:
        done = subprocess.run(
            command, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, check=False
        )
    if done.returncode:
        said = done.stdout if log is None else log.read_bytes()
        complain("\n".join(said.decode(errors="replace").splitlines()[-15:]))
        raise StartFailed(
            f"{name} ended with code {done.returncode}" + (f" (log: {log})" if log else ""),
            ko=f"{name} 종료됨(종료 코드 {done.returncode})" + (f" (로그: {log})" if log else ""),
        )
    return done.stdout.decode()


def set_admin_password(password: str) -> None:
    """Make the user ``admin`` (role Admin) of Airflow's FAB auth manager, or set its password where it differs."""
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
                raise StartFailed("the user admin could not be made", ko="사용자 admin을 만들지 못했습니다")
        elif not check_password_hash(user.password, password):
            manager.reset_password(user.id, password)


def main() -> int:
    """What :func:`prepare_airflow` runs: the result as one JSON object on the last line of stdout."""
    # Airflow logs to stdout while it is imported; the object goes to the descriptor that was stdout before.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    password = os.environ.pop(_PASSWORD, None)
    if password:
        set_admin_password(password)
    from kmaflow.airflow.provider.setup import make_defaults

    answer.write(json.dumps(asdict(make_defaults())) + "\n")
    answer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
