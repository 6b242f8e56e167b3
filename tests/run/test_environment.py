"""What the components are started with."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from kmaflow.run import environment
from kmaflow.run.environment import Places, airflow_environment, dags_folder, password
from kmaflow.run.preparation import (
    StartFailed,
    make_pool_and_connections,
    migrate,
    setting_variables,
    simulator_variables,
)
from kmaflow.settings import load_settings
from kmaflow.simulator import DEFAULT_KEY


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = Places(tmp_path / "home")
    places.make()
    return places


def test_everything_stays_on_this_machine_and_behind_a_login(places: Places) -> None:
    rude = {"AIRFLOW__API__HOST": "0.0.0.0", "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True", "PATH": "/bin"}
    env = airflow_environment(places, 8080, rude)
    assert env["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert env["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"
    assert env["AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK"] == "False"
    assert env["AIRFLOW_HOME"] == str(places.airflow)
    assert env["PATH"] == "/bin"


def test_a_user_may_tune_the_rest(places: Places) -> None:
    assert airflow_environment(places, 1, {"AIRFLOW__CORE__PARALLELISM": "9"})["AIRFLOW__CORE__PARALLELISM"] == "9"


def test_secrets_are_made_once_and_only_their_owner_reads_them(places: Places) -> None:
    first, login = airflow_environment(places, 8080, {}), password(places)
    assert airflow_environment(places, 8080, {}) == first
    assert password(places) == login
    assert json.loads(places.login.read_text()) == {"admin": login}
    for path in (places.login, places.secrets):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(places.airflow.stat().st_mode) == 0o700
    other = Places(places.home / "other")
    other.make()
    assert airflow_environment(other, 8080, {})["AIRFLOW__CORE__FERNET_KEY"] != first["AIRFLOW__CORE__FERNET_KEY"]
    assert password(other) != login


def test_the_dags_are_found_in_a_source_tree_and_in_a_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert (dags_folder() / "kma_aws.py").is_file()
    package = tmp_path / "kmaflow"
    (package / "airflow" / "dags").mkdir(parents=True)
    monkeypatch.setattr(environment, "__file__", str(package / "run" / "environment.py"))
    assert dags_folder() == package / "airflow" / "dags"


def test_settings_are_spelled_out_for_tasks_that_run_elsewhere(places: Places) -> None:
    settings = load_settings(home=places.home, api_key="k", stations="108", start="2026-03-01 00:00")
    variables = setting_variables(settings, places)
    assert variables["KMAFLOW_HOME"] == str(places.home)
    assert variables["KMAFLOW_DATABASE_URL"] == settings.database_url
    assert variables["KMAFLOW_STATIONS"] == "108"
    assert variables["KMAFLOW_START"] == "2026-03-01 00:00"
    assert variables["KMAFLOW_API_KEY"] == "k"
    assert load_settings(**{name.removeprefix("KMAFLOW_").lower(): value for name, value in variables.items()}) == (
        settings
    )


def test_the_first_start_is_what_catchup_goes_back_to(places: Places) -> None:
    settings = load_settings(home=places.home, catchup=True)
    first = setting_variables(settings, places)["KMAFLOW_START"]
    assert first.endswith(":00")
    (places.home / "first_start").write_text("2026-01-01 00:00\n")
    assert setting_variables(settings, places)["KMAFLOW_START"] == "2026-01-01 00:00"
    assert "KMAFLOW_START" not in setting_variables(load_settings(home=places.home), places)


def test_simulated_weather_gets_a_database_of_its_own(places: Places) -> None:
    settings = load_settings(home=places.home, simulator_port=9)
    variables = simulator_variables(settings)
    assert variables["KMAFLOW_API_KEY"] == DEFAULT_KEY
    assert variables["KMAFLOW_HUB_URL"] == "http://127.0.0.1:9/api/typ01"
    assert variables["KMAFLOW_DATABASE_URL"] != settings.database_url
    assert variables["KMAFLOW_ARCHIVE_URL"] != settings.archive_url
    assert variables["KMAFLOW_SIMULATED"] == "1"


def test_a_database_that_somebody_named_is_kept(places: Places) -> None:
    named = load_settings(home=places.home, database_url="sqlite:////data/named.db")
    assert "KMAFLOW_DATABASE_URL" not in simulator_variables(named)


def test_the_database_is_migrated_once_for_each_version(
    places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands: list[str] = []

    def note(*given: str) -> str:
        commands.append(given[-1])
        return ""

    monkeypatch.setattr("kmaflow.run.preparation._complete", note)
    migrate(places, {})
    places.metadata.touch()
    migrate(places, {})
    assert commands == ["db-migrate"]
    places.metadata.unlink()
    migrate(places, {})
    assert commands == ["db-migrate"] * 2
    assert "Airflow" in capsys.readouterr().out


def test_a_preparation_that_fails_shows_the_end_of_its_log(
    places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("kmaflow.run.preparation.sys.executable", "/bin/false")
    (places.logs / "setup.log").write_text("the reason\n")
    with pytest.raises(StartFailed, match=r"setup ended with code 1 \(log: .*setup\.log\)"):
        make_pool_and_connections(places, {})
    assert "the reason" in capsys.readouterr().err
