"""A made app and its own tests under the rules of its own linter, as the app's checks ask."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from schemas.feature import Feature
from skills.core.registry import Registry
from tests.support.core_build import build, write
from tests.support.outside_labels import suite


def app_with_tests(feature: Feature) -> Mapping[str, str]:
    """Return the backend of `feature` and its tests, by path."""
    return {**build(feature).files, **suite(feature, Registry())}


def lint(files: Mapping[str, str], folder: Path) -> str:
    """Write the files and return what `ruff check` finds under the app's own configuration; nothing if all is well."""
    write(files, folder)
    command = (sys.executable, "-m", "ruff", "check", "--quiet", "--no-cache", "--output-format", "concise", ".")
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout
