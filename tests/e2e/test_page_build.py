"""The page that is committed is what its sources make: built anew, file by file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.e2e.conftest import ROOT

STATIC = ROOT / "src" / "kmaflow" / "web" / "static"

pytestmark = pytest.mark.e2e


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_build_of_the_sources_gives_the_committed_files(npm_packages: Path, tmp_path: Path) -> None:
    copy = tmp_path / "web"
    shutil.copytree(ROOT / "web", copy, ignore=shutil.ignore_patterns("node_modules"))
    (copy / "node_modules").symlink_to(npm_packages)
    for script in ("check", "build"):
        done = subprocess.run(["npm", "run", script], cwd=copy, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
    built, committed = _files(tmp_path / "src" / "kmaflow" / "web" / "static"), _files(STATIC)
    assert built.keys() == committed.keys()
    assert [name for name, content in committed.items() if built[name] != content] == []
