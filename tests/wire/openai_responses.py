"""OpenAI's Responses API, which its newer models are asked through. Source: its API reference, `responses`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from tests.wire.exchange import JSON, Call, Reply, Request, Turn, require
from tests.wire.openai_api import error_body, require_access, require_tools, text_of
from tests.wire.server import event, pieces

MODEL = "gpt-6-sol"


@dataclass(frozen=True)
class ResponsesApi:
    key: str
    models: tuple[str, ...] = (MODEL,)

    def serves(self, path: str) -> bool:
        return path == "/responses"

    def request(self, path: str, headers: Mapping[str, str], body: JSON) -> Request:  # noqa: ARG002  # as every API
        require_access(headers, body, self.key, self.models)
        tools = {tool["name"]: tool["parameters"] for tool in body.get("tools", [])}
        require_tools(tools, len(body.get("tools", [])))
        require(not any(tool.get("strict") for tool in body.get("tools", [])), "a strict schema has no free fields")
        items = body["input"]
        system = [body.get("instructions") or ""]
        system += [text_of(each["content"]) for each in items if each.get("role") in {"system", "developer"}]
        return Request(
            provider="openai",
            model=body["model"],
            system="\n".join(filter(None, system)),
            turns=tuple(_turns(items)),
            tools=tools,
            headers=headers,
            size=int(headers["content-length"]),
        )

    def stream(self, reply: Reply, request: Request) -> Iterator[bytes]:
        numbers = count()

        def told(kind: str, **fields: JSON) -> bytes:
            return event({"type": kind, "sequence_number": next(numbers), **fields}, kind)

        yield told("response.created", response=_response(request, (), "in_progress"))
        # Reasoning models think first; a call that comes back under its id must have its thought before it.
        thought: JSON = {"id": f"rs_{request.number}", "type": "reasoning", "summary": []}
        yield told("response.output_item.added", output_index=0, item=thought)
        yield told("response.output_item.done", output_index=0, item=thought)
        output: list[JSON] = [thought]
        if reply.text:
            message = {
                "id": f"msg_{request.number}",
                "type": "message",
                "role": "assistant",
                "status": "in_progress",
                "content": [],
            }
            at = {"item_id": f"msg_{request.number}", "output_index": 1, "content_index": 0}
            part = {"type": "output_text", "text": "", "annotations": []}
            yield told("response.output_item.added", output_index=1, item=message)
            yield told("response.content_part.added", **at, part=part)
            for piece in pieces(reply.text):
                yield told("response.output_text.delta", **at, delta=piece, logprobs=[])
            done = {**part, "text": reply.text}
            yield told("response.output_text.done", **at, text=reply.text, logprobs=[])
            yield told("response.content_part.done", **at, part=done)
            output.append({**message, "status": "completed", "content": [done]})
            yield told("response.output_item.done", output_index=1, item=output[1])
        for call in reply.calls:
            index = len(output)
            text = call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)
            item = {
                "id": f"fc_{request.number}_{index}",
                "type": "function_call",
                "call_id": f"call_{request.number}_{index}",
            }
            item |= {"name": call.name, "status": "in_progress"}
            yield told("response.output_item.added", output_index=index, item={**item, "arguments": ""})
            for piece in pieces(text):
                yield told(
                    "response.function_call_arguments.delta", item_id=item["id"], output_index=index, delta=piece
                )
            yield told(
                "response.function_call_arguments.done",
                item_id=item["id"],
                output_index=index,
                name=call.name,
                arguments=text,
            )
            output.append({**item, "status": "completed", "arguments": text})
            yield told("response.output_item.done", output_index=index, item=output[index])
        yield _end(told, request, output, reply)

    def overloaded(self) -> bytes:
        return event({"type": "error", "code": "server_error", "message": "The server had an error"}, "error")

    def error(self, status: int, message: str) -> JSON:
        return error_body(status, message)


def _end(told: JSON, request: Request, output: list[JSON], reply: Reply) -> bytes:
    status = "completed" if reply.stop == "done" else "incomplete"
    response = _response(request, output, status)
    given, made = request.size // 4, len(str(output)) // 4
    usage = {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    response["usage"] = {**usage, **details}
    if reply.stop != "done":
        reason = "max_output_tokens" if reply.stop == "length" else "content_filter"
        response["incomplete_details"] = {"reason": reason}
    ended: bytes = told(f"response.{status}", response=response)
    return ended


def _response(request: Request, output: JSON, status: str) -> dict[str, JSON]:
    return {
        "id": f"resp_{request.number}",
        "object": "response",
        "created_at": 1,
        "model": request.model,
        "status": status,
        "output": list(output),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
    }


def _turns(items: JSON) -> Iterator[Turn]:
    """Yield the conversation; refuse what the API would."""
    waiting: dict[str, str] = {}
    thoughts = False
    for at, item in enumerate(items):
        kind = item.get("type", "message")
        if kind == "reasoning":
            thoughts = True
            continue
        require(
            kind != "function_call" or "id" not in item or thoughts,
            f"Item '{item.get('id')}' of type 'function_call' was provided without its required 'reasoning' item.",
        )
        thoughts = thoughts and kind in {"function_call", "message"}
        if kind == "function_call":
            waiting[item["call_id"]] = item["name"]
            yield Turn(role="model", calls=(Call(item["name"], json.loads(item["arguments"])),))
        elif kind == "function_call_output":
            called = item["call_id"]
            require(called in waiting, f"No tool call found for function call output with call_id {called}.")
            yield Turn(role="tool", name=waiting.pop(called), text=text_of(item["output"]))
        else:
            require(kind == "message", f"Invalid value: '{kind}' at input[{at}].type")
            require(item["role"] in {"user", "assistant", "system", "developer"}, f"Invalid value: '{item['role']}'")
            if item["role"] in {"user", "assistant"}:
                yield Turn(role="user" if item["role"] == "user" else "model", text=text_of(item["content"]))
    require(not waiting, f"No tool output found for function call {', '.join(waiting)}.")
