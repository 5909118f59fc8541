"""What platforms are given is valid: by schemas of Kubernetes, Cloud Run and Terraform's Google provider; by hadolint.

`cloud_run_service.json` and `google_provider.json` are extracts: of the discovery document of Cloud Run's API v1, and
of the attributes that the Google provider 6.50.0 has for the resources used. Terraform itself is not run.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import hcl2
import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]  # the package ships no types
import pytest
import yaml
from packaging.requirements import Requirement

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DEPLOY = ROOT / "deploy"
TERRAFORM = sorted((DEPLOY / "terraform").glob("*.tf"))
OLDEST_KUBERNETES, NEWEST_KUBERNETES = "1.30", "1.33"
_META = {"count", "depends_on", "for_each", "lifecycle", "provider", "__is_block__", "__comments__"}


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


def container(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the Pod's spec of a manifest's workload, and its only container."""
    pod = next(each for each in documents(path) if each["kind"] == kind)["spec"]["template"]["spec"]
    (only,) = pod["containers"]
    return pod, only


# ---- Kubernetes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [OLDEST_KUBERNETES, NEWEST_KUBERNETES])
@pytest.mark.parametrize("name", ["baton.yaml", "canary.yaml"])
def test_the_kubernetes_manifests_are_valid(name: str, version: str) -> None:
    for each in documents(DEPLOY / "kubernetes" / name):
        kubernetes_validate.validate(each, version, strict=True)


def test_the_canary_is_the_stable_deployment_but_for_its_name_image_and_number() -> None:
    stable = next(each for each in documents(DEPLOY / "kubernetes/baton.yaml") if each["kind"] == "Deployment")
    (canary,) = documents(DEPLOY / "kubernetes/canary.yaml")
    assert (canary["metadata"]["name"], canary["spec"]["replicas"]) == ("baton-canary", 1)
    as_stable = (
        json.dumps(canary).replace("baton-canary", "baton").replace('"track": "canary"', '"track": "stable"')
    ).replace("baton:NEW", "baton:VERSION")
    assert json.loads(as_stable) == {**stable, "spec": {**stable["spec"], "replicas": 1}}


def test_every_selector_finds_the_pods() -> None:
    found = {each["kind"]: each for each in documents(DEPLOY / "kubernetes/baton.yaml")}
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    canary = documents(DEPLOY / "kubernetes/canary.yaml")[0]["spec"]["template"]["metadata"]["labels"]
    assert labels.items() >= found["Deployment"]["spec"]["selector"]["matchLabels"].items()
    for wanted in (
        found["Service"]["spec"]["selector"],
        found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ):
        assert labels.items() >= wanted.items()
        assert canary.items() >= wanted.items()
    assert not canary.items() >= found["Deployment"]["spec"]["selector"]["matchLabels"].items()


def test_pods_may_do_no_more_than_they_need() -> None:
    pod, only = container(DEPLOY / "kubernetes/baton.yaml", "Deployment")
    assert pod["securityContext"]["runAsNonRoot"]
    assert str(pod["securityContext"]["runAsUser"]) in (ROOT / "Dockerfile").read_text()
    assert only["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {mount["mountPath"] for mount in only["volumeMounts"]} == {"/var/lib/baton", "/tmp"}  # noqa: S108 - in the image


# ---- Cloud Run ------------------------------------------------------------------------------------------------------


def test_the_cloud_run_service_is_one_by_the_schema_of_its_api() -> None:
    schema = json.loads((HERE / "cloud_run_service.json").read_text())
    (service,) = documents(DEPLOY / "cloudrun.yaml")
    jsonschema.Draft202012Validator(schema).validate(service)
    service["spec"]["template"]["spec"]["containers"][0]["ressources"] = {}
    with pytest.raises(jsonschema.ValidationError, match="ressources"):
        jsonschema.Draft202012Validator(schema).validate(service)


def test_probes_ask_for_what_the_service_answers() -> None:
    serving = (ROOT / "orchestrator/vertex/serve.py").read_text()
    for path, kind in ((DEPLOY / "kubernetes/baton.yaml", "Deployment"), (DEPLOY / "cloudrun.yaml", "Service")):
        _, only = container(path, kind)
        probes = [only[name]["httpGet"]["path"] for name in only if name.endswith("Probe")]
        assert probes
        assert all(f'Route("{probe}"' in serving for probe in probes)
        assert only["startupProbe"]["periodSeconds"] * only["startupProbe"]["failureThreshold"] == 60


# ---- Terraform ------------------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:  # noqa: ANN401 - any HCL
    """Return parsed HCL with the quotes of literal strings and names taken off."""
    if isinstance(value, dict):
        return {plain(name): plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value[1:-1] if isinstance(value, str) and value[:1] == value[-1:] == '"' else value


def resources() -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (kind, name): body
        for path in TERRAFORM
        for each in plain(hcl2.loads(path.read_text())).get("resource", [])
        for kind, named in each.items()
        for name, body in named.items()
    }


def provider() -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads((HERE / "google_provider.json").read_text())["resources"])


def faults(body: Mapping[str, Any], known: Mapping[str, Any], where: str) -> Iterator[str]:
    """Yield each attribute that there is not, or that is wanting, in a block and those in it."""
    body = {name: value for name, value in body.items() if name not in _META}
    for dynamic in body.pop("dynamic", []):
        for name, value in dynamic.items():
            body.setdefault(name, []).extend(
                value["content"] if isinstance(value["content"], list) else [value["content"]]
            )
    yield from (f"{where}: no {name}" for name, rule in known.items() if rule.get("required") and name not in body)
    for name, value in body.items():
        if name not in known:
            yield f"{where}.{name}: there is no such attribute"
        elif "block" in known[name]:
            for each in value if isinstance(value, list) else [value]:
                yield from faults(each, known[name]["block"], f"{where}.{name}")


def test_every_resource_has_what_the_provider_wants_and_nothing_it_does_not_know() -> None:
    schemas = provider()
    found = [
        fault
        for (kind, name), body in resources().items()
        if kind != "random_password"
        for fault in faults(body, schemas[kind]["given"], f"{kind}.{name}")
    ]
    assert found == []
    service = schemas["google_cloud_run_v2_service"]["given"]
    assert list(faults({"name": "x", "location": "y", "template": {"scalling": {}}}, service, "s")) == [
        "s.template.scalling: there is no such attribute"
    ]


def test_every_reference_leads_to_something_that_is_there() -> None:
    schemas, declared = provider(), resources()
    texts = "\n".join(path.read_text() for path in TERRAFORM)
    variables = {
        next(iter(each)) for path in TERRAFORM for each in plain(hcl2.loads(path.read_text())).get("variable", [])
    }
    assert set(re.findall(r"\bvar\.(\w+)", texts)) == variables
    for kind, name, attribute in re.findall(r"\b(google_\w+)\.(\w+)(?:\.(\w+))?", texts):
        assert (kind, name) in declared, f"{kind}.{name}"
        known = {*schemas[kind]["given"], *schemas[kind]["computed"], ""}
        assert attribute in known, f"{kind}.{name}.{attribute}"


def test_terraform_and_the_manifest_describe_the_same_service() -> None:
    _, only = container(DEPLOY / "cloudrun.yaml", "Service")
    text = (DEPLOY / "terraform/main.tf").read_text()
    for variable in only["env"]:
        assert f'"{variable["name"]}"' in text
    assert f'memory = "{only["resources"]["limits"]["memory"]}"' in text
    assert text.count(f'path = "{only["livenessProbe"]["httpGet"]["path"]}"') == 2


# ---- the image ------------------------------------------------------------------------------------------------------


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_what_the_dockerfile_copies_is_there_and_not_ignored() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    paths = [path for line in copied for path in line.split()]
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert all((ROOT / path).exists() for path in paths)
    assert all(any(Path(path).match(pattern) for pattern in kept) for path in paths)
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"][
        "packages"
    ]
    assert {*paths} >= {*packages}


def test_the_image_s_lock_has_what_the_project_needs_each_with_hashes() -> None:
    """A dependency that is new in `pyproject.toml` belongs into the image's lock, too: `python -m deploy.locks`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lock = (DEPLOY / "requirements.lock").read_text()
    pinned = dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", lock, re.MULTILINE))
    wanted = [*project["dependencies"]]
    for extra in ("anthropic", "google", "openai", "otel", "serve", "model"):
        wanted += [each for each in project["optional-dependencies"][extra] if not each.startswith("baton-engine")]
    for each in map(Requirement, [*wanted, "google-cloud-storage>=3.4"]):
        assert each.name in pinned, each
        assert each.specifier.contains(pinned[each.name]), (each, pinned[each.name])
    pins = re.findall(r"^[a-z0-9._-]+(?:\[.+\])?==", lock, re.MULTILINE)
    assert len(re.findall(r"^[a-z0-9._-]+\S*==.*\\\n +--hash=", lock, re.MULTILINE)) == len(pins)
