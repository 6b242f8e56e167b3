"""Answers that are no data: JSON errors and HTML pages of the gateway.

JSON is UTF-8, as the real ones are.
"""

from __future__ import annotations

from dataclasses import dataclass, field

JSON = "application/json; charset=UTF-8"
HTML = "text/html; charset=UTF-8"

BAD_KEY = "유효한 인증키가 아닙니다."
NOT_APPLIED = "활용신청이 필요한 API 입니다."
TOO_MUCH = "일일 최대 호출 용량 제한으로 사용할 수 없습니다."
# The full texts of these three are not known; the first two words of each are, and the last is invented.
TOO_OFTEN = "일일 최대 호출 건수 제한으로 사용할 수 없습니다."
NO_SUCH_API = "유효하지 않은 API 입니다."
OTHER_HOST = "기관회원 인증키는 apihub-pub.kma.go.kr 에서 사용할 수 있습니다."


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, body uncompressed. `cut`: the connection breaks before the body is complete.

    pace_s: seconds between two bytes; 0 sends all at once. blanks: so many blanks follow the body's first line.
    """

    status: int
    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    pace_s: float = 0.0
    blanks: int = 0


def json_error(status: int, message: str, http_status: int | None = None) -> Answer:
    """An error of the hub. The 401 is pretty-printed, the others are not, as quoted by users."""
    if status == 401:
        text = f'{{\n  "result" : {{\n    "status" : {status},\n    "message" : "{message}"\n  }}\n}}'
    else:
        text = f'{{"result":{{"status":{status},"message":"{message}"}}}}'
    return Answer(status if http_status is None else http_status, text.encode(), JSON)


def bad_parameters() -> Answer:
    """What the hub's programs say of parameters that they cannot read: plain text, HTTP 200."""
    return Answer(200, b"user_input() error\n", "text/plain")


def _retry(retry_after: int | None) -> dict[str, str]:
    return {} if retry_after is None else {"Retry-After": str(retry_after)}


def gateway_timeout(retry_after: int | None = None) -> Answer:
    """The gateway's page for an answer that takes too long."""
    body = (
        b"<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n<body>\r\n"
        b"<center><h1>504 Gateway Time-out</h1></center>\r\n"
        b"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Answer(504, body, HTML, _retry(retry_after))


def maintenance(status: int, retry_after: int | None = None) -> Answer:
    """The page shown while the system is maintained, with HTTP 200 or 503."""
    body = (
        '<!DOCTYPE html>\n<html lang="ko">\n<head><title>시스템 점검</title></head>\n'
        "<body><h1>시스템 점검 중입니다.</h1></body>\n</html>\n"
    )
    return Answer(status, body.encode(), HTML, _retry(retry_after if status == 503 else None))
