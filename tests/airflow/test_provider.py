"""The connection type as Airflow itself reads it."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from pathlib import Path

import jsonschema
from airflow.providers_manager import ProvidersManager
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

import airflow
from kmaflow.airflow.provider.hook import KmaApiHubHook
from kmaflow.airflow.provider.provider import CONNECTION_TYPE, get_provider_info
from kmaflow.airflow.provider.store_connection import StoreHook


def test_the_metadata_keep_airflows_schema() -> None:
    schema = Path(airflow.__file__).with_name("provider_info.schema.json").read_text(encoding="utf-8")
    jsonschema.validate(get_provider_info(), json.loads(schema))


def test_airflow_finds_provider_and_plugin_by_their_entry_points() -> None:
    providers = {point.value for point in entry_points(group="apache_airflow_provider")}
    assert "kmaflow.airflow.provider.provider:get_provider_info" in providers
    (plugin,) = entry_points(group="airflow.plugins", name="kmaflow")
    assert plugin.value == "kmaflow.airflow.provider.plugin:KmaflowPlugin"


def test_the_form_shows_key_and_host_and_hides_the_rest() -> None:
    behaviour = ProvidersManager().field_behaviours[CONNECTION_TYPE]  # type: ignore[no-untyped-call]
    assert set(behaviour["hidden_fields"]) == {"login", "port", "schema", "extra"}
    assert behaviour["relabeling"]["password"].startswith("인증키")
    assert "API허브" in behaviour["relabeling"]["host"]
    assert set(behaviour["placeholders"]) == {"password", "host"}


def test_the_type_leads_to_our_hook() -> None:
    hook = ProvidersManagerTaskRuntime().hooks[CONNECTION_TYPE]  # type: ignore[no-untyped-call]
    assert hook is not None
    assert hook.hook_class_name == f"{KmaApiHubHook.__module__}.{KmaApiHubHook.__name__}"
    assert hook.connection_id_attribute_name == KmaApiHubHook.conn_name_attr
    assert hook.hook_name == KmaApiHubHook.hook_name


def test_no_field_of_ours_holds_a_secret_in_extra() -> None:
    for connection in get_provider_info()["connection-types"]:
        assert "conn-fields" not in connection


def test_the_form_offers_all_three_databases() -> None:
    assert {"postgres", "mysql", "sqlite"} <= set(ProvidersManagerTaskRuntime().hooks)  # type: ignore[no-untyped-call]
    hook = ProvidersManagerTaskRuntime().hooks["mysql"]  # type: ignore[no-untyped-call]
    assert hook is not None
    assert hook.hook_class_name == f"{StoreHook.__module__}.{StoreHook.__name__}"
