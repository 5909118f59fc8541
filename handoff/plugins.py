"""Load Python modules from folders outside the tree: of skills, of labels.

Each folder becomes a package of its own, so that its modules can import one another and two folders never mix.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from pathlib import Path
from types import ModuleType


def load_module(folder: Path, name: str) -> ModuleType:
    """Return the module `name` of `folder`, imported on the first call; whatever it raises passes through.

    Raises:
        ImportError: The module would end the process.
    """
    package = f"external_{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]}"
    if package not in sys.modules:
        module = ModuleType(package, f"The modules of {folder}.")
        module.__path__ = [str(folder)]
        sys.modules[package] = module
    try:
        return importlib.import_module(f"{package}.{name}")
    except SystemExit as error:
        raise ImportError(f"it ends the process (`SystemExit({error.code!r})`)") from error
