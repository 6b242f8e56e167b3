"""The databases of a cluster: which server holds the observations (decided once), and making what Airflow needs."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa

from kmaflow.errors import KmaflowError, UsageError
from kmaflow.run.environment import (
    AIRFLOW_DATABASE,
    OBSERVATIONS,
    RESULTS,
    SIMULATED,
    SUPERUSER,
    server_url,
)
from kmaflow.run.secrets import DEFAULT_SERVER, PROFILES, SERVERS, ClusterSecrets, write_private
from kmaflow.store.engines.base import engine_named, engine_of
from kmaflow.store.errors import StoreDenied

_PATIENCE_SECONDS = 180.0
_POLL_SECONDS = 1.0


class DatabaseNotThere(KmaflowError):
    """A database server of the cluster did not answer in time."""

    todo_en = "look at its log (docker compose logs SERVICE), then docker compose up -d again"
    todo_ko = "그 서비스의 로그를 보고(docker compose logs 서비스) 다시 docker compose up -d 하십시오"


@dataclass(frozen=True, slots=True)
class Choices:
    """What `init` decided: the server of the observations, once; whether the simulator is the hub, every time."""

    observations: str
    simulated: bool


def choose_observations(folder: Path, base: Mapping[str, str], resolves: Callable[[str], bool] | None = None) -> str:
    """The server that holds the observations: the profile that was started first, and that one for ever.

    ``COMPOSE_PROFILES`` names it; ``--profile`` on the command line is not passed on, but gives the server's name an
    address.
    Moving to another server would look like a loss of all data, so a later start with another profile is refused.

    Raises:
        UsageError: another profile is on than at the first start.
    """
    resolves = resolves or _resolves
    told = (base.get("KMAFLOW_PROFILES") or "").split(",")
    named = [name for name in PROFILES if name in told] or [name for name in PROFILES if resolves(_host(name, base))]
    path = folder / "choices.json"
    kept = read_choices(folder).observations if path.exists() else None
    if kept is not None:
        if named and kept not in named:
            raise UsageError(
                f"the observations of this cluster are in {kept}, but the profile {named[0]} is on",
                ko=f"이 클러스터의 관측 자료는 {kept}에 있는데 프로필 {named[0]}도 켜져 있습니다",
                todo_en="start without that profile, or name the database you mean in .env: KMAFLOW_DATABASE_URL=…; "
                "kmaflow rebuild fills it from the archive",
                todo_ko="그 프로필 없이 시작하거나, 쓸 데이터베이스를 .env의 KMAFLOW_DATABASE_URL에 쓰십시오"
                "(kmaflow rebuild로 보관소에서 다시 채웁니다)",
            )
        return kept
    if len(named) > 1:
        raise UsageError(
            f"two profiles for observations are on: {', '.join(named)}",
            ko=f"관측 자료 프로필이 둘 켜져 있습니다: {', '.join(named)}",
            todo_en="start with one of them",
            todo_ko="하나만 켜고 시작하십시오",
        )
    return named[0] if named else DEFAULT_SERVER


def write_choices(folder: Path, choices: Choices) -> None:
    """Write down what was decided."""
    write_private(folder / "choices.json", {name: str(value) for name, value in asdict(choices).items()})


def read_choices(folder: Path) -> Choices:
    """What :func:`write_choices` wrote.

    Raises:
        UsageError: nothing was decided yet.
    """
    try:
        kept = json.loads((folder / "choices.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            "this cluster has not been prepared",
            ko="클러스터가 아직 준비되지 않았습니다",
            todo_en="run the service `init` first (docker compose up -d does)",
            todo_ko="먼저 init 서비스를 실행하십시오(docker compose up -d에 포함)",
        ) from None
    return Choices(kept["observations"], kept["simulated"] == "True")


def make_databases(kept: ClusterSecrets, base: Mapping[str, str], observations: str) -> None:
    """Make on the cluster's own servers what is missing; nothing that exists is touched.

    Raises:
        DatabaseNotThere: a server does not answer.
    """
    wanted = {DEFAULT_SERVER: [AIRFLOW_DATABASE, RESULTS]}
    wanted.setdefault(observations, []).extend([OBSERVATIONS, SIMULATED])
    results = base.get("KMAFLOW_RESULTS") or DEFAULT_SERVER
    if RESULTS not in wanted.setdefault(results, []):
        wanted[results].append(RESULTS)
    for server, names in wanted.items():
        _make_on(server, kept, base, names)


def _make_on(server: str, kept: ClusterSecrets, base: Mapping[str, str], names: list[str]) -> None:
    described = SERVERS[server]
    kind = engine_named(described.engine)
    url = sa.make_url(server_url(server, kind.first_database, kept, base))
    if described.administrator is not None:
        name, secret = described.administrator
        url = url.set(username=name, password=getattr(kept, secret))
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with _connected(engine, server) as connection:
            for name in names:
                kind.make_database(connection, name, SUPERUSER)
    finally:
        engine.dispose()


def _connected(engine: sa.Engine, server: str) -> sa.Connection:
    """A connection, as soon as the server gives one."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return engine.connect()
        except sa.exc.OperationalError as error:
            if time.monotonic() > deadline or _denied(engine, error):
                raise DatabaseNotThere(
                    f"{server} does not answer: {error.orig}", ko=f"{server} 응답 없음: {error.orig}"
                ) from None
        time.sleep(_POLL_SECONDS)


def _denied(engine: sa.Engine, error: sa.exc.OperationalError) -> bool:
    """Whether the server is there and does not want us: waiting mends nothing."""
    return error.orig is not None and engine_of(engine).error_of(error.orig) is StoreDenied


def _host(server: str, base: Mapping[str, str]) -> str:
    address = base.get(f"KMAFLOW_{server.upper().replace('-', '_')}") or server
    return address.rsplit(":", 1)[0]


def _resolves(host: str) -> bool:
    """Whether a server of that name runs: in a container network only running services have an address."""
    try:
        socket.getaddrinfo(host, None)
    except socket.gaierror:
        return False
    return True
