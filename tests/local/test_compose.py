"""docker-compose.yml and the Dockerfile name what the program really reads and has."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from batchgen.local.local_dir import ROOT

COMPOSE = ROOT / "docker-compose.yml"
OURS = re.compile(r"^(BATCHGEN|ANTHROPIC|DATABASE|REDIS)_")
#: Read by other programs than ours: the images of PostgreSQL and Flower.
FOREIGN = {"POSTGRES_PASSWORD", "FLOWER_BASIC_AUTH"}
REQUIRED = ("POSTGRES_PASSWORD", "BATCHGEN_SECRET_KEY", "ANTHROPIC_API_KEY", "FLOWER_BASIC_AUTH")
#: Packages that have no place in the image.
_NOT_SHIPPED = {"tests", "benchmarks", "simulator"}


def names_read_by(*sources: Path) -> set[str]:
    """The environment names that the sources read through batchgen.env."""
    texts = (source.read_text() for source in sources)
    return {name for text in texts for name in re.findall(r'env\.\w+\(\s*"([A-Z0-9_]+)"', text)}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    services: dict[str, Any] = document["services"]
    return services


def test_every_name_in_an_environment_is_a_setting(services: dict[str, Any]) -> None:
    given = {name for service in services.values() for name in service.get("environment", ())}
    read = names_read_by(ROOT / "batchgen" / "settings.py")
    assert len(read) > 10
    assert {name for name in given if OURS.match(name)} <= read


def test_every_name_asked_of_the_shell_is_known() -> None:
    asked = set(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)", COMPOSE.read_text()))
    sources = [ROOT / "batchgen" / "settings.py", *(ROOT / "batchgen" / "local").glob("*.py")]
    assert asked <= names_read_by(*sources) | FOREIGN


def test_a_missing_secret_stops_compose_with_a_message() -> None:
    text = COMPOSE.read_text()
    for name in REQUIRED:
        assert re.search(rf"\$\{{{name}:\?[^}}]+\}}", text), name


def test_no_web_process_is_shipped_without_its_limits(services: dict[str, Any]) -> None:
    entrance = ["python", "-m", "batchgen.web"]
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    assert services["web"]["command"][:3] == entrance
    assert json.loads(dockerfile.rpartition("CMD ")[2])[:3] == entrance


def test_workers_can_be_scaled(services: dict[str, Any]) -> None:
    assert not {"container_name", "ports", "hostname"} & services["worker"].keys()


def test_a_stop_waits_longer_than_a_provider_call(services: dict[str, Any]) -> None:
    settings = (ROOT / "batchgen" / "settings.py").read_text()
    call = re.search(r'"BATCHGEN_PROVIDER_TIMEOUT_S", (\d+)', settings)
    assert call is not None
    assert int(services["worker"]["stop_grace_period"].removesuffix("s")) >= int(call[1]) + 30


def test_nothing_is_published_beyond_this_machine(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize(
    ("service", "spared"),
    [
        ("worker", {"BATCHGEN_SECRET_KEY"}),
        ("beat", {"BATCHGEN_SECRET_KEY", "ANTHROPIC_API_KEY"}),
        ("flower", {"BATCHGEN_SECRET_KEY", "ANTHROPIC_API_KEY"}),
    ],
)
def test_who_has_no_use_for_a_secret_is_not_given_it(
    services: dict[str, Any], service: str, spared: set[str]
) -> None:
    given = services[service]["environment"]
    assert not any("${" in given[name] for name in spared)


def test_redis_does_nothing_dangerous_for_who_gets_in(services: dict[str, Any]) -> None:
    command = services["redis"]["command"]
    user = command[command.index("--user") + 1 :]
    assert user[0] == "default"
    assert user.index("+@all") < user.index("-@dangerous")


def test_what_others_wait_for_has_a_health_check(services: dict[str, Any]) -> None:
    for service in services.values():
        for name, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in services[name], name


def test_the_image_has_every_room_of_the_program() -> None:
    ignore = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert {f"!{room}" for room in packages - _NOT_SHIPPED} <= set(ignore)
    assert "USER batchgen" in (ROOT / "deploy" / "Dockerfile").read_text()


def _compose_client() -> list[str] | None:
    for argv in (["docker", "compose"], ["docker-compose"]):
        path = shutil.which(argv[0])
        probe = [path, *argv[1:], "version"] if path else ["false"]
        if path and subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            return [path, *argv[1:]]
    return None


def test_compose_accepts_the_file() -> None:
    client = _compose_client()
    if client is None:
        pytest.skip("no docker compose client on this machine")
    environment = {**os.environ, **dict.fromkeys(REQUIRED, "x")}
    argv = [*client, "-f", str(COMPOSE), "config", "--quiet"]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
