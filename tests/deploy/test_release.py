"""The workflow that makes a release: every action pinned, no more rights than a job needs, and a version that the changelog knows."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"


@pytest.fixture(scope="module")
def jobs() -> dict[str, Any]:
    described: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    assert described["permissions"] == {}
    found: dict[str, Any] = described["jobs"]
    return found


def test_every_action_is_pinned_to_a_commit_and_says_its_version() -> None:
    used = re.findall(r"uses: (.*)", WORKFLOW.read_text(encoding="utf-8"))
    assert used
    for action in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}   # v\d+\.\d+\.\d+", action), action


def test_only_who_signs_or_publishes_may_write(jobs: dict[str, Any]) -> None:
    may_write = {
        name: {key for key, level in job.get("permissions", {}).items() if level == "write"}
        for name, job in jobs.items()
    }
    assert may_write == {
        "build": set(), "try": set(), "attest": {"id-token", "attestations"}, "pypi": {"id-token"}, "github": {"contents"},
    }  # fmt: skip


def test_nothing_is_published_untried_or_without_a_tag(jobs: dict[str, Any]) -> None:
    assert [jobs[name]["needs"] for name in ("try", "attest", "pypi", "github")] == ["build", "try", "attest", "pypi"]
    for name in ("pypi", "github"):
        assert jobs[name]["if"] == "github.ref_type == 'tag'"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    told = {line.rpartition(" :: ")[2] for line in project["classifiers"] if re.search(r"Python :: 3\.\d+$", line)}
    assert told <= set(jobs["try"]["strategy"]["matrix"]["python"])


def test_the_changelog_knows_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    heads = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert heads[:2] == ["Unreleased", version]
