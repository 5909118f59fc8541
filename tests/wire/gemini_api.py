"""`streamGenerateContent` of the Gemini API and of Vertex AI. Source: https://ai.google.dev/api/generate-content."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.wire.exchange import JSON, Call, Refused, Reply, Request, Turn, require
from tests.wire.schema_rules import require_google_function
from tests.wire.server import event, pieces

PROJECT = "baton-project"
_PATHS = {
    "google_genai": re.compile(r"/v1beta/models/(?P<model>[^/:]+):streamGenerateContent"),
    "google_vertexai": re.compile(
        rf"/v1beta1/projects/{PROJECT}/locations/[^/]+/publishers/google/models/(?P<model>[^/:]+):streamGenerateContent"
    ),
}
_STOPS = {"done": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}
_FIELDS = {"contents", "tools", "toolConfig", "safetySettings", "systemInstruction", "generationConfig", "labels"}


@dataclass(frozen=True)
class GeminiApi:
    """`provider` is `google_genai`, whose `key` is in a header, or `google_vertexai`, with a token."""

    provider: str
    key: str
    models: tuple[str, ...] = ("gemini-4-argon",)

    def serves(self, path: str) -> bool:
        return _PATHS[self.provider].fullmatch(path) is not None

    def request(self, path: str, headers: Mapping[str, str], body: JSON) -> Request:
        given = headers.get("x-goog-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        if given != self.key:
            raise Refused(401, "Request had invalid authentication credentials.")
        found = _PATHS[self.provider].fullmatch(path)
        model = found["model"] if found else ""
        if model not in self.models:
            raise Refused(404, f"models/{model} is not found for API version v1beta")
        unknown = sorted(set(body) - _FIELDS)
        require(not unknown, f'Invalid JSON payload received. Unknown name "{unknown}": Cannot find field.')
        mode = body.get("toolConfig", {}).get("functionCallingConfig", {}).get("mode", "AUTO")
        require(mode == "AUTO", f"function calling mode `{mode}` is not what Baton asks for")
        return Request(
            provider=self.provider,
            model=model,
            system="\n".join(part["text"] for part in body.get("systemInstruction", {}).get("parts", ())),
            turns=tuple(_turns(body.get("contents"))),
            tools=_tools(body.get("tools", ())),
            headers=headers,
            size=int(headers["content-length"]),
        )

    def stream(self, reply: Reply, request: Request) -> Iterator[bytes]:
        for piece in pieces(reply.text):
            yield _chunk(request, [{"text": piece}])
        malformed = any(isinstance(call.arguments, str) and not _is_json(call.arguments) for call in reply.calls)
        calls = () if malformed else reply.calls
        for at, call in enumerate(calls):
            arguments = json.loads(call.arguments) if isinstance(call.arguments, str) else call.arguments
            fitted = _fitted(arguments, request.tools.get(call.name, {}))
            part: JSON = {"functionCall": {"name": call.name, "args": fitted}}
            # Only the first of parallel calls is signed, and the signature must come back with it.
            yield _chunk(request, [{**part, "thoughtSignature": _signature(call)} if at == 0 else part])
        stop = "MALFORMED_FUNCTION_CALL" if malformed else _STOPS[reply.stop]
        made = (len(reply.text) + sum(len(str(call.arguments)) for call in calls)) // 4
        usage = {"promptTokenCount": request.size // 4, "candidatesTokenCount": made}
        usage["totalTokenCount"] = sum(usage.values())
        yield _chunk(request, [{"text": ""}], stop, usage)

    def overloaded(self) -> bytes:
        return event(self.error(503, "The model is overloaded. Please try again later."))

    def error(self, status: int, message: str) -> JSON:
        return {"error": {"code": status, "message": message, "status": _STATUS.get(status, "INTERNAL")}}


def _chunk(request: Request, parts: JSON, finish: str | None = None, usage: JSON = None) -> bytes:
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
    ended = {"finishReason": finish} if finish else {}
    counted = {"usageMetadata": usage} if usage else {}
    head = {"modelVersion": request.model, "responseId": f"response-{request.number}"}
    return event({"candidates": [{**candidate, **ended}], **counted, **head})


def _tools(given: JSON) -> dict[str, JSON]:
    declared = [each for tool in given for each in tool.get("functionDeclarations", ())]
    tools = {each["name"]: require_google_function(each) for each in declared}
    require(len(tools) == len(declared), "Duplicate function declaration found")
    return tools


def _turns(contents: JSON) -> Iterator[Turn]:
    """Yield the conversation; refuse what the API would."""
    require(contents, "contents is not specified")
    require(contents[-1].get("role") != "model", "Please ensure that the conversation ends with a user turn")
    asked = max(at for at, each in enumerate(contents) if any("text" in part for part in _user_parts(each)))
    calls: list[JSON] = []
    for at, content in enumerate(contents):
        role, parts = content.get("role"), content.get("parts", [])
        require(role in {"user", "model", "function"}, f"Please use a valid role: user, model, not `{role}`.")
        require(parts, f"contents[{at}].parts: must not be empty")
        for part in parts:
            require(
                set(part) - {"thoughtSignature", "thought"}, f"contents[{at}].parts: must have one initialized field"
            )
        if role == "model":
            require(not calls, "a function call turn must be followed by a function response turn")
            calls = [part["functionCall"] for part in parts if "functionCall" in part]
            require(not calls or at > 0, "a function call turn must come immediately after a user turn")
            if at > asked:
                _require_signature(parts, at)
            text = "".join(part.get("text", "") for part in parts)
            made = tuple(Call(call["name"], call.get("args", {})) for call in calls)
            yield Turn(role="model", text=text, calls=made)
            continue
        yield from _results([part["functionResponse"] for part in parts if "functionResponse" in part], calls)
        calls = []
        if text := "\n".join(part["text"] for part in parts if "text" in part):
            yield Turn(role="user", text=text)


def _user_parts(content: JSON) -> JSON:
    return content.get("parts", ()) if content.get("role") == "user" else ()


def _results(responses: JSON, calls: list[JSON]) -> Iterator[Turn]:
    require(
        [each["name"] for each in responses] == [each["name"] for each in calls],
        "Please ensure that the number of function response parts is equal to the number of function call parts of "
        "the function call turn.",
    )
    for each in responses:
        require(isinstance(each["response"], dict), "functionResponse.response must be an object")
        said = each["response"]
        yield Turn(role="tool", name=each["name"], text=str(next(iter(said.values()), "")))


def _fitted(value: JSON, schema: JSON) -> JSON:
    """Return arguments as a model writes them whose output is bound to the schema: a text where it wants text."""
    if schema.get("type") == "STRING" and not isinstance(value, str) and not (value is None and "nullable" in schema):
        return json.dumps(value)
    if isinstance(value, dict):
        return {name: _fitted(item, schema.get("properties", {}).get(name, {})) for name, item in value.items()}
    if isinstance(value, list):
        return [_fitted(item, schema.get("items", {})) for item in value]
    return value


def _require_signature(parts: JSON, at: int) -> None:
    """Refuse a call of the current turn without its thought's signature, as Gemini 3 and later do."""
    signed = next((part for part in parts if "functionCall" in part), None)
    require(
        signed is None or signed.get("thoughtSignature"),
        f"Function call is missing a thought_signature in functionCall parts. contents[{at}]",
    )


def _signature(call: Call) -> str:
    return base64.b64encode(f"thought of {call.name}".encode()).decode()


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
