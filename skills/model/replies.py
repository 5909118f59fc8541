"""What a model's reply is, whichever provider it came from: broken off, refused, cut off, unreadable, or fine.

Providers say it in `response_metadata`, each in its own words.
"""

from __future__ import annotations

import json

from langchain_core.messages import AIMessage

from skills.core.paths import encodable
from skills.model.prompt import SUBMIT

_REFUSED = frozenset(
    {"refusal", "content_filter", "safety", "prohibited_content", "blocklist", "spii", "recitation", "language"}
)
_CUT_OFF = frozenset({"max_tokens", "length", "max_output_tokens", "model_context_window_exceeded"})
_UNREADABLE = frozenset({"malformed_function_call", "unexpected_tool_call"})

CUT_OFF = (
    "your reply was cut off at the longest output the model allows, and nothing of it was done: write less at a time "
    "(one file a reply; begin a long file with `write_file` and go on with `edit_file`)"
)


def is_whole(message: AIMessage) -> bool:
    """Return whether a provider said that its reply has ended: a stream that breaks off may look like one that ends."""
    status = message.response_metadata.get("status")  # OpenAI's newer API says no reason
    return bool(_reasons(message)) or status in {"completed", "incomplete"}


def refusal(message: AIMessage) -> str | None:
    """Return the words of a refusal, or None if it is none."""
    said = message.additional_kwargs.get("refusal")
    blocked = _reasons(message) & _REFUSED
    if not said and not blocked:
        return None
    words = str(said or message.text).strip()
    return words or f"without a word (finish reason `{min(blocked)}`)"


def fault(message: AIMessage) -> str | None:
    """Return what is wrong with a reply as such, so that none of its tool calls may be done; None if nothing is."""
    reasons = _reasons(message)
    if reasons & _CUT_OFF:
        return CUT_OFF
    if message.invalid_tool_calls:
        return "; ".join(
            f"your call of `{call['name'] or 'a tool'}` could not be read: its arguments are not valid JSON"
            for call in message.invalid_tool_calls
        )
    if reasons & _UNREADABLE:
        return "your tool call could not be read: its arguments are not valid JSON"
    if not all(call["name"] for call in message.tool_calls):
        return "you called a tool without saying which"
    if not encodable(json.dumps([call["args"] for call in message.tool_calls], ensure_ascii=False, default=str)):
        return "there is half a surrogate pair in what your call says, which UTF-8 cannot hold"
    submitted = sum(call["name"] == SUBMIT for call in message.tool_calls)
    return (
        f"you called `{SUBMIT}` {submitted} times in one reply, and nothing of it was done" if submitted > 1 else None
    )


def without_calls(message: AIMessage) -> AIMessage:
    """Return a reply as its text alone: what is left of one whose tool calls must not be done."""
    text = _sendable(str(message.text)) or "(a tool call that could not be read)"
    return AIMessage(content=str(text), response_metadata=message.response_metadata)


def as_kept(message: AIMessage) -> AIMessage:
    """Return a reply as it goes back with the next request: half characters replaced, under an id of our own.

    Some servers give every reply the same id, and a conversation keeps one message of each.
    """
    return message.model_copy(update={"content": _sendable(message.content), "id": None})


def _sendable(content: object) -> object:
    if isinstance(content, str):
        return content if encodable(content) else content.encode("utf-8", "replace").decode()
    if isinstance(content, list):
        return [_sendable(item) for item in content]
    if isinstance(content, dict):
        return {key: _sendable(value) for key, value in content.items()}
    return content


def _reasons(message: AIMessage) -> set[str]:
    metadata = message.response_metadata
    incomplete, feedback = metadata.get("incomplete_details"), metadata.get("prompt_feedback")
    found = [metadata.get(key) for key in ("stop_reason", "finish_reason", "done_reason")]
    found += [incomplete.get("reason")] if isinstance(incomplete, dict) else []
    found += [feedback.get("block_reason")] if isinstance(feedback, dict) else []
    # An enum of Google's SDK prints as `FinishReason.SAFETY`.
    return {str(reason).rpartition(".")[2].lower() for reason in found if reason}
