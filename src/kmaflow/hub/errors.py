"""What can go wrong between us and the hub: one tree, every leaf with its cause and the next step.

    HubError
    ├── TransientHubError            try again
    │   ├── HubTimeout               no answer in time
    │   ├── ConnectionFailed         no way to the host
    │   ├── ServerFailed             5xx, 429, an unknown HTML page (``.gateway`` for 504)
    │   ├── Truncated                200, but no #7777END
    │   ├── EmptyAnswer              200, but no bytes
    │   │   └── NoRows               or no row at all for all stations
    │   ├── IncompleteAnswer         stamps, or most stations of a stamp, are left out
    │   ├── NotATable                200, but words, a page or JSON where a table belongs
    │   ├── TooSlow                  200, but not all of it within minutes
    │   ├── Maintenance              an HTML page (시스템 점검)
    │   └── NotYetProduced           the stamp is too young: placeholders or no row
    └── TerminalHubError             a person (or midnight) must act
        ├── BadKey                   401, or 403 that means the key
        ├── NotApplied               403: 활용신청
        ├── QuotaSpent               403: calls or volume of the day (``.kind``)
        ├── UnknownEndpoint          404
        ├── UnknownStation           the hub has no such station
        ├── Refused                  any other refusal in the hub's own words, or words that the question was wrong
        ├── TooLarge                 more bytes than any answer has
        └── ChangedFormat            the answer is no longer laid out as the catalogue says
            ├── NoRowRead            not one of its rows can be read
            └── SecondHeader         other columns begin between its rows

``code`` is the word that the ledger keeps for it.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from kmaflow.errors import KmaflowError, shown


class HubError(KmaflowError):
    """Base of everything that the hub may answer or fail with. The message holds the hub's words escaped and cut (``errors.shown``).

    Attributes:
        status / body: HTTP status and bytes of the answer, as far as there was one.
        retry_after: seconds, if the hub named a time.
        sent: False where no request reached the hub, so that it counted none.
        received: bytes (decompressed) that came, None = those of ``body``.
        seconds: how long the hub took, None = not measured.
    """

    code: ClassVar[str] = "hub_error"
    transient: ClassVar[bool] = False
    sent: bool = True
    received: int | None = None
    seconds: float | None = None

    def __init__(
        self,
        what: str,
        *,
        ko: str | None = None,
        status: int | None = None,
        body: bytes = b"",
        retry_after: float | None = None,
        todo_en: str | None = None,
        todo_ko: str | None = None,
    ) -> None:
        super().__init__(shown(what), ko=ko and shown(ko), todo_en=todo_en, todo_ko=todo_ko)
        self.status = status
        self.body = body
        self.retry_after = retry_after

    @property
    def came(self) -> int | None:
        """Bytes that the call brought; None where nobody knows how many the hub has sent."""
        if self.status is None:
            return None
        return len(self.body) if self.received is None else self.received


class TransientHubError(HubError):
    """The same question may be answered later."""

    code = "transient"
    transient = True
    todo_en = "nothing to do now: it is asked again"
    todo_ko = "조치 불필요: 자동으로 다시 요청합니다"


class HubTimeout(TransientHubError):
    """No answer within the time allowed."""

    code = "timeout"


class ConnectionFailed(TransientHubError):
    """The host could not be reached, or hung up."""

    code = "connection"
    todo_en = "check network, proxy, TLS certificates and KMAFLOW_HUB_URL; it is asked again"
    todo_ko = "네트워크·프록시·인증서와 KMAFLOW_HUB_URL을 확인하십시오; 다시 요청합니다"


class ServerFailed(TransientHubError):
    """The hub or its gateway answered with a fault of its own."""

    code = "server"

    @property
    def gateway(self) -> bool:
        """True for 504: the question was too large or the hub too slow."""
        return self.status == 504


class Truncated(TransientHubError):
    """The answer stops before ``#7777END``: rows are missing at its end."""

    code = "truncated"
    todo_en = "asked again in halves; ask fewer stamps per call (KMAFLOW_WINDOW_MINUTES) if it stays"
    todo_ko = "반으로 나누어 다시 요청합니다; 계속되면 KMAFLOW_WINDOW_MINUTES를 줄이십시오"


class EmptyAnswer(TransientHubError):
    """HTTP 200 without a row where rows must be."""

    code = "empty_answer"


class NoRows(EmptyAnswer):
    """A whole answer for all stations without a row, for stamps that the hub should have."""


class IncompleteAnswer(TransientHubError):
    """A proper answer that leaves out stamps, or most stations of a stamp."""

    code = "incomplete_answer"
    todo_en = "what it left out is asked again; now: kmaflow repair --all"
    todo_ko = "빠진 것은 다시 요청합니다; 바로 하려면 kmaflow repair --all"


class NotATable(TransientHubError):
    """HTTP 200 with words, a page or JSON of no known form; the message holds them. Not asked again at once."""

    code = "not_a_table"
    todo_en = "read the hub's words; it is asked again later. If it stays: kmaflow doctor, and KMAFLOW_HUB_URL"
    todo_ko = (
        "허브의 안내문을 읽으십시오; 나중에 다시 요청합니다. 계속되면 kmaflow doctor 와 KMAFLOW_HUB_URL을 확인하십시오"
    )


class TooSlow(TransientHubError):
    """The answer had begun but not ended when its time was up. Not asked again at once."""

    code = "too_slow"
    todo_en = "the hub, or the network to it, is very slow; it is asked again later. If it stays, ask less at a time (KMAFLOW_WINDOW_MINUTES)"
    todo_ko = "허브나 네트워크가 매우 느립니다; 나중에 다시 요청합니다. 계속되면 KMAFLOW_WINDOW_MINUTES를 줄이십시오"


class Maintenance(TransientHubError):
    """The hub shows its maintenance page."""

    code = "maintenance"
    todo_en = "the hub is under maintenance; it is asked again later"
    todo_ko = "API허브 점검 중입니다; 나중에 다시 요청합니다"


class NotYetProduced(TransientHubError):
    """The hub does not have that stamp yet: it prints sentinels for every station, or nothing."""

    code = "not_yet_produced"
    todo_en = "ask again in a few minutes"
    todo_ko = "몇 분 뒤 다시 요청하십시오"


class TerminalHubError(HubError):
    """Asking again will not help until a person, or midnight, has acted."""

    code = "terminal"


class BadKey(TerminalHubError):
    """The hub does not know the key."""

    code = "bad_key"
    todo_en = (
        "copy the key from 'My page' of the API Hub into KMAFLOW_API_KEY or the connection kma_apihub; "
        "keys of institutions belong to the host apihub-pub.kma.go.kr (KMAFLOW_HUB_URL)"
    )
    todo_ko = (
        "API허브 마이페이지의 인증키를 KMAFLOW_API_KEY 또는 연결 kma_apihub에 넣으십시오; "
        "기관 키는 apihub-pub.kma.go.kr(KMAFLOW_HUB_URL)의 것입니다"
    )


class NotApplied(TerminalHubError):
    """The operation needs an application for use (활용신청), granted at once."""

    code = "not_applied"
    todo_en = "open the operation's page on the API Hub and press 활용신청 (granted at once), then try again"
    todo_ko = "API허브의 해당 API 화면에서 [활용신청]을 누른 뒤(자동 승인) 다시 하십시오"


class QuotaSpent(TerminalHubError):
    """The day's calls or bytes of the key are used up. ``until``: naive KST, asking before is of no use; None where nobody keeps count."""

    code = "quota"
    exit_code = 3
    todo_en = "wait until 00:00 KST: then the day's quota starts anew; one call for all stations costs least"
    todo_ko = "일일 한도는 한국시각 0시에 초기화됩니다; 전체 지점을 한 번에 요청하는 것이 가장 적게 듭니다"

    def __init__(
        self,
        what: str,
        *,
        kind: Literal["calls", "bytes"],
        ko: str | None = None,
        status: int | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(what, ko=ko, status=status, body=body)
        self.kind = kind
        self.until: datetime | None = None


class UnknownEndpoint(TerminalHubError):
    """The hub has no such operation."""

    code = "unknown_endpoint"
    todo_en = "check KMAFLOW_HUB_URL (it ends in /api/typ01); if it is right, KMA moved the operation: update kmaflow"
    todo_ko = (
        "KMAFLOW_HUB_URL이 /api/typ01로 끝나는지 확인하십시오; 맞다면 API가 바뀐 것이니 kmaflow를 업그레이드하십시오"
    )


class UnknownStation(TerminalHubError):
    """The hub has no such station at that time."""

    code = "unknown_station"
    todo_en = "look the station up with: kmaflow stations list"
    todo_ko = "kmaflow stations list로 지점을 찾으십시오"


class Refused(TerminalHubError):
    """The hub refused in words that are not known here, or says that the question was wrong; its words are in the message."""

    code = "refused"
    todo_en = "read the hub's message; run: kmaflow doctor"
    todo_ko = "허브의 안내문을 읽고 kmaflow doctor를 실행하십시오"


class TooLarge(TerminalHubError):
    """The answer is larger than any that the hub was ever seen to give; the rest of it was not read."""

    code = "too_large"
    todo_en = "check KMAFLOW_HUB_URL (is it the API Hub?); if it is, ask less at a time (KMAFLOW_WINDOW_MINUTES)"
    todo_ko = "KMAFLOW_HUB_URL이 API허브 주소인지 확인하십시오; 맞다면 KMAFLOW_WINDOW_MINUTES를 줄이십시오"


class ChangedFormat(TerminalHubError):
    """Names or order of the columns are not those of the catalogue, or not one row can be read. Nothing is stored: a value under a wrong
    name is worse than none.
    """

    code = "changed_format"
    todo_en = "the body is kept in the archive; update kmaflow and run: kmaflow load on it, or report the new header"
    todo_ko = "원문은 보관했습니다. kmaflow를 업그레이드해 kmaflow load로 다시 적재하거나 바뀐 머리줄을 알려 주십시오"


class NoRowRead(ChangedFormat):
    """The columns are known, but not one row can be read."""


class SecondHeader(ChangedFormat):
    """Another line of column names stands between the rows."""
