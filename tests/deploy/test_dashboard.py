"""The Grafana dashboard asks for metrics that exist, all of them, under both names that they can have."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from kmaflow.status.metrics import METRICS

ROOT = Path(__file__).parents[2]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "kmaflow.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]


def test_every_metric_is_asked_for_and_no_other() -> None:
    asked = {name for query in QUERIES for name in re.findall(r"kmaflow_[a-z_]+", query)}
    assert asked == {metric.prometheus for metric in METRICS}


def test_labels_are_those_of_the_metrics() -> None:
    by_name = {metric.prometheus: metric for metric in METRICS}
    for query in QUERIES:
        (name,) = re.findall(r"kmaflow_[a-z_]+", query)
        grouped = re.findall(r"by \(([a-z_, ]+)\)", query)
        assert [tuple(labels.split(", ")) for labels in grouped] == ([by_name[name].labels] if grouped else [])
        assert bool(grouped) == bool(by_name[name].labels)
    for panel in PANELS:
        for target in panel["targets"]:
            (name,) = re.findall(r"kmaflow_[a-z_]+", target["expr"])
            assert tuple(re.findall(r"\{\{([a-z_]+)\}\}", target["legendFormat"])) == by_name[name].labels


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_finds_the_text_file_and_airflows_metrics(query: str) -> None:
    (pattern,) = re.findall(r'\{__name__=~"([^"]+)"\}', query)
    (name,) = re.findall(r"kmaflow_[a-z_]+", query)
    assert re.fullmatch(pattern, name)
    assert re.fullmatch(pattern, f"airflow_{name}")


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    ids = [panel["id"] for panel in PANELS]
    assert sorted(set(ids)) == sorted(ids)
    for one, other in combinations([panel["gridPos"] for panel in PANELS], 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in PANELS)


def test_titles_are_korean_and_english_and_the_data_source_can_be_chosen() -> None:
    for panel in PANELS:
        korean, english = panel["title"].split(" / ")
        assert re.search("[가-힣]", korean)
        assert re.fullmatch("[A-Za-z ]+", english)
        assert panel["description"]
        assert panel["datasource"]["uid"] == "${source}"
    assert [one["name"] for one in DASHBOARD["templating"]["list"]] == ["source"]
