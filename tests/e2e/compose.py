"""compose.yaml, run as processes of this machine: the same commands, environment, order and health checks, without a Docker engine.

A container becomes a process with a host name of its own (a UTS namespace), the paths of its volumes become folders, the names of other services
become 127.0.0.1 with a free port. What the servers' official images do at their first start (`POSTGRES_USER`, `…_PASSWORD_FILE`) is done by hand.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml
from tests.e2e import official_images
from tests.smoke import free_ports

from kmaflow.run.processes import Child, Children, end_sessions, members

ROOT = Path(__file__).parents[2]
LOOPBACK = Path(__file__).parent / "loopback"
PATIENCE = 600.0
#: Which variable moves the port that a component listens on, and the port it has in its container.
_PORT_VARIABLES = {
    "api-server": {"AIRFLOW__API__PORT": 8080},
    "scheduler": {"AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": 8974},
    "triggerer": {"AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": 8794},
    "worker": {"AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": 8793},
    "flower": {"AIRFLOW__CELERY__FLOWER_PORT": 5555},
    "simulator": {"KMAFLOW_SIMULATOR_PORT": 8765},
}


def wait_until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> float:
    """Wait; the seconds that it took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.2)
    return time.monotonic() - begun


def interpolated(node: Any, given: Mapping[str, str]) -> Any:
    """``${NAME}`` and ``${NAME:-default}`` in every value, as the compose specification has them."""
    if isinstance(node, dict):
        return {key: interpolated(value, given) for key, value in node.items()}
    if isinstance(node, list):
        return [interpolated(value, given) for value in node]
    if not isinstance(node, str):
        return node

    def value(match: re.Match[str]) -> str:
        return given.get(match[1]) or match[2] or ""

    return re.sub(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}", value, node)


def read_compose(given: Mapping[str, str] | None = None) -> dict[str, Any]:
    """compose.yaml with its variables filled in."""
    content = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    filled: dict[str, Any] = interpolated(content, given or {})
    return filled


def entrypoint() -> list[str]:
    """The image's ENTRYPOINT."""
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    (line,) = re.findall(r"^ENTRYPOINT (\[.*\])$", dockerfile, re.MULTILINE)
    words: list[str] = json.loads(line)
    return words


@dataclass
class Compose:
    """A started compose file. Use :func:`composed`."""

    root: Path
    services: dict[str, dict[str, Any]]
    children: Children
    profiles: frozenset[str] = frozenset()
    extra: dict[str, str] = field(default_factory=dict)
    python: Path = Path(sys.executable)
    ports: dict[tuple[str, int], int] = field(default_factory=dict)
    running: dict[str, Child] = field(default_factory=dict)

    def port(self, service: str, inside: int) -> int:
        """The free port that stands for a container's port."""
        if (service, inside) not in self.ports:
            (self.ports[service, inside],) = free_ports(1)
        return self.ports[service, inside]

    @property
    def active(self) -> list[str]:
        """The services that `up` starts."""
        return [
            name
            for name, one in self.services.items()
            if not one.get("profiles") or self.profiles & set(one["profiles"])
        ]

    def up(self, *names: str, scale: Mapping[str, int] | None = None) -> None:
        """Start services and what they depend on, in the order that ``depends_on`` demands."""
        for name in names:
            self._up(name, (scale or {}).get(name, 1))

    def _up(self, name: str, count: int = 1) -> None:
        if f"{name}-1" in self.running:
            return
        for other, rule in (self.services[name].get("depends_on") or {}).items():
            self._up(other)
            if rule["condition"] == "service_completed_successfully":
                self.completed(other)
            else:
                assert rule["condition"] == "service_healthy"
                self.wait_healthy(other)
        for number in range(1, count + 1):
            self.start(name, number)

    def start(self, name: str, number: int = 1) -> Child:
        """Start one container."""
        instance = f"{name}-{number}"
        service = self.services[name]
        image = str(service["image"]).split(":", maxsplit=1)[0]
        environment = self.environment(name, number)
        if image == "kmaflow":
            command = [
                "unshare",
                "--uts",
                "sh",
                "-c",
                'hostname "$0" && exec "$@"',
                instance,
                *self._with_python([*entrypoint(), *service["command"]]),
            ]
        else:
            command = self._server(name, image, environment)
        self.running[instance] = self.children.start(instance, command, environment)
        return self.running[instance]

    def completed(self, name: str) -> None:
        """Wait until a one-shot service has ended well."""
        child = self.running[f"{name}-1"]
        code = child.process.wait(PATIENCE)
        assert code == 0, f"{name} ended with {code}:\n{child.tail(40)}"

    def wait_healthy(self, name: str, number: int = 1) -> float:
        """Wait until the service's own health check passes; the seconds that it took."""

        def healthy() -> bool:
            child = self.running[f"{name}-{number}"]
            assert child.process.poll() is None, f"{name} ended:\n{child.tail(40)}"
            return self.healthy(name, number)

        return wait_until(healthy, f"{name} to be healthy")

    def healthy(self, name: str, number: int = 1) -> bool:
        """Run the service's health check once."""
        if name == "mariadb":  # healthcheck.sh is in the image only
            return _answers(self.port("mariadb", 3306))
        kind, *words = self.services[name]["healthcheck"]["test"]
        command = [*words] if kind == "CMD" else ["sh", "-c", *words]
        command = self._with_python(
            [word.replace("redis-cli", f"redis-cli -p {self.port('redis', 6379)}") for word in command]
        )
        if command[0] == "pg_isready":
            command = [
                str(official_images.POSTGRESQL / "pg_isready"),
                *command[1:],
                "--port",
                str(self.port(name, 5432)),
            ]
        command = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', f"{name}-{number}", *command]
        return (
            subprocess.run(command, env=self.environment(name, number), capture_output=True, check=False).returncode
            == 0
        )

    def run(self, name: str, *words: str, **given: str) -> subprocess.CompletedProcess[str]:
        """``docker compose run --rm NAME WORDS``, with variables as ``.env`` would set them."""
        return subprocess.run(
            self._with_python([*entrypoint(), *words]),
            env={**self.environment(name), **given},
            capture_output=True,
            text=True,
            check=False,
        )

    def kill(self, name: str, number: int = 1, how: signal.Signals = signal.SIGKILL) -> None:
        """End a container: everything of it at once, or its first process politely."""
        child = self.running.pop(f"{name}-{number}")
        self.children.forget(child)
        if how == signal.SIGKILL:
            # PostgreSQL's own processes leave the session; a container that is killed takes them along.
            below = [one.pid for one in psutil.Process(child.process.pid).children(recursive=True)]
            doomed = {*members([child.session]), *below}
            for pid in doomed:
                _send(pid, how)
            wait_until(lambda: not any(map(_lives, doomed)), f"the end of {name}")
        else:
            child.process.send_signal(how)
        child.process.wait(PATIENCE)
        end_sessions([child.session])
        # A new container knows no process of the one before.
        (self.root / "volumes" / name / "postmaster.pid").unlink(missing_ok=True)

    def _with_python(self, words: list[str]) -> list[str]:
        return [str(self.python) if word == "python" else word for word in words]

    def environment(self, name: str, number: int = 1) -> dict[str, str]:
        """The container's environment, in the terms of this machine."""
        service = self.services[name]
        home = self.root / "containers" / f"{name}-{number}"
        (home / "home/kmaflow").mkdir(parents=True, exist_ok=True)
        for volume in service.get("volumes", []):
            source, target = volume.split(":")[:2]
            folder = self.root / "volumes" / source
            folder.mkdir(parents=True, exist_ok=True)
            place = home / target.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.is_symlink():
                place.symlink_to(folder)
        values = {key: self._translated(str(value), home) for key, value in (service.get("environment") or {}).items()}
        ports = {
            key: str(self.port(f"{name}-{number}" if name == "worker" else name, inside))
            for key, inside in _PORT_VARIABLES.get(name, {}).items()
        }
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("KMAFLOW_", "AIRFLOW", "COV"))}
        return {
            **kept,
            "PYTHONPATH": str(LOOPBACK),
            "HOME": str(home / "home/kmaflow"),
            **values,
            **ports,
            **(self.extra if "KMAFLOW_HOME" in values else {}),
        }

    def _translated(self, text: str, home: Path) -> str:
        # The names of services whose profile is off mean nothing to the others, as in a container network.
        names = "|".join(sorted(self.active, key=len, reverse=True))
        text = re.sub(rf"\b({names}):(\d+)", lambda match: f"127.0.0.1:{self.port(match[1], int(match[2]))}", text)
        return re.sub(r"(?<![\w:/.])/(?=home|run|var|data)", f"{home}/", text)

    def _server(self, name: str, image: str, environment: Mapping[str, str]) -> list[str]:
        home, data = self.root / "containers" / f"{name}-1", self.root / "volumes" / name
        command = [self._translated(word, home) for word in self.services[name].get("command", [])]
        if image == "redis":
            return official_images.redis(command, self.port(name, 6379))
        if image == "postgres":
            return official_images.postgres(data, environment, self.port(name, 5432))
        return official_images.mariadb(command, data, environment, self.port(name, 3306))


@contextmanager
def composed(
    *profiles: str,
    given: Mapping[str, str] | None = None,
    extra: Mapping[str, str] | None = None,
    python: Path | None = None,
) -> Iterator[Compose]:
    """compose.yaml, read and ready to be started; everything ended and removed afterwards.

    Args:
        profiles: those that are on.
        given: what ``.env`` would say.
        extra: more environment for our own services.
        python: of the image's environment (`image.py`); without it, this one.
    """
    root = Path(tempfile.mkdtemp(prefix="kmaflow-compose-"))
    root.chmod(0o755)
    (root / "logs").mkdir()
    children = Children(root / "logs")
    try:
        yield Compose(
            root,
            read_compose(given)["services"],
            children,
            frozenset(profiles),
            dict(extra or {}),
            python or Path(sys.executable),
        )
    finally:
        children.stop()
        shutil.rmtree(root)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
