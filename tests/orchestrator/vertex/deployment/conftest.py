"""A Google Cloud of this machine: the service, credentials that it takes, and `baton` pointed at both."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from orchestrator.cli import main as cli
from tests.orchestrator.vertex.deployment.agent_engine import AgentEngine, serving

PROJECT, LOCATION = "a-project", "europe-west1"


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.out.rstrip("\n").split("\n")]


@pytest.fixture(scope="session")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture
def service(tmp_path: Path, private_key: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[AgentEngine]:
    """The service, with credentials for it as a file that application default credentials name."""
    with serving(AgentEngine(project=PROJECT)) as service:
        credentials = tmp_path / "credentials.json"
        credentials.write_text(
            json.dumps(
                {
                    "type": "service_account",
                    "project_id": PROJECT,
                    "private_key_id": "1",
                    "private_key": private_key,
                    "client_email": f"deployer@{PROJECT}.iam.gserviceaccount.com",
                    "token_uri": f"{service.url}/token",
                }
            )
        )
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(credentials))
        monkeypatch.setenv("GOOGLE_VERTEX_BASE_URL", service.url)
        monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING", f"{service.url}/")
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", PROJECT)
        monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", LOCATION)
        monkeypatch.setenv("NO_GCE_CHECK", "true")
        monkeypatch.setenv("BATON_HOME", str(tmp_path / "home"))
        monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
        yield service


@pytest.fixture
def baton(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """`baton WORD…` in this process: importing Google's packages takes seconds."""

    def run(*words: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["baton", *words])
        capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return run
