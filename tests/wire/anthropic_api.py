"""Anthropic's Messages API, as far as Baton uses it. Source: https://docs.claude.com/en/api/messages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.wire.exchange import JSON, Call, Refused, Reply, Request, Turn, require
from tests.wire.schema_rules import require_closed_top, require_json_schema
from tests.wire.server import event, pieces

_ID = re.compile(r"^[a-zA-Z0-9_-]+$")
_STOPS = {"done": "end_turn", "length": "max_tokens", "refusal": "refusal"}
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


@dataclass(frozen=True)
class AnthropicApi:
    key: str
    models: tuple[str, ...] = ("claude-sonnet-5-5",)

    def serves(self, path: str) -> bool:
        return path == "/v1/messages"

    def request(self, path: str, headers: Mapping[str, str], body: JSON) -> Request:  # noqa: ARG002  # as every API
        if (headers.get("x-api-key") or headers.get("authorization")) not in {self.key, f"Bearer {self.key}"}:
            raise Refused(401, "invalid x-api-key")
        require(headers.get("anthropic-version"), "anthropic-version: header is required")
        require(isinstance(body.get("max_tokens"), int) and body["max_tokens"] > 0, "max_tokens: Field required")
        require(body.get("stream") is True, "only streams are answered here")
        require(
            body.get("tool_choice", {"type": "auto"})["type"] == "auto",
            "tool_choice: this model does not take a forced tool call",
        )
        if body.get("model") not in self.models:
            raise Refused(404, f"model: {body.get('model')}")
        tools = {tool["name"]: tool["input_schema"] for tool in body.get("tools", [])}
        require(len(tools) == len(body.get("tools", [])), "tools: Tool names must be unique.")
        for name, schema in tools.items():
            require_json_schema(name, schema)
            require_closed_top(name, schema)
        return Request(
            provider="anthropic",
            model=body["model"],
            system=_text(body.get("system", "")),
            turns=tuple(_turns(body.get("messages"))),
            tools=tools,
            headers=headers,
            size=int(headers["content-length"]),
        )

    def stream(self, reply: Reply, request: Request) -> Iterator[bytes]:
        usage = {"input_tokens": request.size // 4, "output_tokens": 1}
        message = {
            "id": f"msg_{request.number}",
            "type": "message",
            "role": "assistant",
            "model": request.model,
            "content": [],
        }
        yield _event("message_start", message={**message, "stop_reason": None, "stop_sequence": None, "usage": usage})
        yield _event("ping")
        index, length = 0, len(reply.text)
        if reply.text:
            yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
            for piece in pieces(reply.text):
                yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
            yield _event("content_block_stop", index=0)
            index = 1
        for at, call in enumerate(reply.calls, start=index):
            start = {"type": "tool_use", "id": f"toolu_{request.number}_{at}", "name": call.name, "input": {}}
            yield _event("content_block_start", index=at, content_block=start)
            text = call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)
            length += len(text)
            for piece in pieces(text):
                yield _event("content_block_delta", index=at, delta={"type": "input_json_delta", "partial_json": piece})
            yield _event("content_block_stop", index=at)
        stop = "tool_use" if reply.calls and reply.stop == "done" else _STOPS[reply.stop]
        usage = {"output_tokens": length // 4 + 1}
        yield _event("message_delta", delta={"stop_reason": stop, "stop_sequence": None}, usage=usage)
        yield _event("message_stop")

    def overloaded(self) -> bytes:
        return _event("error", error={"type": "overloaded_error", "message": "Overloaded"})

    def error(self, status: int, message: str) -> JSON:
        return {"type": "error", "error": {"type": _KINDS.get(status, "api_error"), "message": message}}


def _event(kind: str, **fields: JSON) -> bytes:
    return event({"type": kind, **fields}, kind)


def _text(content: JSON) -> str:
    if isinstance(content, str):
        return content
    require(
        all(block.get("text", "").strip() for block in content if block["type"] == "text"),
        "messages: text content blocks must be non-empty",
    )
    return "\n".join(block["text"] for block in content if block["type"] == "text")


def _turns(messages: JSON) -> Iterator[Turn]:
    """Yield the conversation; refuse what the API would."""
    require(isinstance(messages, list) and messages, "messages: at least one message is required")
    require(messages[0]["role"] == "user", "messages: first message must use the user role")
    require(messages[-1]["role"] == "user", "this model does not take a prefilled reply")
    waiting: dict[str, str] = {}  # names of the tools that were called, by id
    for at, message in enumerate(messages):
        content, role = message["content"], message["role"]
        require(role in {"user", "assistant"}, f"messages.{at}.role: unexpected role `{role}`")
        require(content, f"messages.{at}: all messages must have non-empty content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if role == "assistant":
            require(not waiting, f"messages.{at}: tool_use without tool_result: {', '.join(waiting)}")
            waiting = _called(blocks, at)
            calls = tuple(Call(b["name"], b["input"]) for b in blocks if b["type"] == "tool_use")
            yield Turn(role="model", text=_text(blocks), calls=calls)
            continue
        yield from _results(blocks, waiting, at)
        waiting = {}
        if text := _text(blocks):
            yield Turn(role="user", text=text)


def _called(blocks: JSON, at: int) -> dict[str, str]:
    for block in blocks:
        require(block["type"] in {"text", "tool_use"}, f"messages.{at}: unexpected block `{block['type']}`")
        if block["type"] == "tool_use":
            require(_ID.match(block["id"]), f"messages.{at}.tool_use.id: must match {_ID.pattern}")
            require(isinstance(block["input"], dict), f"messages.{at}.tool_use.input: must be a dictionary")
    ids = [block["id"] for block in blocks if block["type"] == "tool_use"]
    require(len(ids) == len(set(ids)), f"messages.{at}: `tool_use` ids must be unique")
    return {block["id"]: block["name"] for block in blocks if block["type"] == "tool_use"}


def _results(blocks: JSON, waiting: Mapping[str, str], at: int) -> Iterator[Turn]:
    results = [block for block in blocks if block["type"] == "tool_result"]
    require(blocks[: len(results)] == results, f"messages.{at}: tool_result blocks must come first")
    given = {block["tool_use_id"] for block in results}
    require(given <= set(waiting), f"messages.{at}: unexpected `tool_use_id`: {', '.join(given - set(waiting))}")
    require(given == set(waiting), f"messages.{at}: tool_use without tool_result: {', '.join(set(waiting) - given)}")
    for block in results:
        yield Turn(role="tool", name=waiting[block["tool_use_id"]], text=_text(block.get("content", "")))
