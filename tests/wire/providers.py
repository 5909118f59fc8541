"""The providers' names, and the environment in which their packages talk to a loopback server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.wire.anthropic_api import AnthropicApi
from tests.wire.gemini_api import PROJECT, GeminiApi
from tests.wire.openai_api import MODEL as CHAT_MODEL
from tests.wire.openai_api import OpenAIApi
from tests.wire.openai_responses import MODEL as RESPONSES_MODEL
from tests.wire.openai_responses import ResponsesApi
from tests.wire.server import TOKEN, Api

KEY = "sk-a-key-of-the-loopback-server"
MODELS = (
    "anthropic:claude-sonnet-5-5",
    "google_genai:gemini-4-argon",
    "google_vertexai:gemini-4-argon",
    f"openai:{CHAT_MODEL}",
    f"openai:{RESPONSES_MODEL}",
)
APIS: tuple[Api, ...] = (
    AnthropicApi(KEY),
    GeminiApi("google_genai", KEY),
    GeminiApi("google_vertexai", TOKEN),
    OpenAIApi(KEY),
    ResponsesApi(KEY),
)


def environment(url: str, folder: Path) -> Mapping[str, str]:
    """Return the variables with which every provider is reached at `url`; `folder` gets Google's credentials."""
    return {
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": url,
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": url,
        "GOOGLE_API_KEY": KEY,
        "GOOGLE_GEMINI_BASE_URL": url,
        "GOOGLE_VERTEX_BASE_URL": url,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "GOOGLE_CLOUD_LOCATION": "europe-west4",
        "GOOGLE_APPLICATION_CREDENTIALS": str(_service_account(url, folder)),
        "NO_PROXY": "127.0.0.1",
    }


def _service_account(url: str, folder: Path) -> Path:
    """Write the credentials of a service account whose tokens the loopback server gives out."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    account = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": f"baton@{PROJECT}.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"{url}/token",
    }
    place = folder / "service-account.json"
    place.write_text(json.dumps(account))
    return place
