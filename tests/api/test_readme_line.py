"""The line of the READMEs that asks the weather at a place, as somebody types it; and the one that `make run` prints."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kmaflow.catalog.time import now_kst
from kmaflow.run.launch import Running
from kmaflow.run.secrets import token_to_try
from kmaflow.store import Store, tokens

from ..read.test_place import expected_of
from .conftest import Api

_ROOT = Path(__file__).parents[2]
#: Where an Airflow of `make run` has mounted the API.
_MOUNT = "http://127.0.0.1:8080/kmaflow"


def asked(line: str, api: Api, token: str) -> Any:
    done = subprocess.run(
        ["sh", "-c", line.replace(_MOUNT, api.url).replace("curl ", "curl -s --noproxy '*' ", 1)],
        env={**os.environ, "TOKEN": token}, capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", ["README.md", "README.ko.md"])
def test_the_line_of_the_first_screen(api: Api, name: str) -> None:
    screen = (_ROOT / name).read_text(encoding="utf-8").splitlines()[:60]
    (line,) = (line for line in screen if line.startswith("curl "))
    values = asked(line, api, api.token)["values"]
    assert set(values) == {"ta", "rn_15m", "rn_60m", "rn_day", "ws10", "wd10"}
    told = values["ta"]
    stn = next(stn for _, stn in api.filled.by_distance(37.5, 127.0) if expected_of(api.filled, "ta", stn))
    assert (told["station"]["stn"], told["unit"], told["age_minutes"]) == (stn, "°C", 3.0)
    assert told["value"] == (expected_of(api.filled, "ta", stn) or (0, 0, None))[2]


def test_make_run_prints_a_line_that_works(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "api_token"
    token = token_to_try(path, api.filled.url)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert token_to_try(path, api.filled.url) == token, "the next start shows the same"
    running: Any = SimpleNamespace(token=token, ui_url="http://127.0.0.1:8080")
    shown: Any = Running.try_line
    assert asked(shown.fget(running), api, "")["values"]["ta"]["station"]
    with Store(api.filled.url) as store:
        tokens.revoke(store, "make-run")
        other = token_to_try(path, api.filled.url)
        assert other != token
        assert next(one for one in tokens.listed(store) if one.name == "make-run").valid(now_kst())
    path.unlink()
    assert token_to_try(path, api.filled.url) != other
