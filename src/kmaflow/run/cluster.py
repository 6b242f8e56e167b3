"""``python -m kmaflow.run.cluster SERVICE``: what every container of compose.yaml starts.

It reads the secrets from their volume, makes the environment (``environment.py``) and executes the component in its
place, so that the container's signals reach it directly.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from kmaflow.errors import KmaflowError, UsageError
from kmaflow.language import say
from kmaflow.run import complain, tell
from kmaflow.run.databases import Choices, choose_observations, make_databases, read_choices, write_choices
from kmaflow.run.environment import cluster_environment
from kmaflow.run.preparation import airflow_command, kmaflow_command, migrate_metadata, prepare_airflow
from kmaflow.run.scale import Machine
from kmaflow.run.secrets import USER, VOLUMES, ensure_secrets, read_secrets, write_server_passwords

#: Long-running components: what each becomes.
COMPONENTS: dict[str, list[str]] = {
    "api-server": airflow_command("api-server"),
    "scheduler": airflow_command("scheduler"),
    "dag-processor": airflow_command("dag-processor"),
    "triggerer": airflow_command("triggerer"),
    "worker": airflow_command("celery", "worker", "--celery-hostname"),
    "flower": airflow_command("celery", "flower"),
    "simulator": kmaflow_command("simulate", "--host"),
}
#: Programs that may be called with the cluster's environment: ``docker compose run --rm worker kmaflow status``.
PROGRAMS = {"airflow": airflow_command, "kmaflow": kmaflow_command}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a service. Exit code 0, or that of the error; a component never returns."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(words, os.environ)
    except KmaflowError as error:
        complain(f"kmaflow: {error}")
        return error.exit_code


def _run(words: list[str], base: Mapping[str, str]) -> int:
    if not words or words[0] not in {"secrets", "passwords", "init", *COMPONENTS, *PROGRAMS}:
        raise UsageError(
            f"no such service: {' '.join(words) or '(none)'}",
            ko=f"없는 서비스입니다: {' '.join(words) or '(없음)'}",
            todo_en=f"one of secrets, passwords, init, {', '.join((*COMPONENTS, *PROGRAMS))}",
            todo_ko=f"다음 가운데 하나를 쓰십시오: secrets, passwords, init, {', '.join((*COMPONENTS, *PROGRAMS))}",
        )
    service, folder = words[0], secrets_folder(base)
    if service == "secrets":
        kept = ensure_secrets(folder, base)
        write_server_passwords(kept, {server: folder.parent / server for server in VOLUMES})
        tell(say("비밀번호와 키를 준비했습니다", "secrets are ready"))
    elif service == "passwords":
        kept = read_secrets(folder)
        tell(f"Airflow  {USER} / {kept.admin_password}\nFlower   {USER} / {kept.flower_password}")
    elif service == "init":
        initialise(folder, base)
    else:
        become(service, words[1:], component_environment(folder, base))
    return 0


def secrets_folder(base: Mapping[str, str]) -> Path:
    """Where ``secrets.json`` lies."""
    return Path(base.get("KMAFLOW_SECRETS") or "/run/kmaflow/secrets")


def initialise(folder: Path, base: Mapping[str, str]) -> None:
    """Databases, tables, login, pool, connections; then whether the simulator is the hub.

    Raises:
        KmaflowError: something cannot be prepared.
    """
    kept, machine = read_secrets(folder), Machine.here()
    observations = choose_observations(folder, base)
    make_databases(kept, base, observations)
    env = cluster_environment(kept, base, machine=machine, simulated=False, observations=observations)
    migrate_metadata(env)
    has_key = prepare_airflow(env, password=kept.admin_password)
    own_hub = bool((base.get("KMAFLOW_API_KEY") or "").strip() or has_key)
    write_choices(folder, Choices(observations, simulated=not own_hub))
    if not own_hub:
        tell(say("인증키가 없어 내장 시뮬레이터를 사용합니다", "no key: using the built-in simulator"))
    tell(say("준비를 마쳤습니다", "everything is prepared"))


def component_environment(folder: Path, base: Mapping[str, str]) -> dict[str, str]:
    """The environment of a component.

    Raises:
        UsageError: `secrets` or `init` has not run.
    """
    choices = read_choices(folder)
    return cluster_environment(
        read_secrets(folder),
        base,
        machine=Machine.here(),
        simulated=choices.simulated,
        observations=choices.observations,
    )


def become(service: str, more: Sequence[str], env: Mapping[str, str]) -> None:
    """Turn this process into the component."""
    if service in PROGRAMS:
        command = PROGRAMS[service](*more)
    else:
        command = [*COMPONENTS[service]]
        if service == "worker":
            command.append(f"worker@{socket.gethostname()}")
        if service == "simulator":
            if "KMAFLOW_SIMULATED" not in env:
                tell(say("인증키가 있어 시뮬레이터를 사용하지 않습니다", "there is a key: the simulator is not needed"))
                return
            command.append("0.0.0.0")  # inside of the container network
        command += more
    os.execve(command[0], command, dict(env))


if __name__ == "__main__":
    sys.exit(main())
