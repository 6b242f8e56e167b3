"""Asking the hub: one HTTP client, typed errors, retries for what may pass, halves for what was too much.

The key is a query parameter; it is in no message, no log and no kept byte.
"""

from __future__ import annotations

import ssl
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

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
from kmaflow.hub.body import Body, open_body, refusal
from kmaflow.hub.empty import why_empty
from kmaflow.hub.errors import (
    ConnectionFailed,
    EmptyAnswer,
    HubError,
    HubTimeout,
    Maintenance,
    NoRows,
    NotATable,
    NotYetProduced,
    ServerFailed,
    TooLarge,
    TooSlow,
    TransientHubError,
    Truncated,
    UnknownEndpoint,
)
from kmaflow.hub.incoming import Incoming
from kmaflow.hub.metering import Meter
from kmaflow.hub.secrecy import guard_logs, key_id, scrub, scrub_text, without_key

#: Slow answers of 30–75 s have been reported; longer ones never came to an end.
_CONNECT = 10.0
_TIMEOUT = httpx.Timeout(75.0, connect=_CONNECT)
_LONGEST_WAIT = 60.0
_ASK_LESS_EN = (
    "smaller parts of it came back no better, so still smaller ones are not asked now: set a smaller KMAFLOW_WINDOW_MINUTES, "
    "ask for one station (--stations) or later, and tell the API Hub's help desk if it stays"
)
_ASK_LESS_KO = (
    "더 작게 나누어도 마찬가지여서 지금은 더 나누지 않습니다: KMAFLOW_WINDOW_MINUTES를 줄이거나, 한 지점만(--stations) 또는 나중에 "
    "요청하고, 계속되면 API허브에 문의하십시오"
)
#: So many parts of a window, each smaller than the one before, that came back cut or as 504: then asking smaller is of no use.
_MOST_IN_VAIN = 5
#: Answers are cut alike if their lengths, or the seconds they took (beyond the first few), differ by less than this part.
_ALIKE = 0.05
_SECONDS_OF_A_KILL = 5.0
#: What passes, but not within the seconds of a retry.
_ASKED_LATER = (NotYetProduced, NoRows, Maintenance, NotATable, TooSlow)
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


@dataclass(frozen=True, slots=True)
class _Whole:
    """What came of one request that was not refused, and how many seconds it took."""

    content: bytes
    status: int
    seconds: float

    def opened(self) -> Body:
        """Its lines; raises as :func:`~kmaflow.hub.body.open_body`."""
        try:
            return open_body(self.content)
        except HubError as error:
            error.seconds = self.seconds
            raise


@dataclass(slots=True)
class _Vain:
    """Parts of one window that were asked in vain since the last answer: how many of them, each smaller than the one before."""

    count: int = 0
    smallest: timedelta = timedelta.max
    last: HubError | None = None

    def add(self, window: Window, error: HubError) -> None:
        """One more."""
        self.last = error
        if window.end - window.start < self.smallest:
            self.count, self.smallest = self.count + 1, window.end - window.start

    def answered(self) -> None:
        """The hub does answer."""
        self.count, self.smallest = 0, timedelta.max


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
        timer: seconds that go on evenly.
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
        timer: Callable[[], float] = time.monotonic,
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
        self._timer = timer
        self._connect = partial(
            httpx.Client,
            timeout=timeout,
            transport=transport,
            follow_redirects=False,
            headers={"User-Agent": f"kmaflow/{__version__}", "Accept-Encoding": "gzip"},
        )
        self._http = self._connect()

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
        """Ask for a window; what comes back cut or as 504 is asked again in halves, down to one stamp, as long as that is of use: halves
        that are cut where the whole was show that it is not.

        Yields answers and final failures that together tile the window, in order. ``let_in`` is told when the meter has let a request in.
        """
        vain = _Vain()
        yield from self._in_parts(dataset, self._part(dataset, window, stn, let_in, vain), let_in, vain)

    def _part(
        self,
        dataset: Dataset,
        window: Window,
        stn: int | None,
        let_in: Callable[[], None] | None,
        vain: _Vain,
        of: Failure | None = None,
    ) -> Answer | Failure:
        """One part of a window asked; ``of``: the failure of the window of which it is a half."""
        if vain.last is not None and vain.count >= _MOST_IN_VAIN:
            # The hub answers nothing of any size: the ledger has the refusal of the whole window already.
            _advise_less(vain.last)
            return Failure(dataset.name, window, stn, vain.last, self.clock(), final=True)
        try:
            answer = self._with_retries(
                lambda: self._ask_once(dataset, window, stn, let_in),
                dataset.name,
                window,
                stn,
                again=lambda error: (
                    not (_too_much(error) and window.halves(dataset.cadence))
                    and not (of and _cut_alike(of.error, error))
                ),
            )
        except HubError as error:
            vain.add(window, error)
            return Failure(dataset.name, window, stn, error, self.clock(), final=True)
        vain.answered()
        return answer

    def _in_parts(
        self, dataset: Dataset, part: Answer | Failure, let_in: Callable[[], None] | None, vain: _Vain
    ) -> Iterator[Answer | Failure]:
        """A part as it came, or what its halves bring."""
        halves = part.window.halves(dataset.cadence) if part.window else None
        if isinstance(part, Answer) or halves is None or not _too_much(part.error):
            yield part
            return
        first = self._part(dataset, halves[0], part.stn, let_in, vain, of=part)
        second = None
        if isinstance(first, Failure) and _cut_alike(part.error, first.error):
            second = self._part(dataset, halves[1], part.stn, let_in, vain, of=part)
            if isinstance(second, Failure) and _cut_alike(part.error, second.error):
                for half in (first, second):
                    _advise_less(half.error)
                    yield half
                return
        yield from self._in_parts(dataset, first, let_in, vain)
        second = second or self._part(dataset, halves[1], part.stn, let_in, vain, of=part)
        yield from self._in_parts(dataset, second, let_in, vain)

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
            whole = self._metered(name, 1, None, stations.endpoint, parameters)
            if not whole.opened().rows:
                raise EmptyAnswer(
                    "the station list came without a row",
                    ko="지점 목록에 행이 없습니다",
                    status=whole.status,
                    body=whole.content,
                )
            return Answer(name, None, None, whole.content, whole.status, self.clock())

        return self._with_retries(once, name, None, None)

    def _ask_once(
        self, dataset: Dataset, window: Window, stn: int | None, let_in: Callable[[], None] | None = None
    ) -> Answer:
        request, parameters = dataset.request, dataset.asked(window, stn)
        timeout = None if request.timeout is None else httpx.Timeout(request.timeout.total_seconds(), connect=_CONNECT)
        whole = self._metered(
            dataset.name, window.count(dataset.cadence), stn, request.endpoint, parameters, let_in, timeout
        )
        empty = not whole.opened().rows and stn is None
        if empty and (error := why_empty(dataset, window, whole.content, self.clock())):
            raise error
        return Answer(dataset.name, window, stn, whole.content, whole.status, self.clock())

    def _metered(
        self,
        name: str,
        stamps: int,
        stn: int | None,
        endpoint: str,
        parameters: dict[str, str],
        let_in: Callable[[], None] | None = None,
        timeout: httpx.Timeout | None = None,
    ) -> _Whole:
        """One GET that the meter has let in; what it refuses is not asked."""
        if self._meter is None:
            begun = self._timer()
            return _Whole(*self._get(endpoint, parameters, timeout), self._timer() - begun)
        with self._meter.call(name, stamps, stn) as settle:
            if let_in is not None:
                let_in()
            begun = self._timer()
            whole = _Whole(*self._get(endpoint, parameters, timeout), self._timer() - begun)
            settle(len(whole.content))
            return whole

    def _get(self, endpoint: str, parameters: dict[str, str], timeout: httpx.Timeout | None) -> tuple[bytes, int]:
        """One GET. Raises a HubError for whatever is no answer, made outside of the handler so that it drags no URL along."""
        failed: HubError
        self.requests += 1
        incoming = Incoming(self._timer)
        if self._http.is_closed:
            self._http = self._connect()
        try:
            with (
                incoming.watched(self._http.close),
                self._http.stream(
                    "GET",
                    f"{self.hub_url}/{endpoint}",
                    params={**parameters, "authKey": self._key.get_secret_value()},
                    timeout=httpx.USE_CLIENT_DEFAULT if timeout is None else timeout,
                ) as response,
            ):
                self.clock_ahead = seconds_until(response.headers.get("Date", ""), self.clock())
                content = scrub(incoming.read(response), self._key)
        except (TooLarge, TooSlow) as error:
            failed = error
        except httpx.TimeoutException as cause:
            failed = HubTimeout(
                f"{endpoint}: no answer in time ({type(cause).__name__})",
                ko=f"{endpoint}: 제한 시간 안에 응답이 없습니다({type(cause).__name__})",
            )
            failed.sent = not isinstance(cause, _NEVER_SENT)
        except httpx.RemoteProtocolError:
            failed = Truncated(
                f"{endpoint}: the connection closed in the middle of the answer, after {incoming.size:,} bytes",
                ko=f"{endpoint}: 응답 {incoming.size:,}바이트에서 연결이 끊겼습니다",
            )
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, OverflowError, UnicodeError):
            failed = UnknownEndpoint(
                f"{endpoint}: KMAFLOW_HUB_URL is no address of a hub: {without_key(self.hub_url)}",
                ko=f"{endpoint}: KMAFLOW_HUB_URL이 허브 주소가 아닙니다: {without_key(self.hub_url)}",
            )
            failed.sent = False
        except (httpx.TransportError, httpx.DecodingError, ssl.SSLError) as cause:
            words, host = without_key(str(cause)) or type(cause).__name__, httpx.URL(self.hub_url).host or self.hub_url
            failed = ConnectionFailed(f"{endpoint}: {words} ({host})")
            failed.sent = not isinstance(cause, _NEVER_SENT)
        else:
            refused = refusal(content, response.status_code)
            if refused is None:
                self.received += incoming.size
                return content, response.status_code
            refused.retry_after = retry_after(response.headers, self.clock())
            failed = refused
        self.received += incoming.size
        # What the bytes spelt in a way of its own may have been decoded since.
        failed.what, failed.what_ko = (scrub_text(words, self._key) for words in (failed.what, failed.what_ko))
        failed.args = (failed.what,)
        failed.received, failed.seconds = incoming.size, incoming.seconds
        raise failed

    def _with_retries(
        self,
        once: Callable[[], Answer],
        name: str,
        window: Window | None,
        stn: int | None,
        *,
        again: Callable[[HubError], bool] = lambda _: True,
    ) -> Answer:
        def passing(error: BaseException) -> bool:
            return isinstance(error, TransientHubError) and not isinstance(error, _ASKED_LATER) and again(error)

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
            retry=tenacity.retry_if_exception(passing),
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


def _advise_less(error: HubError) -> None:
    error.todo_en, error.todo_ko = _ASK_LESS_EN, _ASK_LESS_KO


def _cut_alike(one: HubError, other: HubError) -> bool:
    """Whether two answers were cut after as many bytes, or after as many seconds: not by how much was asked."""
    if not (isinstance(one, Truncated) and isinstance(other, Truncated)):
        return False
    lengths = [len(error.body) if error.received is None else error.received for error in (one, other)]
    seconds = one.seconds or 0.0, other.seconds or 0.0
    return (min(lengths) > 0 and max(lengths) - min(lengths) <= _ALIKE * max(lengths)) or (
        min(seconds) >= _SECONDS_OF_A_KILL and max(seconds) - min(seconds) <= _ALIKE * max(seconds)
    )
