"""Whatever a file holds, reading it ends with its data or with `HandoffInvalid`, at a cost linear in its size."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handoff.codec import parse, render
from handoff.problems import HandoffInvalid
from handoff.store import read_file
from schemas.contract import HANDOFF_MODELS, Contract, contract_of
from tests.support.call_counts import calls_of
from tests.support.generated_contracts import HOSTILE, documents

GOLDEN = (Path(__file__).parent / "golden" / "python-backend-agent-output.md").read_text(encoding="utf-8")
PRD = (Path(__file__).parents[2] / "examples" / "todo-lists.md").read_text(encoding="utf-8")
TEXTS = {"python-backend-agent-output": GOLDEN, "feature-prd": PRD}
LENIENT: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def reads_or_refuses(contract: Contract, text: str) -> None:
    try:
        parse(contract, text, "x.md")
    except HandoffInvalid as error:
        refusal = error
    else:
        return
    assert refusal.problems
    assert str(refusal)
    lines = [problem.line for problem in refusal.problems]
    assert lines == sorted(lines)


@settings(max_examples=150, **LENIENT)
@given(st.sampled_from(sorted(TEXTS)), st.data())
def test_a_truncated_or_damaged_file_is_refused_or_read(contract_id: str, data: st.DataObject) -> None:
    text = TEXTS[contract_id]
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))
    damage = data.draw(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20)))

    reads_or_refuses(contract_of(contract_id), text[:end])
    reads_or_refuses(contract_of(contract_id), text[:start] + damage + text[end:])


@pytest.mark.slow
@settings(max_examples=100, **LENIENT)
@given(documents(), st.data())
def test_a_damaged_file_of_any_contract_is_refused_or_read(
    document: tuple[dict[str, Any], Any], data: st.DataObject
) -> None:
    contract = Contract.from_schema(document[0], id="generated", version="1")
    text = render(contract, document[1])
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))

    reads_or_refuses(contract, text[:start] + data.draw(st.sampled_from(HOSTILE)) + text[end:])


@settings(max_examples=100, **LENIENT)
@given(raw=st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.md"
    for content in (raw, b"---\n" + raw + b"\n---\n" + PRD.encode(), PRD.encode() + raw):
        path.write_bytes(content)
        with contextlib.suppress(HandoffInvalid):
            read_file(path, "feature-prd")


HEAD = "# Feature PRD: "
SLOW: dict[str, Callable[[int], str]] = {
    "title": lambda n: HEAD + "a (" * n,
    "spaces": lambda n: HEAD + "a" + " " * n + "b",
    "quotes": lambda n: f"{HEAD}x\n\n" + "> " * n + "a",
    "quoted lines": lambda n: f"{HEAD}x\n\n" + "> a\n" * n,
    "nested list": lambda n: f"{HEAD}x\n\n" + "- " * n + "a",
    "list": lambda n: f"{HEAD}x\n\n## Business Rules\n\n" + "- a\n" * n,
    "loose list": lambda n: f"{HEAD}x\n\n## Business Rules\n\n" + "- a\n\n  b\n\n" * n,
    "indented list": lambda n: f"{HEAD}x\n\n" + "".join(" " * (i % 50) + "- a\n" for i in range(n)),
    "columns": lambda n: f"{HEAD}x\n\n## Stack\n\n" + "|a" * n + "|\n" + "|-" * n + "|\n" + "|b" * n + "|\n",
    "rows": lambda n: f"{HEAD}x\n\n## Stack\n\n|Part|Choice|\n|-|-|\n" + "|a|b|\n" * n,
    "short rows": lambda n: f"{HEAD}x\n\n## Stack\n\n" + "|a" * 200 + "|\n" + "|-" * 200 + "|\n" + "|b|\n" * n,
    "labels": lambda n: f"{HEAD}x\n\n## Entities\n\n### A\n\n" + "**a:** b\n" * n,
    "stars": lambda n: f"{HEAD}x\n\n**" + "a" * n + "\n\n" + "*" * n,
    "colons": lambda n: f"{HEAD}x\n\n**" + ":" * n,
    "paragraphs": lambda n: f"{HEAD}x\n\n" + "a\n\n" * n,
    "headings": lambda n: f"{HEAD}x\n\n" + "## a\n" * n,
    "deep headings": lambda n: f"{HEAD}x\n\n" + "## a\n### b\n#### c\n##### d\n" * n,
    "entities": lambda n: f"{HEAD}x\n\n## Entities\n\n" + "".join(f"### A{i}\n\nb\n\n**c:** d\n\n" for i in range(n)),
    "unclosed fence": lambda n: f"{HEAD}x\n\n```\n" + "a\n" * n,
    "fences": lambda n: f"{HEAD}x\n\n" + "```\na\n```\n" * n,
    "comments": lambda n: f"{HEAD}x\n\n" + "<!-- a\n" * n,
    "tags": lambda n: f"{HEAD}x\n\n" + "<div>\n" * n,
    "references": lambda n: f"{HEAD}x\n\n" + "[a]: b\n" * n,
    "brackets": lambda n: f"{HEAD}x\n\n" + "[" * n,
    "code": lambda n: f'{HEAD}x\n\n**a:** `"' + "\\" * n,
    "yaml": lambda n: "---\na: " + "[" * min(n, 100_000) + f"\n---\n{HEAD}x\n",
    "yaml aliases": lambda n: "---\na: &a [x]\nb: [" + "*a, " * n + f"]\n---\n{HEAD}x\n",
    "setext": lambda n: f"{HEAD}x\n\n" + "a\n" * n + "---\n",
    "unknown columns": lambda n: f"{HEAD}x\n\n## Stack\n\n" + "|b|\n|-|\n|c|\n\n" * n,
    "values": lambda n: f"{HEAD}x\n\n## Entities\n\n### A\n\n|Field|Type|Required|\n|-|-|-|\n" + "|a|b|maybe|\n" * n,
}  # fmt: skip


@pytest.mark.parametrize("kind", SLOW)
def test_cost_is_linear_in_the_size_of_the_file(kind: str) -> None:
    def calls(size: int) -> int:
        text = SLOW[kind](size)
        return calls_of(lambda: reads_or_refuses(contract_of("feature-prd"), text))

    calls(10)  # what is compiled once is not counted
    small, large = calls(250), calls(2_000)

    assert large < 12 * small, f"{small} calls became {large} for 8 times the text"


def test_every_contract_refuses_the_others_files_by_their_title() -> None:
    for contract_id in HANDOFF_MODELS:
        for other, text in TEXTS.items():
            if other != contract_id:
                with pytest.raises(
                    HandoffInvalid, match=f"(?s)not the expected kind of file.*Its title is that of a `{other}` file"
                ):
                    parse(contract_of(contract_id), text, "x.md")
