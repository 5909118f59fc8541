from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from handoff.problems import HandoffInvalid, HandoffMissing, Problem
from handoff.provenance import CheckRun, Provenance, sha256
from handoff.source import MAX_BYTES
from handoff.store import (
    HISTORY,
    KEPT,
    HandoffStore,
    HandoffUnreadable,
    HandoffUnwritable,
    UnsafePath,
    read_file,
    safe_path,
)
from schemas.contract import ContractUnknown
from schemas.handoffs import ArchitectOutput, Decision, FeaturePrd

ARCHITECT = ArchitectOutput(task="Todos", decisions=(Decision(subject="ids", choice="bigint", reason="a | b"),))
PROVENANCE = Provenance(
    contract="architect-output",
    version="1",
    run="r1",
    agent="architect",
    time="2026-01-31T12:00:00Z",
    reads={".claude/handoff/feature-prd.md": "ab" * 32},
    files={"docs/yes.md": "cd" * 32},
    evidence=(
        CheckRun(
            check="lint", tool="ruff 0.1", argv=("ruff", "check", "a: b"), exit_code=0, seconds=1.5, log_sha256="ef"
        ),
    ),
)


@pytest.fixture
def store(tmp_path: Path) -> HandoffStore:
    return HandoffStore(tmp_path)


def file(store: HandoffStore, contract_id: str = "architect-output") -> Path:
    return store.workspace / ".claude" / "handoff" / f"{contract_id}.md"


def test_what_is_written_is_read_back_with_its_provenance(store: HandoffStore) -> None:
    digest = store.write("architect-output", ARCHITECT, PROVENANCE)
    handoff = store.read("architect-output")

    assert handoff.data == ARCHITECT
    assert handoff.sha256 == digest == sha256(file(store).read_bytes())
    assert handoff.provenance is not None
    assert handoff.provenance.model_copy(update={"body": None}) == PROVENANCE
    assert not handoff.edited
    line = handoff.lines["/decisions/0/subject"]
    assert file(store).read_text().split("\n")[line - 1].startswith("| ids |")


def test_an_edit_by_hand_is_accepted_and_visible(store: HandoffStore) -> None:
    store.write("architect-output", ARCHITECT, PROVENANCE)
    path = file(store)
    path.write_text(path.read_text().replace("bigint", "uuid"))

    handoff = store.read("architect-output")

    assert handoff.edited
    assert isinstance(handoff.data, ArchitectOutput)
    assert handoff.data.decisions[0].choice == "uuid"


def test_a_handoff_that_was_read_before_is_read_anew_when_its_bytes_changed_and_only_then(store: HandoffStore) -> None:
    store.write("architect-output", ARCHITECT, PROVENANCE)
    first = store.read("architect-output")
    assert store.read("architect-output") is first
    file(store).write_text(file(store).read_text().replace("bigint", "serial"))  # as long as before
    assert store.read("architect-output").data != ARCHITECT
    file(store).unlink()
    with pytest.raises(HandoffMissing):
        store.read("architect-output")


def decided(characters: int) -> ArchitectOutput:
    return ArchitectOutput(task="Todos", decisions=(Decision(subject="ids", choice="x" * characters, reason="long"),))


def test_what_is_written_is_never_too_large_to_be_read(store: HandoffStore) -> None:
    long = decided(MAX_BYTES // 8)
    many = PROVENANCE.model_copy(update={"files": {f"app/{number:050}.py": "ab" * 32 for number in range(3000)}})
    store.write("architect-output", long, many)
    assert store.read("architect-output").data == long

    kept = file(store).read_bytes()
    with pytest.raises(HandoffInvalid, match=r"(?s)too large.*at most 16,000,000 bytes.*Divide the PRD"):
        store.write("architect-output", decided(MAX_BYTES), PROVENANCE)
    more = many.model_copy(update={"files": {f"app/{number:050}.py": "ab" * 32 for number in range(20_000)}})
    with pytest.raises(HandoffInvalid, match="the front matter is larger than 2,000,000 bytes"):
        store.write("architect-output", ARCHITECT, more)
    assert file(store).read_bytes() == kept

    file(store).write_bytes(b"---\na: " + b"x" * 2_000_001 + b"\n---\n" + kept)
    with pytest.raises(HandoffInvalid, match="the front matter is larger than 2,000,000 bytes"):
        store.read("architect-output")


def test_windows_line_ends_and_a_byte_order_mark_are_no_edit(store: HandoffStore) -> None:
    store.write("architect-output", ARCHITECT, PROVENANCE)
    path = file(store)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))

    handoff = store.read("architect-output")

    assert (handoff.data, handoff.edited) == (ARCHITECT, False)


def test_a_file_without_front_matter_is_read(store: HandoffStore) -> None:
    store.write("architect-output", ARCHITECT)

    handoff = store.read("architect-output")

    assert (handoff.data, handoff.provenance, handoff.edited) == (ARCHITECT, None, False)


def test_earlier_versions_are_kept_and_limited(store: HandoffStore) -> None:
    for number in range(KEPT + 4):
        store.write("architect-output", ArchitectOutput(task=f"Task {number}"))
        for version in store.history("architect-output"):  # distinct times, whatever the file system's resolution
            os.utime(version, ns=(version.stat().st_atime_ns, version.stat().st_mtime_ns - 10_000_000))

    kept = [path.read_text() for path in store.history("architect-output")]

    assert len(kept) == KEPT
    assert "Task 3\n" in kept[0]
    assert f"Task {KEPT + 2}\n" in kept[-1]


def test_writing_the_same_again_leaves_the_file_alone(store: HandoffStore) -> None:
    store.write("architect-output", ARCHITECT, PROVENANCE)
    before = file(store).stat()
    store.write("architect-output", ARCHITECT, PROVENANCE)

    assert file(store).stat().st_ino == before.st_ino
    assert not (file(store).parent / HISTORY).exists()


def test_invalid_data_leaves_the_file_untouched(store: HandoffStore) -> None:
    store.write("architect-output", ARCHITECT)
    with pytest.raises(HandoffInvalid, match=r"`\*\*Task:\*\*` is missing"):
        store.write("architect-output", {"decisions": []})

    assert store.read("architect-output").data == ARCHITECT
    assert [path.name for path in file(store).parent.iterdir()] == ["architect-output.md"]


def test_a_failed_write_leaves_the_old_file_and_no_other(store: HandoffStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write("architect-output", ARCHITECT)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HandoffUnwritable, match="No space left"):
        store.write("architect-output", ArchitectOutput(task="Other"))
    monkeypatch.undo()

    assert store.read("architect-output").data == ARCHITECT
    assert sorted(path.name for path in file(store).parent.rglob("*.md")) == ["architect-output.md"]


def test_a_missing_handoff_is_its_own_error(store: HandoffStore) -> None:
    with pytest.raises(HandoffMissing, match=r"`architect-output` is missing: there is no file `.claude/handoff/"):
        store.read("architect-output")


def test_an_unknown_contract_is_named_with_the_nearest(store: HandoffStore) -> None:
    with pytest.raises(ContractUnknown, match="Did you mean `feature-prd`"):
        store.read("feature_prd")
    with pytest.raises(ContractUnknown, match="not the contract of a handoff file"):
        store.read("@database-agent.input")


def test_a_folder_in_the_files_place_is_an_error_not_a_crash(store: HandoffStore) -> None:
    file(store).mkdir(parents=True)

    with pytest.raises(HandoffUnreadable, match="cannot be read"):
        store.read("architect-output")
    with pytest.raises(HandoffUnwritable, match="cannot be written"):
        store.write("architect-output", ARCHITECT)


def test_nothing_is_read_or_written_through_a_symbolic_link(store: HandoffStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (store.workspace / ".claude").mkdir()
    (store.workspace / ".claude" / "handoff").symlink_to(outside)

    with pytest.raises(UnsafePath, match="symbolic link"):
        store.write("architect-output", ARCHITECT)
    with pytest.raises(UnsafePath, match="symbolic link"):
        store.read("architect-output")
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "", "a\0b", "a\\..\\b"])
def test_a_path_that_leads_out_of_the_workspace_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(UnsafePath):
        safe_path(tmp_path, path)


# ---- files that are not as they should be -----------------------------------------------------------------------

PRD = b"# Feature PRD: X\n\nText.\n"


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"", 1, "the file is empty"),
        (b" \n\n", 1, "the file is empty"),
        (PRD + b"a\0b", 4, "the file holds a NUL byte"),
        (PRD + b"\xff\xfe", 4, "the file is not valid UTF-8"),
        (PRD + b"x" * 1_000_000, 0, "the file is too large"),
        (b"---\ncontract: x\n" + PRD, 1, "the front matter is not closed"),
        (
            b"---\na: [\n---\n" + PRD,
            3,
            "the front matter is not plain YAML: did not find expected node content",
        ),
        (b"---\na: &x [1]\nb: *x\n---\n" + PRD, 3, "the front matter is not plain YAML: aliases are not allowed"),
        (b"---\na: !!python/object/apply:os.system [ls]\n---\n" + PRD, 2, "could not determine a constructor"),
        (
            b"---\na: " + b"[" * 100 + b"]" * 100 + b"\n---\n" + PRD,
            2,
            "the front matter is not plain YAML: nested too deeply",
        ),
        (b"---\n- a\n---\n" + PRD, 1, "the front matter is not a mapping"),
        (b"---\ncontract: x\n---\n" + PRD, 1, "front matter: `version`: Field required"),
        (b"# Python Backend Agent Handoff\n", 1, "this is not the expected kind of file"),
        (b"just text\n", 1, "this is not the expected kind of file"),
    ],
)
def test_a_file_that_is_no_handoff_gets_one_clear_problem(
    tmp_path: Path, content: bytes, line: int, message: str
) -> None:
    path = tmp_path / "prd.md"
    path.write_bytes(content)
    with pytest.raises(HandoffInvalid) as caught:
        read_file(path, "feature-prd", file="prd.md")

    assert len(caught.value.problems) == 1
    assert message in caught.value.problems[0].message
    assert (caught.value.problems[0].file, caught.value.problems[0].line) == ("prd.md", line)


def test_another_tools_front_matter_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "prd.md"
    path.write_bytes(b"---\ntags: [a, b]\ndate: 2026-01-31\n---\n" + PRD)

    handoff = read_file(path, "feature-prd")

    assert (handoff.data, handoff.provenance) == (FeaturePrd(title="X", description="Text."), None)


def test_a_huge_file_is_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "prd.md"
    with path.open("wb") as stream:
        stream.truncate(5_000_000_000)

    with pytest.raises(HandoffInvalid, match=r"got: 5,000,000,000 bytes"):
        read_file(path, "feature-prd")


def test_a_file_of_another_contract_by_its_front_matter_is_refused(store: HandoffStore) -> None:
    store.write("feature-prd", FeaturePrd(title="X"), PROVENANCE)

    with pytest.raises(HandoffInvalid, match="its front matter names the contract `architect-output`"):
        store.read("feature-prd")


def test_lines_count_from_the_top_of_the_file_front_matter_included(store: HandoffStore) -> None:
    store.write("architect-output", ARCHITECT, PROVENANCE)
    path = file(store)
    path.write_text(path.read_text().replace("**Task:**", "**Tusk:**"))
    number = next(i for i, line in enumerate(path.read_text().split("\n"), start=1) if "Tusk" in line)

    with pytest.raises(HandoffInvalid, match=rf"architect-output.md:{number}: unknown label `\*\*Tusk:\*\*`"):
        store.read("architect-output")


def test_errors_survive_pickling() -> None:
    problem = Problem(message="m", file="f", line=3, section="s", expected="e", got="g", hint="h")
    for error in (HandoffInvalid("c", "f", [problem]), HandoffMissing("c", "f")):
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own bytes)
        assert (type(copy), str(copy), copy.args) == (type(error), str(error), error.args)
