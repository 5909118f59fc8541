"""Generate the app's own test suite: every endpoint and every way it may refuse, on a real PostgreSQL.

What is expected comes from the feature. The backend's handoff says which endpoints there are to be tested, and a suite
that would leave one of them out is refused.
"""

from __future__ import annotations

import re

from schemas.base import Document
from schemas.errors import RunError
from schemas.feature import Feature
from schemas.handoffs import PythonBackendAgentOutput
from skills.codegen.imports import import_lines
from skills.core.contribution import ContributedFile, Contribution, Dependency
from skills.core.extension_points import ExtensionPoints
from skills.core.templates import Templates
from skills.design.aspect import Subject
from skills.design.aspects import SubjectAspects
from skills.edge_case_tester.account import Account
from skills.edge_case_tester.suite import EntitySuite

_CONSTANT = ("__init__.py", "strategies.py")
_RENDERED = ("api.py", "conftest.py", "factories.py", "test_auth.py", "test_health.py", "test_openapi_properties.py")
_TOOLS = (
    ("asgi-lifespan", ">=2.1"),
    ("httpx", ">=0.28"),
    ("hypothesis", ">=6.140"),
    ("jsonschema-rs", ">=0.30"),
    ("pytest", ">=9"),
    ("pytest-asyncio", ">=1.2"),
    ("pytest-cov", ">=7"),
    ("pytest-xdist", ">=3.8"),
)


# Where a model makes the suite's records keep the business rules that the backend implements.
EXTENSION_POINTS = ExtensionPoints(work="follow", code=("tests/rules.py",), guide="references/business-rules.md")


class Input(Document):
    """`ruled` names entities whose records have to keep business rules."""

    feature: Feature
    backend: PythonBackendAgentOutput
    ruled: tuple[str, ...] = ()


class Output(Contribution):
    """`tested` are the endpoints the suite tests, as `METHOD path`."""

    tested: tuple[str, ...]


class EndpointUntested(RunError):
    """The backend has endpoints that the feature does not ask for, so no test can say what is right."""

    code = "endpoint_untested"


def contribute(request: Input, templates: Templates) -> Output:
    """Return the test suite of the app.

    Raises:
        EndpointUntested: Names each endpoint of the backend that no test would call.
    """
    suites = [EntitySuite(request.feature, entity) for entity in request.feature.entities]
    account = Account(request.feature)
    added = [templates.aspects.of(Subject(feature=request.feature, entity=suite.entity)) for suite in suites]
    tested = _tested(request, suites, added, account)
    ruled = bool(request.ruled)
    context = {"suites": suites, "account": account, "ruled": ruled, **_imports(suites, account)}
    constant = (*_CONSTANT, "rules.py") if ruled else _CONSTANT
    files = [ContributedFile(path=f"tests/{name}", content=templates.read(f"tests/{name}")) for name in constant]
    files += [
        ContributedFile(path=f"tests/{name}", content=templates.render(f"tests/{name}.j2", **context))
        for name in _RENDERED
    ]
    files += [
        ContributedFile(
            path=f"tests/{suite.module}.py",
            content=templates.render("tests/test_entity.py.j2", suite=suite, ruled=ruled, **_more(each)),
        )
        for suite, each in zip(suites, added, strict=True)
    ]
    tools = tuple(Dependency(ecosystem="python", name=name, version=version, group="dev") for name, version in _TOOLS)
    return Output(files=tuple(files), dependencies=tools, tested=tested)


def _more(added: SubjectAspects) -> dict[str, object]:
    """Return the tests that aspects add, and what they import."""
    code = added.code(lambda aspect, of: aspect.tests(of))
    return {"more": code.lines, "more_imports": import_lines(code.imports)}


def _tested(
    request: Input, suites: list[EntitySuite], added: list[SubjectAspects], account: Account
) -> tuple[str, ...]:
    known = {*account.endpoints, *(endpoint for suite in suites for endpoint in suite.endpoints)}
    known |= {f"{route.endpoint.method} {route.endpoint.path}" for each in added for route in each.routes()}
    there = [f"{endpoint.method} {endpoint.path}" for endpoint in request.backend.api_contract]
    unknown = [endpoint for endpoint in there if endpoint not in known]
    if unknown:
        listed = "\n".join(f"  {endpoint}" for endpoint in unknown)
        raise EndpointUntested(
            f"the PRD does not ask for these endpoints of the backend, so nothing can test them:\n{listed}"
        )
    return tuple(there)


def _imports(suites: list[EntitySuite], account: Account) -> dict[str, object]:
    """Return what the values of new records need to be imported."""
    made = "\n".join(value for suite in (*suites, account.added) for _, value in suite.body_fields)
    return {
        "moment_names": [
            name for name in ("UTC", "date", "datetime", "timedelta") if re.search(rf"\b{name}\b[(,)]", made)
        ],
        "uses_uuid": "UUID(" in made,
        "uses_turns": "turn(" in made,
    }
