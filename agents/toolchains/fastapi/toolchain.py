"""FastAPI with SQLAlchemy: the application of the Python Backend agent, and what the Test agent holds it to."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from agents.checks.openapi.check import OpenApiCheck
from agents.checks.openapi.drift import DriftCheck
from agents.checks.python.api import PythonApi
from agents.checks.python.rule_tests import RuleTestsCheck
from agents.checks.python.suite import SuiteCheck
from agents.checks.python.tools import MypyCheck, RuffCheck, TypeHintsCheck, UnitTestsCheck
from agents.contracts import Binding, Toolchain
from agents.guards.annotations import MissingTypeHints
from agents.guards.blocking import BlockingCalls
from agents.guards.columns import HandoffColumns
from agents.guards.raw_sql import RawSql
from agents.guards.source import PythonSyntax
from agents.toolchains.alembic.checks import OrmCheck
from agents.toolchains.fastapi.responses import OrmResponses
from skills.core.conditions import choices, conditions

_LOCKS = {"python": "requirements-dev.lock"}
# What the app needs to be imported; nothing is connected with these.
ENVIRONMENT = {
    "ENVIRONMENT": "test",
    "DATABASE_URL": "postgresql://app:app@localhost:5432/app",
    "JWT_SECRET": "a secret for checks only, long enough for HS256",
}
API = PythonApi(
    document="openapi.json",
    probe=Path(__file__).parent / "probes" / "write_openapi.py",
    environment=ENVIRONMENT,
    tool="fastapi",
)
_RULE_TESTS = partial(RuleTestsCheck, environment=ENVIRONMENT)

_BACKEND = Binding(
    owns=(
        "app/**",
        "tests/unit/**",
        "pyproject.toml",
        "requirements.lock",
        "requirements-dev.lock",
        ".env.example",
        "Dockerfile",
        ".dockerignore",
        ".gitignore",
        "README.md",
        "openapi.json",
    ),
    guards=(
        PythonSyntax(),
        MissingTypeHints("app/", "tests/unit/"),
        BlockingCalls("app/"),
        RawSql("app/"),
        OrmResponses("app/", models="app.models"),
        HandoffColumns("app/models/"),
    ),
    checks=(  # the longest first, so that the short ones fill the gaps
        UnitTestsCheck("tests/unit", ENVIRONMENT),
        OpenApiCheck(API),
        OrmCheck(),
        MypyCheck("app"),
        RuffCheck("."),
        TypeHintsCheck("app"),
    ),
    locks=_LOCKS,
    rule_tests=_RULE_TESTS,
)

_TEST = Binding(
    owns=("tests/**",),
    excludes=("tests/unit/**",),
    guards=(PythonSyntax(), MissingTypeHints("tests/")),
    checks=(
        RuffCheck("tests"),
        MypyCheck("tests"),
        SuiteCheck("app", ENVIRONMENT, document=API.document),
        DriftCheck(API),
    ),
    locks=_LOCKS,
    rule_tests=_RULE_TESTS,
)

TOOLCHAIN = Toolchain(
    name="fastapi",
    when=conditions("framework=FastAPI"),
    provides=choices("framework=FastAPI"),
    bindings={"python-backend-agent": _BACKEND, "test-agent": _TEST},
    api=API,
)
