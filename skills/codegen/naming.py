"""Names in generated code: from the PRD's words to identifiers that are valid, distinct and unsurprising.

Every skill uses these functions, so that a model, its schema, its service and its page meet under one name. Each is
a pure function of one name, and injective: two names of a PRD never become one identifier. A name that cannot be used
as it is gets a mark the PRD cannot write itself (a trailing underscore), or, for classes, the word `Record`.

Not here: tables and paths, which `handoff.prd_names` decides and the `Feature` carries; the words that may not be used
(`skills.codegen.reserved`).
"""

from __future__ import annotations

import hashlib

from handoff.prd_names import MAX_NAME_BYTES, plural, snake_case
from schemas.feature import Entity, FeatureField
from skills.codegen import reserved

_SHORTENED_BY = 9  # an underscore and eight hexadecimal digits


def class_name(entity: str) -> str:
    """Return the Python class of an entity: `TodoList`; `FieldRecord` for `Field`, which generated modules import."""
    return f"{entity}Record" if _stem(entity, "Record") in reserved.CLASSES else entity


def module_name(entity: str) -> str:
    """Return the Python module of an entity, `todo_list`; `class_` for `Class`."""
    name = snake_case(entity)
    return f"{name}_" if name in reserved.MODULES else name


def attribute(name: str) -> str:
    """Return a field's or column's Python attribute, `due_at`; `metadata_` for `metadata`, `own_model_dump_`.

    Where it differs from the name, the JSON alias and the database column keep the name.
    """
    if name.startswith(reserved.PROTECTED_PREFIXES):
        return f"own_{name}_"
    taken = name in reserved.ATTRIBUTES or name.startswith(reserved.ATTRIBUTE_PREFIXES)
    return f"{name}_" if taken else name


def variable(name: str) -> str:
    """Return a snake_case name as a Python parameter or variable that hides no builtin: `class_`, `filter_`."""
    return f"{name}_" if name in reserved.PYTHON else name


def query_name(name: str) -> str:
    """Return the query parameter that filters by a JSON field: its name, `filter_limit` for `limit`."""
    stem = name
    while stem.startswith("filter_"):
        stem = stem.removeprefix("filter_")
    return f"filter_{name}" if stem in reserved.QUERY_PARAMETERS else name


def ts_identifier(name: str) -> str:
    """Return a name as a TypeScript identifier that is no reserved word and hides no global: `default_`, `Date_`."""
    return f"{name}_" if name in reserved.TYPESCRIPT else name


def column(field: FeatureField) -> str:
    """Return a field's database column: its name, `<name>_id` for a reference. A many-to-many has none.

    Raises:
        ValueError: The field is a many-to-many (see `join_table`).
    """
    if field.type.kind == "references":
        raise ValueError(f"`{field.name}` is a many-to-many: it has a join table, not a column")
    return f"{field.name}_id" if field.type.kind == "reference" else field.name


def json_name(field: FeatureField) -> str:
    """Return a field's name in JSON: `<name>_id` for a reference, `<name>_ids` for a many-to-many."""
    suffix = {"reference": "_id", "references": "_ids"}.get(field.type.kind, "")
    return f"{field.name}{suffix}"


def join_table(entity: Entity, field: FeatureField) -> str:
    """Return the join table of a many-to-many field: `articles_tags`."""
    return f"{entity.table}_{field.name}"


def join_columns(entity: Entity, target: Entity) -> tuple[str, str]:
    """Return a join table's columns, `("article_id", "tag_id")`; the second is `related_id` for a self-relation."""
    return f"{entity.singular}_id", "related_id" if entity.name == target.name else f"{target.singular}_id"


def links_attribute(entity: Entity, f: FeatureField) -> str:
    """Return the attribute that holds the rows of a many-to-many field's join table."""
    name = f"{f.name}_links"
    taken = {attribute(json_name(other)) for other in entity.fields}
    return f"{name}_" if name in taken else name


def link_name(entity: Entity, f: FeatureField) -> str:
    """Return the class of the rows of a many-to-many field's join table: `ArticleTagsLink`."""
    words = "".join(word.capitalize() for word in f.name.split("_"))
    return f"{class_name(entity.name)}{words}Link"


def database_name(*parts: str) -> str:
    """Return the parts joined by underscores, shortened with a hash to PostgreSQL's 63 bytes: `ix_todos_due_at`."""
    name = "_".join(parts)
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[: _SHORTENED_BY - 1]
    return f"{name[: MAX_NAME_BYTES - _SHORTENED_BY]}_{digest}"


def title(name: str) -> str:
    """Return a name as human words: `todo_list` and `TodoList` as `Todo list`."""
    words = snake_case(name).replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def titles(name: str) -> str:
    """Return a name as human words in the plural: `TodoList` as `Todo lists`."""
    return title(plural(snake_case(name)))


def _stem(name: str, suffix: str) -> str:
    while name.endswith(suffix) and name != suffix:
        name = name.removesuffix(suffix)
    return name


def with_article(noun: str) -> str:
    """Return human words with their indefinite article: `a todo list`, `an article`."""
    return f"{'an' if noun[:1].lower() in set('aeiou') else 'a'} {noun}"
