"""Contributes password hashing: the same files for every feature."""

from __future__ import annotations

from schemas.base import Document
from skills.core.contribution import ContributedFile, Contribution, Dependency
from skills.core.templates import Templates

_FILES = ("app/core/passwords.py", "tests/unit/test_passwords.py")


class Input(Document):
    """Nothing of the feature changes how passwords are kept."""


class Output(Contribution):
    """`algorithm` and its costs as the files set them; `memory_kib` in kibibytes."""

    algorithm: str = "argon2id"
    memory_kib: int = 19_456
    iterations: int = 2
    parallelism: int = 1


def contribute(request: Input, templates: Templates) -> Output:  # noqa: ARG001  # the signature of every blueprint
    """Return the module that hashes and checks passwords, and its unit tests."""
    return Output(
        files=tuple(ContributedFile(path=path, content=templates.read(path)) for path in _FILES),
        dependencies=(Dependency(ecosystem="python", name="argon2-cffi", version=">=25.1", group="runtime"),),
    )
