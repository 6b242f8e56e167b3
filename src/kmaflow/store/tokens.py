"""Tokens of the HTTP API: made once, shown once, kept as their SHA-256, revocable."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import sqlalchemy as sa

from kmaflow.catalog.time import now_kst
from kmaflow.errors import UsageError
from kmaflow.store.engines.database import reading, writing
from kmaflow.store.schema.service import API_TOKEN
from kmaflow.store.store import Store

#: So that people and scanners of leaked secrets know what it is.
PREFIX = "kmaflow_"
_NAME = re.compile(r"[\w.@-]{1,64}")
_FORM = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}", re.ASCII)
PER_MINUTE = 600


@dataclass(frozen=True, slots=True)
class Token:
    """Who may ask: times are naive KST; ``expires_at`` None = without end, ``revoked_at`` None = valid."""

    name: str
    per_minute: int
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def valid(self, now: datetime) -> bool:
        """Whether it still opens."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def add(store: Store, name: str, *, expires_at: datetime | None = None, per_minute: int = PER_MINUTE) -> str:
    """Make a token; gives it, for the only time.

    A name that was revoked or has expired may be used again.

    Raises:
        UsageError: the name has letters that no name has, or a valid token has it; or it would have expired already.
        StoreError: the database cannot be written.
    """
    now = now_kst()
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"no name for a token: {name!r}",
            ko=f"토큰의 이름으로 쓸 수 없습니다: {name!r}",
            todo_en="use up to 64 letters, digits and . _ - @",
            todo_ko="글자, 숫자, . _ - @ 를 64자까지 쓰십시오",
        )
    if expires_at is not None and expires_at <= now:
        raise UsageError(
            f"the token would have expired at {expires_at:%Y-%m-%d %H:%M}",
            ko=f"토큰의 기한이 이미 지났습니다: {expires_at:%Y-%m-%d %H:%M}",
            todo_en="give a later time",
            todo_ko="더 나중 시각을 쓰십시오",
        )
    token = PREFIX + secrets.token_urlsafe(32)
    store.init()
    with writing(store.engine) as connection:
        there = connection.execute(sa.select(API_TOKEN).where(API_TOKEN.c.name == name)).mappings().first()
        if there is not None and _token(dict(there)).valid(now):
            raise UsageError(
                f"there is a token {name!r}",
                ko=f"그런 토큰이 이미 있습니다: {name!r}",
                todo_en=f"revoke it first: kmaflow token revoke {name}",
                todo_ko=f"먼저 취소하십시오: kmaflow token revoke {name}",
            )
        connection.execute(API_TOKEN.delete().where(API_TOKEN.c.name == name))
        row = {
            "name": name,
            "sha256": digest(token),
            "per_minute": per_minute,
            "created_at": now,
            "expires_at": expires_at,
        }
        connection.execute(API_TOKEN.insert().values(row))
    return token


def listed(store: Store) -> list[Token]:
    """All tokens by name, revoked ones too."""
    store.init()
    with reading(store.engine) as connection:
        found = connection.execute(sa.select(API_TOKEN).order_by(API_TOKEN.c.name)).mappings()
        return [_token(dict(row)) for row in found]


def revoke(store: Store, name: str) -> None:
    """From now on the token opens nothing.

    Raises:
        UsageError: there is no valid token of that name; the names are in the advice.
    """
    now = now_kst()
    valid = [token.name for token in listed(store) if token.valid(now)]
    if name not in valid:
        names = ", ".join(valid) or "-"
        raise UsageError(
            f"there is no token {name!r}",
            ko=f"그런 토큰이 없습니다: {name!r}",
            todo_en=f"tokens: {names}",
            todo_ko=f"토큰: {names}",
        )
    with writing(store.engine) as connection:
        connection.execute(API_TOKEN.update().where(API_TOKEN.c.name == name).values(revoked_at=now))


def find(connection: sa.Connection, token: str) -> Token | None:
    """The token as it is known, valid or not; None where it is not known, or could not be one."""
    if not _FORM.fullmatch(token):
        return None
    row = connection.execute(sa.select(API_TOKEN).where(API_TOKEN.c.sha256 == digest(token))).mappings().first()
    return None if row is None else _token(dict(row))


def digest(token: str) -> str:
    """What is kept of a token. It has 256 random bits: nobody guesses them, so no salt and no slow hash is needed."""
    return sha256(token.encode()).hexdigest()


def _token(row: dict[str, object]) -> Token:
    row.pop("sha256")
    return Token(**row)  # type: ignore[arg-type]
