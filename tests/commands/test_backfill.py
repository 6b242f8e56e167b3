"""``kmaflow backfill`` as a person or a program meets it."""

from __future__ import annotations

import json

import pytest

from kmaflow.simulator.server import Running

from ..collect.hub import requests_seen
from .conftest import Kmaflow

HALF = ("--from", "2025-01-15 12:00", "--to", "2025-01-15 12:30", "--workers", 1)


def test_it_fills_tells_and_goes_on(kmaflow: Kmaflow, hub: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMAFLOW_DAILY_BYTES", "50000000000")
    done = kmaflow("backfill", "aws_cloud", *HALF, "--share", "0.0002", "--no-wait", "--json")
    assert done.code == 3, "of 19,600 calls that is three: two station lists and one window"
    told = json.loads(done.out)
    assert (told["datasets"][0]["calls"], told["datasets"][0]["left"] > 0) == (1, True)
    assert told["deferred_until"].endswith(" 00:00")
    assert "quota" in done.err
    assert "quota" in done.err
    done = kmaflow("backfill", "aws_cloud", *HALF)
    assert done.code == 0
    assert "aws_cloud" in done.out
    assert len([one for one in requests_seen(hub) if "cloud" in json.dumps(one)]) == 3


def test_a_share_is_a_part_of_the_day(kmaflow: Kmaflow, hub: Running) -> None:
    for share in ("0", "1.5"):
        done = kmaflow("backfill", "aws_cloud", *HALF, "--share", share)
        assert done.code == 2
        assert "--share" in done.err
        assert "KMAFLOW_" not in done.err
    assert requests_seen(hub) == []
