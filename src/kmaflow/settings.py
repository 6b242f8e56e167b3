"""Settings: environment variables ``KMAFLOW_…``, or the same lines in a file ``.env``. The key is a SecretStr and stands nowhere else."""

from __future__ import annotations

import os
import re
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from kmaflow.catalog import PUBLIC_HUB
from kmaflow.catalog.time import parse_time
from kmaflow.errors import UsageError
from kmaflow.language import Language, say

#: KMA's keys have 22 characters.
_LONGEST_KEY = 200
_KEY_FAULTS = (
    (re.compile(r"://|^www\.|authkey\s*=", re.IGNORECASE), "it is a URL, not a key", "인증키가 아니라 URL입니다"),
    (
        re.compile(r"^\w*key\s*[=:]", re.IGNORECASE),
        "it holds the name of the key too",
        "인증키의 이름까지 들어 있습니다",
    ),
    (re.compile(r"[!-~]{8,}[\s,;|]+[!-~]{8,}"), "it holds several keys", "인증키가 둘 이상 들어 있습니다"),
    (re.compile(r"[\r\n\x0b\x0c\x85\u2028\u2029]"), "it holds a line break", "줄바꿈이 들어 있습니다"),
    (re.compile(r"\s"), "it holds a blank", "빈칸이 들어 있습니다"),
    (re.compile("[\"'`\u2018\u2019\u201c\u201d]"), "it holds quotes", "따옴표가 들어 있습니다"),
    (re.compile(r"[^!-~]"), "it holds letters that no key has", "인증키에 없는 글자가 들어 있습니다"),
    (re.compile(r"[,;|<>]"), "it holds punctuation that no key has", "인증키에 없는 문장 부호가 들어 있습니다"),
    (re.compile(rf".{{{_LONGEST_KEY}}}", re.DOTALL), "it is much too long", "너무 깁니다"),
)


class WrongKeyForm(UsageError):
    """What stands where the key belongs cannot be one."""

    todo_en = "copy one key alone from 'My page' of the API Hub: no quotes, no blanks, no URL"
    todo_ko = "API허브 마이페이지에서 인증키 하나만 복사해 넣으십시오: 따옴표, 빈칸, URL 없이"


def checked_key(text: str, where: str) -> SecretStr | None:
    """A key as somebody has entered it; None where there is none.

    Args:
        where: the variable or connection, for the message, which never shows the key.

    Raises:
        WrongKeyForm: it cannot be a key.
    """
    key = text.strip()
    for pattern, en, ko in _KEY_FAULTS:
        if pattern.search(key):
            raise WrongKeyForm(f"{where}: {en}", ko=f"{where}: {ko}")
    return SecretStr(key) if key else None


def _as_time(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parse_time(value) if value.strip() else None
    except UsageError as cause:
        raise UsageError(
            "a setting is wrong: KMAFLOW_START: this is no time",
            ko="설정이 잘못되었습니다: KMAFLOW_START: 시각이 아닙니다",
            todo_en=cause.todo_en,
            todo_ko=cause.todo_ko,
        ) from None


class Settings(BaseSettings):
    """Everything that can be set. Times are naive KST."""

    model_config = SettingsConfigDict(env_prefix="KMAFLOW_", env_file=".env", extra="ignore", hide_input_in_errors=True)

    api_key: SecretStr | None = Field(None, description="key of the API Hub")
    hub_url: str = Field(PUBLIC_HUB, description="the hub's address, ends in /api/typ01")
    home: Path = Field(Path("var"), description="folder for database, archive and Airflow")
    database_url: str = Field("", repr=False, description="SQLAlchemy URL; default: a SQLite file in HOME")
    state_url: str = Field("", repr=False, description="database of quota and leases; default: DATABASE_URL")
    archive_url: str = Field("", repr=False, description="where bodies are kept; default: a folder in HOME")
    lake_url: str = Field("", repr=False, description="Parquet 레이크 / Parquet lake; default: a folder in HOME")
    daily_calls: int = Field(20_000, gt=0, description="calls a day")
    daily_bytes: int = Field(5_000_000_000, gt=0, description="bytes a day")
    calls_per_second: float = Field(20.0, gt=0, description="calls begun in a second, by each process")
    concurrent_calls: int = Field(8, gt=0, description="calls under way at a time, of each process")
    backfill_share: float = Field(1.0, gt=0, le=1, description="part of a day's quota that backfill may use")
    window_minutes: int = Field(10, ge=1, le=180, description="stamps per call for all stations")
    stations: str = Field("all", description="stations stored: all, or numbers and names")
    start: Annotated[datetime | None, BeforeValidator(_as_time)] = Field(None, description="first stamp kept complete")
    catchup: bool = Field(False, description="whether Airflow catches up")
    revisit_days: int = Field(2, ge=0, le=30, description="days that are requested again to find corrections")
    max_active_tasks: int = Field(2, ge=1, description="datasets collected at the same time")
    alert_webhook: SecretStr | None = Field(
        None, description="URL that is told when observations are missing (Slack and the like)"
    )
    ui_port: int = Field(8080, ge=1, le=65535, description="port of Airflow's UI")
    simulator_port: int = Field(8765, ge=1, le=65535, description="port of the simulator")
    lang: Annotated[Language | None, BeforeValidator(lambda value: value or None)] = Field(
        None, description="language of messages, help and DAGs; default: the locale's, in Airflow Korean"
    )
    read_url: str = Field("", repr=False, description="database of the HTTP API; default: DATABASE_URL")
    serve_host: str = Field("127.0.0.1", description="address of the HTTP API")
    serve_port: int = Field(8800, ge=1, le=65535, description="port of the HTTP API")
    serve_docs: bool = Field(False, description="whether the OpenAPI page needs no token")
    serve_origins: str = Field("", description="origins that CORS allows, separated by commas")

    @field_validator("api_key", mode="after")
    @classmethod
    def _checked_key(cls, key: SecretStr | None) -> SecretStr | None:
        # Not an error of pydantic's, whose texts are English: it comes through as it is.
        return key and checked_key(key.get_secret_value(), "KMAFLOW_API_KEY")

    @field_validator("alert_webhook", mode="after")
    @classmethod
    def _checked_webhook(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not url.get_secret_value().startswith(("http://", "https://")):
            raise UsageError(
                "a setting is wrong: KMAFLOW_ALERT_WEBHOOK: this is no URL",
                ko="설정이 잘못되었습니다: KMAFLOW_ALERT_WEBHOOK: URL이 아닙니다",
                todo_en="write a URL that begins with https://",
                todo_ko="https://로 시작하는 URL을 쓰십시오",
            )
        return url or None

    @model_validator(mode="after")
    def _fill(self) -> Settings:
        self.home = self.home.expanduser().absolute()
        self.database_url = self.database_url or f"sqlite:///{self.home / 'kmaflow.db'}"
        self.state_url = self.state_url or self.database_url
        self.archive_url = self.archive_url or str(self.home / "archive")
        self.lake_url = self.lake_url or str(self.home / "lake")
        self.hub_url = self.hub_url.rstrip("/")
        return self


#: What pydantic finds wrong, in words that name the remedy; its own are English.
_FAULTS = {
    "int_parsing": ("정수를 쓰십시오", "write a whole number"),
    "float_parsing": ("수를 쓰십시오", "write a number"),
    "bool_parsing": ("true 또는 false를 쓰십시오", "write true or false"),
    "greater_than": ("{gt}보다 커야 합니다", "it must be greater than {gt}"),
    "greater_than_equal": ("{ge} 이상이어야 합니다", "it must be at least {ge}"),
    "less_than_equal": ("{le} 이하여야 합니다", "it must be at most {le}"),
    "int_type": ("정수를 쓰십시오", "write a whole number"),
    "literal_error": ("{expected} 가운데 하나여야 합니다", "it must be {expected}"),
}


#: Below the home: the settings of a ``make run`` that simulates, for whoever has no key.
SIMULATED = Path("simulated", "settings.env")
#: Variables of ours that are no settings.
_OTHERS = [
    "ADMIN_PASSWORD", "API_SERVER", "CAPTURES", "CENTRAL", "DATASET_PACKAGES", "FAILPOINT", "FERNET_KEY",
    "FLOWER_PASSWORD", "FLOWER_PORT", "JWT_SECRET", "LOG_FORMAT", "MARIADB", "MARIADB_PASSWORD",
    "MARIADB_ROOT_PASSWORD", "PICTURES", "POSTGRES", "POSTGRES_OBSERVATIONS", "POSTGRES_PASSWORD", "PRIVATE_ADDRESS",
    "PROFILES", "REDIS", "REDIS_PASSWORD", "RESULTS", "SECRETS", "SECRETS_FOLDER", "SECRET_KEY", "SIMULATED",
    "SIMULATOR", "TEST_MARIADB", "TEST_POSTGRESQL", "UI_BIND", "WORKERS", "WORKER_MEMORY",
]  # fmt: skip


def load_settings(**changes: Any) -> Settings:
    """The settings: first ``changes``, then environment, then ``.env`` in the current folder; without a key those of a ``make run`` that simulates,
    so that what it fills is what is spoken of; then what they are without being set.

    Raises:
        UsageError: a value cannot be understood; the message names the variable, never its value.
        WrongKeyForm: KMAFLOW_API_KEY cannot be a key.
    """
    settings = own_settings(**changes)
    if settings.api_key is None and (left := settings.home / SIMULATED).is_file():
        settings = own_settings(_env_file=(left, ".env"), **changes)
    return settings


def own_settings(**changes: Any) -> Settings:
    """The same for ``make run`` itself: what another one has left behind does not count."""
    try:
        return Settings(**changes)
    except UnicodeDecodeError:
        raise UsageError(
            "the file .env is not UTF-8",
            ko=".env 파일이 UTF-8이 아닙니다",
            todo_en="save it as UTF-8",
            todo_ko=".env를 UTF-8로 저장하십시오",
        ) from None
    except ValidationError as cause:
        faults = [_fault(error) for error in cause.errors()]
    raise UsageError(
        f"a setting is wrong: {'; '.join(en for _, en in faults)}",
        ko=f"설정이 잘못되었습니다: {'; '.join(ko for ko, _ in faults)}",
        todo_en="correct it in the environment or in .env",
        todo_ko="환경변수나 .env에서 고치십시오",
    )


def misspelt() -> list[str]:
    """For each variable ``KMAFLOW_…`` of the environment and of ``.env`` that is none of ours but looks like one, a sentence that names both."""
    known = [*(name.upper() for name in Settings.model_fields), *_OTHERS]
    names = [name for name in {**_in_file(Path(".env")), **os.environ} if name.upper().startswith("KMAFLOW_")]
    unknown = [name for name in names if name.upper().removeprefix("KMAFLOW_") not in known]
    found = [(name, get_close_matches(name.upper().removeprefix("KMAFLOW_"), known, n=1)) for name in unknown]
    return [
        say(
            f"{name}은(는) kmaflow의 설정이 아닙니다. 혹시 KMAFLOW_{near[0]}?",
            f"{name} is no setting of kmaflow; did you mean KMAFLOW_{near[0]}?",
        )
        for name, near in found
        if near
    ]


def source(field: str, settings: Settings) -> str:
    """Where a setting comes from, in words."""
    name = f"KMAFLOW_{field.upper()}"
    if name in {one.upper() for one in os.environ}:
        return say(f"환경변수 {name}", f"{name} in the environment")
    own = Path(".env").absolute()
    if name in _in_file(own):
        return say(f"{own}의 {name}", f"{name} in {own}")
    # Where they count, the key is theirs too.
    left = _in_file(settings.home / SIMULATED)
    if name in left and settings.api_key and settings.api_key.get_secret_value() == left.get("KMAFLOW_API_KEY"):
        return say("인증키 없이 실행한 make run", "make run without a key")
    return say("기본값", "default")


def _in_file(path: Path) -> dict[str, str | None]:
    from dotenv import dotenv_values

    return (
        {name.upper(): value for name, value in dotenv_values(path, encoding="utf-8").items()} if path.is_file() else {}
    )


def _fault(error: ErrorDetails) -> tuple[str, str]:
    """What is wrong with one variable, in Korean and in English."""
    name = f"KMAFLOW_{str(error['loc'][0]).upper()}" if error["loc"] else "?"
    ko, en = _FAULTS.get(error["type"], ("값을 이해할 수 없습니다", "this cannot be understood"))
    values = {key: str(value).replace(" or ", ", ") for key, value in error.get("ctx", {}).items()}
    return f"{name}: {ko.format(**values)}", f"{name}: {en.format(**error.get('ctx', {}))}"
