"""What a person sees: tables that a terminal can hold, and what is piped."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.cells import cell_len

from kmaflow.cli import app

from .conftest import Kmaflow
from .terminal import on_terminal

WINDOW = ("--from", "2025-01-15 12:00", "--to", "2025-01-15 12:10")
COMMANDS = [
    ["status"],
    ["-v", "status"],
    ["gaps", "aws_minute", "--from", "2025-01-15 12:00", "--to", "2025-01-15 14:10"],
    ["plan", "all", *WINDOW],
    ["stations", "list", "--near", "37.5,127.0"],
    ["why", "aws_minute", "108", "2025-01-15 12:01"],
    ["read", "aws_minute", *WINDOW, "--limit", "2"],
]


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("columns", [60, 80])
def test_no_number_and_no_time_is_folded(filled: Path, columns: int, language: str) -> None:
    shown = on_terminal(COMMANDS, filled.parent, columns=columns, KMAFLOW_LANG=language)
    for (text, code), command in zip(shown, COMMANDS, strict=True):
        assert code == (3 if command[0] == "gaps" else 0), text
        # Nothing but a single word, such as a path, is wider than the terminal.
        assert [line for line in text.split("\n") if cell_len(line.rstrip()) > columns and " " in line.strip()] == []
        assert "…" not in text or command[0] == "why"
        # Half of a time at the end or the beginning of a line.
        assert re.findall(r"\d{4}-\d\d-\d?\s*$|^[\s│]*\d?\d:\d\d\s*$", text, flags=re.MULTILINE) == []
    status, told = shown[0][0], dict(zip([" ".join(one) for one in COMMANDS], shown, strict=True))
    assert "aws_ground_temperature" in status, "names stay whole"
    assert "2025-01-15 12:10" in status
    assert "2025-01-15 13:00" not in status, "the first hour is for -v"
    assert "2025-01-15 13:00" in told["-v status"][0]


def test_a_narrow_terminal_gets_a_block_for_each_row(filled: Path) -> None:
    wide, narrow = (on_terminal([COMMANDS[2]], filled.parent, columns=columns)[0][0] for columns in (140, 50))
    assert re.search(r"^2025-01-15 12:10 +2025-01-15 14:10 +not requested · planned +all", wide, re.MULTILINE)
    assert re.search(r"^ *from +2025-01-15 12:10\s*$", narrow, re.MULTILINE)
    assert re.search(r"^ *state +not requested · planned\s*$", narrow, re.MULTILINE)


def test_a_narrow_terminal_gets_the_columns_in_blocks(filled: Path) -> None:
    shown = on_terminal([["read", "aws_minute", *WINDOW, "--limit", "2"]], filled.parent, columns=60)[0][0]
    assert shown.count("tm_kst") > 1
    assert shown.count("2025-01-15 12:01") == 2 * shown.count("tm_kst")


@pytest.mark.usefixtures("filled")
def test_a_pipe_gets_tabs_and_whole_numbers_without_padding(kmaflow: Kmaflow) -> None:
    for command in COMMANDS:
        done = kmaflow(*command)
        assert [line for line in done.out.split("\n") if line != line.rstrip(" ") or "\x1b" in line] == []
    lines = [line.split("\t") for line in kmaflow("status").out.split("\n")]
    heads = next(line for line in lines if line[0] == "dataset")
    row = dict(zip(heads, next(line for line in lines if line[0] == "aws_minute"), strict=True))
    told = json.loads(kmaflow("status", "--json").out)["datasets"][0]
    assert (row["rows"], row["latest"]) == (str(told["present"]), told["last_stamp"])


def test_no_color_leaves_no_escape_sequence(filled: Path) -> None:
    commands = [*COMMANDS, ["read", "nothing", *WINDOW]]
    for text, _ in on_terminal(commands, filled.parent, plain=False, NO_COLOR="1"):
        assert "\x1b" not in text
    (wrong,) = on_terminal(commands[-1:], filled.parent, plain=False)
    assert wrong[0].startswith("\x1b[31m")


def _every_command() -> list[list[str]]:
    found: list[list[str]] = [[]]

    def note(command: Any, path: list[str]) -> None:
        for name in command.list_commands(None) if hasattr(command, "list_commands") else ():
            found.append([*path, name])
            note(command.get_command(None, name), found[-1])

    note(typer.main.get_command(app), [])
    assert len(found) > 25
    return found


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("columns", [60, 80])
def test_help_is_whole_and_in_one_language_with_an_example(tmp_path: Path, columns: int, language: str) -> None:
    paths = _every_command()
    frame, other = ("사용법:", "옵션", "예:", "종료 코드:"), ("Usage:", "Options", "Example:", "Exit codes:")
    if language == "en":
        frame, other = other, frame
    commands = [[*path, "--help"] for path in paths]
    for path, (text, code) in zip(
        paths, on_terminal(commands, tmp_path, columns=columns, KMAFLOW_LANG=language), strict=True
    ):
        assert code == 0, text
        for word in frame:
            assert re.search(rf"^{word}", text, re.MULTILINE), (path, word)
        assert not re.search(rf"^({'|'.join(other)}|Commands|Arguments)\b", text, re.MULTILINE) or language == "en"
        assert re.search(r"^ {2,}kmaflow |^ {2,}\S.*kmaflow ", text, re.MULTILINE), path
        wide = [line for line in text.split("\n") if cell_len(line.rstrip()) > columns and " " in line.strip()]
        assert wide == [], path


@pytest.mark.usefixtures("home")
def test_help_loses_no_word(kmaflow: Kmaflow, monkeypatch: pytest.MonkeyPatch) -> None:
    words = {}
    for columns in (50, 200):
        monkeypatch.setenv("COLUMNS", str(columns))
        told = kmaflow("backfill", "--help").out
        assert "\x1b" not in told
        words[columns] = [word for word in told.split() if word != "\\"]
    assert words[50] == words[200]


def test_completion_is_offered(kmaflow: Kmaflow) -> None:
    told = kmaflow("--help").out
    assert "--install-completion" in told
    assert "--show-completion" in told


def test_datasets_are_completed(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kmaflow"],
        env={
            **os.environ,
            "_KMAFLOW_COMPLETE": "complete_bash",
            "COMP_WORDS": "kmaflow collect aws_m",
            "COMP_CWORD": "2",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["aws_minute"], done
