"""One language at a time in Airflow's pages: what `KMAFLOW_LANG` says, and Korean without it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from kmaflow.catalog import DATASETS
from tests.airflow.conftest import DAGS

_HANGUL = re.compile("[가-힣]")
#: Korean words in English pages: station names, and names under which KMA's pages list an API.
_ALLOWED = ("서울", "북강릉", "강릉", *(dataset.operation for dataset in DATASETS.values()))
_TEXTS = """
import json
import sys
from airflow.dag_processing.dagbag import DagBag
from kmaflow.airflow.provider.provider import get_provider_info
bag = DagBag(sys.argv[1])
assert bag.dags, bag.import_errors
texts = {}
for dag in bag.dags.values():
    texts[dag.dag_id] = [dag.dag_display_name, dag.description, dag.doc_md, getattr(dag.timetable, "summary", "")]
    for name, param in dag.params.items():
        schema = dag.params.get_param(name).schema
        shown = schema.get("values_display", {}).values()
        texts[f"{dag.dag_id}.{name}"] = [schema["title"], schema["description_md"], *shown]
    for task in dag.tasks:
        texts[f"{dag.dag_id}/{task.task_id}"] = [task.task_display_name, task.doc_md]
for form in get_provider_info()["connection-types"]:
    behaviour = form["ui-field-behaviour"]
    texts[form["connection-type"]] = [*behaviour["relabeling"].values(), *behaviour["placeholders"].values()]
print("TEXTS" + json.dumps(texts))
"""


def _texts(**environment: str) -> dict[str, list[str | None]]:
    """What Airflow shows of every DAG, its form and tasks, and of the connections' forms."""
    answer = subprocess.run(
        [sys.executable, "-c", _TEXTS, str(DAGS)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = (line for line in answer.stdout.splitlines() if line.startswith("TEXTS"))
    texts: dict[str, list[str | None]] = json.loads(line.removeprefix("TEXTS"))
    assert len(texts) > 50
    return texts


def test_english_pages_hold_no_korean() -> None:
    for where, texts in _texts(KMAFLOW_LANG="en").items():
        for text in filter(None, texts):
            rest = re.sub("|".join(map(re.escape, _ALLOWED)), "", text)
            assert not _HANGUL.search(rest), f"{where}: {text}"


@pytest.mark.parametrize("environment", [{"KMAFLOW_LANG": "ko"}, {"KMAFLOW_LANG": "", "LC_ALL": "en_US.UTF-8"}])
def test_pages_are_korean_unless_told_otherwise(environment: dict[str, str]) -> None:
    for where, texts in _texts(**environment).items():
        assert any(_HANGUL.search(text) for text in texts if text), f"{where}: {texts}"
