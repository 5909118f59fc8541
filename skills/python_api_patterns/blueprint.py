"""Assembles the FastAPI app around what the skills before it contributed, and plans its API."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from schemas.base import Document
from schemas.feature import BUSINESS_RULE, Feature
from schemas.handoffs import ApiContract, DatabaseAgentOutput, Endpoint
from schemas.stack import NONE
from skills.core.contribution import ContributedFile, merge
from skills.core.extension_points import ExtensionPoints
from skills.core.templates import Templates
from skills.design.endpoints import endpoints
from skills.python_api_patterns import settings
from skills.python_api_patterns.dependencies import RUNTIME, development, requirements
from skills.python_api_patterns.entities import entity_files, entity_routes, may_have_rules
from skills.python_app.parts import AppParts, Route

_COPIED = {
    path: path
    for path in (
        "app/core/error_handlers.py",
        "app/core/exceptions.py",
        "app/core/logging.py",
        "app/core/metrics.py",
        "app/core/middleware.py",
        "app/core/openapi.py",
        "app/routers/health.py",
        "tests/unit/test_conflicts.py",
        "tests/unit/test_frame.py",
        "requirements.lock",
        "requirements-dev.lock",
        "Dockerfile",
    )
} | {".dockerignore": "dockerignore", ".gitignore": "gitignore"}
_RENDERED = {
    "app/core/config.py": "app/core/config.py.j2",
    "app/main.py": "app/main.py.j2",
    "tests/unit/test_settings.py": "tests/unit/test_settings.py.j2",
    "pyproject.toml": "pyproject.toml.j2",
    ".env.example": "env.example.j2",
    "README.md": "README.md.j2",
}
_PACKAGES = {
    "app/__init__.py": "",
    "app/core/__init__.py": '"""What every part of the app stands on."""\n',
    "app/dependencies/__init__.py": '"""What routes ask for before they run."""\n',
    "app/models/__init__.py": '"""The tables, one module each."""\n',
    "app/routers/__init__.py": '"""The HTTP routes, one module a resource."""\n',
    "app/schemas/__init__.py": '"""What is sent and answered, one module a resource."""\n',
    "app/services/__init__.py": '"""What the app does, free of HTTP, one module a resource."""\n',
}
_RULES_SHARED = ("app/services/rules/__init__.py", "tests/unit/rules/conftest.py")
_HEALTH = Route(module="app.routers.health", versioned=False)
_SUMMARY_CHARACTERS = 200


# Where a model puts the business rules that no template can implement.
EXTENSION_POINTS = ExtensionPoints(
    work="implement",
    kinds=(BUSINESS_RULE, "check", "states", "no overlap"),
    code=("app/services/rules/{module}_rules.py", "app/services/{module}_service.py"),
    tests=("tests/unit/rules/test_{module}_rules.py",),
    guide="references/business-rules.md",
)


# Locks hold hashes, so nobody writes them by hand.
GIVEN = ("requirements.lock", "requirements-dev.lock")


class Input(Document):
    """`ruled` names the entities whose records business rules are asked about.

    The app is held to `contract`. The template keeps it by itself, for both follow from the feature; a model has to
    know its names.
    """

    feature: Feature
    contract: ApiContract | None = None
    database: DatabaseAgentOutput
    assembled: AppParts
    ruled: tuple[str, ...] = ()


class Output(AppParts):
    """`endpoints` are planned, with examples: the running app is compared with them."""

    endpoints: tuple[Endpoint, ...]


class _Import(NamedTuple):
    """A router as `app.main` imports it: `from {module} import router as {name}_router`."""

    module: str
    name: str


def contribute(request: Input, templates: Templates) -> Output:
    """Return the app's frame, its entities' services and routers, and what it takes to run, test and ship it."""
    feature, assembled = request.feature, request.assembled
    entities = entity_files(feature, templates, request.ruled)
    ruled = any(entity.name in request.ruled and may_have_rules(entity) for entity in feature.entities)
    routes = (_HEALTH, *entity_routes(feature))
    known = {file.path for file in (*assembled.files, *entities)}
    planned = endpoints(feature, request.ruled, templates.aspects)
    dependencies = (*RUNTIME, *development(templates.read("locks.in")))
    frame = AppParts(settings=settings.DATABASE, routes=routes, dependencies=dependencies)
    every = AppParts.model_validate(merge((("frame", frame), ("the skills before it", assembled))))
    context = {**_context(feature, every, known, planned), "ruled": ruled}
    return Output(
        files=(
            *(ContributedFile(path=path, content=templates.read(name)) for path, name in _COPIED.items()),
            *(
                ContributedFile(path=path, content=templates.render(name, **context))
                for path, name in _RENDERED.items()
            ),
            *(ContributedFile(path=path, content=text) for path, text in _PACKAGES.items() if path not in known),
            *(ContributedFile(path=path, content=templates.read(path)) for path in (_RULES_SHARED if ruled else ())),
            *entities,
        ),
        settings=(*settings.FRAME, *settings.DATABASE),
        routes=routes,
        dependencies=dependencies,
        endpoints=planned,
    )


def _context(feature: Feature, every: AppParts, known: set[str], planned: tuple[Endpoint, ...]) -> dict[str, object]:
    machine = settings.Development(database=feature.slug.replace("-", "_"))
    modules = {_last(route) for route in every.routes}
    return {
        "feature": feature,
        "summary": " ".join(feature.description.split())[:_SUMMARY_CHARACTERS] or feature.title,
        "database": machine.database,
        "required": tuple(setting.name.lower() for setting in every.settings if setting.default is None),
        "production": {
            setting.name: settings.stand_in(setting, machine) for setting in every.settings if not setting.default
        },
        "secrets": tuple(setting.name.lower() for setting in every.settings if settings.is_secret(setting)),
        "fields": [settings.field(setting, machine) for setting in every.settings],
        "settings": [settings.described(setting, machine) for setting in (*settings.FRAME, *every.settings)],
        "root_routes": [_import(route, modules) for route in every.routes if not route.versioned],
        "versioned_routes": [_import(route, modules) for route in every.routes if route.versioned],
        "rate_limit": "app/core/rate_limit.py" in known,
        "manage": "app/manage.py" in known,
        "frontend": feature.stack["frontend"] != NONE,
        "runtime": requirements(every.dependencies, "runtime"),
        "dev": requirements(every.dependencies, "dev"),
        "endpoints": [_row(endpoint) for endpoint in planned],
    }


def _import(route: Route, modules: Collection[str]) -> _Import:
    """Return the router's import. An entity `Health` has the module `health_`, and leaves `health` its name."""
    module = _last(route)
    plain = module.rstrip("_")
    return _Import(module=route.module, name=module if plain in modules else plain)


def _last(route: Route) -> str:
    return route.module.rpartition(".")[2]


def _row(endpoint: Endpoint) -> dict[str, object]:
    anyone = "anyone" if not endpoint.auth_required else "signed-in users"
    return {
        "method": endpoint.method,
        "path": endpoint.path,
        "who": anyone if endpoint.scopes == "none" else endpoint.scopes,
        "response_status": endpoint.response_status,
        "statuses": ", ".join(str(error.status) for error in endpoint.errors) or "none",
    }
