"""The generated suite is worth something: break one rule of the app, and it goes red."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from agents.checks.environments.environments import PythonEnvironment
from tests.support.running_app import Built

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Mutation:
    """In `file`, what `pattern` finds becomes `replacement`; tests called `tests` must notice."""

    file: str
    pattern: str
    replacement: str
    tests: str


MUTATIONS = {
    "anyone reads anyone's records": Mutation(
        "app/services/access.py", r"\.where\(owner_id == caller\.id\)", "", "another_account"
    ),
    "references lead anywhere": Mutation("app/services/access.py", r"    if broken:", "    if False:", "someone_elses"),
    "a text may have any length": Mutation(
        "app/schemas/todo.py", r"max_length=200", "max_length=2000", "invalid_value"
    ),
    "a number may be too large": Mutation("app/schemas/todo.py", r"le=5\b", "le=50", "invalid_value"),
    "a number may be text": Mutation("app/schemas/todo.py", r"strict=True, ge=1, le=5", "ge=1, le=5", "invalid_value"),
    "an unknown field is ignored": Mutation(
        "app/schemas/common.py", r'extra="forbid"', 'extra="ignore"', "not_the_clients_to_send"
    ),
    "create answers 200": Mutation(
        "app/routers/todo.py", r"status_code=status\.HTTP_201_CREATED", "status_code=200", "create_answers"
    ),
    "a taken value is an internal error": Mutation(
        "app/core/exceptions.py", r"state == UNIQUE_VIOLATION", "state == 'never'", "cannot_be_taken"
    ),
    "the newest record comes last": Mutation(
        "app/services/todo_service.py", r"Todo\.created_at\.desc\(\), Todo\.id\.desc\(\)", "Todo.id.asc()", "list_"
    ),
    "null comes first": Mutation("app/services/todo_service.py", r"\.nulls_last\(\)", "", "sort_orders"),
    "a range leaves out its end": Mutation(
        "app/services/todo_service.py", r"Todo\.priority <= value", "Todo.priority < value", "filter_finds"
    ),
    "a page may be endless": Mutation("app/schemas/common.py", r"le=100\b", "le=1000", "invalid_query"),
    "a refresh token opens the door": Mutation(
        "app/core/tokens.py", r'payload\["type"\] != kind', "False", "needs_a_signed_in_account"
    ),
    "signing out ends nothing": Mutation(
        "app/services/auth_service.py", r"User\.token_version \+ 1", "User.token_version", "logout"
    ),
    "attempts are not counted": Mutation("app/core/rate_limit.py", r"if self\._limit is None:", "if True:", "too_many"),
}


@pytest.fixture(scope="module")
def app(todo: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the todo app, to be broken."""
    return shutil.copytree(
        todo.workspace, tmp_path_factory.mktemp("broken") / "app", ignore=shutil.ignore_patterns("frontend")
    )


def ran(app: Path, environment: PythonEnvironment, database: str, tests: str) -> subprocess.CompletedProcess[str]:
    """Run the tests whose names say `tests`, until the first that fails."""
    pytest_ = [str(environment.python), "-m", "pytest", "tests", "--ignore=tests/unit"]
    return subprocess.run(
        [*pytest_, "-q", "-x", "-p", "no:cacheprovider", "-k", tests],
        cwd=app,
        env={**os.environ, "TEST_DATABASE_URL": database, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_rule_turns_the_suite_red(name: str, app: Path, environment: PythonEnvironment, database: str) -> None:
    mutation = MUTATIONS[name]
    file = app / mutation.file
    before = file.read_text(encoding="utf-8")
    broken, count = re.subn(mutation.pattern, mutation.replacement, before, flags=re.DOTALL)
    assert count, f"{mutation.file} has nothing like {mutation.pattern!r}"
    file.write_text(broken, encoding="utf-8")
    try:
        finished = ran(app, environment, database, mutation.tests)
    finally:
        file.write_text(before, encoding="utf-8")
    assert finished.returncode == 1, finished.stdout + finished.stderr
    assert re.search(r"\d+ (failed|error)", finished.stdout)


def test_the_suite_is_green_on_the_app_as_it_is(app: Path, environment: PythonEnvironment, database: str) -> None:
    tests = " or ".join(f"({mutation.tests})" for mutation in MUTATIONS.values())
    finished = ran(app, environment, database, tests)
    assert finished.returncode == 0, finished.stdout
