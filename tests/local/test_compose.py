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

from batchgen import cross_checks, env, settings
from batchgen.local.local_dir import ROOT

COMPOSE = ROOT / "docker-compose.yml"
OURS = re.compile(r"^(BATCHGEN|ANTHROPIC|DATABASE|REDIS)_")
#: Read by compose alone.
FOREIGN = {"GRAFANA_PORT", "PROMETHEUS_PORT", "REDIS_IMAGE", "SECRETS_DIR", "TLS_DIR", "WORKERS"}
#: Packages that have no place in the image.
_NOT_SHIPPED = {"tests", "benchmarks", "handbook", "simulator"}


def names_read_by(*sources: Path) -> set[str]:
    """The environment names that the sources read through batchgen.env."""
    texts = (source.read_text() for source in sources)
    return {name for text in texts for name in re.findall(r'env\.\w+\(\s*"([A-Z0-9_]+)"', text)}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return read


@pytest.fixture(scope="module")
def services(document: dict[str, Any]) -> dict[str, Any]:
    services: dict[str, Any] = document["services"]
    return services


def test_every_name_in_an_environment_is_a_setting(services: dict[str, Any]) -> None:
    given = {name for service in services.values() for name in service.get("environment", ())}
    read = names_read_by(ROOT / "batchgen" / "settings.py")
    files = {f"{name}_FILE" for name in env.SECRETS}
    assert len(read) > 10
    assert {name for name in given if OURS.match(name)} <= read | files


def test_every_name_asked_of_the_shell_is_known() -> None:
    asked = set(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)", COMPOSE.read_text()))
    sources = [ROOT / "batchgen" / "settings.py", *(ROOT / "batchgen" / "local").glob("*.py")]
    assert asked <= names_read_by(*sources) | FOREIGN


def test_no_secret_stands_in_an_environment(services: dict[str, Any]) -> None:
    """`docker inspect` shows those. Each service is given the files that its variables name."""
    for name, service in services.items():
        given = service.get("environment", {})
        files = {Path(each).name for key, each in given.items() if key.endswith("_FILE")}
        assert files == set(service.get("secrets", ())), name
        words = [given[each] for each in env.SECRETS if given.get(each)]
        assert not [each for each in words if "${" in each or re.search(":[^/@]+@", each)], name


def test_one_script_makes_every_secret(document: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    argv = [str(ROOT / "deploy" / "make-secrets.sh"), str(folder)]
    given = {"PATH": os.environ["PATH"], "ANTHROPIC_API_KEY": "of-the-provider"}
    done = subprocess.run(argv, env=given, check=True, capture_output=True, text=True)
    made = {path.name: path.read_text().strip() for path in folder.iterdir()}
    assert made.keys() == document["secrets"].keys()
    for name, secret in document["secrets"].items():
        assert secret["file"] == f"${{SECRETS_DIR:-./secrets}}/{name}"
    assert not [value for value in made.values() if value in done.stdout + done.stderr]
    assert made["provider_key"] == "of-the-provider"
    assert made["flower_basic_auth"].startswith("flower:")
    production = {**vars(settings), "PRODUCTION": True, "SECRET_KEY": made["secret_key"]}
    assert not cross_checks.refusals(production)
    assert folder.stat().st_mode & 0o777 == 0o700
    subprocess.run(argv, env=given, check=True, capture_output=True)
    assert made == {path.name: path.read_text().strip() for path in folder.iterdir()}, "kept"


def test_secrets_of_an_older_installation_are_taken_over(tmp_path: Path) -> None:
    """Those that 0.1.0 had in `.env`, by the names that they had there."""
    given = {
        "ANTHROPIC_API_KEY": "of-the-provider",
        "BATCHGEN_SECRET_KEY": "of-old",
        "FLOWER_BASIC_AUTH": "ada:of-flower",
        "POSTGRES_PASSWORD": "of-postgres",
    }
    argv = [str(ROOT / "deploy" / "make-secrets.sh"), str(tmp_path)]
    subprocess.run(argv, env={**given, "PATH": os.environ["PATH"]}, check=True, capture_output=True)
    names = ("provider_key", "secret_key", "flower_basic_auth", "postgres_password")
    assert [(tmp_path / name).read_text().strip() for name in names] == list(given.values())


def test_a_key_that_nobody_can_type_is_asked_for_in_words(tmp_path: Path) -> None:
    argv = [str(ROOT / "deploy" / "make-secrets.sh"), str(tmp_path)]
    given = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        argv, env=given, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "Set ANTHROPIC_API_KEY" in done.stderr) == (1, True)


def test_no_web_process_is_shipped_without_its_limits(services: dict[str, Any]) -> None:
    entrance = ["python", "-m", "batchgen.web"]
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    assert services["web"]["command"][:3] == entrance
    assert json.loads(dockerfile.rpartition("CMD ")[2])[:3] == entrance


def test_workers_can_be_scaled(services: dict[str, Any]) -> None:
    """And are as many at the next `up`, whichever page it stands on."""
    assert services["worker"]["scale"] == "${WORKERS:-1}"
    assert not {"container_name", "ports", "hostname"} & services["worker"].keys()


def test_a_stop_waits_longer_than_a_provider_call(services: dict[str, Any]) -> None:
    source = (ROOT / "batchgen" / "settings.py").read_text()
    call = re.search(r'"BATCHGEN_PROVIDER_TIMEOUT_S", (\d+)', source)
    assert call is not None
    assert int(services["worker"]["stop_grace_period"].removesuffix("s")) >= int(call[1]) + 30


def test_nothing_but_tls_is_published_beyond_this_machine(services: dict[str, Any]) -> None:
    inside = [services[name] for name in services.keys() - {"tls"}]
    ports = [port for service in inside for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize(
    ("service", "spared"),
    [
        ("beat", {"BATCHGEN_SECRET_KEY", "ANTHROPIC_API_KEY"}),
        ("flower", {"BATCHGEN_SECRET_KEY", "ANTHROPIC_API_KEY"}),
        ("migrate", {"BATCHGEN_SECRET_KEY", "ANTHROPIC_API_KEY"}),
    ],
)
def test_who_has_no_use_for_a_secret_is_not_given_it(
    services: dict[str, Any], service: str, spared: set[str]
) -> None:
    given = services[service]["environment"]
    assert spared <= given.keys()
    assert not {f"{name}_FILE" for name in spared} & given.keys()


OURS_RUN = ("web", "worker", "beat", "flower", "migrate")


@pytest.mark.parametrize("service", OURS_RUN)
def test_what_runs_in_our_image_changes_nothing_of_it(
    services: dict[str, Any], service: str
) -> None:
    given = services[service]
    assert given["read_only"]
    assert given["tmpfs"] == ["/tmp"]  # noqa: S108 - a container's
    assert given["cap_drop"] == ["ALL"]
    assert given["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("service", ["web", "worker", "flower"])
def test_a_health_check_of_ours_starts_no_interpreter(
    services: dict[str, Any], service: str
) -> None:
    _, program, port, _path = services[service]["healthcheck"]["test"]
    assert program == "/app/deploy/healthcheck"
    told = json.dumps([services[service]["command"], services[service]["environment"]])
    assert port in told


def test_prometheus_asks_who_is_there(services: dict[str, Any]) -> None:
    monitoring = ROOT / "deploy" / "monitoring"
    asked = yaml.safe_load((monitoring / "prometheus.yml").read_text())
    found = [each["dns_sd_configs"][0] for each in asked["scrape_configs"]]
    at = {each["names"][0]: str(each["port"]) for each in found}
    assert at == {name: services[name]["healthcheck"]["test"][2] for name in ("web", "worker")}
    port = services["worker"]["environment"]["BATCHGEN_WORKER_METRICS_PORT"]
    assert at["worker"] == str(port)


def test_the_proxy_is_believed(document: dict[str, Any], services: dict[str, Any]) -> None:
    address = services["tls"]["networks"]["default"]["ipv4_address"]
    gateway = document["networks"]["default"]["ipam"]["config"][0]["gateway"]
    trusted = services["web"]["environment"]["BATCHGEN_TRUSTED_PROXIES"]
    assert trusted == f"${{BATCHGEN_TRUSTED_PROXIES:-{gateway},{address}}}"


def test_workers_sign_with_the_key_that_web_makes_secrets_of(services: dict[str, Any]) -> None:
    """With another one each webhook is switched off at its first message."""
    web, worker = (services[name]["environment"] for name in ("web", "worker"))
    assert worker["BATCHGEN_SECRET_KEY_FILE"] == web["BATCHGEN_SECRET_KEY_FILE"]


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
    assert "\nUSER 10001:10001\n" in (ROOT / "deploy" / "Dockerfile").read_text()


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
    argv = [*client, "-f", str(COMPOSE), "config", "--quiet"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
