"""Secrets of a cluster: made once, kept privately, never weak."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from kmaflow.errors import UsageError
from kmaflow.run.secrets import NAMES, SecretRefused, ensure_secrets, read_secrets, variable, write_server_passwords

STRONG = "nR4-vT9.kW2_xQ7!zL5"


def test_they_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    first = ensure_secrets(tmp_path, {})
    assert ensure_secrets(tmp_path, {}) == first == read_secrets(tmp_path)
    assert ensure_secrets(tmp_path / "other", {}) != first
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    Fernet(first.fernet_key)
    values = [getattr(first, name) for name in NAMES]
    assert len(set(values)) == len(NAMES)
    assert not any(value in repr(first) for value in values)


def test_a_strong_value_of_ones_own_is_taken_and_kept(tmp_path: Path) -> None:
    made = ensure_secrets(tmp_path, {})
    given = ensure_secrets(tmp_path, {"KMAFLOW_ADMIN_PASSWORD": f" {STRONG} ", "KMAFLOW_FLOWER_PASSWORD": ""})
    assert given.admin_password == STRONG
    assert given.flower_password == made.flower_password
    assert ensure_secrets(tmp_path, {}).admin_password == STRONG


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("admin_password", "airflow", "too short"),
        ("admin_password", "short-1Ab", "too short"),
        ("admin_password", "Airflow-2026-ok", "placeholder"),
        ("admin_password", "changeme-changeme", "placeholder"),
        ("flower_password", "MyPassword1234!", "placeholder"),
        ("redis_password", "ababababababab", "repeats"),
        ("postgres_password", "열두 글자가 넘는 암호입니다", "outside of ASCII"),
        ("jwt_secret", "airflow_jwt_secret", "too short"),
        ("jwt_secret", "your-very-long-jwt-key-0123456789abcdef", "placeholder"),
        ("secret_key", "temporary_key_temporary_key_temporary", "placeholder"),
        ("fernet_key", "46BKJoQYlPPOexq0OhDZnIlNepKFf87WFwLbfzqDDho=", "published"),
        ("fernet_key", "nR4-vT9.kW2_xQ7!zL5nR4-vT9.kW2_xQ7!zL5nR4zz", "not a Fernet key"),
    ],
)
def test_a_weak_value_is_refused_in_two_languages_and_never_printed(
    tmp_path: Path, name: str, value: str, why: str
) -> None:
    with pytest.raises(SecretRefused) as refused:
        ensure_secrets(tmp_path, {variable(name): value})
    said = str(refused.value)
    assert variable(name) in said
    assert why in said
    assert ".env" in said
    assert any("가" <= letter <= "힣" for letter in refused.value.todo_ko)
    assert value not in said
    assert not (tmp_path / "secrets.json").exists()


def test_two_secrets_may_not_be_the_same(tmp_path: Path) -> None:
    with pytest.raises(SecretRefused, match="the same"):
        ensure_secrets(tmp_path, {"KMAFLOW_ADMIN_PASSWORD": STRONG, "KMAFLOW_FLOWER_PASSWORD": STRONG})


def test_what_data_lie_behind_is_not_exchanged(tmp_path: Path) -> None:
    made = ensure_secrets(tmp_path, {})
    for name in ("fernet_key", "postgres_password", "mariadb_password", "mariadb_root_password"):
        other = Fernet.generate_key().decode() if name == "fernet_key" else STRONG
        with pytest.raises(SecretRefused, match="differs from the value that this cluster was started with"):
            ensure_secrets(tmp_path, {variable(name): other})
        assert ensure_secrets(tmp_path, {variable(name): getattr(made, name)}) == made


def test_each_server_gets_its_own_password_alone(tmp_path: Path) -> None:
    kept = ensure_secrets(tmp_path / "secrets", {})
    folders = {name: tmp_path / name for name in ("redis", "postgres", "mariadb")}
    write_server_passwords(kept, folders)
    write_server_passwords(kept, folders)
    found = {
        path.name: path.read_text()
        for folder in folders.values()
        for path in folder.iterdir()
        if folder.name != "mariadb"
    }
    assert found == {
        "redis.conf": f"requirepass {kept.redis_password}\nappendonly yes\nappendfsync everysec\n",
        "password": kept.postgres_password,
    }
    assert (folders["mariadb"] / "root-password").read_text() == kept.mariadb_root_password


def test_reading_before_they_are_made_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="run the service `secrets` first"):
        read_secrets(tmp_path)


def test_the_file_holds_nothing_else(tmp_path: Path) -> None:
    ensure_secrets(tmp_path, {"HOME": "/", "KMAFLOW_API_KEY": "k"})
    assert set(json.loads((tmp_path / "secrets.json").read_text())) == set(NAMES)
