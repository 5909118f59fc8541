"""A chat model by its name, and what to do when it is not there."""

from __future__ import annotations

import importlib.util
import tomllib
from importlib.machinery import ModuleSpec
from operator import attrgetter
from pathlib import Path

import pytest

from schemas.errors import InputError
from skills.model import models
from skills.model.errors import ModelKeyMissing, ModelPackageMissing, ModelUnknown, ModelUnusable
from skills.model.models import PROVIDERS, chat_model, model_name
from skills.model.scripted import ScriptedModel

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "models.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in PROVIDERS.values():
        for variable in provider.variables:
            monkeypatch.delenv(variable, raising=False)


@pytest.mark.slow  # the providers' packages take seconds to import
@pytest.mark.parametrize(
    ("name", "variable", "kind"),
    [
        ("anthropic:claude-sonnet-5-5", "ANTHROPIC_API_KEY", "ChatAnthropic"),
        ("google_genai:gemini-4-argon", "GOOGLE_API_KEY", "GoogleChat"),
        ("google_genai:gemini-4-argon", "GEMINI_API_KEY", "GoogleChat"),
        ("ollama:qwen3:8b", None, "ChatOllama"),
        ("openai:gpt-6-sol", "OPENAI_API_KEY", "ChatOpenAI"),
    ],
)
def test_a_model_is_made_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, variable: str | None, kind: str
) -> None:
    if variable:
        monkeypatch.setenv(variable, "x")
    model = chat_model(name)

    assert type(model).__name__ == kind
    assert model_name(model) == name


def test_a_model_of_vertex_ai_goes_by_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415  # slow to import

    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-project")
    nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]  # Google's package is half typed
    monkeypatch.setattr("google.auth.default", lambda **_: (nobody, "my-project"))

    assert model_name(chat_model("google_vertexai:gemini-4-argon")) == "google_vertexai:gemini-4-argon"


@pytest.mark.parametrize(
    ("variable", "name", "attribute"),
    [
        ("ANTHROPIC_BASE_URL", "anthropic:claude-sonnet-5-5", "_client.base_url"),
        ("GOOGLE_GEMINI_BASE_URL", "google_genai:gemini-4-argon", "client._api_client._http_options.base_url"),
        ("OLLAMA_HOST", "ollama:qwen3:8b", "_client._client.base_url"),
        ("OPENAI_BASE_URL", "openai:gpt-6-sol", "root_client.base_url"),
    ],
)
def test_the_environment_says_where_a_provider_listens(
    monkeypatch: pytest.MonkeyPatch, variable: str, name: str, attribute: str
) -> None:
    for key in PROVIDERS[name.partition(":")[0]].variables:
        monkeypatch.setenv(key, "x")
    monkeypatch.setenv(variable, "http://127.0.0.1:9")

    assert str(attrgetter(attribute)(chat_model(name))).startswith("http://127.0.0.1:9")
    assert variable in DOCS


def test_a_model_that_is_one_already_is_taken_as_it_is() -> None:
    model = ScriptedModel([])

    assert chat_model(model) is model
    assert model_name(model) == "ScriptedModel:scripted"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("antropic:claude-x", "no provider of models is called `antropic`; did you mean `anthropic:claude-x`?"),
        ("google:gemini-4-argon", "did you mean `google_genai:gemini-4-argon` or `google_vertexai:gemini-4-argon`?"),
        (
            "gpt-6-sol",
            "the model `gpt-6-sol` names no provider; write `provider:model` (for example `openai:gpt-6-sol`;",
        ),
        ("claude-opus-5-5", "(for example `anthropic:claude-opus-5-5`;"),
        ("qwen", "providers: anthropic, google_genai, google_vertexai, ollama, openai)"),
        ("openai:", "the model `openai:` names a provider and no model; write `openai:model`"),
        ("", "names no provider"),
    ],
)
def test_a_name_that_leads_nowhere_is_answered_with_the_nearest(name: str, told: str) -> None:
    with pytest.raises(ModelUnknown) as caught:
        chat_model(name)

    assert told in str(caught.value)


@pytest.mark.parametrize("missing", ["deepagents", "langchain_openai"])
def test_a_missing_package_is_answered_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    def find(name: str) -> ModuleSpec | None:
        return None if name == missing else importlib.util.find_spec(name)

    monkeypatch.setattr(models, "find_spec", find)
    with pytest.raises(ModelPackageMissing) as caught:
        chat_model("openai:gpt-6-sol")

    package = missing.replace("_", "-")
    assert str(caught.value) == (
        f"the model `openai:gpt-6-sol` needs the package `{package}`, which is not installed. Install it with\n"
        "  pip install 'baton-engine[openai]'"
    )


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_a_provider_needs_is_in_its_extra(provider: str) -> None:
    extra = PROJECT["optional-dependencies"][PROVIDERS[provider].extra]

    assert "baton-engine[model]" in extra
    assert any(requirement.startswith(f"{PROVIDERS[provider].package}>=") for requirement in extra)


@pytest.mark.parametrize("provider", [name for name, provider in PROVIDERS.items() if provider.variables])
def test_a_missing_key_is_answered_with_its_variable(provider: str) -> None:
    with pytest.raises(ModelKeyMissing) as caught:
        chat_model(PROVIDERS[provider].example)

    assert all(f"`{variable}`" in str(caught.value) for variable in PROVIDERS[provider].variables)
    assert "in the environment" in str(caught.value)


def test_a_providers_own_refusal_is_passed_on_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("a-secret-of-mine is no key")

    monkeypatch.setenv("OPENAI_API_KEY", "a-secret-of-mine")
    monkeypatch.setattr("langchain.chat_models.init_chat_model", refuse)
    with pytest.raises(ModelUnusable, match=r"`openai:gpt-6-sol` cannot be used: ValueError: \[redacted\] is no key"):
        chat_model("openai:gpt-6-sol")


def test_what_a_caller_did_wrong_is_an_input_error() -> None:
    assert all(
        issubclass(error, InputError) for error in (ModelUnknown, ModelPackageMissing, ModelKeyMissing, ModelUnusable)
    )
