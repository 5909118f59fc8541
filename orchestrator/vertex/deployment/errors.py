"""What can go wrong between here and the cloud, in words that say what to do.

    CloudRefused        the service says no: credentials, project, permission, region (exit code 1)
    └── QuotaUsedUp     it says no for now; `transient`
    CloudLost           no answer: the network, or the service is down; `transient`
    DeploymentFailed    the long-running operation ended without an engine that serves

Google's errors carry machine-readable reasons (`google.rpc.ErrorInfo`); they decide, and the service's own words are
quoted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.errors import RunError
from skills.core.redaction import redact

API = "aiplatform.googleapis.com"
_TOO_MANY = 429  # RFC 6585
LOGIN = "Log in with `gcloud auth application-default login`, or point GOOGLE_APPLICATION_CREDENTIALS to a key file"


class CloudRefused(RunError):
    """The service refuses. `status` is its HTTP status."""

    code = "cloud_refused"

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text, status)
        self.text, self.status = text, status

    def __str__(self) -> str:
        return self.text


class QuotaUsedUp(CloudRefused):
    """Too much was asked of the service in too short a time."""

    code = "quota_used_up"
    transient = True


class CloudLost(RunError):
    """The service did not answer; what was asked of it may have been done or not."""

    code = "cloud_lost"
    transient = True


class DeploymentFailed(RunError):
    """The operation ended, and there is no engine that serves what was sent."""

    code = "deployment_failed"


def no_credentials(said: object) -> CloudRefused:
    """Return the error for missing or expired credentials; `said` is what the client says."""
    return CloudRefused(f"no usable Google credentials: {redact(str(said))}\n{LOGIN}, then try again.")


def lost(said: BaseException, what: str) -> CloudLost:
    """Return the error for an answer that did not come."""
    words = f"{type(said).__name__}: {said}" if str(said) else type(said).__name__
    return CloudLost(
        f"no answer from Vertex AI while {what} ({redact(words)}).\n"
        "Look at the network, the location's name and GOOGLE_VERTEX_BASE_URL, then try again."
    )


def refused(error: Any, what: str, project: str, location: str) -> CloudRefused | CloudLost:  # noqa: ANN401 - of an SDK that is imported late
    """Return what an error of the API means.

    Args:
        error: A `google.genai.errors.APIError`.
        what: What was asked, as in `while …`.
        project: Whose API was called.
        location: Where.
    """
    said = redact(str(error.message or error.details or error))
    status = int(error.code or 0)
    if status >= 500:  # noqa: PLR2004 - RFC 9110: the server's fault
        return CloudLost(f"Vertex AI failed while {what}: {status} {said}\nThat may pass; try again.")
    fix = _fix(status, set(_reasons(error.details)), said, project, location)
    kind = QuotaUsedUp if status == _TOO_MANY else CloudRefused
    return kind(f"Vertex AI refuses ({status}) while {what}: {said}\n{fix}", status)


def _fix(status: int, reasons: set[str], said: str, project: str, location: str) -> str:
    if "SERVICE_DISABLED" in reasons:
        return f"Enable the API: gcloud services enable {API} --project {project}"
    if "BILLING_DISABLED" in reasons:
        return f"Enable billing: https://console.cloud.google.com/billing/linkedaccount?project={project}"
    if reasons & {"CONSUMER_INVALID", "PROJECT_NOT_FOUND", "CONSUMER_SUSPENDED"} or _names(said, "project"):
        return (
            f"There is no project `{project}` that these credentials may use. Correct `--project`:"
            " `gcloud projects list` lists yours."
        )
    if status == _TOO_MANY:
        return (
            "A quota is used up (by default 10 creations, updates and deletions and 90 queries a minute). Wait a minute"
            f" and try again, or ask for more: https://console.cloud.google.com/iam-admin/quotas?project={project}"
        )
    if _names(said, "location"):
        return f"Agent Engine does not serve `{location}`. Choose another `--location`, as us-central1 or europe-west1."
    return _FIXES.get(status, "Correct what it names, then try again.")


_FIXES = {
    401: f"{LOGIN}.",
    403: "Grant the role `roles/aiplatform.user` on the project to whoever deploys, and"
    " `roles/iam.serviceAccountUser` on the service account that is deployed with; then try again.",
    404: "Look at the name, the project and the location: `baton deploy vertex status` lists the engines there.",
}


def _names(said: str, thing: str) -> bool:
    """Return whether a refusal is about a project or a location that is not there."""
    words = said.lower()
    gone = any(each in words for each in ("not found", "does not exist", "invalid", "unsupported", "not supported"))
    return gone and thing in words and "reasoningengine" not in words.replace(" ", "")


def _reasons(details: object) -> Iterator[str]:
    """Yield the machine-readable reasons of an error's JSON."""
    if isinstance(details, Mapping):
        inner = details.get("error", details)
        for each in inner.get("details", ()) if isinstance(inner, Mapping) else ():
            if isinstance(each, Mapping) and isinstance(each.get("reason"), str):
                yield each["reason"]
