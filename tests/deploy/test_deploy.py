"""What runs kamstream elsewhere: compose, image, systemd and Kubernetes say only what there is."""

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from kamstream.cli.main import COMMANDS
from kamstream.rulebook import read_rules
from kamstream.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
MANIFESTS = sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
OBJECTS: list[dict[str, Any]] = [one for path in MANIFESTS for one in yaml.safe_load_all(path.read_text())]
PODS = {
    one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in OBJECTS if "template" in one.get("spec", {})
}
# They have no port to ask at; they end themselves when they are stuck, and the restart policy does the rest.
WITHOUT_A_PORT = {"topics", "notifier"}


def test_compose_has_the_whole_system() -> None:
    assert set(SERVICES) == {"kafka", "redis", "topics", "worker", "notifier", "dashboard"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_compose_service_has_a_pinned_image_a_restart_policy_and_a_health_check_or_a_reason(name: str) -> None:
    service = SERVICES[name]
    assert re.search(r":\d+\.\d+\.\d+", service["image"])
    assert re.fullmatch(r"unless-stopped|on-failure:\d+", service["restart"])
    assert ("healthcheck" in service) == (name not in WITHOUT_A_PORT)


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_compose_service_waits_for_can_come_true(name: str) -> None:
    for other, condition in SERVICES[name].get("depends_on", {}).items():
        if condition["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        else:
            assert condition["condition"] == "service_completed_successfully"
            # A one-shot that is restarted whenever it ends would never have completed.
            assert SERVICES[other]["restart"].startswith("on-failure")


@pytest.mark.parametrize("name", SERVICES)
def test_a_compose_port_is_reachable_from_this_machine_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", SERVICES)
def test_a_compose_volume_is_declared_or_a_folder(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source = re.sub(r"\$\{[^}]*\}", ".", volume).split(":")[0]
        assert source.startswith(".") or source in COMPOSE["volumes"]


def test_the_worker_can_be_scaled() -> None:
    assert not {"container_name", "ports", "hostname"} & set(SERVICES["worker"])


def test_a_worker_is_asked_how_it_does_where_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    compose = SERVICES["worker"]
    [container] = PODS["kamstream-worker"]["containers"]
    given = {one["name"]: one["value"] for one in container["env"]}
    for address in (compose["environment"]["KAMSTREAM_METRICS"], given["KAMSTREAM_METRICS"]):
        monkeypatch.setenv("KAMSTREAM_METRICS", address)
        assert Settings.load().metrics == address
        assert address.startswith("0.0.0.0:")
    port = compose["environment"]["KAMSTREAM_METRICS"].rpartition(":")[2]
    assert f"http://127.0.0.1:{port}/healthz" in compose["healthcheck"]["test"][-1]
    [named] = container["ports"]
    assert str(named["containerPort"]) == given["KAMSTREAM_METRICS"].rpartition(":")[2]
    for probe in ("readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/healthz", "port": named["name"]}
    told = next(one for one in OBJECTS if one["metadata"]["name"] == "kamstream-worker")["spec"]["template"]["metadata"]
    assert told["annotations"]["prometheus.io/port"] == str(named["containerPort"])


def test_every_command_in_compose_and_kubernetes_is_one_of_kamstreams() -> None:
    commands = [service["command"][0] for service in SERVICES.values() if "build" in service]
    commands += [container["args"][0] for pod in PODS.values() for container in pod["containers"]]
    assert set(commands) == {"topics", "worker", "notifier", "dashboard"} <= set(COMMANDS)


@pytest.mark.parametrize("name", [name for name in SERVICES if "build" in SERVICES[name]])
def test_addresses_given_to_containers_are_those_of_other_services(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert environment["KAMSTREAM_KAFKA"].split(":")[0] in SERVICES
    assert environment["KAMSTREAM_REDIS"].split("//")[1].split(":")[0] in SERVICES
    advertised = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert f"INTERNAL://{environment['KAMSTREAM_KAFKA']}" in advertised.split(",")


def test_the_image_is_built_from_what_exists_and_does_not_run_as_root() -> None:
    lines = DOCKERFILE.replace("\\\n", " ").splitlines()
    stages = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert len(stages) == 2
    assert all(re.fullmatch(r"python:3\.\d+-slim-\w+", stage) for stage in stages)
    copied = [
        part for line in lines if line.startswith("COPY ") and "--from" not in line for part in line.split()[1:-1]
    ]
    assert all((ROOT / part).exists() for part in copied)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {f"!{part}" for part in copied} <= set(ignored)
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users
    assert users[-1] not in ("root", "0", "0:0")
    assert any("--require-hashes" in line for line in lines)
    assert 'ENTRYPOINT ["kamstream"]' in lines


def test_the_image_has_the_hot_modules_compiled_but_not_what_compiles_them() -> None:
    build, ships = DOCKERFILE.replace("\\\n", " ").rsplit("\nFROM ", 1)
    installed = re.search(r"--require-hashes --target (\S+) -r /src/requirements-compile.lock", build)
    assert installed
    assert f"PYTHONPATH={installed[1]} /opt/kamstream/bin/python /src/compile_hot.py" in build
    assert "assert COMPILED" in build
    assert installed[1] not in ships
    assert not re.search(r"gcc|cython|mypy", ships, re.IGNORECASE)


@pytest.mark.parametrize(
    ("lock", "least"), [("requirements", 30), ("requirements-dev", 60), ("requirements-compile", 5)]
)
def test_every_locked_dependency_has_a_hash(lock: str, least: int) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / "deploy" / f"{lock}.lock").read_text())
    pinned = [entry for entry in entries if re.match(r"[A-Za-z0-9._-]+(\[.*\])?==", entry)]
    assert len(pinned) > least
    assert all("--hash=sha256:" in entry for entry in pinned)


def test_the_unit_restarts_the_worker_and_does_not_run_it_as_root() -> None:
    # A unit may repeat a key; none of ours does, so the strict reader will do.
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign] # systemd's keys have capitals
    unit.read_string((ROOT / "deploy" / "systemd" / "kamstream-worker.service").read_text())
    service = unit["Service"]
    assert service["ExecStart"].endswith("/kamstream worker")
    assert (service["Restart"], service["KillSignal"]) == ("always", "SIGTERM")
    assert service["User"] != "root"
    assert unit["Install"]["WantedBy"] == "multi-user.target"


def test_kubernetes_has_the_whole_system() -> None:
    assert set(PODS) == {"kamstream-topics", "kamstream-worker", "kamstream-notifier", "kamstream-dashboard"}
    assert {one["kind"] for one in OBJECTS} == {"ConfigMap", "Job", "Deployment", "Service"}


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_no_privileges_a_pinned_image_and_limits(name: str) -> None:
    pod = PODS[name]
    assert pod["securityContext"]["runAsNonRoot"] is True
    for container in pod["containers"]:
        assert re.fullmatch(r"kamstream:\d+\.\d+\.\d+", container["image"])
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert "memory" in container["resources"]["limits"]
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_selectors_find_their_own_pods_and_mounted_configuration_exists() -> None:
    labels = {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"]
        for one in OBJECTS
        if one["metadata"]["name"] in PODS and one["kind"] != "Service"
    }
    for one in OBJECTS:
        if one["kind"] == "Deployment":
            assert one["spec"]["selector"]["matchLabels"] == labels[one["metadata"]["name"]]
        if one["kind"] == "Service":
            assert one["spec"]["selector"] == labels[one["metadata"]["name"]]
    maps = {one["metadata"]["name"] for one in OBJECTS if one["kind"] == "ConfigMap"}
    used = {v["configMap"]["name"] for pod in PODS.values() for v in pod["volumes"] if "configMap" in v}
    assert used == maps


def test_the_settings_and_rules_in_the_config_map_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAMSTREAM_KAFKA", "KAMSTREAM_REDIS", "KAMSTREAM_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    [data] = [one["data"] for one in OBJECTS if one["kind"] == "ConfigMap"]
    for name, content in data.items():
        (tmp_path / name).write_text(content)
    settings = Settings.load(tmp_path / "kamstream.toml")
    assert settings.kafka.bootstrap == "kafka:9092"
    assert settings.alerts_file == Path("/etc/kamstream/alerts.yml")
    assert [rule.name for rule in read_rules(settings, tmp_path / "alerts.yml").rules] == ["slow-first-response"]


def test_one_version_everywhere() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    images = {service["image"] for service in SERVICES.values() if "build" in service}
    images |= {container["image"] for pod in PODS.values() for container in pod["containers"]}
    assert images == {f"kamstream:{version[1]}"}
