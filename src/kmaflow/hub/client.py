"""Asking the hub: one HTTP client, typed errors, retries for what may pass, halves for what was too much.

Only here is it known that the hub's ``tm1``..``tm2`` includes both ends. The key is a query parameter; it is in no message, no log and
no kept byte.
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

# httpx carries a command line of its own and loads it, with rich and pygments, wherever click is installed: a third of the
# time in which `kmaflow collect` starts. Told that it is not there, httpx does without.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

import httpx
import tenacity
from pydantic import SecretStr

from kmaflow import __version__
from kmaflow.catalog import PUBLIC_HUB
from kmaflow.catalog.model import Dataset, StationList
from kmaflow.catalog.time import Window, now_kst
from kmaflow.hub.answer_times import retry_after, seconds_until
from kmaflow.hub.body import open_body, refusal
from kmaflow.hub.empty import why_empty
from kmaflow.hub.errors import (
    ConnectionFailed,
    EmptyAnswer,
    HubError,
    HubTimeout,
    Maintenance,
    NotYetProduced,
    ServerFailed,
    TransientHubError,
    Truncated,
    UnknownEndpoint,
)
from kmaflow.hub.metering import Meter
from kmaflow.hub.secrecy import guard_logs, key_id, scrub, without_key

#: Slow answers of 30–75 s have been reported; longer ones never came to an end.
_TIMEOUT = httpx.Timeout(75.0, connect=10.0)
_LONGEST_WAIT = 60.0
#: So many parts of a window, each smaller than the one before, that came back cut or as 504: then asking smaller is of no use.
_MOST_IN_VAIN = 5
#: No connection came about: the hub has counted nothing.
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


@dataclass(frozen=True, slots=True)
class Answer:
    """One complete answer.

    Attributes:
        name: dataset, or ``station_AWS`` / ``station_SFC``.
        window: what was asked, None for station lists.
        stn: the station asked, None = all.
        content: the bytes, decompressed, unparsed.
        fetched_at: naive KST, when the last byte had come.
    """

    name: str
    window: Window | None
    stn: int | None
    content: bytes
    status: int
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that brought no answer: what was asked, when, and the error. ``final``: it is not asked again here."""

    name: str
    window: Window | None
    stn: int | None
    error: HubError
    fetched_at: datetime
    final: bool


@dataclass(slots=True)
class _Vain:
    """Parts of one window that were asked in vain, since the last answer."""

    in_a_row: int = 0
    last: HubError | None = None


class HubClient:
    """The way to one hub with one key. Thread-safe; close it, or use it as a context manager.

    Args:
        key: 인증키.
        hub_url: up to and with ``/api/typ01``.
        tries: how often one question is asked while its errors are transient.
        meter: lets every request in and is told what it brought; None counts nothing.
        on_failure: told of every failed call (the ledger writes it down).
        clock: naive KST now; tests and simulators have their own.
        sleep: how to wait between tries.
    """

    def __init__(
        self,
        key: SecretStr,
        hub_url: str = PUBLIC_HUB,
        *,
        tries: int = 4,
        timeout: httpx.Timeout = _TIMEOUT,
        meter: Meter | None = None,
        on_failure: Callable[[Failure], None] | None = None,
        clock: Callable[[], datetime] = now_kst,
        sleep: Callable[[float], None] = tenacity.nap.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        guard_logs()
        self.hub_url = hub_url.rstrip("/")
        self.key_id = key_id(key)
        self.clock = clock
        #: Requests made and bytes received (decompressed) in the life of this client.
        self.requests = 0
        self.received = 0
        #: Seconds by which the hub's clock is ahead of ours, from its last answer; None where it names no time.
        self.clock_ahead: float | None = None
        self._key = key
        self._tries = tries
        self._meter = meter
        self._on_failure = on_failure
        self._sleep = sleep
        self._http = httpx.Client(
            timeout=timeout,
            transport=transport,
            follow_redirects=False,
            headers={"User-Agent": f"kmaflow/{__version__}", "Accept-Encoding": "gzip"},
        )

    def __enter__(self) -> HubClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(self, dataset: Dataset, window: Window, stn: int | None = None) -> Answer:
        """Ask once for one window (with retries), all stations or one.

        Raises:
            HubError: the last error, when the tries are used up or the error is terminal.
        """
        return self._with_retries(lambda: self._ask_once(dataset, window, stn), dataset.name, window, stn)

    def ask_in_parts(
        self, dataset: Dataset, window: Window, stn: int | None = None, *, let_in: Callable[[], None] | None = None
    ) -> Iterator[Answer | Failure]:
        """Ask for a window; what comes back cut or as 504 is asked again in halves, down to one stamp, as long as that is of use.

        Yields answers and final failures that together tile the window, in order. ``let_in`` is told when the meter has let a request in.
        """
        yield from self._in_parts(dataset, window, stn, let_in, _Vain())

    def _in_parts(
        self, dataset: Dataset, window: Window, stn: int | None, let_in: Callable[[], None] | None, vain: _Vain
    ) -> Iterator[Answer | Failure]:
        if vain.last is not None and vain.in_a_row >= _MOST_IN_VAIN:
            # The hub answers nothing of any size: the ledger has the refusal of the whole window already.
            yield Failure(dataset.name, window, stn, vain.last, self.clock(), final=True)
            return
        try:
            yield self._with_retries(
                lambda: self._ask_once(dataset, window, stn, let_in),
                dataset.name,
                window,
                stn,
                halve=window.halves(dataset.cadence) is not None,
            )
            vain.in_a_row = 0
            return
        except HubError as error:
            vain.in_a_row, vain.last = vain.in_a_row + 1, error
            failure = Failure(dataset.name, window, stn, error, self.clock(), final=True)
        halves = window.halves(dataset.cadence)
        if halves is None or not _too_much(failure.error):
            yield failure
            return
        for half in halves:
            yield from self._in_parts(dataset, half, stn, let_in, vain)

    def ask_stations(self, stations: StationList, at: datetime | None = None) -> Answer:
        """Ask for one station list, as of ``at`` (naive KST) or as it is now.

        Raises:
            HubError: as :meth:`ask`.
        """
        parameters = dict(stations.parameters)
        if at is not None:
            parameters["tm"] = f"{at:%Y%m%d%H%M}"
        name = f"station_{stations.network}"

        def once() -> Answer:
            content, status = self._metered(name, 1, None, stations.endpoint, parameters)
            if not open_body(content).rows:
                raise EmptyAnswer("the station list came without a row", status=status, body=content)
            return Answer(name, None, None, content, status, self.clock())

        return self._with_retries(once, name, None, None)

    def _ask_once(
        self, dataset: Dataset, window: Window, stn: int | None, let_in: Callable[[], None] | None = None
    ) -> Answer:
        stamps = window.count(dataset.cadence)
        first = next(window.stamps(dataset.cadence), window.end)
        last = first + (stamps - 1) * dataset.cadence if stamps else window.end
        parameters = dict(dataset.asking.parameters)
        parameters |= {"tm1": f"{first:%Y%m%d%H%M}", "tm2": f"{last:%Y%m%d%H%M}", "stn": str(stn or 0)}
        content, status = self._metered(dataset.name, stamps, stn, dataset.asking.endpoint, parameters, let_in)
        empty = not open_body(content).rows and stn is None
        if empty and (error := why_empty(dataset, window, content, self.clock())):
            raise error
        return Answer(dataset.name, window, stn, content, status, self.clock())

    def _metered(
        self,
        name: str,
        stamps: int,
        stn: int | None,
        endpoint: str,
        parameters: dict[str, str],
        let_in: Callable[[], None] | None = None,
    ) -> tuple[bytes, int]:
        """One GET that the meter has let in; what it refuses is not asked."""
        if self._meter is None:
            return self._get(endpoint, parameters)
        with self._meter.call(name, stamps, stn) as settle:
            if let_in is not None:
                let_in()
            content, status = self._get(endpoint, parameters)
            settle(len(content))
            return content, status

    def _get(self, endpoint: str, parameters: dict[str, str]) -> tuple[bytes, int]:
        """One GET. Raises a HubError for whatever is no answer, made outside of the handler so that it drags no URL along."""
        failed: HubError
        self.requests += 1
        try:
            response = self._http.get(
                f"{self.hub_url}/{endpoint}", params={**parameters, "authKey": self._key.get_secret_value()}
            )
        except httpx.TimeoutException as cause:
            failed = HubTimeout(f"{endpoint}: no answer in time ({type(cause).__name__})")
            failed.sent = not isinstance(cause, _NEVER_SENT)
        except httpx.RemoteProtocolError:
            failed = Truncated(f"{endpoint}: the connection closed in the middle of the answer")
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, OverflowError, UnicodeError):
            failed = UnknownEndpoint(f"{endpoint}: KMAFLOW_HUB_URL is no address of a hub: {without_key(self.hub_url)}")
            failed.sent = False
        except (httpx.TransportError, httpx.DecodingError, ssl.SSLError) as cause:
            words, host = without_key(str(cause)) or type(cause).__name__, httpx.URL(self.hub_url).host or self.hub_url
            failed = ConnectionFailed(f"{endpoint}: {words} ({host})")
            failed.sent = not isinstance(cause, _NEVER_SENT)
        else:
            content = scrub(response.content, self._key)
            self.received += len(content)
            self.clock_ahead = seconds_until(response.headers.get("Date", ""), self.clock())
            error = refusal(content, response.status_code)
            if error is None:
                return content, response.status_code
            error.retry_after = retry_after(response.headers, self.clock())
            failed = error
        raise failed

    def _with_retries(
        self, once: Callable[[], Answer], name: str, window: Window | None, stn: int | None, *, halve: bool = False
    ) -> Answer:
        def again(error: BaseException) -> bool:
            return (
                isinstance(error, TransientHubError)
                and not isinstance(error, NotYetProduced | Maintenance)
                and not (halve and _too_much(error))
            )

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            named = error.retry_after if isinstance(error, HubError) else None
            jittered = tenacity.wait_exponential_jitter(initial=1.0, max=_LONGEST_WAIT)(state)
            return min(max(jittered, named or 0.0), _LONGEST_WAIT)

        def note(state: tenacity.RetryCallState, *, final: bool) -> None:
            error = state.outcome.exception() if state.outcome else None
            if self._on_failure and isinstance(error, HubError):
                self._on_failure(Failure(name, window, stn, error, self.clock(), final))

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._tries),
            retry=tenacity.retry_if_exception(again),
            wait=wait,
            sleep=self._sleep,
            before_sleep=lambda state: note(state, final=False),
            reraise=True,
        )
        try:
            return retrying(once)
        except HubError as error:
            if self._on_failure:
                self._on_failure(Failure(name, window, stn, error, self.clock(), final=True))
            raise


def _too_much(error: HubError) -> bool:
    return isinstance(error, Truncated) or (isinstance(error, ServerFailed) and error.gateway)
