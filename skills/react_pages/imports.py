"""The import lines of a TypeScript module: packages first, then the app's own, sorted, one line a module."""

from __future__ import annotations

from collections.abc import Callable

_WIDTH = 110


class Imports:
    """Collects what a module imports. A name that begins with `type ` is imported as a type."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._names: dict[str, set[str]] = {}

    def add(self, module: str, *names: str) -> None:
        """Import `names` from `module`; nothing happens without names."""
        if names:
            self._names.setdefault(module, set()).update(names)

    def keep(self, module: str, wanted: Callable[[str], bool]) -> None:
        """Import from `module` only the names that are `wanted`."""
        names = {name for name in self._names.pop(module, set()) if wanted(name)}
        self.add(module, *names)

    def __str__(self) -> str:
        """Return the lines, ending in a line break."""
        packages = [module for module in self._names if not module.startswith(".")]
        own = [module for module in self._names if module.startswith(".")]
        # `../../api` before `../x` before `./y`: from far to near.
        own.sort(key=lambda module: (-module.count("../"), module.lower()))
        groups = ["".join(self._line(module) for module in group) for group in (sorted(packages), own) if group]
        return "\n".join(groups)

    def _line(self, module: str) -> str:
        names = sorted(self._names[module], key=lambda name: name.removeprefix("type ").lower())
        if all(name.startswith("type ") for name in names):
            listed = ", ".join(name.removeprefix("type ") for name in names)
            return f'import type {{ {listed} }} from "{module}";\n'
        line = f'import {{ {", ".join(names)} }} from "{module}";\n'
        if len(line) <= _WIDTH:
            return line
        return "import {\n" + "".join(f"  {name},\n" for name in names) + f'}} from "{module}";\n'
