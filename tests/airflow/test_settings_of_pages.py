"""Every Airflow setting that pages and deployment files name exists in this Airflow, and what they call gone is gone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.configuration import AirflowConfigParser, conf, retrieve_configuration_description

from kmaflow.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md")) + sorted(
    path for path in (ROOT / "deploy").rglob("*") if path.suffix in (".yaml", ".example")
)
VALUES: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "values.yaml").read_text(encoding="utf-8"))
KNOWN = retrieve_configuration_description(include_providers=True)
#: Sections of providers that only a cluster has.
CLUSTER_ONLY = {"celery", "celery_broker_transport_options"}
#: What the page about moving calls renamed or gone.
OLD = {
    ("webserver", "secret_key"): ("api", "secret_key"),
    ("api", "auth_backends"): ("fab", "auth_backends"),
    ("core", "store_serialized_dags"): None,
    ("core", "store_dag_code"): None,
}


def _exists(section: str, option: str) -> bool:
    if section in CLUSTER_ONLY and section not in KNOWN:
        return True
    return option in KNOWN.get(section, {}).get("options", {})


def _named() -> Iterator[tuple[str, str, str]]:
    for page in PAGES:
        for section, option in re.findall(r"AIRFLOW__([A-Z_]+?)__([A-Z_]+)", page.read_text(encoding="utf-8")):
            yield page.name, section.lower(), option.lower()


def test_every_setting_of_a_page_exists() -> None:
    named = set(_named())
    assert len({(section, option) for _, section, option in named}) > 15
    wrong = {one for one in named if not _exists(*one[1:])}
    moving = {one for one in wrong if one[0].startswith("coming-from-airflow-with-dag") and one[1:] in OLD}
    assert wrong == moving
    assert {one[1:] for one in moving} == set(OLD)


@pytest.mark.parametrize("old", OLD, ids=".".join)
def test_what_the_page_about_moving_says_of_old_settings(old: tuple[str, str]) -> None:
    assert not _exists(*old)
    new = OLD[old]
    if new is None:
        assert not conf.has_option(*old)
    else:
        assert _exists(*new)
    if old == ("webserver", "secret_key"):
        assert AirflowConfigParser.deprecated_options[("api", "secret_key")][:2] == old, "it is still read"


def test_the_values_for_kubernetes_name_settings_that_exist() -> None:
    assert VALUES["executor"] == "KubernetesExecutor"
    for section, options in VALUES["config"].items():
        for option in options:
            assert _exists(section, option), f"{section}.{option}"
    names = [one["name"] for one in VALUES["env"]] + [one["envName"] for one in VALUES["secret"]]
    assert {name.removeprefix("KMAFLOW_").lower() for name in names} <= set(Settings.model_fields)
    assert VALUES["airflowVersion"] == __import__("airflow").__version__


def test_the_values_for_kubernetes_hold_no_secret() -> None:
    secret = {"KMAFLOW_API_KEY", "KMAFLOW_DATABASE_URL", "KMAFLOW_STATE_URL"}
    assert {one["envName"] for one in VALUES["secret"]} == secret
    assert not secret & {one["name"] for one in VALUES["env"]}
    assert not {"fernetKey", "apiSecretKey", "jwtSecret"} & set(VALUES)
    assert not VALUES["createUserJob"]["defaultUser"]["enabled"], "the chart's default is admin/admin"


def test_the_image_for_kubernetes_is_of_the_same_airflow() -> None:
    image = (ROOT / "deploy" / "kubernetes" / "Dockerfile").read_text(encoding="utf-8")
    assert f'"apache-airflow=={VALUES["airflowVersion"]}"' in image
    assert "ENTRYPOINT []" in image, "the chart brings commands of its own"
