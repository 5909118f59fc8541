"""What is to be deployed, as its owner says it and as the API takes it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import Field

from orchestrator.vertex.deployment.source import (
    ENTRYPOINT_MODULE,
    ENTRYPOINT_OBJECT,
    REQUIREMENTS,
    SourceArchive,
    version,
)
from schemas.base import Document

ClassMethods: TypeAlias = list[dict[str, Any]]

LABEL = "made_by"
MADE_BY = {LABEL: "baton"}
FEWEST, MOST_MIN, MOST_MAX, MOST_MAX_PSC = 0, 10, 1000, 100  # instances, as Agent Engine bounds them


class SecretRef(Document):
    """A version of a secret in Secret Manager."""

    secret: str
    version: str = "latest"


class Deployment(Document):
    """What is to be deployed. What is None is left to Agent Engine, or as it was.

    `memory` is in GiB; `network` is the name of a network attachment (Private Service Connect); `image` the URI of a
    container image that is deployed instead of the source.
    """

    name: str = "baton"
    python: str
    service_account: str | None = None
    min_instances: Annotated[int | None, Field(ge=FEWEST, le=MOST_MIN)] = None
    max_instances: Annotated[int | None, Field(ge=1, le=MOST_MAX)] = None
    cpu: int | None = None
    memory: int | None = None
    env: Mapping[str, str] = {}
    secrets: Mapping[str, SecretRef] = {}
    network: str | None = None
    image: str | None = None


def resource(
    deployment: Deployment, source: SourceArchive | None, class_methods: ClassMethods, token: str
) -> dict[str, Any]:
    """Return the `ReasoningEngine` of the API that a deployment is.

    Args:
        deployment: What is wanted.
        source: What is deployed; None if an image is.
        class_methods: The methods that callers may call.
        token: Finds the engine again should the answer to its creation be lost.
    """
    made_of = deployment.image if source is None else f"source {source.sha256[:12]}"
    return {
        "display_name": deployment.name,
        "description": f"Baton {version()}, {made_of}",
        "labels": {**MADE_BY, "deployment": token},
        "spec": _spec(deployment, source, class_methods),
    }


def _spec(deployment: Deployment, source: SourceArchive | None, class_methods: ClassMethods) -> dict[str, Any]:
    spec: dict[str, Any] = {"agent_framework": "custom", "class_methods": class_methods}
    if source is None:
        spec["container_spec"] = {"image_uri": deployment.image}
    else:
        spec["source_code_spec"] = {
            "inline_source": {"source_archive": base64.b64encode(source.archive).decode()},
            "python_spec": {
                "version": deployment.python,
                "entrypoint_module": ENTRYPOINT_MODULE,
                "entrypoint_object": ENTRYPOINT_OBJECT,
                "requirements_file": REQUIREMENTS,
            },
        }
    if deployment.service_account is not None:
        spec["service_account"] = deployment.service_account
    placed = _placed(deployment)
    return {**spec, "deployment_spec": placed} if placed else spec


def _placed(deployment: Deployment) -> dict[str, Any]:
    """Return how instances run: only what is said, so that an update leaves the rest as it is."""
    secrets = {name: ref.model_dump() for name, ref in deployment.secrets.items()}
    limits = {"cpu": deployment.cpu and str(deployment.cpu), "memory": deployment.memory and f"{deployment.memory}Gi"}
    wanted: dict[str, Any] = {
        "env": [{"name": name, "value": value} for name, value in deployment.env.items()],
        "secret_env": [{"name": name, "secret_ref": ref} for name, ref in secrets.items()],
        "psc_interface_config": {"network_attachment": deployment.network} if deployment.network else None,
        "min_instances": deployment.min_instances,
        "max_instances": deployment.max_instances,
        "resource_limits": {key: value for key, value in limits.items() if value},
    }
    return {key: value for key, value in wanted.items() if value is not None and value not in ([], {})}


def mask(wanted: Mapping[str, Any]) -> str:
    """Return the fields that an update to `wanted` changes, as the API lists them."""
    spec = wanted["spec"]
    fields = [f"spec.{key}" for key in spec if key not in {"deployment_spec", "source_code_spec"}]
    fields += [
        f"spec.source_code_spec.{key}"
        for key in ("inline_source.source_archive", "python_spec")
        if "source_code_spec" in spec
    ]
    fields += [f"spec.deployment_spec.{key}" for key in spec.get("deployment_spec", ())]
    return ",".join([*(key for key in wanted if key != "spec"), *fields])
