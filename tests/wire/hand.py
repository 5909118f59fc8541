"""A player that does a skill's work as the skill's template would: it reads its inputs, writes the files, hands in.

It knows nothing but what it is asked. The skill and its inputs are read from the prompt, inputs too long for it from
their files with `read_file`, and what was done so far from the turns: so it plays any number of skills at once, and
what it writes shows that a prompt holds all that the work takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import yaml

from skills.core.contribution import ContributedFile, Contribution
from skills.core.executor import run_template
from skills.core.registry import Registry
from skills.core.skill import Skill
from skills.model.prompt import SUBMIT
from tests.wire.exchange import JSON, Call, Reply, Request

WRITTEN_AT_ONCE = 6  # files in one reply
_LINES = 400  # of a long input read at once

_SKILL = re.compile(r"(?m)^# The skill `([a-z0-9-]+)`$")
_DATA = re.compile(r'(?s)<data name="(?P<name>[^"]+)" mark="(?P<mark>\w+)">\n(?P<text>.*?)\n</data (?P=mark)>')
_LONG = re.compile(r"Read what you need of `(/\.inputs/(\w+)\.yaml)`")
_NEXT = re.compile(r"(?m)^@@ .*\| next offset (\d+) @@$")


class Hand:
    """Plays skills of a registry; the built-in ones by default."""

    def __init__(self, registry: Registry | None = None) -> None:
        self.registry = registry or Registry()

    def __call__(self, request: Request) -> Reply:
        """Return what comes next: reading, writing, handing in."""
        asked = request.turns[0].text
        long = {name: path for path, name in _LONG.findall(asked)}
        blocks = {found["name"] for found in _DATA.finditer(asked)}  # an input that is empty has none
        inputs = {name: _text(asked, name) for name in self._inputs(request) if name in blocks}
        for name, path in long.items():
            windows = [text for call, text in _done(request, "read_file") if _path(call) == path]
            offset = _next_offset(windows)
            if offset is not None:
                return Reply(calls=(Call("read_file", {"file_path": path, "offset": offset, "limit": _LINES}),))
            inputs[name] = "\n".join(_text(window, "result").partition("@@\n")[2] for window in windows)
        return self._written(request, self.made(self._skill(request), inputs))

    def made(self, skill: Skill, inputs: Mapping[str, str]) -> Contribution:
        """Return the template's output for inputs as the prompt gives them, in YAML."""
        return run_template(skill, {name: _value(name, text) for name, text in inputs.items()})

    def _skill(self, request: Request) -> Skill:
        found = _SKILL.search(request.system)
        assert found, request.system
        return self.registry.skill(found[1])

    def _inputs(self, request: Request) -> list[str]:
        return list(self._skill(request).blueprint().input.model_fields)

    def _written(self, request: Request, output: Contribution) -> Reply:
        given = {file.path for file in self._skill(request).blueprint().given}
        wanted = {f"/{file.path}": file.content for file in output.files if file.path not in given}
        there = _own_files(request)
        if strays := [Call("delete", {"file_path": path}) for path in there if path not in wanted]:
            return Reply(calls=tuple(strays[:WRITTEN_AT_ONCE]))
        left = [
            Call("write_file", {"file_path": path, "content": text})
            for path, text in wanted.items()
            if there.get(path) != text
        ]
        if left:
            return Reply(text="The next files.", calls=tuple(left[:WRITTEN_AT_ONCE]))
        asked_for = request.tools[SUBMIT]["properties"]
        stated = {name: value for name, value in output.model_dump(mode="json").items() if name in asked_for}
        return Reply(calls=(Call(SUBMIT, stated),))


def _text(said: str, name: str) -> str:
    """Return the text of the block of data called `name`."""
    return next(found["text"] for found in _DATA.finditer(said) if found["name"] == name)


def _value(name: str, text: str) -> JSON:
    value = yaml.safe_load(text)
    if name == "assembled":  # what others made is told by its paths
        files = value.get("files", ())
        return {**value, "files": [ContributedFile(path=path.lstrip("/"), content="") for path in files]}
    return value


def _done(request: Request, *tools: str) -> Iterator[tuple[Call, str]]:
    """Yield the calls of tools that were answered well, in order, with the answers."""
    waiting: list[Call] = []
    for turn in request.turns:
        waiting.extend(turn.calls)
        if turn.role == "tool":
            call = waiting.pop(0)
            if call.name in tools and not turn.text.startswith("Error"):
                yield call, turn.text


def _path(call: Call) -> str:
    return cast("Mapping[str, str]", call.arguments)["file_path"]


def _own_files(request: Request) -> dict[str, str | None]:
    """Return the files that were left of work to be put right, or were written since; None for text not known."""
    asked = request.turns[0].text
    earlier = yaml.safe_load(_text(asked, "stated")) if "You did this before." in asked else {}
    there: dict[str, str | None] = dict.fromkeys(earlier.get("files", ()))
    for call, _ in _done(request, "write_file", "edit_file", "delete"):
        if call.name == "delete":
            there.pop(_path(call), None)
        else:
            there[_path(call)] = cast("Mapping[str, str]", call.arguments).get("content")
    return there


def _next_offset(windows: Sequence[str]) -> int | None:
    """Return where to go on reading, in lines; None at the end."""
    if not windows:
        return 0
    found = _NEXT.search(windows[-1])
    return int(found[1]) if found else None
