"""Settings from the environment and ``.env``; secrets are shown nowhere."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from kmaflow.catalog import PUBLIC_HUB
from kmaflow.errors import UsageError
from kmaflow.settings import WrongKeyForm, load_settings

KEY = "s3cret-key-of-mine-0001"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    settings = load_settings()
    assert (settings.api_key, settings.hub_url, settings.home) == (None, PUBLIC_HUB, tmp_path / "var")
    assert settings.database_url == settings.state_url == f"sqlite:///{tmp_path}/var/kmaflow.db"
    assert settings.archive_url == f"{tmp_path}/var/archive"
    assert (settings.daily_calls, settings.daily_bytes, settings.window_minutes) == (20_000, 5_000_000_000, 10)
    assert (settings.stations, settings.start, settings.catchup) == ("all", None, False)


def test_the_environment_wins_over_the_file_and_arguments_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text(
        f"# 인증키\nKMAFLOW_API_KEY= {KEY} \nKMAFLOW_STATIONS=108,서울\nKMAFLOW_HUB_URL=http://x/api/typ01/\nOTHER=1\n",
        "utf-8",
    )
    monkeypatch.setenv("KMAFLOW_STATIONS", "90")
    monkeypatch.setenv("KMAFLOW_START", "2026-11-22 12:00")
    settings = load_settings(window_minutes=5)
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == KEY
    assert (settings.stations, settings.hub_url, settings.window_minutes) == ("90", "http://x/api/typ01", 5)
    assert settings.start == datetime(2026, 11, 22, 12)
    assert load_settings(start=datetime(2020, 1, 1)).start == datetime(2020, 1, 1)


def test_blank_means_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMAFLOW_API_KEY", "  ")
    monkeypatch.setenv("KMAFLOW_START", " ")
    assert (load_settings().api_key, load_settings().start) == (None, None)


WRONG_KEYS = [
    ("s3cret-key of-mine", "a blank"),
    ("s3cret-key-of-mine-0001 s3cret-key-of-mine-0002", "several keys"),
    ("s3cret-key-of-mine-0001,s3cret-key-of-mine-0002", "several keys"),
    ("s3cret-key-of-mine-0001\ns3cret-key-of-mine-0002", "several keys"),
    ("s3c ret", "a blank"),
    ("s3cret\tkey", "a blank"),
    ("s3cret\r\nkey", "a line break"),
    ("s3cret\nkey", "a line break"),
    ('"s3cret-key-of-mine-0001"', "quotes"),
    ("'s3cret-key-of-mine-0001'", "quotes"),
    ("“s3cret-key-of-mine-0001”", "quotes"),
    ("https://apihub.kma.go.kr/api/typ01/url/x.php?authKey=s3cret-key-of-mine-0001", "a URL"),
    ("authKey=s3cret-key-of-mine-0001", "a URL"),
    ("KMAFLOW_API_KEY=s3cret-key-of-mine-0001", "the name"),
    ("<s3cret-key-of-mine-0001>", "punctuation"),
    ("인증키s3cret", "letters"),
    ("s3cret\x00key", "letters"),
    ("s3cret\ufeffkey", "letters"),
    ("s3cret\udc80key", "letters"),
    ("s3cret" * 100, "too long"),
]


@pytest.mark.parametrize(("key", "fault"), WRONG_KEYS)
def test_what_cannot_be_a_key_is_said_in_both_languages_and_never_shown(key: str, fault: str) -> None:
    with pytest.raises(WrongKeyForm) as caught:
        load_settings(api_key=SecretStr(key))
    assert fault in caught.value.what
    assert re.search("[가-힣]", caught.value.what_ko)
    assert not re.search("[가-힣]", caught.value.english)
    assert "KMAFLOW_API_KEY" in caught.value.what
    assert "KMAFLOW_API_KEY" in caught.value.what_ko
    assert "API Hub" in caught.value.todo_en
    assert "API허브" in caught.value.todo_ko
    for text in (str(caught.value), repr(caught.value)):
        assert "s3c" not in text
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("key", [KEY, f" {KEY}\n", "Zk9-secret_KEY-0123456x", "a/b+c=d&e", "k" * 64])
def test_what_may_be_a_key_is_taken_without_the_blanks_around_it(key: str) -> None:
    found = load_settings(api_key=SecretStr(key)).api_key
    assert found is not None
    assert found.get_secret_value() == key.strip()


def test_a_wrong_key_in_the_file_or_the_environment_is_told_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("KMAFLOW_API_KEY=one-key-of-mine-0001 and-another-0002\n", "utf-8")
    with pytest.raises(WrongKeyForm, match="several keys"):
        load_settings()
    monkeypatch.setenv("KMAFLOW_API_KEY", "http://x/?authKey=abc")
    with pytest.raises(WrongKeyForm, match="URL"):
        load_settings()


def test_secrets_are_in_no_repr() -> None:
    settings = load_settings(
        api_key=SecretStr(KEY), database_url="postgresql://me:pass-w0rd@db/x", archive_url="s3://me:pass-w0rd@bucket"
    )
    assert KEY not in f"{settings} {settings!r} {settings.model_dump()}"
    assert "pass-w0rd" not in f"{settings} {settings!r}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WINDOW_MINUTES", "0"),
        ("DAILY_CALLS", KEY),
        ("UI_PORT", "99999"),
        ("START", KEY),
        ("START", "2026-11-22 12:00+00:00"),
        ("CATCHUP", KEY),
    ],
)
def test_a_wrong_value_is_told_by_its_name_and_never_shown(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"KMAFLOW_{name}", value)
    with pytest.raises(UsageError, match=f"KMAFLOW_{name}: ") as caught:
        load_settings()
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_in_another_encoding_is_told() -> None:
    Path(".env").write_bytes(f"# 인증키\nKMAFLOW_API_KEY={KEY}\n".encode("cp949"))
    with pytest.raises(UsageError, match="not UTF-8") as caught:
        load_settings()
    assert KEY not in str(caught.value)
