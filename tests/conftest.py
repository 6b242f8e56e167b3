"""What all tests need: an environment that says nothing about kmaflow, the captures, and the rights of an ordinary user."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from kmaflow.store.engines import partitions

from .databases import ENGINES, database

NOBODY = 65534
# How long an example takes says how busy the machine is.
settings.register_profile("untimed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("KMAFLOW_") and name != "KMAFLOW_CAPTURES"]:
        monkeypatch.delenv(name)
    # Messages are English but where a test asks for Korean.
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


#: The months that most tests load into. All that a table has outside of tests cost a server most of the time of a test.
_FEW_MONTHS = ("y2024m02", "y2024m12", "y2025m01", "y2025m02")
_every_month = partitions.wanted


@pytest.fixture(scope="session", autouse=True)
def _few_months() -> Iterator[None]:
    """Tables get the partitions of a few months; others are made when rows for them come, as always."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partitions, "wanted", lambda now: [partitions.EARLIER, *_FEW_MONTHS, *_every_month(now)[-25:-23]])
        yield


@pytest.fixture(scope="module")
def every_month() -> Iterator[None]:
    """Tables get all partitions, for tests that are about them or load in other processes, which know of no few months."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partitions, "wanted", _every_month)
        yield


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder ``KMAFLOW_CAPTURES``, or the one beside the repository. Without it CI fails, others skip."""
    default = Path(__file__).resolve().parents[2] / "shared" / "kma" / "captures"
    folder = Path(os.environ.get("KMAFLOW_CAPTURES") or default)
    if not list(folder.glob("*.txt")):
        reason = f"CAPTURES MISSING: no *.txt in {folder}; set KMAFLOW_CAPTURES to the folder of captures"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter (pytest's own are closed to other users)."""
    folder = Path(tempfile.mkdtemp(prefix="kmaflow-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def ordinary_user() -> Callable[[], AbstractContextManager[None]]:
    """Inside of it, rights count: root becomes nobody. What is used inside must have been imported before."""

    @contextmanager
    def become() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)

    return become


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of its own, once on each of SQLite, PostgreSQL and MariaDB."""
    with database(request.param, tmp_path) as url:
        yield url
