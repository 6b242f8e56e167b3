"""One language at a time: which one is chosen, and that no text is left in the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from kmaflow.errors import KmaflowError, UsageError
from kmaflow.language import language, say, say_in_airflow
from kmaflow.settings import load_settings

_LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KMAFLOW_LANG", *_LOCALE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("variables", "chosen"),
    [
        ({}, "en"),
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "LC_MESSAGES": "C"}, "en"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": "", "LC_MESSAGES": ""}, "ko"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "ko_KR.UTF-8", "KMAFLOW_LANG": "en"}, "en"),
        ({"LC_ALL": "C.UTF-8", "KMAFLOW_LANG": "ko"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "KMAFLOW_LANG": ""}, "ko"),
    ],
)
def test_the_setting_decides_and_else_the_locale(
    variables: dict[str, str], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert language() == chosen
    assert say("예", "yes") == {"ko": "예", "en": "yes"}[chosen]


def test_the_file_decides_like_the_environment_which_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("KMAFLOW_LANG=ko\n", "utf-8")
    assert (language(), load_settings().lang) == ("ko", "ko")
    monkeypatch.setenv("KMAFLOW_LANG", "en")
    assert (language(), load_settings().lang) == ("en", "en")


def test_airflow_shows_korean_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    assert say_in_airflow("예", "yes") == "예"
    monkeypatch.setenv("KMAFLOW_LANG", "en")
    assert say_in_airflow("예", "yes") == "yes"


@pytest.mark.parametrize("name", ["KO", "kr", "english", " "])
def test_another_language_is_a_wrong_setting(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMAFLOW_LANG", name)
    with pytest.raises(UsageError, match="KMAFLOW_LANG: it must be 'ko' or 'en'"):
        load_settings()


def test_an_error_speaks_one_language_and_is_english_in_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    error = KmaflowError("no room", ko="공간이 없습니다", todo_en="free some", todo_ko="비우십시오")
    assert str(error) == error.english == "no room → free some"
    monkeypatch.setenv("KMAFLOW_LANG", "ko")
    assert str(error) == "공간이 없습니다 → 비우십시오"
    assert error.english == "no room → free some"
    assert str(KmaflowError("what a driver says")) == "what a driver says"
