"""README.md and README.ko.md say the same, and what they tell people to type works."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pytest
import typer
import yaml
from typer.core import TyperGroup
from typer.main import get_command

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import in_words
from kmaflow.cli import app, main
from kmaflow.run.cluster import COMPONENTS, PROGRAMS
from kmaflow.simulator import DEFAULT_KEY, SimulatorSettings, running
from kmaflow.simulator.server import Running

ROOT = Path(__file__).parents[1]
READMES = (ROOT / "README.md", ROOT / "README.ko.md")
#: Commands that need more than a command line, and the test that runs each.
ELSEWHERE = {
    "make run": "tests/e2e",
    "make test": "this very run",
    "make smoke": "tests/e2e",
    "echo 'KMAFLOW_API_KEY=your-key' >> .env": "tests/test_settings.py",
    "source .venv/bin/activate": "the venv that this test runs in",
}
#: A window that every command of the README fits into.
NOW = datetime(2026, 11, 22, 13, 30)


def commands(readme: Path) -> list[str]:
    """Every line of every sh block, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
    lines = (re.sub(r"\s+#.*$", "", line).strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line]


def require_in_compose_file(command: str) -> None:
    """A test needs no Docker engine: the profiles and services that a command names are in compose.yaml, and its words are known ones."""
    services: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))[
        "services"
    ]
    words = shlex.split(command)[2:]
    while words[0] == "--profile":
        assert any(words[1] in one.get("profiles", []) for one in services.values()), command
        words = words[2:]
    if words[:2] == ["up", "-d"]:
        for flag, value in zip(words[2::2], words[3::2], strict=True):
            assert flag == "--scale", command
            assert value.split("=")[0] in services
            assert int(value.split("=")[1]) > 0
    elif words[:2] == ["run", "--rm"]:
        assert words[2] in services, command
        assert words[3] in {"passwords", *COMPONENTS, *PROGRAMS}, command
    else:
        assert words == ["down"], command


def test_every_docker_compose_line_of_the_docs_names_what_is_there() -> None:
    told = commands(ROOT / "docs" / "en" / "scaling.md")
    assert told
    for command in told:
        require_in_compose_file(command)


@pytest.mark.parametrize(
    "page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: f"{page.parent.name}/{page.name}"
)
def test_every_kmaflow_line_of_the_docs_can_be_understood(page: Path) -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    for command in commands(page):
        if command.startswith("kmaflow "):
            group.make_context("kmaflow", shlex.split(command)[1:])
            name, *words = shlex.split(command)[1:]
            found = group.get_command(typer.Context(group), name)
            assert found is not None, command
            # Raises for an option or an argument that there is not.
            found.make_context(name, words)


@pytest.fixture(scope="module")
def hub() -> Iterator[Running]:
    with running(SimulatorSettings(now=NOW)) as simulator:
        yield simulator


def test_both_readmes_have_the_same_commands() -> None:
    assert commands(READMES[0]) == commands(READMES[1])


def test_both_readmes_have_the_same_code_links_and_pictures() -> None:
    def found(readme: Path, pattern: str) -> list[str]:
        return re.findall(pattern, readme.read_text(encoding="utf-8"))

    for pattern in (r"\]\(([^)]+\.(?:png|md))\)", r"^```python\n.*?```", r"^```sql\n.*?```"):
        flags = f"(?ms){pattern}"
        ours, theirs = found(READMES[0], flags), found(READMES[1], flags)
        if "sql" in pattern:
            ours, theirs = ([re.sub(r"--.*", "", block) for block in blocks] for blocks in (ours, theirs))
        for name in (("README.ko.md", "README.md"), ("docs/en/", "docs/ko/"), ("map-en", "map-ko")):
            ours, theirs = ([one.replace(*name) for one in found] for found in (ours, theirs))
        assert ours == theirs, pattern
        assert ours, pattern


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(readme: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", readme.read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target


def test_what_the_readme_tells_to_type_works(
    hub: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # main() sets its own
    monkeypatch.chdir(tmp_path)
    for name, value in {"HUB_URL": hub.url, "API_KEY": DEFAULT_KEY, "HOME": str(tmp_path / "var")}.items():
        monkeypatch.setenv(f"KMAFLOW_{name}", value)
    ran = 0
    for command in commands(READMES[0]):
        if command in ELSEWHERE:
            continue
        if command.startswith("curl "):
            assert command in (ROOT / "README.ko.md").read_text(
                encoding="utf-8"
            )  # tests/api/test_readme_line.py runs it
            continue
        if command.startswith("docker compose "):
            require_in_compose_file(command)
            continue
        assert command.startswith("kmaflow "), f"no test runs: {command}"
        words = shlex.split(command)[1:]
        monkeypatch.setattr(sys, "argv", ["kmaflow", *words])
        with pytest.raises(SystemExit) as done:
            main()
        said = capsys.readouterr()
        # The simulator's clock stands still on a day of the past: only doctor may notice, and only that.
        faults = [line for line in said.out.splitlines() if "✗" in line and "clock" not in line]
        assert done.value.code == 0 or (words == ["doctor"] and not faults), f"{command}: {said.out}{said.err}"
        ran += 1
    assert ran >= 7


def test_the_sql_of_the_readme_runs(hub: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    from kmaflow.store import Store

    with Store(f"sqlite:///{tmp_path}/kmaflow.db") as store:
        store.init(all_tables=True)
    block = re.search(r"```sql\n(.*?)```", READMES[0].read_text(encoding="utf-8"), re.DOTALL)
    assert block
    with sqlite3.connect(tmp_path / "kmaflow.db") as database:
        for statement in filter(str.strip, block[1].split(";")):
            database.execute(statement)
    database.close()


@pytest.mark.parametrize(("page", "language"), [("README.md", "en"), ("README.ko.md", "ko")])
def test_both_readmes_name_every_dataset_and_the_page_on_keys_every_operation(
    page: str, language: Literal["ko", "en"]
) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \|[^|]+\|[^|]+\| ([^|]+) \| `(\w+)` \|$", text, re.MULTILINE)
    assert rows == [(one.ko, in_words(one.cadence, language), name) for name, one in DATASETS.items()]
    keys = (ROOT / "docs" / language / "getting-a-key.md").read_text(encoding="utf-8")
    operations = re.findall(r"^\| `([\w.-]+)` \| `(\w+)` \|", keys, re.MULTILINE)
    assert operations == [(one.request.endpoint.rpartition("/")[2], name) for name, one in DATASETS.items()]
