"""What a step published, as it is stored: the files by hash, and the tool runs that speak for them."""

from __future__ import annotations

from collections.abc import Mapping

from handoff.provenance import CheckRun
from schemas.base import Document, Field
from schemas.findings import Finding


class CheckRecord(Document):
    """One tool run of a check, and the path of its log."""

    agent: str
    step: str = Field(default_factory=lambda given: given["agent"])
    run: CheckRun
    log: str


class Receipt(Document):
    """What a step is about to publish, or has published: stored before the first file is moved.

    `files` and `handoff_sha256` are SHA-256; paths are relative to the workspace; `handoff` is a contract id.
    `replaces` holds the SHA-256 of what people left for a step done outside; it stands where `files` will. `findings`
    are what the handoff states.
    """

    agent: str
    step: str = Field(default_factory=lambda given: given["agent"])
    files: Mapping[str, str]
    replaces: Mapping[str, str] = {}
    handoff: str | None = None
    handoff_sha256: str | None = None
    evidence: tuple[CheckRecord, ...] = ()
    findings: tuple[Finding, ...] = ()
