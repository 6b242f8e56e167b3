"""Write the reference pages that are made from the code, in each language: ``python docs/reference.py`` (``make docs`` does; a test compares).

``cli.md`` from the commands, ``tables.md`` from the service tables, ``datasets.md`` from the catalogue.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
LANGUAGES = ("en", "ko")


def _paragraphs(text: str) -> str:
    parts = (" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip()))
    return "\n\n".join(_example(part) for part in parts)


def _example(part: str) -> str:
    found = re.match(r"(?:Example|예): (.*)", part)
    return "```sh\n{}\n```".format("\n".join(found[1].split(" → "))) if found else part


def cli() -> Iterator[str]:
    """The page of all commands, in the language of KMAFLOW_LANG."""
    from typer import Context
    from typer.core import TyperArgument, TyperGroup
    from typer.main import get_command

    from kmaflow.cli import app
    from kmaflow.language import say

    yield say("# 명령줄", "# Command line")
    yield say(
        "이 페이지는 `kmaflow COMMAND --help`에서 생성됩니다. 시각은 한국시각이고, 구간은 `--from` 다음부터 `--to`까지입니다. "
        "종료 코드: 0 완료, 누락 없음 · 1 실패 · 2 사용법 오류 · 3 완료, 누락 있음.",
        "This page is generated from `kmaflow COMMAND --help`. Times are KST; a window holds the stamps after `--from` up to and including `--to`. "
        "Exit codes: 0 done and complete · 1 failed · 2 wrong usage · 3 done, but values are still missing.",
    )

    def walk(command: Any, words: str) -> Iterator[str]:
        if isinstance(command, TyperGroup):
            context = Context(command)
            for name in sorted(command.list_commands(context)):
                yield from walk(command.get_command(context, name), f"{words} {name}")
            return
        yield f"## {words}"
        yield _paragraphs(command.help or "")
        rows = []
        for one in command.params:
            if one.hidden or one.name == "help":
                continue
            value = (one.metavar or str(one.name).strip("_").upper()).strip("[]")
            if not isinstance(one, TyperArgument):
                value = ", ".join((*one.opts, *one.secondary_opts)) + ("" if one.is_flag else f" {value}")
            rows.append(f"| `{value}` | {' '.join((one.help or '').split())} |")
        if rows:
            yield "\n".join([say("| 인자, 옵션 | 설명 |", "| argument, option | meaning |"), "|---|---|", *rows])

    yield from walk(get_command(app), "kmaflow")


def tables() -> Iterator[str]:
    """The page of the service tables, from their comments."""
    import sqlalchemy as sa

    from kmaflow.language import language, say
    from kmaflow.store.schema import service

    def mine(comment: str | None) -> str:
        korean, _, english = (comment or "").partition(" / ")
        return (english or korean) if language() == "en" else korean

    yield say("# 서비스 테이블", "# Service tables")
    yield say(
        "관측 테이블([datasets.md](datasets.md)) 옆에 있는 테이블입니다. 이름과 열은 SQLite, PostgreSQL, MariaDB에서 같습니다. 시각은 한국시각입니다.",
        "The tables beside the observation tables ([datasets.md](datasets.md)): same names and columns on SQLite, PostgreSQL and MariaDB. Times are KST.",
    )
    found = {
        table.name: table
        for value in vars(service).values()
        if isinstance(value, sa.MetaData)
        for table in value.sorted_tables
    }
    for name in sorted(found):
        table = found[name]
        yield f"## {name}"
        if table.comment:
            yield f"{mine(table.comment)[:1].upper()}{mine(table.comment)[1:]}."
        rows = [
            f"| `{column.name}` | {'PK' if column.primary_key else ''} | {mine(column.comment).replace('|', '·')} |"
            for column in table.columns
        ]
        yield "\n".join([say("| 열 | 키 | 설명 |", "| column | key | meaning |"), "|---|---|---|", *rows])


def pages() -> dict[str, str]:
    """The pages in the language of KMAFLOW_LANG."""
    return {f"{make.__name__}.md": "\n\n".join(make()) + "\n" for make in (cli, tables)}


def main(folder: Path) -> None:
    """Write them, each language by a process of its own: the texts of the commands are chosen when they are imported."""
    if language := os.environ.get("KMAFLOW_REFERENCE"):
        for name, text in pages().items():
            (folder / language / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / language / name).write_text(text, encoding="utf-8")
        return
    for language in LANGUAGES:
        of_language = {**os.environ, "KMAFLOW_LANG": language, "KMAFLOW_REFERENCE": language}
        subprocess.run([sys.executable, __file__, str(folder)], env=of_language, check=True)
    subprocess.run([sys.executable, "-m", "kmaflow.catalog.page", str(folder)], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else DOCS)
