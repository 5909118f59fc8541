"""One conversation with a model: its turns, its file tools, what it may spend, and how it ends.

Built on LangChain's agent loop with the file tools of `deepagents` over the desk's folder. `create_deep_agent` itself
would add sub-agents, a summary and prompts of its own: calls that no budget names, texts that no reviewer reads. The
answer is a tool like the others: LangChain's `response_format` forces a tool call, which recent models refuse to be.

Not here: what is asked (`skills.model.prompt`), judging what was done (`skills.model.executor`).
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from deepagents.backends import FilesystemBackend
from deepagents.backends.protocol import GrepResult
from deepagents.middleware.filesystem import FilesystemMiddleware, FsToolName
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, AgentState, hook_config
from langchain.agents.middleware.types import InputAgentState, ModelRequest, ModelResponse, ToolCallRequest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.tools import StructuredTool
from langgraph.runtime import Runtime
from langgraph.types import Command

from schemas.base import JSON
from skills.core.redaction import redact
from skills.model.budget import Spending
from skills.model.call import Patience, call
from skills.model.errors import ModelRefused
from skills.model.models import PROVIDERS, model_name
from skills.model.prompt import SUBMIT, Prompt, data
from skills.model.replies import as_kept, fault, is_whole, refusal, without_calls
from skills.model.tools import DESCRIPTIONS
from skills.model.workspace import ModelWorkspace

LONGEST_RESULT = 40_000  # characters of a tool's output that a model is shown at once

_READING: tuple[FsToolName, ...] = ("ls", "read_file", "glob", "grep")
_WRITING: tuple[FsToolName, ...] = ("write_file", "edit_file", "delete")
# The loop is ended by the budget of calls, in words that a person understands.
_STEPS = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """What a model left at the end of its turn: the arguments of `submit`, or what was wrong instead."""

    stated: Mapping[str, JSON] | None
    problem: str


class Conversation:
    """The messages so far, and the agent that goes on with them."""

    def __init__(
        self, model: BaseChatModel, skill: str, prompt: Prompt, desk: ModelWorkspace, patience: Patience
    ) -> None:
        self._supervision = _Supervision(skill, desk, patience)
        tools = FilesystemMiddleware(
            backend=_Files(desk.folder),
            tools=[*_READING, *_WRITING],
            custom_tool_descriptions=DESCRIPTIONS,
            # Long results are cut by the supervision: no file may appear that the model did not write.
            tool_token_limit_before_evict=None,
            human_message_token_limit_before_evict=None,
        )
        self._agent = create_agent(
            model,
            system_prompt=prompt.system,
            tools=[self._supervision.submit(prompt)],
            middleware=[tools, self._supervision],
        )
        self._messages: list[AnyMessage] = []

    async def say(self, text: str) -> Turn:
        """Let the model work until it hands in or falls silent.

        Raises:
            ModelRefused: It will not do it.
            ModelUnavailable, ModelCallFailed: As `skills.model.call.call`.
            BudgetExceeded: The step or the run has spent what it may.
        """
        self._supervision.begin()
        self._messages.append(HumanMessage(text))
        asked: InputAgentState = {"messages": [*self._messages]}
        state = await self._agent.ainvoke(asked, {"recursion_limit": _STEPS})
        self._messages = state["messages"]
        stated = self._supervision.stated
        return Turn(stated=stated, problem="" if stated is not None else self._silence())

    def _silence(self) -> str:
        if self._supervision.fault:
            return self._supervision.fault
        if not self._messages[-1].text.strip():
            return "your reply was empty"
        return "you ended without calling `submit`; what you say in words is not read"


class _Files(FilesystemBackend):
    """A folder that answers a search alike on every machine, so that what was recorded on one replays on another."""

    def grep(
        self,
        pattern: str,
        path: str | None = None,
        glob: str | None = None,
        *,
        max_count: int | None = None,
        context_lines: int = 0,
    ) -> GrepResult:
        """Return the matches by path and line, whatever order the folder or a search tool has."""
        found = super().grep(pattern, path, glob, max_count=max_count, context_lines=context_lines)
        in_order = sorted(found.matches or (), key=lambda match: (match["path"], match["line"]))
        return replace(found, matches=in_order)

    def _ripgrep_search(self, *_: object) -> tuple[None, bool]:
        # Where ripgrep is installed it would leave out what a `.gitignore` names.
        return None, False


class _Supervision(AgentMiddleware[Any, Any, Any]):
    """Stands between the loop and the model, and between the loop and the tools."""

    def __init__(self, skill: str, desk: ModelWorkspace, patience: Patience) -> None:
        super().__init__()
        self.fault: str | None = None  # of the latest reply
        self.stated: Mapping[str, JSON] | None = None  # once `submit` was called
        self._skill, self._desk, self._patience = skill, desk, patience
        self._bench = desk.bench

    def begin(self) -> None:
        """Forget the turn before."""
        self.fault = self.stated = None

    def submit(self, prompt: Prompt) -> StructuredTool:
        """Return the tool that takes the answer. What it is given is judged later, with the files."""

        async def take(**stated: JSON) -> str:
            self.stated = stated
            return "Taken; it is being checked."

        description = str(prompt.answer["description"])
        return StructuredTool(name=SUBMIT, description=description, args_schema=dict(prompt.answer), coroutine=take)

    @hook_config(can_jump_to=["end"])
    async def abefore_model(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:  # noqa: ARG002  # the base's parameters
        return {"jump_to": "end"} if self.stated is not None else None

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        name = model_name(request.model)
        self._bench.meter.require(self._bench.spender, self._skill, name)
        started = time.monotonic()
        message = await call(self._skill, self._patience, lambda: _whole_reply(name, handler(request)))
        took = Spending(seconds=time.monotonic() - started)
        spent = self._bench.meter.cost(name, _spent(request, message)) + took
        self._bench.meter.add(self._bench.spender, self._skill, spent)
        if (words := refusal(message)) is not None:
            raise ModelRefused(self._skill, redact(words))
        self.fault = fault(message)
        # Half a call may be valid JSON: a file cut in the middle must not be written.
        return ModelResponse(result=[without_calls(message) if self.fault else as_kept(message)])

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage | Command[Any]:
        name = request.tool_call["name"]
        if name in _WRITING and (refused := self._refused(request.tool_call["args"])):
            return ToolMessage(refused, name=name, tool_call_id=request.tool_call["id"], status="error")
        try:
            result = await handler(request)
        except Exception as error:  # noqa: BLE001  # whatever a tool makes of a strange argument is for the model to hear
            told = f"Error: {type(error).__name__}: {error}"
            result = ToolMessage(told, name=name, tool_call_id=request.tool_call["id"], status="error")
        return self._told(result) if isinstance(result, ToolMessage) else result

    def _told(self, result: ToolMessage) -> ToolMessage:
        """Return a result as a model is told it: no word of where the copy is, what was read as data."""
        text = str(result.text).replace(str(self._desk.folder), "")
        told = data("result", _cut(text)) if result.name in _READING else text
        return result.model_copy(update={"content": told})

    def _refused(self, arguments: Mapping[str, object]) -> str | None:
        path = posixpath.normpath("/" + str(arguments.get("file_path", ""))).lstrip("/")
        if path in self._desk.before:
            return f"Error: `/{path}` is not yours to change. Write only your own files."
        if not self._desk.writable(path):
            patterns = ", ".join(f"`/{pattern}`" for pattern in self._desk.shown)
            return f"Error: `/{path}` is not a path that you may write. You may write {patterns}."
        return None


async def _whole_reply(model: str, asked: Awaitable[ModelResponse[Any]]) -> AIMessage:
    """Return what a model says.

    Raises:
        ConnectionError: Its provider did not say that this is all.
    """
    message = next(each for each in (await asked).result if isinstance(each, AIMessage))
    if model.partition(":")[0] in PROVIDERS and not is_whole(message):
        raise ConnectionError("the stream ended before the reply did")
    return message


def _cut(text: str) -> str:
    if len(text) <= LONGEST_RESULT:
        return text
    return f"{text[:LONGEST_RESULT]}\n[cut here: {len(text):,} characters in all; ask for less at a time]"


def _spent(request: ModelRequest[Any], message: AIMessage) -> Spending:
    usage = message.usage_metadata
    if usage is not None:
        cached = usage.get("input_token_details", {}).get("cache_read", 0)
        return Spending(
            calls=1,
            input_tokens=usage["input_tokens"],
            output_tokens=usage["output_tokens"],
            cached_tokens=cached,
        )
    sent: Sequence[AnyMessage] = [*([request.system_message] if request.system_message else []), *request.messages]
    return Spending(
        calls=1,
        input_tokens=count_tokens_approximately(sent),
        output_tokens=count_tokens_approximately([message]),
        estimated=1,
    )
