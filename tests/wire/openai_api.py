"""OpenAI's chat completions, as far as Baton uses them. Source: https://platform.openai.com/docs/api-reference/chat.

Not here: the Responses API (`tests.wire.openai_responses`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.wire.exchange import JSON, Call, Refused, Reply, Request, Turn, require
from tests.wire.schema_rules import NAME, require_closed_top, require_json_schema
from tests.wire.server import event, pieces

MODEL = "gpt-5.2"  # newer ones are asked through the Responses API when they have tools
LONGEST_ID = 40
_STOPS = {"done": "stop", "length": "length", "refusal": "content_filter"}
_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}


@dataclass(frozen=True)
class OpenAIApi:
    key: str
    models: tuple[str, ...] = (MODEL,)

    def serves(self, path: str) -> bool:
        return path == "/chat/completions"

    def request(self, path: str, headers: Mapping[str, str], body: JSON) -> Request:  # noqa: ARG002  # as every API
        require_access(headers, body, self.key, self.models)
        require("max_tokens" not in body, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        require(body.get("stream_options", {}).get("include_usage"), "without include_usage no tokens are counted")
        messages = body.get("messages")
        require(messages, "[] is too short - 'messages'")
        tools = {tool["function"]["name"]: tool["function"].get("parameters", {}) for tool in body.get("tools", [])}
        require_tools(tools, len(body.get("tools", [])))
        system = [text_of(each["content"]) for each in messages if each["role"] in {"system", "developer"}]
        return Request(
            provider="openai",
            model=body["model"],
            system="\n".join(system),
            turns=tuple(_turns(messages)),
            tools=tools,
            headers=headers,
            size=int(headers["content-length"]),
        )

    def stream(self, reply: Reply, request: Request) -> Iterator[bytes]:
        yield _chunk(request, {"role": "assistant", "content": None if reply.calls else ""})
        for piece in pieces(reply.text):
            yield _chunk(request, {"content": piece})
        length = len(reply.text)
        for at, call in enumerate(reply.calls):
            function = {"name": call.name, "arguments": ""}
            first = {"index": at, "id": f"call_{request.number}_{at}", "type": "function", "function": function}
            yield _chunk(request, {"tool_calls": [first]})
            text = call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)
            length += len(text)
            for piece in pieces(text):
                yield _chunk(request, {"tool_calls": [{"index": at, "function": {"arguments": piece}}]})
        stop = "tool_calls" if reply.calls and reply.stop == "done" else _STOPS[reply.stop]
        yield _chunk(request, {}, stop)
        given, made = request.size // 4, length // 4 + 1
        usage = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
        yield event({**_head(request), "choices": [], "usage": usage})
        yield b"data: [DONE]\n\n"

    def overloaded(self) -> bytes:
        return event({"error": {"message": "The server had an error", "type": "server_error", "code": None}})

    def error(self, status: int, message: str) -> JSON:
        return error_body(status, message)


def require_access(headers: Mapping[str, str], body: JSON, key: str, models: tuple[str, ...]) -> None:
    """Refuse a wrong key or model, a forced tool call, and what is not a stream."""
    if headers.get("authorization") != f"Bearer {key}":
        raise Refused(401, "Incorrect API key provided.")
    if body.get("model") not in models:
        raise Refused(404, f"The model `{body.get('model')}` does not exist or you do not have access to it.")
    require(body.get("stream") is True, "only streams are answered here")
    require(body.get("tool_choice", "auto") == "auto", "a forced tool call is not what Baton asks for")
    require("temperature" not in body, "Unsupported value: 'temperature' does not support other values than 1")


def require_tools(tools: Mapping[str, JSON], count: int) -> None:
    """Refuse functions as both APIs would."""
    require(len(tools) == count, "tools: names must be unique")
    for name, schema in tools.items():
        require_json_schema(name, schema)
        require_closed_top(name, schema)
        require("properties" in schema, f"Invalid schema for function '{name}': object schema missing properties.")


def error_body(status: int, message: str) -> JSON:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": _CODES.get(status)}}


def text_of(content: JSON) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(part["text"] for part in content if part["type"].endswith("text"))


def _turns(messages: JSON) -> Iterator[Turn]:
    """Yield the conversation; refuse what the API would."""
    waiting: dict[str, str] = {}
    for at, message in enumerate(messages):
        role = message["role"]
        if role == "tool":
            called = message["tool_call_id"]
            require(called in waiting, f"messages[{at}]: 'tool' must follow a message with its 'tool_calls'")
            yield Turn(role="tool", name=waiting.pop(called), text=text_of(message["content"]))
            continue
        require(not waiting, f"'tool_calls' must be followed by tool messages: {', '.join(waiting)} had none")
        if role == "user":
            yield Turn(role="user", text=text_of(message["content"]))
        elif role == "assistant":
            waiting = _called(message, at)
            calls = [each["function"] for each in message.get("tool_calls") or ()]
            made = tuple(Call(call["name"], json.loads(call["arguments"])) for call in calls)
            yield Turn(role="model", text=text_of(message.get("content")), calls=made)
        else:
            require(role in {"system", "developer"}, f"Invalid value: '{role}'")
    require(not waiting, f"'tool_calls' must be followed by tool messages: {', '.join(waiting)} had none")


def _called(message: JSON, at: int) -> dict[str, str]:
    calls = message.get("tool_calls")
    require(message.get("content") is not None or calls, f"messages[{at}]: expected a string, got null.")
    require(calls is None or calls, f"[] is too short - 'messages.{at}.tool_calls'")
    for call in calls or ():
        require(len(call["id"]) <= LONGEST_ID, f"messages[{at}].tool_calls.id: string too long")
        require(NAME.match(call["function"]["name"]), f"messages[{at}].tool_calls.function.name: bad pattern")
        require(isinstance(call["function"]["arguments"], str), f"messages[{at}]: arguments must be a string")
    return {call["id"]: call["function"]["name"] for call in calls or ()}


def _head(request: Request) -> dict[str, JSON]:
    return {"id": f"chatcmpl-{request.number}", "object": "chat.completion.chunk", "created": 1, "model": request.model}


def _chunk(request: Request, delta: JSON, finish: str | None = None) -> bytes:
    return event({**_head(request), "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
