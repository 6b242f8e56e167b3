"""Settings: environment variables ``KMAFLOW_…``, or the same lines in a file ``.env``. The key is a SecretStr and stands nowhere else."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from kmaflow.catalog import PUBLIC_HUB
from kmaflow.catalog.time import parse_time
from kmaflow.errors import UsageError

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
            raise WrongKeyForm(f"{where}: {en} · {ko}")
    return SecretStr(key) if key else None


def _as_time(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parse_time(value) if value.strip() else None
    except UsageError as cause:
        # pydantic names the variable only for errors that it knows.
        raise ValueError(f"no time; {cause.todo_en}") from None


class Settings(BaseSettings):
    """Everything that can be set. Times are naive KST."""

    model_config = SettingsConfigDict(env_prefix="KMAFLOW_", env_file=".env", extra="ignore", hide_input_in_errors=True)

    api_key: SecretStr | None = Field(None, description="인증키 / key of the API Hub")
    hub_url: str = Field(PUBLIC_HUB, description="허브 주소 / hub, ends in /api/typ01")
    home: Path = Field(Path("var"), description="자료를 두는 폴더 / folder for database, archive, Airflow")
    database_url: str = Field("", repr=False, description="관측 DB / SQLAlchemy URL; default: a SQLite file in HOME")
    state_url: str = Field("", repr=False, description="한도·임대 DB / quota and leases; default: DATABASE_URL")
    archive_url: str = Field("", repr=False, description="원문 보관소 / bodies; default: a folder in HOME")
    daily_calls: int = Field(20_000, gt=0, description="하루 호출 한도 / calls a day")
    daily_bytes: int = Field(5_000_000_000, gt=0, description="하루 용량 한도 / bytes a day")
    calls_per_second: float = Field(
        20.0, gt=0, description="1초에 시작할 호출, 프로세스마다 / calls begun in a second, by each process"
    )
    concurrent_calls: int = Field(
        8, gt=0, description="동시에 진행할 호출, 프로세스마다 / calls under way at a time, of each process"
    )
    backfill_share: float = Field(
        1.0, gt=0, le=1, description="과거 채우기가 쓸 하루 한도의 몫 / part of a day's quota that backfill may spend"
    )
    window_minutes: int = Field(
        10, ge=1, le=180, description="전체 지점 한 번에 요청할 분 / stamps per call for all stations"
    )
    stations: str = Field("all", description="저장할 지점 / stations stored: all, or numbers and names")
    start: Annotated[datetime | None, BeforeValidator(_as_time)] = Field(None, description="완전하게 지킬 첫 시각")
    catchup: bool = Field(False, description="Airflow가 지난 구간을 따라잡을지 / whether Airflow catches up")
    revisit_days: int = Field(
        2, ge=0, le=30, description="정정을 찾아 다시 볼 날수 / days that are visited again for corrections"
    )
    max_active_tasks: int = Field(2, ge=1, description="동시에 모으는 자료 수 / datasets collected at the same time")
    ui_port: int = Field(8080, ge=1, le=65535, description="Airflow UI 포트")
    simulator_port: int = Field(8765, ge=1, le=65535, description="시뮬레이터 포트")
    read_url: str = Field(
        "", repr=False, description="HTTP API가 읽을 DB / database of the HTTP API; default: DATABASE_URL"
    )
    serve_host: str = Field("127.0.0.1", description="HTTP API의 주소 / address of the HTTP API")
    serve_port: int = Field(8800, ge=1, le=65535, description="HTTP API의 포트 / port of the HTTP API")
    serve_docs: bool = Field(False, description="OpenAPI 문서를 토큰 없이 / OpenAPI page without a token")
    serve_origins: str = Field("", description="CORS를 허용할 출처 / origins that CORS allows, by commas")

    @field_validator("api_key", mode="after")
    @classmethod
    def _checked_key(cls, key: SecretStr | None) -> SecretStr | None:
        # Not an error of pydantic's, whose texts are English: it comes through as it is.
        return key and checked_key(key.get_secret_value(), "KMAFLOW_API_KEY")

    @model_validator(mode="after")
    def _fill(self) -> Settings:
        self.home = self.home.expanduser().absolute()
        self.database_url = self.database_url or f"sqlite:///{self.home / 'kmaflow.db'}"
        self.state_url = self.state_url or self.database_url
        self.archive_url = self.archive_url or str(self.home / "archive")
        self.hub_url = self.hub_url.rstrip("/")
        return self


def load_settings(**changes: Any) -> Settings:
    """The settings as environment, ``.env`` and ``changes`` (which win) give them.

    Raises:
        UsageError: a value cannot be understood; the message names the variable, never its value.
        WrongKeyForm: KMAFLOW_API_KEY cannot be a key.
    """
    try:
        return Settings(**changes)
    except UnicodeDecodeError:
        raise UsageError(
            "the file .env is not UTF-8",
            todo_en="save it as UTF-8",
            todo_ko=".env를 UTF-8로 저장하십시오",
        ) from None
    except ValidationError as cause:
        faults = "; ".join(
            f"KMAFLOW_{str(error['loc'][0]).upper() if error['loc'] else '?'}: {error['msg']}"
            for error in cause.errors()
        )
    raise UsageError(
        f"a setting is wrong: {faults}",
        todo_en="correct it in the environment or in .env",
        todo_ko="환경변수나 .env에서 고치십시오",
    )
