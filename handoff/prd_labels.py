"""Read an entity's labels: `**Owner:** yes`, `**Filter:** room, status`.

Each label is one module of `handoff.labels`, or `label.py` in a folder passed in. It knows its words and its mistakes;
what it says becomes an attribute of the `Entity` or stands under its name in `Entity.labels`. A label that nobody
makes yet is checked as far as its words go, so that a mistake shows now, and becomes a gap.

Not here: what a label means for an app (`skills.aspects`).

Source: `docs/prd-format.md`, `docs/extending.md`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from handoff.plugins import load_module
from handoff.prd_entities import MOMENTS
from handoff.prd_report import Cursor, words
from schemas.base import JSON
from schemas.errors import InputError
from schemas.feature import FeatureField
from schemas.handoffs import PrdLabel

BUILT_IN = Path(__file__).parent / "labels"
FILE = "label.py"


class LabelInvalid(InputError):
    """Modules of labels that cannot be used, with every problem found."""

    code = "label_invalid"

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        listed = "\n".join(f"  {problem}" for problem in self.problems)
        return f"the labels cannot be used ({len(self.problems)} found):\n{listed}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What a label may name.

    `fields` maps each declared name to its field, or None if its type could not be read; `spots` says where they stand.
    """

    entity: str
    fields: Mapping[str, FeatureField | None]
    spots: Mapping[str, Cursor]
    owner: bool

    def usable(self, name: str, label: str, spot: Cursor, *, own: tuple[str, ...] = MOMENTS) -> bool:
        """Report a name that cannot serve `label`; return whether it can. `own` can, being no fields."""
        if name in own or (name == "owner" and self.owner):
            return True
        if name not in self.fields:
            if name == "owner":
                spot.problem(f"`{label}` names `owner`, but records have none", hint="add `**Owner:** yes`")
            else:
                spot.unknown("field", name, (*self.fields, *own, *(("owner",) if self.owner else ())))
            return False
        declared = self.fields[name]
        reason = _unusable(declared, label) if declared else None
        if reason:
            spot.problem(f"`{label}` cannot name `{name}`: {reason}")
        return reason is None

    def usables(self, value: str, label: str, spot: Cursor) -> tuple[str, ...]:
        """Return the names of a comma-separated list that can serve `label`, reporting the others."""
        names: dict[str, None] = {}
        for name in words(value):
            if name in names:
                spot.problem(f"`{label}` names `{name}` twice")
            elif self.usable(name, label, spot):
                names[name] = None
        return tuple(names)

    def there(self, names: Iterable[str], spot: Cursor) -> bool:
        """Report each name that is no field; return whether all are."""
        missing = [name for name in names if name not in {*self.fields, *MOMENTS, "owner"}]
        for name in missing:
            spot.unknown("field", name, self.fields)
        return not missing


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """One label.

    Args:
        name: As the PRD writes it, letter case aside.
        read: Returns what the value says, or None if it asks for nothing or is wrong, which it reports.
        sets: The attribute of `Entity` that takes what is said; without it, `Entity.labels` takes it, as JSON.
        synonyms: Other names.
        gap: Why nobody makes it, if nobody does.
    """

    name: str
    read: Callable[[str, Known, Cursor], object]
    sets: str = ""
    synonyms: tuple[str, ...] = ()
    gap: str = ""

    @property
    def key(self) -> str:
        """The name as `Entity.labels` has it."""
        return plain(self.name)


@dataclass(slots=True)
class Said:
    """What an entity's labels say: attributes of `Entity`, and the rest by the label's key."""

    attributes: dict[str, object] = field(default_factory=dict)
    labels: dict[str, JSON] = field(default_factory=dict)


class PrdLabels:
    """The labels that a PRD may use."""

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        """Discover the built-in labels, and those in `folders`, each of which holds folders with a `label.py`.

        Raises:
            LabelInvalid: With every module that cannot be used, and every name that two labels share.
        """
        problems: list[str] = []
        self.labels = (*_built_in(), *_external(folders, problems.append))
        self._by_key: dict[str, Label] = {}
        named = [(name, label) for label in self.labels for name in (label.name, *label.synonyms)]
        problems += [
            f"two labels are called `{name}`; rename one"
            for name, label in named
            if self._by_key.setdefault(plain(name), label) is not label
        ]
        if problems:
            raise LabelInvalid(tuple(problems))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.labels)

    def read(self, written: Sequence[PrdLabel], known: Known, spot: Cursor) -> Said:
        """Return what an entity's labels say, reporting each that is unknown, repeated, or names what is not there."""
        said = Said()
        seen: set[str] = set()
        for index, line in enumerate(written):
            at = spot.at("labels", index)
            label = self._by_key.get(plain(line.label))
            if label is None:
                at.unknown("label", line.label, self.names)
            elif label.key in seen:
                at.problem(f"the label `{line.label}` is there twice", hint="join the two lines")
            else:
                seen.add(label.key)
                _take(label, line, known, at, said)
        return said


def plain(name: str) -> str:
    """Return a label's name without what the reader forgives: letter case, spacing."""
    return " ".join(name.casefold().split())


def _take(label: Label, line: PrdLabel, known: Known, spot: Cursor, said: Said) -> None:
    value = label.read(line.value, known, spot)
    if value is None:
        return
    if label.gap:
        text = f"{known.entity}, {line.label.strip()}: {line.value.strip()}"
        spot.gap(label.key, text, label.gap, subject=known.entity)
    elif label.sets:
        said.attributes[label.sets] = value
    else:
        said.labels[label.key] = value  # type: ignore[assignment]  # `Entity` refuses what is no JSON


@cache
def _built_in() -> tuple[Label, ...]:
    names = sorted(path.stem for path in BUILT_IN.glob("*.py") if path.stem != "__init__")
    return tuple(importlib.import_module(f"handoff.labels.{name}").LABEL for name in names)


def _external(folders: Sequence[Path], report: Callable[[str], None]) -> Iterator[Label]:
    for path in (path for folder in folders for path in sorted(folder.glob(f"*/{FILE}"))):
        try:
            label = getattr(load_module(path.parent, path.stem), "LABEL", None)
        except Exception as error:  # noqa: BLE001  # whatever a stranger's module raises at import
            report(f"{path}: cannot be imported: {type(error).__name__}: {error}")
            continue
        if isinstance(label, Label):
            yield label
        else:
            report(f"{path}: `LABEL` must be a `handoff.prd_labels.Label`")


def _unusable(field: FeatureField, label: str) -> str | None:
    if field.type.kind == "json":
        return "json has no order and is not compared"
    if field.type.kind == "references" and label != "Filter":
        return "it holds many records"
    if field.write_only and label != "Unique":
        return "it is write-only, and this would show it"
    return None
