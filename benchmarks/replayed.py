"""A hub that only repeats: the simulator's answers, rendered once into a folder, served by a process that does nothing else.

The simulator renders a day of all stations in minutes; asked for it again it would still cost what is not ours to measure. Days other than the one
rendered are that day's bodies with other dates in them.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from simulated import simulated_hub

from kmaflow.catalog import DATASETS, STATION_LISTS
from kmaflow.catalog.time import Window
from kmaflow.collect.planning.calls import Call, plan
from kmaflow.simulator import DEFAULT_KEY
from kmaflow.store.selection import ALL

#: The day that is rendered, and the moment at which the simulator's clock stands.
DAY = Window(datetime(2026, 11, 21), datetime(2026, 11, 22))
_NOW = "now=datetime(2026, 11, 22, 13), day_cache=3"
_ONE = timedelta(days=1)


def question(name: str, call: Call) -> tuple[str, dict[str, str]]:
    """Endpoint and parameters of a call, as the client asks it."""
    dataset = DATASETS[name]
    stamps = list(call.window.stamps(dataset.cadence))
    times = {"tm1": f"{stamps[0]:%Y%m%d%H%M}", "tm2": f"{stamps[-1]:%Y%m%d%H%M}", "stn": str(call.stn or 0)}
    return dataset.request.endpoint, {**dataset.request.parameters, **times}


def questions(name: str, window: Window) -> list[tuple[str, dict[str, str]]]:
    """The calls for a window of all stations."""
    return [question(name, call) for call in plan(DATASETS[name], window, ALL, 10)]


def path_of(folder: Path, endpoint: str, parameters: Iterable[tuple[str, str]]) -> Path:
    """Where an answer is kept."""
    asked = urlencode(sorted((name, value) for name, value in parameters if name != "authKey"))
    return folder / sha256(f"{endpoint.rpartition('/')[2]}?{asked}".encode()).hexdigest()[:32]


def render(folder: Path, windows: dict[str, Window]) -> None:
    """Have the simulator answer what the folder does not hold yet: these windows, and the station lists."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [(lists.endpoint, dict(lists.parameters)) for lists in STATION_LISTS.values()]
    for name, window in windows.items():
        wanted += questions(name, window)
    wanted = [one for one in wanted if not path_of(folder, one[0], one[1].items()).exists()]
    if not wanted:
        return
    print(f"rendering {len(wanted)} answers into {folder} (once)", flush=True)
    with simulated_hub(_NOW) as url, httpx.Client(timeout=600) as http:

        def ask(one: tuple[str, dict[str, str]]) -> None:
            answer = http.get(f"{url}/{one[0]}", params={**one[1], "authKey": DEFAULT_KEY}).raise_for_status()
            path = path_of(folder, one[0], one[1].items())
            path.with_suffix(".new").write_bytes(answer.content)
            path.with_suffix(".new").rename(path)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(ask, wanted))


@contextmanager
def replaying(folder: Path) -> Iterator[str]:
    """The URL of a hub that repeats what the folder holds, in a process of its own."""
    command = [sys.executable, __file__, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as hub:
        assert hub.stdout is not None
        assert hub.stdin is not None
        try:
            yield f"http://127.0.0.1:{int(hub.stdout.readline())}/api/typ01"
        finally:
            hub.stdin.close()


class _Hub:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = self._answer(head.split(b" ", 2)[1].decode())
                status = b"200 OK" if body is not None else b"404 Not Found"
                writer.write(
                    b"HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
                    % (status, len(body or b""))
                )
                writer.write(body or b"")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionResetError):
            writer.close()

    def _answer(self, target: str) -> bytes | None:
        parts = urlsplit(target)
        asked = dict(parse_qsl(parts.query))
        path = path_of(self._folder, parts.path, asked.items())
        if path.exists():
            return path.read_bytes()
        if not re.fullmatch(r"\d{12}", asked.get("tm2", "")):
            return None
        # Another day: the rendered day's answer with other dates.
        first = datetime.strptime(asked["tm1"], "%Y%m%d%H%M") - timedelta(minutes=1)
        moved = DAY.start - first.replace(hour=0, minute=0)
        times = {name: datetime.strptime(asked[name], "%Y%m%d%H%M") + moved for name in ("tm1", "tm2")}
        path = path_of(
            self._folder, parts.path, (asked | {name: f"{at:%Y%m%d%H%M}" for name, at in times.items()}).items()
        )
        if not path.exists():
            return None
        body = path.read_bytes()
        days = [DAY.start, DAY.end]
        for day in days if moved > timedelta(0) else reversed(days):
            body = body.replace(b"%d" % int(f"{day:%Y%m%d}"), b"%d" % int(f"{day - moved:%Y%m%d}"))
        return body


async def _serve(folder: Path) -> None:
    server = await asyncio.start_server(_Hub(folder).meet, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
