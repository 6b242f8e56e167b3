"""The entry point of every container: environment, choices, checks; processes are looked at in tests/e2e/test_cluster.py."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from kmaflow.airflow.provider.setup import MetadataRefused, require_usable_metadata
from kmaflow.errors import UsageError
from kmaflow.run import cluster, databases, health
from kmaflow.run.databases import (
    Choices,
    DatabaseNotThere,
    choose_observations,
    make_databases,
    read_choices,
    write_choices,
)
from kmaflow.run.environment import cluster_environment, server_url
from kmaflow.run.preparation import migrate_metadata
from kmaflow.run.scale import Machine, scale_rules
from kmaflow.run.secrets import ClusterSecrets, ensure_secrets
from kmaflow.simulator import running
from tests.databases import server_url as machine_server

STRONG = "nR4-vT9.kW2_xQ7!zL5"
BASE = {
    "KMAFLOW_POSTGRES": "postgres:5432",
    "KMAFLOW_MARIADB": "mariadb:3306",
    "KMAFLOW_REDIS": "redis:6379",
    "KMAFLOW_API_SERVER": "http://api-server:8080",
    "KMAFLOW_SIMULATOR": "http://simulator:8765",
    "KMAFLOW_HOME": "/var/lib/kmaflow",
    "PATH": "/bin",
}


@pytest.fixture
def kept(tmp_path: Path) -> ClusterSecrets:
    return ensure_secrets(tmp_path / "secrets", {})


def env(
    kept: ClusterSecrets,
    more: Mapping[str, str] | None = None,
    *,
    simulated: bool = False,
    observations: str = "postgres",
) -> dict[str, str]:
    base = {**BASE, **(more or {})}
    machine = Machine(cores=4, memory=None)
    return cluster_environment(kept, base, machine=machine, simulated=simulated, observations=observations)


def test_a_users_tuning_wins_and_empty_values_mean_the_default(kept: ClusterSecrets) -> None:
    found = env(
        kept,
        {"AIRFLOW__CORE__PARALLELISM": "9", "AIRFLOW__CELERY__WORKER_CONCURRENCY": "", "KMAFLOW_DATABASE_URL": ""},
    )
    assert found["AIRFLOW__CORE__PARALLELISM"] == "9"
    assert found["AIRFLOW__CELERY__WORKER_CONCURRENCY"] == "8"
    assert found["KMAFLOW_DATABASE_URL"].endswith("@postgres:5432/kma")
    assert found["PATH"] == "/bin"


def test_what_keeps_the_cluster_closed_cannot_be_set_away(kept: ClusterSecrets) -> None:
    rude = {
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "AIRFLOW__CELERY__FLOWER_BASIC_AUTH": "a:b",
        "AIRFLOW__API__EXPOSE_CONFIG": "True",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    }
    found = env(kept, rude)
    assert all(found[name] != value for name, value in rude.items())
    assert found["AIRFLOW__CELERY__FLOWER_BASIC_AUTH"] == f"admin:{kept.flower_password}"


def test_passwords_with_signs_survive_in_urls(tmp_path: Path) -> None:
    signs = "p@ss:w/rd?#%12&x"
    kept = ensure_secrets(tmp_path, {"KMAFLOW_POSTGRES_PASSWORD": "nP@:/?#%12&xZw", "KMAFLOW_REDIS_PASSWORD": signs})
    url = make_url(env(kept)["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    assert (url.password, url.host, url.database) == ("nP@:/?#%12&xZw", "postgres", "airflow")
    assert make_url(env(kept)["AIRFLOW__CELERY__BROKER_URL"]).password == signs


def test_invented_weather_never_enters_the_database_of_real_observations(kept: ClusterSecrets) -> None:
    simulated = env(kept, {"KMAFLOW_ARCHIVE_URL": "s3://real"}, simulated=True)
    assert simulated["KMAFLOW_DATABASE_URL"].endswith("/kma_simulated")
    assert simulated["KMAFLOW_HUB_URL"] == "http://simulator:8765/api/typ01"
    assert simulated["KMAFLOW_ARCHIVE_URL"] == "/var/lib/kmaflow/simulated/archive"
    assert "KMAFLOW_SIMULATED" not in env(kept)


def test_observations_and_results_go_where_they_are_told(kept: ClusterSecrets) -> None:
    found = env(kept, {"KMAFLOW_RESULTS": "mariadb"}, observations="mariadb")
    assert found["KMAFLOW_DATABASE_URL"].startswith("mysql+pymysql://kmaflow:")
    assert found["AIRFLOW__CELERY__RESULT_BACKEND"].startswith("db+mysql+pymysql://kmaflow:")
    assert found["AIRFLOW__CELERY__RESULT_BACKEND"].endswith("@mariadb:3306/celery")
    assert found["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("postgresql+psycopg://")
    named = env(kept, {"KMAFLOW_DATABASE_URL": "postgresql://kma:x@db.example/kma"})
    assert named["KMAFLOW_DATABASE_URL"] == "postgresql://kma:x@db.example/kma"


@pytest.mark.parametrize(
    ("machine", "slots"),
    [
        (Machine(2, None), 4),
        (Machine(8, 2 * 1024**3), 4),
        (Machine(8, 64 * 1024**3), 16),
        (Machine(2, 256 * 1024**2), 1),
    ],
)
def test_slots_follow_cores_and_memory(machine: Machine, slots: int) -> None:
    assert machine.slots == slots
    assert scale_rules(machine)["AIRFLOW__CELERY__WORKER_CONCURRENCY"] == str(slots)


def test_limits_of_a_container_are_read(tmp_path: Path) -> None:
    assert Machine.here(tmp_path) == Machine(len(os.sched_getaffinity(0)), None)
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    (tmp_path / "memory.max").write_text("2147483648\n")
    assert Machine.here(tmp_path) == Machine(1, 2147483648)
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert Machine.here(tmp_path) == Machine(len(os.sched_getaffinity(0)), None)


def test_limits_of_a_container_are_read_from_control_groups_of_version_1(tmp_path: Path) -> None:
    for controller in ("cpu", "memory"):
        (tmp_path / controller).mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("100000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("2147483648\n")
    assert Machine.here(tmp_path) == Machine(1, 2147483648)
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert Machine.here(tmp_path) == Machine(len(os.sched_getaffinity(0)), None)


def test_the_profile_of_the_first_start_holds_the_observations_for_ever(tmp_path: Path) -> None:
    def on(*names: str) -> str:
        return choose_observations(tmp_path, {}, lambda host: host in names)

    assert on() == "postgres"
    assert on("mariadb") == "mariadb"
    with pytest.raises(UsageError, match="two profiles"):
        on("mariadb", "postgres-observations")
    assert choose_observations(tmp_path, {"KMAFLOW_PROFILES": "flower,mariadb"}, lambda _: False) == "mariadb"
    write_choices(tmp_path, Choices("mariadb", simulated=True))
    assert read_choices(tmp_path) == Choices("mariadb", simulated=True)
    assert on() == on("mariadb") == "mariadb"
    with pytest.raises(UsageError, match="are in mariadb, but the profile postgres-observations is on"):
        on("postgres-observations")


def test_only_names_of_running_servers_resolve() -> None:
    assert databases._resolves("localhost")
    assert not databases._resolves("mariadb.invalid")


def test_mariadb_is_refused_for_airflows_own_database_before_it_is_touched(tmp_path: Path) -> None:
    url = machine_server("mariadb")
    with pytest.raises(MetadataRefused) as refused:
        migrate_metadata({"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url})
    assert "1064" in str(refused.value)
    assert "PostgreSQL" in refused.value.todo_en
    assert "PostgreSQL" in refused.value.todo_ko
    for allowed in (machine_server("postgresql"), "sqlite://"):
        engine = sa.create_engine(allowed)
        require_usable_metadata(engine)
        engine.dispose()


def test_a_server_that_denies_is_not_waited_for(kept: ClusterSecrets) -> None:
    machine_server("mariadb")
    with pytest.raises(DatabaseNotThere, match=r"mariadb does not answer: .*Access denied"):
        make_databases_in_mariadb(kept)


def make_databases_in_mariadb(kept: ClusterSecrets) -> None:
    databases._make_on("mariadb", kept, {"KMAFLOW_MARIADB": "127.0.0.1:3306"}, ["kma"])


def test_a_server_that_is_not_there_is_named(kept: ClusterSecrets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "_PATIENCE_SECONDS", 0.0)
    with pytest.raises(DatabaseNotThere, match="postgres does not answer"):
        make_databases(kept, {"KMAFLOW_POSTGRES": "127.0.0.1:1"}, "postgres")


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The environment of a container; what it would become."""
    became: list[list[str]] = []
    for name, value in {**BASE, "KMAFLOW_SECRETS": str(tmp_path / "run" / "secrets")}.items():
        if name != "PATH":
            monkeypatch.setenv(name, value)
    monkeypatch.setattr("kmaflow.run.cluster.os.execve", lambda _path, words, _env: became.append(words))
    return became


def test_secrets_come_first_then_passwords_can_be_asked_for(
    container: list[list[str]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cluster.main(["passwords"]) == 2
    assert "run the service `secrets` first" in capsys.readouterr().err
    assert cluster.main(["secrets"]) == 0
    assert (tmp_path / "run" / "redis" / "redis.conf").exists()
    assert cluster.main(["passwords"]) == 0
    assert "Airflow  admin / " in capsys.readouterr().out
    assert cluster.main(["worker"]) == 2
    assert "run the service `init` first" in capsys.readouterr().err
    assert container == []


@pytest.mark.parametrize(("has_key", "key"), [(True, ""), (False, "from-dotenv"), (False, " ")])
def test_init_prepares_everything_and_decides_on_the_hub(
    container: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, has_key: bool, key: str
) -> None:
    done: list[str] = []
    monkeypatch.setenv("KMAFLOW_API_KEY", key)
    monkeypatch.setattr(cluster, "make_databases", lambda *_: done.append("databases"))
    monkeypatch.setattr(cluster, "migrate_metadata", lambda _: done.append("tables"))

    def prepare(_env: Mapping[str, str], *, password: str) -> bool:
        done.append("login")
        assert len(password) > 20
        return has_key

    monkeypatch.setattr(cluster, "prepare_airflow", prepare)
    assert cluster.main(["secrets"]) == 0
    assert cluster.main(["init"]) == 0
    assert done == ["databases", "tables", "login"]
    assert read_choices(tmp_path / "run" / "secrets") == Choices("postgres", simulated=not (has_key or key.strip()))


def test_databases_are_made_once_and_kept(kept: ClusterSecrets, monkeypatch: pytest.MonkeyPatch) -> None:
    """On this machine's PostgreSQL, under names of their own."""
    server = make_url(machine_server("postgresql"))
    monkeypatch.setattr(databases, "server_url", lambda *_: server.render_as_string(hide_password=False))
    names = [f"kmaflow_cluster_{uuid.uuid4().hex[:8]}" for _ in range(4)]
    for constant, name in zip(("AIRFLOW_DATABASE", "RESULTS", "OBSERVATIONS", "SIMULATED"), names, strict=True):
        monkeypatch.setattr(databases, constant, name)
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        for _ in range(2):
            make_databases(kept, {}, "postgres")
        with engine.connect() as connection:
            there = set(connection.scalars(sa.text("SELECT datname FROM pg_database")))
        assert set(names) <= there
    finally:
        with engine.connect() as connection:
            for name in names:
                connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        engine.dispose()


def test_components_become_what_they_are(
    container: list[list[str]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cluster.main(["secrets"]) == 0
    write_choices(tmp_path / "run" / "secrets", Choices("postgres", simulated=False))
    for name in ("scheduler", "worker", "simulator", "flower"):
        assert cluster.main([name]) == 0
    assert cluster.main(["kmaflow", "status", "--json"]) == 0
    assert [words[3:5] for words in container] == [
        ["scheduler"],
        ["celery", "worker"],
        ["celery", "flower"],
        ["status", "--json"],
    ]
    assert container[1][-1] == f"worker@{os.uname().nodename}"
    assert "the simulator is not needed" in capsys.readouterr().out
    assert cluster.main(["nonsense"]) == 2
    assert cluster.main([]) == 2


def test_health_of_a_component_with_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as simulator:
        port = simulator.base_url.rsplit(":", 1)[1]
        assert health.healthy("simulator", {"KMAFLOW_SIMULATOR_PORT": port})
        assert not health.healthy("triggerer", {"KMAFLOW_API_SERVER": simulator.base_url})
    assert not health.healthy("simulator", {"KMAFLOW_SIMULATOR_PORT": port})


def test_health_of_a_worker_without_a_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = {"KMAFLOW_SECRETS": str(tmp_path), "KMAFLOW_REDIS": "127.0.0.1:1"}
    monkeypatch.setenv("KMAFLOW_SECRETS", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["", "worker"])
    assert health.main() == 1, "no secrets yet"
    ensure_secrets(tmp_path, {})
    assert not health.healthy("worker", base)


def test_a_workers_health_is_asked_with_a_password_that_holds_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signs, asked = "p@ss:w/rd?#%12&x", []

    class Celery:
        def __init__(self, broker: str, **_: object) -> None:
            asked.append(broker)
            raise OSError

    monkeypatch.setattr("celery.Celery", Celery)
    ensure_secrets(tmp_path, {"KMAFLOW_REDIS_PASSWORD": signs})
    with pytest.raises(OSError):  # noqa: PT011
        health.healthy("worker", {"KMAFLOW_SECRETS": str(tmp_path), "KMAFLOW_REDIS": "redis:6379"})
    assert make_url(asked[0]).password == signs
    assert make_url(asked[0]).host == "redis"


def test_server_urls_name_the_server(kept: ClusterSecrets) -> None:
    assert "@postgres-observations/" in server_url("postgres-observations", "kma", kept, {})
