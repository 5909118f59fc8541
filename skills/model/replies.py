"""What a model's reply is, whichever provider it came from: refused, cut off, unreadable, or fine.

Providers say it in `response_metadata`, each in its own words.
"""

from __future__ import annotations

from langchain_core.messages import AIMessage

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
    submitted = sum(call["name"] == SUBMIT for call in message.tool_calls)
    return (
        f"you called `{SUBMIT}` {submitted} times in one reply, and nothing of it was done" if submitted > 1 else None
    )


def without_calls(message: AIMessage) -> AIMessage:
    """Return a reply as its text alone: what is left of one whose tool calls must not be done."""
    return AIMessage(
        content=message.text or "(a tool call that could not be read)", response_metadata=message.response_metadata
    )


def _reasons(message: AIMessage) -> set[str]:
    metadata = message.response_metadata
    incomplete, feedback = metadata.get("incomplete_details"), metadata.get("prompt_feedback")
    found = [metadata.get(key) for key in ("stop_reason", "finish_reason", "done_reason")]
    found += [incomplete.get("reason")] if isinstance(incomplete, dict) else []
    found += [feedback.get("block_reason")] if isinstance(feedback, dict) else []
    # An enum of Google's SDK prints as `FinishReason.SAFETY`.
    return {str(reason).rpartition(".")[2].lower() for reason in found if reason}
