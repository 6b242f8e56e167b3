"""What the components are started with, here and in containers."""

from __future__ import annotations

import json
import stat
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from kmaflow.run import environment, launch
from kmaflow.run.cluster import component_environment
from kmaflow.run.databases import Choices, write_choices
from kmaflow.run.environment import Places, dags_folder, local_environment, setting_variables
from kmaflow.run.preparation import StartFailed, prepare_airflow
from kmaflow.run.secrets import AirflowKeys, ensure_keys, ensure_secrets, login_password
from kmaflow.settings import Settings, load_settings
from kmaflow.simulator import DEFAULT_KEY

ROOT = Path(__file__).parents[2]
KEYS = AirflowKeys("fernet", "secret", "jwt")
#: A value that is not the default, for each setting.
OTHER: dict[str, Any] = {
    "api_key": SecretStr("a-key"),
    "hub_url": "http://hub.example/api/typ01",
    "home": Path("/data/kmaflow"),
    "database_url": "postgresql://kma@db.example/kma",
    "state_url": "postgresql://kma@db.example/state",
    "archive_url": "s3://bucket/bodies",
    "lake_url": "s3://bucket/lake",
    "daily_calls": 500,
    "daily_bytes": 6_000_000,
    "calls_per_second": 2.5,
    "concurrent_calls": 3,
    "backfill_share": 0.25,
    "window_minutes": 30,
    "stations": "108, 서울",
    "start": datetime(2026, 3, 1, 0, 10),
    "catchup": True,
    "revisit_days": 7,
    "max_active_tasks": 6,
    "ui_port": 8090,
    "simulator_port": 8790,
    "lang": "ko",
    "read_url": "postgresql://reader@db.example/kma",
    "serve_host": "0.0.0.0",
    "serve_port": 8801,
    "serve_docs": True,
    "serve_origins": "https://a.example",
    "alert_webhook": SecretStr("https://hooks.example/services/secret"),
}
#: What a container has of its own.
OF_A_CONTAINER = {"home", "ui_port", "simulator_port", "serve_host", "serve_port"}


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.chdir(tmp_path)
    places = Places(tmp_path / "home")
    places.make()
    return places


def local(
    places: Places, base: dict[str, str] | None = None, *, simulated: bool = False, **given: Any
) -> dict[str, str]:
    settings = load_settings(home=places.home, **given)
    return local_environment(places, settings, KEYS, base or {}, simulated=simulated)


def test_everything_stays_on_this_machine_and_behind_a_login(places: Places) -> None:
    rude = {
        "AIRFLOW__API__HOST": "0.0.0.0",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__API__EXPOSE_CONFIG": "True",
        "PATH": "/bin",
    }
    env = local(places, rude)
    assert env["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert env["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"
    assert env["AIRFLOW__API__EXPOSE_CONFIG"] == "False"
    assert env["AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK"] == "False"
    assert env["AIRFLOW_HOME"] == str(places.airflow)
    assert env["PATH"] == "/bin"


def test_a_user_may_tune_the_rest(places: Places) -> None:
    assert local(places, {"AIRFLOW__CORE__PARALLELISM": "9"})["AIRFLOW__CORE__PARALLELISM"] == "9"


def test_secrets_are_made_once_and_only_their_owner_reads_them(places: Places) -> None:
    keys, login = ensure_keys(places.airflow), login_password(places.login)
    assert ensure_keys(places.airflow) == keys
    assert login_password(places.login) == login
    assert json.loads(places.login.read_text()) == {"admin": login}
    for path in (places.login, places.airflow / "secrets.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(places.airflow.stat().st_mode) == 0o700
    assert ensure_keys(places.home / "other") != keys
    assert login_password(places.home / "other" / "login.json") != login
    assert keys.jwt_secret not in repr(keys)


def test_the_keys_of_an_earlier_start_are_kept(places: Places) -> None:
    earlier = {"fernet_key": "f", "secret_key": "s", "jwt_secret": "j"}
    (places.airflow / "secrets.json").write_text(json.dumps(earlier))
    assert ensure_keys(places.airflow) == AirflowKeys(**earlier)


def test_the_dags_are_found_in_a_source_tree_and_in_a_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert (dags_folder() / "kma_observations.py").is_file()
    package = tmp_path / "kmaflow"
    (package / "airflow" / "dags").mkdir(parents=True)
    monkeypatch.setattr(environment, "__file__", str(package / "run" / "environment.py"))
    assert dags_folder() == package / "airflow" / "dags"


def test_another_value_is_known_for_every_setting() -> None:
    assert set(OTHER) == set(Settings.model_fields)
    default = Settings.model_construct()
    assert not [name for name, value in OTHER.items() if getattr(default, name) == value]


def test_make_run_hands_every_setting_to_its_components(places: Places) -> None:
    settings = load_settings(**OTHER)
    env = local_environment(places, settings, KEYS, {}, simulated=False)
    handed_on = {name: env[f"KMAFLOW_{name.upper()}"] for name in Settings.model_fields}
    assert load_settings(**handed_on) == settings


def test_settings_come_from_the_settings_alone(places: Places) -> None:
    """The smoke test has none of the person's who runs it."""
    env = local(places, {"KMAFLOW_API_KEY": "real", "KMAFLOW_START": "2020-01-01", "KMAFLOW_DAILY_CALLS": "7"})
    assert "KMAFLOW_API_KEY" not in env
    assert "KMAFLOW_START" not in env
    assert env["KMAFLOW_DAILY_CALLS"] == "20000"


def test_what_sets_a_secret_reaches_no_component(places: Places) -> None:
    assert "KMAFLOW_ADMIN_PASSWORD" not in local(places, {"KMAFLOW_ADMIN_PASSWORD": "nR4-vT9.kW2_xQ7!zL5"})


def variables(file: str, service: str) -> dict[str, str]:
    """What a compose file hands to a service, before ``.env`` is filled in."""
    content: dict[str, Any] = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
    found: dict[str, str] = content["services"][service]["environment"]
    return found


@pytest.mark.parametrize(
    ("file", "service"), [("compose.yaml", "scheduler"), ("deploy/several-hosts/worker.yaml", "worker")]
)
def test_a_container_gets_every_setting_that_is_in_dotenv(file: str, service: str) -> None:
    handed_on = variables(file, service)
    for name in set(Settings.model_fields) - OF_A_CONTAINER:
        variable = f"KMAFLOW_{name.upper()}"
        assert handed_on[variable].startswith(f"${{{variable}:"), variable


def test_a_worker_on_another_host_has_the_defaults_of_the_central_host() -> None:
    central = variables("compose.yaml", "worker")
    remote = variables("deploy/several-hosts/worker.yaml", "worker")
    for name in set(Settings.model_fields) - OF_A_CONTAINER - {"archive_url", "lake_url"}:
        variable = f"KMAFLOW_{name.upper()}"
        assert remote[variable] == central[variable]


def test_a_component_in_a_container_gets_every_setting(tmp_path: Path) -> None:
    ensure_secrets(tmp_path, {})
    write_choices(tmp_path, Choices("postgres", simulated=False))
    given = setting_variables(load_settings(**OTHER))
    addresses = {"KMAFLOW_REDIS": "redis:6379", "KMAFLOW_API_SERVER": "http://api-server:8080"}
    env = component_environment(tmp_path, {**addresses, **given})
    assert {name: env[name] for name in given} == given


def test_the_first_start_is_what_catchup_goes_back_to(places: Places) -> None:
    def start(**given: Any) -> datetime | None:
        return launch._with_start(load_settings(home=places.home, **given), places).start

    first = start(catchup=True)
    assert first is not None
    assert first.minute == 0
    (places.home / "first_start").write_text("2026-01-01 00:00\n")
    assert start(catchup=True) == datetime(2026, 1, 1)
    assert start(catchup=True, start="2026-02-01") == datetime(2026, 2, 1)
    assert start() is None


def test_simulated_weather_gets_a_database_of_its_own(places: Places) -> None:
    settings = load_settings(home=places.home)
    env = local(places, simulated=True, simulator_port=9)
    assert env["KMAFLOW_API_KEY"] == DEFAULT_KEY
    assert env["KMAFLOW_HUB_URL"] == "http://127.0.0.1:9/api/typ01"
    assert env["KMAFLOW_SIMULATED"] == "1"
    for name in ("database_url", "state_url", "archive_url"):
        assert "/home/simulated/" in env[f"KMAFLOW_{name.upper()}"]
        assert env[f"KMAFLOW_{name.upper()}"] != getattr(settings, name)
    assert env["KMAFLOW_HOME"] == str(places.home)


def test_a_database_that_somebody_named_is_kept(places: Places) -> None:
    named = "sqlite:////data/named.db"
    assert local(places, simulated=True, database_url=named)["KMAFLOW_DATABASE_URL"] == named


def test_the_database_is_migrated_once_for_each_version(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Path] = []
    monkeypatch.setattr(launch, "migrate_metadata", lambda _env, logs: done.append(logs))
    launch._migrate_once(places, {})
    places.metadata.touch()
    launch._migrate_once(places, {})
    assert done == [places.logs]
    places.metadata.unlink()
    launch._migrate_once(places, {})
    assert done == [places.logs] * 2


def test_a_preparation_that_fails_shows_the_end_of_its_log(
    places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("kmaflow.run.preparation.sys.executable", "/bin/false")
    (places.logs / "setup.log").write_text("the reason\n")
    with pytest.raises(StartFailed, match=r"setup ended with code 1 \(log: .*setup\.log\)"):
        prepare_airflow({}, places.logs)
    assert "the reason" in capsys.readouterr().err
