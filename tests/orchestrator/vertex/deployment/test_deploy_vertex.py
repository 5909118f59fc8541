"""`baton deploy vertex`, through Google's own client, against the API on this machine."""

from __future__ import annotations

import base64
import gzip
import io
import os
import re
import signal
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.vertex.deployment import deploy, operations, source
from orchestrator.vertex.deployment.specification import MADE_BY
from tests.orchestrator.vertex.deployment.agent_engine import AgentEngine, Fault, problem
from tests.orchestrator.vertex.deployment.conftest import LOCATION, PROJECT, Ran

Baton = Callable[..., Ran]
PARENT = f"projects/{PROJECT}/locations/{LOCATION}/reasoningEngines"
DATABASE = ("--secret", "BATON_DATABASE_URL=baton-database:3")
IMAGE = ("--image", f"{LOCATION}-docker.pkg.dev/{PROJECT}/apps/baton:1")  # nothing to resolve or pack
POLLING = r"^GET .*/operations/"


pytestmark = pytest.mark.usefixtures("service")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "FIRST_LOOK", 0.01)
    monkeypatch.setattr(deploy, "_BETWEEN_LOOKS", 0.01)


def existing(service: AgentEngine, **labels: str) -> str:
    name = f"{PARENT}/77"
    spec = {"deploymentSpec": {"secretEnv": [{"name": "BATON_DATABASE_URL", "secretRef": {"secret": "db"}}]}}
    service.engines[name] = {
        "name": name,
        "displayName": "baton",
        "description": "Baton 0.0.9, source 0123456789ab",
        "labels": labels,
        "spec": spec,
    }
    return name


def unpacked(engine: dict[str, Any]) -> dict[str, bytes]:
    archive = base64.urlsafe_b64decode(engine["spec"]["sourceCodeSpec"]["inlineSource"]["sourceArchive"])
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        return {each.name: files.extractfile(each).read() for each in files}  # type: ignore[union-attr]


# ---- what is sent


def test_it_sends_the_source_its_entrypoint_and_what_the_options_say(service: AgentEngine, baton: Baton) -> None:
    ran = baton(
        *("deploy", "vertex", *DATABASE, "--env", "BATON_ARTIFACTS=gs://b/runs", "--min-instances", "0"),
        *("--max-instances", "3", "--service-account", f"baton@{PROJECT}.iam.gserviceaccount.com"),
        *("--psc", "projects/p/regions/r/networkAttachments/n", "--python", "3.12", "--cpu", "2", "--memory", "8"),
    )

    assert ran.code == 0, ran.err
    (engine,) = service.engines.values()
    assert engine["labels"]["made_by"] == "baton"
    assert re.fullmatch(r"Baton [0-9.]+, source [0-9a-f]{12}", engine["description"])
    spec = engine["spec"]
    assert spec["serviceAccount"] == f"baton@{PROJECT}.iam.gserviceaccount.com"
    assert spec["sourceCodeSpec"]["pythonSpec"] == {
        "version": "3.12",
        "entrypointModule": "orchestrator.vertex.app",
        "entrypointObject": "app",
        "requirementsFile": "requirements.txt",
    }
    assert spec["deploymentSpec"] == {
        "env": [{"name": "BATON_ARTIFACTS", "value": "gs://b/runs"}],
        "secretEnv": [{"name": "BATON_DATABASE_URL", "secretRef": {"secret": "baton-database", "version": "3"}}],
        "pscInterfaceConfig": {"networkAttachment": "projects/p/regions/r/networkAttachments/n"},
        "minInstances": 0,
        "maxInstances": 3,
        "resourceLimits": {"cpu": "2", "memory": "8Gi"},
    }
    assert {"start", "events", "async_events"} <= {each["name"] for each in spec["classMethods"]}
    files = unpacked(engine)
    assert {"orchestrator/vertex/app.py", "skills/react_typed_client/templates/frontend/.gitignore"} <= set(files)
    assert {path.split("/")[0] for path in files} == {
        *("schemas", "handoff", "skills", "agents", "orchestrator", "requirements.txt"),
        next(path.split("/")[0] for path in files if path.endswith(".dist-info/METADATA")),
    }
    requirements = files["requirements.txt"].decode().split()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==\S+", each) for each in requirements)
    assert {each.split("==")[0] for each in requirements} >= {"langgraph", "asyncpg", "google-cloud-aiplatform"}


def test_the_engine_is_named_before_it_is_waited_for_and_once_it_serves(service: AgentEngine, baton: Baton) -> None:
    ran = baton("deploy", "vertex", *DATABASE, *IMAGE)

    name = f"{PARENT}/8000000"
    assert ran.code == 0, ran.err
    assert ran.out.index(f"engine: {name}\n") < ran.out.index("waiting for the operation")
    assert ran.out.endswith(f"{name} serves\nRun something there: baton remote run feature-prd.md --engine {name}\n")
    assert service.engines[name]["spec"]["containerSpec"] == {"imageUri": IMAGE[1]}


def test_with_json_the_last_line_is_the_engine(baton: Baton) -> None:
    ran = baton("deploy", "vertex", *DATABASE, *IMAGE, "--json")

    assert ran.lines[-1] == {"type": "deployed", "engine": f"{PARENT}/8000000"}
    assert {each["type"] for each in ran.lines[:-1]} == {"note"}


def test_a_dry_run_looks_at_everything_and_sends_nothing(service: AgentEngine, baton: Baton) -> None:
    ran = baton("deploy", "vertex", *DATABASE, "--dry-run")

    assert ran.code == 0, ran.err
    assert re.search(r"source: \d+ files, [\d,]+ bytes, sha256 [0-9a-f]{12}; \d+ packages for Python 3\.\d+", ran.out)
    assert service.engines == {}
    assert {each.method for each in service.seen if each.path != "/token"} == {"GET"}


def test_the_same_source_makes_the_same_bytes_below_the_limit() -> None:
    first, second = (source.make_source("a==1\n") for _ in range(2))

    assert first.archive == second.archive
    assert first.size < source.LARGEST
    assert gzip.decompress(first.archive)


def test_a_source_that_is_too_large_names_what_is_large() -> None:
    with pytest.raises(
        source.SourceTooLarge, match=r"has [\d,]+ bytes; Agent Engine takes 1,000\. The largest files:\n  "
    ):
        source.make_source("a==1\n", largest=1000)


# ---- what is refused before anything is sent


def test_all_that_would_not_work_is_told_at_once_and_nothing_is_sent(service: AgentEngine, baton: Baton) -> None:
    ran = baton(
        *("deploy", "vertex", "--project", "My Project", "--location", "europe", "--min-instances", "3"),
        *("--max-instances", "2", "--cpu", "2", "--memory", "32", "--service-account", "me@example.com"),
        *("--env", "GOOGLE_CLOUD_PROJECT=x", "--env", "OPENAI_API_KEY=abc", "--env", "URL=https://u:hunter2@host/"),
    )

    assert ran.code == 2
    for problem_ in (
        "`My Project` is no project id",
        "`europe` is no location of Agent Engine",
        "`--min-instances 3` is more than `--max-instances 2`",
        "`--memory 32`: with 2 CPUs 1 to 8 GiB",
        "`me@example.com` is no service account",
        "GOOGLE_CLOUD_PROJECT is set by Agent Engine itself",
        "OPENAI_API_KEY looks like a secret",
        "give OPENAI_API_KEY with `--secret`, as `openai-api-key:latest`",
        "URL looks like a secret",
        "no database is named, or more than one. Give `--secret BATON_DATABASE_URL=SECRET:VERSION`",
    ):
        assert problem_ in ran.err
    assert "hunter2" not in ran.err
    assert service.seen == []


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("BATON_LOCAL=1", "BATON_LOCAL keeps state on one machine"),
        ("BATON_DATABASE_URL=postgresql://localhost/baton", "names this machine (localhost)"),
    ],
)
def test_state_that_instances_cannot_share_is_refused(
    service: AgentEngine, baton: Baton, variable: str, said: str
) -> None:
    ran = baton("deploy", "vertex", "--env", variable)

    assert ran.code == 2
    assert said in ran.err
    assert service.seen == []


def test_requirements_that_do_not_resolve_are_refused_with_what_the_resolver_says(
    service: AgentEngine, baton: Baton
) -> None:
    ran = baton("deploy", "vertex", *DATABASE, "--requirement", "pydantic<2")

    assert ran.code == 2
    assert "the requirements do not resolve for Python" in ran.err
    assert "pydantic<2" in ran.err
    assert service.engines == {}


def test_a_python_that_agent_engine_does_not_offer_is_refused(baton: Baton) -> None:
    ran = baton("deploy", "vertex", *DATABASE, "--python", "3.10")

    assert ran.code == 2
    assert (
        "Agent Engine runs Baton on Python 3.11, 3.12, 3.13, 3.14, not on 3.10. Choose one with `--python`." in ran.err
    )


def test_without_a_project_it_says_how_to_name_one(baton: Baton, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")

    ran = baton("deploy", "vertex", *DATABASE)

    assert ran.code == 2
    assert "which project? Give `--project`, set GOOGLE_CLOUD_PROJECT, or write the engine's full name." in ran.err


def test_without_credentials_it_says_how_to_log_in(
    service: AgentEngine, baton: Baton, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))  # no `gcloud` login either

    ran = baton("deploy", "vertex", *DATABASE, *IMAGE)

    assert ran.code == 1
    assert "no usable Google credentials" in ran.err
    assert "`gcloud auth application-default login`" in ran.err
    assert service.engines == {}


def test_a_project_that_is_not_ones_own_is_named(service: AgentEngine, baton: Baton) -> None:
    ran = baton("deploy", "vertex", *DATABASE, *IMAGE, "--project", "another-project")

    assert ran.code == 1
    assert "There is no project `another-project` that these credentials may use. Correct `--project`" in ran.err
    assert service.sent("POST", "/reasoningEngines") == []


DISABLED = problem(
    403, "PERMISSION_DENIED", "Vertex AI API has not been used in project 12.", reason="SERVICE_DISABLED"
)
DENIED = problem(403, "PERMISSION_DENIED", "Permission 'aiplatform.reasoningEngines.list' denied.")
NOT_HERE = problem(400, "INVALID_ARGUMENT", "Location europe-west1 is not supported.")


@pytest.mark.parametrize(
    ("status", "body", "fix"),
    [
        (403, DISABLED, f"gcloud services enable aiplatform.googleapis.com --project {PROJECT}"),
        (403, DENIED, "Grant the role `roles/aiplatform.user`"),
        (401, problem(401, "UNAUTHENTICATED", "Invalid credentials."), "gcloud auth application-default login"),
        (400, NOT_HERE, f"Agent Engine does not serve `{LOCATION}`. Choose another `--location`"),
    ],
)
def test_what_the_service_refuses_is_known_before_anything_is_made(
    service: AgentEngine, baton: Baton, status: int, body: object, fix: str
) -> None:
    service.faults = [Fault("^GET .*/reasoningEngines$", status=status, body=body)]

    ran = baton("deploy", "vertex", *DATABASE, *IMAGE)

    assert ran.code == 1
    assert fix in ran.err
    assert service.sent("POST", "/reasoningEngines") == []


# ---- what goes wrong later


def test_a_used_up_quota_says_which_and_leaves_nothing(service: AgentEngine, baton: Baton) -> None:
    body = problem(429, "RESOURCE_EXHAUSTED", "Quota exceeded for reasoning_engine_service_write_requests.")
    service.faults = [Fault("^POST .*/reasoningEngines$", status=429, body=body)]

    ran = baton("deploy", "vertex", *DATABASE, *IMAGE)

    assert ran.code == 1
    assert "Quota exceeded for reasoning_engine_service_write_requests." in ran.err
    assert "by default 10 creations, updates and deletions" in ran.err
    assert service.engines == {}


FAILURE = {"code": 3, "message": "Reasoning Engine resource failed to start and cannot serve traffic."}


def test_an_operation_that_fails_names_the_half_made_engine_and_how_to_remove_it(
    service: AgentEngine, baton: Baton
) -> None:
    service.failure = FAILURE

    ran = baton("deploy", "vertex", *DATABASE, *IMAGE)

    name = f"{PARENT}/8000000"
    assert ran.code == 1
    assert "failed to start and cannot serve traffic" in ran.err
    assert f"baton deploy vertex logs {name}" in ran.err
    assert f"baton deploy vertex delete {name}" in ran.err
    assert f"deploy again with `--update {name}`" in ran.err


def test_a_connection_that_is_lost_while_waiting_is_tried_again(service: AgentEngine, baton: Baton) -> None:
    service.faults = [Fault(POLLING, times=3, drop="before")]

    ran = baton("deploy", "vertex", *DATABASE, *IMAGE)

    assert ran.code == 0, ran.err
    assert ran.out.count("the connection is lost, and tried again") == 1
    assert "the connection is back" in ran.out
    assert len(service.sent("POST", "/reasoningEngines")) == 1


def test_a_service_that_fails_while_waiting_is_asked_again(service: AgentEngine, baton: Baton) -> None:
    service.faults = [Fault(POLLING, times=2, status=503, body=problem(503, "UNAVAILABLE", "Try again."))]

    assert baton("deploy", "vertex", *DATABASE, *IMAGE).code == 0


def test_after_a_connection_that_stays_lost_status_goes_on_waiting(
    service: AgentEngine, baton: Baton, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "LOST_FOR", 0.0)
    service.faults = [Fault(POLLING, times=9, drop="before")]

    ran = baton("deploy", "vertex", *DATABASE, *IMAGE)
    service.faults = []
    later = baton("deploy", "vertex", "status", f"{PARENT}/8000000")

    assert ran.code == 1
    assert f"baton deploy vertex status {PARENT}/8000000" in ran.err
    assert later.code == 0, later.err
    assert f"operation: {PARENT}/8000000/operations/700 (create)" in later.out
    assert "variables: BATON_DATABASE_URL (secret)" in later.out


def test_ctrl_c_while_waiting_leaves_the_operation_and_says_how_to_get_back(service: AgentEngine, baton: Baton) -> None:
    service.polls = 1000
    service.faults = [Fault(POLLING, then=lambda: os.kill(os.getpid(), signal.SIGINT))]

    ran = baton("deploy", "vertex", *DATABASE, *IMAGE)

    assert ran.code == 130
    assert "The operation goes on in the cloud" in ran.err
    assert f"baton deploy vertex status {PARENT}/8000000" in ran.err


def test_ctrl_c_while_the_engine_is_being_created_still_names_it(service: AgentEngine, baton: Baton) -> None:
    service.faults = [Fault("^POST .*/reasoningEngines$", then=lambda: os.kill(os.getpid(), signal.SIGINT))]

    ran = baton("deploy", "vertex", *DATABASE, *IMAGE)

    assert ran.code == 130
    assert f"engine: {PARENT}/8000000" in ran.out
    assert f"baton deploy vertex status {PARENT}/8000000" in ran.out


def test_an_operation_that_the_service_has_forgotten_does_not_hide_the_engine(
    service: AgentEngine, baton: Baton
) -> None:
    service.polls = 1000
    service.faults = [Fault(POLLING, then=lambda: os.kill(os.getpid(), signal.SIGINT))]
    baton("deploy", "vertex", *DATABASE, *IMAGE)
    service.operations.clear()

    ran = baton("deploy", "vertex", "status", "8000000")

    assert ran.code == 0, ran.err
    assert f"{PARENT}/8000000: baton" in ran.out


def test_an_engine_whose_creation_got_no_answer_is_found_and_named(service: AgentEngine, baton: Baton) -> None:
    service.faults = [Fault("^POST .*/reasoningEngines$", drop="after")]

    ran = baton("deploy", "vertex", *DATABASE, *IMAGE)

    assert ran.code == 1
    assert f"An engine was begun, though: {PARENT}/8000000" in ran.err
    assert len(service.sent("POST", "/reasoningEngines")) == 1


def test_a_creation_that_never_arrived_says_so(service: AgentEngine, baton: Baton) -> None:
    service.faults = [Fault("^POST .*/reasoningEngines$", drop="before")]

    ran = baton("deploy", "vertex", *DATABASE, *IMAGE)

    assert ran.code == 1
    assert "No engine of this deployment is listed." in ran.err
    assert service.engines == {}


# ---- what is there


def test_an_update_changes_what_is_given_and_keeps_the_rest(service: AgentEngine, baton: Baton) -> None:
    name = existing(service, **MADE_BY)

    ran = baton("deploy", "vertex", "--update", name, *IMAGE, "--max-instances", "5")

    assert ran.code == 0, ran.err
    spec = service.engines[name]["spec"]
    assert spec["deploymentSpec"]["maxInstances"] == 5
    assert spec["deploymentSpec"]["secretEnv"][0]["name"] == "BATON_DATABASE_URL"
    assert spec["containerSpec"] == {"imageUri": IMAGE[1]}


def test_an_update_that_fails_says_what_still_serves_and_how_to_go_back(service: AgentEngine, baton: Baton) -> None:
    name = existing(service, **MADE_BY)
    service.failure = FAILURE

    ran = baton("deploy", "vertex", "--update", "77", *IMAGE)

    assert ran.code == 1
    assert "What was deployed before (Baton 0.0.9, source 0123456789ab) is meant to go on serving." in ran.err
    assert f"baton deploy vertex --update {name}" in ran.err


def test_an_engine_of_somebody_else_is_not_overwritten(service: AgentEngine, baton: Baton) -> None:
    existing(service)

    ran = baton("deploy", "vertex", "--update", "77", *IMAGE)

    assert ran.code == 1
    assert "was not deployed by Baton, so it is not overwritten" in ran.err
    assert service.sent("PATCH", "/77") == []


def test_engines_are_listed_and_deleted(service: AgentEngine, baton: Baton) -> None:
    name = existing(service, **MADE_BY)

    listed = baton("deploy", "vertex", "status")
    deleted = baton("deploy", "vertex", "delete", "77")
    empty = baton("deploy", "vertex", "status")

    assert name in listed.out
    assert deleted.out.endswith(f"{name} is deleted. Its runs stay in their database.\n")
    assert service.engines == {}
    assert empty.out == f"Baton has no engine in {PROJECT}, {LOCATION}\n"


def test_an_engine_that_is_not_there_is_said_not_to_be(baton: Baton) -> None:
    ran = baton("deploy", "vertex", "delete", "404")

    assert ran.code == 1
    assert "does not exist" in ran.err
    assert "`baton deploy vertex status` lists the engines there" in ran.err


def test_an_engines_log_is_shown(service: AgentEngine, baton: Baton) -> None:
    line = {
        "timestamp": "2026-01-02T03:04:05Z",
        "severity": "ERROR",
        "textPayload": "the app is not ready: no database",
    }
    service.log = [{**line, "engine": '"77"'}, {**line, "engine": '"78"', "textPayload": "of another"}]

    ran = baton("deploy", "vertex", "logs", f"{PARENT}/77")

    assert ran.code == 0, ran.err
    assert ran.out == "2026-01-02T03:04:05Z ERROR the app is not ready: no database\n"
    (asked,) = service.sent("POST", "/entries:list")
    assert asked.body["resourceNames"] == [f"projects/{PROJECT}"]


def test_a_log_that_may_not_be_read_says_which_role_is_missing(service: AgentEngine, baton: Baton) -> None:
    service.faults = [Fault("entries:list", status=403, body=problem(403, "PERMISSION_DENIED", "No."))]

    ran = baton("deploy", "vertex", "logs", "77")

    assert ran.code == 1
    assert "Cloud Logging refuses (403): No." in ran.err
    assert "roles/logging.viewer" in ran.err
