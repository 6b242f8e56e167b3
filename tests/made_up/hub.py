"""A hub that answers for the two made-up datasets in KMA's text form; what is asked beside them, the simulator answers."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from kmaflow.catalog.time import DAY, now_kst
from kmaflow.simulator import DEFAULT_KEY, SimulatorSettings
from kmaflow.simulator.hub import Hub

STATIONS = (90, 108, 159)
_HERE = Path(__file__).parent
PACKAGE = "made_up_datasets"


def made_up_package(folder: Path) -> dict[str, str]:
    """Copy the two files into a package of their own; gives the environment in which kmaflow finds them."""
    package = folder / PACKAGE
    package.mkdir()
    (package / "__init__.py").touch()
    for name in ("hourly_rain.py", "daily_extremes.py"):
        shutil.copy(_HERE / name, package)
    return {"KMAFLOW_DATASET_PACKAGES": PACKAGE, "PYTHONPATH": f"{folder}:{_HERE.parents[1]}"}


@dataclass
class MadeUpHub:
    """Answers and remembers what it was asked.

    Attributes:
        asked: (operation, parameters) of each request for a made-up dataset.
        away: printed stamps whose requests end as 503.
        silent: (printed stamp, station) without a row.
    """

    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    away: set[str] = field(default_factory=set)
    silent: set[tuple[str, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._simulator = Hub(SimulatorSettings(now=now_kst()))

    def answer(self, path: str, parameters: dict[str, str]) -> tuple[int, bytes]:
        operation = path.rpartition("/")[2]
        if operation not in ("hourly_rain.php", "daily_extremes.php"):
            found = self._simulator.answer(path, parameters)
            return found.status, found.body
        assert parameters.pop("authKey") == DEFAULT_KEY
        self.asked.append((operation, parameters))
        if operation == "hourly_rain.php":
            assert set(parameters) == {"tm", "var", "help", "stn"}
            stamps, rows = [parameters["tm"]], hourly_body
        else:
            assert set(parameters) == {"tm1", "tm2", "disp", "help", "stn"}
            first, last = (datetime.strptime(parameters[name], "%Y%m%d") for name in ("tm1", "tm2"))
            stamps = [f"{first + count * DAY:%Y%m%d}" for count in range((last - first).days + 1)]
            rows = daily_body
        if self.away.intersection(stamps):
            return 503, "<html>시스템 점검</html>".encode()
        chosen = [int(parameters["stn"])] if parameters["stn"] != "0" else list(STATIONS)
        cells = [(stamp, stn) for stamp in stamps for stn in chosen if (stamp, stn) not in self.silent]
        return 200, rows(cells)


def hourly_body(cells: list[tuple[str, int]]) -> bytes:
    """Rows of a fixed width; rain is the hour of the stamp in tenths of a millimetre and the station's number."""
    head = "# YYMMDDHHMI   STN RN_HR1 QCM\n#        KST    ID     mm\n"
    rows = "".join(f"{stamp}{stn:6d}{rain(stamp, stn):7.1f}{60:4d}\n" for stamp, stn in cells)
    return f"#START7777\n{head}{rows}#7777END\n".encode()


def daily_body(cells: list[tuple[str, int]]) -> bytes:
    """Rows of commas, below a ruler; -9 where the time of day is missing."""
    head = f"#{'234567890' * 30}\n# YYMMDD,STN,TA_MAX,TA_MAX_TM\n"
    rows = "".join(f"{stamp},{stn},{warmth(stamp, stn):.1f},{-9 if stn == 90 else 52}," + "\n" for stamp, stn in cells)
    return f"#START7777\n{head}{rows}#7777END\n".encode()


def rain(stamp: str, stn: int) -> float:
    return stn + int(stamp[8:10]) / 10


def warmth(stamp: str, stn: int) -> float:
    return -9.0 - stn / 10 + int(stamp[6:8])


@contextmanager
def serving(hub: MadeUpHub) -> Iterator[str]:
    """The hub over HTTP; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            status, body = hub.answer(address.path, dict(parse_qsl(address.query)))
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=EUC-KR")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/typ01"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def a_week_ago() -> datetime:
    """A midnight, so long ago that everything of the days after it is there."""
    return (now_kst() - timedelta(days=7)).replace(hour=0, minute=0, second=0, microsecond=0)
