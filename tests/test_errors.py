"""Every error that kmaflow raises on purpose says in both languages what happened and what to do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import kmaflow
from kmaflow.api.problems import Problem
from kmaflow.errors import KmaflowError

SOURCE = Path(kmaflow.__file__).parent
HANGUL = re.compile("[가-힣]")
#: Four words of English one after another are a sentence; three may be a command.
SENTENCE = re.compile(r"\b[a-z]{2,}(?: [a-z]{2,}){3,}\b")
#: KMA's own word for what a user has to press.
_OF_KMA = {"활용신청"}
#: What these constructors want beside the words.
_NEEDED: dict[str, dict[str, Any]] = {
    "QuotaSpent": {"kind": "calls"},
    "DayQuotaSpent": {"kind": "calls", "until": datetime(2026, 1, 2), "by": "hub"},
}


@cache
def _trees() -> dict[Path, ast.Module]:
    return {
        path: ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(SOURCE.rglob("*.py"))
        if "simulator" not in path.relative_to(SOURCE).parts
    }


@cache
def _classes() -> dict[str, tuple[Path, ast.ClassDef]]:
    """The error classes of the source, by name."""
    every = {
        node.name: (path, node)
        for path, tree in _trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }

    def is_ours(name: str) -> bool:
        return name == "KmaflowError" or (name in every and any(map(is_ours, _names(every[name][1].bases))))

    return {name: found for name, found in every.items() if is_ours(name)}


def _names(nodes: list[ast.expr]) -> list[str]:
    return [ast.unparse(node).rpartition(".")[2] for node in nodes]


def _raised() -> Iterator[tuple[str, str, ast.Call, ast.expr]]:
    """Where an error is made: place, class, call and its English words."""
    for path, tree in _trees().items():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and node.args):
                continue
            name = _names([node.func])[0]
            if name in _classes():
                words = node.args[1 if name == "Problem" else 0]
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", name, node, words


def _own_words(node: ast.expr) -> str:
    """What a text says by itself, without what is put in from elsewhere."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_own_words(part) if isinstance(part, ast.Constant) else "\0" for part in node.values)
    if isinstance(node, ast.Constant):
        return str(node.value)
    parts = [ast.unparse(node)] if isinstance(node, ast.Name | ast.Attribute | ast.Call) else []
    return " ".join(parts + [_own_words(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)])


def _step(name: str) -> tuple[bool, bool]:
    """Whether a class says what to do, in English and in Korean."""
    _, node = _classes()[name]
    text = ast.unparse(node)
    found = ("todo_en =" in text, "todo_ko =" in text)
    if any(found):
        return found
    base = next((one for one in _names(node.bases) if one in _classes()), None)
    return _step(base) if base and base != "KmaflowError" else found


def test_the_source_is_found() -> None:
    assert len(_classes()) > 50
    assert len(list(_raised())) > 200


def _complaint(call: ast.Call, words: ast.expr) -> str | None:
    """What is wrong with the words of what happened."""
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    own = _own_words(words)
    if HANGUL.search(own):
        return "Korean in the English text"
    if not re.search("[A-Za-z]", own):
        return None  # words of others alone: of the hub, a driver, a file
    if "ko" not in given:
        return "no Korean"
    if not all(isinstance(one, ast.Constant | ast.JoinedStr) for one in (words, given["ko"])):
        return None
    korean = _own_words(given["ko"]).replace("\0", "x")
    return None if HANGUL.search(korean) and not SENTENCE.search(korean) else "the Korean text is not Korean"


def _complaint_of_step(name: str, call: ast.Call) -> str | None:
    given = {keyword.arg for keyword in call.keywords}
    # Steps that many calls share come by `**`.
    english, korean = (word in given or None in given for word in ("todo_en", "todo_ko"))
    if english != korean:
        return "the next step in one language"
    return None if english or _step(name) == (True, True) else "no next step"


def test_what_happened_is_said_in_both_languages() -> None:
    found = [f"{place}: {why}" for place, _, call, words in _raised() if (why := _complaint(call, words))]
    assert not found


def test_what_to_do_is_said_in_both_languages() -> None:
    found = [f"{place}: {why}" for place, name, call, _ in _raised() if (why := _complaint_of_step(name, call))]
    assert not found


def _constructed() -> list[type[KmaflowError]]:
    # Those below airflow/ need Airflow, whose own tests raise them.
    paths = {path.relative_to(SOURCE) for path, _ in _classes().values()}
    for path in sorted(path for path in paths if path.parts[0] != "airflow"):
        import_module(".".join(("kmaflow", *path.with_suffix("").parts)))
    found, todo = list[type[KmaflowError]](), [KmaflowError]
    while todo:
        found.append(kind := todo.pop())
        todo += kind.__subclasses__()
    return [kind for kind in found if kind.__module__.startswith("kmaflow.")]


def test_each_class_speaks_one_language(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = _constructed()
    assert len(kinds) > 50
    for kind in kinds:
        if kind is Problem:
            error: KmaflowError = Problem(404, "it broke", ko="고장입니다", todo_en="mend it", todo_ko="고치십시오")
        else:
            error = kind("it broke", ko="고장입니다", **_NEEDED.get(kind.__name__, {}))
        monkeypatch.setenv("KMAFLOW_LANG", "en")
        english = str(error)
        assert english == error.english
        for word in _OF_KMA:
            english = english.replace(word, "")
        assert english.startswith("it broke")
        assert not HANGUL.search(english), kind
        monkeypatch.setenv("KMAFLOW_LANG", "ko")
        korean = str(error)
        assert all(HANGUL.search(part) for part in korean.split(" → ")), kind
        assert not SENTENCE.search(korean), kind
        assert bool(error.todo_ko) == bool(error.todo_en)
