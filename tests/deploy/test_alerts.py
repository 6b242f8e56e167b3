"""What the page on alerts says works: its DAG file, its exit code, the rules for Grafana."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from kmaflow.simulator import DEFAULT_KEY, SimulatorSettings, running
from kmaflow.status.metrics import METRICS

ROOT = Path(__file__).parents[2]
RULES: list[dict[str, Any]] = yaml.safe_load((ROOT / "deploy" / "grafana" / "alerts.yaml").read_text(encoding="utf-8"))[
    "groups"
][0]["rules"]


def test_rules_ask_for_metrics_that_exist_and_all_for_the_same_source() -> None:
    names = {metric.prometheus for metric in METRICS}
    for rule in RULES:
        (query,) = rule["data"]
        asked = re.findall(r"kmaflow_[a-z_]+", query["model"]["expr"])
        assert asked
        assert set(asked) <= names
        assert query["refId"] == query["model"]["refId"] == rule["condition"]
    assert len({query["datasourceUid"] for rule in RULES for query in rule["data"]}) == 1
    assert len({rule["uid"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        labels = re.findall(r"\$labels\.([a-z_]+)", rule["annotations"]["summary"])
        grouped = re.findall(r"by \(([a-z_]+)\)", rule["data"][0]["model"]["expr"])
        assert set(labels) <= set(grouped)


def test_the_rules_of_monitoring_are_those_of_the_file() -> None:
    queries = {rule["data"][0]["model"]["expr"] for rule in RULES}
    for language in ("en", "ko"):
        page = (ROOT / "docs" / language / "monitoring.md").read_text(encoding="utf-8")
        assert set(re.findall(r"^(?:time\(\)|sum by).*$", page, re.MULTILINE)) <= queries


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_dag_file_of_the_page_can_be_parsed_and_names_what_exists(language: str) -> None:
    page = (ROOT / "docs" / language / "alerts.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    compile(code, "kma_observations.py", "exec")
    builders = (ROOT / "src/kmaflow/airflow/builders/dag.py").read_text(encoding="utf-8")
    for argument in re.findall(r"(\w+)=", code.split("observation_dags(")[-1]):
        assert f"    {argument}:" in builders


def test_gaps_end_with_3_while_something_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "en" / "alerts.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^kmaflow (gaps .*) \|\| echo", page, re.MULTILINE)
    command = [part.strip('"') for part in re.findall(r'"[^"]+"|\S+', line)]
    monkeypatch.chdir(tmp_path)
    with running(SimulatorSettings()) as hub:
        monkeypatch.setenv("KMAFLOW_API_KEY", DEFAULT_KEY)
        monkeypatch.setenv("KMAFLOW_HUB_URL", hub.url)
        for words, code in ((["stations", "sync"], 0), (command, 3)):
            done = subprocess.run(
                [sys.executable, "-m", "kmaflow", *words], check=False, capture_output=True, text=True
            )
            assert done.returncode == code, done.stdout + done.stderr
