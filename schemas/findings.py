"""What a reviewing step finds in the files of others, as its handoff states it."""

from __future__ import annotations

from typing import Literal

from schemas.base import Document, Field


class Finding(Document):
    """Something that is wrong in a file, or could be better.

    `blocking`: the step that made the file has to put it right. `rule` is what was broken, `evidence` what shows that;
    `line` counts from 1 and is 0 if the whole file is meant.
    """

    severity: Literal["blocking", "advice"]
    rule: str
    file: str
    line: int = Field(default=0, ge=0)
    evidence: str

    @property
    def is_blocking(self) -> bool:
        return self.severity == "blocking"

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.rule}: {self.evidence}"
