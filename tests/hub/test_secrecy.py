"""The key is in no message, no log, no chain of exceptions and no kept byte."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterator
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from kmaflow.hub.client import Failure, HubClient
from kmaflow.hub.errors import HubError
from kmaflow.hub.secrecy import guard_logs, key_id, scrub, scrub_text, without_key
from kmaflow.simulator import KeyGrant, SimulatorSettings, answers, running

from .answers import MINUTE, NOW, Desk, minutes, simulated

KEY = "Zk9-secret_KEY-0123456x"
ODD = "s3cret/with+odd=chars&more"


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    caplog.set_level(logging.DEBUG)
    yield caplog
    for record in caplog.records:
        assert_clean(record.getMessage(), str(record.__dict__), caplog.text)


def assert_clean(*texts: str) -> None:
    for text in texts:
        for key in (KEY, ODD, quote(ODD, safe="")):
            assert key not in text


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and whatever hangs on it."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting.extend(other for other in (one.__cause__, one.__context__) if other is not None)


def quoting(request: httpx.Request) -> bytes:
    return (
        f"<html>The requested URL {request.url} was not found, authKey={request.url.params['authKey']}</html>".encode()
    )


def failing(kind: str) -> Callable[[httpx.Request, int], httpx.Response]:
    def answer(request: httpx.Request, _: int) -> httpx.Response:
        if kind == "page":
            return httpx.Response(404, content=quoting(request))
        if kind == "json":
            return httpx.Response(
                403, content=answers.json_error(403, f"키 {request.url.params['authKey']} 는 없습니다").body
            )
        if kind == "words":
            return httpx.Response(400, content=f"bad request {request.url}".encode())
        if kind == "redirect":
            return httpx.Response(302, headers={"Location": str(request.url)})
        if kind == "cut":
            return httpx.Response(200, content=b"#START7777\n# " + str(request.url).encode())
        if kind == "names":
            return httpx.Response(200, content=quoting(request))
        error = {
            "timeout": httpx.ReadTimeout,
            "connect": httpx.ConnectError,
            "protocol": httpx.RemoteProtocolError,
            "local": httpx.LocalProtocolError,
            "decoding": httpx.DecodingError,
        }[kind]
        raise error(f"failed at {request.url}", request=request)

    return answer


KINDS = ["page", "json", "words", "redirect", "cut", "names", "timeout", "connect", "protocol", "local", "decoding"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", [KEY, ODD])
def test_no_failure_carries_the_key(kind: str, key: str, everything: pytest.LogCaptureFixture) -> None:
    told: list[Failure] = []
    with Desk(failing(kind)).client(key, tries=2, on_failure=told.append) as client:
        with pytest.raises(HubError) as caught:
            client.ask(MINUTE, minutes(1))
        assert_clean(repr(client), str(client.__dict__))
        (part,) = client.ask_in_parts(MINUTE, minutes(1))
    assert isinstance(part, Failure)
    for error in (caught.value, part.error, *(failure.error for failure in told)):
        for one in chain(error):
            assert isinstance(one, HubError)
            assert_clean(str(one), repr(one), str(one.args), str(vars(one)), one.body.decode(errors="replace"))
            assert_clean(pickle.dumps(one.args).decode("latin-1"))
    assert_clean(*(repr(failure) for failure in told))


@pytest.mark.parametrize("kind", KINDS)
def test_the_parts_of_a_halved_window_carry_no_key(kind: str, everything: pytest.LogCaptureFixture) -> None:
    with Desk(failing(kind)).client(KEY, tries=1) as client:
        for part in client.ask_in_parts(MINUTE, minutes(4)):
            assert isinstance(part, Failure)
            assert_clean(*(f"{one} {one!r} {vars(one)}" for one in chain(part.error)))


def test_an_answer_that_quotes_the_key_is_kept_without_it(everything: pytest.LogCaptureFixture) -> None:
    body = simulated("aws_minute").replace(b"#START7777\n", b"#START7777\n# authKey=" + KEY.encode() + b"\n")
    with Desk(lambda request, _: httpx.Response(200, content=body)).client(KEY) as client:
        answer = client.ask(MINUTE, minutes(1))
    assert KEY.encode() not in answer.content
    assert answer.content == body.replace(KEY.encode(), b"***")
    assert_clean(repr(answer))


def test_the_key_of_a_url_is_not_told_when_the_url_is_none(everything: pytest.LogCaptureFixture) -> None:
    with (
        HubClient(SecretStr(KEY), f"hub.test/?authKey={KEY}", tries=1, sleep=lambda _: None) as client,
        pytest.raises(HubError) as caught,
    ):
        client.ask(MINUTE, minutes(1))
    assert_clean(*(f"{one} {one!r}" for one in chain(caught.value)))


def test_a_real_conversation_at_debug_names_no_key(everything: pytest.LogCaptureFixture) -> None:
    with running(SimulatorSettings(now=NOW, keys=(KeyGrant(KEY),))) as server:
        with HubClient(SecretStr(KEY), server.url, clock=lambda: NOW) as client:
            client.ask(MINUTE, minutes(1))
        with HubClient(SecretStr(ODD), server.url, clock=lambda: NOW) as client, pytest.raises(HubError):
            client.ask(MINUTE, minutes(1))
    names = {record.name.split(".")[0] for record in everything.records}
    assert {"httpx", "httpcore"} <= names
    assert "authKey=***" in everything.text


@pytest.mark.parametrize("name", ["httpx", "httpcore.http11", "httpcore.connection"])
def test_what_httpx_and_httpcore_log_is_masked_for_everybody(name: str, everything: pytest.LogCaptureFixture) -> None:
    guard_logs()
    guard_logs()
    logging.getLogger(name).debug("GET %s", f"http://hub.test/?tm2=1&authKey={KEY}&stn=0")
    assert everything.records[-1].getMessage() == "GET http://hub.test/?tm2=1&authKey=***&stn=0"
    assert len(logging.getLogger(name).filters) == len(set(logging.getLogger(name).filters))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("?authKey=abc", "?authKey=***"),
        ("?authkey=abc&tm=1", "?authkey=***&tm=1"),
        ("authKey%3Dabc&x", "authKey%3D***&x"),
        ("'authKey=abc' \"authKey=abc\"", "'authKey=***' \"authKey=***\""),
        ("(authKey=abc) [authKey=abc] authKey= x", "(authKey=***) [authKey=***] authKey=*** x"),
        ("no key", "no key"),
    ],
)
def test_a_parameter_is_masked_wherever_it_stands(text: str, masked: str) -> None:
    assert without_key(text) == masked


def test_a_key_is_known_by_the_beginning_of_its_hash() -> None:
    assert key_id(SecretStr("abc")) == "ba7816bf8f01"


@pytest.mark.parametrize("form", [ODD, quote(ODD, safe=""), quote(ODD, safe="").lower()])
def test_bytes_are_scrubbed_of_the_key_in_any_spelling(form: str) -> None:
    assert scrub(b"a " + form.encode() + b" b", SecretStr(ODD)) == b"a *** b"


def spelt(character: str, way: str) -> str:
    """One character in one of the ways in which pages and messages escape it."""
    number = ord(character)
    return {
        "plain": character,
        "url": f"%{number:02X}",
        "url, lower": f"%{number:02x}",
        "url twice": f"%25{number:02x}",
        "url three times": f"%2525{number:02X}",
        "json": f"\\u{number:04x}",
        "json, upper": f"\\u{number:04X}",
        "json twice": f"\\\\u{number:04x}",
        "backslash": f"\\{character}",
        "script": f"\\x{number:02x}",
        "html": f"&#{number};",
        "html, zeros": f"&#0{number};",
        "html, hexadecimal": f"&#x{number:x};",
        "html twice": f"&amp;#{number};",
        "html by name": {"/": "&sol;", "+": "&plus;", "=": "&equals;", "&": "&amp;"}.get(character, character),
        "html by name, twice": {"&": "&amp;amp;"}.get(character, character),
        "html in json": f"\\u0026#{number};",
        "url in html": f"&#37;{number:02x}",
    }[way]


WAYS = [
    "plain", "url", "url, lower", "url twice", "url three times", "json", "json, upper", "json twice", "backslash", "script",
    "html", "html, zeros", "html, hexadecimal", "html twice", "html by name", "html by name, twice", "html in json",
    "url in html",
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("only", ["", "/+=&"], ids=["every character", "odd characters"])
def test_a_key_in_escaped_characters_is_scrubbed(way: str, only: str) -> None:
    form = "".join(spelt(character, way) if not only or character in only else character for character in ODD)
    body = simulated("aws_minute")
    for before, after in ((b"", b""), (b"a ", b" b"), (body, body)):
        assert scrub(before + form.encode() + after, SecretStr(ODD)) == before + b"***" + after
    assert scrub_text(f"\udc80 {form}!", SecretStr(ODD)) == "\udc80 ***!"


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(WAYS), min_size=len(ODD), max_size=len(ODD)), st.text(max_size=30))
def test_a_key_whose_characters_are_escaped_each_in_its_way_is_scrubbed(ways: list[str], beside: str) -> None:
    form = "".join(spelt(character, way) for character, way in zip(ODD, ways, strict=True))
    found = scrub(f"{beside} {form} {beside}".encode(), SecretStr(ODD))
    # The sign that escapes the first character may stay.
    assert found.replace(b" \\***", b" ***") == f"{beside} *** {beside}".encode()


def test_a_plus_that_was_read_as_a_blank_is_scrubbed_too() -> None:
    assert scrub(ODD.replace("+", " ").encode(), SecretStr(ODD)) == b"***"


@pytest.mark.parametrize("way", WAYS)
def test_a_message_that_spells_the_key_in_its_own_way_is_told_without_it(way: str) -> None:
    form = "".join(spelt(character, way) for character in ODD)
    message = f'{{"result": {{"status": 401, "message": "no such key: {form}"}}}}'
    told: list[Failure] = []
    with (
        Desk(lambda request, _: httpx.Response(401, content=message.encode())).client(
            ODD, on_failure=told.append
        ) as client,
        pytest.raises(HubError) as caught,
    ):
        client.ask(MINUTE, minutes(1))
    for error in (caught.value, told[0].error):
        assert "***" in str(error) or "unknown" in str(error) or way == "script"
        assert_clean(str(error), repr(error), error.body.decode())


def test_a_page_of_nothing_but_escapes_is_looked_through_in_time_that_grows_with_it() -> None:
    for page in (
        b"%25\\\\&amp;" * 20_000,
        b"\\" * 100_000,
        b"%" * 100_000,
        b"%" + b"25" * 100_000,
        b"&" + b"amp;" * 50_000,
    ):
        assert scrub(page, SecretStr(ODD)) == page


def test_bytes_without_the_key_are_left_alone() -> None:
    body = simulated("aws_minute")
    assert scrub(body, SecretStr(KEY)) is body
    assert scrub(body, SecretStr("")) is body
