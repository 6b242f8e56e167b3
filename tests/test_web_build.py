"""The page that is committed is what its sources make."""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOT = Path(__file__).parents[1]
WEB, STATIC = ROOT / "web", ROOT / "src" / "kmaflow" / "web" / "static"


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
