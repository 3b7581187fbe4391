"""The files of deploy/ name what there is: settings, options, addresses, each other."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from mnemic import Settings
from tests.conftest import ROOT
from tests.e2e.servers import SERVE

DEPLOY = ROOT / "deploy"
NOT_SETTINGS = {"MNEMIC_TOKEN"}


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text())
    return found


def resources() -> list[dict[str, Any]]:
    files = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    return [one for file in files for one in yaml.safe_load_all(file.read_text())]


def resource(kind: str, name: str) -> dict[str, Any]:
    (found,) = [one for one in resources() if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


def container(kind: str, name: str) -> dict[str, Any]:
    (found,) = resource(kind, name)["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_every_setting_that_is_given_exists() -> None:
    named = set(re.findall(r"\bMNEMIC_[A-Z_]+", "".join(path.read_text() for path in DEPLOY.rglob("*.yaml"))))
    assert named - NOT_SETTINGS <= {f"MNEMIC_{name.upper()}" for name in Settings.model_fields}
    assert {"MNEMIC_DATABASE", "MNEMIC_CHROMA", "MNEMIC_CHROMA_HOST"} <= named


@pytest.mark.parametrize(
    "command",
    [compose()["services"]["mnemic"]["command"], container("Deployment", "mnemic")["args"]],
    ids=["compose", "k8s"],
)
def test_every_option_that_is_given_exists(command: list[str], tmp_path: Path) -> None:
    """The command gets as far as to refuse an address that is open to everybody, or to say that it serves."""
    program, *options = command
    assert program == "mnemic"
    options[options.index("--port") + 1] = "0"
    done = subprocess.run([*SERVE[:-1], *options], capture_output=True, text=True, check=False, timeout=60)
    assert "--port" in done.stderr, done.stderr  # the only thing that is wrong
    assert "No such option" not in done.stderr


def test_everything_in_compose_that_is_needed_is_there() -> None:
    found = compose()
    services = found["services"]
    assert set(services) == {"postgres", "chroma", "mnemic", "balancer"}
    for service in services.values():
        assert set(service.get("depends_on", [])) <= set(services)
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in found["volumes"] or (DEPLOY / source).is_file(), source
    assert services["mnemic"]["environment"]["MNEMIC_CHROMA_HOST"] in services
    build = services["mnemic"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    balancer = (DEPLOY / "haproxy.cfg").read_text()
    assert "mnemic:8765" in balancer
    assert "GET /readyz" in balancer
    # What was sent may have been done: only a connection that failed is tried elsewhere.
    assert re.findall(r"retry-on (.*)", balancer) == ["conn-failure"]


def test_kubernetes_asks_the_right_addresses_and_selects_the_right_pods() -> None:
    served = container("Deployment", "mnemic")
    assert served["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert served["livenessProbe"]["httpGet"]["path"] == "/healthz"
    for service, kind in (("mnemic", "Deployment"), ("chroma", "StatefulSet")):
        workload, pods = resource(kind, service)["spec"], resource("Service", service)["spec"]
        labels = workload["template"]["metadata"]["labels"]
        assert workload["selector"]["matchLabels"] == labels == pods["selector"]
        ports = {port["name"] for port in container(kind, service)["ports"]}
        assert {port["targetPort"] for port in pods["ports"]} <= ports
    budget = resource("PodDisruptionBudget", "mnemic")["spec"]
    assert budget["selector"]["matchLabels"] == resource("Service", "mnemic")["spec"]["selector"]
    assert budget["minAvailable"] < resource("Deployment", "mnemic")["spec"]["replicas"]
    (host,) = [one["value"] for one in served["env"] if one["name"] == "MNEMIC_CHROMA_HOST"]
    assert resource("Service", host)


def test_no_secret_is_written_down() -> None:
    (database,) = [one for one in container("Deployment", "mnemic")["env"] if one["name"] == "MNEMIC_DATABASE"]
    secret = database["valueFrom"]["secretKeyRef"]
    pages = (ROOT / "docs/replicas.md").read_text()
    assert f"create secret generic {secret['name']} --from-literal={secret['key']}=" in pages
    for service in compose()["services"].values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name or "TOKEN" in name:
                assert re.fullmatch(r"\$\{[A-Z_]+:\?.+\}", value), name
