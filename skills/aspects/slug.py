"""The rule `slug of`: a short name for paths, which the server makes from another field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from schemas.feature import FeatureField
from skills.codegen.escaping import py
from skills.codegen.naming import attribute, column
from skills.design.aspect import NOTHING, Aspect, Code, Subject
from skills.design.fields import writable

_LENGTH = 255
_NAMES_IN_SERVICES = frozenset(
    {"access", "caller", "data", "db", "func", "listing", "null", "record", "slugs", "true", "value", "values"}
)


class SlugAspect(Aspect):
    name = "slug"
    after = ("rules",)

    def arguments(self, of: Subject) -> tuple[str, ...]:
        return tuple(f"{attribute(f.name)}={_variable(f)}" for f in _slugs(of))

    def before_create(self, of: Subject) -> Code:
        lines = tuple(line for f in _slugs(of) for line in _made(of, f))
        if not lines:
            return NOTHING
        anywhere = any("true()" in _scopes(of, f) for f in _slugs(of))
        return Code(lines, (("app.services", "slugs"), *((("sqlalchemy", "true"),) if anywhere else ())))


def _slugs(of: Subject) -> list[FeatureField]:
    return [f for f in of.entity.fields if f.slug_of]


def _variable(f: FeatureField) -> str:
    return f"{f.name}_value" if f.name in _NAMES_IN_SERVICES else attribute(f.name)


def _made(of: Subject, f: FeatureField) -> Iterator[str]:
    """Yield the lines that leave the slug in its variable: None where its source is absent."""
    variable, source = _variable(f), f"data.{attribute(f.slug_of or '')}"
    optional = not next(other.required for other in of.entity.fields if other.name == f.slug_of)
    margin = "    " if optional else ""
    if optional:
        yield f"{variable} = None"
        yield f"if {source} is not None:"
    otherwise = py(of.entity.singular.replace("_", "-"))
    yield f"{margin}{variable} = slugs.slugify({source}, longest={f.max_length or _LENGTH}, otherwise={otherwise})"
    if f.unique or any(_groups(of, f)):
        wanted = ", ".join(("db", f"{of.model}.{attribute(f.name)}", variable, *_scopes(of, f)))
        yield f"{margin}{variable} = await slugs.free_slug({wanted})"


def _groups(of: Subject, f: FeatureField) -> list[tuple[str, ...]]:
    return [(scope, f.name) for scope in f.unique_per] + [group for group in of.entity.unique if f.name in group]


def _scopes(of: Subject, f: FeatureField) -> tuple[str, ...]:
    """Return the conditions on the records among which the slug is unique."""
    return () if f.unique else tuple(_scope(of, f, group) for group in _groups(of, f))


def _scope(of: Subject, f: FeatureField, group: Iterable[str]) -> str:
    """Return the condition that two records with one slug would have to meet to clash."""
    sent = {other.name: other for other in writable(of.entity)}
    same = [f"{of.model}.owner_id == caller.id"] if "owner" in group else []
    for name in group:
        if name in sent and name != f.name:
            key = attribute(column(sent[name]))
            same.append(f"{of.model}.{key} == data.{key}")
    return " & ".join(f"({condition})" for condition in same) if len(same) > 1 else "".join(same) or "true()"


ASPECT = SlugAspect()
