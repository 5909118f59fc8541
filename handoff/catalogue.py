"""The catalogue of choices: what a stack can be, because somebody provides it, and which labels entities can have.

The language (`schemas.parts`) knows more than is made. Skills and toolchains say what they provide; the PRD's reader
holds a `## Stack` against the catalogue, and fills in the defaults, some of which follow from other choices.

Not here: who provides what (`skills.core.registry`, `orchestrator.planning.choices`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from handoff.prd_labels import PrdLabels
from schemas.parts import PARTS, Part, outside, plain
from schemas.stack import NONE, Choice, Condition, Stack, all_hold


@dataclass(frozen=True, kw_only=True, slots=True)
class Provider:
    """A skill or a toolchain: it serves the choices it provides in stacks for which `when` holds.

    `defaults` are what the stack has beside them unless the PRD says otherwise.
    """

    name: str
    kind: Literal["skill", "toolchain"]
    provides: tuple[Choice, ...]
    defaults: tuple[Choice, ...] = ()
    when: tuple[Condition, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Conflict:
    """A choice that does not go with the rest of the stack. `parts` are those, by key, that it does not go with."""

    part: Part
    choice: str
    reason: str
    parts: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.part.name} `{self.choice}` {self.reason}"


class Catalogue:
    """Parts in the order in which they are decided, their choices, and who provides them; the labels of entities."""

    def __init__(self, providers: Iterable[Provider], labels: PrdLabels | None = None) -> None:
        self.providers = tuple(providers)
        self.labels = labels or PrdLabels()
        self.parts = _parts(self.providers)

    def part(self, word: str) -> Part | None:
        """Return the part that `word` names, letter case and spacing aside."""
        return next((part for part in self.parts if plain(part.name) == plain(word)), None)

    def providers_of(self, part: Part, choice: str) -> tuple[Provider, ...]:
        """Return who provides a choice, under whatever conditions."""
        return tuple(provider for provider in self.providers if (part.key, choice) in provider.provides)

    def available(self, part: Part) -> tuple[str, ...]:
        """Return the choices that can be made. Of a part that nobody provides, that is its default alone."""
        nothing = part.default == NONE
        there = tuple(
            choice for choice in part.choices if (nothing and choice == NONE) or self.providers_of(part, choice)
        )
        return there or (part.default,)

    def default(self, part: Part) -> str:
        """Return what is chosen for a part if neither the PRD nor another choice decides."""
        available = self.available(part)
        return part.default if part.default in available else available[0]

    def stack(self, chosen: Mapping[str, str] | None = None) -> Stack:
        """Return the stack for what is chosen, by the parts' keys: with the defaults of all that can be chosen."""
        settled = dict(chosen or {})
        for part in self.parts:
            if part.key not in settled:
                settled[part.key] = self._brought(part, settled) or self.default(part)
        return Stack({part.key: settled[part.key] for part in self.parts if self._counts(part, settled[part.key])})

    def conflicts(self, stack: Stack) -> tuple[Conflict, ...]:
        """Return what does not go together, or is provided by nobody or twice, in the parts' order."""
        found = []
        for part in self.parts:
            if part.key in stack.root:
                found += self._conflicts(part, stack)
        return tuple(found)

    def _brought(self, part: Part, settled: Mapping[str, str]) -> str | None:
        """Return the default that what is settled brings for a part."""
        stack = Stack(settled)
        for provider in self.providers:
            brought = next((default.choice for default in provider.defaults if default.part == part.key), None)
            chosen = any(settled.get(key) == choice for key, choice in provider.provides)
            if brought and chosen and all_hold((each for each in provider.when if each.part in settled), stack):
                return brought
        return None

    def _counts(self, part: Part, choice: str) -> bool:
        """Return whether a stack names the part: a `none` that is all there is would say nothing."""
        return choice != NONE or len(self.available(part)) > 1

    def _conflicts(self, part: Part, stack: Stack) -> list[Conflict]:
        choice = stack[part.key]
        providers = self.providers_of(part, choice)
        if not providers and choice not in self.available(part):
            return [Conflict(part=part, choice=choice, reason="is not implemented yet")]
        found = []
        for kind in ("skill", "toolchain"):
            those = [each for each in providers if each.kind == kind]
            serving = [each.name for each in those if all_hold(each.when, stack)]
            if those and not serving:
                found.append(_unmet(part, choice, those, stack))
            elif len(serving) > 1:
                names = " and ".join(f"`{name}`" for name in serving)
                reason = f"is provided by {names} at once: give all but one a `when` that rules it out"
                found.append(Conflict(part=part, choice=choice, reason=reason))
        return found


def _parts(providers: tuple[Provider, ...]) -> tuple[Part, ...]:
    """Return the language's parts, then those that only providers know, each with the choices of both."""
    parts = {part.key: part for part in PARTS}
    for key, choice in (each for provider in providers for each in (*provider.provides, *provider.defaults)):
        part = parts.get(key) or outside(key)
        parts[key] = part if choice in part.choices else replace(part, choices=(*part.choices, choice))
    return tuple(parts.values())


def _unmet(part: Part, choice: str, providers: list[Provider], stack: Stack) -> Conflict:
    """Return what the providers that come nearest lack."""
    missed = [[each for each in provider.when if not each.holds(stack)] for provider in providers]
    fewest = min(len(conditions) for conditions in missed)
    nearest = [conditions for conditions in missed if len(conditions) == fewest]
    needs = dict.fromkeys(" and ".join(condition.need for condition in conditions) for conditions in nearest)
    keys = tuple(dict.fromkeys(condition.part for conditions in nearest for condition in conditions))
    has = ", ".join(f"{key} {stack[key]}" if len(keys) > 1 else stack[key] for key in keys)
    return Conflict(part=part, choice=choice, reason=f"needs {' or '.join(needs)}, the stack has {has}", parts=keys)
