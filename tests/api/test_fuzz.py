"""Whatever is asked: an answer that the OpenAPI page documents, never an unforeseen error."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import Api

_WORDS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["", "all", "ta", "rain", "기온", "108", "서울", "108,159", "0", "-1", "nan", "inf", "1e400", "aws_minute", "asos_hourly", "json",
                     "csv", "parquet", "geojson", "kma", "people", "si", "ko", "cf", "1h", "1d", "true", "2025-01-15", "2025-01-15 12:40", "202501151250",
                     "2026-02-30", "9999-12-31", "37.5", "127.0", "126,37,128,38", "%00", "' OR 1=1 --"]),
)  # fmt: skip


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_answer_is_documented(api: Api, data: st.DataObject) -> None:
    if not api.filled.url.startswith("sqlite"):
        pytest.skip("what is asked is checked before any database")
    if not _described:
        _described.update(httpx.get(f"{api.url}/openapi.json", trust_env=False).json()["paths"])
    path = data.draw(st.sampled_from(sorted(_described)))
    operation = _described[path]["get"]
    names = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
    asked_path = re.sub(r"{\w+}", lambda _: quote(data.draw(_WORDS.filter(bool)), safe=""), path)
    asked = {name: data.draw(_WORDS) for name in names if data.draw(st.booleans())}
    if data.draw(st.booleans()):
        asked |= {"dataset": "aws_minute", "from": "2025-01-15 12:20", "to": "2025-01-15 12:50"}
    answer = api.client.get(asked_path, params={name: text for name, text in asked.items() if name in names})
    assert str(answer.status_code) in operation["responses"], (path, asked, answer.text)
    assert answer.status_code < 500
    kind = answer.headers["content-type"].partition(";")[0]
    assert kind in operation["responses"][str(answer.status_code)]["content"], (path, asked)


_described: dict[str, Any] = {}
