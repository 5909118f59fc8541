"""Keep what was asked of a model and what it said, and run again from that without a network.

An exchange is one JSON file for people to read, named by the hash of its request: model, messages, tools, parameters.
What differs from run to run and means nothing (ids of messages and calls) is left out of the request. Secrets of the
environment are not written.

Both are chat models themselves: `Recording(folder, model)` asks `model`, `Replay(folder)` asks nobody.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher, unified_diff
from pathlib import Path
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field

from schemas.base import JSON
from skills.core.redaction import secrets_of
from skills.core.secret_shapes import REDACTED
from skills.model.errors import ReplayMiss
from skills.model.models import model_name

DIFFERENCE = 12  # lines shown of how a request differs from the nearest one recorded

_KEPT = ("additional_kwargs", "tool_calls", "invalid_tool_calls", "usage_metadata", "response_metadata")


class _Taped(BaseChatModel):
    """A chat model that tells its exchanges apart by their requests."""

    folder: Path
    model_name: str  # provider:model

    @property
    def _llm_type(self) -> str:
        return "taped"

    def bind_tools(
        self, tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool], **settings: object
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the model with tools, in OpenAI's form, which every provider's package takes."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **settings)


class Recording(_Taped):
    """Asks a model, and keeps each exchange in `folder`."""

    inner: BaseChatModel = Field(repr=False)

    def __init__(self, folder: Path, model: BaseChatModel) -> None:
        """Keep what `model` is asked and says in `folder`, which is made if it is not there."""
        super().__init__(folder=folder, model_name=model_name(model), inner=model)  # type: ignore[call-arg]  # pydantic's

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002  # the base's parameter
        **settings: object,
    ) -> ChatResult:
        reply = self._bound(settings).invoke(messages, stop=stop)
        return self._kept(messages, stop, settings, reply)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002  # the base's parameter
        **settings: object,
    ) -> ChatResult:
        reply = await self._bound(settings).ainvoke(messages, stop=stop)
        return self._kept(messages, stop, settings, reply)

    def _bound(self, settings: Mapping[str, object]) -> Runnable[LanguageModelInput, AIMessage]:
        others = cast("dict[str, Any]", {name: value for name, value in settings.items() if name != "tools"})
        tools = cast("list[dict[str, Any]]", settings.get("tools"))
        return self.inner.bind_tools(tools, **others) if tools else self.inner.bind(**others)

    def _kept(
        self, messages: list[BaseMessage], stop: list[str] | None, settings: Mapping[str, object], reply: AIMessage
    ) -> ChatResult:
        request = _request(self.model_name, messages, stop, settings)
        response = {"content": reply.content, **{name: value for name in _KEPT if (value := getattr(reply, name))}}
        _write(self.folder / f"{_key(request)}.json", {"request": request, "response": response})
        return _result(reply)


class Replay(_Taped):
    """Says what a recorded model said to the same request. It calls nobody."""

    def __init__(self, folder: Path, model: str) -> None:
        """Answer from `folder` as the model of that name (`provider:model`) did when it was recorded."""
        super().__init__(folder=folder, model_name=model)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002  # the base's parameter
        **settings: object,
    ) -> ChatResult:
        request = _request(self.model_name, messages, stop, settings)
        place = self.folder / f"{_key(request)}.json"
        if not place.is_file():
            raise ReplayMiss(str(self.folder), _difference(self.folder, request))
        try:
            return _result(AIMessage(**_read(place)["response"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ReplayMiss(str(self.folder), f"`{place.name}` is not an exchange: {error}") from error


def _request(
    model: str, messages: Sequence[BaseMessage], stop: list[str] | None, settings: Mapping[str, object]
) -> dict[str, JSON]:
    ids: dict[str, str] = {}
    parameters = {
        name: value
        for name, value in sorted({**settings, "stop": stop}.items())
        if value is not None and name != "tools" and not name.startswith("ls_")  # `ls_` is for LangSmith's eyes
    }
    request = {
        "model": model,
        "parameters": parameters,
        "messages": [_message(message, ids) for message in messages],
        "tools": settings.get("tools", []),
    }
    return cast("dict[str, JSON]", json.loads(json.dumps(request, default=str)))


def _message(message: BaseMessage, ids: dict[str, str]) -> dict[str, object]:
    """Return what a message says. `ids` gives every id of a call a number, in the order in which they appear."""

    def numbered(each: object) -> str:
        return ids.setdefault(str(each), f"call {len(ids) + 1}")

    if isinstance(message, AIMessage):
        calls = [{"name": c["name"], "args": c["args"], "id": numbered(c["id"])} for c in message.tool_calls]
        return {"type": "ai", "text": str(message.text), **({"tool_calls": calls} if calls else {})}
    if isinstance(message, ToolMessage):
        of = numbered(message.tool_call_id)
        return {"type": "tool", "name": message.name, "of": of, "status": message.status, "content": message.content}
    return {"type": message.type, "content": message.content}


def _key(request: Mapping[str, JSON]) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]


def _write(place: Path, exchange: Mapping[str, object]) -> None:
    """Write an exchange as a whole or not at all."""
    text = json.dumps(_clean(json.loads(json.dumps(exchange, default=str))), indent=2, ensure_ascii=False)
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=place.parent, prefix=".exchange-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
    Path(beside).replace(place)


def _clean(value: object) -> object:
    if isinstance(value, dict):
        return {name: _clean(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return _without_secrets(value) if isinstance(value, str) else value


def _without_secrets(text: str) -> str:
    """Return `text` without the secrets of the environment; what merely looks like one is what a replay must repeat."""
    for secret in sorted(secrets_of(os.environ), key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return text


def _read(place: Path) -> dict[str, Any]:
    try:
        read = json.loads(place.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _result(reply: AIMessage) -> ChatResult:
    return ChatResult(generations=[ChatGeneration(message=reply)])


def _difference(folder: Path, request: Mapping[str, JSON]) -> str:
    asked = _lines(request)
    recorded = {place.name: _lines(_read(place).get("request", {})) for place in sorted(folder.glob("*.json"))}
    if not recorded:
        return "Nothing is recorded there."
    name = max(recorded, key=lambda each: SequenceMatcher(None, recorded[each], asked, autojunk=False).ratio())
    lines = [line for line in unified_diff(recorded[name], asked, n=0, lineterm="") if not line.startswith("@@")][2:]
    rest = [f"… {len(lines) - DIFFERENCE} more lines"] if len(lines) > DIFFERENCE else []
    shown = "\n".join(f"  {line}" for line in [*lines[:DIFFERENCE], *rest])
    return f"The nearest is `{name}`. It has (-), and this request has (+):\n{shown}"


def _lines(request: Mapping[str, JSON]) -> list[str]:
    """Return a request as lines short enough to be compared: texts are broken where they break themselves."""
    return _without_secrets(json.dumps(request, indent=1, ensure_ascii=False)).replace("\\n", "\n").splitlines()
