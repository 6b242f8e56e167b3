"""What is written wrong is named, with the right form, in the reader's language; programs get an object."""

from __future__ import annotations

import json

import pytest

from .conftest import Kmaflow

DAY = ("--from", "2026-01-01", "--to", "2026-01-02")


@pytest.mark.parametrize(
    ("arguments", "english", "korean"),
    [
        (("collect",), "is missing → kmaflow collect --help", "값이 없습니다"),
        (("colect",), "there is no command colect; did you mean collect?", "colect 명령은 없습니다. 혹시 collect?"),
        (("status", "--jsn"), "there is no option --jsn; did you mean --json?", "--jsn 옵션은 없습니다. 혹시 --json?"),
        (("backfill", "aws_minute", *DAY, "--share", "5"), "--share: it must be above 0 and at most 1, not 5", "--share: 0보다 크고"),
        (("backfill", "aws_minute", *DAY, "--share", "x"), "--share: write a number", "--share: 수를 쓰십시오"),
        (("backfill", "aws_minute", *DAY, "--workers", "0"), "--workers: it must be at least 1", "--workers: 1 이상이어야 합니다"),
        (("stations", "list", "--limit", "x"), "--limit: write a whole number", "--limit: 정수를 쓰십시오"),
        (("collect", "aws_minute", "--from", "2026-11-22", "12:00", "--to", "2026-11-23"), "quote a time", "따옴표로 묶으십시오"),
        (("collect", "aws"), "is missing", "값이 없습니다"),
        (("plan", "aws"), "did you mean aws_minute, aws_cloud", "혹시 aws_minute"),
        (("plan", "asos_hourli"), "did you mean asos_hourly? datasets: aws_minute", "혹시 asos_hourly? 사용할 수 있는 자료: aws"),
        (("plan", "aws_minute", "--from", "2026-11-22 12:00:30"), "seconds are not taken", "초는 쓸 수 없습니다"),
        (("why", "aws_minute,asos_hourly", "108", "2026-11-22 12:00"), "one dataset is wanted", "자료 하나만"),
    ],
)  # fmt: skip
def test_wrong_usage_is_explained(
    kmaflow: Kmaflow, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], english: str, korean: str
) -> None:
    for language, words in (("en", english), ("ko", korean)):
        monkeypatch.setenv("KMAFLOW_LANG", language)
        done = kmaflow(*arguments)
        assert (done.code, done.out) == (2, "")
        assert done.err.count("\n") == 1
        assert words in done.err


def test_a_program_gets_the_error_as_an_object(kmaflow: Kmaflow) -> None:
    for arguments in (("plan", "nothing", "--json"), ("collect", "--json"), ("status", "--json")):
        done = kmaflow(*arguments)
        error = json.loads(done.out)["error"]
        assert error["exit_code"] == done.code in (1, 2)
        assert error["what"] in done.err
        assert error["todo"] in done.err


@pytest.mark.parametrize(
    "words", [("AWS_MINUTE",), ("aws_minute,asos_hourly",), ("매분자료",), ("AWS 매분자료", "ASOS 시간자료")]
)
def test_datasets_are_named_as_people_name_them(kmaflow: Kmaflow, words: tuple[str, ...]) -> None:
    told = json.loads(kmaflow("plan", *words, "--from", "2026-11-01", "--to", "2026-11-02", "--json").out)
    assert [one["dataset"] for one in told["datasets"]] == ["aws_minute", "asos_hourly"][
        : len(",".join(words).split(","))
    ]


@pytest.mark.usefixtures("filled")
def test_networks(kmaflow: Kmaflow) -> None:
    assert "2 stations" in kmaflow("stations", "list", "--network", "aws").out
    assert "0 stations" in kmaflow("stations", "list", "--network", "ASOS").out
    assert "0 stations" in kmaflow("stations", "list", "--network", "SFC").out
    done = kmaflow("stations", "list", "--network", "ASSO")
    assert (done.code, "write --network AWS or --network ASOS" in done.err) == (2, True)
    few = kmaflow("stations", "list", "--limit", "1")
    assert "1 of 2 (all: --limit 2)" in few.err
