"""The public formats of coding agents: what a subagent's, a skill's and a command's front matter may say.

- Subagents, `.claude/agents/*.md`: `name` (lower-case letters, digits, hyphens) and `description` are required; `tools`
  is a comma-separated text or a list, and without it all tools are inherited; `model` is an alias, an id or `inherit`.
  Source: https://code.claude.com/docs/en/sub-agents
- Skills, `.claude/skills/<name>/SKILL.md`: `name` has 1 to 64 lower-case letters, digits and single hyphens, and is the
  folder's; `description` has 1 to 1024 characters; `metadata` maps text to text; `compatibility` has at most 500
  characters. Source: https://agentskills.io/specification. Claude's own platform refuses XML tags in both, and the
  words `anthropic` and `claude` in a name.
  Source: https://platform.claude.com/docs/en/agents-and-tools/agent-skills/overview
- Commands, `.claude/commands/*.md`: named by their file; `description`, `argument-hint`, `allowed-tools` and `model`
  are all optional; `$ARGUMENTS` and `$1` stand for what is typed.
  Source: https://code.claude.com/docs/en/slash-commands

Not here: reading files that keep to none of this (`orchestrator.interop.lenient_front_matter`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from skills.core.manifest import MAX_DESCRIPTION, MAX_NAME

SUBAGENT_KEYS = frozenset(
    {
        "name", "description", "tools", "disallowedTools", "model", "permissionMode", "maxTurns", "skills",
        "mcpServers", "hooks", "memory", "background", "effort", "isolation", "initialPrompt", "color",
    }
)  # fmt: skip
SKILL_KEYS = frozenset(
    {
        "name", "description", "license", "compatibility", "metadata", "allowed-tools",  # the open format
        "when_to_use", "argument-hint", "arguments", "disable-model-invocation", "user-invocable", "model", "effort",
        "context", "agent", "hooks", "paths", "shell",  # Claude Code's
    }
)  # fmt: skip
COMMAND_KEYS = frozenset({"description", "argument-hint", "allowed-tools", "model", "disable-model-invocation"})
TOOLS = frozenset(
    {
        "Agent", "AskUserQuestion", "Bash", "BashOutput", "Edit", "EnterPlanMode", "ExitPlanMode", "Glob", "Grep",
        "KillBash", "KillShell", "LS", "ListMcpResourcesTool", "LSP", "Monitor", "MultiEdit", "NotebookEdit",
        "NotebookRead", "Read", "ReadMcpResourceTool", "Skill", "SlashCommand", "Task", "TaskCreate", "TaskGet",
        "TaskList", "TaskOutput", "TaskStop", "TaskUpdate", "TodoRead", "TodoWrite", "ToolSearch", "WebFetch",
        "WebSearch", "Write",
    }
)  # fmt: skip
MODELS = frozenset({"sonnet", "opus", "haiku", "inherit"})

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_RESERVED = ("anthropic", "claude")


def subagent_problems(front: Mapping[str, object]) -> Iterator[str]:
    """Yield where the front matter of a subagent is not of the format."""
    yield from _unknown(front, SUBAGENT_KEYS)
    yield from _name_problems(front)
    yield from _description_problems(front, longest=None)
    yield from _tool_problems(words(front.get("tools")))
    model = front.get("model")
    if isinstance(model, str) and model not in MODELS and not model.startswith("claude-"):
        yield f"`model` is `{_short(model)}`, which is not an alias ({', '.join(sorted(MODELS))}) or a model's id"


def skill_problems(front: Mapping[str, object], folder: str) -> Iterator[str]:
    """Yield where the front matter of a skill in `folder` is not of the format."""
    yield from _unknown(front, SKILL_KEYS)
    yield from _name_problems(front)
    name = front.get("name")
    if isinstance(name, str) and name and name != folder:
        yield f"`name` is `{_short(name)}`, but the folder is `{_short(folder)}`"
    yield from _description_problems(front, longest=MAX_DESCRIPTION)
    if isinstance(name, str) and any(word in name for word in _RESERVED):
        yield f"`name` holds a reserved word ({', '.join(_RESERVED)})"
    metadata = front.get("metadata", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        yield "`metadata` does not map text to text"


def command_problems(front: Mapping[str, object]) -> Iterator[str]:
    """Yield where the front matter of a command is not of the format."""
    yield from _unknown(front, COMMAND_KEYS)
    yield from _tool_problems(words(front.get("allowed-tools")))
    for key in ("description", "argument-hint"):
        if key in front and not isinstance(front[key], str):
            yield f"`{key}` is not text"


def words(value: object) -> tuple[str, ...]:
    """Return the names in a list, or in a text that separates them by commas: `Read, Bash(git add:*)`."""
    if isinstance(value, str):
        return tuple(each for each in (part.strip() for part in re.split(r",(?![^()]*\))", value)) if each)
    if isinstance(value, list | tuple):
        return tuple(str(each).strip() for each in value if str(each).strip())
    return ()


def _unknown(front: Mapping[str, object], known: frozenset[str]) -> Iterator[str]:
    unknown = [str(key) for key in front if key not in known]
    if unknown:
        yield f"unknown keys: {', '.join(f'`{_short(key)}`' for key in unknown[:10])}"


def _name_problems(front: Mapping[str, object]) -> Iterator[str]:
    name = front.get("name")
    if not isinstance(name, str) or not name.strip():
        yield "`name` is missing"
    elif not _NAME.fullmatch(name):
        yield f"`name` is `{_short(name)}`; it should be lower-case letters and digits, joined by single hyphens"
    elif len(name) > MAX_NAME:
        yield f"`name` has {len(name)} characters; at most {MAX_NAME} are allowed"


def _description_problems(front: Mapping[str, object], *, longest: int | None) -> Iterator[str]:
    description = front.get("description")
    if not isinstance(description, str) or not description.strip():
        yield "`description` is missing"
        return
    if longest is not None and len(description) > longest:
        yield f"`description` has {len(description):,} characters; at most {longest:,} are allowed"
    if longest is not None and _TAG.search(description):
        yield "`description` holds an XML tag"


def _tool_problems(tools: Sequence[str]) -> Iterator[str]:
    unknown = [each for each in tools if not _is_tool(each)]
    if unknown:
        yield f"unknown tools: {', '.join(f'`{_short(each)}`' for each in unknown[:10])}"


def _is_tool(text: str) -> bool:
    return text == "*" or text.startswith("mcp__") or text.partition("(")[0] in TOOLS


def _short(text: str, longest: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
