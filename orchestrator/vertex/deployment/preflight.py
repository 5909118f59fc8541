"""Find out here what would fail in the cloud, where it fails later and says less.

Each problem says what to do, and all are told at once. What only the service knows (credentials, project, API,
location) is asked of it last, by listing engines: nothing is created for that.

Not here: what is resolved and packed (`…requirements`, `…source`), which refuse by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from orchestrator.vertex.deployment.cloud import Cloud, DeployedEngine
from orchestrator.vertex.deployment.errors import CloudRefused
from orchestrator.vertex.deployment.specification import LABEL, MADE_BY, MOST_MAX_PSC, Deployment
from orchestrator.vertex.settings import LOCAL, NotConfigured, read_settings
from schemas.errors import InputError
from skills.core.redaction import redact
from skills.core.secret_shapes import redact_shapes

_PROJECT = re.compile(r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]|\d{6,15}")
_LOCATION = re.compile(r"[a-z]+-[a-z]+\d{1,2}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,255}")
_NETWORK = re.compile(r"(?:projects/[^/\s]+/regions/[^/\s]+/networkAttachments/)?[a-z][a-z0-9-]{0,62}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.iam\.gserviceaccount\.com|\d+-compute@developer\.gserviceaccount\.com")
_IMAGE = re.compile(r"[a-z0-9-]+-docker\.pkg\.dev/[^/\s]+/[^/\s]+/\S+")
_SECRET_WORDS = re.compile(
    r"(?i)(?:^|_)(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|PRIVATE_KEY|ACCESS_KEY|CREDENTIALS?)(?:_|$)"
)
# set by the platform, which refuses others to set them
_RESERVED = frozenset({
    "PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT",
    "GOOGLE_CLOUD_QUOTA_PROJECT", "GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_AGENT_ENGINE_ID",
})  # fmt: skip
_CPUS = (1, 2, 4, 6, 8)
_GIB_FOR_CPUS = {1: 4, 2: 8, 4: 16, 6: 24, 8: 32}
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


class DeploymentRefused(InputError):
    """What is asked for would not work in the cloud. Nothing was sent."""

    code = "deployment_refused"

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        listed = "\n".join(f"  - {problem}" for problem in self.problems)
        return f"this would not work in the cloud, so nothing was sent:\n{listed}"


def refuse_unworkable(project: str, location: str, deployment: Deployment, before: DeployedEngine | None) -> None:
    """Refuse what can be known here not to work.

    Args:
        project: Where it is to be deployed.
        location: Likewise.
        deployment: What is to be deployed.
        before: The engine that is to be updated, whose variables it keeps where none are given.

    Raises:
        DeploymentRefused: With every problem.
    """
    problems = (
        *_place(project, location),
        *_names(deployment),
        *_instances(deployment),
        *_plain_secrets(deployment.env),
        *_state(deployment, before),
    )
    if problems:
        raise DeploymentRefused(problems)


def advice(deployment: Deployment, before: DeployedEngine | None) -> list[str]:
    """Return what works, but not as one may think."""
    known = _known(deployment, before)
    if "BATON_ARTIFACTS" in known:
        return []
    note = (
        "BATON_ARTIFACTS is not set, so archives of what runs made are kept in one instance's memory and packed again"
        " from the database when it ends: `--env BATON_ARTIFACTS=gs://BUCKET/PREFIX` keeps them."
    )
    return [note]


async def refuse_unreachable(cloud: Cloud) -> None:
    """Refuse if the service does not take this project, location or these credentials.

    Raises:
        CloudRefused: With what to do.
        CloudLost: There is no answer.
    """
    await cloud.engines(limit=1)


async def engine_to_update(cloud: Cloud, name: str) -> DeployedEngine:
    """Return the engine that is to be updated.

    Raises:
        CloudRefused: There is none, or it is not Baton's.
    """
    engine = await cloud.engine(name)
    if engine.labels.get(LABEL) != MADE_BY[LABEL]:
        raise CloudRefused(
            f"`{name}` ({engine.display_name or 'unnamed'}) was not deployed by Baton, so it is not overwritten. "
            "`baton deploy vertex status` lists those that were."
        )
    return engine


def _place(project: str, location: str) -> Iterator[str]:
    if not _PROJECT.fullmatch(project):
        yield f"`{project}` is no project id: lower-case letters, digits, hyphens. `gcloud projects list` shows yours."
    if not _LOCATION.fullmatch(location):
        yield f"`{location}` is no location of Agent Engine: regions only, as us-central1 or europe-west1."


def _names(deployment: Deployment) -> Iterator[str]:
    for name in sorted({*deployment.env, *deployment.secrets}):
        if not _VARIABLE.fullmatch(name):
            yield f"`{name}` is no name of a variable: letters, digits and underscores."
        elif name in _RESERVED:
            yield f"{name} is set by Agent Engine itself. Leave it out."
    for name in sorted(set(deployment.env) & set(deployment.secrets)):
        yield f"{name} is given twice, with `--env` and with `--secret`. Leave one out."
    for name, ref in deployment.secrets.items():
        if not _SECRET.fullmatch(ref.secret):
            yield f"the secret of {name} is not a name in Secret Manager: `--secret {name}=NAME:VERSION`."
    if deployment.service_account and not _EMAIL.fullmatch(deployment.service_account):
        yield f"`{deployment.service_account}` is no service account: NAME@PROJECT.iam.gserviceaccount.com."
    if deployment.network and not _NETWORK.fullmatch(deployment.network):
        yield f"`{deployment.network}` is no network attachment: projects/P/regions/R/networkAttachments/N."
    if deployment.image and not _IMAGE.fullmatch(deployment.image):
        yield f"`{deployment.image}` is no image in Artifact Registry: REGION-docker.pkg.dev/PROJECT/REPO/IMAGE:TAG."


def _instances(deployment: Deployment) -> Iterator[str]:
    fewest, most = deployment.min_instances, deployment.max_instances
    if fewest is not None and most is not None and fewest > most:
        yield f"`--min-instances {fewest}` is more than `--max-instances {most}`."
    if deployment.network and most is not None and most > MOST_MAX_PSC:
        yield f"`--max-instances {most}`: with `--psc` at most {MOST_MAX_PSC}."
    if (deployment.cpu is None) != (deployment.memory is None):
        yield "`--cpu` and `--memory` go together."
    elif deployment.cpu is not None and deployment.memory is not None:
        if deployment.cpu not in _CPUS:
            yield f"`--cpu {deployment.cpu}`: Agent Engine offers {', '.join(map(str, _CPUS))}."
        elif not 1 <= deployment.memory <= _GIB_FOR_CPUS[deployment.cpu]:
            most_memory = _GIB_FOR_CPUS[deployment.cpu]
            yield f"`--memory {deployment.memory}`: with {deployment.cpu} CPUs 1 to {most_memory} GiB."


def _plain_secrets(env: Mapping[str, str]) -> Iterator[str]:
    """Yield what would show a secret to whoever may look at the engine."""
    for name, value in env.items():
        assigned = f"{name}={value}"
        if value and (_SECRET_WORDS.search(name) or redact_shapes(assigned) != assigned or redact(value) != value):
            secret = re.sub(r"[^a-z0-9]+", "-", name.lower())
            yield (
                f"{name} looks like a secret, and `--env` shows it to whoever may look at the engine. Keep it in Secret"
                f' Manager: `printf %s "${name}" | gcloud secrets create {secret} --data-file=-`, then give {name} with'
                f" `--secret`, as `{secret}:latest`."
            )


def _known(deployment: Deployment, before: DeployedEngine | None) -> dict[str, str]:
    """Return the variables that instances will have; of those that are not known here, a placeholder."""
    kept = (
        ()
        if before is None
        else (*(() if deployment.env else before.env), *(() if deployment.secrets else before.secrets))
    )
    return {**dict.fromkeys(kept, "kept"), **dict.fromkeys(deployment.secrets, "secret"), **deployment.env}


def _state(deployment: Deployment, before: DeployedEngine | None) -> Iterator[str]:
    """Yield why runs would not outlive an instance."""
    known = _known(deployment, before)
    if LOCAL in known:
        yield f"{LOCAL} keeps state on one machine; instances come and go. Give BATON_DATABASE_URL or BATON_CLOUD_SQL."
        return
    try:
        read_settings(known)
    except NotConfigured:
        yield (
            "no database is named, or more than one. Give `--secret BATON_DATABASE_URL=SECRET:VERSION`, a PostgreSQL"
            " that all instances reach, or `--env BATON_CLOUD_SQL=PROJECT:REGION:INSTANCE`."
        )
    url = deployment.env.get("BATON_DATABASE_URL", "")
    if url and urlsplit(url).hostname in _HERE:
        yield f"BATON_DATABASE_URL names this machine ({urlsplit(url).hostname}), which instances do not reach."
