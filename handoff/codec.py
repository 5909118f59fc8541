"""The one codec of every handoff file: data under a contract to markdown, and back without loss.

`parse(contract, render(contract, data)).data == data` for every `data` the contract admits. How a schema is laid out is
said in `docs/handoff-format.md`.

Not here: reading and writing files (`handoff.store`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from handoff import parse as parsing
from handoff import render as rendering
from handoff.blocks import Source, source
from handoff.compiling import layout_of
from handoff.json_text import unwritable
from handoff.problems import HandoffInvalid, Problem
from handoff.provenance import Provenance, sha256, split
from handoff.reading import Reading
from handoff.source import checked
from handoff.validation import breaches
from schemas.base import JSON
from schemas.contract import HANDOFF_MODELS, Contract, contract_of


@dataclass(frozen=True, slots=True)
class Parsed:
    """A handoff file understood.

    `lines` maps the JSON pointer (RFC 6901) of each value to its line, counted from 1; values inside a fenced block
    are found under the block's own pointer. `edited`: the text is not what was written under this front matter.
    """

    data: dict[str, JSON]
    lines: Mapping[str, int]
    provenance: Provenance | None
    edited: bool


def render(contract: Contract, data: Mapping[str, JSON]) -> str:
    """Return the markdown of `data`, without front matter, ending in one newline.

    Raises:
        HandoffInvalid: `data` does not satisfy the contract, or is not JSON (a NaN, half a surrogate pair, nested
            deeper than 100 levels).
        ContractInvalid: The contract's schema or hints are broken.
    """
    layout = layout_of(contract)
    reading = Reading(data=dict(data))
    problems = unwritable(reading.data) or breaches(contract, layout, reading, "")
    if problems:
        raise HandoffInvalid(contract.id, "", problems)
    return rendering.document(layout, data)


def parse(contract: Contract, text: str, file: str = "") -> Parsed:
    """Read the text of a handoff file, front matter included.

    Args:
        contract: Of the agent that wrote the file.
        text: A byte-order mark and any line ends are accepted.
        file: Named in problems.

    Raises:
        HandoffInvalid: With every problem found, in document order.
        ContractInvalid: The contract's schema or hints are broken.
    """
    layout = layout_of(contract)
    text = checked(text, contract=contract.id, file=file)
    provenance, body, offset = split(text, contract=contract.id, file=file)
    if provenance is not None and provenance.contract != contract.id:
        message = f"its front matter names the contract `{provenance.contract}`"
        raise HandoffInvalid(
            contract.id, file, [Problem(file=file, line=1, message=message, expected=f"`{contract.id}`")]
        )
    taken_apart = source(body, offset)
    reading = parsing.read(layout, taken_apart, file)
    problems = list(reading.problems)
    if reading.lines:
        problems += breaches(contract, layout, reading, file)
    else:  # not this kind of file at all, and that has been said
        problems = [replace(problem, hint=_kind_of(taken_apart) or problem.hint) for problem in problems]
    if problems:
        raise HandoffInvalid(contract.id, file, sorted(problems, key=lambda problem: problem.line))
    edited = provenance is not None and provenance.body is not None and provenance.body != sha256(body)
    return Parsed(reading.data, MappingProxyType(reading.lines), provenance, edited)


def _kind_of(text: Source) -> str:
    """Return which built-in contract a document's title belongs to, as a hint; empty if none."""
    title = text.top.children[0].title if text.top.children else ""
    fitting = [name for name in HANDOFF_MODELS if layout_of(contract_of(name)).title.read(title) is not None]
    return f"Its title is that of a `{fitting[0]}` file." if fitting else ""
