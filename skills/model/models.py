"""Chat models by name: `provider:model`, as `anthropic:claude-sonnet-5-5` or `ollama:qwen3:8b`.

A provider is an optional extra and is imported when one of its models is asked for. Where it listens is its own
environment variable (`docs/models.md` lists them), so that a gateway or a local server serves without another option
here. Models of Vertex AI go through `langchain-google-genai`, which has superseded `langchain-google-vertexai`.

Not here: talking to a model (`skills.model.conversation`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from skills.core.redaction import redact
from skills.model.errors import ModelKeyMissing, ModelPackageMissing, ModelUnknown, ModelUnusable

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

AGENTS_PACKAGE, AGENTS_EXTRA = "deepagents", "model"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelProvider:
    """Where a provider's models come from.

    `settings` are the constructor's. Trying again is `skills.model.call`'s, so providers are told not to; a stream
    keeps a long answer's connection alive and shows at once when it breaks.
    """

    package: str  # to install
    module: str  # to import
    extra: str
    variables: tuple[str, ...] = ()  # one of them must be set
    langchain: str  # the name under which LangChain knows it
    settings: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)  # further settings, by the variable that they come from
    example: str


PROVIDERS: Mapping[str, ModelProvider] = {
    "anthropic": ModelProvider(
        package="langchain-anthropic",
        module="langchain_anthropic",
        extra="anthropic",
        variables=("ANTHROPIC_API_KEY",),
        langchain="anthropic",
        settings={"streaming": True, "max_retries": 0},
        example="anthropic:claude-sonnet-5-5",
    ),
    "google_genai": ModelProvider(
        package="langchain-google-genai",
        module="langchain_google_genai",
        extra="google",
        variables=("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        langchain="google_genai",
        settings={"streaming": True, "max_retries": 1, "vertexai": False},  # 1 is the first try
        example="google_genai:gemini-4-argon",
    ),
    "google_vertexai": ModelProvider(
        package="langchain-google-genai",
        module="langchain_google_genai",
        extra="vertex",
        variables=("GOOGLE_CLOUD_PROJECT",),
        langchain="google_genai",
        settings={"streaming": True, "max_retries": 1, "vertexai": True, "location": "global"},
        # Google's package forgets them where another address is set, unless it is told them.
        places={"GOOGLE_CLOUD_PROJECT": "project", "GOOGLE_CLOUD_LOCATION": "location"},
        example="google_vertexai:gemini-4-argon",
    ),
    "ollama": ModelProvider(
        package="langchain-ollama",
        module="langchain_ollama",
        extra="ollama",
        langchain="ollama",
        example="ollama:qwen3:8b",
    ),
    "openai": ModelProvider(
        package="langchain-openai",
        module="langchain_openai",
        extra="openai",
        variables=("OPENAI_API_KEY",),
        langchain="openai",
        settings={"streaming": True, "stream_usage": True, "max_retries": 0},
        example="openai:gpt-6-sol",
    ),
}

_EXAMPLE = "anthropic:claude-sonnet-5-5"
# Beginnings of models' names, for a name without its provider.
_FAMILIES = {"claude": "anthropic", "gpt": "openai", "gemini": "google_genai"}
_CLASSES = {
    "ChatAnthropic": "anthropic",
    "ChatGoogleGenerativeAI": "google_genai",
    "ChatOllama": "ollama",
    "ChatOpenAI": "openai",
    "GoogleChat": "google_genai",
}
_TAPED = frozenset({"Recording", "Replay"})  # they go by the name of the model they stand for


def chat_model(model: str | BaseChatModel) -> BaseChatModel:
    """Return the chat model called `provider:model`; a model that is one already is returned as it is.

    Raises:
        ModelUnknown: No provider of that name, with the nearest, or no model after it.
        ModelPackageMissing: With the line that installs it.
        ModelKeyMissing: With the environment variable to set.
        ModelUnusable: The provider's package refuses the model or its environment, in its own words.
    """
    if not isinstance(model, str):
        return model
    provider = _provider(model)
    for package, module in ((AGENTS_PACKAGE, AGENTS_PACKAGE), (provider.package, provider.module)):
        if find_spec(module) is None:
            raise ModelPackageMissing(model, package, provider.extra)
    if provider.variables and not any(os.environ.get(variable) for variable in provider.variables):
        raise ModelKeyMissing(model, provider.variables)
    return _made(model, provider)


def model_name(model: BaseChatModel) -> str:
    """Return `provider:model` of a chat model: what its price and its recordings are kept under."""
    kind = type(model).__name__
    if kind in _TAPED:
        return str(getattr(model, "model_name", kind))
    provider = _CLASSES.get(kind, kind)
    if provider == "google_genai" and getattr(model, "vertexai", None):
        provider = "google_vertexai"
    name = str(getattr(model, "model_name", None) or getattr(model, "model", None) or "")
    return f"{provider}:{name.removeprefix('models/')}"


def _provider(name: str) -> ModelProvider:
    provider, _, model = name.partition(":")
    if provider in PROVIDERS and model:
        return PROVIDERS[provider]
    family = next((known for start, known in _FAMILIES.items() if name.startswith(start)), None)
    example = f"{family}:{name}" if family and ":" not in name else _EXAMPLE
    if provider in PROVIDERS:
        example = PROVIDERS[provider].example
    raise ModelUnknown(name, tuple(PROVIDERS), example)


def _made(name: str, provider: ModelProvider) -> BaseChatModel:
    model = name.partition(":")[2]
    places = {key: os.environ[variable] for variable, key in provider.places.items() if os.environ.get(variable)}
    settings = {**provider.settings, **places}
    try:
        if provider.langchain == "google_genai":
            from skills.model.google import GoogleChat  # noqa: PLC0415  # an extra, and slow to import

            return GoogleChat(model=model, **settings)
        from langchain.chat_models import init_chat_model  # noqa: PLC0415  # the same

        made: BaseChatModel = init_chat_model(model, model_provider=provider.langchain, **settings)
    except Exception as error:  # whatever the provider's package raises
        raise ModelUnusable(name, redact(f"{type(error).__name__}: {error}")) from error
    return made
