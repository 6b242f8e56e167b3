"""docs/en and docs/ko say the same, page by page: headings, commands, tables; and every link of either leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
BOTH = sorted({page.name for page in DOCS.glob("*/*.md")})


def text(language: str, name: str) -> str:
    return (DOCS / language / name).read_text(encoding="utf-8")


def levels(page: str) -> list[int]:
    without_code = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    return [len(marks) for marks in re.findall(r"^(#+) ", without_code, re.MULTILINE)]


def code(page: str) -> list[str]:
    """Every block of code, without its comments."""
    blocks = re.findall(r"```\w*\n(.*?)```", page, re.DOTALL)
    return [re.sub(r"[ \t]*(--|#)[ \t].*", "", block) for block in blocks]


@pytest.mark.parametrize("name", BOTH)
def test_a_page_is_the_same_in_both_languages(name: str) -> None:
    english, korean = text("en", name), text("ko", name)
    assert levels(english) == levels(korean)
    if name != "cli.md":  # made from the commands: each language has examples of its own
        assert code(english) == code(korean)
    rows = [re.findall(r"^ *\|.*\|$", page, re.MULTILINE) for page in (english, korean)]
    assert [row.count("|") for row in rows[0]] == [row.count("|") for row in rows[1]]


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: f"{page.parent.name}/{page.name}")
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
