"""What differs between the database engines stands in ``store/engines``, one file for each: nobody else names a dialect, a driver or a scheme."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kmaflow
from kmaflow.airflow.provider.provider import STAND_IN
from kmaflow.errors import UsageError
from kmaflow.store.engines.base import drivers, engine_for_airflow, engine_named, engines

SOURCE = Path(kmaflow.__file__).parent
_WORD = re.compile(r"sqlite|postgres|mysql|mariadb|psycopg|libpq")
#: Who names an engine, and why that is not about the observation database.
_EXCEPT = {
    "settings.py": "the default, a file, is a URL; settings are read without the store",
    "airflow/provider/provider.py": "Airflow reads it at each start, so it imports nothing; the test below holds it to the engine",
    "commands/import_.py": "the example of its help: a database of another program",
    "run/secrets.py": "the services of compose.yaml and their passwords",
}
_HERE = Path(__file__).parent


def _named(path: Path) -> Iterator[tuple[int, str]]:
    """Identifiers and texts that name an engine as code does: texts for people say SQLite, PostgreSQL, MariaDB."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in prose:
                names = [text]
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                names = [name.lower()]
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names = [name.lower()]
            case ast.Import(names=aliases):
                names = [alias.name for alias in aliases]
            case ast.ImportFrom(module=module, names=aliases):
                names = [f"{module}.{alias.name}".lower() for alias in aliases]
            case _:
                continue
        for name in names:
            if _WORD.search(name) or name == "dialect.name":
                yield node.lineno, name


def test_nobody_outside_the_engines_names_one() -> None:
    found = [
        f"{relative}:{number} {name}"
        for path in sorted(SOURCE.rglob("*.py"))
        if (relative := path.relative_to(SOURCE).as_posix()) not in _EXCEPT
        and not path.is_relative_to(SOURCE / "store" / "engines")
        # Frozen descriptions of what was released.
        and "migrations" not in path.parts
        for number, name in _named(path)
    ]
    assert found == []
    for relative in _EXCEPT:
        assert list(_named(SOURCE / relative)), f"{relative} names no engine any more"


def test_nobody_outside_the_engines_asks_which_one_it_is() -> None:
    asked = re.compile(r"dialect\.name\b|get_backend_name|loaded_dbapi")
    found = [
        f"{path.relative_to(SOURCE)}:{number}"
        for path in sorted(SOURCE.rglob("*.py"))
        if not path.is_relative_to(SOURCE / "store" / "engines")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if asked.search(line)
    ]
    assert found == []


def test_every_dialect_and_every_way_to_write_it_belongs_to_one_engine() -> None:
    assert [engine.name for engine in engines()] == ["sqlite", "postgresql", "mariadb"]
    for written, meant in drivers().items():
        assert written in [key for engine in engines() for key in engine.drivers]
        assert meant.partition("+")[0] in [dialect for engine in engines() for dialect in engine.dialects]
    assert engine_named("mysql") is engine_named("mariadb")


def test_the_connection_type_that_we_bring_is_one_of_an_engine() -> None:
    assert engine_for_airflow(STAND_IN["connection-type"]) is engine_named("mariadb")


def test_an_engine_that_is_not_known_is_refused() -> None:
    with pytest.raises(UsageError, match="oracle are not supported"):
        engine_named("oracle")


@pytest.mark.parametrize("name", ["sqlite", "postgresql", "mariadb"])
def test_an_engine_is_one_file_of_a_size_to_be_read(name: str) -> None:
    assert len((SOURCE / "store" / "engines" / f"{name}.py").read_text(encoding="utf-8").splitlines()) <= 400


def test_a_fourth_engine_is_one_file(tmp_path: Path) -> None:
    """A file and its name in ``FILES``: it opens, migrates, loads, reads, has views, shares its quota, and Airflow can name it."""
    package, engines_folder = tmp_path / "kmaflow", Path("store", "engines")
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(_HERE / "fourth_engine.py", package / engines_folder / "fourth.py")
    base = package / engines_folder / "base.py"
    listed = base.read_text(encoding="utf-8")
    base.write_text(listed.replace('"mariadb"]', '"mariadb", "fourth"]'), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.use_fourth_engine", tmp_path],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{_HERE.parents[1]}", "AIRFLOW_HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    did = [line.removeprefix("did ") for line in done.stdout.splitlines() if line.startswith("did ")]
    assert did == ["opened", "loaded", "revised", "read", "views", "gaps", "quota", "lease", "airflow"]
