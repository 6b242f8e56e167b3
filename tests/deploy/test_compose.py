"""compose.yaml: what Docker would read in it, and what must never stand there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml

from kmaflow.run.cluster import COMPONENTS
from kmaflow.settings import Settings
from tests.e2e.compose import interpolated, read_compose

ROOT = Path(__file__).parents[2]
FILE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
#: The compose specification's schema, as Debian's package docker-compose has it.
SCHEMA = Path("/usr/lib/python3/dist-packages/compose/config/compose_spec.json")


def need(condition: bool, what: str) -> None:
    """Without a tool a test skips and says so; in CI it fails."""
    if condition:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def ours() -> dict[str, dict[str, Any]]:
    return {name: one for name, one in SERVICES.items() if "build" in one}


def test_it_follows_the_compose_specification() -> None:
    need(SCHEMA.exists(), "no schema: apt-get install docker-compose")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jsonschema
    filled = interpolated(FILE, {})
    # As Docker does with a number that comes from the environment.
    filled["services"]["worker"]["scale"] = int(filled["services"]["worker"]["scale"])
    jsonschema.Draft7Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(filled)


@pytest.mark.parametrize("profiles", [(), ("flower",), ("mariadb", "flower"), ("postgres-observations",)])
def test_docker_compose_understands_it(profiles: tuple[str, ...], tmp_path: Path) -> None:
    tool = shutil.which("docker-compose")
    need(tool is not None, "no docker-compose: apt-get install docker-compose")
    words = [word for name in profiles for word in ("--profile", name)]
    done = subprocess.run(
        [str(tool), *words, "--file", str(ROOT / "compose.yaml"), "config"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert "WARN" not in done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) >= {"api-server", "worker", "redis", "postgres"}


@pytest.mark.parametrize(
    ("files", "service"),
    [
        (("compose.yaml", "deploy/several-hosts/central.yaml"), "api-server"),
        (("deploy/several-hosts/worker.yaml",), "worker"),
    ],
)
def test_docker_compose_understands_the_files_for_several_hosts(
    files: tuple[str, ...], service: str, tmp_path: Path
) -> None:
    tool = shutil.which("docker-compose")
    need(tool is not None, "no docker-compose: apt-get install docker-compose")
    given = {
        "KMAFLOW_PRIVATE_ADDRESS": "10.0.0.1",
        "KMAFLOW_CENTRAL": "10.0.0.1",
        "KMAFLOW_SECRETS_FOLDER": "/srv/kmaflow-secrets",
        "KMAFLOW_ARCHIVE_URL": "s3://bucket/bodies",
        "KMAFLOW_DAILY_CALLS": "500",
    }
    done = subprocess.run(
        [str(tool), *(word for file in files for word in ("--file", str(ROOT / file))), "config"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **given},
    )
    assert done.returncode == 0, done.stderr
    assert "WARN" not in done.stderr
    environment = yaml.safe_load(done.stdout)["services"][service]["environment"]
    assert environment["KMAFLOW_DAILY_CALLS"] in ("500", 500)
    assert environment["KMAFLOW_ARCHIVE_URL"] == "s3://bucket/bodies"


@pytest.mark.parametrize(("wanted", "workers"), [({}, 1), ({"KMAFLOW_WORKERS": "4"}, 4)])
def test_an_up_that_names_no_number_keeps_the_workers_of_the_settings(wanted: dict[str, str], workers: int) -> None:
    assert int(interpolated(FILE, wanted)["services"]["worker"]["scale"]) == workers


def test_the_parts_of_a_cluster_and_its_profiles_are_there() -> None:
    always = {name for name, one in SERVICES.items() if "profiles" not in one}
    assert always == {
        *("secrets", "init", "api-server", "scheduler", "dag-processor", "triggerer", "worker"),
        *("simulator", "redis", "postgres"),
    }
    profiles = {name: one["profiles"] for name, one in SERVICES.items() if "profiles" in one}
    assert profiles == {name: [name] for name in ("flower", "mariadb", "postgres-observations")}


def test_every_command_of_our_image_is_known_to_its_entry_point() -> None:
    for name, one in ours().items():
        assert one["command"] == [name]
        assert name in {"secrets", "init", *COMPONENTS}
    assert set(ours()) == {"secrets", "init", *COMPONENTS}


def test_every_long_running_service_restarts_has_a_limit_of_memory_and_a_health_check() -> None:
    for name, one in SERVICES.items():
        assert one["mem_limit"], name
        if name in {"secrets", "init"}:
            assert one["restart"] == "no"
            continue
        assert one["restart"] in {"unless-stopped", "on-failure"}, name
        assert "healthcheck" in one or name == "simulator", name


def test_every_part_of_ours_has_the_time_to_end_by_itself() -> None:
    assert {name: one["stop_grace_period"] for name, one in ours().items() if name != "worker"} == {
        name: "1m" for name in ours() if name != "worker"
    }
    assert SERVICES["worker"]["stop_grace_period"] == "5m"


def test_an_update_ends_the_workers_before_what_their_tasks_ask() -> None:
    page = (ROOT / "docs" / "en" / "scaling.md").read_text(encoding="utf-8")
    assert "`docker compose build`, `down`, then `up -d`" in page
    # `down` goes against the order of the start.
    assert "api-server" in SERVICES["worker"]["depends_on"]


def test_only_page_and_flower_are_published_and_only_on_this_machine() -> None:
    published = {name: one["ports"] for name, one in read_compose()["services"].items() if "ports" in one}
    assert published == {"api-server": ["127.0.0.1:8080:8080"], "flower": ["127.0.0.1:5555:5555"]}
    open_page = read_compose({"KMAFLOW_UI_BIND": "0.0.0.0"})["services"]
    assert open_page["api-server"]["ports"] == ["0.0.0.0:8080:8080"]
    assert open_page["flower"]["ports"] == ["127.0.0.1:5555:5555"]


def test_nothing_is_mounted_from_the_folder() -> None:
    volumes = set(FILE["volumes"])
    for name, one in SERVICES.items():
        for volume in one.get("volumes", []):
            assert volume.split(":")[0] in volumes, f"{name}: {volume}"


def test_secrets_are_mounted_where_they_are_needed_and_written_by_two() -> None:
    def mounts(source: str) -> dict[str, bool]:
        found = {}
        for name, one in SERVICES.items():
            for volume in one.get("volumes", []):
                if volume.split(":")[0] == source:
                    found[name] = not volume.endswith(":ro")
        return found

    assert set(mounts("secrets")) == set(ours())
    assert {name for name, writes in mounts("secrets").items() if writes} == {"secrets", "init"}
    assert mounts("redis-secret") == {"secrets": True, "redis": False}
    assert mounts("postgres-secret") == {"secrets": True, "postgres": False, "postgres-observations": False}
    assert mounts("mariadb-secret") == {"secrets": True, "mariadb": False}


def test_no_secret_and_no_default_for_one_stands_in_a_tracked_file() -> None:
    for path in (ROOT / "compose.yaml", ROOT / "deploy" / "env.example", ROOT / "deploy" / "Dockerfile"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if (
                re.search(r"(PASSWORD|SECRET|FERNET|JWT|API_KEY)\w*\s*[:=]", line)
                and "_FILE" not in line
                and "KMAFLOW_SECRETS" not in line
            ):
                assert re.search(r"[:=]\s*(\$\{\w+:-\})?$", line), f"{path.name}: {line}"


def test_every_variable_that_compose_asks_for_has_a_default_and_is_explained() -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    assert not re.findall(r"\$\{\w+\}", text), "without a default"
    asked = set(re.findall(r"\$\{(\w+):-", text))
    told = set(re.findall(r"^#(\w+)=", (ROOT / "deploy" / "env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert told <= asked
    settings = {f"KMAFLOW_{name.upper()}" for name in Settings.model_fields}
    alone = {"KMAFLOW_HOME", "KMAFLOW_SIMULATOR_PORT", "KMAFLOW_SERVE_HOST", "KMAFLOW_SERVE_PORT"}
    assert settings - asked == settings - told == alone


def test_the_image_has_no_root_no_index_host_and_locked_hashes() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    assert len(re.findall(r"^FROM ", text, re.MULTILINE)) == 2
    last = text.rsplit("FROM ", 1)[1]
    assert re.search(r"^USER kmaflow$", last, re.MULTILINE)
    assert "http" not in text
    assert text.count("--require-hashes") == 2
    assert "org.opencontainers.image.licenses" in last
    for source in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE):
        for one in source.split():
            assert (ROOT / one).exists(), one
            assert f"!{one.split('/')[0]}" in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def test_the_lock_of_the_image_needs_no_compiler() -> None:
    lock = (ROOT / "locks" / "celery.txt").read_text(encoding="utf-8")
    assert "mysqlclient" not in lock
    pinned = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE))
    tested = dict(
        re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "locks" / "dev.txt").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert pinned.items() <= tested.items(), "what runs is what was tested"
    assert pinned["celery"].startswith("5.6.")
    assert pinned["kombu"].startswith("5.6.")
