"""Every command's help is in one language: English without a Korean word, Korean wherever there are words."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

_HANGUL = re.compile("[가-힣]")
#: Shown in Korean all the same (commands/help.py).
_OF_TYPER = {
    "Install completion for the current shell.",
    "Show completion for the current shell, to copy it or customize the installation.",
}
#: What is written alike in both: choices and SQL.
_ALIKE = {"parquet | csv | xlsx", "AWS | ASOS", "SELECT …"} | _OF_TYPER
_TEXTS = """
import json
import typer
from typer._click.core import Context
from kmaflow.cli import app

texts = {}

def note(command, name):
    texts[name] = [command.help, *(getattr(one, "help", None) for one in command.params)]
    if hasattr(command, "list_commands"):
        for part in command.list_commands(Context(command)):
            note(command.get_command(Context(command), part), f"{name} {part}")

note(typer.main.get_command(app), "kmaflow")
print(json.dumps(texts))
"""


def _texts(language: str) -> dict[str, list[str]]:
    """For each command its help and those of its options."""
    done = subprocess.run(
        [sys.executable, "-c", _TEXTS],
        env=os.environ | {"KMAFLOW_LANG": language},
        capture_output=True,
        text=True,
        check=True,
    )
    texts: dict[str, list[str | None]] = json.loads(done.stdout)
    assert len(texts) > 25
    return {name: [text for text in found if text] for name, found in texts.items()}


def test_english_help_holds_no_korean() -> None:
    assert [(name, text) for name, found in _texts("en").items() for text in found if _HANGUL.search(text)] == []


def test_korean_help_is_korean() -> None:
    left = {text for found in _texts("ko").values() for text in found if not _HANGUL.search(text)}
    assert left <= _ALIKE


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_command_says_what_it_is_for(language: str) -> None:
    assert [name for name, found in _texts(language).items() if len(found) == 0] == []
