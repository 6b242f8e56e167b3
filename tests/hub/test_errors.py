"""One tree of errors, each with what to do in both languages."""

from __future__ import annotations

import re

import pytest

from kmaflow.errors import KmaflowError
from kmaflow.hub import errors
from kmaflow.hub.errors import HubError, QuotaSpent, TerminalHubError, TransientHubError

TRANSIENT = {
    "HubTimeout",
    "ConnectionFailed",
    "ServerFailed",
    "Truncated",
    "EmptyAnswer",
    "IncompleteAnswer",
    "NotATable",
    "TooSlow",
    "Maintenance",
    "NotYetProduced",
}
TERMINAL = {
    "BadKey",
    "NotApplied",
    "QuotaSpent",
    "UnknownEndpoint",
    "UnknownStation",
    "Refused",
    "TooLarge",
    "ChangedFormat",
}
LEAVES = [getattr(errors, name) for name in sorted(TRANSIENT | TERMINAL)]


def made(leaf: type[HubError]) -> HubError:
    return QuotaSpent("it broke", kind="calls", status=403) if leaf is QuotaSpent else leaf("it broke", status=403)


def test_every_error_is_in_the_tree() -> None:
    for kind, names in ((TransientHubError, TRANSIENT), (TerminalHubError, TERMINAL)):
        # Other floors add errors of their own (the quota's); the hub's are these.
        assert {leaf.__name__ for leaf in kind.__subclasses__() if leaf.__module__ == HubError.__module__} == names


@pytest.mark.parametrize("leaf", LEAVES)
def test_transient_and_terminal_are_told_apart(leaf: type[HubError]) -> None:
    assert leaf.transient is (leaf.__name__ in TRANSIENT)
    assert issubclass(leaf, KmaflowError)


@pytest.mark.parametrize("leaf", LEAVES)
def test_every_error_says_in_korean_and_english_what_to_do(leaf: type[HubError]) -> None:
    error = made(leaf)
    assert re.search("[가-힣]", error.todo_ko)
    assert re.search("[a-z]{3}", error.todo_en)
    assert str(error) == f"it broke → {error.todo_en}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KMAFLOW_LANG", "ko")
        assert str(error) == f"it broke → {error.todo_ko}"


def test_words_of_others_are_escaped_and_cut_in_every_message() -> None:
    error = HubError("the hub says: a\x00b\nc\udc80d \x1b[31m 기온" + "x" * 3_000_000)
    assert error.what.startswith(r"the hub says: a\x00b\nc\udc80d \x1b[31m 기온xxx")
    assert len(str(error)) < 1000
    assert "2,999,6" in error.what
    assert str(error).encode()


def test_no_two_errors_share_a_code() -> None:
    codes = [leaf.code for leaf in (HubError, TransientHubError, TerminalHubError, *LEAVES)]
    assert len(set(codes)) == len(codes)


def test_an_error_carries_what_came_with_it() -> None:
    error = HubError("it broke", status=500, body=b"page", retry_after=3.0, todo_en="wait", todo_ko="기다리십시오")
    assert (error.status, error.body, error.retry_after, error.todo_en, error.todo_ko) == (
        500,
        b"page",
        3.0,
        "wait",
        "기다리십시오",
    )
