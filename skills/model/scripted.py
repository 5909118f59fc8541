r"""A chat model that says what a script says: for testing one's own skills and pipelines without a provider.

    ScriptedModel([write({"app/notes.md": "# Notes\n"}), submit(listed=2)])

A script is a list of replies, one a call: a message, plain text, an exception to raise, a stream that breaks off
(`Dropped`), or a function of the messages so far that returns one of those. `asked` holds what the model was asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolCall
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field, PrivateAttr

from schemas.errors import RunError
from skills.model.prompt import SUBMIT

PIECE = 16  # characters of one chunk of a stream
_TOKEN = 4  # characters


class ScriptEnded(RunError):
    """The model was asked more often than its script has replies."""

    code = "script_ended"

    def __init__(self, replies: int, last: str) -> None:
        super().__init__(replies, last)
        self.replies, self.last = replies, last

    def __str__(self) -> str:
        return f"the script has {self.replies} replies and was asked for one more; the last message was:\n{self.last}"


@dataclass(frozen=True, slots=True)
class Dropped:
    """Half of `message`, then a broken connection."""

    message: AIMessage


@dataclass(frozen=True, slots=True)
class Asked:
    """One call: the messages, the tools in OpenAI's form, and whatever else was bound to the model."""

    messages: Sequence[BaseMessage]
    tools: Sequence[Mapping[str, Any]]
    settings: Mapping[str, object]


Reply: TypeAlias = AIMessage | str | Exception | Dropped
Script: TypeAlias = Sequence[Reply | Callable[[Sequence[BaseMessage]], Reply]]


def call(name: str, /, **arguments: object) -> AIMessage:
    """Return a message that calls one tool."""
    return _calling(ToolCall(name=name, args=arguments, id=None))


def write(files: Mapping[str, str]) -> AIMessage:
    """Return a message that writes files, text by path relative to the project."""
    return _calling(
        *(
            ToolCall(name="write_file", args={"file_path": f"/{path}", "content": text}, id=None)
            for path, text in files.items()
        )
    )


def submit(**stated: object) -> AIMessage:
    """Return a message that hands in the work, with what the output contract asks for besides files."""
    return call(SUBMIT, **stated)


class ScriptedModel(BaseChatModel):
    """Says what its script says. With `streaming`, in pieces, as a provider's stream would."""

    script: list[Any] = Field(repr=False)
    model_name: str = "scripted"
    streaming: bool = False
    _asked: list[Asked] = PrivateAttr(default_factory=list)

    def __init__(self, script: Script, *, streaming: bool = False) -> None:
        """Take the replies of `script`, one a call."""
        # A field set to False would keep those who ask for a stream from getting one.
        settings: dict[str, Any] = {"script": list(script), **({"streaming": True} if streaming else {})}
        super().__init__(**settings)

    @property
    def asked(self) -> Sequence[Asked]:
        """Return what the model was asked so far."""
        return tuple(self._asked)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(
        self, tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool], **settings: object
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the model with tools; the script says whether it calls them."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **settings)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002  # the base's parameter
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002  # the base's parameter
        **settings: object,
    ) -> ChatResult:
        reply = self._reply(messages, settings)
        if isinstance(reply, Dropped):
            raise ConnectionError("the connection broke")
        return ChatResult(generations=[ChatGeneration(message=reply)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002  # the base's parameter
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002  # the base's parameter
        **settings: object,
    ) -> Iterator[ChatGenerationChunk]:
        reply = self._reply(messages, settings)
        whole = reply.message if isinstance(reply, Dropped) else reply
        pieces = list(_pieces(whole))
        broken = isinstance(reply, Dropped)
        for piece in pieces[: len(pieces) // 2] if broken else pieces:
            yield ChatGenerationChunk(message=piece)
        if broken:
            raise ConnectionError("the connection broke")

    def _reply(self, messages: list[BaseMessage], settings: Mapping[str, object]) -> AIMessage | Dropped:
        number = len(self._asked)
        others = {name: value for name, value in settings.items() if name != "tools" and value is not None}
        tools = cast("Sequence[Mapping[str, Any]]", settings.get("tools", ()))
        self._asked.append(Asked(tuple(messages), tools, others))
        if number >= len(self.script):
            raise ScriptEnded(len(self.script), messages[-1].text)
        reply = self.script[number]
        if callable(reply):
            reply = reply(messages)
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, Dropped):
            return Dropped(_finished(reply.message, messages, number))
        return _finished(AIMessage(reply) if isinstance(reply, str) else reply, messages, number)


def _calling(*calls: ToolCall) -> AIMessage:
    return AIMessage("", tool_calls=list(calls))


def _finished(message: AIMessage, asked: Sequence[BaseMessage], number: int) -> AIMessage:
    """Return a message with what a provider adds: ids of calls, why it ended, what it took."""
    calls = [{**each, "id": each["id"] or f"call-{number + 1}-{at + 1}"} for at, each in enumerate(message.tool_calls)]
    written = len(message.text) + len(json.dumps([each["args"] for each in calls]))
    taken, made = sum(len(each.text) for each in asked) // _TOKEN + 1, written // _TOKEN + 1
    usage = UsageMetadata(input_tokens=taken, output_tokens=made, total_tokens=taken + made)
    return message.model_copy(
        update={
            "tool_calls": calls,
            "usage_metadata": message.usage_metadata or usage,
            "response_metadata": {"finish_reason": "tool_calls" if calls else "stop", **message.response_metadata},
        }
    )


def _pieces(message: AIMessage) -> Iterator[AIMessageChunk]:
    text = message.text
    for start in range(0, len(text), PIECE):
        yield AIMessageChunk(content=text[start : start + PIECE])
    for at, each in enumerate(message.tool_calls):
        first = tool_call_chunk(name=each["name"], id=each["id"], args="", index=at)
        yield AIMessageChunk(content="", tool_call_chunks=[first])
        arguments = json.dumps(each["args"])
        for start in range(0, len(arguments), PIECE):
            chunk = tool_call_chunk(args=arguments[start : start + PIECE], index=at)
            yield AIMessageChunk(content="", tool_call_chunks=[chunk])
    yield AIMessageChunk(
        content="",
        additional_kwargs=message.additional_kwargs,
        response_metadata=message.response_metadata,
        usage_metadata=message.usage_metadata,
    )
