"""Import statements of a generated Python module, from what its parts say they need."""

from __future__ import annotations

from collections.abc import Iterable

Import = tuple[str, str]  # module, name; without a name the module itself


def import_lines(imports: Iterable[Import]) -> list[str]:
    """Return one statement a module, sorted: `from re import match, search`; `("re", "")` is `import re`."""
    by_module: dict[str, set[str]] = {}
    for module, name in imports:
        by_module.setdefault(module, set()).add(name)
    return [_statement(module, names) for module, names in sorted(by_module.items())]


def _statement(module: str, names: set[str]) -> str:
    return f"import {module}" if names == {""} else f"from {module} import {', '.join(sorted(names))}"
