"""What differs between the database engines stands in ``store/engines``: nobody else asks which one it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import kmaflow
from kmaflow.errors import UsageError
from kmaflow.store.engines.base import drivers, engine_named, engines

SOURCE = Path(kmaflow.__file__).parent
_CHECK = re.compile(r"dialect\.name\b|\.name (?:==|!=|in) .*\"(?:sqlite|postgresql|mysql|mariadb)\"")


def test_nobody_outside_the_engines_asks_which_engine_it_is() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{number}"
        for path in sorted(SOURCE.rglob("*.py"))
        if not path.is_relative_to(SOURCE / "store" / "engines") and "migrations" not in path.parts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _CHECK.search(line)
    ]
    assert found == []


def test_every_dialect_and_every_way_to_write_it_belongs_to_one_engine() -> None:
    assert [engine.name for engine in engines()] == ["sqlite", "postgresql", "mariadb"]
    for written, meant in drivers().items():
        assert written in [key for engine in engines() for key in engine.drivers]
        assert meant.partition("+")[0] in [dialect for engine in engines() for dialect in engine.dialects]
    assert engine_named("mysql") is engine_named("mariadb")


def test_an_engine_that_is_not_known_is_refused() -> None:
    with pytest.raises(UsageError, match="oracle are not supported"):
        engine_named("oracle")
