from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import orchestrator
from orchestrator.records import answers, events

ROOT = Path(__file__).parents[2]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
SURFACES = ("orchestrator.vertex.app", "orchestrator.phase14.phase")  # each a way in of its own
PUBLIC = """
AgentUnknown Answer AnswerRefused Approve BatonError CheckFinished CheckStarted DatabaseLost Done EditByHand
Event Finding FindingsReturned GivePrd GiveUp GuardFinished HandoffPublished InputError ModelChange ModelSpent
ModelUse NothingToResume OpenQuestion Orchestrator OutsideUnfinished Pipeline PlanMade Policy PolicyChange
PublishedHandoff Question QuestionAnswered QuestionAsked Reject Request RequestResult Retry Run RunBusy
RunDetails RunError RunFinished RunRecord RunRefused RunResult RunResumed RunStarted RunUnknown SkillFinished
SkillStarted SpendingLimits StackIncomplete StepFinished StepRetried StepStarted UseTemplate WorkReturned
Workflow WorkflowUnknown Workflows WorkspaceBusy WorkspaceConflict built_in configure_logging
"""


def test_what_is_public_is_decided_here() -> None:
    assert sorted(orchestrator.__all__) == PUBLIC.split()


@pytest.mark.parametrize("name", PUBLIC.split())
def test_a_public_name_can_be_imported(name: str) -> None:
    assert getattr(orchestrator, name) is not None


def test_another_name_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute `Engine`"):
        _ = orchestrator.Engine


def test_every_event_and_every_answer_is_public() -> None:
    union, _ = get_args(events.Event)
    made = {each.__name__ for each in get_args(union)}
    given = {each.__name__ for each in answers._Answer.__subclasses__()}

    assert made | given <= set(orchestrator.__all__)


def test_importing_the_package_imports_nothing_else() -> None:
    program = "import sys, orchestrator; print(*(name for name in sys.modules if name.startswith('orchestrator.')))"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert loaded.stdout.split() == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_import_from_the_package_alone(document: Path) -> None:
    deeper = [
        node.module
        for block in re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("orchestrator.")
    ]

    assert set(deeper) <= set(SURFACES)
