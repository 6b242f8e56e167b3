"""Errors as RFC 9457 problem details: what happened and what to do, in the language of ``Accept-Language`` (Korean, else English)."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from kmaflow.errors import KmaflowError, UsageError
from kmaflow.store.errors import StoreError, StoreSlow

log = logging.getLogger(__name__)

MEDIA = "application/problem+json"
#: The forms of rows.
MEDIA_OF_ROWS = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "geojson": "application/geo+json",
}
_RETRY_SECONDS = "5"


class Problem(KmaflowError):
    """An answer that is an error.

    Args:
        status: of HTTP.
        headers: of the answer.
    """

    def __init__(
        self,
        status: int,
        what: str,
        *,
        ko: str | None = None,
        todo_en: str,
        todo_ko: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(what, ko=ko, todo_en=todo_en, todo_ko=todo_ko)
        self.status = status
        self.headers = dict(headers or {})


def too_much(what: str, *, ko: str, todo_en: str, todo_ko: str) -> Problem:
    """More than one answer holds."""
    return Problem(413, what, ko=ko, todo_en=todo_en, todo_ko=todo_ko)


def in_korean(request: Request) -> bool:
    """Whether ``Accept-Language`` begins with Korean."""
    return _is_korean(request.headers.get("accept-language", ""))


def _is_korean(language: str) -> bool:
    return language.strip().lower().startswith("ko")


def response_of(problem: Problem, language: str) -> Response:
    """The problem as an answer."""
    korean = _is_korean(language)
    told = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.what_ko if korean else problem.what,
        "way_out": problem.todo_ko if korean else problem.todo_en,
    }
    body = json.dumps(told, ensure_ascii=False).encode()
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Language", **problem.headers}
    return Response(body, problem.status, headers, media_type=MEDIA)


def as_problem(error: Exception) -> Problem:
    """What somebody who asked is told of an error."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, UsageError):
        return Problem(422, error.what, ko=error.what_ko, todo_en=error.todo_en, todo_ko=error.todo_ko)
    if isinstance(error, StoreSlow):
        return Problem(
            413,
            "the answer takes too long",
            ko="응답에 너무 오래 걸립니다",
            todo_en=error.todo_en,
            todo_ko=error.todo_ko,
        )
    if isinstance(error, KmaflowError | sa.exc.TimeoutError):
        # Names of hosts and users are for the log, not for who asks.
        log.warning("%s", error.english if isinstance(error, KmaflowError) else error)
        en, ko = (
            ("the database", "DB가")
            if isinstance(error, StoreError | sa.exc.TimeoutError)
            else ("the archive", "보관소가")
        )
        return Problem(
            503,
            f"{en} cannot answer now",
            ko=f"{ko} 지금 대답하지 못합니다",
            todo_en="ask again in a few seconds; if it stays so, tell who runs this server",
            todo_ko="몇 초 뒤 다시 요청하십시오. 계속되면 서버 관리자에게 알리십시오",
            headers={"Retry-After": _RETRY_SECONDS},
        )
    if isinstance(error, RequestValidationError):
        faults = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors())
        return Problem(
            422,
            faults,
            ko=faults,
            todo_en="correct it: /openapi.json describes every parameter",
            todo_ko="고치십시오: /openapi.json에 모든 변수의 설명이 있습니다",
        )
    if isinstance(error, HTTPException):
        return Problem(
            error.status_code,
            str(error.detail),
            ko=str(error.detail),
            todo_en="/openapi.json describes every route",
            todo_ko="/openapi.json에 모든 주소의 설명이 있습니다",
            headers=error.headers,
        )
    return Problem(
        500,
        "unforeseen error",
        ko="예상하지 못한 오류입니다",
        todo_en="report it with the time",
        todo_ko="시각과 함께 알려 주십시오",
    )


def install(app: FastAPI) -> None:
    """Let the app answer all errors as problems."""

    def answer(request: Request, error: Exception) -> Response:
        return response_of(as_problem(error), request.headers.get("accept-language", ""))

    for kind in (KmaflowError, sa.exc.TimeoutError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)


def documented(*, rows: bool = True) -> dict[int | str, dict[str, Any]]:
    """The answers of every route beside its own, for OpenAPI; with ``rows`` also that it gives rows in several forms."""
    schema = {
        "type": "object",
        "required": ["type", "title", "status", "detail", "way_out"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "what happened"},
            "way_out": {"type": "string", "description": "what to do, in Korean or English"},
        },
    }
    told = {
        304: "unchanged since If-None-Match",
        401: "no valid token",
        404: "nothing of that kind was ever loaded",
        413: "more than one answer holds",
        422: "a parameter cannot be understood",
        429: "too many requests: Retry-After says when",
        503: "the database cannot answer now",
    }
    forms: dict[int | str, dict[str, Any]] = {
        200: {"description": "the answer", "content": {media.partition(";")[0]: {} for media in MEDIA_OF_ROWS.values()}}
    }
    return (forms if rows else {}) | {
        status: {"description": text, **({} if status == 304 else {"content": {MEDIA: {"schema": schema}}})}
        for status, text in told.items()
    }
