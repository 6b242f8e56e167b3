"""Every block of docs/en/recipes.md (docs/ko has the same ones) run by what it is for."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import pytest
import sqlalchemy as sa
import yaml
from mcp import Client, StdioServerParameters

from kmaflow.read import lake

from ..read.test_place import expected_of
from .conftest import Api

_PAGE = Path(__file__).parents[2] / "docs" / "en" / "recipes.md"
_ADDRESS = "http://127.0.0.1:8800"


def blocks(title: str, kind: str) -> list[str]:
    section = _PAGE.read_text(encoding="utf-8").split(f"## {title}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{kind}\n(.*?)```", section, re.DOTALL)


def run(code: str, api: Api, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A block of Python, with the API and a token at hand; its names."""
    monkeypatch.setenv("TOKEN", api.token)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    names: dict[str, Any] = {}
    exec(compile(code.replace(_ADDRESS, api.url), "recipe", "exec"), names)
    return names


def test_pandas(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = blocks("pandas in five lines", "python")
    frame = run(code, api, monkeypatch)["frame"]
    truth = {tm: values["ta"] for tm, values in api.filled.cells["aws_minute"][108]}
    assert {tm.to_pydatetime(): None if pd.isna(value) else value for tm, value in frame["ta"].items()} == truth


def test_pandas_from_the_database(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMAFLOW_DATABASE_URL", api.filled.url)
    (code,) = blocks("pandas from the database", "python")
    means = run(code, api, monkeypatch)["means"]
    assert [f"{tm:%H:%M}" for tm in means.index] == ["12:30", "12:40", "12:50"]
    for stn in (108, 159):
        mine = [
            values["ta"]
            for tm, values in api.filled.cells["aws_minute"][stn]
            if values["ta"] is not None and 20 < tm.minute <= 30
        ]
        assert means[str(stn)].iloc[0] == pytest.approx(sum(mine) / len(mine))


def test_hours_for_excel(api: Api, tmp_path: Path) -> None:
    (lines,) = blocks("Hours of two cities for Excel", "sh")
    environment = {
        **os.environ,
        "KMAFLOW_DATABASE_URL": api.filled.url,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    subprocess.run(["sh", "-ec", lines], cwd=tmp_path, env=environment, check=True, timeout=60)
    head, row = (tmp_path / "hours.csv").read_text(encoding="utf-8-sig").splitlines()
    assert head == "일시,서울 108 1분 평균 기온: 평균(°C),부산 159 1분 평균 기온: 평균(°C)"
    assert row.startswith("2025-01-15 13:00:00,")
    assert (tmp_path / "hours.xlsx").stat().st_size > 5_000


def test_excel(api: Api, tmp_path: Path) -> None:
    (line,) = blocks("Excel with Korean headers", "sh")
    command = line.replace(_ADDRESS, api.url).replace("curl ", "curl -s --noproxy '*' ", 1)
    subprocess.run(["sh", "-c", command], cwd=tmp_path, env={**os.environ, "TOKEN": api.token}, check=True, timeout=60)
    content = (tmp_path / "seoul.csv").read_bytes()
    assert content.startswith("\ufefftm_kst,stn,기온,상대습도,풍속\n".encode())
    assert content.count(b"\n") == 1 + len(api.filled.cells["asos_hourly"][108])


def test_duckdb_over_a_lake(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert blocks("DuckDB over a lake", "sh") == ["kmaflow export all --lake archive/lake\n"]
    monkeypatch.chdir(tmp_path)
    list(lake.keep(api.filled.store, "archive/lake"))
    (code,) = blocks("DuckDB over a lake", "python")
    best = run(code, api, monkeypatch)["hottest"].fetchall()
    truth = {
        stn: [v["ta"] for _, v in told if v["ta"] is not None] for stn, told in api.filled.cells["aws_minute"].items()
    }
    assert [ta for _, ta in best] == sorted((max(values) for values in truth.values() if values), reverse=True)[:5]


def test_grafana(api: Api) -> None:
    (query,) = blocks("Grafana", "sql")
    condition = "tm_utc >= '2025-01-15 00:00:00' AND tm_utc < '2025-01-16 00:00:00'"
    query = query.replace("$__timeFilter(tm_utc)", condition)
    if api.filled.store.engine.dialect.name == "mysql":
        query = query.replace('"', "`")
    with api.filled.store.engine.connect() as connection:
        ((_, ta, gust),) = connection.execute(sa.text(query)).all()
    values = [values for _, values in api.filled.cells["aws_minute"][108]]
    known = [value["ta"] for value in values if value["ta"] is not None]
    assert ta == pytest.approx(sum(known) / len(known))
    assert gust == max(value["wss"] for value in values if value["wss"] is not None)
    (text,) = blocks("Grafana", "json")
    asked = json.loads(text.replace(_ADDRESS, api.url).replace("TOKEN", api.token))
    headers = {one["key"]: one["value"] for one in asked["url_options"]["headers"]}
    rows = api.client.get(asked["url"], headers=headers).json()[asked["root_selector"]]
    assert len(rows) == 30
    assert {column["selector"] for column in asked["columns"]} <= set(rows[0])


def test_home_assistant(api: Api) -> None:
    (text,) = blocks("Home Assistant", "yaml")
    (rest,) = yaml.safe_load(text.replace(_ADDRESS, api.url).replace("TOKEN", api.token))["rest"]
    answer = api.client.get(rest["resource"], headers=rest["headers"]).json()
    shown = [jinja2.Template(sensor["value_template"]).render(value_json=answer) for sensor in rest["sensor"]]
    stn = next(stn for _, stn in api.filled.by_distance(37.5, 127.0) if expected_of(api.filled, "ta", stn))
    told = expected_of(api.filled, "ta", stn)
    assert told is not None
    assert float(shown[0]) == told[2]
    assert [answer["values"][name]["unit"] for name in ("ta", "hm", "rn_60m")] == [
        one["unit_of_measurement"] for one in rest["sensor"]
    ]


def test_mail(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[EmailMessage] = []

    class Server:
        def __init__(self, host: str) -> None:
            assert host == "localhost"

        def __enter__(self) -> Server:
            return self

        def __exit__(self, *_: object) -> None:
            return

        def send_message(self, message: EmailMessage) -> None:
            sent.append(message)

    monkeypatch.setattr("smtplib.SMTP", Server)
    (code,) = blocks("Rain at three sites, every hour by e-mail", "python")
    run(code, api, monkeypatch)
    (message,) = sent
    lines = message.get_content().splitlines()
    assert [line.split(":")[0] for line in lines] == ["office", "factory", "store"]
    assert any(" mm (" in line for line in lines)


def test_an_assistant(api: Api, tmp_path: Path) -> None:
    if not api.filled.url.startswith("sqlite"):
        pytest.skip("the recipe names a SQLite file")
    (text,) = blocks("An assistant", "json")
    told = json.loads(text)["mcpServers"]["kmaflow"]
    assert (told["command"], list(told["env"])) == ("kmaflow", ["KMAFLOW_DATABASE_URL"])
    server = StdioServerParameters(
        command=str(Path(sys.executable).with_name(told["command"])), args=told["args"], cwd=tmp_path,
        env={**os.environ, "KMAFLOW_DATABASE_URL": api.filled.url},
    )  # fmt: skip

    async def ask() -> int:
        async with Client(server) as client:
            return len((await client.list_tools()).tools)

    assert asyncio.run(ask()) == 5
