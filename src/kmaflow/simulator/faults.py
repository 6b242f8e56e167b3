"""Faults the simulated hub can be told to show: their syntax, their rates and exact plans.

Faults of an answer (`truncate`, `http504`, …) are drawn from the seed and the number of the request, so the
same requests in the same order meet the same faults. Faults of the data (`late`, `blank`, `correction`) are
drawn from the seed, the station and the stamp, so they do not depend on who asks.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

ANSWER_FAULTS = ("http504", "json200", "maintenance", "drop", "truncate", "garbage", "slow")
"""Faults of one answer, in the order drawn; at most one is shown, except that slow adds to any."""

DATA_FAULTS = ("late", "blank", "correction")
"""Faults of the published data; the argument is how long they last, in seconds."""

DEFAULT_ARGUMENT = {"slow": 30.0, "late": 480.0, "blank": 900.0, "correction": 1800.0, "maintenance": 200.0}
"""Seconds for slow, late, blank and correction; the HTTP status for maintenance (200 or 503)."""

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


class FaultSyntaxError(ValueError):
    """A `--faults` text that cannot be understood; the message says which part and what is possible."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Rates (0..1) and arguments of faults; `retry_after` (s) goes with 503 and 504 answers."""

    rates: Mapping[str, float] = field(default_factory=dict)
    arguments: Mapping[str, float] = field(default_factory=dict)
    retry_after: int | None = None

    def rate(self, name: str) -> float:
        """Probability of the fault `name`, 0 where it was not asked for."""
        return self.rates.get(name, 0.0)

    def argument(self, name: str) -> float:
        """Argument of the fault `name`: seconds, or an HTTP status for maintenance."""
        return self.arguments.get(name, DEFAULT_ARGUMENT.get(name, 0.0))

    def settled_after(self) -> float:
        """Seconds after production when no data fault can change a cell any more."""
        return sum(self.argument(name) for name in DATA_FAULTS if self.rate(name) > 0)

    def text(self) -> str:
        """The same faults as `parse_faults` reads them."""
        parts = [f"{name}={self.rates[name]:g}:{self.argument(name):g}" for name in self.rates]
        if self.retry_after is not None:
            parts.append(f"retry_after={self.retry_after}")
        return ",".join(parts)


def _number(text: str, part: str) -> float:
    unit = _UNITS.get(text[-1:])
    try:
        return float(text[:-1]) * unit if unit is not None else float(text)
    except ValueError:
        raise FaultSyntaxError(f"{part!r}: {text!r} is not a number (2, 0.5, 2s, 5m)") from None


def parse_faults(text: str) -> Faults:
    """Reads `truncate=0.05,slow=0.1:2s,late=0.02:8m,retry_after=30`: NAME=PROBABILITY[:ARGUMENT], …"""
    rates: dict[str, float] = {}
    arguments: dict[str, float] = {}
    retry_after: int | None = None
    for part in (piece.strip() for piece in text.split(",")):
        if not part:
            continue
        name, _, value = part.partition("=")
        if name == "retry_after":
            retry_after = int(_number(value, part))
            continue
        if name not in ANSWER_FAULTS + DATA_FAULTS:
            known = ", ".join((*ANSWER_FAULTS, *DATA_FAULTS, "retry_after"))
            raise FaultSyntaxError(f"{part!r}: unknown fault {name!r}; known are {known}")
        rate, _, argument = value.partition(":")
        rates[name] = _number(rate, part)
        if not 0.0 <= rates[name] <= 1.0:
            raise FaultSyntaxError(f"{part!r}: a probability lies between 0 and 1")
        if argument:
            arguments[name] = _number(argument, part)
    return Faults(rates, arguments, retry_after)


@dataclass(slots=True)
class Plan:
    """The next `count` requests to `endpoint` (`*`: any) whose query holds `match` answer with `fault`."""

    fault: str
    endpoint: str = "*"
    count: int = 1
    argument: float | None = None
    match: Mapping[str, str] = field(default_factory=dict)

    def fits(self, endpoint: str, query: Mapping[str, str]) -> bool:
        """Whether this plan speaks of such a request."""
        same = self.endpoint in ("*", endpoint)
        return same and all(query.get(name) == value for name, value in self.match.items())


@dataclass(frozen=True, slots=True)
class Drawn:
    """What happens to one request: a fault's name (or None), its argument, and seconds to wait first."""

    fault: str | None = None
    argument: float = 0.0
    wait_s: float = 0.0


class FaultDesk:
    """Decides, request by request, which fault is shown. Safe to call from several threads."""

    def __init__(self, seed: int, faults: Faults) -> None:
        self._lock = threading.Lock()
        self._seed = seed
        self._requests = 0
        self._plans: list[Plan] = []
        self.faults = faults

    @property
    def plans(self) -> list[Plan]:
        """Plans that still have requests to answer."""
        with self._lock:
            return list(self._plans)

    def plan(self, plan: Plan) -> None:
        """Adds an exact plan; plans are used up in the order in which they came."""
        if plan.fault not in ANSWER_FAULTS:
            raise FaultSyntaxError(f"{plan.fault!r} cannot be planned; can be: {', '.join(ANSWER_FAULTS)}")
        with self._lock:
            self._plans.append(plan)

    def clear(self) -> None:
        """No plans and no rates any more."""
        with self._lock:
            self._plans.clear()
            self.faults = Faults()

    def draw(self, endpoint: str, query: Mapping[str, str]) -> Drawn:
        """The fate of the next request. Counts the request."""
        with self._lock:
            self._requests += 1
            number = self._requests
            faults = self.faults
            planned = next((plan for plan in self._plans if plan.fits(endpoint, query)), None)
            if planned is not None:
                planned.count -= 1
                if planned.count <= 0:
                    self._plans.remove(planned)
        if planned is not None:
            argument = faults.argument(planned.fault) if planned.argument is None else planned.argument
            if planned.fault == "slow":
                return Drawn(None, argument, argument)
            return Drawn(planned.fault, argument)
        wait = faults.argument("slow") if self._hit(faults, "slow", number) else 0.0
        for name in ANSWER_FAULTS[:-1]:
            if self._hit(faults, name, number):
                return Drawn(name, faults.argument(name), wait)
        return Drawn(None, 0.0, wait)

    def _hit(self, faults: Faults, name: str, number: int) -> bool:
        # CRC-32 of a short text is even enough for rates, and stable on every machine and Python version.
        draw = zlib.crc32(f"{self._seed}/{name}/{number}/{number * 2654435761 % 4294967296}".encode())
        return draw / 4294967296 < faults.rate(name)
