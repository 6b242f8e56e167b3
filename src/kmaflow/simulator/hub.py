"""The hub itself: a request in, an answer out.

Knows nothing of HTTP servers, so it can be called in a thread.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kmaflow.simulator import answers, incomplete
from kmaflow.simulator.answers import Answer
from kmaflow.simulator.asking import (
    HOUR_ENDPOINTS,
    PATHS,
    STATION_ENDPOINT,
    Ask,
    read_hours,
    read_minutes,
    read_stations,
    whole_number,
)
from kmaflow.simulator.bodies import body
from kmaflow.simulator.clock import Clock, minute_of
from kmaflow.simulator.faults import Drawn, FaultDesk, Faults
from kmaflow.simulator.headers import END, station_header
from kmaflow.simulator.keys import KeyDesk, Logged
from kmaflow.simulator.published import Source
from kmaflow.simulator.settings import SimulatorSettings
from kmaflow.simulator.station_list import listed, station_rows


class BodyCache:
    """Finished bodies that can never change again, the latest used ones, bounded by bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._bodies: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[object, ...]) -> bytes | None:
        """The body kept under a key."""
        with self._lock:
            if key in self._bodies:
                self._bodies.move_to_end(key)
            return self._bodies.get(key)

    def put(self, key: tuple[object, ...], value: bytes) -> None:
        """Keeps a body if it fits."""
        if len(value) > self._limit:
            return
        with self._lock:
            self._size += len(value) - len(self._bodies.pop(key, b""))
            self._bodies[key] = value
            while self._size > self._limit:
                self._size -= len(self._bodies.popitem(last=False)[1])


class Hub:
    """Everything behind one simulated host: clock, keys, faults, weather."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.settings = settings
        self.clock = Clock(settings.now, settings.speed)
        self.keys = KeyDesk(settings.keys, settings.log_length)
        self.faults = FaultDesk(settings.seed, settings.faults)
        self.source = Source(settings)
        self._bodies = BodyCache(settings.body_cache_bytes)

    def draw(self, path: str, query: Mapping[str, str]) -> Drawn:
        """The fault of a request that asks for data; counts it."""
        return self.faults.draw(PATHS[path], query)

    def answer(self, path: str, query: Mapping[str, str], drawn: Drawn | None = None) -> Answer:
        """Answers one request: key, quota, fault, data, in this order.

        `drawn`: what `draw` said, None for no fault.
        """
        today = self.clock.now().date()
        operation = PATHS.get(path)
        if operation is None:
            found = answers.json_error(404, answers.NO_SUCH_API)
            self._log(path.rsplit("/", 1)[-1], query, found, None)
            return found
        key = query.get("authKey")
        refused = self.keys.refusal(key, operation, today)
        if refused is not None:
            self._log(operation, query, refused, None)
            return refused
        drawn = drawn or Drawn()
        found = self._faulty(drawn, operation, query)
        self.keys.count(key or "", operation, today, len(found.body) + found.blanks)
        self._log(operation, query, found, drawn.fault)
        return found

    def _log(self, operation: str, query: Mapping[str, str], answer: Answer, fault: str | None) -> None:
        shown = "&".join(f"{name}={value}" for name, value in query.items() if name != "authKey")
        at = self.clock.now().isoformat(sep=" ", timespec="seconds")
        self.keys.log(Logged(at, operation, shown, answer.status, len(answer.body), fault))

    def _faulty(self, drawn: Drawn, operation: str, query: Mapping[str, str]) -> Answer:
        retry = self.faults.faults.retry_after
        if drawn.fault == "http504":
            return answers.gateway_timeout(retry)
        if drawn.fault == "json200":
            return answers.json_error(401, answers.BAD_KEY, http_status=200)
        if drawn.fault == "maintenance":
            return answers.maintenance(int(drawn.argument), retry)
        if drawn.fault == "user_input":
            return answers.bad_parameters()
        if operation in self.faults.faults.ignore_tm1:
            query = {name: value for name, value in query.items() if name != "tm1"}
        found = self._data(operation, query)
        if found.status != 200 or drawn.fault is None:
            return found
        return replace(found, **_SHOWN[drawn.fault](found.body, drawn))

    def _data(self, operation: str, query: Mapping[str, str]) -> Answer:
        charset = self.settings.charset
        kind = "text/plain" + (f"; charset={charset}" if charset else "")
        if operation == STATION_ENDPOINT:
            return Answer(200, self._stations(query), kind)
        enforce = self.settings.enforce_limits
        now = self.clock.now()
        if operation in HOUR_ENDPOINTS:
            latest = (minute_of(now) - int(-(-self.settings.hour_latency_s // 60))) // 60 * 60
            ask = read_hours(operation, query, latest, enforce=enforce)
        else:
            ask = read_minutes(operation, query, now, enforce=enforce)
        if ask.verdict == "gateway":
            return answers.gateway_timeout(self.faults.faults.retry_after)
        return Answer(200, self._body(ask), kind)

    def _body(self, ask: Ask) -> bytes:
        now, faults = self.clock.now(), self.faults.faults
        if not len(ask.minutes) or not self.source.settled(ask.dataset, int(ask.minutes[-1]), now, faults):
            return body(self.source, ask, now, faults)
        # the oldest minute is part of the key, since retention moves on with the clock
        first = int(ask.minutes[0])
        gone = max(first, self.source.oldest(ask.dataset, now))
        stations = tuple(self.source.members(ask.dataset, ask.numbers).tolist())
        key = (
            ask.endpoint, first, int(ask.minutes[-1]), len(ask.minutes), stations, ask.disp, ask.help_,
            ask.year,
            ask.verdict, ask.span, gone,
        )  # fmt: skip
        kept = self._bodies.get(key)
        if kept is None:
            kept = body(self.source, ask, now, Faults())
            self._bodies.put(key, kept)
        return kept

    def _stations(self, query: Mapping[str, str]) -> bytes:
        """stn_inf.php.

        Assumed: `tm` has no effect, an `inf` other than AWS or SFC is SFC, help=2 is help=0.
        """
        network = "AWS" if query.get("inf", "").upper() == "AWS" else "SFC"
        law = self.settings.law_addr_aws if network == "AWS" else self.settings.law_addr_sfc
        wanted = read_stations(query.get("stn"), lists=True)
        rows = [row for row in listed(network) if wanted is None or row.stn in wanted]
        head = station_header(network, help_=1 if whole_number(query.get("help"), 0) == 1 else 0, law_addr=law)
        return head + station_rows(rows, network, law_addr=law) + END


def _garbled(text: bytes) -> bytes:
    """The same answer with one data line in which a field is no number and another is gone."""
    lines = text.split(b"\n")
    data = [number for number, line in enumerate(lines) if line and not line.startswith(b"#")]
    if data:
        chosen = data[len(data) // 2]
        lines[chosen] = lines[chosen][: len(lines[chosen]) // 2] + b"\xa4?*"
    return b"\n".join(lines)


def _cut(text: bytes, size: int) -> bytes:
    """The first bytes of an answer, never so many that the end mark is there."""
    return text[: max(min(size, len(text) - len(END)), 0)]


_Shown = Callable[[bytes, Drawn], dict[str, Any]]
_SHOWN: Mapping[str, _Shown] = {
    "drop": lambda _, __: {"cut": True},
    # in the middle of a line
    "truncate": lambda text, _: {"body": _cut(text, len(text) * 3 // 5 - len(END))},
    "garbage": lambda text, _: {"body": _garbled(text)},
    "last_stamps": lambda text, drawn: {"body": incomplete.without_last_stamps(text, int(drawn.argument))},
    "one_stamp": lambda text, drawn: {"body": incomplete.without_one_stamp(text, drawn.choice)},
    "no_rows": lambda text, _: {"body": incomplete.without_rows(text)},
    "empty_station": lambda text, _: {"body": incomplete.without_rows(text)},
    "few_stations": lambda text, drawn: {"body": incomplete.without_stations(text, drawn.argument, drawn.choice)},
    "short_list": lambda text, drawn: {"body": incomplete.short_list(text, drawn.argument)},
    "header_unit": lambda text, _: {"body": incomplete.other_unit(text)},
    "header_comment": lambda text, _: {"body": incomplete.more_comments(text)},
    "header_column": lambda text, drawn: {"body": incomplete.new_column(text, int(drawn.argument))},
    "cut_length": lambda text, drawn: {"body": _cut(text, int(drawn.argument)) if len(text) > drawn.argument else text},
    "cut_time": lambda text, drawn: {"body": _cut(text, len(text) * (30 + drawn.choice % 60) // 100)},
    "drip": lambda _, drawn: {"pace_s": drawn.argument},
    "bomb": lambda _, drawn: {"blanks": int(drawn.argument)},
}
"""What a fault makes of a good answer."""
