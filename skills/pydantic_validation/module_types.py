"""What `app.schemas.types` holds: only the types that the app's schemas name."""

from __future__ import annotations

from collections.abc import Iterable

from skills.codegen.imports import Import, import_lines

_ALWAYS = (
    ("typing", "Annotated"),
    ("pydantic", "AfterValidator"),
    ("pydantic", "EmailStr"),
    ("pydantic", "Field"),
    ("pydantic_core", "PydanticCustomError"),
)
_BEFORE = ("pydantic", "BeforeValidator")
_REGEX = ("re", "")
# By group: the names that call for it, and what it imports. A module without a name is imported as a whole.
_GROUPS: dict[str, tuple[frozenset[str], tuple[Import, ...]]] = {
    "id": (frozenset({"Id", "Ids"}), ()),
    "integer": (frozenset({"Integer"}), ()),
    "integer_parameter": (frozenset({"IntegerParameter"}), ()),
    "ids": (frozenset({"Ids"}), ()),
    "url": (
        frozenset({"Url"}),
        (
            ("pydantic", "GetJsonSchemaHandler"),
            ("pydantic", "HttpUrl"),
            ("pydantic", "TypeAdapter"),
            ("pydantic", "ValidationError"),
            ("pydantic.json_schema", "JsonSchemaValue"),
            ("pydantic_core", "CoreSchema"),
        ),
    ),
    "decimal": (
        frozenset({"Exact"}),
        (
            _REGEX,
            ("dataclasses", "dataclass"),
            ("decimal", "Context"),
            ("decimal", "Decimal"),
            ("pydantic", "GetCoreSchemaHandler"),
            ("pydantic", "GetJsonSchemaHandler"),
            ("pydantic.json_schema", "JsonSchemaValue"),
            ("pydantic_core", "CoreSchema"),
            ("pydantic_core", "core_schema"),
        ),
    ),
    "plain": (
        frozenset({"Plain"}),
        (("decimal", "Decimal"), ("typing", "Annotated"), ("pydantic", "PlainSerializer")),
    ),
    "written": (frozenset({"Moment", "Day", "TimeInput"}), (_REGEX, _BEFORE)),
    "datetime": (
        frozenset({"Moment"}),
        (("datetime", "UTC"), ("datetime", "datetime"), ("pydantic", "AwareDatetime")),
    ),
    "date": (frozenset({"Day"}), (("datetime", "date"),)),
    "time": (frozenset({"TimeOfDay", "TimeInput"}), (("datetime", "time"), ("pydantic", "WithJsonSchema"))),
    "json": (
        frozenset({"JsonDocument"}),
        (("json", ""), ("collections.abc", "Iterator"), ("pydantic", "JsonValue")),
    ),
}


def types_context(names: Iterable[str]) -> dict[str, object]:
    """Return the context of `types.py.j2` for an app whose schemas import `names` from it."""
    wanted = set(names)
    uses = {group: bool(wanted & triggers) for group, (triggers, _) in _GROUPS.items()}
    imports = {*_ALWAYS, *(i for group, (_, needed) in _GROUPS.items() if uses[group] for i in needed)}
    return {"uses": uses, "imports": import_lines(imports)}
