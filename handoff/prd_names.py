"""How an entity's name becomes the names of its table, its path and its singular.

They are decided once and kept in the `Feature`, so that the database, the API and the pages agree.

Not here: names inside generated code (`skills.codegen.naming`).
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from pluralizer import Pluralizer

ENTITY_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
FIELD_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
MAX_NAME_BYTES = 63  # PostgreSQL truncates longer identifiers

_WORD_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")


def snake_case(name: str) -> str:
    """Return `TodoList` as `todo_list`, `HTTPServer` as `http_server`."""
    return _WORD_BOUNDARY.sub("_", name).lower()


def pascal_case(name: str) -> str:
    """Return `todo list`, `todo_list` or `todo-list` as `TodoList`."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", name))


def plural(name: str) -> str:
    """Return a snake_case name with its last word in the plural: `todo_list` as `todo_lists`, `person` as `people`."""
    head, separator, word = name.rpartition("_")
    return f"{head}{separator}{_plural_word(word)}"


def kebab_case(name: str) -> str:
    """Return a snake_case name as a path segment: `todo_lists` as `todo-lists`."""
    return name.replace("_", "-")


def slug_of(title: str) -> str:
    """Return a title as a kebab-case slug of ASCII letters and digits, empty if it has none."""
    return _NOT_IN_SLUG.sub("-", title.lower()).strip("-")


@cache
def _pluralizer() -> Pluralizer:
    return Pluralizer()  # type: ignore[no-untyped-call]  # its constructor alone lacks annotations


@lru_cache(maxsize=4096)
def _plural_word(word: str) -> str:
    return _pluralizer().plural(word)
