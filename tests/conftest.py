"""What all tests need: an environment that says nothing about kmaflow, the captures, and the rights of an ordinary user."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from .databases import ENGINES, database

NOBODY = 65534


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("KMAFLOW_") and name != "KMAFLOW_CAPTURES"]:
        monkeypatch.delenv(name)
    # Messages are English but where a test asks for Korean.
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


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
