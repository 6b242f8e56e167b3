"""Secrets of an Airflow and of a cluster: made at the first start, in files that only their owner reads.

What people set themselves must be strong. A cluster's ``secrets.json`` lies in a volume that only kmaflow's own
containers mount. Redis, PostgreSQL and MariaDB get a volume each with nothing but their own password in the form that
their images read.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

from kmaflow.catalog.time import now_kst
from kmaflow.errors import UsageError

#: The login of Airflow and Flower.
USER = "admin"

PASSWORD_LENGTH = 12
KEY_LENGTH = 32
_DIFFERENT_LETTERS = 6
#: Words of examples and defaults, as they stand in published compose files and manuals.
_PLACEHOLDERS = (
    *("airflow", "changeme", "change-me", "change_me", "example", "password", "passwd", "placeholder", "postgres"),
    *("qwerty", "secret", "temporary", "your-", "your_", "12345678", "kmaflow", "letmein", "0000000", "replace"),
)
#: Keys that are printed in manuals: whoever has read them can read everything.
_PUBLISHED = frozenset({"46BKJoQYlPPOexq0OhDZnIlNepKFf87WFwLbfzqDDho=", "openssl rand -hex 32", "a" * 44})


class SecretRefused(UsageError):
    """A secret that somebody set cannot be used."""

    todo_en = (
        "remove the line from .env and a strong value is made for you, or set a random one: openssl rand -base64 32"
    )
    todo_ko = (
        ".env에서 그 줄을 지우면 안전한 값이 만들어집니다; 직접 정하려면 무작위 값을 쓰십시오: openssl rand -base64 32"
    )


@dataclass(frozen=True, repr=False)
class AirflowKeys:
    """The keys with which Airflow signs and encrypts. ``repr`` shows none of them."""

    fernet_key: str
    secret_key: str
    jwt_secret: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


@dataclass(frozen=True, repr=False)
class ClusterSecrets(AirflowKeys):
    """Every secret of a cluster."""

    admin_password: str
    flower_password: str
    redis_password: str
    postgres_password: str
    mariadb_password: str
    mariadb_root_password: str


Kept = TypeVar("Kept", bound=AirflowKeys)
#: Every secret that a person may set.
NAMES = tuple(field.name for field in fields(ClusterSecrets))
#: What cannot simply be exchanged once data lie behind it, and what to do instead.
_FIXED = {
    "fernet_key": "airflow rotate-fernet-key",
    "postgres_password": "ALTER USER kmaflow PASSWORD '…'",
    "mariadb_password": "ALTER USER kmaflow IDENTIFIED BY '…'",
    "mariadb_root_password": "ALTER USER root IDENTIFIED BY '…'",
}


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """A database server of compose.yaml: the engine that it is, and whose password opens it.

    Attributes:
        password: the secret of the user that kmaflow and Airflow are.
        administrator: who may make databases, with the secret's name; None: that user.
    """

    engine: str
    password: str
    administrator: tuple[str, str] | None = None


#: By the service's name. The first holds Airflow's own database; the others come with a profile, for observations.
SERVERS = {
    "postgres": DatabaseServer("postgresql", "postgres_password"),
    "mariadb": DatabaseServer("mariadb", "mariadb_password", ("root", "mariadb_root_password")),
    "postgres-observations": DatabaseServer("postgresql", "postgres_password"),
}
DEFAULT_SERVER, *PROFILES = SERVERS
#: The servers that are given passwords in a volume of their own.
VOLUMES = ("redis", "postgres", "mariadb")


def variable(name: str) -> str:
    """The environment variable by which a person sets that secret."""
    return f"KMAFLOW_{name.upper()}"


def ensure_secrets(folder: Path, given: Mapping[str, str]) -> ClusterSecrets:
    """The secrets in ``folder``; what is missing there is made, what ``given`` (the environment) sets is taken over.

    Raises:
        SecretRefused: a given value is weak, a placeholder, or differs from one that data already lie behind.
    """
    return _ensured(ClusterSecrets, folder, given)


def ensure_keys(folder: Path) -> AirflowKeys:
    """The keys of an Airflow of one machine; what is missing in ``folder`` is made."""
    return _ensured(AirflowKeys, folder, {})


def _ensured(kind: type[Kept], folder: Path, given: Mapping[str, str]) -> Kept:
    path = folder / "secrets.json"
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    chosen = {}
    for name in (field.name for field in fields(kind)):
        wanted = given.get(variable(name), "").strip()
        if wanted:
            _require_strong(name, wanted)
            if name in _FIXED and name in kept and kept[name] != wanted:
                raise SecretRefused(
                    f"{variable(name)} differs from the value that this cluster was started with",
                    ko=f"{variable(name)}: 클러스터를 처음 시작할 때의 값과 다릅니다",
                    todo_en=f"change it inside first ({_FIXED[name]}), or remove the line from .env",
                    todo_ko=f"서버 안에서 먼저 바꾸거나({_FIXED[name]}) .env에서 그 줄을 지우십시오",
                )
        chosen[name] = wanted or kept.get(name) or _made(name)
    _require_different(chosen)
    if chosen != kept:
        folder.mkdir(parents=True, exist_ok=True)
        write_private(path, chosen)
    return kind(**chosen)


def read_secrets(folder: Path) -> ClusterSecrets:
    """The secrets that :func:`ensure_secrets` left.

    Raises:
        UsageError: there are none.
    """
    try:
        return ClusterSecrets(**json.loads((folder / "secrets.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UsageError(
            f"there are no secrets in {folder}",
            ko=f"{folder}에 비밀값이 없습니다",
            todo_en="run the service `secrets` first (docker compose up -d does), and mount its volume",
            todo_ko="먼저 secrets 서비스를 실행하고(docker compose up -d에 포함) 그 볼륨을 연결하십시오",
        ) from None


def login_password(path: Path) -> str:
    """The password of the login of `make run`, in the file that Airflow's SimpleAuthManager reads; made if missing."""
    if not path.exists():
        write_private(path, {USER: secrets.token_urlsafe(9)})
    return str(json.loads(path.read_text(encoding="utf-8"))[USER])


def token_to_try(path: Path, database_url: str) -> str:
    """The token of the HTTP API that `make run` shows, in a file of its own; made if the database does not know it.

    Raises:
        StoreError: the database cannot be written.
    """
    from kmaflow.store import Store, tokens
    from kmaflow.store.engines.database import reading

    name = "make-run"
    with Store(database_url) as store:
        store.init()
        if path.exists():
            kept = str(json.loads(path.read_text(encoding="utf-8"))[name])
            with reading(store.engine) as connection:
                known = tokens.find(connection, kept)
            if known is not None and known.valid(now_kst()):
                return kept
        if any(token.name == name and token.valid(now_kst()) for token in tokens.listed(store)):
            tokens.revoke(store, name)
        made = tokens.add(store, name)
    write_private(path, {name: made})
    return made


def write_server_passwords(kept: ClusterSecrets, folders: Mapping[str, Path]) -> None:
    """Give each server its own password, in the form that its image reads.

    Args:
        folders: the volumes by the server's name (:data:`VOLUMES`).
    """
    # The servers' images read these as users of their own, so the files are open; but each volume is mounted into one
    # server only.
    contents = {
        "redis": {"redis.conf": f"requirepass {kept.redis_password}\nappendonly yes\nappendfsync everysec\n"},
        "postgres": {"password": kept.postgres_password},
        "mariadb": {"password": kept.mariadb_password, "root-password": kept.mariadb_root_password},
    }
    for server, folder in folders.items():
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in contents[server].items():
            draft = folder / f"{name}.new"
            draft.write_text(text, encoding="utf-8")
            draft.chmod(0o644)
            draft.replace(folder / name)


def _made(name: str) -> str:
    makers: dict[str, Callable[[], str]] = {
        "fernet_key": lambda: base64.urlsafe_b64encode(os.urandom(KEY_LENGTH)).decode(),
        "secret_key": lambda: secrets.token_urlsafe(32),
        "jwt_secret": lambda: secrets.token_urlsafe(64),
    }
    make = makers.get(name, lambda: secrets.token_urlsafe(24))
    while True:
        value = make()
        try:
            _require_strong(name, value)
        except SecretRefused:  # chance has written "secret"
            continue
        return value


def _require_strong(name: str, value: str) -> None:
    """Raises SecretRefused; the message names the variable, never its value."""
    shortest = PASSWORD_LENGTH if name.endswith("password") else KEY_LENGTH
    if len(value) < shortest:
        raise SecretRefused(
            f"{variable(name)} is too short: {len(value)} letters, at least {shortest} are needed",
            ko=f"{variable(name)}: {len(value)}자로 너무 짧습니다. {shortest}자 이상이어야 합니다",
        )
    low = value.lower()
    if value in _PUBLISHED or any(word in low for word in _PLACEHOLDERS):
        raise SecretRefused(
            f"{variable(name)} is a placeholder or a published example",
            ko=f"{variable(name)}: 예시 값이거나 공개된 값입니다",
        )
    if len(set(value)) < _DIFFERENT_LETTERS:
        raise SecretRefused(f"{variable(name)} repeats a few letters", ko=f"{variable(name)}: 같은 글자가 반복됩니다")
    if any(letter.isspace() or ord(letter) < ord("!") or ord(letter) > ord("~") for letter in value):
        raise SecretRefused(
            f"{variable(name)} holds blanks or letters outside of ASCII",
            ko=f"{variable(name)}: 공백이나 ASCII 밖의 글자가 있습니다",
        )
    if name == "fernet_key":
        try:
            right = len(base64.urlsafe_b64decode(value)) == KEY_LENGTH
        except (binascii.Error, ValueError):
            right = False
        if not right:
            raise SecretRefused(
                f"{variable(name)} is not a Fernet key (32 bytes, url-safe base64)",
                ko=f"{variable(name)}: Fernet 키(32바이트, URL-safe base64)가 아닙니다",
                todo_en="remove the line from .env and one is made for you",
                todo_ko=".env에서 그 줄을 지우면 새로 만들어집니다",
            )


def _require_different(chosen: Mapping[str, str]) -> None:
    seen: dict[str, str] = {}
    for name, value in chosen.items():
        if value in seen:
            raise SecretRefused(
                f"{variable(name)} and {variable(seen[value])} are the same",
                ko=f"{variable(name)}, {variable(seen[value])}: 두 값이 같습니다",
            )
        seen[value] = name


def write_private(path: Path, content: Mapping[str, str]) -> None:
    """Write a JSON file that only its owner can read, whole or not at all."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
