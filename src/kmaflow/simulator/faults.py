"""Faults the simulated hub can be told to show: their syntax, their rates and exact plans.

Faults of an answer (`truncate`, `http504`, …) are drawn from the seed, the question and how often it was asked
before, so the same questions meet the same faults in whatever order they come, and a question asked again gets
a new draw; with `again=same` it meets the same fault for ever. Faults of the data (`late`, `blank`,
`correction`) are drawn from the seed, the station and the stamp, so they do not depend on who asks.

What each of them does stands in MEANING.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

PARTIAL_FAULTS = ("last_stamps", "one_stamp", "no_rows", "few_stations", "empty_station", "short_list")
"""Faults of one answer that leave out rows and keep the end mark."""

HEADER_FAULTS = ("header_unit", "header_comment", "header_column")
"""Faults of one answer that change its header."""

DATA_FAULTS = ("late", "blank", "correction")
"""Faults of the published data; the argument is how long they last, in seconds."""

MEANING = {
    "http504": "the gateway's page with HTTP 504",
    "json200": "a refusal of the key as JSON with HTTP 200",
    "maintenance": "the maintenance page (HTTP status, 200 or 503)",
    "drop": "the answer stops early, and the connection with it",
    "truncate": "the answer stops early, without its end mark",
    "garbage": "a line that is no row",
    "last_stamps": "a whole answer without the last stamps (how many; one is left)",
    "one_stamp": "a whole answer without one stamp in the middle",
    "no_rows": "a whole answer without any row",
    "few_stations": "a whole answer without a share of the stations (their share)",
    "empty_station": "a whole answer without any row, where one station was asked for",
    "short_list": "a station list without its last rows (their share)",
    "header_unit": "a unit of the header is written otherwise",
    "header_comment": "a dashed line and a sentence more in the header",
    "header_column": "a column more (its place, 0: last)",
    "user_input": "`user_input() error` as plain text with HTTP 200",
    "cut_length": "no answer is longer (bytes)",
    "cut_time": "the answer is ended, wherever it is (after seconds)",
    "drip": "one byte, then one more (after seconds); clearing the faults ends it",
    "bomb": "blanks between header and rows, which gzip makes small (how many)",
    "slow": "the answer comes late, beside any other fault (seconds)",
    "late": "a stamp is published late (seconds)",
    "blank": "a row has missing codes only at first (seconds)",
    "correction": "a value is another at first (seconds)",
}
"""What each fault does, and in brackets what its argument says; those of one answer in the order drawn: at most one is shown, but slow adds to any."""

ANSWER_FAULTS = tuple(name for name in MEANING if name not in DATA_FAULTS)
"""Faults of one answer."""

TRAITS = {
    "retry_after=SECONDS": "goes with 503 and 504 answers",
    "ignore_tm1=OPERATION": "no fault of an answer but a trait of the hub: the operation answers tm2 alone",
    "again=same": "a question asked again meets the same fault for ever (again=new: another draw)",
}
"""What else `parse_faults` reads."""

DEFAULT_ARGUMENT = {
    "slow": 30.0, "late": 480.0, "blank": 900.0, "correction": 1800.0, "maintenance": 200.0, "last_stamps": 3.0,
    "few_stations": 0.6, "short_list": 0.5, "cut_length": 200_000.0, "cut_time": 30.0, "drip": 1.0, "bomb": 2e9,
}  # fmt: skip
"""Seconds for slow, late, blank, correction, cut_time and drip; the HTTP status for maintenance (200 or 503)."""

IGNORES_TM1 = "nph-aws2_min_ww1"
"""The operation whose documented parameters do not hold tm1: what `ignore_tm1` without a value means."""

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


class FaultSyntaxError(ValueError):
    """A `--faults` text that cannot be understood; the message says which part and what is possible."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Rates (0..1) and arguments of faults; `retry_after` (s) goes with 503 and 504 answers.

    ignore_tm1: operations that answer tm2 alone. same_again: a question asked again meets the same fault.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    arguments: Mapping[str, float] = field(default_factory=dict)
    retry_after: int | None = None
    ignore_tm1: frozenset[str] = frozenset()
    same_again: bool = False

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
        parts += [f"ignore_tm1={operation}" for operation in sorted(self.ignore_tm1)]
        if self.same_again:
            parts.append("again=same")
        return ",".join(parts)


def _number(text: str, part: str) -> float:
    unit = _UNITS.get(text[-1:])
    try:
        return float(text[:-1]) * unit if unit is not None else float(text)
    except ValueError:
        raise FaultSyntaxError(f"{part!r}: {text!r} is not a number (2, 0.5, 2s, 5m)") from None


def listed() -> str:
    """All faults, a line each: name, default argument, meaning."""
    lines = []
    for name, meaning in MEANING.items():
        form = f"{name}=P" + (f":{DEFAULT_ARGUMENT[name]:g}" if name in DEFAULT_ARGUMENT else "")
        lines.append(f"{form:<22} {meaning}")
    return "\n".join([*lines, *(f"{form:<22} {meaning}" for form, meaning in TRAITS.items())])


def parse_faults(text: str) -> Faults:
    """Reads `truncate=0.05,slow=0.1:2s,late=0.02:8m,retry_after=30`: NAME=PROBABILITY[:ARGUMENT], …"""
    rates: dict[str, float] = {}
    arguments: dict[str, float] = {}
    retry_after: int | None = None
    ignoring: set[str] = set()
    same_again = False
    for part in (piece.strip() for piece in text.split(",")):
        if not part:
            continue
        name, _, value = part.partition("=")
        if name == "retry_after":
            retry_after = int(_number(value, part))
            continue
        if name == "ignore_tm1":
            if not (value or IGNORES_TM1).startswith("nph-aws2_min"):
                raise FaultSyntaxError(
                    f"{part!r}: ignore_tm1 takes an operation that has tm1: nph-aws2_min, nph-aws2_min_cloud, …"
                )
            ignoring.add(value or IGNORES_TM1)
            continue
        if name == "again":
            if value not in ("new", "same"):
                raise FaultSyntaxError(f"{part!r}: again is new (another draw) or same")
            same_again = value == "same"
            continue
        if name not in MEANING:
            known = ", ".join((*MEANING, *(trait.partition("=")[0] for trait in TRAITS)))
            raise FaultSyntaxError(f"{part!r}: unknown fault {name!r}; known are {known}")
        rate, _, argument = value.partition(":")
        rates[name] = _number(rate, part)
        if not 0.0 <= rates[name] <= 1.0:
            raise FaultSyntaxError(f"{part!r}: a probability lies between 0 and 1")
        if argument:
            arguments[name] = _number(argument, part)
    return Faults(rates, arguments, retry_after, frozenset(ignoring), same_again)


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
    """What happens to one request: a fault's name (or None), its argument, and seconds to wait first.

    choice: a number that decides what a fault leaves out.
    """

    fault: str | None = None
    argument: float = 0.0
    wait_s: float = 0.0
    choice: int = 0


class FaultDesk:
    """Decides, request by request, which fault is shown. Safe to call from several threads."""

    def __init__(self, seed: int, faults: Faults) -> None:
        self._lock = threading.Lock()
        self._seed = seed
        self._asked: Counter[str] = Counter()
        self._plans: list[Plan] = []
        self.faults = faults
        self.cleared = 0
        """How often the faults were cleared; a dripping answer that sees it rise sends the rest."""

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
        """No plans and no rates any more; every question counts as not asked before."""
        with self._lock:
            self._plans.clear()
            self._asked.clear()
            self.faults = Faults()
            self.cleared += 1

    def draw(self, endpoint: str, query: Mapping[str, str]) -> Drawn:
        """The fate of the next request. Counts the request."""
        question = _question(endpoint, query)
        with self._lock:
            faults = self.faults
            self._asked[question] += 1
            time = 0 if faults.same_again else self._asked[question]
            planned = next((plan for plan in self._plans if plan.fits(endpoint, query)), None)
            if planned is not None:
                planned.count -= 1
                if planned.count <= 0:
                    self._plans.remove(planned)

        def number(name: str) -> int:
            said = f"{self._seed}/{name}/{question}/{time}"
            return int.from_bytes(hashlib.blake2b(said.encode(), digest_size=8).digest())

        def hit(name: str) -> bool:
            return number(name) / 2**64 < faults.rate(name)

        def drawn(name: str, argument: float, wait: float) -> Drawn:
            if name == "cut_time":
                wait += argument
            return Drawn(name, argument, wait, number("choice"))

        if planned is not None:
            argument = faults.argument(planned.fault) if planned.argument is None else planned.argument
            if planned.fault == "slow":
                return Drawn(None, argument, argument)
            return drawn(planned.fault, argument, 0.0)
        wait = faults.argument("slow") if hit("slow") else 0.0
        for name in ANSWER_FAULTS[:-1]:
            if faults.rate(name) and _can_meet(name, endpoint, query) and hit(name):
                return drawn(name, faults.argument(name), wait)
        return Drawn(None, 0.0, wait)


def _question(endpoint: str, query: Mapping[str, str]) -> str:
    """What is asked, without who asks and in whatever order."""
    return endpoint + "?" + "&".join(f"{name}={query[name]}" for name in sorted(query) if name != "authKey")


def _can_meet(fault: str, endpoint: str, query: Mapping[str, str]) -> bool:
    """Whether a drawn fault is one of such questions."""
    if endpoint == "stn_inf.php":
        return fault not in (*PARTIAL_FAULTS[:-1], *HEADER_FAULTS)
    if fault == "empty_station":
        return query.get("stn", "0") not in ("", "0")
    return fault != "short_list"
