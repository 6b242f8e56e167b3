"""The documentation as a site: it builds without a warning, its reference is the code's, and what the tutorial says works."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from kmaflow.cli import main
from kmaflow.hub import errors
from kmaflow.settings import Settings
from kmaflow.simulator import DEFAULT_KEY, SimulatorSettings, running

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LANGUAGES = ("en", "ko")
#: What the tutorial types that is no command of ours, and what proves it instead.
ELSEWHERE = {
    "make run": "tests/e2e",
    "source .venv/bin/activate": "the venv that this test runs in",
    "kmaflow simulate": "the simulator of this test",
    "export KMAFLOW_HOME=var/tutorial": "set below",
    "pip install pandas pyarrow matplotlib": "installed for development",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_site_builds_without_a_warning(language: str, tmp_path: Path) -> None:
    built = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "-q", "-E", "-W", "--keep-going", "-d", tmp_path / "doctrees"),
            *("-c", DOCS, "-D", f"language={language}", DOCS / language, tmp_path / "site"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    pages = {page.stem for page in (DOCS / language).glob("*.md")}
    assert pages <= {page.stem for page in (tmp_path / "site").glob("*.html")}
    # It works offline: nothing is loaded from another host.
    for page in (tmp_path / "site").glob("*.html"):
        assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"https?://", page.read_text(encoding="utf-8"))


def test_the_reference_pages_are_those_of_the_code(tmp_path: Path) -> None:
    subprocess.run([sys.executable, DOCS / "reference.py", tmp_path], check=True)
    made = sorted(page.relative_to(tmp_path) for page in tmp_path.rglob("*.md"))
    assert len(made) == 6
    for page in made:
        new, old = ((folder / page).read_text(encoding="utf-8") for folder in (tmp_path, DOCS))
        assert new == old, f"{page} is out of date: python docs/reference.py"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_setting_is_described_with_its_default(language: str) -> None:
    page = (DOCS / language / "settings.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `KMAFLOW_(\w+)` \| ([^|]+) \|", page, re.MULTILINE))
    for name, field in Settings.model_fields.items():
        default = told.pop(name.upper()).strip(" `")
        if isinstance(field.default, (bool, int, float)):
            assert default == str(field.default).lower().removesuffix(".0") or default == str(field.default), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_troubleshooting_has_every_word_that_the_ledger_keeps(language: str) -> None:
    def below(cls: type[errors.HubError]) -> set[str]:
        return {cls.code}.union(*(below(one) for one in cls.__subclasses__()))

    page = (DOCS / language / "troubleshooting.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`(\w+)`", page))
    assert below(errors.HubError) - {"hub_error", "transient", "terminal"} <= told


def test_what_the_tutorial_tells_to_type_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (DOCS / "en" / "tutorial.md").read_text(encoding="utf-8")
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # main() sets its own
    monkeypatch.chdir(tmp_path)
    lines = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    with running(SimulatorSettings(now=datetime(2026, 11, 22, 13, 30))) as hub:
        for name, value in {"HUB_URL": hub.url, "API_KEY": DEFAULT_KEY, "HOME": str(tmp_path / "var")}.items():
            monkeypatch.setenv(f"KMAFLOW_{name}", value)
        for line in lines:
            if line in ELSEWHERE:
                continue
            monkeypatch.setattr(sys, "argv", shlex.split(line))
            with pytest.raises(SystemExit) as done:
                main()
            said = capsys.readouterr()
            # The simulator's clock stands still on a day of the past: only doctor may notice, and only that.
            faults = [one for one in said.out.splitlines() if "✗" in one and "clock" not in one]
            assert done.value.code == 0 or (line == "kmaflow doctor" and not faults), f"{line}: {said.out}{said.err}"
    monkeypatch.setenv("MPLBACKEND", "Agg")
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(block, "tutorial.md", "exec"), {})
    assert (tmp_path / "temperature.png").stat().st_size > 5000
