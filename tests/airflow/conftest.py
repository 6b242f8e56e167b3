"""An Airflow of its own for these tests: a temporary home, its own SQLite, no examples.

Airflow reads its environment while it is imported, and warns about itself; so both are settled here, before any test module imports it.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_HOME = tempfile.mkdtemp(prefix="kmaflow-airflow-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
DAGS = Path(__file__).resolve().parents[2] / "dags"
for _name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[_name]
os.environ |= {
    "AIRFLOW_HOME": _HOME,
    "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
}


@contextmanager
def _levels_kept() -> Iterator[None]:
    """Airflow sets the levels of others' loggers (httpx) for its processes; tests that come after in this one need them as they were."""
    levels = {name: logging.getLogger(name).level for name in ("", "httpx", "alembic", "sqlalchemy")}
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


with _levels_kept(), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import airflow.dag_processing.dagbag
    import airflow.models
    import airflow.providers_manager
    import airflow.sdk

    import kmaflow.airflow.builders.observations
    import kmaflow.airflow.provider.plugin  # noqa: F401


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Airflow and its dependencies warn about each other; that is not ours to mend."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(autouse=True)
def _no_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DAG files read the settings, and these the ``.env`` of the folder they are read in."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def airflow_database() -> Path:
    """Airflow's database, migrated."""
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)
    return Path(_HOME) / "airflow.db"


@pytest.fixture
def dagbag() -> airflow.dag_processing.dagbag.DagBag:
    """The DAG files, read as the DAG processor reads them; anew for each test, since a run leaves its form in the DAG's params."""
    return airflow.dag_processing.dagbag.DagBag(str(DAGS))
