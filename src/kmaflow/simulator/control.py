"""The simulator's own pages under /_sim: truth, use, clock, faults, health. No key is needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import numpy as np

from kmaflow.simulator.answers import Answer
from kmaflow.simulator.asking import read_stations
from kmaflow.simulator.clock import parse_stamp, stamp_of
from kmaflow.simulator.faults import Faults, FaultSyntaxError, Plan, parse_faults
from kmaflow.simulator.hub import Hub
from kmaflow.simulator.truth import TruthError, cells, parquet, truth

JSON = "application/json; charset=UTF-8"
_CELLS = 2_000_000


class BadControl(ValueError):
    """A request to /_sim that cannot be done; the message says why."""


def _json(value: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value, ensure_ascii=False).encode(), JSON)


def _stamp(query: Mapping[str, str], name: str) -> int:
    minute = parse_stamp(query.get(name))
    if minute is None:
        raise BadControl(f"{name}: {query.get(name)!r} is not a time YYYYMMDDHHMM (KST)")
    return minute


def _truth(hub: Hub, query: Mapping[str, str], _: bytes) -> Answer:
    dataset = query.get("dataset", "")
    start, end = _stamp(query, "tm1"), _stamp(query, "tm2")
    as_of = stamp_of(_stamp(query, "as_of")) if "as_of" in query else None
    step = 60 if dataset == "asos_hourly" else 1
    minutes = np.arange(-(-start // step) * step, end + 1, step, dtype=np.int64)
    numbers = read_stations(query.get("stn"), lists=True)
    everything = query.get("all") == "1"
    if len(minutes) * (730 if numbers is None else len(numbers)) > _CELLS:
        raise BadControl(f"tm1..tm2: more than {_CELLS} cells; ask for shorter windows")
    found = truth(hub.source, dataset, minutes, numbers, hub.clock.now(), hub.faults.faults, as_of)
    if query.get("format") == "parquet":
        return Answer(200, parquet(found, everything=everything), "application/vnd.apache.parquet")
    return _json({"dataset": dataset, "cells": cells(found, everything=everything)})


def _usage(hub: Hub, _query: Mapping[str, str], _: bytes) -> Answer:
    return _json(hub.keys.report())


def _health(hub: Hub, _query: Mapping[str, str], _: bytes) -> Answer:
    return _json({"status": "ok", "seed": hub.settings.seed, "now": hub.clock.now().isoformat(sep=" ")})


def _clock(hub: Hub, _query: Mapping[str, str], body: bytes) -> Answer:
    """GET shows the clock.

    POST {"now": "202611221300" or ISO, "speed": x} sets it; {"advance_s": n} moves it.
    """
    if body:
        asked = _object(body)
        try:
            moment = _moment(asked.get("now"))
            speed = None if asked.get("speed") is None else float(asked["speed"])
            if "advance_s" in asked:
                moment = stamp_of(0) + (hub.clock.now() - stamp_of(0)) + _seconds(asked["advance_s"])
                speed = hub.clock.speed if hub.clock.mode == "fast" else None
        except (TypeError, ValueError) as error:
            raise BadControl(f"clock: {error}") from error
        hub.clock.set(moment, speed)
    shown = {"now": hub.clock.now().isoformat(sep=" "), "mode": hub.clock.mode, "speed": hub.clock.speed}
    return _json(shown)


def _seconds(value: Any) -> Any:
    return np.timedelta64(round(float(value) * 1000), "ms").astype(object)


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    minute = parse_stamp(str(value))
    return stamp_of(minute) if minute is not None else datetime.fromisoformat(str(value))


def _faults(hub: Hub, _query: Mapping[str, str], body: bytes) -> Answer:
    """GET shows rates and plans. POST {"clear": true, "faults": "truncate=0.1", "rates": {…}, "plan": [{…}]}.

    A plan is {"fault": "http504", "endpoint": "nph-aws2_min", "count": 2, "argument": 1.5, "match": {"stn":
    "0"}}.
    """
    if body:
        asked = _object(body)
        if asked.get("clear"):
            hub.faults.clear()
        text = asked.get("faults")
        rates = asked.get("rates")
        try:
            if rates is not None:
                text = ",".join(f"{name}={value}" for name, value in rates.items())
            if text is not None:
                hub.faults.faults = parse_faults(str(text))
            for plan in asked.get("plan", ()):
                hub.faults.plan(Plan(**plan))
        except (FaultSyntaxError, TypeError, AttributeError) as error:
            raise BadControl(f"faults: {error}") from error
    faults: Faults = hub.faults.faults
    plans = [{"fault": plan.fault, "endpoint": plan.endpoint, "count": plan.count} for plan in hub.faults.plans]
    return _json({"faults": faults.text(), "rates": dict(faults.rates), "plans": plans})


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise BadControl(f"the body is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadControl("the body must be a JSON object")
    return found


_PAGES: dict[str, Callable[[Hub, Mapping[str, str], bytes], Answer]] = {
    "truth": _truth, "usage": _usage, "health": _health, "clock": _clock, "faults": _faults,
}  # fmt: skip


def control(hub: Hub, page: str, query: Mapping[str, str], body: bytes) -> Answer:
    """Answers a request under /_sim; `body` is empty for GET."""
    found = _PAGES.get(page)
    if found is None:
        return _json({"error": f"no page {page!r}; there are {', '.join(_PAGES)}"}, 404)
    try:
        return found(hub, query, body)
    except (BadControl, TruthError) as error:
        return _json({"error": str(error)}, 400)
