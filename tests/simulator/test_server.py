"""The simulator as a real HTTP server."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
import uvicorn

import kmaflow.simulator
from kmaflow.simulator import DEFAULT_KEY, PortTaken, SimulatorSettings, parse_faults, running, serve
from kmaflow.simulator.server import Running

from .asking_hub import NOW
from .tiny_parser import lines

QUERY = {"tm2": "202611221200", "disp": "1", "authKey": DEFAULT_KEY}


def _minute(handle: Running, **more: str) -> httpx.Response:
    return httpx.get(f"{handle.url}/cgi-bin/url/nph-aws2_min", params={**QUERY, **more}, timeout=120)


def test_answers(server: Running) -> None:
    answer = _minute(server)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=EUC-KR"
    assert answer.headers["content-encoding"] == "gzip"
    assert len(lines(answer.content)) > 700
    plain = httpx.get(answer.request.url, headers={"Accept-Encoding": "identity"}, timeout=60)
    assert "content-encoding" not in plain.headers
    assert plain.content == answer.content
    assert server.url == f"{server.base_url}/api/typ01"
    assert server.settings.now == NOW


def test_errors_and_pages(server: Running) -> None:
    assert _minute(server, authKey="no").status_code == 401
    missing = httpx.get(f"{server.url}/url/kma_aws2.php", params=QUERY, timeout=60)
    assert missing.status_code == 404
    assert missing.headers["content-type"] == "application/json; charset=UTF-8"
    assert httpx.get(f"{server.base_url}/_sim/health", timeout=60).json()["status"] == "ok"
    assert httpx.get(f"{server.base_url}/_sim/usage", timeout=60).json()["requests"] >= 2
    truth = {"dataset": "aws_minute", "tm1": "202611221200", "tm2": "202611221200", "stn": "108"}
    assert len(httpx.get(f"{server.base_url}/_sim/truth", params=truth, timeout=60).json()["cells"]) == 1


def test_many_at_once(server: Running) -> None:
    found: list[int] = []

    def ask(minute: int) -> None:
        found.append(len(lines(_minute(server, tm2=f"2026112211{minute:02d}").content)))

    threads = [threading.Thread(target=ask, args=(minute,)) for minute in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12
    assert min(found) > 700


def test_drop_and_slow() -> None:
    with running(SimulatorSettings(now=NOW, charset=None)) as handle:
        assert _minute(handle).headers["content-type"] == "text/plain"
        faults = f"{handle.base_url}/_sim/faults"
        assert httpx.post(faults, json={"plan": [{"fault": "drop"}]}, timeout=60).status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            _minute(handle)
        httpx.post(faults, json={"plan": [{"fault": "slow", "argument": 0.3}]}, timeout=60)
        begin = time.monotonic()
        assert _minute(handle).status_code == 200
        assert time.monotonic() - begin >= 0.3
        handle.stop()
        with pytest.raises(httpx.ConnectError):
            _minute(handle)


def test_rates_given_at_start() -> None:
    with running(SimulatorSettings(now=NOW, faults=parse_faults("http504=1,retry_after=3"))) as handle:
        answer = _minute(handle)
        assert (answer.status_code, answer.headers["retry-after"]) == (504, "3")


def test_taken_port(server: Running) -> None:
    port = int(server.base_url.rsplit(":", 1)[1])
    with pytest.raises(PortTaken, match=str(port)):
        serve(port=port)
    with pytest.raises(PortTaken), running(port=port):
        pass


def test_ipv6() -> None:
    with contextlib.suppress(PortTaken), running(SimulatorSettings(now=NOW), host="::1") as handle:
        assert handle.base_url.startswith("http://[::1]:")
        assert _minute(handle).status_code == 200


def test_a_server_that_dies_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_: None)
    with pytest.raises(RuntimeError, match="did not start"), running(SimulatorSettings(now=NOW)):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_at_a_signal(number: signal.Signals) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = f"from kmaflow.simulator import serve; serve(port={port}); print('ended')"
    source = str(Path(kmaflow.simulator.__file__).parents[2])
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": source},
    )
    while child.poll() is None:
        with contextlib.suppress(httpx.ConnectError):
            assert httpx.get(f"http://127.0.0.1:{port}/_sim/health", timeout=60).json()["status"] == "ok"
            break
        time.sleep(0.05)
    child.send_signal(number)
    _, err = child.communicate(timeout=60)
    assert child.returncode in (0, -number), err
    assert "Traceback" not in err


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_serve_here(monkeypatch: pytest.MonkeyPatch, error: type[BaseException] | None) -> None:
    """The same in this process, without a signal."""

    def run(*_: object) -> None:
        if error is not None:
            raise error

    monkeypatch.setattr(uvicorn.Server, "run", run)
    serve(port=0)


def test_importing_is_cheap() -> None:
    code = (
        "import sys, kmaflow.simulator as s; s.SimulatorSettings(); s.parse_faults('drop=1');"
        "heavy = {'numpy', 'polars', 'starlette', 'uvicorn'} & set(sys.modules); assert not heavy, heavy"
    )
    source = str(Path(kmaflow.simulator.__file__).parents[2])
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": source})
    with pytest.raises(AttributeError, match="nothing"):
        _ = kmaflow.simulator.nothing


def test_it_imports_nothing_of_ours_outside_itself() -> None:
    for path in Path(kmaflow.simulator.__file__).parent.glob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if len(words) > 1 and words[0] in ("import", "from") and words[1].startswith("kmaflow"):
                assert words[1].startswith("kmaflow.simulator"), (path.name, line)
