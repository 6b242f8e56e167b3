"""The page that is committed is what its sources make."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WEB, STATIC = ROOT / "web", ROOT / "src" / "kmaflow" / "web" / "static"


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_committed_build_is_of_these_sources() -> None:
    inside = [path.relative_to(WEB).as_posix() for path in (WEB / "src").rglob("*") if path.is_file()]
    beside = ["index.html", "package-lock.json", "package.json", "public/first.js", "vite.config.ts"]
    digest = hashlib.sha256()
    for name in sorted([*inside, *beside]):
        digest.update(name.encode() + b"\0" + (WEB / name).read_bytes())
    assert (STATIC / "sources.sha256").read_text().strip() == digest.hexdigest(), "make web, and commit what it builds"


def test_the_lock_names_no_index_and_no_package_without_its_hash() -> None:
    lock = (WEB / "package-lock.json").read_text(encoding="utf-8")
    assert "://registry" not in lock
    assert "resolved" not in lock
    assert "integrity" in lock


@pytest.mark.e2e
def test_a_build_of_the_sources_gives_the_committed_files(tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        assert not os.environ.get("CI"), "continuous integration needs npm"
        pytest.skip("no npm: the build is compared with its sources by their hash only")
    copy = tmp_path / "web"
    shutil.copytree(WEB, copy, ignore=shutil.ignore_patterns("node_modules"))
    for command in (["npm", "ci"], ["npm", "run", "check"], ["npm", "run", "build"]):
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
    built = _files(tmp_path / "src" / "kmaflow" / "web" / "static")
    assert built.keys() == _files(STATIC).keys()
    assert [name for name, content in _files(STATIC).items() if built[name] != content] == []
